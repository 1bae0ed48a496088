//! What is asked of a run at work, between the thread that listens and the thread that works.

use crate::domain::run::RunControl;
use std::sync::{Condvar, Mutex, PoisonError};

/// Why a run shall end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a checkpoint and no results.
    Stop,
    /// The same, because the system ended the process: for the sentence in the log.
    Interrupt,
    /// With the results of what there is.
    Finish,
}

#[derive(Debug, Default)]
struct Wish {
    is_paused: bool,
    ending: Option<Ending>,
}

/// Turned by whoever listens, obeyed at pause points. Of several endings the first one counts.
#[derive(Debug, Default)]
pub struct Switch {
    wish: Mutex<Wish>,
    changed: Condvar,
}

impl Switch {
    /// Takes a person's wish.
    pub fn turn(&self, control: RunControl) {
        match control {
            RunControl::Pause => self.change(|wish| wish.is_paused = true),
            RunControl::Resume => self.change(|wish| wish.is_paused = false),
            RunControl::Stop => self.end(Ending::Stop),
            RunControl::Finish => self.end(Ending::Finish),
        }
    }

    /// Ends the run at its next pause point, also out of a pause.
    pub fn end(&self, ending: Ending) {
        self.change(|wish| {
            wish.ending.get_or_insert(ending);
        });
    }

    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.wish
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ending
    }

    /// The ending has begun: pause points let the rest of the work pass, until another one is asked for.
    pub(super) fn acknowledge(&self) {
        self.change(|wish| wish.ending = None);
    }

    /// Asked to pause, and not to end.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        let wish = self.wish.lock().unwrap_or_else(PoisonError::into_inner);
        wish.is_paused && wish.ending.is_none()
    }

    /// Returns when it is no longer paused.
    pub fn wait(&self) {
        let wish = self.wish.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_while(wish, |wish| wish.is_paused && wish.ending.is_none());
        drop(waited);
    }

    fn change(&self, how: impl FnOnce(&mut Wish)) {
        how(&mut self.wish.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}
