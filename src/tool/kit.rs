//! The tools of one council: made from the preset's `[tools]` table and what the runtime hands in.
//!
//! A call through a kit ends in time, is cut to length, and stops when it is told to. Whether it may run is asked of
//! [`Kit::judge`] first; `society::scope` does both and asks the person in between.

use super::ask_user::AskUser;
use super::calculator::Calculator;
use super::clock::Clock;
use super::error::{ErrorKind, ToolError};
use super::http::{Hosts, HttpGet};
use super::mcp::Server;
use super::notes::Notebook;
use super::permit::{Case, Permissions, Rules, Verdict};
use super::program::{Python, Shell};
use super::roots::Roots;
use super::settings::{McpSettings, Settings};
use super::{Context, Tool, files, limits, notes, schema};
use crate::domain::clock;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Names that stand in `use`, groups included.
const KNOWN: [&str; 15] = [
    "calculator",
    "clock",
    "notes",
    "note_write",
    "note_read",
    "note_list",
    "note_search",
    "files",
    "read_file",
    "list_dir",
    "search_files",
    "http_get",
    "shell",
    "python",
    "ask_user",
];

/// What the runtime hands in.
#[derive(Clone)]
pub struct KitParts {
    pub clock: Arc<dyn clock::Clock>,
    /// Where notes are kept.
    pub notes: PathBuf,
    /// Where Python programs run.
    pub scratch: PathBuf,
    /// Where the program was started: relative roots start here, and commands run here.
    pub current: PathBuf,
    pub permissions: Arc<Permissions>,
    /// Nothing may be sent anywhere.
    pub is_local_only: bool,
}

/// The `[tools]` table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KitError {
    #[error("tools: {0}")]
    Settings(String),
    #[error("tools.use: \"{name}\" is not known; known: {known}")]
    UnknownTool { name: String, known: String },
    #[error("tools.mcp.{name}: {message}")]
    Server { name: String, message: String },
}

/// What can be called at one step.
#[derive(Clone, Default)]
pub struct Offer {
    pub tools: Vec<Arc<dyn Tool>>,
    /// What is missing and why, for the person.
    pub problems: Vec<String>,
}

impl Offer {
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.iter().find(|tool| tool.card().name == name)
    }
}

/// The tools of a council.
pub struct Kit {
    tools: Vec<Arc<dyn Tool>>,
    servers: Vec<Server>,
    rules: Rules,
    permissions: Arc<Permissions>,
    problems: Vec<String>,
    time_ms: u64,
    output_bytes: usize,
}

impl Default for Kit {
    /// No tools; the limits are those of an empty table.
    fn default() -> Self {
        let Settings {
            time_ms,
            output_bytes,
            ..
        } = Settings::default();
        Self {
            tools: Vec::new(),
            servers: Vec::new(),
            rules: Rules::default(),
            permissions: Arc::default(),
            problems: Vec::new(),
            time_ms,
            output_bytes,
        }
    }
}

/// Reads a `[tools]` table.
///
/// # Errors
///
/// When a field or a tool is not known.
pub fn settings(table: &Map<String, Value>) -> Result<Settings, KitError> {
    let settings: Settings = serde_json::from_value(Value::Object(table.clone()))
        .map_err(|error| KitError::Settings(error.to_string()))?;
    if let Some(name) = settings
        .uses
        .iter()
        .find(|name| !KNOWN.contains(&name.as_str()))
    {
        return Err(KitError::UnknownTool {
            name: name.clone(),
            known: KNOWN.join(", "),
        });
    }
    for (name, server) in &settings.mcp {
        check_server(server).map_err(|message| KitError::Server {
            name: name.clone(),
            message: message.to_owned(),
        })?;
    }
    Ok(settings)
}

fn check_server(server: &McpSettings) -> Result<(), &'static str> {
    match (&server.url, server.command.is_empty()) {
        (Some(_), true) | (None, false) => Ok(()),
        _ => Err("needs either command = [...] or url = \"...\""),
    }
}

impl Kit {
    /// No tools at all.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The tools that a table asks for. Nothing is started or connected yet.
    #[must_use]
    pub fn new(settings: &Settings, parts: &KitParts) -> Self {
        let mut kit = Self {
            rules: Rules {
                allow: settings.allow.clone(),
                ask: settings.ask.clone(),
                deny: settings.deny.clone(),
            },
            permissions: Arc::clone(&parts.permissions),
            time_ms: settings.time_ms,
            output_bytes: settings.output_bytes,
            ..Self::default()
        };
        let (roots, problems) = Roots::new(&settings.roots, &parts.current);
        kit.problems.extend(problems);
        let book = Arc::new(Notebook::new(parts.notes.clone(), Arc::clone(&parts.clock)));
        let asked =
            |group: &str, name: &str| settings.uses.iter().any(|one| one == name || one == group);
        if asked("", "calculator") {
            kit.add(Calculator::new());
        }
        if asked("", "clock") {
            kit.add(Clock::new(Arc::clone(&parts.clock)));
        }
        for tool in notes::tools(&book) {
            if asked("notes", &tool.card().name) {
                kit.add(tool);
            }
        }
        let has_roots = !roots.is_empty();
        for tool in files::tools(&Arc::new(roots)) {
            if asked("files", &tool.card().name) {
                if has_roots {
                    kit.add(tool);
                } else {
                    kit.problems
                        .push(format!("{} needs tools.roots", tool.card().name));
                }
            }
        }
        if asked("", "http_get") {
            kit.add_http(settings, parts);
        }
        if asked("", "shell") {
            kit.add(Shell::new(parts.current.clone()));
        }
        if asked("", "python") {
            match Python::new(parts.scratch.clone()) {
                Some(python) => kit.add(python),
                None => kit
                    .problems
                    .push("python: no interpreter is on the search path".into()),
            }
        }
        if asked("", "ask_user") {
            kit.add(AskUser::new());
        }
        kit.add_servers(settings, parts);
        kit
    }

    /// With one more tool; for tools that a program brings along.
    #[must_use]
    pub fn with(mut self, tool: impl Tool + 'static) -> Self {
        self.add(tool);
        self
    }

    fn add(&mut self, tool: impl Tool + 'static) {
        self.tools.push(Arc::new(tool));
    }

    fn add_http(&mut self, settings: &Settings, parts: &KitParts) {
        if parts.is_local_only {
            self.problems
                .push("http_get: nothing may be sent (local only)".into());
            return;
        }
        let hosts = Hosts {
            allowed: settings.hosts.clone(),
            private: settings.private_hosts.clone(),
        };
        match HttpGet::new(hosts) {
            Ok(tool) => self.add(tool),
            Err(error) => self.problems.push(format!("http_get: {error}")),
        }
    }

    fn add_servers(&mut self, settings: &Settings, parts: &KitParts) {
        for (name, server) in &settings.mcp {
            if server.url.is_some() && parts.is_local_only {
                self.problems.push(format!(
                    "MCP server {name}: nothing may be sent (local only)"
                ));
                continue;
            }
            let folder = parts.current.clone();
            self.servers
                .push(Server::new(name.clone(), server.clone(), folder));
        }
    }

    /// Whether there is nothing to call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty() && self.servers.is_empty()
    }

    /// What can be called now; starts servers that do not run yet. A tool of a server may come and go between steps.
    pub async fn offer(&self) -> Offer {
        let mut offer = Offer {
            tools: self.tools.clone(),
            problems: self.problems.clone(),
        };
        for server in &self.servers {
            match server.tools().await {
                Ok(tools) => offer.tools.extend(tools),
                Err(problem) => offer.problems.push(problem),
            }
        }
        offer
    }

    /// Whether a call may run.
    #[must_use]
    pub fn judge(&self, tool: &dyn Tool, arguments: &Value) -> Verdict {
        self.permissions.judge(
            &self.rules,
            &Case {
                card: tool.card(),
                effect: &tool.effect(arguments),
                subject: &tool.subject(arguments),
                key: &tool.permit_key(arguments),
            },
        )
    }

    /// Whether a person can be asked.
    #[must_use]
    pub fn has_person(&self) -> bool {
        self.permissions.has_person()
    }

    /// Keeps the person's answer about a call until the session ends.
    pub fn remember(&self, tool: &dyn Tool, arguments: &Value, is_permitted: bool) {
        self.permissions
            .remember(&tool.permit_key(arguments), is_permitted);
    }

    /// Runs a call that may run: arguments checked, within its time, its result cut to length.
    ///
    /// # Errors
    ///
    /// In words for the model.
    pub async fn call(
        &self,
        tool: &dyn Tool,
        arguments: Value,
        context: &Context<'_>,
    ) -> Result<String, ToolError> {
        schema::check(&tool.card().schema, &arguments)?;
        let most_ms = tool.time_ms().unwrap_or(self.time_ms);
        let work = tool.call(arguments, context);
        let timed = async {
            if most_ms == 0 {
                return work.await;
            }
            let ended = tokio::time::timeout(Duration::from_millis(most_ms), work).await;
            ended.unwrap_or_else(|_| {
                let message = format!("no result within {most_ms} ms; it was stopped");
                Err(ToolError::new(ErrorKind::Timeout, message))
            })
        };
        let result = tokio::select! {
            biased;
            () = context.cancel.cancelled() => Err(ToolError::new(ErrorKind::Cancelled, "stopped")),
            result = timed => result,
        };
        match result {
            Ok(text) => Ok(limits::cut(text.trim_end(), self.output_bytes)),
            Err(error) => Err(ToolError::new(
                error.kind,
                limits::cut(&error.message, self.output_bytes),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(table: Value) -> Result<Settings, KitError> {
        settings(table.as_object().unwrap())
    }

    #[test]
    fn tables_are_checked_by_name() {
        let known = read(
            json!({"use": ["calculator", "files"], "allow": ["shell:ls"], "mcp": {"t": {"command": ["x"]}}}),
        );
        assert!(known.is_ok());
        for (table, named) in [
            (json!({"use": ["abacus"]}), "abacus"),
            (json!({"usee": []}), "usee"),
            (json!({"mcp": {"t": {}}}), "tools.mcp.t"),
            (
                json!({"mcp": {"t": {"command": ["x"], "url": "http://a"}}}),
                "either",
            ),
        ] {
            let error = read(table).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
