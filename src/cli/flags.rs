//! The flags of a chat and the council they make: those of the original program, as its readme writes them, and ours.

use crate::domain::council::{Agent, Council};
use crate::domain::endpoint::Endpoint;
use crate::domain::request::{LOCAL, ModelRef, Sampling};
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;

/// The name of the endpoint that `--base-url` makes.
pub const AD_HOC: &str = "server";
/// The name of a council that flags have changed.
const CHANGED: &str = "from flags";

/// Who answers and how.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct CouncilFlags {
    /// Preset to start from; `synod presets list` shows them
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Model that combines the answers, or the only one: MODEL or MODEL@ENDPOINT
    #[arg(long, visible_alias = "model", value_name = "MODEL")]
    pub aggregator: Option<String>,
    /// Models that answer first; repeat it or separate by commas, the same one may come twice
    #[arg(
        long,
        alias = "reference_models",
        value_delimiter = ',',
        value_name = "MODELS"
    )]
    pub reference_models: Vec<String>,
    /// Temperature of all agents; 0 always takes the likeliest token
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub temperature: Option<f32>,
    /// Most tokens of each answer
    #[arg(long, alias = "max_tokens", value_name = "N")]
    pub max_tokens: Option<u32>,
    /// Most tokens of each reference
    #[arg(long, alias = "ref_max_tokens", value_name = "N")]
    pub ref_max_tokens: Option<u32>,
    /// Most tokens of the final answer
    #[arg(long, alias = "agg_max_tokens", value_name = "N")]
    pub agg_max_tokens: Option<u32>,
    /// Passes over the references before the final answer; 0 asks the aggregator alone
    #[arg(long, value_name = "N")]
    pub rounds: Option<u16>,
    /// Most requests of a turn at once; 0 leaves it to the endpoints
    #[arg(long, alias = "num_proc", value_name = "N")]
    pub num_proc: Option<u32>,
    /// Whether a turn sees the turns before it
    #[arg(
        long,
        alias = "multi_turn",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        overrides_with = "no_multi_turn"
    )]
    pub multi_turn: Option<bool>,
    /// Each turn is asked by itself
    #[arg(long, alias = "no_multi_turn")]
    pub no_multi_turn: bool,
    /// File with the text that introduces the answers to the aggregator
    #[arg(long, alias = "aggregator_prompt_file", value_name = "FILE")]
    pub aggregator_prompt_file: Option<PathBuf>,
    /// An OpenAI-compatible server (up to /v1) for the models of these flags that name no endpoint
    #[arg(long, alias = "base_url", value_name = "URL")]
    pub base_url: Option<String>,
    /// Environment variable that holds that server's key
    #[arg(long, alias = "key_env", value_name = "NAME", requires = "base_url")]
    pub key_env: Option<String>,
}

impl CouncilFlags {
    /// The server of `--base-url`.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        let base_url = self.base_url.clone()?;
        Some(Endpoint {
            name: AD_HOC.to_owned(),
            base_url,
            key_env: self.key_env.clone(),
            ..Endpoint::default()
        })
    }

    /// The preset's council with these flags over it.
    ///
    /// # Errors
    ///
    /// A sentence for a person: which flag does not fit, and why.
    pub fn over(&self, base: Council) -> Result<Council, String> {
        let mut council = base.clone();
        self.choose_models(&mut council)?;
        self.set_sampling(&mut council);
        if let Some(rounds) = self.rounds {
            self.need_council(&council, "--rounds")?;
            let rounds = Value::from(rounds);
            council.settings.insert("rounds".to_owned(), rounds);
        }
        if let Some(file) = &self.aggregator_prompt_file {
            self.need_council(&council, "--aggregator-prompt-file")?;
            let text = std::fs::read_to_string(file).map_err(|error| {
                format!(
                    "--aggregator-prompt-file: cannot read {}: {error}",
                    file.display()
                )
            })?;
            let text = Value::String(text);
            council
                .settings
                .insert("aggregator_prompt".to_owned(), text);
        }
        if let Some(num_proc) = self.num_proc {
            council.num_proc = num_proc;
        }
        if self.no_multi_turn {
            council.multi_turn = false;
        } else if let Some(multi_turn) = self.multi_turn {
            council.multi_turn = multi_turn;
        }
        if council != base {
            council.title = format!("{}, changed by flags", base.title);
            council.name = CHANGED.to_owned();
        }
        Ok(council)
    }

    fn need_council(&self, council: &Council, flag: &str) -> Result<(), String> {
        if council.society == "moa" {
            return Ok(());
        }
        Err(format!(
            "{flag} needs a mixture of agents, and preset \"{}\" is not one; add --reference-models or another --preset",
            council.name
        ))
    }

    fn choose_models(&self, council: &mut Council) -> Result<(), String> {
        if self.base_url.is_some() && self.aggregator.is_none() && self.reference_models.is_empty()
        {
            return Err(
                "--base-url needs a model: add --aggregator, --model or --reference-models".into(),
            );
        }
        let aggregator = self.aggregator.as_deref().map(|name| self.model(name));
        let aggregator = aggregator.transpose()?;
        if !self.reference_models.is_empty() {
            let references: Result<Vec<Agent>, String> = self
                .reference_models
                .iter()
                .filter(|name| !name.trim().is_empty())
                .map(|name| Ok(agent("reference", self.model(name)?)))
                .collect();
            make_mixture(council, references?);
        }
        if let Some(model) = aggregator {
            let agent = council
                .agents
                .iter_mut()
                .rev()
                .find(|agent| combines(agent));
            let Some(agent) = agent else {
                return Err(format!(
                    "preset \"{}\" has no agent that --aggregator could replace",
                    council.name
                ));
            };
            agent.model = model;
            agent.name = None;
        }
        Ok(())
    }

    fn set_sampling(&self, council: &mut Council) {
        if let Some(temperature) = self.temperature {
            council.sampling.temperature = Some(temperature);
            for agent in &mut council.agents {
                agent.sampling.temperature = None;
            }
        }
        if let Some(most) = self.max_tokens {
            council.sampling.max_tokens = Some(most);
            for agent in &mut council.agents {
                agent.sampling.max_tokens = None;
            }
        }
        for agent in &mut council.agents {
            let own = if combines(agent) {
                self.agg_max_tokens
            } else {
                self.ref_max_tokens
            };
            agent.sampling.max_tokens = own.or(agent.sampling.max_tokens);
        }
    }

    /// A model of a flag: without an endpoint it is on the server of `--base-url`, if there is one.
    fn model(&self, name: &str) -> Result<ModelRef, String> {
        let mut model: ModelRef = name.parse()?;
        if self.base_url.is_some() && model.endpoint == LOCAL && !name.contains('@') {
            model.endpoint = AD_HOC.to_owned();
        }
        Ok(model)
    }
}

/// Whether an agent gives the final answer: the aggregator, or the only one of a plain chat.
fn combines(agent: &Agent) -> bool {
    agent.part != "reference"
}

/// Replaces the references; a plain chat's agent becomes the aggregator.
fn make_mixture(council: &mut Council, references: Vec<Agent>) {
    let aggregator = council.agents.iter().rfind(|agent| combines(agent));
    let mut aggregator = aggregator
        .or(council.agents.last())
        .or(references.last())
        .cloned();
    if let Some(aggregator) = &mut aggregator {
        aggregator.part = "aggregator".to_owned();
        aggregator.count = 1;
        aggregator.rounds.clear();
    }
    if council.society != "moa" {
        council.society = "moa".to_owned();
        council.settings.clear();
    }
    council.agents = references.into_iter().chain(aggregator).collect();
}

fn agent(part: &str, model: ModelRef) -> Agent {
    Agent {
        adapters: Vec::new(),
        part: part.to_owned(),
        name: None,
        model,
        count: 1,
        rounds: Vec::new(),
        system: None,
        sampling: Sampling::default(),
        limits: None,
        context: None,
    }
}
