//! Orders that need the terminal itself: the clipboard, an editor in its place, stopping the process.

use super::RuntimeError;
use super::effects::Order;
use super::inbox::Inbox;
use super::view::View;
use crate::app::App;
use crate::app::msg::Msg;
use crate::term::probe::Surroundings;
use crate::term::{Session, clipboard, editor, notify, output};
use std::sync::Arc;

/// The terminal and where it runs.
pub struct Desk {
    pub session: Session,
    pub inbox: Arc<Inbox>,
    pub around: Surroundings,
}

impl Desk {
    /// Carries an order out. A message that comes back belongs before anything typed since.
    pub fn carry_out(
        &mut self,
        order: Order,
        app: &App,
        view: &mut View,
    ) -> Result<Option<Msg>, RuntimeError> {
        match order {
            Order::Copy(text) => match clipboard::copy(&text, &self.around, output::stdout()?) {
                Ok(sent) => self.notice(sent.words(), false),
                Err(error) => self.notice(format!("the clipboard: {error}"), true),
            },
            Order::Edit {
                text,
                is_draft: true,
            } => {
                let edited = self.in_editor(view, |command| editor::edit(command, &text))?;
                let edited = edited.map_err(|error| error.to_string());
                return Ok(Some(Msg::Edited(edited)));
            }
            Order::Edit {
                text,
                is_draft: false,
            } => {
                if let Err(error) = self.in_editor(view, |command| editor::view(command, &text))? {
                    self.notice(error.to_string(), true);
                }
            }
            Order::EditFile(file) => {
                if let Err(error) =
                    self.in_editor(view, |command| editor::edit_file(command, &file))?
                {
                    self.notice(error.to_string(), true);
                }
            }
            Order::Bell => {
                if app.settings.bell && !app.has_window_focus {
                    notify::call(notify::Call::Bell, "", output::stdout()?)?;
                }
            }
            Order::Redraw => view.redraw()?,
            Order::Suspend => {
                self.session.stop_process()?;
                view.redraw()?;
            }
            Order::Quit => {}
        }
        Ok(None)
    }

    /// Gives the terminal to the person's editor while `work` runs.
    fn in_editor<T>(
        &mut self,
        view: &mut View,
        work: impl FnOnce(&[String]) -> T,
    ) -> Result<T, RuntimeError> {
        self.session.suspend();
        let done = work(&editor::command());
        self.session.resume()?;
        view.redraw()?;
        Ok(done)
    }

    fn notice(&self, text: String, is_error: bool) {
        self.inbox.answer(Msg::Notice { text, is_error });
    }
}
