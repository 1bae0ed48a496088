//! What a preset with `society = "debate"` may set.

use super::prompts::Prompts;
use crate::task::maths::{Mode, Ties};
use serde::Deserialize;

/// The `[settings]` table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Times every agent speaks; the first time without the others.
    pub rounds: u16,
    /// The others' answers are summarised for each agent before it reads them.
    pub summarize: bool,
    /// No further round once all agree.
    pub stop_when_unanimous: bool,
    /// What kind of answer is looked for.
    pub task: Kind,
    /// Who says whether two answers are the same.
    pub grader: Mode,
    /// Who wins when several answers have the most votes.
    pub ties: Ties,
    /// Where the answer of the turn comes from.
    pub answer: Source,
    /// Each answer carries the name of the agent who gave it.
    pub names: bool,
    /// Longest text taken from one answer, in characters; 0 takes all.
    pub max_chars_per_answer: usize,
    /// So many answers are enough for a round; 0 waits for all.
    pub quorum: usize,
    /// After this time one answer is enough for a round; 0 waits.
    pub deadline_ms: u64,
    /// Texts in place of the built-in ones.
    pub prompts: Prompts,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rounds: 2,
            summarize: true,
            stop_when_unanimous: false,
            task: Kind::default(),
            grader: Mode::default(),
            ties: Ties::Earlier,
            answer: Source::default(),
            names: false,
            max_chars_per_answer: 0,
            quorum: 0,
            deadline_ms: 0,
            prompts: Prompts::default(),
        }
    }
}

/// What is read out of an agent's text, and how two of them are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// What stands in a box, if anything does.
    #[default]
    Auto,
    /// A mathematical expression in a box.
    Maths,
    /// A decimal number: in a box, announced, or the last one.
    Number,
    /// The letter of an option.
    Choice,
    /// Nothing: the texts are all there is.
    Free,
}

/// Where the answer of the turn comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The majority; without any vote the judge, if there is one, else the last round.
    #[default]
    Vote,
    /// What the first agent of the last round says.
    Last,
    /// An agent with part `judge` writes it from the last round.
    Judge,
}
