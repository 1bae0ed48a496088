//! Training and validation parts.

use super::Sample;
use crate::task::random::Mersenne;

/// What is learned, and what only measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    pub train: Vec<Sample>,
    pub validation: Vec<Sample>,
}

/// Draws `share` of the samples (0 to 1) for validation by a seed, at least one where the share is not 0, and never all. Both
/// parts keep the order of the data.
#[must_use]
pub fn split(samples: Vec<Sample>, share: f64, seed: u64) -> Parts {
    let count = samples.len();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a count"
    )]
    let wanted = (count as f64 * share.clamp(0.0, 1.0)).round() as usize;
    let least = usize::from(share > 0.0);
    let wanted = wanted.max(least).min(count.saturating_sub(1));
    let mut order: Vec<usize> = (0..count).collect();
    Mersenne::python(seed).shuffle(&mut order);
    let mut is_drawn = vec![false; count];
    for &index in order.iter().take(wanted) {
        is_drawn[index] = true;
    }
    let mut parts = Parts {
        train: Vec::with_capacity(count - wanted),
        validation: Vec::with_capacity(wanted),
    };
    for (sample, is_drawn) in samples.into_iter().zip(is_drawn) {
        let part = if is_drawn {
            &mut parts.validation
        } else {
            &mut parts.train
        };
        part.push(sample);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::dialogue::Content;

    fn samples(count: usize) -> Vec<Sample> {
        (0..count)
            .map(|number| Sample {
                place: number.to_string(),
                content: Content::Text("x".into()),
            })
            .collect()
    }

    #[test]
    fn a_seed_draws_the_same_parts_and_nothing_is_in_both() {
        let parts = split(samples(100), 0.1, 7);
        assert_eq!((parts.train.len(), parts.validation.len()), (90, 10));
        assert_eq!(parts, split(samples(100), 0.1, 7));
        assert_ne!(parts, split(samples(100), 0.1, 8));
        assert!(
            parts
                .validation
                .iter()
                .all(|sample| !parts.train.contains(sample))
        );
    }

    #[test]
    fn there_is_always_something_to_learn() {
        assert_eq!(split(samples(1), 0.5, 0).validation.len(), 0);
        assert_eq!(split(samples(5), 1.0, 0).train.len(), 1);
        assert_eq!(split(samples(50), 0.001, 0).validation.len(), 1);
        assert_eq!(split(samples(50), 0.0, 0).validation.len(), 0);
    }
}
