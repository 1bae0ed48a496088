//! Whether two answers that were read are the same.

use super::super::algebra::{Expression, Reading, is_zero, quotient};
use super::Demands;
use super::answer::Answer;
use super::parse::{is_unreduced, literal};
use num_rational::BigRational;
use num_traits::Signed;

/// A decimal this near to a whole number is that number, rounded (the original's bound).
const NEAR: (i64, i64) = (1, 10_000_000);
/// Names that may be shortened to three letters.
const ABBREVIATED: [&str; 18] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// Sets beyond this are compared in order.
const MOST_MATCHED: usize = 60;

/// Whether the answers are the same.
#[must_use]
pub fn same(given: &Answer, truth: &Answer, demands: Demands) -> bool {
    let is_same = |a: &Answer, b: &Answer| same(a, b, demands);
    match (given, truth) {
        (Answer::Value(a), Answer::Value(b)) => values(a, b, demands),
        (Answer::Words(a), Answer::Words(b)) => {
            a == b || is_abbreviation(a, b) || is_abbreviation(b, a)
        }
        (Answer::Numeral(a, base), Answer::Numeral(b, other)) => a == b && base == other,
        (Answer::Assigned(a, left), Answer::Assigned(b, right)) => a == b && is_same(left, right),
        (Answer::Assigned(_, part), other) | (other, Answer::Assigned(_, part))
            if !matches!(other, Answer::Chain(..)) =>
        {
            is_same(part, other)
        }
        (Answer::Chain(a, signs), Answer::Chain(b, others)) => chains(a, signs, b, others),
        (Answer::Tuple(open, a, close), Answer::Tuple(other_open, b, other_close)) => {
            open == other_open && close == other_close && in_order(a, b, is_same)
        }
        (Answer::Matrix(kind, a), Answer::Matrix(other, b)) => {
            kind == other
                && a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| in_order(a, b, is_same))
        }
        (Answer::List(a), Answer::List(b)) | (Answer::Ratio(a), Answer::Ratio(b)) => {
            in_order(a, b, is_same)
        }
        (Answer::Union(a), Answer::Union(b)) => in_any_order(a, b, is_same),
        (
            Answer::Set(a) | Answer::Choice(a),
            Answer::Set(b) | Answer::Choice(b) | Answer::List(b),
        )
        | (Answer::List(a), Answer::Set(b) | Answer::Choice(b)) => in_any_order(a, b, is_same),
        (Answer::Set(one), other) | (other, Answer::Set(one)) => match one.as_slice() {
            [only] => is_same(only, other),
            _ => false,
        },
        _ => false,
    }
}

fn in_order(a: &[Answer], b: &[Answer], is_same: impl Fn(&Answer, &Answer) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
}

/// Each has its like among the others.
fn in_any_order(a: &[Answer], b: &[Answer], is_same: impl Fn(&Answer, &Answer) -> bool) -> bool {
    if a.len() > MOST_MATCHED || b.len() > MOST_MATCHED {
        return in_order(a, b, is_same);
    }
    let within = |some: &[Answer], all: &[Answer]| {
        some.iter()
            .all(|one| all.iter().any(|other| is_same(one, other)))
    };
    within(a, b) && within(b, a)
}

fn values(a: &Expression, b: &Expression, demands: Demands) -> bool {
    if demands.reduced && a != b && (is_unreduced(a) || is_unreduced(b)) {
        return false;
    }
    is_near(a, b) || vanishes(a.clone().minus(b.clone()))
}

fn vanishes(expression: Expression) -> bool {
    let reading = Reading { imaginary_i: true };
    matches!(is_zero(&expression, reading), Ok(true))
}

/// A decimal beside the whole number it was to be.
fn is_near(a: &Expression, b: &Expression) -> bool {
    let (Some(a), Some(b)) = (literal(a), literal(b)) else {
        return false;
    };
    let near = BigRational::new(NEAR.0.into(), NEAR.1.into());
    a.is_integer() != b.is_integer() && (a - b).abs() <= near
}

/// Equations are the same when one is a multiple of the other; other chains part by part, from either end.
fn chains(a: &[Expression], signs: &[char], b: &[Expression], others: &[char]) -> bool {
    if let ([left, right], ['='], [other_left, other_right], ['=']) = (a, signs, b, others) {
        return is_multiple(
            left.clone().minus(right.clone()),
            other_left.clone().minus(other_right.clone()),
        );
    }
    let parts = |b: &[Expression]| {
        a.len() == b.len()
            && a.iter()
                .zip(b)
                .all(|(a, b)| vanishes(a.clone().minus(b.clone())))
    };
    let backwards: Vec<Expression> = b.iter().rev().cloned().collect();
    let turned: Vec<char> = others.iter().rev().map(|sign| turned(*sign)).collect();
    (signs == others && parts(b)) || (signs == turned && parts(&backwards))
}

fn turned(sign: char) -> char {
    match sign {
        '<' => '>',
        '>' => '<',
        '≤' => '≥',
        '≥' => '≤',
        other => other,
    }
}

fn is_multiple(a: Expression, b: Expression) -> bool {
    let (Ok(above), Ok(below)) = (quotient(&a), quotient(&b)) else {
        return false;
    };
    if above.is_zero() || below.is_zero() {
        return above.is_zero() && below.is_zero();
    }
    // p/q is a number c when p = c·q; the first terms tell which one it must be.
    let (Some((_, first)), Some((_, second))) =
        (above.num.terms().next(), below.num.terms().next())
    else {
        return false;
    };
    let Some(inverse) = second.inverse() else {
        return false;
    };
    let factor = Expression::Number(first.times(&inverse));
    vanishes(a.minus(Expression::Product(vec![factor, b])))
}

fn is_abbreviation(short: &str, long: &str) -> bool {
    short.len() == 3 && ABBREVIATED.contains(&long) && long.starts_with(short)
}
