//! The last row: what goes on at the left, keys at the right. Keys that do not fit are dropped, the least important first.

use crate::domain::text::width;
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws the row. `hints` are keys and words, the most important first; the first `kept` always stay.
pub fn draw(
    buf: &mut Buffer,
    area: Rect,
    state: &Line<'_>,
    hints: &[(String, &'static str)],
    kept: usize,
    theme: &Theme,
) {
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
    let used: usize = state.spans.iter().map(|span| width(&span.content)).sum();
    let mut room = usize::from(area.width).saturating_sub(used + 3);
    let least: usize = hints.iter().take(kept).map(wide).sum();
    // The state gives way before the keys that must stay.
    room = room.max(least.min(usize::from(area.width)));
    let mut shown: Vec<&(String, &'static str)> = Vec::new();
    let mut taken = 0;
    for hint in hints {
        if taken + wide(hint) > room {
            break;
        }
        taken += wide(hint);
        shown.push(hint);
    }
    let for_state = usize::from(area.width).saturating_sub(taken + 1);
    paint::line(
        buf,
        area.x,
        area.y,
        u16::try_from(for_state).unwrap_or(area.width),
        state,
    );
    // The most important ones stand at the right, where they do not move when others come and go.
    let mut spans = Vec::new();
    for (keys, word) in shown.into_iter().rev() {
        spans.push(Span::styled(
            format!("  {keys}"),
            theme.style(Role::HintKey),
        ));
        spans.push(Span::styled(
            format!(" {word}"),
            theme.style(Role::HintText),
        ));
    }
    let x = area
        .right()
        .saturating_sub(u16::try_from(taken).unwrap_or(0) + 1);
    paint::line(buf, x.max(area.x), area.y, area.width, &Line::from(spans));
}

fn wide(hint: &(String, &'static str)) -> usize {
    width(&hint.0) + width(hint.1) + 3
}
