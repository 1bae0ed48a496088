//! Numbers before products: exact fractions, and binary floats where a decimal is read as one.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};

/// A number. A float makes everything it meets a float, as computer algebra systems do.
#[derive(Debug, Clone, PartialEq)]
pub enum Coefficient {
    Exact(BigRational),
    Float(f64),
}

impl Coefficient {
    #[must_use]
    pub fn one() -> Self {
        Self::integer(1)
    }

    #[must_use]
    pub fn integer(value: i64) -> Self {
        Self::Exact(BigRational::from_integer(BigInt::from(value)))
    }

    #[must_use]
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Exact(value) => value.is_zero(),
            Self::Float(value) => *value == 0.0,
        }
    }

    #[must_use]
    pub fn is_negative(&self) -> bool {
        match self {
            Self::Exact(value) => value.is_negative(),
            Self::Float(value) => *value < 0.0,
        }
    }

    /// The nearest float; infinite when it is out of range.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        match self {
            Self::Exact(value) => value.to_f64().unwrap_or(f64::INFINITY),
            Self::Float(value) => *value,
        }
    }

    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Exact(a), Self::Exact(b)) => Self::Exact(a + b),
            _ => Self::Float(self.to_f64() + other.to_f64()),
        }
    }

    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Exact(a), Self::Exact(b)) => Self::Exact(a * b),
            _ => Self::Float(self.to_f64() * other.to_f64()),
        }
    }

    #[must_use]
    pub fn negated(&self) -> Self {
        match self {
            Self::Exact(value) => Self::Exact(-value),
            Self::Float(value) => Self::Float(-value),
        }
    }

    /// One over it; none for zero.
    #[must_use]
    pub fn inverse(&self) -> Option<Self> {
        if self.is_zero() {
            return None;
        }
        Some(match self {
            Self::Exact(value) => Self::Exact(value.recip()),
            Self::Float(value) => Self::Float(value.recip()),
        })
    }

    /// How many bits it takes to write it down.
    #[must_use]
    pub fn bits(&self) -> u64 {
        match self {
            Self::Exact(value) => value.numer().bits() + value.denom().bits(),
            Self::Float(_) => 64,
        }
    }
}
