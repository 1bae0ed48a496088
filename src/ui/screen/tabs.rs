//! The first row: screens at the left, facts in the middle, gauges at the right. What does not fit goes, from the least important.

use crate::app::{App, Screen};
use crate::domain::reading::Reading;
use crate::domain::text::{truncate, width};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::meter;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

const HELP: &str = "F1 help";

/// Draws the row.
pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    if area.height == 0 {
        return;
    }
    paint::fill(
        buf,
        area,
        theme
            .style(Role::Background)
            .patch(theme.style(Role::Status)),
    );
    let mut left = Line::default();
    let jobs = match app.jobs.at_work() {
        0 => "Jobs".to_owned(),
        work => format!("Jobs {work}{}", theme.glyphs.running),
    };
    for (screen, name) in [
        (Screen::Chat, "Chat"),
        (Screen::Jobs, jobs.as_str()),
        (Screen::Models, "Models"),
    ] {
        if app.screen == screen {
            left.push_span(Span::styled(format!(" [{name}]"), theme.style(Role::Title)));
        } else {
            left.push_span(Span::styled(
                format!("  {name} "),
                theme.style(Role::TextDim),
            ));
        }
    }
    let x = paint::line(buf, area.x, area.y, area.width, &left) + 2;
    let room = usize::from(area.right().saturating_sub(x + 1));
    let (middle, right) = if app.screen == Screen::Jobs {
        (Line::default(), gauges(app, room, theme))
    } else {
        fit(app, room, theme)
    };
    paint::line(buf, x, area.y, area.right().saturating_sub(x), &middle);
    let wide: usize = right.spans.iter().map(|span| width(&span.content)).sum();
    let at = area
        .right()
        .saturating_sub(u16::try_from(wide).unwrap_or(0) + 1);
    if at > x {
        paint::line(buf, at, area.y, area.width, &right);
    }
}

/// The machine in a few words, while the jobs are shown; what does not fit goes from the end.
fn gauges(app: &App, room: usize, theme: &Theme) -> Line<'static> {
    let (readings, _) = app.jobs.shown_readings();
    let words = readings.last().map_or_else(Vec::new, reading_words);
    let mut line = Line::default();
    let mut used = width(HELP) + 2;
    for word in words {
        used += width(&word) + 2;
        if used > room {
            break;
        }
        line.push_span(Span::styled(format!("{word}  "), theme.style(Role::Text)));
    }
    line.push_span(Span::styled(HELP, theme.style(Role::HintText)));
    line
}

fn reading_words(reading: &Reading) -> Vec<String> {
    let cards = reading.gpus.iter().enumerate();
    let mut words: Vec<String> = cards
        .map(|(at, gpu)| match gpu.busy_percent {
            Some(percent) => format!("gpu{at} {percent}%"),
            None => format!("gpu{at} n/a"),
        })
        .collect();
    words.push(format!("cpu {:.0}%", reading.cpu_percent));
    words.push(format!("ram {}", meter::bytes(reading.memory_used)));
    if let Some(free) = reading.disk_free {
        words.push(format!("disk {} free", meter::bytes(free)));
    }
    words
}

/// The middle and the right part that fit beside each other.
fn fit(app: &App, room: usize, theme: &Theme) -> (Line<'static>, Line<'static>) {
    let dim = theme.style(Role::TextDim);
    let preset = Span::styled(format!("preset {} ", app.preset), theme.style(Role::Text));
    let mut middle = vec![preset, Span::styled("(F2)", theme.style(Role::HintKey))];
    let mut right: Vec<Span<'static>> = Vec::new();
    if app.chat.is_local_only {
        right.push(Span::styled(" local only ", theme.style(Role::Badge)));
    } else {
        let recipients = app.recipients();
        if !recipients.is_empty() {
            let text = format!("to {}", recipients.join(", "));
            right.push(Span::styled(text, theme.style(Role::Warning)));
        }
    }
    if app.chat.is_comparing {
        right.push(Span::styled("compare", dim));
    }
    let tokens = app.context_tokens();
    if tokens > 0 {
        right.push(Span::styled(format!("ctx ~{}", meter::count(tokens)), dim));
    }
    right.push(Span::styled(HELP, theme.style(Role::HintText)));
    let long = |spans: &[Span<'static>]| -> usize {
        spans.iter().map(|span| width(&span.content) + 2).sum()
    };
    let title = app.session_title();
    let free = room.saturating_sub(long(&middle) + long(&right));
    if !title.is_empty() && free > 16 {
        let title = truncate(title, (free - 6).min(60));
        middle.push(Span::styled(format!("   {title}"), dim));
    }
    while right.len() > 1 && long(&middle) + long(&right) > room {
        let at = right.len() - 2;
        right.remove(at);
    }
    if long(&middle) + long(&right) > room {
        right.clear();
    }
    let right: Vec<Span<'static>> = right
        .into_iter()
        .enumerate()
        .flat_map(|(at, span)| [Span::raw(if at > 0 { "   " } else { "" }), span])
        .collect();
    (Line::from(middle), Line::from(right))
}
