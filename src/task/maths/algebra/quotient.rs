//! One sum over another: closed under the four operations and whole powers.

use super::AlgebraError;
use super::coefficient::Coefficient;
use super::polynomial::{Atom, Monomial, Polynomial, normalised};
use num_rational::BigRational;

/// The largest whole power that is multiplied out when there is more than one term.
const MOST_POWER: u32 = 200;

/// `num / den`; `den` is 1 unless it has several terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Quotient {
    pub num: Polynomial,
    pub den: Polynomial,
}

impl From<Polynomial> for Quotient {
    fn from(num: Polynomial) -> Self {
        Self {
            num,
            den: Polynomial::one(),
        }
    }
}

impl Quotient {
    #[must_use]
    pub fn number(value: Coefficient) -> Self {
        Polynomial::number(value).into()
    }

    #[must_use]
    pub fn atom(atom: Atom) -> Self {
        Polynomial::atom(atom).into()
    }

    fn new(num: Polynomial, den: Polynomial) -> Result<Self, AlgebraError> {
        if den.is_zero() {
            return Err(AlgebraError::DivisionByZero);
        }
        let Some((monomial, number)) = den.single() else {
            return Ok(Self { num, den });
        };
        let inverse = number.inverse().ok_or(AlgebraError::DivisionByZero)?;
        let flipped: Monomial = monomial
            .iter()
            .map(|(atom, exponent)| (atom.clone(), -exponent))
            .collect();
        let (monomial, factor) = normalised(flipped)?;
        let factor = Polynomial::term(monomial, inverse.times(&factor));
        Ok(num.times(&factor)?.into())
    }

    pub fn plus(&self, other: &Self) -> Result<Self, AlgebraError> {
        if self.den == other.den {
            return Self::new(self.num.plus(&other.num)?, self.den.clone());
        }
        let left = self.num.times(&other.den)?;
        let right = other.num.times(&self.den)?;
        Self::new(left.plus(&right)?, self.den.times(&other.den)?)
    }

    #[must_use]
    pub fn negated(&self) -> Self {
        Self {
            num: self.num.negated(),
            den: self.den.clone(),
        }
    }

    pub fn minus(&self, other: &Self) -> Result<Self, AlgebraError> {
        self.plus(&other.negated())
    }

    pub fn times(&self, other: &Self) -> Result<Self, AlgebraError> {
        Self::new(self.num.times(&other.num)?, self.den.times(&other.den)?)
    }

    pub fn over(&self, other: &Self) -> Result<Self, AlgebraError> {
        Self::new(self.num.times(&other.den)?, self.den.times(&other.num)?)
    }

    pub fn power(&self, exponent: i64) -> Result<Self, AlgebraError> {
        let size = u32::try_from(exponent.unsigned_abs()).map_err(|_| AlgebraError::TooLarge)?;
        let is_sum = self.num.single().is_none() || self.den.single().is_none();
        let most = if is_sum { MOST_POWER } else { 100 * MOST_POWER };
        if size > most {
            return Err(AlgebraError::TooLarge);
        }
        let mut power = Self::number(Coefficient::one());
        let mut square = self.clone();
        let mut left = size;
        while left > 0 {
            if left & 1 == 1 {
                power = power.times(&square)?;
            }
            left >>= 1;
            if left > 0 {
                square = square.times(&square)?;
            }
        }
        if exponent < 0 {
            Self::number(Coefficient::one()).over(&power)
        } else {
            Ok(power)
        }
    }

    /// Exact for everything but opaque atoms.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.num.is_zero()
    }

    #[must_use]
    pub fn is_opaque(&self) -> bool {
        self.num.is_opaque() || self.den.is_opaque()
    }

    /// The number it is, if it is one without letters and roots.
    #[must_use]
    pub fn as_number(&self) -> Option<Coefficient> {
        if self.num.is_zero() {
            return Some(Coefficient::integer(0));
        }
        let (monomial, number) = self.num.single()?;
        let (below, _) = self.den.single()?;
        (monomial.is_empty() && below.is_empty()).then(|| number.clone())
    }

    /// The fraction it is, if it is one.
    #[must_use]
    pub fn as_rational(&self) -> Option<BigRational> {
        match self.as_number()? {
            Coefficient::Exact(value) => Some(value),
            Coefficient::Float(_) => None,
        }
    }

    /// A text that is the same for the same quotient (not for every equal one).
    #[must_use]
    pub fn key(&self) -> String {
        format!("({}/{})", self.num.key(), self.den.key())
    }
}
