//! A node as a pane with a border, and as one row.

use super::difference;
use super::meter;
use super::node::{face, name, numbers, rate, tokens};
use super::search::{find, highlight};
use crate::app::focus::{PaneSearch, PaneView};
use crate::app::transcript::{NodeState, NodeView};
use crate::domain::clock::Millis;
use crate::domain::id::TurnId;
use crate::domain::text::{truncate, truncate_start, width};
use crate::ui::cache::{Cache, TextId, Wanted};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::wrap::{Break, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Columns of a name that numbers do not take.
const LEAST_NAME: usize = 16;

/// As many parts as fit, the least important dropped.
fn fit(mut parts: Vec<(u8, String)>, columns: usize) -> String {
    loop {
        let words: Vec<&str> = parts.iter().map(|(_, part)| part.as_str()).collect();
        let text = words.join("  ");
        if width(&text) <= columns {
            return text;
        }
        let least = parts.iter().map(|(rank, _)| *rank).min();
        parts.retain(|(rank, _)| Some(*rank) != least);
    }
}

/// A node, where it is drawn and how it is looked at.
pub struct Pane<'a> {
    pub turn: TurnId,
    pub view: &'a NodeView,
    /// The same agent's text of an earlier round, to be shown against, and that round.
    pub against: Option<(u16, &'a str)>,
    pub number: Option<u8>,
    pub look: PaneView,
    pub is_focused: bool,
    pub search: Option<&'a PaneSearch>,
    pub now: Millis,
    /// What it waits for, while it does.
    pub waits_for: String,
    /// Keys shown in the lower border of the focused pane.
    pub hints: Vec<(String, &'static str)>,
}

/// What was drawn of a pane.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drawn {
    pub lines: usize,
    pub height: usize,
    /// Rows that hold the search's matches, one entry per match.
    pub matches: Vec<usize>,
}

impl Pane<'_> {
    /// The pane with its border.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, cache: &mut Cache, theme: &Theme) -> Drawn {
        let (lines, style) = paint::border(theme, self.is_focused);
        paint::frame(buf, area, &lines, style);
        self.header(buf, area, theme);
        let inner = Rect::new(
            area.x + 2.min(area.width),
            area.y + 1.min(area.height),
            area.width.saturating_sub(4),
            area.height.saturating_sub(2),
        );
        if inner.width == 0 || inner.height == 0 {
            return Drawn::default();
        }
        let rows = self.rows(usize::from(inner.width), cache, theme);
        let height = usize::from(inner.height);
        let last = rows.len.saturating_sub(height);
        let top = self.look.top.map_or(last, |top| top.min(last));
        let shown = rows.between(top, top + height, cache);
        for (y, row) in (inner.y..inner.bottom()).zip(&shown) {
            paint::line(buf, inner.x, y, inner.width, row);
        }
        let matches = self.search.map_or_else(Vec::new, |search| {
            highlight(buf, inner, &search.query, theme);
            find(&rows.between(0, rows.len, cache), &search.query)
        });
        self.footer(buf, area, rows.len, theme);
        Drawn {
            lines: rows.len,
            height,
            matches,
        }
    }

    fn header(&self, buf: &mut Buffer, area: Rect, theme: &Theme) {
        let room = area.width.saturating_sub(4);
        let (glyph, role) = face(&self.view.state, theme);
        let (_, title) = paint::border(theme, self.is_focused);
        let name_style = if self.is_focused {
            title.patch(theme.style(Role::Title))
        } else {
            theme.style(Role::Text)
        };
        let number = self.number.map_or_else(String::new, |n| format!("{n} "));
        let fixed = width(&number) + 2 + 2;
        let whole = name(self.view);
        let least = width(&whole).min(LEAST_NAME);
        let right = fit(
            numbers(self.view, self.now),
            usize::from(room).saturating_sub(fixed + least + 2),
        );
        let for_name = usize::from(room).saturating_sub(fixed + width(&right) + 1);
        let name = truncate(&whole, for_name);
        let left = Line::from(vec![
            Span::styled(" ", name_style),
            Span::styled(number, name_style),
            Span::styled(glyph, theme.style(role)),
            Span::raw(" "),
            Span::styled(name, name_style),
            Span::raw(" "),
        ]);
        paint::line(buf, area.x + 2, area.y, room, &left);
        if !right.is_empty() {
            let text = format!(" {right} ");
            let x = area
                .right()
                .saturating_sub(2 + u16::try_from(width(&text)).unwrap_or(0));
            let style = if self.view.state.is_active() {
                theme.style(Role::Text)
            } else {
                theme.style(Role::TextDim)
            };
            paint::text(buf, x, area.y, room, &text, style);
        }
    }

    fn footer(&self, buf: &mut Buffer, area: Rect, lines: usize, theme: &Theme) {
        let y = area.bottom().saturating_sub(1);
        let room = area.width.saturating_sub(4);
        let mut x = area.x + 2;
        if let Some(search) = self.search {
            let at = if search.matches == 0 {
                0
            } else {
                search.current + 1
            };
            let text = format!(" /{}  {at} of {} ", search.query, search.matches);
            x = paint::text(buf, x, y, room, &text, theme.style(Role::Accent));
        }
        if self.look.top.is_some() {
            let new = lines.saturating_sub(self.look.seen);
            let badge = if new > 0 {
                format!(" {new} new {} ", theme.glyphs.down)
            } else {
                " held ".to_owned()
            };
            x = paint::text(
                buf,
                x,
                y,
                area.right().saturating_sub(x + 2),
                &badge,
                theme.style(Role::Badge),
            );
        }
        if !self.is_focused || self.search.is_some() {
            return;
        }
        let mut line: Vec<Span<'static>> = Vec::new();
        let mut used = 0;
        for (keys, word) in &self.hints {
            let wide = width(keys) + width(word) + 3;
            if used + wide > usize::from(area.right().saturating_sub(x + 3)) {
                break;
            }
            used += wide;
            line.push(Span::styled(format!(" {keys}"), theme.style(Role::HintKey)));
            line.push(Span::styled(
                format!(" {word} "),
                theme.style(Role::HintText),
            ));
        }
        let from = area
            .right()
            .saturating_sub(2 + u16::try_from(used).unwrap_or(0));
        paint::line(buf, from, y, room, &Line::from(line));
    }

    /// Both rounds in one text, in place of the node's own.
    fn difference(&self, round: u16, earlier: &str, columns: usize, theme: &Theme) -> Rows {
        let title = format!("against round {round} (D shows the text again)");
        let mut lines = vec![Line::styled(
            truncate(&title, columns),
            theme.style(Role::Title),
        )];
        lines.extend(difference::rows(earlier, &self.view.text, columns, theme));
        let id = TextId::Node(self.turn, self.view.node.id, self.view.restarts);
        Rows::new(lines, None, (id, 0), Vec::new())
    }

    /// Lays out thinking, text and what is to be said about the state.
    fn rows(&self, columns: usize, cache: &mut Cache, theme: &Theme) -> Rows {
        let (turn, node, restarts) = (self.turn, self.view.node.id, self.view.restarts);
        let view = self.view;
        if let Some((round, earlier)) = self.against {
            return self.difference(round, earlier, columns, theme);
        }
        let mut before: Vec<Line<'static>> = Vec::new();
        let mut thinking = None;
        if !view.thinking.is_empty() {
            let mark = if self.look.shows_thinking {
                theme.glyphs.unfolded
            } else {
                theme.glyphs.folded
            };
            let count = meter::count(view.thinking.len().div_ceil(4) as u64);
            let line = format!("{mark} thinking, ~{count} tok (t)");
            before.push(Line::styled(
                truncate(&line, columns),
                theme.style(Role::Thinking),
            ));
            if self.look.shows_thinking {
                let wanted = Wanted {
                    theme,
                    columns,
                    wraps: self.look.is_wrapped,
                    base: theme.style(Role::Thinking),
                };
                let id = TextId::Thinking(turn, node, restarts);
                let is_over = view.state.is_over() || !view.text.is_empty();
                thinking = Some((
                    id,
                    cache.document(id, &view.thinking, is_over, &wanted).len(),
                ));
            }
        }
        let wanted = Wanted {
            theme,
            columns,
            wraps: self.look.is_wrapped,
            base: theme.style(Role::Text),
        };
        let id = TextId::Node(turn, node, restarts);
        let len = if view.text.is_empty() {
            0
        } else {
            cache
                .document(id, &view.text, view.state.is_over(), &wanted)
                .len()
        };
        let after = remarks(view, &self.waits_for, columns, theme, len > 0);
        Rows::new(before, thinking, (id, len), after)
    }
}

/// What is to be said below (or instead of) a node's text.
fn remarks(
    view: &NodeView,
    waits_for: &str,
    columns: usize,
    theme: &Theme,
    has_text: bool,
) -> Vec<Line<'static>> {
    let dim = theme.style(Role::TextDim);
    let mut out: Vec<Line<'static>> = Vec::new();
    let mut say = |text: &str, style: Style| {
        out.extend(wrap(&[(text, style)], columns, Break::Words, &[], &[]))
    };
    match &view.state {
        NodeState::Idle if !waits_for.is_empty() => say(waits_for, dim),
        NodeState::Queued { why } if !why.is_empty() => say(why, dim),
        NodeState::Loading => say("loading the model", dim),
        NodeState::Connecting => say("connecting", dim),
        NodeState::Prefill { .. } => say("reading the question", dim),
        NodeState::Waiting => say("waiting for the first token", dim),
        NodeState::Retrying { fault, .. } => say(&fault.to_string(), theme.style(Role::Warning)),
        NodeState::Failed(fault) => {
            say(&fault.message, theme.style(Role::Error));
            if let Some(hint) = &fault.hint {
                say(hint, dim);
            }
        }
        NodeState::Truncated => say("cut at the token limit", theme.style(Role::Warning)),
        NodeState::Filtered => say("the endpoint withheld text", theme.style(Role::Warning)),
        NodeState::Interrupted => say(
            "the program ended before this agent did",
            theme.style(Role::Warning),
        ),
        _ => {}
    }
    if has_text && !out.is_empty() {
        out.insert(0, Line::default());
    }
    out
}

/// Rows from several sources, numbered through.
struct Rows {
    before: Vec<Line<'static>>,
    thinking: Option<(TextId, usize)>,
    text: (TextId, usize),
    after: Vec<Line<'static>>,
    len: usize,
}

impl Rows {
    fn new(
        before: Vec<Line<'static>>,
        thinking: Option<(TextId, usize)>,
        text: (TextId, usize),
        after: Vec<Line<'static>>,
    ) -> Self {
        // An unfolded thinking is set apart from the answer.
        let gap = usize::from(thinking.is_some() && text.1 > 0);
        let len = before.len() + thinking.map_or(0, |(_, len)| len) + gap + text.1 + after.len();
        Self {
            before,
            thinking,
            text,
            after,
            len,
        }
    }

    fn between(&self, from: usize, to: usize, cache: &Cache) -> Vec<Line<'static>> {
        let mut out = Vec::with_capacity(to.saturating_sub(from));
        let mut start = 0;
        let mut take = |len: usize, rows: &mut dyn FnMut(usize, usize) -> Vec<Line<'static>>| {
            let (a, b) = (from.max(start), to.min(start + len));
            if a < b {
                out.extend(rows(a - start, b - start));
            }
            start += len;
        };
        take(self.before.len(), &mut |a, b| {
            self.before.get(a..b).unwrap_or_default().to_vec()
        });
        if let Some((id, len)) = self.thinking {
            take(len, &mut |a, b| cache.rows(id, a, b));
            if self.text.1 > 0 {
                take(1, &mut |_, _| vec![Line::default()]);
            }
        }
        take(self.text.1, &mut |a, b| cache.rows(self.text.0, a, b));
        take(self.after.len(), &mut |a, b| {
            self.after.get(a..b).unwrap_or_default().to_vec()
        });
        out
    }
}

/// Fields of a node's one row that line up with those of its neighbours.
#[derive(Debug, Clone, Copy)]
pub struct RowFields {
    /// Columns of the widest name.
    pub name: usize,
}

impl Pane<'_> {
    /// The node in one row: number, state, numbers, last words.
    pub fn draw_row(&self, buf: &mut Buffer, area: Rect, fields: RowFields, theme: &Theme) {
        let view = self.view;
        let (glyph, role) = face(&view.state, theme);
        let number = self.number.map_or_else(|| "  ".into(), |n| format!("{n} "));
        let name_style = if self.is_focused {
            theme.style(Role::BorderFocus)
        } else {
            theme.style(Role::Text)
        };
        let name = truncate(&name(view), fields.name);
        let pad = fields.name.saturating_sub(width(&name)) + 2;
        let mark = if self.is_focused {
            theme.glyphs.heavy.vertical
        } else {
            " "
        };
        let mut spans = vec![
            Span::styled(mark, theme.style(Role::BorderFocus)),
            Span::styled(number, name_style),
            Span::styled(glyph, theme.style(role)),
            Span::raw(" "),
            Span::styled(format!("{name}{}", " ".repeat(pad)), name_style),
        ];
        let state = self.row_state();
        let style = if view.state.is_active() || matches!(view.state, NodeState::Failed(_)) {
            theme.style(role)
        } else {
            theme.style(Role::TextDim)
        };
        spans.push(Span::styled(state, style));
        let line = Line::from(spans);
        let x = paint::line(buf, area.x, area.y, area.width, &line) + 2;
        let room = usize::from(area.right().saturating_sub(x));
        if room > 4 {
            let words = last_words(self.tail(), room);
            paint::text(
                buf,
                x,
                area.y,
                area.right().saturating_sub(x),
                &words,
                theme.style(Role::TextDim),
            );
        }
    }

    fn row_state(&self) -> String {
        let view = self.view;
        match &view.state {
            NodeState::Streaming => format!("{:>9} {:>6}", tokens(view), rate(view)),
            NodeState::Done => {
                let time = view
                    .elapsed_ms(self.now)
                    .map_or_else(String::new, meter::clock);
                format!("{:>9} {:>6}", tokens(view), time)
            }
            state => format!("{:>16}", state.word()),
        }
    }

    fn tail(&self) -> &str {
        match &self.view.state {
            NodeState::Queued { why } => why,
            NodeState::Failed(fault) | NodeState::Retrying { fault, .. } => &fault.message,
            NodeState::Idle => &self.waits_for,
            _ => &self.view.text,
        }
    }
}

/// The end of a text in one row.
fn last_words(text: &str, columns: usize) -> String {
    let mut from = text.len().saturating_sub(columns * 4 + 16);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let end: Vec<&str> = text
        .get(from..)
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let end = end.join(" ");
    if from > 0 {
        truncate_start(&format!("…{end}"), columns)
    } else {
        truncate_start(&end, columns)
    }
}
