//! Sums of small numbers.

use super::draw::Draw;
use super::{Draft, fill};
use crate::task::set::Kind;
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    sum: Plain,
    difference: Plain,
    product: Product,
    remainder: Remainder,
    comparison: Plain,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    share: usize,
    question: String,
    most: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Product {
    share: usize,
    question: String,
    most: usize,
    plus: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remainder {
    share: usize,
    question: String,
    most: usize,
    divisors: Vec<usize>,
}

impl Spec {
    pub(super) fn draft(&self, draw: &mut Draw) -> Draft {
        let shares = [
            self.sum.share,
            self.difference.share,
            self.product.share,
            self.remainder.share,
            self.comparison.share,
        ];
        match draw.weighted(&shares) {
            0 => {
                let (a, b) = self.sum.pair(draw);
                // Turned round it is the same sum.
                asked("sum", &self.sum.question, [a, b, 0], a + b).keyed(format!(
                    "{}+{}",
                    a.min(b),
                    a.max(b)
                ))
            }
            1 => {
                let (a, b) = self.difference.pair(draw);
                let (a, b) = (a.max(b), a.min(b));
                asked("difference", &self.difference.question, [a, b, 0], a - b)
            }
            2 => {
                let (a, b) = (
                    draw.between(0, self.product.most),
                    draw.between(0, self.product.most),
                );
                let c = draw.between(0, self.product.plus);
                asked("product", &self.product.question, [a, b, c], a * b + c).keyed(format!(
                    "{}*{}+{c}",
                    a.min(b),
                    a.max(b)
                ))
            }
            3 => {
                let a = draw.between(0, self.remainder.most);
                let b = draw.pick(&self.remainder.divisors).map_or(1, |&b| b.max(1));
                asked("remainder", &self.remainder.question, [a, b, 0], a % b)
            }
            _ => {
                let (a, b) = self.comparison.pair(draw);
                let b = if a == b { a + 1 } else { b };
                asked("comparison", &self.comparison.question, [a, b, 0], a.max(b)).keyed(format!(
                    "{} {}",
                    a.min(b),
                    a.max(b)
                ))
            }
        }
    }

    pub(super) fn texts(&self) -> Vec<String> {
        let questions = [
            &self.sum.question,
            &self.difference.question,
            &self.product.question,
            &self.remainder.question,
            &self.comparison.question,
        ];
        questions.map(|question| blank(question)).to_vec()
    }
}

impl Plain {
    fn pair(&self, draw: &mut Draw) -> (usize, usize) {
        (draw.between(0, self.most), draw.between(0, self.most))
    }
}

fn asked(name: &'static str, template: &str, [a, b, c]: [usize; 3], answer: usize) -> Draft {
    let [a, b, c] = [a, b, c].map(|number| number.to_string());
    let question = fill(template, &[("a", &a), ("b", &b), ("c", &c)]);
    Draft::new(name, Kind::Number, question, answer.to_string())
}

fn blank(question: &str) -> String {
    fill(question, &[("a", "0"), ("b", "0"), ("c", "0")])
}
