//! A council as a preset describes it: a society's name, its agents and its settings.
//!
//! Plain data, the same for every society; what a society needs beyond agents stands in its own settings table, which it alone
//! reads. Presets are parsed into this by `store::preset`.

use super::device::Device;
use super::request::{AdapterRef, ModelRef, Sampling, TimeLimits};
use serde::{Deserialize, Serialize};

/// Who takes part and by which rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Council {
    /// The preset's name: its file's stem.
    #[serde(skip)]
    pub name: String,
    /// One line for lists.
    pub title: String,
    /// The name in the registry of `society`: `moa`, `single`, …
    pub society: String,
    #[serde(default)]
    pub description: String,
    /// Put before every conversation; an agent's own `system` follows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Defaults for all agents.
    #[serde(default)]
    pub sampling: Sampling,
    #[serde(default)]
    pub limits: TimeLimits,
    /// Most messages of the conversation an agent sees: `full`, or the last k.
    #[serde(default)]
    pub context: Context,
    /// Whether a turn sees the turns before it.
    #[serde(default = "yes")]
    pub multi_turn: bool,
    /// Requests of one turn under way at once; 0 is no limit beyond the endpoints' own.
    #[serde(default)]
    pub num_proc: u32,
    /// Where its local models run.
    #[serde(default)]
    pub device: Device,
    pub agents: Vec<Agent>,
    /// The society's own table (`[settings]`), read by the society with its own type.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// What its agents may call (`[tools]`), read by `tool::kit`; nothing when empty.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub tools: serde_json::Map<String, serde_json::Value>,
}

fn yes() -> bool {
    true
}

/// One seat of a council, or `count` equal ones that differ in their seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// The part it plays in its society: `reference`, `aggregator`, …
    pub part: String,
    /// A short name for its pane; the model's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub model: ModelRef,
    /// Adapters over the model's weights, summed by their weights; local models only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<AdapterRef>,
    #[serde(default = "one")]
    pub count: u16,
    /// Rounds in which it speaks, from 1; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rounds: Vec<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Wins over the council's, field by field.
    #[serde(default)]
    pub sampling: Sampling,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<TimeLimits>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
}

fn one() -> u16 {
    1
}

/// How much of the conversation is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Context {
    #[default]
    Full,
    /// The last k messages, the new one included.
    Last(usize),
    /// Only the new message.
    None,
}

impl Council {
    /// The endpoints that will receive the conversation, local ones left out, each once, in order.
    #[must_use]
    pub fn providers(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for agent in self.agents.iter().filter(|agent| agent.model.is_remote()) {
            if !names.contains(&agent.model.endpoint) {
                names.push(agent.model.endpoint.clone());
            }
        }
        names
    }

    /// The local models it needs on disk, each once, in order.
    #[must_use]
    pub fn local_models(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for agent in self.agents.iter().filter(|agent| agent.model.is_local()) {
            if !names.contains(&agent.model.model) {
                names.push(agent.model.model.clone());
            }
        }
        names
    }
}
