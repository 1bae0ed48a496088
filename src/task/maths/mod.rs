//! Answers to mathematical questions: read out of a text, compared, voted on.
//!
//! Two modes throughout: `Compat` does what the program of Multiagent Finetuning (Subramaniam et al. 2025, arXiv 2501.05707)
//! does, with its errors, so that published numbers can be met; `Strict` says what is mathematically so.

pub mod algebra;
pub mod compat;
mod extract;
pub mod strict;
mod vote;

pub use extract::{boxed, extract};
pub use vote::{Ballot, Tally, Ties, vote};

use serde::{Deserialize, Serialize};

/// Whose rules hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The original program's, its errors included.
    Compat,
    /// What is mathematically so.
    #[default]
    Strict,
}

/// Which rule decided, in the words of the original's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// An answer is missing.
    None,
    /// Equal under MATH's normaliser.
    Mathd,
    /// Equal under the PRM800K normaliser.
    Norm,
    /// The given answer has no text.
    Empty,
    /// Tuples or intervals with other ends.
    Bracket,
    /// Another number of elements.
    Arity,
    /// Two fractions, compared as strings.
    Frac,
    /// One is a whole number and the other is not written as one.
    Int,
    /// The symbolic difference.
    Cas,
    /// Not given to the symbolic test: too many letters, or exponents it may not read.
    Blocked,
    /// The symbolic test could not read it.
    Error,
    /// Decided by the strict reading.
    Exact,
}

/// Whether the given answer counts as the true one.
#[must_use]
pub fn grade(given: Option<&str>, truth: Option<&str>, mode: Mode) -> bool {
    verdict(given, truth, mode).0
}

/// The same with the rule that decided.
#[must_use]
pub fn verdict(given: Option<&str>, truth: Option<&str>, mode: Mode) -> (bool, Rule) {
    match mode {
        Mode::Compat => compat::verdict(given, truth),
        Mode::Strict => strict::verdict(given, truth, strict::Demands::default()),
    }
}
