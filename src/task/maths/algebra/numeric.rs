//! Values at points, for what the exact form cannot decide.
//!
//! A difference that is below 1e-9 of its largest part at eight points, positive, negative and complex, counts as zero. That is
//! no proof; it is used only where an opaque atom is left.

use super::expression::{Expression, PI};
use num_complex::Complex64;

const TOLERANCE: f64 = 1e-9;

/// Whether the expression is nearly zero wherever it was tried, and could be tried somewhere.
pub fn vanishes(expression: &Expression) -> bool {
    let mut tried = 0;
    for point in 0..8 {
        let mut largest = 1e-3;
        let value = value(expression, point, &mut largest);
        if !value.re.is_finite() || !value.im.is_finite() {
            continue;
        }
        if value.norm() > TOLERANCE * largest {
            return false;
        }
        tried += 1;
    }
    tried >= 4
}

/// What a letter stands for at a point: mostly real and positive, then negative, then complex.
fn letter(name: &str, point: u64) -> Complex64 {
    let unit = |salt| spread(name, point * 31 + salt);
    match point {
        0..=3 => Complex64::new(0.2 + 3.0 * unit(1), 0.0),
        4..=5 => Complex64::new(-0.2 - 2.0 * unit(2), 0.0),
        _ => Complex64::new(2.0 * unit(3) - 1.0, 0.1 + unit(4)),
    }
}

/// A number in [0, 1) that depends on the name and the salt alone (FNV-1a).
fn spread(name: &str, salt: u64) -> f64 {
    let bytes = name.bytes().chain(salt.to_le_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let high = u32::try_from(hash >> 32).unwrap_or_default();
    f64::from(high) / 4_294_967_296.0
}

fn value(expression: &Expression, point: u64, largest: &mut f64) -> Complex64 {
    let mut of = |part: &Expression| value(part, point, largest);
    match expression {
        Expression::Number(number) => number.to_f64().into(),
        Expression::Symbol(name) if name == PI => std::f64::consts::PI.into(),
        Expression::Symbol(name) if name == "e" => std::f64::consts::E.into(),
        Expression::Symbol(name) => letter(name, point),
        Expression::Sum(parts) => {
            let values: Vec<Complex64> = parts.iter().map(of).collect();
            for value in &values {
                if value.norm().is_finite() {
                    *largest = largest.max(value.norm());
                }
            }
            values.into_iter().sum()
        }
        Expression::Product(parts) => parts.iter().map(of).product(),
        Expression::Over(above, below) => of(above) / of(below),
        Expression::Power(base, exponent) => power(of(base), of(exponent)),
        Expression::Negative(part) => -of(part),
        Expression::Root(part, degree) => root(of(part), *degree),
        Expression::Factorial(part) => unknown("factorial", &[of(part)]),
        Expression::Call(name, parts) => {
            let values: Vec<Complex64> = parts.iter().map(of).collect();
            function(name, &values)
        }
    }
}

fn power(base: Complex64, exponent: Complex64) -> Complex64 {
    if exponent.im == 0.0 && exponent.re.fract() == 0.0 && exponent.re.abs() < 1e4 {
        #[allow(clippy::cast_possible_truncation)]
        return base.powi(exponent.re as i32);
    }
    base.powc(exponent)
}

fn root(of: Complex64, degree: u32) -> Complex64 {
    if of.im == 0.0 && of.re < 0.0 && degree % 2 == 1 {
        return (-(-of.re).powf(1.0 / f64::from(degree))).into();
    }
    // A root of a negative real is above the axis whatever the sign of its zero imaginary part.
    let of = Complex64::new(of.re, of.im + 0.0);
    of.powf(1.0 / f64::from(degree))
}

fn function(name: &str, arguments: &[Complex64]) -> Complex64 {
    let one = Complex64::new(1.0, 0.0);
    match (name, arguments) {
        ("sin", [x]) => x.sin(),
        ("cos", [x]) => x.cos(),
        ("tan", [x]) => x.tan(),
        ("cot", [x]) => one / x.tan(),
        ("sec", [x]) => one / x.cos(),
        ("csc", [x]) => one / x.sin(),
        ("arcsin", [x]) => x.asin(),
        ("arccos", [x]) => x.acos(),
        ("arctan", [x]) => x.atan(),
        ("sinh", [x]) => x.sinh(),
        ("cosh", [x]) => x.cosh(),
        ("tanh", [x]) => x.tanh(),
        ("exp", [x]) => x.exp(),
        ("ln", [x]) => x.ln(),
        ("log", [x]) => x.ln() / std::f64::consts::LN_10,
        ("log", [x, base]) => x.ln() / base.ln(),
        ("abs", [x]) => x.norm().into(),
        ("floor", [x]) => x.re.floor().into(),
        ("ceil", [x]) => x.re.ceil().into(),
        _ => unknown(name, arguments),
    }
}

/// Some function of that name: equal arguments give equal values, others hardly ever.
fn unknown(name: &str, arguments: &[Complex64]) -> Complex64 {
    let start = Complex64::new(spread(name, 7), 0.3);
    let mix = |sum: Complex64, argument: &Complex64| sum * 1.7 + (argument * 0.9 + 0.4).cos();
    arguments.iter().fold(start, mix)
}
