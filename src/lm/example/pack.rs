//! Packing: sequences side by side in batches of a bounded number of tokens, so that nothing is padded.

use super::order::shuffled;
use std::collections::BTreeSet;

/// Puts sequences of these lengths into batches of at most `most` tokens, in an order that seed and epoch decide: each goes
/// where it leaves the least room (best fit). A sequence that is longer than `most` has a batch of its own.
#[must_use]
pub fn pack(lengths: &[usize], most: usize, seed: u64, epoch: u64) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = Vec::new();
    // Batches with room left, by how much.
    let mut open: BTreeSet<(usize, usize)> = BTreeSet::new();
    for sequence in shuffled(lengths.len(), seed, epoch) {
        let length = lengths[sequence];
        let place = open.range((length, 0)..).next().copied();
        let (room, batch) = match place {
            Some(place) => {
                open.remove(&place);
                place
            }
            None => {
                batches.push(Vec::new());
                (most.max(length), batches.len() - 1)
            }
        };
        batches[batch].push(sequence);
        if room > length {
            open.insert((room - length, batch));
        }
    }
    // Batches that were opened first are the fullest; their order must not tell.
    let order = shuffled(batches.len(), seed, !epoch);
    let mut taken: Vec<Vec<usize>> = Vec::with_capacity(batches.len());
    for batch in order {
        taken.push(std::mem::take(&mut batches[batch]));
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sequence_is_in_one_batch_and_batches_are_nearly_full() {
        let lengths: Vec<usize> = (0..500).map(|i| 20 + (i * 37) % 180).collect();
        let batches = pack(&lengths, 1024, 5, 0);
        let mut all: Vec<usize> = batches.concat();
        all.sort_unstable();
        assert_eq!(all, (0..500).collect::<Vec<_>>());
        let filled = |batch: &Vec<usize>| batch.iter().map(|&i| lengths[i]).sum::<usize>();
        assert!(batches.iter().all(|batch| filled(batch) <= 1024));
        let least = lengths.iter().sum::<usize>().div_ceil(1024);
        assert!(batches.len() <= least + 2, "{} and {least}", batches.len());
    }

    #[test]
    fn the_order_is_the_seeds_and_the_epochs() {
        let lengths = [5, 3, 8, 1, 9, 4];
        let batches = pack(&lengths, 10, 1, 2);
        assert_eq!(batches, pack(&lengths, 10, 1, 2));
        assert!((3..9).any(|epoch| pack(&lengths, 10, 1, epoch) != batches));
        assert_eq!(pack(&[30], 10, 0, 0), [vec![0]]);
        assert!(pack(&[], 10, 0, 0).is_empty());
    }
}
