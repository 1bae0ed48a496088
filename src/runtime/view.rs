//! The drawn side of the loop: the terminal's screen, the theme in its colours, and the caches of what was laid out.

use super::RuntimeError;
use super::inbox::Inbox;
use crate::app::App;
use crate::app::effect::Effect;
use crate::app::focus::Viewport;
use crate::app::msg::Msg;
use crate::domain::clock::Millis;
use crate::store::settings::Settings;
use crate::store::theme::ThemeSpec;
use crate::term::Screen;
use crate::term::probe::{ColourDepth, Surroundings};
use crate::ui;
use crate::ui::cache::Cache;
use crate::ui::theme::{Depth, Theme};
use crate::ui::widget::code::Highlighter;
use std::fs::File;
use std::sync::Arc;

/// Draws the state.
pub struct View {
    screen: Screen<File>,
    cache: Cache,
    theme: Theme,
    /// The theme that `theme` was made from.
    spec: ThemeSpec,
    depth: Depth,
    /// Rises with every change of the theme, for the caches.
    revision: u64,
    shown: Viewport,
}

impl View {
    pub fn new(settings: &Settings, app: &App, inbox: &Arc<Inbox>) -> Result<View, RuntimeError> {
        let waker = Arc::clone(inbox);
        let highlighter = Highlighter::background(move || waker.answer(Msg::Refresh));
        let depth = depth(Surroundings::of_process().depth);
        Ok(View {
            screen: Screen::on_stdout()?,
            cache: Cache::new(highlighter),
            theme: Theme::new(&app.theme, depth, settings.borders, 0),
            depth,
            revision: 0,
            spec: app.theme.clone(),
            shown: Viewport::default(),
        })
    }

    /// Draws a frame; tells the state what it showed when that differs from the frame before.
    pub fn draw(&mut self, app: &mut App, now: Millis) -> Result<Vec<Effect>, RuntimeError> {
        let (columns, rows) = self.screen.size();
        let mut effects = Vec::new();
        if (app.columns, app.rows) != (columns, rows) {
            effects.extend(app.update(Msg::Resized { columns, rows }, now));
        }
        let mut shown = Viewport::default();
        let (cache, theme) = (&mut self.cache, &self.theme);
        self.screen
            .draw(|frame| shown = ui::draw(app, cache, theme, frame))?;
        if shown != self.shown {
            self.shown = shown.clone();
            effects.extend(app.update(Msg::Viewport(shown), now));
        }
        Ok(effects)
    }

    /// Takes over the state's theme when it changed.
    pub fn follow(&mut self, app: &App) {
        if app.theme != self.spec {
            self.spec = app.theme.clone();
            self.revision += 1;
            self.theme = Theme::new(&app.theme, self.depth, app.settings.borders, self.revision);
        }
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.screen.resize(columns, rows);
    }

    pub fn redraw(&mut self) -> Result<(), RuntimeError> {
        Ok(self.screen.redraw()?)
    }
}

fn depth(depth: ColourDepth) -> Depth {
    match depth {
        ColourDepth::True => Depth::TrueColor,
        ColourDepth::Indexed => Depth::Ansi256,
        ColourDepth::Sixteen => Depth::Ansi16,
        ColourDepth::None => Depth::None,
    }
}
