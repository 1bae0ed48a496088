//! Random numbers by counting: any draw can be repeated without those before it, so pausing, threads and order change nothing.

/// What a draw is for, so that no two purposes share their numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Start = 1,
    Dropout = 2,
}

/// A stream of numbers under a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draws(u64);

impl Draws {
    pub fn new(seed: u64, purpose: Purpose, key: &[u64]) -> Self {
        let start = mix(seed ^ mix(purpose as u64));
        Self(
            key.iter()
                .fold(start, |state, part| mix(state ^ mix(*part))),
        )
    }

    fn bits(self, counter: u64) -> u64 {
        mix(self.0 ^ counter.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// In 0..1.
    #[allow(clippy::cast_precision_loss, reason = "53 bits")]
    pub fn unit(self, counter: u64) -> f64 {
        (self.bits(counter) >> 11) as f64 / 9_007_199_254_740_992.0
    }

    /// Two independent numbers of 24 bits in 0..1 of one counter, for dropout.
    #[allow(clippy::cast_precision_loss, reason = "24 bits")]
    pub fn two_units(self, counter: u64) -> [f32; 2] {
        let bits = self.bits(counter);
        [bits >> 40, bits & 0xff_ffff].map(|bits| bits as f32 / 16_777_216.0)
    }

    /// Of the standard normal distribution (Box & Muller 1958).
    pub fn normal(self, counter: u64) -> f64 {
        let (first, second) = (self.unit(2 * counter), self.unit(2 * counter + 1));
        (-2.0 * (1.0 - first).ln()).sqrt() * (std::f64::consts::TAU * second).cos()
    }
}

/// The finaliser of `SplitMix64` (Steele et al. 2014).
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_their_distribution_and_depend_on_every_part_of_the_key() {
        let draws = Draws::new(1, Purpose::Start, &[2, 3]);
        let numbers: Vec<f64> = (0..20_000).map(|i| draws.normal(i)).collect();
        let mean: f64 = numbers.iter().sum::<f64>() / 20_000.0;
        let variance: f64 = numbers.iter().map(|x| x * x).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
        let halves: usize = (0..10_000)
            .flat_map(|i| draws.two_units(i))
            .filter(|x| *x < 0.25)
            .count();
        assert!((4700..5300).contains(&halves), "{halves}");
        let other = [
            Draws::new(2, Purpose::Start, &[2, 3]),
            Draws::new(1, Purpose::Dropout, &[2, 3]),
            Draws::new(1, Purpose::Start, &[3, 2]),
            Draws::new(1, Purpose::Start, &[2, 4]),
        ];
        assert!(other.iter().all(|other| other.unit(0) != draws.unit(0)));
    }
}
