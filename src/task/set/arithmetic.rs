//! Arithmetic as multi-agent debate tests it (Du et al. 2023): `a+b*c+d-e*f` of six integers below 30.

use super::{Format, Item, Kind, Split};
use crate::task::random::Mersenne;
use std::path::Path;

/// How many problems each part of a set has.
const COUNT: usize = 500;
/// Numbers are below it.
const BELOW: u32 = 30;
const WORD: &str = "arithmetic";

/// The seed, where the path names the generator: `arithmetic` is the original's, 0.
pub(super) fn seed(path: &Path, format: Option<Format>) -> Option<u32> {
    let text = path.to_str()?;
    let rest = text.strip_prefix(WORD)?;
    let is_wanted = format.is_none_or(|format| format == Format::Arithmetic) && !path.exists();
    if !is_wanted {
        return None;
    }
    match rest.strip_prefix(':') {
        Some(seed) => seed.parse().ok(),
        None => rest.is_empty().then_some(0),
    }
}

/// The problems of a part of a seed's set: the first ones for the test, the next ones for choosing, so that they are disjoint.
pub(super) fn part(seed: u32, split: Split) -> Vec<Item> {
    let mut items = arithmetic(seed, 2 * COUNT);
    match split {
        Split::Test => items.truncate(COUNT),
        Split::Dev => drop(items.drain(..COUNT)),
    }
    items
}

/// The first problems of a seed; those of seed 0 are the original's.
#[must_use]
pub fn arithmetic(seed: u32, count: usize) -> Vec<Item> {
    let mut random = Mersenne::scalar(seed);
    (1..=count)
        .map(|number| {
            let [a, b, c, d, e, f] = std::array::from_fn(|_| i64::from(random.masked_below(BELOW)));
            Item {
                id: format!("{WORD}/{seed}/{number}"),
                domain: WORD.to_owned(),
                question: format!("What is the result of {a}+{b}*{c}+{d}-{e}*{f}?"),
                choices: Vec::new(),
                answer: (a + b * c + d - e * f).to_string(),
                kind: Kind::Number,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_zero_gives_the_originals_problems() {
        let items = arithmetic(0, 6);
        let answers: Vec<&str> = items.iter().map(|item| item.answer.as_str()).collect();
        assert_eq!(answers, ["246", "-293", "-122", "-283", "30", "310"]);
        assert_eq!(items[0].question, "What is the result of 12+15*21+0-3*27?");
        let parts = [Split::Test, Split::Dev].map(|split| part(0, split));
        assert_eq!(parts.each_ref().map(Vec::len), [COUNT, COUNT]);
        assert_eq!(parts[0][..6], items);
        assert_eq!(parts[1][0].id, "arithmetic/0/501");
        assert_ne!(arithmetic(1, 6)[0].question, items[0].question);
    }
}
