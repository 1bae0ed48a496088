//! Draws `App`. Reads the state, writes only caches and cells; knows no input, no I/O and no time.
//!
//! What a frame showed (pane rectangles, line counts) is returned, and the runtime hands it to the state: scrolling and moving
//! between panes are decided there. The terminal's real cursor is placed; nothing imitates it.

pub mod cache;
pub mod document;
pub mod layout;
pub mod overlay;
pub mod paint;
pub mod screen;
pub mod theme;
pub mod widget;
pub mod wrap;

use crate::app::focus::Viewport;
use crate::app::{App, Screen};
use cache::Cache;
use layout::{SMALLEST, Tier};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use theme::{Role, Theme};

/// Draws the whole screen.
pub fn draw(app: &App, cache: &mut Cache, theme: &Theme, frame: &mut Frame<'_>) -> Viewport {
    let area = frame.area();
    let buf = frame.buffer_mut();
    paint::fill(
        buf,
        area,
        theme.style(Role::Background).patch(theme.style(Role::Text)),
    );
    if Tier::of(area.width, area.height) == Tier::TooSmall {
        let text = format!("needs {}x{}", SMALLEST.0, SMALLEST.1);
        paint::text(
            buf,
            area.x,
            area.y,
            area.width,
            &text,
            theme.style(Role::Warning),
        );
        return Viewport::default();
    }
    cache.begin(app.chat.session.as_ref());
    let (mut viewport, cursor) = match app.screen {
        Screen::Chat => screen::chat::draw(app, cache, theme, buf, area),
        Screen::Jobs => {
            let cursor = screen::jobs::draw(app, theme, buf, area);
            (Viewport::default(), cursor)
        }
        Screen::Models => {
            screen::models::draw(app, theme, buf, area);
            (Viewport::default(), None)
        }
        Screen::FirstRun => {
            screen::first_run::draw(app, theme, buf, area);
            (Viewport::default(), None)
        }
    };
    if app.overlay.is_some() {
        dim(buf, area);
    }
    let over = overlay::draw(app, theme, buf, area, &mut viewport);
    let cursor = if app.overlay.is_some() { over } else { cursor };
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
    viewport
}

/// What lies under an overlay steps back but stays readable.
fn dim(buf: &mut ratatui::buffer::Buffer, area: Rect) {
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            let cell = &mut buf[(x, y)];
            cell.modifier.remove(Modifier::BOLD);
            cell.modifier.insert(Modifier::DIM);
        }
    }
}
