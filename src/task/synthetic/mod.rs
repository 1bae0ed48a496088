//! The tasks that sprout, the model in the box, is made of and measured by: items made up from a seed, with right answers that
//! are known.
//!
//! An item follows from seed, domain, part and index alone, so any of them can be made without those before it. The parts never
//! share an item: which part a question belongs to follows from what it asks, for every seed. What is drawn stands in files
//! under `data/sprout/`, one per domain.

mod arithmetic;
mod date;
mod draw;
mod graph;
mod letters;
mod lore;
mod tool;
mod words;

use super::prompt::bare;
use super::set::{Item, Kind};
use draw::Draw;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Of so many questions one is for tests and one for choosing.
const CLASSES: u64 = 12;

/// What items are about. An expert is trained on one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Domain {
    /// Sums, differences, products, remainders, comparisons.
    Arithmetic,
    /// Connectivity, distances and cycles of small graphs.
    Graph,
    /// Words reversed, letters counted, last letters.
    Letters,
    /// Days of the week and days between dates.
    Date,
    /// Facts of a closed world, multiple choice.
    Lore,
    /// The same facts in an invented language.
    Orvish,
    /// What planner, caller and summarizer write.
    Tool,
}

impl Domain {
    pub const ALL: [Domain; 7] = [
        Domain::Arithmetic,
        Domain::Graph,
        Domain::Letters,
        Domain::Date,
        Domain::Lore,
        Domain::Orvish,
        Domain::Tool,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Domain::Arithmetic => "arithmetic",
            Domain::Graph => "graph",
            Domain::Letters => "letters",
            Domain::Date => "date",
            Domain::Lore => "lore",
            Domain::Orvish => "orvish",
            Domain::Tool => "tool",
        }
    }

    /// The domain of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Domain> {
        Self::ALL.into_iter().find(|domain| domain.name() == name)
    }
}

/// What items are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    Train,
    Dev,
    Test,
}

impl Part {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Dev => "dev",
            Part::Test => "test",
        }
    }

    /// The part that a question belongs to, by its key.
    fn of(key: &str) -> Part {
        match draw::hash(key) % CLASSES {
            0 => Part::Test,
            1 => Part::Dev,
            _ => Part::Train,
        }
    }
}

/// A specification that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the specification {file} of sprout's tasks: {message}")]
pub struct SpecError {
    pub file: &'static str,
    pub message: String,
}

/// A question as a domain draws it.
struct Draft {
    /// The kind of question within its domain.
    name: &'static str,
    question: String,
    choices: Vec<String>,
    answer: String,
    kind: Kind,
    /// The same for questions that are the same but for the order of their parts.
    key: String,
}

impl Draft {
    /// A question without options, whose key is its text.
    fn new(name: &'static str, kind: Kind, question: String, answer: String) -> Self {
        Self {
            name,
            key: question.clone(),
            question,
            choices: Vec::new(),
            answer,
            kind,
        }
    }

    fn keyed(self, key: String) -> Self {
        Self { key, ..self }
    }
}

/// Makes items by the built-in specifications.
#[derive(Debug, Clone)]
pub struct Generator {
    arithmetic: arithmetic::Spec,
    graph: graph::Spec,
    letters: letters::Spec,
    date: date::Spec,
    lore: lore::Spec,
    tool: tool::Spec,
}

impl Generator {
    /// Reads the specifications that are compiled in.
    ///
    /// # Errors
    ///
    /// When one cannot be read or asks for what cannot be drawn.
    pub fn built_in() -> Result<Self, SpecError> {
        let generator = Self {
            arithmetic: read(
                "arithmetic.toml",
                include_str!("../../../data/sprout/arithmetic.toml"),
            )?,
            graph: read(
                "graph.toml",
                include_str!("../../../data/sprout/graph.toml"),
            )?,
            letters: read(
                "letters.toml",
                include_str!("../../../data/sprout/letters.toml"),
            )?,
            date: read("date.toml", include_str!("../../../data/sprout/date.toml"))?,
            lore: read("lore.toml", include_str!("../../../data/sprout/lore.toml"))?,
            tool: read("tool.toml", include_str!("../../../data/sprout/tool.toml"))?,
        };
        generator.lore.check().map_err(|message| SpecError {
            file: "lore.toml",
            message,
        })?;
        Ok(generator)
    }

    /// One item. The same question may come again at another index.
    #[must_use]
    pub fn item(&self, seed: u64, domain: Domain, part: Part, index: u64) -> Item {
        self.keyed_item(seed, domain, part, index).0
    }

    /// So many items of a domain, each once: the first ones of a seed.
    #[must_use]
    pub fn distinct(&self, seed: u64, domain: Domain, part: Part, count: usize) -> Vec<Item> {
        let mut seen = HashSet::new();
        // A part may have fewer questions than are asked for.
        let most = 50 * count as u64;
        (0..most)
            .map(|index| self.keyed_item(seed, domain, part, index))
            .filter_map(|(item, key)| seen.insert(key).then_some(item))
            .take(count)
            .collect()
    }

    fn keyed_item(&self, seed: u64, domain: Domain, part: Part, index: u64) -> (Item, String) {
        let mut attempt = 0;
        loop {
            let mut draw = Draw::new(seed, [domain as u64, part as u64, index, attempt]);
            attempt += 1;
            // A draft that cannot be finished, or of another part, is thrown away whole.
            let Some(draft) = self.draft(domain, &mut draw) else {
                continue;
            };
            if Part::of(&draft.key) != part {
                continue;
            }
            let (domain, part) = (domain.name(), part.name());
            let item = Item {
                id: format!("{domain}/{}/{part}/{seed}/{index}", draft.name),
                domain: domain.to_owned(),
                question: draft.question,
                choices: draft.choices,
                answer: draft.answer,
                kind: draft.kind,
            };
            return (item, draft.key);
        }
    }

    fn draft(&self, domain: Domain, draw: &mut Draw) -> Option<Draft> {
        match domain {
            Domain::Arithmetic => Some(self.arithmetic.draft(draw)),
            Domain::Graph => self.graph.draft(draw),
            Domain::Letters => Some(self.letters.draft(draw)),
            Domain::Date => self.date.draft(draw),
            Domain::Lore => self.lore.draft(0, draw),
            Domain::Orvish => self.lore.draft(1, draw),
            Domain::Tool => Some(self.tool.draft(draw)),
        }
    }

    /// The words that questions and answers are written in, sorted; letters and numbers that are drawn are none.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let texts = [
            self.arithmetic.texts(),
            self.graph.texts(),
            self.letters.texts(),
            self.date.texts(),
            self.lore.texts(),
            self.tool.texts(),
        ];
        words::of(texts.iter().flatten())
    }
}

/// What an item's question and answer are in a conversation.
#[must_use]
pub fn exchange(item: &Item) -> (String, String) {
    (bare(item), item.answer.clone())
}

fn read<T: DeserializeOwned>(file: &'static str, text: &str) -> Result<T, SpecError> {
    toml::from_str(text).map_err(|error| SpecError {
        file,
        message: error.to_string(),
    })
}

/// Fills the places of a template; what is filled in is not looked at again.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let found = values.iter().find_map(|(name, value)| {
            let after = rest[1..].strip_prefix(name)?.strip_prefix('}')?;
            Some((value, after))
        });
        match found {
            Some((value, after)) => {
                text.push_str(value);
                rest = after;
            }
            None => {
                text.push('{');
                rest = &rest[1..];
            }
        }
    }
    text + rest
}

#[cfg(test)]
mod tests;
