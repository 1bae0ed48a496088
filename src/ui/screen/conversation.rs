//! The messages, the answer that flows in, and a line for the parts of each turn; one scrolling region.
//!
//! Only what is visible is laid out. Heights of the rest are remembered, or estimated while a conversation is too long to be
//! measured between two frames.

use crate::app::App;
use crate::app::focus::PaneId;
use crate::app::transcript::{NodeState, NodeView, Said, Turn, TurnState};
use crate::domain::event::{Level, Outcome};
use crate::domain::id::MessageId;
use crate::domain::message::Role as Speaker;
use crate::domain::text::truncate;
use crate::ui::cache::{Cache, TextId, Wanted, stamp};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::meter;
use crate::ui::widget::node;
use crate::ui::widget::node_pane::Drawn;
use crate::ui::widget::search;
use crate::ui::wrap::{Break, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Text is not set wider than this; longer lines are hard to read.
const WIDEST: usize = 120;
/// More bytes of text than this are not measured in one frame.
const MEASURED: usize = 512 * 1024;

/// So many items at the end are always measured.
const EXACT: usize = 40;

/// Something of the conversation with rows of its own.
enum Item<'a> {
    User(&'a Said),
    Answer(&'a Said, Option<&'a Turn>),
    /// A turn that has no answer yet, or none at all.
    Turn(&'a Turn),
}

/// Rows of an item: some lines, a laid-out text, some lines.
struct Parts {
    before: Vec<Line<'static>>,
    text: Option<(TextId, usize)>,
    after: Vec<Line<'static>>,
}

impl Parts {
    fn len(&self) -> usize {
        self.before.len() + self.text.map_or(0, |(_, len)| len) + self.after.len()
    }

    fn rows(&self, from: usize, to: usize, cache: &Cache) -> Vec<Line<'static>> {
        let before = self.before.len();
        let text = self.text.map_or(0, |(_, len)| len);
        let mut out: Vec<Line<'static>> = Vec::new();
        out.extend(
            self.before
                .iter()
                .skip(from)
                .take(to.saturating_sub(from))
                .cloned(),
        );
        if let Some((id, len)) = self.text {
            let (a, b) = (
                from.saturating_sub(before),
                to.saturating_sub(before).min(len),
            );
            if a < b {
                out.extend(cache.rows(id, a, b));
            }
        }
        let (a, b) = (
            from.saturating_sub(before + text),
            to.saturating_sub(before + text),
        );
        out.extend(self.after.iter().skip(a).take(b.saturating_sub(a)).cloned());
        out
    }
}

/// What was drawn, and where each message begins.
#[derive(Debug, Default)]
pub struct Shown {
    pub drawn: Drawn,
    pub messages: Vec<(MessageId, usize)>,
    /// Lines below the last row shown.
    pub below: usize,
}

/// Draws the conversation into a region. The first column is a gutter: focus and selection are marked there.
pub fn draw(app: &App, cache: &mut Cache, theme: &Theme, buf: &mut Buffer, area: Rect) -> Shown {
    let columns = usize::from(area.width.saturating_sub(2)).clamp(1, WIDEST);
    let height = usize::from(area.height);
    let view = app.focus.view(PaneId::Conversation);
    let page = Page {
        app,
        theme,
        columns,
        wraps: view.is_wrapped,
    };
    let items = page.items();
    let total_bytes: usize = app
        .chat
        .transcript
        .messages
        .values()
        .map(|said| said.text.len())
        .sum();
    let measures_all = total_bytes <= MEASURED;
    let near_end = items.len().saturating_sub(EXACT);
    let heights: Vec<usize> = items
        .iter()
        .enumerate()
        .map(|(at, item)| page.height(item, cache, measures_all || at >= near_end))
        .collect();
    // The last item needs no empty row after it.
    let total: usize = heights.iter().sum::<usize>().saturating_sub(1);
    let last = total.saturating_sub(height);
    let top = view.top.map_or(last, |top| top.min(last));
    let is_focused = app.focus.is_focused(PaneId::Conversation) && app.overlay.is_none();
    let mut start = 0;
    // What is short stands just above the prompt, so that nothing moves when the panes above come and go.
    let free = u16::try_from(height.saturating_sub(total)).unwrap_or(0);
    let mut y = area.y + free.min(area.height);
    let mut messages = Vec::with_capacity(items.len());
    for (item, height) in items.iter().zip(&heights) {
        let end = start + height;
        if let Some(id) = item.message() {
            messages.push((id, start));
        }
        if end > top && y < area.bottom() {
            let from = top.saturating_sub(start);
            let room = usize::from(area.bottom() - y);
            // What is seen is known exactly from the next frame on.
            page.height(item, cache, true);
            let rows = page.parts(item, cache);
            let shown = rows.rows(from, (from + room).min(*height), cache);
            let is_selected =
                item.message().is_some() && item.message() == app.chat.selected && is_focused;
            for row in &shown {
                paint::line(buf, area.x + 1, y, area.width.saturating_sub(1), row);
                if is_selected {
                    paint::text(
                        buf,
                        area.x,
                        y,
                        1,
                        theme.glyphs.quote,
                        theme.style(Role::Accent),
                    );
                }
                y += 1;
            }
            // The row that sets items apart.
            if shown.len() < (height - from).min(room) {
                y += u16::try_from((height - from).min(room) - shown.len()).unwrap_or(0);
            }
        }
        start = end;
    }
    if is_focused && app.chat.selected.is_none() {
        for y in area.top()..area.bottom() {
            paint::text(
                buf,
                area.x,
                y,
                1,
                theme.glyphs.heavy.vertical,
                theme.style(Role::BorderFocus),
            );
        }
    }
    let searched = app
        .focus
        .search
        .as_ref()
        .filter(|search| search.pane == PaneId::Conversation);
    let mut matches = Vec::new();
    if let Some(searched) = searched {
        search::highlight(buf, area, &searched.query, theme);
        let mut start = 0;
        for (item, height) in items.iter().zip(&heights) {
            let parts = page.parts(item, cache);
            let rows = parts.rows(0, parts.len(), cache);
            matches.extend(
                search::find(&rows, &searched.query)
                    .into_iter()
                    .map(|row| row + start),
            );
            start += height;
        }
    }
    Shown {
        below: total.saturating_sub(top + height),
        drawn: Drawn {
            lines: total,
            height,
            matches,
        },
        messages,
    }
}

impl Item<'_> {
    fn message(&self) -> Option<MessageId> {
        match self {
            Item::User(said) | Item::Answer(said, _) => Some(said.id),
            Item::Turn(_) => None,
        }
    }
}

struct Page<'a> {
    app: &'a App,
    theme: &'a Theme,
    columns: usize,
    wraps: bool,
}

impl<'a> Page<'a> {
    fn items(&self) -> Vec<Item<'a>> {
        let transcript = &self.app.chat.transcript;
        let path = transcript.path();
        let mut items = Vec::with_capacity(path.len() + 1);
        for (at, said) in path.iter().enumerate() {
            if said.role == Speaker::Assistant {
                let turn = said.turn.and_then(|id| transcript.turns.get(&id));
                items.push(Item::Answer(said, turn));
                continue;
            }
            items.push(Item::User(said));
            let is_answered = path
                .get(at + 1)
                .is_some_and(|next| next.role == Speaker::Assistant);
            let last = transcript.turns_of(said.id).last();
            if let Some(turn) =
                last.filter(|turn| !is_answered || turn.is_running() && at + 2 == path.len())
            {
                items.push(Item::Turn(turn));
            }
        }
        items
    }

    /// Rows of an item with the empty row after it.
    fn height(&self, item: &Item<'_>, cache: &mut Cache, measures: bool) -> usize {
        let (id, bytes, stamp) = match item {
            Item::Turn(_) => return self.parts(item, cache).len() + 1,
            Item::User(said) => (said.id, said.text.len(), self.stamp(said, 0)),
            Item::Answer(said, turn) => {
                let state = turn.map_or(0, |turn| {
                    turn.nodes.len() * 2 + usize::from(turn.is_running()) + turn.notes.len() * 1000
                });
                (said.id, said.text.len(), self.stamp(said, state))
            }
        };
        if let Some(rows) = cache.height(id, stamp) {
            return rows;
        }
        if !measures {
            return bytes / self.columns + 3;
        }
        let rows = self.parts(item, cache).len() + 1;
        cache.set_height(id, stamp, rows);
        rows
    }

    fn stamp(&self, said: &Said, state: usize) -> u64 {
        stamp((
            said.text.len(),
            said.id,
            self.columns,
            self.wraps,
            self.theme.revision,
            state,
        ))
    }

    fn parts(&self, item: &Item<'_>, cache: &mut Cache) -> Parts {
        match item {
            Item::User(said) => self.user(said, cache),
            Item::Answer(said, turn) => self.answer(said, *turn, cache),
            Item::Turn(turn) => self.turn(turn, cache),
        }
    }

    fn user(&self, said: &Said, cache: &mut Cache) -> Parts {
        let theme = self.theme;
        let stamp = self.stamp(said, 0);
        let rows = cache.plain(said.id, stamp, || {
            let first = [Span::styled(">>> ", theme.style(Role::PromptMark))];
            let rest = [Span::raw("    ")];
            wrap(
                &[(&said.text, theme.style(Role::User))],
                self.columns,
                Break::Words,
                &first,
                &rest,
            )
        });
        let mut before = rows.to_vec();
        if let (Some(branch), Some(first)) = (self.branch(said.id), before.first_mut()) {
            first.push_span(branch);
        }
        Parts {
            before,
            text: None,
            after: Vec::new(),
        }
    }

    /// Which of several versions of a message is shown.
    fn branch(&self, id: MessageId) -> Option<Span<'static>> {
        let (at, of) = self.app.chat.transcript.branch(id);
        (of > 1).then(|| Span::styled(format!("  {at}/{of}"), self.theme.style(Role::TextDim)))
    }

    fn answer(&self, said: &Said, turn: Option<&Turn>, cache: &mut Cache) -> Parts {
        let mut before = Vec::new();
        let mut after = Vec::new();
        if let Some(turn) = turn {
            before.extend(self.council_line(turn));
            before.push(self.answer_line(turn, said));
            after.extend(self.remarks(turn));
        }
        let wanted = self.wanted();
        let id = TextId::Message(said.id);
        let len = cache.document(id, &said.text, true, &wanted).len();
        Parts {
            before,
            text: Some((id, len)),
            after,
        }
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            theme: self.theme,
            columns: self.columns,
            wraps: self.wraps,
            base: self.theme.style(Role::Answer),
        }
    }

    /// The parts of a turn in one line: `✓ 4 refs  1.2k tok  0:31`.
    fn council_line(&self, turn: &Turn) -> Option<Line<'static>> {
        let theme = self.theme;
        let views: Vec<&NodeView> = turn.references().collect();
        if views.is_empty() {
            return None;
        }
        let dim = theme.style(Role::TextDim);
        let done = views
            .iter()
            .filter(|view| view.state.is_over() && !is_lost(&view.state))
            .count();
        let lost = views.iter().filter(|view| is_lost(&view.state)).count();
        let is_opened = self.app.shown_turn() == Some(turn.id);
        let mark = if is_opened {
            theme.glyphs.unfolded
        } else {
            theme.glyphs.folded
        };
        let mut spans = vec![Span::styled(format!("{mark} "), dim)];
        if done > 0 || lost == 0 {
            spans.push(Span::styled(theme.glyphs.done, theme.style(Role::Ok)));
            let word = if done == 1 { "agent" } else { "agents" };
            spans.push(Span::styled(format!(" {done} {word}"), dim));
        }
        if lost > 0 {
            let gap = if done > 0 { "  " } else { "" };
            spans.push(Span::styled(
                format!("{gap}{} {lost} without an answer", theme.glyphs.failed),
                theme.style(Role::Error),
            ));
        }
        let tokens: u64 = turn.nodes.values().map(|view| view.tokens().0).sum();
        spans.push(Span::styled(format!("  {} tok", meter::count(tokens)), dim));
        spans.push(Span::styled(
            format!("  {}", meter::clock(turn.elapsed_ms(self.app.moment()))),
            dim,
        ));
        if let Some(cost) = turn.usage().cost {
            spans.push(Span::styled(format!("  {}", meter::cost(cost)), dim));
        }
        Some(Line::from(spans))
    }

    /// Who answered, with its numbers.
    fn answer_line(&self, turn: &Turn, said: &Said) -> Line<'static> {
        let dim = self.theme.style(Role::TextDim);
        let view = turn.answer_node();
        let name = view.map_or_else(|| turn.preset.clone(), |view| view.node.model.to_string());
        let mut spans = vec![Span::styled(
            truncate(&name, self.columns),
            self.theme.style(Role::Accent),
        )];
        if let Some(view) = view {
            for part in [node::tokens(view), node::rate(view)] {
                if !part.is_empty() {
                    spans.push(Span::styled(format!("  {part}"), dim));
                }
            }
        }
        if matches!(&turn.state, TurnState::Ended(Outcome::Stopped { .. })) {
            let text = format!("  {} stopped", self.theme.glyphs.paused);
            spans.push(Span::styled(text, self.theme.style(Role::Warning)));
        }
        spans.extend(self.branch(said.id));
        Line::from(spans)
    }

    /// A turn without an answer in the conversation: under way, stopped at once, or failed.
    fn turn(&self, turn: &Turn, cache: &mut Cache) -> Parts {
        let theme = self.theme;
        let now = self.app.moment();
        let mut before = Vec::new();
        let mut text = None;
        let mut after = Vec::new();
        if turn.is_running() {
            if turn.references().next().is_none()
                || turn
                    .answer_node()
                    .is_some_and(|view| view.state != NodeState::Idle)
            {
                before.extend(turn.references().next().and(self.council_line(turn)));
            }
            if let Some(view) = turn.answer_node() {
                before.push(self.running_line(turn, view));
                after.extend(self.thinking(view));
                if !view.text.is_empty() {
                    let id = TextId::Node(turn.id, view.node.id, view.restarts);
                    let wanted = self.wanted();
                    text = Some((
                        id,
                        cache
                            .document(id, &view.text, view.state.is_over(), &wanted)
                            .len(),
                    ));
                }
                if let NodeState::Retrying { fault, .. } = &view.state {
                    let line = truncate(&fault.to_string(), self.columns);
                    after.push(Line::styled(line, theme.style(Role::Warning)));
                }
            } else {
                let line = format!("{} {}  beginning", theme.glyphs.running, turn.preset);
                before.push(Line::styled(line, theme.style(Role::Running)));
            }
        } else {
            before.extend(self.council_line(turn));
            match &turn.state {
                TurnState::Ended(Outcome::Failed { fault }) => {
                    let first = [Span::styled(
                        format!("{} ", theme.glyphs.failed),
                        theme.style(Role::Error),
                    )];
                    let rest = [Span::raw("  ")];
                    let word = format!("{}: ", fault.class.word());
                    let pieces = [
                        (word.as_str(), theme.style(Role::Error)),
                        (fault.message.as_str(), theme.style(Role::Text)),
                    ];
                    after.extend(wrap(&pieces, self.columns, Break::Words, &first, &rest));
                    if let Some(hint) = &fault.hint {
                        after.extend(wrap(
                            &[(hint, theme.style(Role::TextDim))],
                            self.columns,
                            Break::Words,
                            &rest,
                            &rest,
                        ));
                    }
                }
                TurnState::Interrupted => {
                    let line = format!(
                        "{} interrupted: the program ended first; /retry asks again",
                        theme.glyphs.attention
                    );
                    after.push(Line::styled(
                        truncate(&line, self.columns),
                        theme.style(Role::Warning),
                    ));
                }
                TurnState::Ended(Outcome::Stopped { .. }) => {
                    let line = format!(
                        "{} stopped after {}",
                        theme.glyphs.paused,
                        meter::clock(turn.elapsed_ms(now))
                    );
                    after.push(Line::styled(line, theme.style(Role::Warning)));
                }
                _ => {}
            }
        }
        after.extend(self.remarks(turn));
        Parts {
            before,
            text,
            after,
        }
    }

    /// The answering node while it works: glyph, name, state, numbers.
    fn running_line(&self, turn: &Turn, view: &NodeView) -> Line<'static> {
        let theme = self.theme;
        let (glyph, role) = node::face(&view.state, theme);
        let dim = theme.style(Role::TextDim);
        let mut spans = vec![
            Span::styled(glyph, theme.style(role)),
            Span::raw(" "),
            Span::styled(node::name(view), theme.style(Role::Accent)),
        ];
        let detail = match &view.state {
            NodeState::Idle if !waits_for(turn, view).is_empty() => waits_for(turn, view),
            NodeState::Queued { why } => format!("queued: {why}"),
            NodeState::Prefill { done, total } if *total > 0 => format!("reading {done}/{total}"),
            state => state.word().to_owned(),
        };
        spans.push(Span::styled(format!("  {detail}"), dim));
        for part in [node::tokens(view), node::rate(view)] {
            if !part.is_empty() {
                spans.push(Span::styled(format!("  {part}"), dim));
            }
        }
        if let Some(ms) = view.elapsed_ms(self.app.moment()) {
            spans.push(Span::styled(format!("  {}", meter::clock(ms)), dim));
        }
        Line::from(spans)
    }

    fn thinking(&self, view: &NodeView) -> Option<Line<'static>> {
        if view.thinking.is_empty() || !view.text.is_empty() {
            return None;
        }
        let words: Vec<&str> = view.thinking.split_whitespace().rev().take(16).collect();
        let words: Vec<&str> = words.into_iter().rev().collect();
        let text = format!("thinking  …{}", words.join(" "));
        Some(Line::styled(
            crate::domain::text::truncate(&text, self.columns),
            self.theme.style(Role::Thinking),
        ))
    }

    /// What the society had to say.
    fn remarks(&self, turn: &Turn) -> Vec<Line<'static>> {
        let theme = self.theme;
        let mut out = Vec::new();
        for (level, text) in &turn.notes {
            let (glyph, role) = match level {
                Level::Info => (theme.glyphs.dot, Role::TextDim),
                Level::Warning => (theme.glyphs.attention, Role::Warning),
                Level::Error => (theme.glyphs.failed, Role::Error),
            };
            let first = [Span::styled(format!("{glyph} "), theme.style(role))];
            let rest = [Span::raw("  ")];
            out.extend(wrap(
                &[(text, theme.style(role))],
                self.columns,
                Break::Words,
                &first,
                &rest,
            ));
        }
        out
    }
}

fn is_lost(state: &NodeState) -> bool {
    matches!(state, NodeState::Failed(_) | NodeState::Interrupted)
}

/// Whom a node waits for: those it reads. Empty when it reads nobody.
#[must_use]
pub fn waits_for(turn: &Turn, view: &NodeView) -> String {
    let reads = turn.plan.edges.iter();
    let reads = reads.filter(|(_, to)| *to == view.node.id);
    let (mut all, mut done) = (0, 0);
    for (from, _) in reads {
        all += 1;
        done += usize::from(
            turn.nodes
                .get(from)
                .is_some_and(|view| view.state.is_over()),
        );
    }
    match all {
        0 => String::new(),
        1 => "waits for 1 agent".into(),
        _ => format!("waits for {all} agents ({done} done)"),
    }
}
