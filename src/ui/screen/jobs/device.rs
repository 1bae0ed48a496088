//! The machine: processor, memory, disk, graphics cards or why there are none, and the run's tokens a second.

use super::chart::marker;
use super::pane;
use crate::app::App;
use crate::app::jobs::Section;
use crate::app::jobs::view::Readings;
use crate::domain::clock::Millis;
use crate::domain::reading::{GpuReading, Reading};
use crate::domain::text::width;
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::chart::{self, Chart, Trace};
use crate::ui::widget::{list, meter};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// What the curves show.
const WINDOW_MS: Millis = 300_000;
/// Readings further apart have a gap between them.
const GAP_MS: Millis = 3_500;
const GIB: f64 = (1_u64 << 30) as f64;

/// The machine in one row.
pub fn line(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let (readings, _) = app.jobs.shown_readings();
    let dim = theme.style(Role::TextDim);
    let Some(reading) = readings.last() else {
        paint::text(
            buf,
            area.x + 1,
            area.y,
            area.width,
            "machine: not looked at yet",
            dim,
        );
        return;
    };
    let text = theme.style(Role::Text);
    let mut spans = vec![Span::styled(" cpu ", dim)];
    spans.extend(percent_bar(reading.cpu_percent, 8, theme).spans);
    spans.push(Span::styled(
        format!(" {:>3.0}%", reading.cpu_percent),
        text,
    ));
    spans.push(Span::styled(format!("  ram {}", memory(reading)), text));
    if let Some(rate) = rate(app) {
        spans.push(Span::styled(format!("  {rate}"), text));
    }
    match gpus(reading).first() {
        Some(gpu) => spans.push(Span::styled(format!("  {gpu}"), text)),
        None => spans.push(Span::styled(format!("  gpu n/a: {}", why(reading)), dim)),
    }
    if let Some(free) = reading.disk_free {
        spans.push(Span::styled(
            format!("  disk {} free", meter::bytes(free)),
            dim,
        ));
    }
    paint::line(buf, area.x, area.y, area.width, &Line::from(spans));
}

/// The machine in boxes: curves at the left, facts at the right.
pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let (readings, is_now) = app.jobs.shown_readings();
    let facts = (area.width * 4 / 10).clamp(34, 60).min(area.width);
    let left = Rect::new(area.x, area.y, area.width - facts, area.height);
    let right = Rect::new(left.right(), area.y, facts, area.height);
    let last = readings.last();
    let note = if is_now { "last 5 min" } else { "while it ran" };
    let title = last.map_or_else(|| "machine".to_owned(), busy);
    if left.width > 12 {
        let inner = pane(app, Section::Device, (&title, note), theme, buf, left);
        curves(app, readings, theme, buf, inner);
    }
    let heading = last.map_or_else(String::new, |reading| format!("ram {}", memory(reading)));
    let inner = pane(
        app,
        Section::Device,
        ("machine", &heading),
        theme,
        buf,
        right,
    );
    let Some(reading) = last else {
        let dim = theme.style(Role::TextDim);
        paint::text(buf, inner.x, inner.y, inner.width, "not looked at yet", dim);
        return;
    };
    let rows = about(app, reading, usize::from(inner.width), theme);
    for (y, row) in (inner.top()..inner.bottom()).zip(&rows) {
        paint::line(buf, inner.x, y, inner.width, row);
    }
}

fn busy(reading: &Reading) -> String {
    let mut parts = vec![format!("cpu {:.0}%", reading.cpu_percent)];
    let cards = reading.gpus.iter().enumerate();
    parts.extend(cards.map(|(at, gpu)| match gpu.busy_percent {
        Some(percent) => format!("gpu{at} {percent}%"),
        None => format!("gpu{at} n/a"),
    }));
    parts.join("  ")
}

/// Use of the processor and of each card, 0 to 100.
fn curves(app: &App, readings: &Readings, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let Some(end) = readings.iter().last().map(|(at, _)| *at) else {
        return;
    };
    let from = end.saturating_sub(WINDOW_MS);
    let cards = readings.last().map_or(0, |reading| reading.gpus.len());
    let of = |value: &dyn Fn(&Reading) -> Option<f64>| {
        let mut points: Vec<(f64, f64)> = Vec::new();
        let mut before: Option<Millis> = None;
        for (at, reading) in readings.iter().filter(|(at, _)| *at >= from) {
            let x = seconds(*at, end);
            if before.is_some_and(|before| at.saturating_sub(before) > GAP_MS) {
                points.push((x, f64::NAN));
            }
            before = Some(*at);
            points.push((x, value(reading).unwrap_or(f64::NAN)));
        }
        points
    };
    let mut lines: Vec<Vec<(f64, f64)>> = Vec::new();
    for card in 0..cards.min(4) {
        lines.push(of(&|reading| {
            let gpu = reading.gpus.get(card)?;
            gpu.busy_percent.map(f64::from)
        }));
    }
    lines.push(of(&|reading| Some(f64::from(reading.cpu_percent))));
    let traces = lines.into_iter().enumerate();
    let drawn = Chart {
        traces: traces.map(|(at, points)| Trace::nth(at, points)).collect(),
        window: (seconds(from, end).max(-300.0), 0.0),
        is_log: false,
        range: Some((0.0, 100.0)),
        marker: marker(app, theme),
        has_x_labels: false,
    };
    chart::draw(buf, area, &drawn, theme);
}

/// Seconds before the end, negative.
#[expect(clippy::cast_precision_loss, reason = "minutes")]
fn seconds(at: Millis, end: Millis) -> f64 {
    -(end.saturating_sub(at) as f64) / 1000.0
}

fn about(app: &App, reading: &Reading, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let text = theme.style(Role::Text);
    let fact = |name: &str, value: String| {
        Line::from(vec![
            list::field(name, 9, theme.style(Role::TextDim)),
            Span::styled(value, text),
        ])
    };
    let mut rows = Vec::new();
    if let Some(rate) = rate(app) {
        rows.push(fact("speed", rate));
    }
    let wide = u16::try_from(columns.saturating_sub(16).min(24)).unwrap_or(0);
    let share = share(reading.memory_used, reading.memory_total);
    let mut bar = percent_bar(share, wide, theme);
    bar.spans
        .insert(0, list::field("memory", 9, theme.style(Role::TextDim)));
    bar.push_span(Span::styled(format!(" {share:>3.0}%"), text));
    rows.push(bar);
    if !reading.cores.is_empty() {
        rows.push(fact(
            "cores",
            cores(reading, columns.saturating_sub(9), theme),
        ));
    }
    let free = reading.disk_free;
    let free = free.map_or_else(
        || "n/a".to_owned(),
        |free| format!("{} free", meter::bytes(free)),
    );
    rows.push(fact("disk", free));
    if let Some(traffic) = traffic(reading) {
        rows.push(fact("io", traffic));
    }
    let gpus = gpus(reading);
    if gpus.is_empty() {
        rows.push(fact("gpu", format!("n/a: {}", why(reading))));
    }
    rows.extend(gpus.into_iter().map(|gpu| Line::styled(gpu, text)));
    rows
}

fn percent_bar(percent: f32, columns: u16, theme: &Theme) -> Line<'static> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to a percentage"
    )]
    let tenths = (percent.clamp(0.0, 100.0) * 10.0) as u64;
    meter::bar(tenths, 1000, columns, theme)
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn share(used: u64, total: u64) -> f32 {
    if total == 0 {
        return 0.0;
    }
    (used as f64 / total as f64 * 100.0) as f32
}

/// A column for each core, or as many as fit and the busiest of the others' word.
fn cores(reading: &Reading, columns: usize, theme: &Theme) -> String {
    const STEPS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let count = format!("{}  ", reading.cores.len());
    let room = columns.saturating_sub(width(&count));
    let is_ascii = theme.glyphs.bar.len() == 1;
    let drawn = reading.cores.iter().take(room).map(|percent| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to eight steps"
        )]
        let step = (percent.clamp(0.0, 100.0) / 100.0 * 7.0).round() as usize;
        match (is_ascii, step) {
            (true, 0..=1) => ".",
            (true, 2..=5) => "+",
            (true, _) => "#",
            _ => STEPS.get(step).copied().unwrap_or("█"),
        }
    });
    format!("{count}{}", drawn.collect::<String>())
}

fn traffic(reading: &Reading) -> Option<String> {
    let (read, written) = reading.disk_read.zip(reading.disk_written)?;
    let (read, written) = (meter::bytes(read), meter::bytes(written));
    Some(format!("read {read}/s  write {written}/s"))
}

/// What each card tells.
fn gpus(reading: &Reading) -> Vec<String> {
    let cards = reading.gpus.iter().enumerate();
    cards.map(|(at, gpu)| card(at, gpu)).collect()
}

fn card(at: usize, gpu: &GpuReading) -> String {
    let or = |value: Option<u32>, unit: &str| match value {
        Some(value) => format!("{value}{unit}"),
        None => "n/a".into(),
    };
    format!(
        "gpu{at} {}  vram {}/{} GiB  {}  {}",
        or(gpu.busy_percent, "%"),
        gib(gpu.memory_used),
        gib(gpu.memory_total),
        or(gpu.power, " W"),
        or(gpu.temperature, " C"),
    )
}

fn why(reading: &Reading) -> &str {
    reading.no_gpu.as_deref().unwrap_or("none found")
}

#[expect(clippy::cast_precision_loss, reason = "a size to read")]
fn gib(bytes: u64) -> String {
    let size = bytes as f64 / GIB;
    if size >= 10.0 {
        format!("{size:.0}")
    } else {
        format!("{size:.1}")
    }
}

fn memory(reading: &Reading) -> String {
    format!(
        "{}/{} GiB",
        gib(reading.memory_used),
        gib(reading.memory_total)
    )
}

/// The run's newest tokens a second.
fn rate(app: &App) -> Option<String> {
    let page = app.jobs.page()?;
    let rate = page.tokens_per_second()?;
    Some(format!("{rate:.0} tok/s"))
}
