//! Who talks to whom. A way to combine agents is one file here, one line in the registry below, and presets.
//!
//! A protocol sees a [`Task`] and a [`scope::Scope`]; it knows no screen, no store and no backend by name.

mod attempt;
pub mod call;
pub mod debate;
mod desk;
mod gate;
pub mod graph;
pub mod inject;
pub mod moa;
pub mod planner;
pub mod prompt;
mod round;
pub mod scope;
pub mod seat;
pub mod single;

use crate::domain::council::Council;
use crate::domain::event::Outcome;
use crate::domain::id::{NodeId, TurnId};
use crate::domain::message::Message;
use crate::domain::plan::Plan;
use crate::tool::kit::{self, KitError};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

/// One turn to be answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    pub turn: TurnId,
    /// User messages and final answers, alternating; the last one is the new question.
    pub conversation: Vec<Message>,
    /// Texts of nodes that are taken over from an earlier attempt instead of being generated again.
    pub reuse: BTreeMap<NodeId, String>,
    /// Agents derive their seeds from this and their node.
    pub seed: u64,
}

/// A boxed future, so that protocols can be kept in one registry.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to combine agents.
pub trait Protocol: Send + Sync {
    /// What it will do, before anything is asked.
    fn plan(&self, task: &Task) -> Plan;

    /// Does it. Never panics and never hangs: failures of agents are part of the outcome.
    fn run<'a>(&'a self, task: &'a Task, scope: &'a scope::Scope) -> BoxFuture<'a, Outcome>;
}

/// Why a council cannot be put together. Each message names the preset and the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SocietyError {
    #[error("preset \"{preset}\", society: \"{society}\" is not known; known: {known}")]
    UnknownSociety {
        preset: String,
        society: String,
        known: String,
    },
    #[error("preset \"{preset}\", settings: {message}")]
    Settings { preset: String, message: String },
    #[error("preset \"{preset}\", agents: {message}")]
    Agents { preset: String, message: String },
    #[error("preset \"{preset}\": {message}")]
    Device { preset: String, message: String },
    #[error("preset \"{preset}\", {error}")]
    Tools { preset: String, error: KitError },
}

/// What makes a society of a council, or says what does not fit.
pub type Builder = fn(&Council) -> Result<Box<dyn Protocol>, SocietyError>;

/// Societies by the name that presets give, and what makes them.
#[derive(Debug, Clone)]
pub struct Registry(BTreeMap<&'static str, Builder>);

impl Registry {
    /// The ones of this program.
    #[must_use]
    pub fn builtin() -> Self {
        Self(BTreeMap::new())
            .with("debate", debate::build)
            .with("graph", graph::build)
            .with("moa", moa::build)
            .with("planner", planner::build)
            .with("single", single::build)
    }

    /// With one more; the last of a name counts.
    #[must_use]
    pub fn with(mut self, name: &'static str, build: Builder) -> Self {
        self.0.insert(name, build);
        self
    }

    /// The names a preset may give as its `society`.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.0.keys().copied().collect()
    }

    /// Puts a council together and checks its agents and settings; nothing is asked yet.
    ///
    /// # Errors
    ///
    /// When the society is not known, or its agents or settings do not fit it.
    pub fn build(&self, council: &Council) -> Result<Box<dyn Protocol>, SocietyError> {
        let preset = council.name.clone();
        council
            .device
            .check()
            .map_err(|message| SocietyError::Device { preset, message })?;
        check_adapters(council)?;
        kit::settings(&council.tools).map_err(|error| SocietyError::Tools {
            preset: council.name.clone(),
            error,
        })?;
        match self.0.get(council.society.as_str()) {
            Some(build) => build(council),
            None => Err(SocietyError::UnknownSociety {
                preset: council.name.clone(),
                society: council.society.clone(),
                known: self.names().join(", "),
            }),
        }
    }
}

/// The names of the built-in societies.
#[must_use]
pub fn names() -> Vec<&'static str> {
    Registry::builtin().names()
}

/// Puts a council of a built-in society together.
///
/// # Errors
///
/// As [`Registry::build`].
pub fn build(council: &Council) -> Result<Box<dyn Protocol>, SocietyError> {
    Registry::builtin().build(council)
}

/// Adapters go over weights in this process, and their weights are numbers.
fn check_adapters(council: &Council) -> Result<(), SocietyError> {
    for agent in &council.agents {
        let Some(adapter) = agent.adapters.first() else {
            continue;
        };
        if !agent.model.is_local() {
            let message = format!(
                "model \"{}\" is not a local one, and adapters ({}) are for local models",
                agent.model,
                adapter.path.display()
            );
            return Err(agents_error(council, message));
        }
        if let Some(odd) = agent.adapters.iter().find(|one| !one.weight.is_finite()) {
            let message = format!("adapter {}: its weight is no number", odd.path.display());
            return Err(agents_error(council, message));
        }
    }
    Ok(())
}

/// Reads a society's own table; unknown and ill-typed fields are errors that name them.
fn settings<T: serde::de::DeserializeOwned>(council: &Council) -> Result<T, SocietyError> {
    let table = serde_json::Value::Object(council.settings.clone());
    serde_json::from_value(table).map_err(|error| SocietyError::Settings {
        preset: council.name.clone(),
        message: error.to_string(),
    })
}

fn agents_error(council: &Council, message: impl Into<String>) -> SocietyError {
    SocietyError::Agents {
        preset: council.name.clone(),
        message: message.into(),
    }
}
