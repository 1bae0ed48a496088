//! Ctrl+C of a command without a screen: the first one asks the work to stop, the second one ends the program at once.

use crate::domain::cancel::Cancel;
use crate::runtime::headless::INTERRUPTED;
use tokio::task::JoinHandle;

/// Listens as long as it lives.
pub struct Interrupt {
    cancel: Cancel,
    listener: JoinHandle<()>,
}

impl Interrupt {
    /// Must be called within a tokio runtime.
    pub fn listen() -> Interrupt {
        let cancel = Cancel::new();
        let raised = cancel.clone();
        let listener = tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                raised.cancel();
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(INTERRUPTED);
            }
        });
        Interrupt { cancel, listener }
    }

    /// Raised by the first Ctrl+C.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
