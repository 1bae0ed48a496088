//! The `[settings]` of a preset with `society = "graph"`.

use super::likelihood;
use super::realise::Rule;
use super::wiring::Joining;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A logit beyond this is certainty: its probability is 1 to thirteen digits.
const CERTAIN: f64 = 30.0;

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub decision: Strategy,
    pub ties: Ties,
    pub answers: Reading,
    pub joining: Joining,
    pub realisation: Way,
    /// Of every potential edge that nothing else is said about.
    pub probability: f64,
    /// What is said about single edges; a later one wins.
    pub edges: Vec<EdgeRule>,
    /// One for each potential edge, in their order; instead of `probability` and `edges`.
    pub logits: Vec<f64>,
    /// One for each potential edge, in their order; for `realisation = "mask"`.
    pub mask: Vec<bool>,
    pub temperature: f64,
    pub threshold: f64,
    /// How many edges, for `random` (the fixed ones counted) and `top`.
    pub count: usize,
    /// Draws the same graph for every question; without it each turn draws its own.
    pub seed: Option<u64>,
    /// As the original: agents that read the question do not hear the others.
    pub compat: bool,
    /// Longest text taken from one message, in characters; 0 takes all.
    pub max_chars_per_message: usize,
    /// Thoughts of a `cot` agent, the answer included.
    pub thoughts: usize,
    /// Lines of thought of a `tot` agent.
    pub lines: usize,
    /// Answers before and after each look back of a `reflection` agent.
    pub tries: usize,
    /// Looks back of a `reflection` agent.
    pub reflections: usize,
    /// The tool of `tool` agents; the first of the preset's `[tools]` without it.
    pub tool: Option<String>,
    /// Words that a `crossword_tree` tries on each board.
    pub branches: usize,
    /// How often a `crossword_tree` branches.
    pub depth: usize,
    /// Texts of our own by name.
    pub prompts: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            decision: Strategy::default(),
            ties: Ties::default(),
            answers: Reading::default(),
            joining: Joining::default(),
            realisation: Way::default(),
            probability: 0.5,
            edges: Vec::new(),
            logits: Vec::new(),
            mask: Vec::new(),
            temperature: 1.0,
            threshold: 0.5,
            count: 0,
            seed: None,
            compat: false,
            max_chars_per_message: 0,
            thoughts: 3,
            lines: 2,
            tries: 2,
            reflections: 1,
            tool: None,
            branches: 2,
            depth: 2,
            prompts: BTreeMap::new(),
        }
    }
}

/// How the last node makes one answer of what reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The answer that most voters give.
    #[default]
    Majority,
    First,
    Last,
    Random,
    /// The crossword board with the most words.
    Fullest,
    /// The judge writes an answer with the others for reference.
    References,
    /// The judge copies the answer that agrees best with the others.
    SelfConsistency,
    /// The judge copies the most accurate one.
    SelectBest,
}

impl Strategy {
    /// The prompt of the judge; none where no model decides.
    #[must_use]
    pub fn prompt(self) -> Option<&'static str> {
        match self {
            Strategy::References => Some("references"),
            Strategy::SelfConsistency => Some("consistent"),
            Strategy::SelectBest => Some("best"),
            Strategy::Majority
            | Strategy::First
            | Strategy::Last
            | Strategy::Random
            | Strategy::Fullest => None,
        }
    }

    /// Whether voters are counted.
    #[must_use]
    pub fn is_vote(self) -> bool {
        self == Strategy::Majority
    }

    /// The name of a deciding node without a model.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Majority => "majority vote",
            Strategy::First => "first answer",
            Strategy::Last => "last answer",
            Strategy::Random => "random answer",
            Strategy::Fullest => "fullest board",
            Strategy::References => "references",
            Strategy::SelfConsistency => "self-consistency",
            Strategy::SelectBest => "best answer",
        }
    }
}

/// Which of the most frequent answers wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// By chance, from the turn's seed.
    #[default]
    Random,
    /// The one given first.
    First,
}

/// What of an answer's text is its vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// A letter when the question lists options, else the text.
    #[default]
    Auto,
    /// A to D.
    Letter,
    /// The last number.
    Number,
    /// The whole text, whatever its case and punctuation.
    Text,
}

/// Which potential edges become real.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    #[default]
    Sample,
    Threshold,
    Full,
    Mask,
    Random,
    Top,
}

/// What is said about the edges between some nodes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeRule {
    /// A node, an agent, the part of agents, or `*`.
    pub from: String,
    /// As `from`, or `decision`.
    pub to: String,
    /// The learnt parameter; its logistic function is the probability.
    #[serde(default)]
    pub logit: Option<f64>,
    #[serde(default)]
    pub probability: Option<f64>,
}

impl EdgeRule {
    /// Its logit.
    ///
    /// # Errors
    ///
    /// When it has not exactly one of logit and probability, or that is no usable number.
    pub fn value(&self) -> Result<f64, String> {
        let what = format!("edges: {} -> {}", self.from, self.to);
        match (self.logit, self.probability) {
            (Some(logit), None) if logit.is_finite() => Ok(logit),
            (None, Some(probability)) => logit_of(probability, &what),
            (Some(logit), None) => Err(format!("{what}: logit {logit} is no number")),
            _ => Err(format!("{what} needs either logit or probability")),
        }
    }
}

impl Settings {
    /// The rule that realises the graph.
    #[must_use]
    pub fn rule(&self) -> Rule {
        match self.realisation {
            Way::Sample => Rule::Sample,
            Way::Threshold => Rule::Threshold(self.threshold),
            Way::Full => Rule::Full,
            Way::Mask => Rule::Mask(self.mask.clone()),
            Way::Random => Rule::Random(self.count),
            Way::Top => Rule::Top(self.count),
        }
    }

    /// The logit of edges that nothing else is said about.
    ///
    /// # Errors
    ///
    /// When the probability is none.
    pub fn base_logit(&self) -> Result<f64, String> {
        logit_of(self.probability, "probability")
    }
}

fn logit_of(probability: f64, what: &str) -> Result<f64, String> {
    if (0.0..=1.0).contains(&probability) {
        return Ok(likelihood::logit(probability).clamp(-CERTAIN, CERTAIN));
    }
    Err(format!("{what}: {probability} is no probability (0 to 1)"))
}
