//! Code with colours. The parser's state is kept per open fence, so each new line costs one line.
//!
//! Syntaxes load on a background thread the first time code is shown; that thread also does whatever is too long to be done
//! between two frames. Until it answers code is plain, and its rows never move when the colours come.

use super::markdown::Look;
use crate::ui::theme::{Role, Theme};
use crate::ui::wrap::{prefix_width, wrap};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use syntect::highlighting::{HighlightIterator, HighlightState, Highlighter as Painter};
use syntect::parsing::{ParseState, ScopeStack, SyntaxSet};

/// A fence with more lines has no colours.
pub const MOST_LINES: usize = 5000;
/// A fence with a longer line has none either.
pub const LONGEST_LINE: usize = 2000;
/// More lines at once are left to the background thread.
const LINES_PER_FRAME: usize = 48;

type Paint = syntect::highlighting::Style;
/// Painted pieces of one line: look and bytes.
type Painted = Vec<(Paint, usize)>;

struct Assets {
    syntaxes: SyntaxSet,
    themes: two_face::theme::EmbeddedLazyThemeSet,
}

impl Assets {
    fn load() -> Self {
        Self {
            syntaxes: two_face::syntax::extra_newlines(),
            themes: two_face::theme::extra(),
        }
    }

    fn theme(&self, name: &str, is_light: bool) -> &syntect::highlighting::Theme {
        use two_face::theme::{EmbeddedLazyThemeSet, EmbeddedThemeName};
        let named = EmbeddedLazyThemeSet::theme_names()
            .iter()
            .find(|known| known.as_name().eq_ignore_ascii_case(name));
        let other = if is_light {
            EmbeddedThemeName::OneHalfLight
        } else {
            EmbeddedThemeName::OneHalfDark
        };
        self.themes.get(named.copied().unwrap_or(other))
    }
}

/// Where the colouring of a fence stands.
#[derive(Clone)]
struct Live {
    parse: ParseState,
    highlight: HighlightState,
}

struct Job {
    id: u64,
    language: String,
    theme: String,
    is_light: bool,
    live: Option<Live>,
    text: String,
}

struct Answer {
    lines: Vec<Painted>,
    live: Option<Live>,
}

#[derive(Default)]
struct Shared {
    assets: OnceLock<Assets>,
    answers: Mutex<BTreeMap<u64, Answer>>,
    /// Languages whose rules were used once and are fast from then on.
    warm: Mutex<BTreeSet<String>>,
    revision: AtomicU64,
}

/// Gives code its colours. One for the whole program.
pub struct Highlighter {
    shared: Arc<Shared>,
    mode: Mode,
    next: AtomicU64,
}

enum Mode {
    Off,
    /// Everything at once, in the caller's thread.
    Immediate,
    Background {
        jobs: OnceLock<Sender<Job>>,
        wake: Arc<dyn Fn() + Send + Sync>,
    },
}

impl fmt::Debug for Highlighter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Highlighter")
            .field("revision", &self.revision())
            .finish()
    }
}

impl Highlighter {
    /// No colours.
    #[must_use]
    pub fn off() -> Self {
        Self::with(Mode::Off)
    }

    /// Colours at once, however long it takes: for tests and pictures.
    #[must_use]
    pub fn immediate() -> Self {
        Self::with(Mode::Immediate)
    }

    /// Colours when they are ready. The thread starts with the first code; `wake` is called on it whenever a new frame would
    /// show more.
    #[must_use]
    pub fn background(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self::with(Mode::Background {
            jobs: OnceLock::new(),
            wake: Arc::new(wake),
        })
    }

    fn with(mode: Mode) -> Self {
        Self {
            shared: Arc::default(),
            mode,
            next: AtomicU64::new(1),
        }
    }

    /// Rises when answers of the background thread are ready.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.shared.revision.load(Ordering::Acquire)
    }

    /// The assets, if a line of this language can be painted now.
    fn now(&self, language: &str, lines: usize) -> Option<&Assets> {
        match &self.mode {
            Mode::Off => None,
            Mode::Immediate => Some(self.shared.assets.get_or_init(Assets::load)),
            Mode::Background { .. } => {
                let assets = self.shared.assets.get()?;
                let warm = self
                    .shared
                    .warm
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                (lines <= LINES_PER_FRAME && warm.contains(language)).then_some(assets)
            }
        }
    }

    /// Asks the background thread; the number of the job, if there is a thread.
    fn ask(&self, language: &str, theme: &Theme, live: Option<Live>, text: &str) -> Option<u64> {
        let Mode::Background { jobs, wake } = &self.mode else {
            return None;
        };
        let jobs = jobs.get_or_init(|| start(&self.shared, wake));
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let job = Job {
            id,
            language: language.to_owned(),
            theme: theme.code.clone(),
            is_light: theme.is_light,
            live,
            text: text.to_owned(),
        };
        jobs.send(job).ok().map(|()| id)
    }

    fn answer(&self, id: u64) -> Option<Answer> {
        let mut answers = self
            .shared
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        answers.remove(&id)
    }
}

fn start(shared: &Arc<Shared>, wake: &Arc<dyn Fn() + Send + Sync>) -> Sender<Job> {
    let (sender, jobs) = channel();
    let (shared, wake) = (Arc::clone(shared), Arc::clone(wake));
    // Without a thread code stays plain.
    let _ = std::thread::Builder::new()
        .name("highlighter".into())
        .spawn(move || work(&shared, &jobs, wake.as_ref()));
    sender
}

fn work(shared: &Shared, jobs: &Receiver<Job>, wake: &dyn Fn()) {
    while let Ok(job) = jobs.recv() {
        let assets = shared.assets.get_or_init(Assets::load);
        let theme = assets.theme(&job.theme, job.is_light);
        let mut live = job.live.or_else(|| begin(assets, &job.language, theme));
        let lines = job
            .text
            .split_inclusive('\n')
            .map(|line| paint(assets, theme, live.as_mut(), line))
            .collect();
        shared
            .warm
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(job.language);
        shared
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(job.id, Answer { lines, live });
        shared.revision.fetch_add(1, Ordering::Release);
        wake();
    }
}

fn begin(assets: &Assets, language: &str, theme: &syntect::highlighting::Theme) -> Option<Live> {
    let syntax = assets.syntaxes.find_syntax_by_token(language)?;
    Some(Live {
        parse: ParseState::new(syntax),
        highlight: HighlightState::new(&Painter::new(theme), ScopeStack::new()),
    })
}

/// The painted pieces of a line; empty when its language is unknown or its rules fail.
fn paint(
    assets: &Assets,
    theme: &syntect::highlighting::Theme,
    live: Option<&mut Live>,
    line: &str,
) -> Painted {
    let Some(live) = live else {
        return Vec::new();
    };
    let Ok(changes) = live.parse.parse_line(line, &assets.syntaxes) else {
        return Vec::new();
    };
    let painter = Painter::new(theme);
    HighlightIterator::new(&mut live.highlight, &changes, line, &painter)
        .map(|(paint, piece)| (paint, piece.len()))
        .collect()
}

/// The rows of one fence, kept while it grows.
#[derive(Default)]
pub struct Fence {
    language: String,
    /// Bytes of code whose rows are final.
    painted_to: usize,
    painted: Vec<Line<'static>>,
    live: Option<Live>,
    has_begun: bool,
    /// Bytes of code with plain rows after the painted ones.
    plain_to: usize,
    plain: Vec<Line<'static>>,
    job: Option<(u64, usize)>,
    lines: usize,
    is_too_long: bool,
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fence")
            .field("language", &self.language)
            .field("lines", &self.lines)
            .finish_non_exhaustive()
    }
}

impl Fence {
    #[must_use]
    pub fn new(language: &str) -> Self {
        Self {
            language: language.to_owned(),
            ..Self::default()
        }
    }

    /// As the model wrote it behind the opening fence.
    #[must_use]
    pub fn language(&self) -> &str {
        &self.language
    }

    /// Takes the code so far: lays out the complete lines that are new, and colours what can be coloured now.
    pub fn advance(&mut self, code: &str, look: &Look<'_>) {
        let complete = code.rfind('\n').map_or(0, |at| at + 1);
        let new = code
            .get(self.plain_to.max(self.painted_to)..complete)
            .unwrap_or_default();
        for line in new.split_inclusive('\n') {
            self.lines += 1;
            self.is_too_long |= line.len() > LONGEST_LINE || self.lines > MOST_LINES;
        }
        let can_colour =
            look.theme.colours_code() && !self.language.is_empty() && !self.is_too_long;
        if can_colour {
            self.take_answer(code, look);
            let from = self.painted_to;
            let pending = code.get(from..complete).unwrap_or_default();
            if self.job.is_none() && !pending.is_empty() {
                self.colour(pending, complete, look);
            }
        }
        let plain_from = self.plain_to.max(self.painted_to);
        let new = code.get(plain_from..complete).unwrap_or_default();
        for line in new.split_inclusive('\n') {
            self.plain.extend(plain_rows(line, look));
        }
        self.plain_to = complete.max(plain_from);
    }

    fn colour(&mut self, pending: &str, complete: usize, look: &Look<'_>) {
        let highlighter = look.highlighter;
        let count = pending.bytes().filter(|&b| b == b'\n').count();
        let Some(assets) = highlighter.now(&self.language, count) else {
            let live = self.live.clone();
            let id = highlighter.ask(&self.language, look.theme, live, pending);
            self.job = id.map(|id| (id, complete));
            return;
        };
        let theme = assets.theme(&look.theme.code, look.theme.is_light);
        if !self.has_begun {
            self.live = begin(assets, &self.language, theme);
            self.has_begun = true;
        }
        for line in pending.split_inclusive('\n') {
            let painted = paint(assets, theme, self.live.as_mut(), line);
            self.painted.extend(rows(line, &painted, look));
        }
        self.painted_to = complete;
        self.plain.clear();
        self.plain_to = complete;
    }

    fn take_answer(&mut self, code: &str, look: &Look<'_>) {
        let Some((id, to)) = self.job else {
            return;
        };
        let Some(answer) = look.highlighter.answer(id) else {
            return;
        };
        self.job = None;
        let text = code.get(self.painted_to..to).unwrap_or_default();
        let painted_before = self.painted.len();
        for (line, painted) in text.split_inclusive('\n').zip(&answer.lines) {
            self.painted.extend(rows(line, painted, look));
        }
        let replaced = self.painted.len() - painted_before;
        self.plain.drain(..replaced.min(self.plain.len()));
        self.painted_to = to;
        self.live = answer.live;
        self.has_begun = true;
    }

    /// More colours are on their way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.job.is_some()
    }

    /// All rows: caption, code, the unfinished last line, and the foot once the fence is closed.
    #[must_use]
    pub fn rows(&self, code: &str, is_closed: bool, look: &Look<'_>) -> Vec<Line<'static>> {
        let mut out = Vec::with_capacity(self.painted.len() + self.plain.len() + 3);
        out.push(self.caption(look));
        out.extend(self.painted.iter().cloned());
        out.extend(self.plain.iter().cloned());
        let open = code
            .get(self.plain_to.max(self.painted_to)..)
            .unwrap_or_default();
        if !open.is_empty() {
            out.extend(self.open_rows(open, look));
        }
        if is_closed {
            let foot = look.theme.glyphs.light.bottom_left;
            out.push(Line::styled(foot, look.theme.style(Role::Border)));
        }
        out
    }

    /// The line that is still being written, coloured from a copy of the state.
    fn open_rows(&self, open: &str, look: &Look<'_>) -> Vec<Line<'static>> {
        let can_colour =
            look.theme.colours_code() && !self.is_too_long && open.len() <= LONGEST_LINE;
        if can_colour
            && self.plain.is_empty()
            && !self.language.is_empty()
            && let Some(assets) = look.highlighter.now(&self.language, 1)
        {
            let theme = assets.theme(&look.theme.code, look.theme.is_light);
            let mut live = if self.has_begun {
                self.live.clone()
            } else {
                begin(assets, &self.language, theme)
            };
            let painted = paint(assets, theme, live.as_mut(), open);
            return rows(open, &painted, look);
        }
        plain_rows(open, look)
    }

    fn caption(&self, look: &Look<'_>) -> Line<'static> {
        caption(&self.language, self.is_too_long, look)
    }
}

fn caption(language: &str, is_too_long: bool, look: &Look<'_>) -> Line<'static> {
    let mut text = look.theme.glyphs.light.top_left.to_owned();
    if !language.is_empty() {
        text.push(' ');
        text.push_str(language);
    }
    let style = look.theme.style(Role::Border);
    let mut spans = vec![Span::styled(text, style)];
    if is_too_long {
        let note =
            format!("  no colours: over {MOST_LINES} lines or {LONGEST_LINE} bytes in a line");
        spans.push(Span::styled(note, look.theme.style(Role::TextDim)));
    }
    let width = prefix_width(&spans);
    if width > look.columns {
        let whole: String = spans.iter().map(|span| span.content.as_ref()).collect();
        return Line::styled(crate::domain::text::truncate(&whole, look.columns), style);
    }
    Line::from(spans)
}

/// Code inside another block, laid out whole: coloured only if that can be done now.
#[must_use]
pub fn plain_code(language: &str, code: &str, look: &Look<'_>) -> Vec<Line<'static>> {
    let mut fence = Fence::new(language.split([' ', ',']).next().unwrap_or_default());
    fence.advance(code, look);
    // Its job, if one was sent, has nobody to come back to; the language is warm after it.
    fence.rows(code, true, look)
}

fn gutter(look: &Look<'_>) -> [Span<'static>; 1] {
    let bar = format!("{} ", look.theme.glyphs.light.vertical);
    [Span::styled(bar, look.theme.style(Role::Border))]
}

fn plain_rows(line: &str, look: &Look<'_>) -> Vec<Line<'static>> {
    rows(line, &[], look)
}

fn rows(line: &str, painted: &[(Paint, usize)], look: &Look<'_>) -> Vec<Line<'static>> {
    let gutter = gutter(look);
    let line = line.strip_suffix('\n').unwrap_or(line);
    let mut pieces: Vec<(&str, Style)> = Vec::with_capacity(painted.len().max(1));
    let mut at = 0;
    for (paint, len) in painted {
        let to = (at + len).min(line.len());
        if let Some(piece) = line.get(at..to).filter(|piece| !piece.is_empty()) {
            pieces.push((piece, look.theme.code_style(*paint)));
        }
        at = to;
    }
    if let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
        pieces.push((rest, look.theme.style(Role::Code)));
    }
    let mut rows = wrap(&pieces, look.columns, look.code(), &gutter, &gutter);
    // A background reaches the right edge.
    if look.theme.style(Role::Code).bg.is_some() {
        for row in &mut rows {
            let free = look.columns.saturating_sub(prefix_width(&row.spans));
            row.push_span(Span::styled(" ".repeat(free), look.theme.style(Role::Code)));
        }
    }
    rows
}
