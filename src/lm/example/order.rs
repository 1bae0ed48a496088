//! A seeded order that can be made again for any epoch without those before it.

/// The numbers below `count` in the order of an epoch: sorted by a hash of seed, epoch and number (`SplitMix64`, Steele et
/// al. 2014).
#[must_use]
pub fn shuffled(count: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let key = mix(mix(seed) ^ epoch);
    let mut order: Vec<(u64, usize)> = (0..count)
        .map(|number| (mix(key ^ number as u64), number))
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(_, number)| number).collect()
}

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
    fn every_epoch_has_its_own_order_of_the_same_numbers() {
        let first = shuffled(100, 3, 0);
        assert_eq!(first, shuffled(100, 3, 0));
        assert_ne!(first, shuffled(100, 3, 1));
        assert_ne!(first, shuffled(100, 4, 0));
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
        assert_ne!(first, sorted);
    }
}
