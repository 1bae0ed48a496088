//! The runs: sign and word of the state, progress, best value, time; one line or a card each.

use super::pane;
use crate::app::App;
use crate::app::jobs::{RunEntry, Section, name};
use crate::domain::clock::Millis;
use crate::domain::run::{RunState, RunSummary};
use crate::domain::text::{truncate, width};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::chart::axis;
use crate::ui::widget::{list, meter};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Rows of a card, the empty one below it included.
const CARD: u16 = 5;

/// The sign of a state and the role it is drawn in.
pub fn face(state: RunState, theme: &Theme) -> (&'static str, Role) {
    let glyphs = theme.glyphs;
    match state {
        RunState::Queued => (glyphs.queued, Role::Waiting),
        RunState::Preparing | RunState::Running | RunState::Stopping => {
            (glyphs.running, Role::Running)
        }
        RunState::Paused | RunState::Stopped => (glyphs.paused, Role::Warning),
        RunState::Failed => (glyphs.failed, Role::Error),
        RunState::Done => (glyphs.done, Role::Ok),
    }
}

/// Runs without a border.
pub fn rows(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let runs = app.jobs.listed();
    if runs.is_empty() {
        let dim = theme.style(Role::TextDim);
        paint::text(
            buf,
            area.x + 3,
            area.y,
            area.width,
            "no run matches the filter",
            dim,
        );
        return;
    }
    let columns = usize::from(area.width.saturating_sub(3));
    let lines: Vec<Line<'static>> = runs
        .iter()
        .map(|entry| row(app, entry, columns, theme))
        .collect();
    let area = Rect::new(
        area.x + 1,
        area.y,
        area.width.saturating_sub(1),
        area.height,
    );
    list::rows(buf, area, app.jobs.cursor(), &lines, theme);
}

/// Runs in a box.
pub fn boxed(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let note = counts(app);
    let inner = pane(app, Section::List, ("runs", &note), theme, buf, area);
    let inner = Rect::new(
        inner.x.saturating_sub(1),
        inner.y,
        inner.width + 2.min(area.width.saturating_sub(inner.width)),
        inner.height,
    );
    rows(app, theme, buf, inner.intersection(area));
}

fn counts(app: &App) -> String {
    let words = [
        RunState::Running,
        RunState::Queued,
        RunState::Failed,
        RunState::Done,
    ];
    let counted = words.into_iter().filter_map(|state| {
        let count = app.jobs.count(|one| one == state);
        (count > 0).then(|| format!("{count} {state}"))
    });
    counted.collect::<Vec<_>>().join("  ")
}

fn row(app: &App, entry: &RunEntry, columns: usize, theme: &Theme) -> Line<'static> {
    let summary = &entry.summary;
    let (glyph, role) = face(summary.state, theme);
    let mark = mark(app, entry);
    let title = (columns / 5).clamp(12, 26);
    let text = theme.style(Role::Text);
    let dim = theme.style(Role::TextDim);
    let mut spans = vec![
        Span::styled(format!("{glyph} "), theme.style(role)),
        Span::styled(mark, theme.style(Role::Accent)),
        list::field(&name(summary), title, text),
        list::field(kind(app, summary), 14, dim),
        list::field(&progress(summary), 17, theme.style(role)),
    ];
    let best = best(summary);
    if columns >= 70 {
        spans.push(list::field(&best, 16, text));
    }
    let used: usize = spans.iter().map(|span| width(&span.content)).sum();
    let rest = columns.saturating_sub(used);
    spans.push(Span::styled(time(summary, app.now, rest), dim));
    Line::from(spans)
}

/// Which curve of a comparison it is, in a column of its own while runs are compared.
fn mark(app: &App, entry: &RunEntry) -> String {
    if app.jobs.marked.is_empty() {
        return String::new();
    }
    let is_marked = app.jobs.marked.contains(&entry.summary.id);
    if is_marked { "+ " } else { "  " }.into()
}

fn kind<'a>(app: &'a App, summary: &'a RunSummary) -> &'a str {
    let card = app.jobs.card(&summary.kind);
    card.map_or(summary.kind.as_str(), |card| card.title.as_str())
}

/// Where it stands: steps while it works, else the state's word.
pub fn progress(summary: &RunSummary) -> String {
    let steps = match (summary.done, summary.total) {
        (0, 0) => String::new(),
        (done, 0) => format!("{} {done}", summary.unit),
        (done, total) => format!("{} {done}/{total}", summary.unit),
    };
    match summary.state {
        RunState::Running if !steps.is_empty() => steps,
        RunState::Paused | RunState::Stopped | RunState::Failed | RunState::Stopping
            if summary.total > 0 =>
        {
            format!("{} {}/{}", summary.state, summary.done, summary.total)
        }
        state => state.to_string(),
    }
}

fn best(summary: &RunSummary) -> String {
    let value = summary.best_value();
    value.map_or_else(String::new, |value| format!("best {}", axis::value(value)))
}

/// Time and reason within so many columns: what is still to come before what is over, why something ended before how long
/// it took.
fn time(summary: &RunSummary, now: Millis, columns: usize) -> String {
    let spent = meter::clock(summary.elapsed(now));
    let left = summary
        .remaining(now)
        .filter(|_| summary.state == RunState::Running);
    let has_worked = summary.elapsed(now) > 0;
    let mut parts: Vec<String> = Vec::new();
    parts.extend(summary.why.clone());
    parts.extend(left.map(|left| format!("eta {}", meter::clock(left))));
    if has_worked && !(summary.state.is_over() && summary.why.is_some()) {
        parts.push(spent);
    }
    while parts.len() > 1 && width(&parts.join("  ")) > columns {
        parts.pop();
    }
    truncate(&parts.join("  "), columns)
}

/// Runs with four lines each.
pub fn cards(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let note = counts(app);
    let inner = pane(app, Section::List, ("runs", &note), theme, buf, area);
    let runs = app.jobs.listed();
    let fit = usize::from(inner.height / CARD).max(1);
    let cursor = app.jobs.cursor();
    let first = list::first_row(cursor, runs.len(), fit);
    let mut y = inner.y;
    for (at, entry) in runs.iter().enumerate().skip(first).take(fit) {
        let lines = card(
            app,
            entry,
            usize::from(inner.width.saturating_sub(2)),
            theme,
        );
        let sign = if at == cursor {
            theme.glyphs.selected
        } else {
            " "
        };
        paint::text(buf, inner.x, y, 1, sign, theme.style(Role::Accent));
        for (y, line) in (y..inner.bottom()).zip(&lines) {
            paint::line(buf, inner.x + 2, y, inner.width.saturating_sub(2), line);
        }
        if at == cursor {
            let title = Rect::new(inner.x, y, inner.width, 1);
            paint::tint(buf, title, theme.style(Role::Selection));
        }
        y += CARD;
    }
    let left = runs.len().saturating_sub(first + fit);
    if left > 0 {
        let text = format!(" {left} more {} ", theme.glyphs.down);
        let wide = u16::try_from(width(&text)).unwrap_or(0);
        let x = area.right().saturating_sub(wide + 2);
        paint::text(
            buf,
            x,
            area.bottom() - 1,
            wide,
            &text,
            theme.style(Role::TextDim),
        );
    }
}

fn card(app: &App, entry: &RunEntry, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let summary = &entry.summary;
    let (glyph, role) = face(summary.state, theme);
    let dim = theme.style(Role::TextDim);
    let title = truncate(&name(summary), columns.saturating_sub(4));
    let mut lines = vec![
        Line::from(vec![
            Span::styled(format!("{glyph} "), theme.style(role)),
            Span::styled(mark(app, entry), theme.style(Role::Accent)),
            Span::styled(title, theme.style(Role::Text)),
        ]),
        Line::styled(format!("  {}", kind(app, summary)), dim),
    ];
    let progress = progress(summary);
    if summary.total > 0 && !summary.state.is_over() {
        let wide = columns.saturating_sub(width(&progress) + 4).min(24);
        let wide = u16::try_from(wide).unwrap_or(0);
        let mut bar = meter::bar(summary.done, summary.total, wide, theme);
        bar.spans.insert(0, Span::raw("  "));
        bar.push_span(Span::styled(format!(" {progress}"), theme.style(role)));
        lines.push(bar);
    } else {
        lines.push(Line::styled(format!("  {progress}"), theme.style(role)));
    }
    let best = best(summary);
    let rest = columns.saturating_sub(width(&best) + 4);
    let facts = [best, time(summary, app.now, rest)];
    let facts: Vec<String> = facts.into_iter().filter(|fact| !fact.is_empty()).collect();
    let facts = truncate(&format!("  {}", facts.join("  ")), columns);
    lines.push(Line::styled(facts, dim));
    lines
}
