//! Timers the state asked for: at most one of a kind, the next deadline decides how long the loop may sleep.

use crate::app::effect::Timer;
use crate::domain::clock::Millis;

/// What is due when.
#[derive(Debug, Default)]
pub struct Timers(Vec<(Millis, Timer)>);

impl Timers {
    /// Sets a timer; one of the same kind that was pending is replaced.
    pub fn set(&mut self, due: Millis, timer: Timer) {
        self.0.retain(|(_, pending)| *pending != timer);
        self.0.push((due, timer));
    }

    /// The timers whose time has come, earliest first; they are forgotten.
    pub fn take_due(&mut self, now: Millis) -> Vec<Timer> {
        let (mut due, later): (Vec<_>, Vec<_>) = self.0.drain(..).partition(|(at, _)| *at <= now);
        self.0 = later;
        due.sort_by_key(|(at, _)| *at);
        due.into_iter().map(|(_, timer)| timer).collect()
    }

    /// Milliseconds until the next one; none when nothing is pending.
    #[must_use]
    pub fn next(&self, now: Millis) -> Option<Millis> {
        self.0.iter().map(|(at, _)| at.saturating_sub(now)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_of_a_kind_replaces_its_predecessor() {
        let mut timers = Timers::default();
        timers.set(300, Timer::WhichKey);
        timers.set(100, Timer::Notice);
        timers.set(500, Timer::WhichKey);
        assert_eq!(timers.next(50), Some(50));
        assert_eq!(timers.take_due(400), vec![Timer::Notice]);
        assert_eq!(timers.take_due(500), vec![Timer::WhichKey]);
        assert_eq!(timers.next(0), None);
    }
}
