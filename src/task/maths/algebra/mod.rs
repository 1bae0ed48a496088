//! A small exact algebra: are two expressions the same value?
//!
//! Sums of products of rational powers of primes, of the imaginary unit and of symbols, over such sums. Different products of
//! prime powers with exponents in [0, 1) are linearly independent over the rationals (Besicovitch 1940), so a difference is zero
//! exactly when no term is left. What the form cannot hold (nested roots, sines) is an opaque atom, and only then numbers
//! decide: eight points, real and complex. Sizes are bounded, so text of a model cannot make it run for long.

mod coefficient;
mod expression;
mod numeric;
mod polynomial;
mod quotient;
mod root;

pub use coefficient::Coefficient;
pub use expression::{Expression, Reading, is_zero, quotient};
pub use polynomial::Atom;
pub use quotient::Quotient;

/// Why an expression has no value here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AlgebraError {
    #[error("division by zero")]
    DivisionByZero,
    #[error("the expression is too large to be expanded")]
    TooLarge,
}
