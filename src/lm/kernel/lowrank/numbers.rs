//! Plain numbers in the width they were stored in.

use crate::lm::float;
use crate::lm::kernel::lanes::Lanes;

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
    /// Sixteen of them, widened.
    ///
    /// # Safety
    /// As [`Lanes`] asks.
    unsafe fn lanes<L: Lanes>(from: *const Self) -> L;
}

impl Number for f32 {
    #[inline(always)]
    unsafe fn lanes<L: Lanes>(from: *const Self) -> L {
        // SAFETY: as this method's.
        unsafe { L::load(from) }
    }
}

impl Number for Bf16 {
    #[inline(always)]
    unsafe fn lanes<L: Lanes>(from: *const Self) -> L {
        // SAFETY: as this method's; the type is transparent.
        unsafe { L::load_brain(from.cast()) }
    }
}

impl Number for Half {
    #[inline(always)]
    unsafe fn lanes<L: Lanes>(from: *const Self) -> L {
        // SAFETY: as this method's; the type is transparent.
        unsafe { L::load_half(from.cast()) }
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
            Self::Bf16(values) => values
                .iter()
                .map(|value| f32::from_bits(u32::from(value.0) << 16))
                .collect(),
            Self::F16(values) => values
                .iter()
                .map(|value| float::from_half(value.0))
                .collect(),
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
