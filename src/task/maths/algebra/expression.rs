//! Expressions as they were written, and their value in the exact form.

use super::AlgebraError;
use super::coefficient::Coefficient;
use super::numeric;
use super::polynomial::{Atom, Monomial, Polynomial};
use super::quotient::Quotient;
use super::root::{factors, root};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive};

/// The circle constant's name as a symbol.
pub const PI: &str = "π";
const MOST_FACTORIAL: u32 = 2_000;
const MOST_DEPTH: usize = 100;
const MOST_ROOT: i64 = 60;

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    Number(Coefficient),
    Symbol(String),
    Sum(Vec<Expression>),
    Product(Vec<Expression>),
    Over(Box<Expression>, Box<Expression>),
    Power(Box<Expression>, Box<Expression>),
    Negative(Box<Expression>),
    Root(Box<Expression>, u32),
    Factorial(Box<Expression>),
    /// A function by name; `log` of two arguments has its base second.
    Call(String, Vec<Expression>),
}

/// Conventions that differ between readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// The letter `i` is the imaginary unit where a root of a negative number occurs.
    pub imaginary_i: bool,
}

impl Expression {
    #[must_use]
    pub fn integer(value: i64) -> Self {
        Self::Number(Coefficient::integer(value))
    }

    /// All of them multiplied; one stands for itself.
    #[must_use]
    pub fn product(mut factors: Vec<Self>) -> Self {
        match (factors.pop(), factors.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                factors.extend(last);
                Self::Product(factors)
            }
        }
    }

    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self::Sum(vec![self, Self::Negative(Box::new(other))])
    }
}

/// Whether the expression is zero, by the exact form, or by numbers where that is not enough.
pub fn is_zero(expression: &Expression, reading: Reading) -> Result<bool, AlgebraError> {
    let mut value = quotient(expression)?;
    if reading.imaginary_i && value.num.has(&Atom::Imaginary) {
        value = quotient(&with_imaginary_i(expression))?;
    }
    if value.is_zero() {
        return Ok(true);
    }
    if value.is_opaque() {
        return Ok(numeric::vanishes(expression));
    }
    Ok(false)
}

fn with_imaginary_i(expression: &Expression) -> Expression {
    let all = |parts: &[Expression]| parts.iter().map(with_imaginary_i).collect();
    let boxed = |part: &Expression| Box::new(with_imaginary_i(part));
    match expression {
        Expression::Symbol(name) if name == "i" => {
            Expression::Root(Box::new(Expression::integer(-1)), 2)
        }
        Expression::Number(_) | Expression::Symbol(_) => expression.clone(),
        Expression::Sum(parts) => Expression::Sum(all(parts)),
        Expression::Product(parts) => Expression::Product(all(parts)),
        Expression::Over(a, b) => Expression::Over(boxed(a), boxed(b)),
        Expression::Power(a, b) => Expression::Power(boxed(a), boxed(b)),
        Expression::Negative(part) => Expression::Negative(boxed(part)),
        Expression::Root(part, degree) => Expression::Root(boxed(part), *degree),
        Expression::Factorial(part) => Expression::Factorial(boxed(part)),
        Expression::Call(name, parts) => Expression::Call(name.clone(), all(parts)),
    }
}

/// The value in the exact form.
///
/// # Errors
///
/// When it divides by zero or would grow too large.
pub fn quotient(expression: &Expression) -> Result<Quotient, AlgebraError> {
    evaluate(expression, 0)
}

fn evaluate(expression: &Expression, depth: usize) -> Result<Quotient, AlgebraError> {
    if depth > MOST_DEPTH {
        return Err(AlgebraError::TooLarge);
    }
    let value = |part: &Expression| evaluate(part, depth + 1);
    match expression {
        Expression::Number(number) => Ok(Quotient::number(number.clone())),
        Expression::Symbol(name) => Ok(Quotient::atom(Atom::Symbol(name.clone()))),
        Expression::Sum(parts) => {
            let mut sum = Quotient::number(Coefficient::integer(0));
            for part in parts {
                sum = sum.plus(&value(part)?)?;
            }
            Ok(sum)
        }
        Expression::Product(parts) => {
            let mut product = Quotient::number(Coefficient::one());
            for part in parts {
                product = product.times(&value(part)?)?;
            }
            Ok(product)
        }
        Expression::Over(above, below) => value(above)?.over(&value(below)?),
        Expression::Power(base, exponent) => power(&value(base)?, &value(exponent)?),
        Expression::Negative(part) => Ok(value(part)?.negated()),
        Expression::Root(part, degree) => root(&value(part)?, *degree),
        Expression::Factorial(part) => factorial(&value(part)?),
        Expression::Call(name, arguments) => {
            let values = arguments.iter().map(value).collect::<Result<Vec<_>, _>>()?;
            call(name, &values)
        }
    }
}

fn power(base: &Quotient, exponent: &Quotient) -> Result<Quotient, AlgebraError> {
    if let Some(number) = exponent.as_number() {
        if let Some(result) = number_power(base, &number)? {
            return Ok(result);
        }
    } else if let Some((monomial, _)) = exponent.den.single()
        && monomial.is_empty()
    {
        // b^(2x+1) is b·(b^x)².
        let mut product = Quotient::number(Coefficient::one());
        for (monomial, number) in exponent.num.terms() {
            product = product.times(&term_power(base, monomial, number)?)?;
        }
        return Ok(product);
    }
    let name = format!("power{}{}", base.key(), exponent.key());
    Ok(Quotient::atom(Atom::Opaque(name)))
}

/// A power with a number above; none where it has no place in the exact form.
fn number_power(base: &Quotient, exponent: &Coefficient) -> Result<Option<Quotient>, AlgebraError> {
    let exact = match exponent {
        Coefficient::Exact(value) => value.clone(),
        Coefficient::Float(value) => {
            let Some(value) = BigRational::from_float(*value) else {
                return Ok(None);
            };
            value
        }
    };
    let (Some(above), Some(below)) = (exact.numer().to_i64(), exact.denom().to_i64()) else {
        return Err(AlgebraError::TooLarge);
    };
    if below == 1 {
        return base.power(above).map(Some);
    }
    if below > MOST_ROOT {
        return Ok(None);
    }
    let degree = u32::try_from(below).map_err(|_| AlgebraError::TooLarge)?;
    root(base, degree)?.power(above).map(Some)
}

/// `base^(number·monomial)`; whole numbers in the base are split into primes so that 4^x is (2^x)².
fn term_power(
    base: &Quotient,
    monomial: &Monomial,
    number: &Coefficient,
) -> Result<Quotient, AlgebraError> {
    if monomial.is_empty() {
        let exponent = Quotient::number(number.clone());
        return power(base, &exponent);
    }
    let above = Polynomial::term(monomial.clone(), Coefficient::one()).key();
    let primes = base
        .as_rational()
        .filter(|value| value.is_positive() && value.denom().is_one())
        .and_then(|value| factors(value.numer().magnitude()));
    let parts: Vec<(String, Coefficient)> = match primes {
        Some(primes) => primes
            .into_iter()
            .map(|(prime, times)| {
                (
                    prime.to_string(),
                    number.times(&Coefficient::integer(times.into())),
                )
            })
            .collect(),
        None => vec![(base.key(), number.clone())],
    };
    let mut product = Quotient::number(Coefficient::one());
    for (name, number) in parts {
        let atom = Quotient::atom(Atom::Opaque(format!("power[{name}][{above}]")));
        let Some(part) = number_power(&atom, &number)? else {
            return Err(AlgebraError::TooLarge);
        };
        product = product.times(&part)?;
    }
    Ok(product)
}

fn factorial(of: &Quotient) -> Result<Quotient, AlgebraError> {
    let whole = of.as_rational().filter(|value| value.denom().is_one());
    let Some(whole) = whole else {
        return Ok(Quotient::atom(Atom::Opaque(format!(
            "factorial{}",
            of.key()
        ))));
    };
    let Some(last) = whole
        .numer()
        .to_u32()
        .filter(|last| *last <= MOST_FACTORIAL)
    else {
        return Err(AlgebraError::TooLarge);
    };
    let product = (1..=last).fold(BigInt::one(), |product, factor| product * factor);
    Ok(Quotient::number(Coefficient::Exact(
        BigRational::from_integer(product),
    )))
}

fn call(name: &str, arguments: &[Quotient]) -> Result<Quotient, AlgebraError> {
    match (name, arguments) {
        ("ln" | "log", [of]) => {
            Ok(logarithm(name, of).unwrap_or_else(|| opaque_call(name, arguments)))
        }
        ("log", [of, base]) => match (logarithm("ln", of), logarithm("ln", base)) {
            (Some(above), Some(below)) => above.over(&below),
            _ => Ok(opaque_call(name, arguments)),
        },
        ("exp", [of]) => power(&Quotient::atom(Atom::Symbol("e".into())), of),
        ("binom", [n, k]) => Ok(binomial(n, k).unwrap_or_else(|| opaque_call(name, arguments))),
        _ => Ok(opaque_call(name, arguments)),
    }
}

fn opaque_call(name: &str, arguments: &[Quotient]) -> Quotient {
    let keys: Vec<String> = arguments.iter().map(Quotient::key).collect();
    Quotient::atom(Atom::Opaque(format!("{name}({})", keys.join(","))))
}

/// Of a positive product of prime powers, as a sum of logarithms of primes; the letter `e` counts 1 under `ln`.
fn logarithm(name: &str, of: &Quotient) -> Option<Quotient> {
    let (below, _) = of.den.single()?;
    let (monomial, number) = of.num.single()?;
    let Coefficient::Exact(number) = number else {
        return None;
    };
    if !below.is_empty() || !number.is_positive() {
        return None;
    }
    let mut sum = Polynomial::default();
    let mut add = |prime: String, times: Coefficient| -> Option<()> {
        let atom = Polynomial::atom(Atom::Symbol(format!("{name} {prime}")));
        let part = atom.times(&Polynomial::number(times)).ok()?;
        sum = sum.plus(&part).ok()?;
        Some(())
    };
    for (whole, direction) in [(number.numer(), 1), (number.denom(), -1)] {
        for (prime, times) in factors(whole.magnitude())? {
            add(
                prime.to_string(),
                Coefficient::integer(direction * i64::from(times)),
            )?;
        }
    }
    let mut units = Polynomial::default();
    for (atom, exponent) in monomial {
        let above = BigInt::from(*exponent.numer());
        let exponent = Coefficient::Exact(BigRational::new(above, BigInt::from(*exponent.denom())));
        match atom {
            Atom::Prime(prime) => add(prime.to_string(), exponent)?,
            Atom::Symbol(letter) if letter == "e" && name == "ln" => {
                units = units.plus(&Polynomial::number(exponent)).ok()?;
            }
            _ => return None,
        }
    }
    Some(sum.plus(&units).ok()?.into())
}

fn binomial(n: &Quotient, k: &Quotient) -> Option<Quotient> {
    let whole = |of: &Quotient| {
        of.as_rational()
            .filter(|one| one.denom().is_one())?
            .numer()
            .to_u32()
    };
    let (n, k) = (whole(n)?, whole(k)?);
    if n > MOST_FACTORIAL || k > n {
        return None;
    }
    let ways = (0..k).fold(BigInt::one(), |ways, step| ways * (n - step) / (step + 1));
    Some(Quotient::number(Coefficient::Exact(
        BigRational::from_integer(ways),
    )))
}
