//! The curves of the run under the cursor, or one curve of several runs over each other.

use super::pane;
use crate::app::App;
use crate::app::jobs::chart::{MarkerChoice, Plot};
use crate::app::jobs::{Section, name};
use crate::domain::text::{truncate, width};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::chart::axis;
use crate::ui::widget::chart::canvas::{Marker, Stroke};
use crate::ui::widget::chart::{self, Chart, Trace};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// More lines are not named one by one.
const MOST_NAMES: usize = 6;

/// What lines are made of: the person's choice, as far as the terminal can.
pub fn marker(app: &App, theme: &Theme) -> Marker {
    if theme.glyphs.bar.len() == 1 {
        return Marker::Ascii;
    }
    match app.jobs.chart.marker {
        None | Some(MarkerChoice::Braille) => Marker::Braille,
        Some(MarkerChoice::HalfBlock) => Marker::HalfBlock,
        Some(MarkerChoice::Ascii) => Marker::Ascii,
    }
}

/// Draws the box.
pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let Some(entry) = app.jobs.shown() else {
        pane(app, Section::Chart, ("curves", ""), theme, buf, area);
        return;
    };
    let run = name(&entry.summary);
    let Some(plot) = app.jobs.plot() else {
        let inner = pane(app, Section::Chart, (&run, ""), theme, buf, area);
        let text = match app.jobs.page() {
            Some(page) if page.is_read => "nothing was measured yet",
            _ => "reading its log",
        };
        let dim = theme.style(Role::TextDim);
        paint::text(buf, inner.x, inner.y, inner.width, text, dim);
        return;
    };
    let marker = marker(app, theme);
    let (title, note) = (title(app, &plot, &run), note(&plot));
    let inner = pane(app, Section::Chart, (&title, &note), theme, buf, area);
    let is_named = plot.traces.len() > 1 && inner.height > 5;
    if is_named {
        let names = legend(&plot, marker, usize::from(inner.width), theme);
        paint::line(buf, inner.x, inner.y, inner.width, &names);
    }
    let skip = u16::from(is_named);
    let place = Rect::new(inner.x, inner.y + skip, inner.width, inner.height - skip);
    let pixels = chart::pixel_columns(place.width, marker);
    let traces = plot.traces.iter().enumerate();
    let drawn = Chart {
        traces: traces
            .map(|(at, trace)| Trace::nth(at, trace.curve.points(plot.window, pixels)))
            .collect(),
        window: plot.window,
        is_log: plot.is_log,
        range: None,
        marker,
        has_x_labels: true,
    };
    chart::draw(buf, place, &drawn, theme);
}

fn title(app: &App, plot: &Plot<'_>, run: &str) -> String {
    let which = match app.jobs.group() {
        Some((at, count, _)) if count > 1 => format!("  [{}/{count}]", at + 1),
        _ => String::new(),
    };
    let unit = if plot.unit.is_empty() {
        String::new()
    } else {
        format!(" ({})", plot.unit)
    };
    format!("{}{unit}  {run}{which}", plot.title)
}

fn note(plot: &Plot<'_>) -> String {
    let mut parts: Vec<String> = Vec::new();
    if plot.is_log {
        parts.push("log axis".into());
    }
    if plot.is_frozen {
        parts.push("frozen".into());
    }
    if let [only] = plot.traces.as_slice()
        && let Some(last) = only.last
    {
        parts.push(format!("now {}", axis::value(last)));
    }
    if !plot.x.is_empty() {
        parts.push(format!("by {}", plot.x));
    }
    parts.join("  ")
}

/// Each line's stroke, name and newest value.
fn legend(plot: &Plot<'_>, marker: Marker, columns: usize, theme: &Theme) -> Line<'static> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut used = 0;
    let count = plot.traces.len();
    let shown = count.min(MOST_NAMES);
    let room = columns / shown.max(1);
    for (at, trace) in plot.traces.iter().enumerate().take(shown) {
        let sample = Stroke::nth(at).sample(marker, at);
        let last = trace
            .last
            .map_or_else(String::new, |last| format!(" {}", axis::value(last)));
        let label = truncate(&trace.label, room.saturating_sub(width(&last) + 6).max(4));
        let text = format!(" {label}{last}  ");
        if used + 3 + width(&text) > columns {
            break;
        }
        used += 3 + width(&text);
        spans.push(Span::styled(sample, theme.style(chart::role(at))));
        spans.push(Span::styled(text, theme.style(Role::Text)));
    }
    if count > shown {
        let text = format!("and {} more", count - shown);
        spans.push(Span::styled(text, theme.style(Role::TextDim)));
    }
    Line::from(spans)
}
