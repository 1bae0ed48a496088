//! The texts of the graph's agents. Files under `data/prompts/`, compiled in, replaceable by name from a preset.

use std::collections::BTreeMap;

const TEXTS: [(&str, &str); 20] = [
    (
        "answer",
        include_str!("../../../data/prompts/graph-answer.txt"),
    ),
    (
        "adversary",
        include_str!("../../../data/prompts/graph-adversary.txt"),
    ),
    (
        "specialist",
        include_str!("../../../data/prompts/graph-specialist.txt"),
    ),
    (
        "professions",
        include_str!("../../../data/prompts/graph-professions.txt"),
    ),
    (
        "peers",
        include_str!("../../../data/prompts/graph-peers.txt"),
    ),
    (
        "think",
        include_str!("../../../data/prompts/graph-think.txt"),
    ),
    (
        "conclude",
        include_str!("../../../data/prompts/graph-conclude.txt"),
    ),
    (
        "outline",
        include_str!("../../../data/prompts/graph-outline.txt"),
    ),
    (
        "branch",
        include_str!("../../../data/prompts/graph-branch.txt"),
    ),
    (
        "combine",
        include_str!("../../../data/prompts/graph-combine.txt"),
    ),
    (
        "reflect",
        include_str!("../../../data/prompts/graph-reflect.txt"),
    ),
    (
        "again",
        include_str!("../../../data/prompts/graph-again.txt"),
    ),
    (
        "references",
        include_str!("../../../data/prompts/graph-references.txt"),
    ),
    (
        "consistent",
        include_str!("../../../data/prompts/graph-consistent.txt"),
    ),
    ("best", include_str!("../../../data/prompts/graph-best.txt")),
    (
        "formulate",
        include_str!("../../../data/prompts/graph-formulate.txt"),
    ),
    (
        "propose",
        include_str!("../../../data/prompts/crosswords-propose.txt"),
    ),
    (
        "value",
        include_str!("../../../data/prompts/crosswords-value.txt"),
    ),
    (
        "check",
        include_str!("../../../data/prompts/crosswords-check.txt"),
    ),
    (
        "suggest",
        include_str!("../../../data/prompts/crosswords-suggest.txt"),
    ),
];

/// The texts of one council.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prompts {
    own: BTreeMap<String, String>,
}

impl Prompts {
    /// With the preset's own texts over the built-in ones.
    ///
    /// # Errors
    ///
    /// When a text has a name that no agent uses.
    pub fn new(own: BTreeMap<String, String>) -> Result<Prompts, String> {
        match own.keys().find(|name| builtin(name).is_none()) {
            Some(name) => {
                let known: Vec<&str> = TEXTS.iter().map(|(known, _)| *known).collect();
                Err(format!(
                    "prompts: \"{name}\" is not known; known: {}",
                    known.join(", ")
                ))
            }
            None => Ok(Prompts { own }),
        }
    }

    /// A text by name; empty when there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        let own = self.own.get(name).map(String::as_str);
        own.or_else(|| builtin(name)).unwrap_or_default().trim_end()
    }

    /// The persona of a specialist: the professions one after another.
    #[must_use]
    pub fn specialist(&self, rank: usize) -> String {
        let professions: Vec<&str> = self.text("professions").lines().collect();
        let profession = professions.get(rank % professions.len().max(1));
        let profession = profession.copied().unwrap_or("an expert");
        self.text("specialist").replace("{profession}", profession)
    }
}

fn builtin(name: &str) -> Option<&'static str> {
    let found = TEXTS.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_replaces_texts_by_name() {
        let own = BTreeMap::from([("peers".to_owned(), "Beware.\n".to_owned())]);
        let prompts = Prompts::new(own).unwrap();
        assert_eq!(prompts.text("peers"), "Beware.");
        assert_eq!(prompts.text("think"), Prompts::default().text("think"));
        let odd = BTreeMap::from([("piers".to_owned(), String::new())]);
        assert!(
            Prompts::new(odd)
                .unwrap_err()
                .contains("\"piers\" is not known")
        );
    }

    #[test]
    fn specialists_differ() {
        let prompts = Prompts::default();
        assert_eq!(prompts.text("professions").lines().count(), 20);
        assert!(
            prompts
                .specialist(0)
                .starts_with("You are a mathematician.")
        );
        assert_ne!(prompts.specialist(0), prompts.specialist(1));
        assert_eq!(prompts.specialist(0), prompts.specialist(20));
    }
}
