//! Roots: of products they are exact, of sums they are opaque.

use super::AlgebraError;
use super::coefficient::Coefficient;
use super::polynomial::{Atom, Exponent, Monomial, Polynomial, normalised};
use super::quotient::Quotient;
use num_bigint::BigUint;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// Divisors up to here are tried; what is left is taken for a prime unless it is a power.
const MOST_DIVISOR: u32 = 100_000;
/// Longer numbers are not factored.
const MOST_FACTORED_BITS: u64 = 512;

/// The `degree`-th root: the real one where there is one, else the principal one.
pub fn root(of: &Quotient, degree: u32) -> Result<Quotient, AlgebraError> {
    let opaque = || Quotient::atom(Atom::Opaque(format!("root{degree}{}", of.key())));
    if of.is_zero() {
        return Ok(of.clone());
    }
    let (Some((monomial, number)), Some((below, _))) = (of.num.single(), of.den.single()) else {
        return Ok(opaque());
    };
    if !below.is_empty() {
        return Ok(opaque());
    }
    let Some((mut powers, sign, scale)) = number_root(number, degree) else {
        return Ok(opaque());
    };
    let degree = i64::from(degree);
    for (atom, exponent) in monomial {
        let is_even = |whole: &i64| whole % 2 == 0;
        // The root of a square is the absolute value, which has no place here.
        let loses_sign = is_even(&degree) && is_even(exponent.numer());
        match atom {
            Atom::Prime(_) => {}
            Atom::Symbol(name) if name == super::expression::PI || !loses_sign => {}
            _ => return Ok(opaque()),
        }
        *powers.entry(atom.clone()).or_insert_with(Exponent::zero) += exponent / degree;
    }
    let (mut monomial, factor) = normalised(powers)?;
    let mut number = factor.times(&scale);
    match sign {
        Sign::Plus => {}
        Sign::Minus => number = number.negated(),
        Sign::Imaginary => {
            monomial.insert(Atom::Imaginary, Exponent::one());
        }
    }
    Ok(Polynomial::term(monomial, number).into())
}

enum Sign {
    Plus,
    Minus,
    Imaginary,
}

/// The root of a number as prime powers, a sign and a float that is left; none where it is not of that form.
fn number_root(number: &Coefficient, degree: u32) -> Option<(Monomial, Sign, Coefficient)> {
    let sign = match (number.is_negative(), degree % 2, degree) {
        (false, _, _) => Sign::Plus,
        (true, 1, _) => Sign::Minus,
        (true, _, 2) => Sign::Imaginary,
        _ => return None,
    };
    let value = match number {
        Coefficient::Exact(value) => value.abs(),
        Coefficient::Float(value) => {
            let scale = value.abs().powf(1.0 / f64::from(degree));
            return Some((Monomial::new(), sign, Coefficient::Float(scale)));
        }
    };
    Some((prime_powers(&value, degree)?, sign, Coefficient::one()))
}

/// `value^(1/degree)` as powers of primes; none when it is too long to be factored.
fn prime_powers(value: &BigRational, degree: u32) -> Option<Monomial> {
    let mut powers = Monomial::new();
    for (whole, direction) in [(value.numer(), 1), (value.denom(), -1)] {
        for (prime, times) in factors(whole.magnitude())? {
            let exponent = Exponent::new(direction * i64::from(times), i64::from(degree));
            *powers
                .entry(Atom::Prime(prime))
                .or_insert_with(Exponent::zero) += exponent;
        }
    }
    Some(powers)
}

/// The prime factors of a positive number with how often they occur.
pub fn factors(number: &BigUint) -> Option<Vec<(BigUint, u32)>> {
    if number.bits() > MOST_FACTORED_BITS {
        return None;
    }
    let mut found = Vec::new();
    let mut left = number.clone();
    let mut divisor: u32 = 2;
    while divisor <= MOST_DIVISOR && !left.is_one() {
        if let Some(small) = left.to_u64()
            && u64::from(divisor) * u64::from(divisor) > small
        {
            break;
        }
        let mut times = 0;
        while (&left % divisor).is_zero() {
            left /= divisor;
            times += 1;
        }
        if times > 0 {
            found.push((BigUint::from(divisor), times));
        }
        divisor += if divisor == 2 { 1 } else { 2 };
    }
    if !left.is_one() {
        let (base, times) = as_power(left);
        found.push((base, times));
    }
    Some(found)
}

/// `base^times` with the smallest base among small powers.
fn as_power(number: BigUint) -> (BigUint, u32) {
    for times in [6, 5, 4, 3, 2] {
        let base = number.nth_root(times);
        if base.pow(times) == number {
            return (base, times);
        }
    }
    (number, 1)
}
