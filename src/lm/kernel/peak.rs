//! Work that does nothing but keep the arithmetic units busy: what a machine could do at most, for benches.

use super::Instructions;
use super::lanes::{LANES, Lanes, by_instructions};
use super::pool::Pool;
use std::hint::black_box;

/// Chains of operations that do not wait for each other.
const CHAINS: usize = 12;

/// Runs products of bytes on all threads; returns how many multiplications with addition that were. 0 where there are no
/// vector instructions for them.
#[must_use]
pub fn integers(instructions: Instructions, turns: usize, pool: &Pool) -> u64 {
    let each: usize = match instructions {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512Vnni => {
            // SAFETY: the variant is only made by `detect`, or by tests after the same check.
            pool.run(pool.threads(), &|_| unsafe { x86::vnni(black_box(turns)) });
            64
        }
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => {
            // SAFETY: as above.
            pool.run(pool.threads(), &|_| unsafe { x86::avx2(black_box(turns)) });
            32
        }
        _ => 0,
    };
    (pool.threads() * turns * CHAINS * each) as u64
}

/// The same for fused multiply-adds of 32-bit floats.
#[must_use]
pub fn floats(instructions: Instructions, turns: usize, pool: &Pool) -> u64 {
    pool.run(pool.threads(), &|_| {
        let turns = black_box(turns);
        by_instructions!(instructions, chains(turns: usize));
    });
    (pool.threads() * turns * CHAINS * LANES) as u64
}

#[inline(always)]
unsafe fn chains<L: Lanes>(turns: usize) {
    // SAFETY: as this function's.
    unsafe {
        let (a, b) = (L::splat(black_box(0.5)), L::splat(black_box(1.0)));
        let mut sums = [L::splat(0.0); CHAINS];
        for _ in 0..turns {
            for sum in &mut sums {
                *sum = sum.mul_add(a, b);
            }
        }
        let mut all = sums[0];
        for sum in sums {
            all = all.add(sum);
        }
        black_box(all.sum());
    }
}

/// Adds up all numbers, on all threads: how fast memory gives them.
#[must_use]
pub fn read(numbers: &[u64], pool: &Pool) -> u64 {
    let sum = std::sync::atomic::AtomicU64::new(0);
    let chunk = numbers.len().div_ceil(pool.threads() * 16).max(1);
    pool.run(numbers.len().div_ceil(chunk), &|part| {
        let last = ((part + 1) * chunk).min(numbers.len());
        let part = numbers[part * chunk..last]
            .iter()
            .fold(0_u64, |sum, number| sum.wrapping_add(*number));
        sum.fetch_add(part, std::sync::atomic::Ordering::Relaxed);
    });
    sum.into_inner()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::CHAINS;
    use std::arch::x86_64::*;
    use std::hint::black_box;

    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn vnni(turns: usize) {
        let (a, b) = (
            _mm512_set1_epi8(black_box(3)),
            _mm512_set1_epi8(black_box(1)),
        );
        let mut sums = [_mm512_setzero_si512(); CHAINS];
        for _ in 0..turns {
            for sum in &mut sums {
                *sum = _mm512_dpbusd_epi32(*sum, a, b);
            }
        }
        let all = sums.into_iter().fold(_mm512_setzero_si512(), |all, sum| {
            _mm512_add_epi32(all, sum)
        });
        black_box(_mm512_reduce_add_epi32(all));
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn avx2(turns: usize) {
        let (a, b) = (
            _mm256_set1_epi8(black_box(3)),
            _mm256_set1_epi8(black_box(1)),
        );
        let ones = _mm256_set1_epi16(1);
        let mut sums = [_mm256_setzero_si256(); CHAINS];
        for _ in 0..turns {
            let b = black_box(b);
            for sum in &mut sums {
                let products = _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones);
                *sum = _mm256_add_epi32(*sum, products);
            }
        }
        let all = sums.into_iter().fold(_mm256_setzero_si256(), |all, sum| {
            _mm256_add_epi32(all, sum)
        });
        black_box(_mm256_extract_epi32::<0>(all));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted() {
        let pool = Pool::new(2).unwrap();
        for instructions in Instructions::available() {
            assert_eq!(floats(instructions, 10, &pool), 2 * 10 * 12 * 16);
            let each = [0, 32, 64][instructions as usize];
            assert_eq!(integers(instructions, 10, &pool), 2 * 10 * 12 * each);
        }
        let numbers: Vec<u64> = (0..1000).collect();
        assert_eq!(read(&numbers, &pool), 499_500);
    }
}
