//! Holds a turn before its steps, so that a person can go on one step at a time.

use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Open unless the turn is held; a held one lets a step through when the person says so.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    is_held: bool,
    /// The next step may pass. Asking twice while a step is under way lets no second one through.
    may_pass: bool,
}

impl Gate {
    /// Holds from the next step on, or lets everything run.
    pub(super) fn hold(&self, is_held: bool) {
        self.change(|state| {
            *state = State {
                is_held,
                may_pass: false,
            };
        });
    }

    /// Lets the step that waits, or the next one, through; from then on the turn is held.
    pub(super) fn step(&self) {
        self.change(|state| {
            state.may_pass = state.is_held;
            state.is_held = true;
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_waiters();
    }

    /// Whether a step may begin now; takes the permission for one.
    pub(super) fn passes(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let passes = !state.is_held || state.may_pass;
        state.may_pass = false;
        passes
    }

    /// Waits until a step may begin.
    pub(super) async fn pass(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Listens before it looks, so that no change falls between the two.
            changed.as_mut().enable();
            if self.passes() {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn a_held_gate_lets_one_step_through_at_a_time() {
        let gate = Gate::default();
        gate.hold(true);
        assert_eq!(gate.pass().now_or_never(), None);
        gate.step();
        gate.step();
        assert_eq!(gate.pass().now_or_never(), Some(()));
        assert_eq!(gate.pass().now_or_never(), None);
        gate.hold(false);
        assert_eq!(gate.pass().now_or_never(), Some(()));
        assert_eq!(gate.pass().now_or_never(), Some(()));
    }

    #[test]
    fn a_step_of_a_running_turn_holds_it_at_the_next() {
        let gate = Gate::default();
        gate.step();
        assert_eq!(gate.pass().now_or_never(), None);
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let gate = Gate::default();
        gate.hold(true);
        let (_, ()) = tokio::join!(gate.pass(), async { gate.step() });
    }
}
