//! Number syntax as Python's `float()` has it, and what the original makes of commas.

use num_bigint::BigInt;
use num_rational::BigRational;

/// How near to a whole number counts as one.
const NEAR: f64 = 1e-7;

/// The float a text stands for: signs, `_` between digits, exponents, infinities.
pub fn float(text: &str) -> Option<f64> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    let negative = text.starts_with('-');
    let signed = |value: f64| if negative { -value } else { value };
    match lower.as_str() {
        "inf" | "infinity" => return Some(signed(f64::INFINITY)),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    let bytes = lower.as_bytes();
    let is_digit = |at: Option<&u8>| at.is_some_and(u8::is_ascii_digit);
    for (at, byte) in bytes.iter().enumerate() {
        let fits = match byte {
            b'0'..=b'9' | b'.' | b'e' => true,
            b'+' | b'-' => at > 0 && bytes[at - 1] == b'e',
            b'_' => at > 0 && is_digit(bytes.get(at - 1)) && is_digit(bytes.get(at + 1)),
            _ => false,
        };
        if !fits {
            return None;
        }
    }
    lower.replace('_', "").parse().ok().map(signed)
}

/// The nearest whole number, where it is as near as the original demands.
pub fn near_integer(value: f64) -> Option<BigInt> {
    let rounded = value.round_ties_even();
    if !value.is_finite() || (value - rounded).abs() > NEAR {
        return None;
    }
    whole(rounded)
}

/// The whole part of a float, exactly.
pub fn whole(value: f64) -> Option<BigInt> {
    BigRational::from_float(value.trunc()).map(|value| value.to_integer())
}

/// Whether a text is a whole number, thousands commas allowed.
pub fn is_integer(text: &str) -> bool {
    float(&without_commas(text))
        .and_then(near_integer)
        .is_some()
}

/// A text without well-formed thousands commas: a digit before, exactly three digits behind.
pub fn without_commas(text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    loop {
        let before = letters.len();
        let mut at = 1;
        while at < letters.len() {
            if is_thousands(&letters, at) {
                letters.remove(at);
                // As one pass of a regular expression: it goes on behind what it matched.
                at += 4;
            } else {
                at += 1;
            }
        }
        if letters.len() == before {
            return letters.into_iter().collect();
        }
    }
}

fn is_thousands(letters: &[char], at: usize) -> bool {
    let is_digit = |at: usize| letters.get(at).is_some_and(char::is_ascii_digit);
    letters[at] == ','
        && is_digit(at - 1)
        && (1..=3).all(|step| is_digit(at + step))
        && !is_digit(at + 4)
}

/// The original's pattern of a fraction: `-12/34`, with one stray character allowed behind either number.
pub fn is_fraction(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let below = unsigned.trim_start_matches(|letter: char| letter.is_ascii_digit());
    if below.len() == unsigned.len() {
        return false;
    }
    let mut stray = below.chars();
    stray.next();
    [Some(below), Some(stray.as_str())]
        .into_iter()
        .flatten()
        .filter_map(|rest| rest.strip_prefix('/'))
        .any(|below| {
            let below = below.trim_start_matches('0');
            let rest = below.trim_start_matches(|letter: char| letter.is_ascii_digit());
            rest.len() < below.len() && rest.chars().count() <= 1
        })
}
