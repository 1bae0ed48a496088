//! Grading as Multiagent Finetuning's program does it (Subramaniam et al. 2025, arXiv 2501.05707), its errors included.
//!
//! First the strings under MATH's normaliser, then under that of the PRM800K grader, then, element by element, whole numbers,
//! unreduced fractions (wrong on purpose) and a symbolic difference. Numbers published with that program were counted so.

mod latex;
mod latex_symbols;
mod letters;
mod mathd;
mod numbers;
mod plain;
mod symbolic;

pub use mathd::normal as normal_mathd;
pub use plain::normal as normal_plain;

use super::Rule;

/// Whether the given answer counts, and the rule that said so.
#[must_use]
pub fn verdict(given: Option<&str>, truth: Option<&str>) -> (bool, Rule) {
    let Some(given) = given else {
        return (false, Rule::None);
    };
    let Some(truth) = truth else {
        return (false, Rule::None);
    };
    if mathd::normal(given) == mathd::normal(truth) {
        return (true, Rule::Mathd);
    }
    let (given, truth) = (plain::normal(given), plain::normal(truth));
    if given == truth {
        return (true, Rule::Norm);
    }
    if given.is_empty() {
        return (false, Rule::Empty);
    }
    elements(&given, &truth)
}

fn elements(given: &str, truth: &str) -> (bool, Rule) {
    let truths = split(truth);
    let givens = split(given);
    let ends = |text: &str| (text.chars().next(), text.chars().next_back());
    if truths.len() > 1 && ends(given) != ends(truth) {
        return (false, Rule::Bracket);
    }
    if truths.len() != givens.len() {
        return (false, Rule::Arity);
    }
    let mut verdict = (false, Rule::Arity);
    for (truth, given) in truths.iter().zip(&givens) {
        verdict = element(given, truth);
        if !verdict.0 {
            break;
        }
    }
    verdict
}

fn element(given: &str, truth: &str) -> (bool, Rule) {
    if numbers::is_fraction(truth) && numbers::is_fraction(given) {
        return (truth == given, Rule::Frac);
    }
    if numbers::is_integer(truth) != numbers::is_integer(given) {
        return (false, Rule::Int);
    }
    symbolic::verdict(given, truth)
}

/// The elements of a tuple or an interval without brackets inside; else the text itself.
fn split(text: &str) -> Vec<String> {
    let text = numbers::without_commas(text);
    let letters: Vec<char> = text.chars().collect();
    let is_bracket = |letter: &char| "()[]".contains(*letter);
    match letters.as_slice() {
        [] => Vec::new(),
        [first, inside @ .., last]
            if !inside.is_empty()
                && is_bracket(first)
                && is_bracket(last)
                && !inside.iter().any(is_bracket) =>
        {
            let inside: String = inside.iter().collect();
            inside
                .split(',')
                .map(|part| part.trim().to_owned())
                .collect()
        }
        _ => vec![text],
    }
}

#[cfg(test)]
mod tests;
