//! Plain numbers in the width they were stored in.

#![allow(
    clippy::inline_always,
    reason = "inlined into functions compiled for each instruction set"
)]

use super::LANES;
use crate::lm::float;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// The upper half of a 32-bit float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub struct Bf16(pub u16);

/// A finite IEEE 754 binary16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub struct Half(pub u16);

/// A number that 32 bits hold exactly.
pub(super) trait Number: Copy + Default {
    fn widen(self) -> f32;

    /// Sixteen of them, widened.
    ///
    /// # Safety
    /// AVX2 and F16C must be there.
    #[cfg(target_arch = "x86_64")]
    unsafe fn two(values: &[Self; LANES]) -> (__m256, __m256);

    /// Sixteen of them, widened.
    ///
    /// # Safety
    /// AVX-512 F must be there.
    #[cfg(target_arch = "x86_64")]
    unsafe fn one(values: &[Self; LANES]) -> __m512;
}

// SAFETY of the blocks below: the instructions are there, as callers promise, and loads go through references to sixteen
// numbers.
impl Number for f32 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn two(values: &[Self; LANES]) -> (__m256, __m256) {
        unsafe {
            let low = _mm256_loadu_ps(values.as_ptr());
            (low, _mm256_loadu_ps(values.as_ptr().add(8)))
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn one(values: &[Self; LANES]) -> __m512 {
        unsafe { _mm512_loadu_ps(values.as_ptr()) }
    }
}

impl Number for Bf16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn two(values: &[Self; LANES]) -> (__m256, __m256) {
        unsafe {
            let widen = |eight| {
                let upper = _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(eight));
                _mm256_castsi256_ps(upper)
            };
            let low = _mm_loadu_si128(values.as_ptr().cast());
            (
                widen(low),
                widen(_mm_loadu_si128(values.as_ptr().add(8).cast())),
            )
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn one(values: &[Self; LANES]) -> __m512 {
        unsafe {
            let all = _mm256_loadu_si256(values.as_ptr().cast());
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(all)))
        }
    }
}

impl Number for Half {
    #[inline(always)]
    fn widen(self) -> f32 {
        float::from_half(self.0)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn two(values: &[Self; LANES]) -> (__m256, __m256) {
        unsafe {
            let low = _mm_loadu_si128(values.as_ptr().cast());
            let high = _mm_loadu_si128(values.as_ptr().add(8).cast());
            (_mm256_cvtph_ps(low), _mm256_cvtph_ps(high))
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn one(values: &[Self; LANES]) -> __m512 {
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(values.as_ptr().cast())) }
    }
}

/// Numbers of one kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    F32(Vec<f32>),
    Bf16(Vec<Bf16>),
    F16(Vec<Half>),
}

impl Numbers {
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Bf16(values) => values.len(),
            Self::F16(values) => values.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::F32(values) => size_of_val(values.as_slice()),
            Self::Bf16(values) => size_of_val(values.as_slice()),
            Self::F16(values) => size_of_val(values.as_slice()),
        }
    }

    /// All of them in 32 bits; exact.
    #[must_use]
    pub fn widened(&self) -> Vec<f32> {
        match self {
            Self::F32(values) => values.clone(),
            Self::Bf16(values) => values.iter().map(|value| value.widen()).collect(),
            Self::F16(values) => values.iter().map(|value| value.widen()).collect(),
        }
    }

    /// The numbers at `places`, in that order; 0 where there is no place.
    #[must_use]
    pub fn picked(&self, places: impl Iterator<Item = Option<usize>>) -> Self {
        match self {
            Self::F32(values) => Self::F32(pick(values, places)),
            Self::Bf16(values) => Self::Bf16(pick(values, places)),
            Self::F16(values) => Self::F16(pick(values, places)),
        }
    }
}

fn pick<T: Copy + Default>(values: &[T], places: impl Iterator<Item = Option<usize>>) -> Vec<T> {
    places
        .map(|place| place.map_or_else(T::default, |at| values[at]))
        .collect()
}
