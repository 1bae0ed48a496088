//! Sixteen 32-bit floats at once, in whatever registers there are. Every operation is exact or rounded as the plain one is, lane
//! by lane, so all give the same bits.

#![allow(
    clippy::inline_always,
    reason = "inlined into functions compiled for each instruction set"
)]

use super::LANES;
use super::numbers::Number;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Sixteen numbers. The methods of a type must only be reached from functions compiled for its instructions, into which they
/// are inlined.
pub(super) trait Lanes: Copy {
    /// How many of them can be kept in registers besides a few for work.
    const SUMS: usize;

    fn zero() -> Self;
    fn splat(value: f32) -> Self;
    fn load<N: Number>(values: &[N; LANES]) -> Self;
    fn store(self, out: &mut [f32; LANES]);
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;

    /// The lanes added pairwise: 0 with 8, then 0 with 4, with 2, with 1.
    fn total(self) -> f32;

    /// Fetches what lies some way behind `values` into the cache: a hint, no access.
    fn expect<N: Number>(values: &[[N; LANES]]);
}

/// How far ahead of their use weights are fetched, in bytes. The processor's own prefetching ends at every page: one row on eight
/// adapters of 16 bits took 5.3 ms without and 3.3 ms with this (2026-11-21, 24 GB/s: all that memory gives).
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 4096;

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch<N: Number>(values: &[[N; LANES]]) {
    let start = values.as_ptr().cast::<i8>().wrapping_add(AHEAD);
    for at in (0..size_of_val(values)).step_by(64) {
        // SAFETY: prefetching never faults, wherever it points.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(at)) };
    }
}

/// What any processor can do.
#[derive(Clone, Copy)]
pub(super) struct Plain([f32; LANES]);

impl Lanes for Plain {
    const SUMS: usize = 2;

    #[inline(always)]
    fn zero() -> Self {
        Self([0.0; LANES])
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    fn load<N: Number>(values: &[N; LANES]) -> Self {
        Self(values.map(N::widen))
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; LANES]) {
        *out = self.0;
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] * other.0[lane]))
    }

    #[inline(always)]
    fn total(self) -> f32 {
        let eight: [f32; 8] = std::array::from_fn(|lane| self.0[lane] + self.0[lane + 8]);
        let four: [f32; 4] = std::array::from_fn(|lane| eight[lane] + eight[lane + 4]);
        (four[0] + four[2]) + (four[1] + four[3])
    }

    #[inline(always)]
    fn expect<N: Number>(_values: &[[N; LANES]]) {}
}

/// AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Two(__m256, __m256);

// SAFETY of the blocks below: the type is only used in functions compiled for AVX2 and F16C (see the trait), and loads and
// stores go through references to arrays of the right length.
#[cfg(target_arch = "x86_64")]
impl Lanes for Two {
    const SUMS: usize = 4;

    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0.0)
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        unsafe { Self(_mm256_set1_ps(value), _mm256_set1_ps(value)) }
    }

    #[inline(always)]
    fn load<N: Number>(values: &[N; LANES]) -> Self {
        let (low, high) = unsafe { N::two(values) };
        Self(low, high)
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; LANES]) {
        unsafe {
            _mm256_storeu_ps(out.as_mut_ptr(), self.0);
            _mm256_storeu_ps(out.as_mut_ptr().add(8), self.1);
        }
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        unsafe {
            Self(
                _mm256_add_ps(self.0, other.0),
                _mm256_add_ps(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        unsafe {
            Self(
                _mm256_mul_ps(self.0, other.0),
                _mm256_mul_ps(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    fn total(self) -> f32 {
        unsafe { total_of_eight(_mm256_add_ps(self.0, self.1)) }
    }

    #[inline(always)]
    fn expect<N: Number>(values: &[[N; LANES]]) {
        prefetch(values);
    }
}

/// AVX-512.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct One(__m512);

// SAFETY of the blocks below: as above, with AVX-512 F.
#[cfg(target_arch = "x86_64")]
impl Lanes for One {
    const SUMS: usize = 16;

    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0.0)
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        unsafe { Self(_mm512_set1_ps(value)) }
    }

    #[inline(always)]
    fn load<N: Number>(values: &[N; LANES]) -> Self {
        unsafe { Self(N::one(values)) }
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; LANES]) {
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        unsafe { Self(_mm512_add_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        unsafe { Self(_mm512_mul_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn total(self) -> f32 {
        unsafe {
            let low = _mm512_castps512_ps256(self.0);
            let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(self.0));
            total_of_eight(_mm256_add_ps(low, _mm256_castpd_ps(high)))
        }
    }

    #[inline(always)]
    fn expect<N: Number>(values: &[[N; LANES]]) {
        prefetch(values);
    }
}

/// # Safety
/// AVX must be there.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn total_of_eight(eight: __m256) -> f32 {
    // SAFETY: as the caller promises.
    unsafe {
        let four = _mm_add_ps(
            _mm256_castps256_ps128(eight),
            _mm256_extractf128_ps::<1>(eight),
        );
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}
