//! Numbers over time, reduced for drawing without losing spikes.

use serde::{Deserialize, Serialize};

/// One point of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub x: f64,
    pub y: f64,
}

/// At most `2 * columns` samples: of each column the smallest and the largest `y`, in order of `x`.
#[must_use]
pub fn reduce(samples: &[Sample], columns: usize) -> Vec<Sample> {
    if columns == 0 || samples.len() <= 2 * columns {
        return samples.to_vec();
    }
    let width = samples.len().div_ceil(columns);
    let mut kept = Vec::with_capacity(2 * columns);
    for column in samples.chunks(width) {
        let low = column
            .iter()
            .enumerate()
            .min_by(|a, b| a.1.y.total_cmp(&b.1.y));
        let high = column
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.y.total_cmp(&b.1.y));
        if let (Some((i, low)), Some((j, high))) = (low, high) {
            let (first, second) = if i <= j { (low, high) } else { (high, low) };
            kept.push(*first);
            if i != j {
                kept.push(*second);
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_survives_the_reduction() {
        let mut samples: Vec<Sample> = (0..1000)
            .map(|i| Sample {
                x: f64::from(i),
                y: 0.0,
            })
            .collect();
        samples[437].y = 9.0;
        let reduced = reduce(&samples, 10);
        assert!(reduced.len() <= 20);
        assert!(reduced.contains(&Sample { x: 437.0, y: 9.0 }));
    }
}
