//! Random numbers by counting: any draw can be repeated without those before it.

/// A number in 0..1 from a seed and a counter (`SplitMix64`, Steele et al. 2014, as a hash of both).
pub(super) fn unit(seed: u64, counter: u64) -> f64 {
    let bits = mix(mix(seed) ^ counter.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    #[allow(clippy::cast_precision_loss, reason = "53 bits")]
    let fraction = (bits >> 11) as f64;
    fraction / 9_007_199_254_740_992.0
}

fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
