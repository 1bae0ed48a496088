//! The text that asks an agent to combine the answers of others. A file under `data/prompts/`, compiled in, replaceable.

use std::collections::BTreeMap;

const AGGREGATE: &str = include_str!("../../data/prompts/moa-aggregate.txt");

/// The text a council uses unless its preset brings its own.
#[must_use]
pub fn aggregate() -> &'static str {
    AGGREGATE.trim_end()
}

/// Which text introduces the answers of the round before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prompts {
    /// For all rounds and the aggregator.
    pub everywhere: Option<String>,
    /// For the references of a round (from 2).
    pub by_round: BTreeMap<u16, String>,
}

impl Prompts {
    /// The text for the references of `round`, or for the aggregator when none is given.
    #[must_use]
    pub fn text(&self, round: Option<u16>) -> &str {
        round
            .and_then(|round| self.by_round.get(&round))
            .or(self.everywhere.as_ref())
            .map_or(aggregate(), |text| text.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_may_have_its_own_text() {
        let prompts = Prompts {
            everywhere: Some("All.\n".into()),
            by_round: BTreeMap::from([(2, "Two.".into())]),
        };
        assert_eq!(prompts.text(Some(2)), "Two.");
        assert_eq!(prompts.text(Some(3)), "All.");
        assert_eq!(prompts.text(None), "All.");
        assert_eq!(Prompts::default().text(None), aggregate());
    }

    #[test]
    fn the_default_text_says_what_the_method_needs() {
        let text = aggregate();
        for needed in [
            "open-source",
            "most recent message",
            "critical",
            "wrong",
            "Do not just copy",
            "accurate",
            "coherent",
            "reliability",
        ] {
            assert!(text.contains(needed), "{needed}");
        }
        assert!(!text.ends_with(char::is_whitespace));
    }
}
