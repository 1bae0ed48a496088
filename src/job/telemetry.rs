//! The machine's readings in a run's log: each second for ten minutes, then each ten seconds, so that a week stays readable.

use crate::domain::clock::Millis;

/// How long every reading is kept.
const CLOSE: Millis = 600_000;
const SECOND: Millis = 1000;

/// Decides which readings are kept.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    began: Millis,
    last: Option<Millis>,
}

impl Pace {
    #[must_use]
    pub fn new(now: Millis) -> Pace {
        Pace {
            began: now,
            last: None,
        }
    }

    /// Whether it is time for a reading.
    pub fn is_due(&mut self, now: Millis) -> bool {
        let every = if now.saturating_sub(self.began) < CLOSE {
            SECOND
        } else {
            10 * SECOND
        };
        let is_due = self
            .last
            .is_none_or(|last| now.saturating_sub(last) >= every);
        if is_due {
            self.last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_ten_minutes_one_reading_in_ten_is_kept() {
        let mut pace = Pace::new(0);
        let kept = |from: u64, to: u64, pace: &mut Pace| {
            (from..to)
                .filter(|second| pace.is_due(second * SECOND))
                .count()
        };
        assert_eq!(kept(0, 600, &mut pace), 600);
        assert_eq!(kept(600, 1200, &mut pace), 60);
    }
}
