//! Sums of products of powers, in one order, without two like terms.

use super::AlgebraError;
use super::coefficient::Coefficient;
use num_bigint::BigUint;
use num_rational::{BigRational, Ratio};
use num_traits::{Signed, Zero};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Rational exponents; kept small by the bounds below.
pub type Exponent = Ratio<i64>;

/// Terms of one sum.
const MOST_TERMS: usize = 1_000;
/// The size of an exponent.
const MOST_EXPONENT: i64 = 10_000;
/// Bits of one number.
const MOST_BITS: u64 = 20_000;
/// Bits of all products of one multiplication.
const MOST_WORK: u64 = 1_000_000;

/// What is raised to powers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Atom {
    /// A positive whole number, prime as far as it was factored; its exponent lies in [0, 1).
    Prime(BigUint),
    /// The imaginary unit; its exponent is 1.
    Imaginary,
    /// A letter or a named constant.
    Symbol(String),
    /// Something this form cannot hold, named by how it was written.
    Opaque(String),
}

/// A product of powers without its number.
pub type Monomial = BTreeMap<Atom, Exponent>;

/// A sum of monomials with their numbers; no number is zero.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Polynomial(BTreeMap<Monomial, Coefficient>);

impl Polynomial {
    #[must_use]
    pub fn number(value: Coefficient) -> Self {
        Self::term(Monomial::new(), value)
    }

    #[must_use]
    pub fn one() -> Self {
        Self::number(Coefficient::one())
    }

    #[must_use]
    pub fn atom(atom: Atom) -> Self {
        Self::term(
            Monomial::from([(atom, Exponent::from_integer(1))]),
            Coefficient::one(),
        )
    }

    #[must_use]
    pub fn term(monomial: Monomial, number: Coefficient) -> Self {
        let mut sum = Self::default();
        sum.add_term(monomial, number);
        sum
    }

    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// The only term, if it has exactly one.
    #[must_use]
    pub fn single(&self) -> Option<(&Monomial, &Coefficient)> {
        match self.0.len() {
            1 => self.0.iter().next(),
            _ => None,
        }
    }

    pub fn terms(&self) -> impl Iterator<Item = (&Monomial, &Coefficient)> {
        self.0.iter()
    }

    fn add_term(&mut self, monomial: Monomial, number: Coefficient) {
        let sum = match self.0.get(&monomial) {
            Some(old) => old.plus(&number),
            None => number,
        };
        if sum.is_zero() {
            self.0.remove(&monomial);
        } else {
            self.0.insert(monomial, sum);
        }
    }

    pub fn plus(&self, other: &Self) -> Result<Self, AlgebraError> {
        let mut sum = self.clone();
        for (monomial, number) in &other.0 {
            sum.add_term(monomial.clone(), number.clone());
        }
        sum.checked()
    }

    #[must_use]
    pub fn negated(&self) -> Self {
        let negate =
            |(monomial, number): (&Monomial, &Coefficient)| (monomial.clone(), number.negated());
        Self(self.0.iter().map(negate).collect())
    }

    pub fn times(&self, other: &Self) -> Result<Self, AlgebraError> {
        let longest = |sum: &Self| sum.0.values().map(Coefficient::bits).max().unwrap_or(0);
        let pairs = u64::try_from(self.0.len().saturating_mul(other.0.len())).unwrap_or(u64::MAX);
        let bits = 64 + longest(self) + longest(other);
        if pairs > 1 && pairs.saturating_mul(bits) > MOST_WORK {
            return Err(AlgebraError::TooLarge);
        }
        let mut product = Self::default();
        for (left, a) in &self.0 {
            for (right, b) in &other.0 {
                let (monomial, factor) = multiply(left, right)?;
                let number = a.times(b).times(&factor);
                if number.bits() > MOST_BITS {
                    return Err(AlgebraError::TooLarge);
                }
                product.add_term(monomial, number);
            }
        }
        product.checked()
    }

    fn checked(self) -> Result<Self, AlgebraError> {
        if self.0.len() > MOST_TERMS {
            return Err(AlgebraError::TooLarge);
        }
        Ok(self)
    }

    /// Whether numbers have to decide where terms are left.
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        let is_opaque = |atom: &Atom| matches!(atom, Atom::Opaque(_));
        self.0.keys().any(|monomial| monomial.keys().any(is_opaque))
    }

    /// Whether an atom occurs.
    #[must_use]
    pub fn has(&self, atom: &Atom) -> bool {
        self.0.keys().any(|monomial| monomial.contains_key(atom))
    }

    /// A text that is the same for the same polynomial.
    #[must_use]
    pub fn key(&self) -> String {
        let mut key = String::new();
        for (monomial, number) in &self.0 {
            // Writing to a string cannot go wrong.
            let _ = match number {
                Coefficient::Exact(value) => write!(key, "+{value}"),
                Coefficient::Float(value) => write!(key, "+{value:e}"),
            };
            for (atom, exponent) in monomial {
                let _ = match atom {
                    Atom::Prime(prime) => write!(key, "*{prime}^{exponent}"),
                    Atom::Imaginary => write!(key, "*I"),
                    Atom::Symbol(name) | Atom::Opaque(name) => write!(key, "*{name}^{exponent}"),
                };
            }
        }
        key
    }
}

/// The product of two monomials, whole powers of primes and of the imaginary unit taken out of it.
pub fn multiply(
    left: &Monomial,
    right: &Monomial,
) -> Result<(Monomial, Coefficient), AlgebraError> {
    let mut product = left.clone();
    for (atom, exponent) in right {
        *product.entry(atom.clone()).or_insert_with(Exponent::zero) += exponent;
    }
    normalised(product)
}

/// Brings exponents into their ranges; what leaves the monomial is the number.
pub fn normalised(monomial: Monomial) -> Result<(Monomial, Coefficient), AlgebraError> {
    let mut kept = Monomial::new();
    let mut number = Coefficient::one();
    for (atom, exponent) in monomial {
        if exponent.numer().abs() > MOST_EXPONENT || *exponent.denom() > MOST_EXPONENT {
            return Err(AlgebraError::TooLarge);
        }
        let whole = exponent.floor();
        let rest = match &atom {
            Atom::Prime(prime) => {
                let power = whole_power(prime, *whole.numer())?;
                number = number.times(&power);
                exponent - whole
            }
            Atom::Imaginary => {
                if whole.numer().rem_euclid(4) >= 2 {
                    number = number.negated();
                }
                Exponent::from_integer(whole.numer().rem_euclid(2))
            }
            Atom::Symbol(_) | Atom::Opaque(_) => exponent,
        };
        if !rest.is_zero() {
            kept.insert(atom, rest);
        }
    }
    Ok((kept, number))
}

fn whole_power(base: &BigUint, exponent: i64) -> Result<Coefficient, AlgebraError> {
    let size = u32::try_from(exponent.abs()).map_err(|_| AlgebraError::TooLarge)?;
    if base.bits().saturating_mul(u64::from(size)) > MOST_BITS {
        return Err(AlgebraError::TooLarge);
    }
    let power = BigRational::from_integer(base.pow(size).into());
    Ok(Coefficient::Exact(if exponent < 0 {
        power.recip()
    } else {
        power
    }))
}
