//! Whether two answers are mathematically the same.
//!
//! An answer is read as what it is: a number or an expression, an equation, a tuple or an interval, a set, a list, a matrix,
//! words. Values are compared exactly; sets and lists joined by "or" without order. What cannot be read is compared as a
//! text without spaces and case; it is never guessed.

mod answer;
mod compare;
mod parse;
mod token;

use super::Rule;

/// Longer answers, in bytes, are compared as texts alone.
const MOST_LENGTH: usize = 2_000;

/// What may be asked beyond equality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demands {
    /// A fraction of whole numbers that can be cancelled is wrong.
    pub reduced: bool,
}

/// Whether the given answer counts as the true one.
#[must_use]
pub fn verdict(given: Option<&str>, truth: Option<&str>, demands: Demands) -> (bool, Rule) {
    let (Some(given), Some(truth)) = (given, truth) else {
        return (false, Rule::None);
    };
    let (given, truth) = (token::bare(given), token::bare(truth));
    if token::same_text(given, truth) {
        return (true, Rule::Norm);
    }
    if given.is_empty() || truth.is_empty() {
        return (false, Rule::Empty);
    }
    if given.len().max(truth.len()) > MOST_LENGTH {
        return (false, Rule::Error);
    }
    match (answer::read(given), answer::read(truth)) {
        (Some(given), Some(truth)) => (compare::same(&given, &truth, demands), Rule::Exact),
        _ => (false, Rule::Error),
    }
}

#[cfg(test)]
mod tests;
