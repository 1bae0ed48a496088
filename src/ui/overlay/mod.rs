//! What lies over a screen: lists, the help page, questions, a line to type, the popup of pending keys.

mod help;
mod lists;
mod presets;
mod question;
mod run_form;
mod small;

use crate::app::App;
use crate::app::focus::Viewport;
use crate::app::overlay::Overlay;
use crate::ui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws what is open; returns the cursor's place when there is something to type.
pub fn draw(
    app: &App,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
    viewport: &mut Viewport,
) -> Option<Position> {
    let cursor = match &app.overlay {
        None => None,
        Some(Overlay::Presets(state)) => presets::draw(app, state, theme, buf, area),
        Some(Overlay::Palette(state)) => lists::palette(app, state, theme, buf, area),
        Some(Overlay::Sessions(state)) => lists::sessions(app, state, theme, buf, area),
        Some(Overlay::Themes(state)) => lists::themes(app, state, theme, buf, area),
        Some(Overlay::Code(state)) => lists::code(app, state, theme, buf, area),
        Some(Overlay::NewRun(state)) => run_form::beginnings(app, state, theme, buf, area),
        Some(Overlay::RunForm) => run_form::draw(app, theme, buf, area),
        Some(Overlay::Help(state)) => help::draw(app, state, theme, buf, area, viewport),
        Some(Overlay::Confirm(confirm)) => {
            small::confirm(confirm, theme, buf, area);
            None
        }
        Some(Overlay::Question(asking)) => {
            question::draw(app, *asking, theme, buf, area, viewport);
            None
        }
        Some(Overlay::Input(input)) => small::input(input, theme, buf, area),
    };
    if app.pending.is_shown {
        small::which_key(app, theme, buf, area);
    }
    cursor
}
