//! Models of one process take turns, pass by pass.
//!
//! Every engine has a thread for each core. Two passes at once would fight for the cores, and each would wait for threads
//! that do not run; one after the other they are done sooner, and a pass is short.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whose turn it is.
static TURN: Mutex<()> = Mutex::new(());

/// Waits for the turn; it ends when this is dropped.
pub(super) fn pass() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
