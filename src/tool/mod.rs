//! What agents may call. A tool declares its arguments and its effects; nothing with an effect runs without permission.
//!
//! A tool knows neither models nor screens. It gets arguments that fit its schema, a flag that stops it, and a way to ask the
//! person; it gives back text or an error that says what to do next. Who may call it is decided by [`permit`], and how it is
//! stopped and cut to length by [`kit::Kit::call`].

pub mod ask_user;
pub mod calculator;
pub mod clock;
pub mod error;
pub mod files;
pub mod html;
pub mod http;
pub mod kit;
pub mod limits;
pub mod mcp;
pub mod notes;
pub mod permit;
pub mod process;
pub mod program;
pub mod roots;
pub mod rule;
pub mod schema;
pub mod settings;

pub use error::{ErrorKind, ToolError};

use crate::domain::cancel::Cancel;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;

/// A boxed future, so that tools can be kept in one list.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a tool can do outside the conversation, from harmless to not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    None,
    /// Reads files; the words say where.
    Reads(String),
    /// Asks the person at the screen.
    Asks,
    /// Sends a request; the words say to whom.
    Network(String),
    WritesNotes,
    /// Runs a program of this machine.
    Runs,
    /// Calls a server whose own effects are not known here; its name.
    Server(String),
}

impl Effect {
    /// As the person reads it in a question.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Effect::None => "none".into(),
            Effect::Reads(place) => format!("reads files under {place}"),
            Effect::Asks => "asks you".into(),
            Effect::Network(host) => format!("asks {host} over the network"),
            Effect::WritesNotes => "writes notes".into(),
            Effect::Runs => "runs a program".into(),
            Effect::Server(name) => format!("calls the MCP server {name}"),
        }
    }

    /// The word that rules of a preset use for all tools with this effect.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Effect::None => "none",
            Effect::Reads(_) => "read",
            Effect::Asks => "person",
            Effect::Network(_) => "network",
            Effect::WritesNotes => "write",
            Effect::Runs => "exec",
            Effect::Server(_) => "server",
        }
    }

    /// Whether it runs without asking where no rule says otherwise. Reading is limited to folders that the preset opened.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        matches!(self, Effect::None | Effect::Reads(_) | Effect::Asks)
    }

    /// Whether it changes nothing, so that doubtful arguments do no harm.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.is_harmless() || matches!(self, Effect::Network(_))
    }
}

/// What a model and a person are told about a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// `[a-z][a-z0-9_]*`, at most 64 characters.
    pub name: String,
    /// One or two sentences.
    pub description: String,
    /// JSON Schema of the arguments: an object.
    pub schema: Value,
    pub effect: Effect,
}

/// Whom a tool may turn to while it runs.
pub trait Person: Send + Sync {
    /// The person's words; none when nobody answers.
    fn ask(&self, prompt: String) -> BoxFuture<'_, Option<String>>;
}

/// Nobody is there.
pub struct Nobody;

impl Person for Nobody {
    fn ask(&self, _prompt: String) -> BoxFuture<'_, Option<String>> {
        Box::pin(std::future::ready(None))
    }
}

/// What a call gets besides its arguments.
pub struct Context<'a> {
    /// Stops the call. Dropping the call's future stops it as well.
    pub cancel: Cancel,
    pub person: &'a dyn Person,
}

/// Something an agent can call.
pub trait Tool: Send + Sync {
    fn card(&self) -> &Card;

    /// What this very call does; the card's effect where arguments make no difference.
    fn effect(&self, _arguments: &Value) -> Effect {
        self.card().effect.clone()
    }

    /// What a rule with arguments is compared with: a command line, a host. Empty where only the name counts.
    fn subject(&self, _arguments: &Value) -> String {
        String::new()
    }

    /// Under which words a permission "for this session" is remembered.
    fn permit_key(&self, _arguments: &Value) -> String {
        self.card().name.clone()
    }

    /// Exactly what will run or be sent, as the person must see it before.
    fn shown(&self, arguments: &Value) -> String {
        format!("{} {arguments}", self.card().name)
    }

    /// A time limit of its own in milliseconds; the kit's where none is given, 0 for none.
    fn time_ms(&self) -> Option<u64> {
        None
    }

    /// Runs. The arguments fit the schema and the permission is given.
    fn call<'a>(
        &'a self,
        arguments: Value,
        context: &'a Context<'a>,
    ) -> BoxFuture<'a, Result<String, ToolError>>;
}

/// A text argument; empty where it is missing.
fn text<'a>(arguments: &'a Value, key: &str) -> &'a str {
    arguments
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A count among the arguments.
fn count(arguments: &Value, key: &str) -> Option<usize> {
    let number = arguments.get(key)?.as_u64()?;
    usize::try_from(number).ok()
}
