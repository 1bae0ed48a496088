//! A share of items and how sure it is.

use serde::{Deserialize, Serialize};

/// The normal quantile of a 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// `count` of `of`, with the 95 % interval of Wilson (1927): it stays within 0 and 1 and is honest for few items.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Share {
    pub count: usize,
    pub of: usize,
    /// From 0 to 1; 0 of nothing is 0.
    pub share: f64,
    pub low: f64,
    pub high: f64,
}

impl Share {
    #[must_use]
    pub fn new(count: usize, of: usize) -> Self {
        if of == 0 {
            return Self {
                high: 1.0,
                ..Self::default()
            };
        }
        let (n, p) = (of as f64, count as f64 / of as f64);
        let scale = 1.0 + Z * Z / n;
        let middle = (p + Z * Z / (2.0 * n)) / scale;
        let half = Z / scale * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        Self {
            count,
            of,
            share: p,
            // At the ends the formula gives the end itself, but for rounding.
            low: if count == 0 {
                0.0
            } else {
                (middle - half).max(0.0)
            },
            high: if count >= of {
                1.0
            } else {
                (middle + half).min(1.0)
            },
        }
    }

    #[must_use]
    pub fn of(marks: impl IntoIterator<Item = bool>) -> Self {
        let (mut count, mut of) = (0, 0);
        for mark in marks {
            count += usize::from(mark);
            of += 1;
        }
        Self::new(count, of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_score_test() {
        // Roots of (p̂ − p)² = z²·p(1 − p)/n, solved by bisection.
        for (count, of, low, high) in WILSON {
            let share = Share::new(count, of);
            assert!((share.low - low).abs() < 1e-9, "{share:?}");
            assert!((share.high - high).abs() < 1e-9, "{share:?}");
        }
        assert_eq!(Share::of([true, false, true, true]), Share::new(3, 4));
    }

    #[test]
    fn nothing_says_nothing() {
        let share = Share::new(0, 0);
        assert_eq!((share.share, share.low, share.high), (0.0, 0.0, 1.0));
    }

    const WILSON: [(usize, usize, f64, f64); 5] = [
        (18, 100, 0.117002254989464, 0.266673583863007),
        (0, 10, 0.0, 0.277532799862889),
        (10, 10, 0.722467200137111, 1.0),
        (1, 3, 0.0614919447203962, 0.792340399197952),
        (500, 1000, 0.469069600368104, 0.530930399631896),
    ];
}
