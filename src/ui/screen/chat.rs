//! The chat: nodes of the shown turn above, the conversation with the answer below them, the prompt and the status at the foot.
//!
//! When a turn ends its panes go and the conversation takes their room; the prompt and the last words never move.

use super::{above_prompt, body, facts, state, tabs};
use crate::app::App;
use crate::app::focus::{Area, Viewport};
use crate::ui::cache::Cache;
use crate::ui::layout::{Tier, frame};
use crate::ui::theme::Theme;
use crate::ui::widget::prompt::Wrapped;
use crate::ui::widget::status;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the screen; returns what was shown and where the cursor belongs.
pub fn draw(
    app: &App,
    cache: &mut Cache,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) -> (Viewport, Option<Position>) {
    let tier = Tier::of(area.width, area.height);
    let wrapped = Wrapped::of(app.prompt.draft.as_ref(), area.width.saturating_sub(2));
    let places = frame(area, tier, wrapped.height());
    let mut viewport = Viewport::default();
    tabs::draw(app, theme, buf, places.tabs);
    let below = body::draw(app, cache, theme, buf, places.body, tier, &mut viewport);
    if let Some(area) = places.facts {
        facts::draw(app, theme, buf, area);
    }
    let search_cursor = above_prompt::rule(app, theme, buf, places.queue, below);
    let prompt = Rect::new(
        places.prompt.x + 1.min(places.prompt.width),
        places.prompt.y,
        places.prompt.width.saturating_sub(1),
        places.prompt.height,
    );
    let cursor = wrapped.draw(
        buf,
        prompt,
        "ask the council; / for commands, @ attaches a file",
        theme,
    );
    above_prompt::completions(app, theme, buf, places.queue);
    status::draw(
        buf,
        places.status,
        &state::line(app, area.width, theme),
        &app.hints(),
        kept(app),
        theme,
    );
    let cursor = search_cursor.or(cursor.filter(|_| app.focus.area == Area::Prompt));
    (viewport, cursor)
}

/// How many of them always stay: cancel while something runs, and the palette.
fn kept(app: &App) -> usize {
    1 + usize::from(app.chat.running.is_some())
}
