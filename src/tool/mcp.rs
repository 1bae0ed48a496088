//! Tools of servers that speak the Model Context Protocol, over their standard streams or streamable HTTP.
//!
//! A server is started at the first step that needs it and lives as long as its kit. What it says about itself is a hint:
//! its tools ask unless the preset trusts it, and a tool whose description or arguments changed asks again.

use super::error::{ErrorKind, ToolError};
use super::limits::Collector;
use super::process::{self, Group};
use super::settings::{McpSettings, Trust};
use super::{BoxFuture, Card, Context, Effect, Tool};
use crate::net;
use rmcp::model::{CallToolRequestParams, CallToolResult, Implementation};
use rmcp::service::{NotificationContext, RunningService};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{ClientHandler, RoleClient, ServiceError, ServiceExt, model};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Time to start a server and to list its tools, in milliseconds.
const START_MS: u64 = 30_000;
const CONNECT_MS: u64 = 10_000;
/// A server that ended is started again so many times.
const STARTS: u32 = 3;
/// Bytes of a server's complaints that are kept to explain why it ended.
const COMPLAINTS: usize = 2048;
/// Longest name of a tool, as endpoints limit it.
const NAME: usize = 64;

/// A server of the preset.
pub struct Server {
    name: String,
    settings: McpSettings,
    /// Where its program runs.
    folder: PathBuf,
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Option<Running>,
    starts: u32,
}

type Service = Arc<RunningService<RoleClient, Listener>>;

struct Running {
    service: Service,
    tools: Vec<Arc<dyn Tool>>,
    has_changed: Arc<AtomicBool>,
    _group: Option<Group>,
}

impl Server {
    pub(super) fn new(name: String, settings: McpSettings, folder: PathBuf) -> Self {
        Self {
            name,
            settings,
            folder,
            state: tokio::sync::Mutex::default(),
        }
    }

    /// The tools it offers now; starts it when it does not run.
    pub(super) async fn tools(&self) -> Result<Vec<Arc<dyn Tool>>, String> {
        let mut state = self.state.lock().await;
        if state
            .running
            .as_ref()
            .is_some_and(|running| running.service.is_closed())
        {
            state.running = None;
        }
        if state.running.is_none() {
            if state.starts == STARTS {
                return Err(format!("MCP server {}: it ended {STARTS} times", self.name));
            }
            state.starts += 1;
            let started = tokio::time::timeout(Duration::from_millis(START_MS), self.start()).await;
            let running =
                started.unwrap_or_else(|_| Err(format!("no answer within {START_MS} ms")));
            state.running =
                Some(running.map_err(|why| format!("MCP server {}: {why}", self.name))?);
        }
        let Some(running) = &mut state.running else {
            return Ok(Vec::new());
        };
        if running.has_changed.swap(false, Ordering::Relaxed) {
            let listed =
                tokio::time::timeout(Duration::from_millis(START_MS), self.list(&running.service))
                    .await;
            running.tools = listed
                .unwrap_or_else(|_| Err(format!("no list of tools within {START_MS} ms")))
                .map_err(|why| format!("MCP server {}: {why}", self.name))?;
        }
        Ok(running.tools.clone())
    }

    async fn start(&self) -> Result<Running, String> {
        let has_changed = Arc::new(AtomicBool::new(true));
        let listener = Listener(Arc::clone(&has_changed));
        let (service, group) = match (&self.settings.url, self.settings.command.split_first()) {
            (Some(url), None) => (self.connect(url, listener).await?, None),
            (None, Some((program, arguments))) => self.spawn(program, arguments, listener).await?,
            _ => return Err("give it either a command or a url".into()),
        };
        Ok(Running {
            service: Arc::new(service),
            tools: Vec::new(),
            has_changed,
            _group: group,
        })
    }

    async fn connect(
        &self,
        url: &str,
        listener: Listener,
    ) -> Result<RunningService<RoleClient, Listener>, String> {
        let client = net::http_client(None, None, CONNECT_MS).map_err(|fault| fault.to_string())?;
        let config = StreamableHttpClientTransportConfig::with_uri(url);
        let transport = StreamableHttpClientTransport::with_client(client, config);
        let served = listener.serve(transport).await;
        served.map_err(|error| format!("cannot connect to {url}: {error}"))
    }

    async fn spawn(
        &self,
        program: &str,
        arguments: &[String],
        listener: Listener,
    ) -> Result<(RunningService<RoleClient, Listener>, Option<Group>), String> {
        let mut command = process::command(program, arguments, &self.folder);
        command.envs(&self.settings.env);
        let spawned = TokioChildProcess::builder(command)
            .stderr(Stdio::piped())
            .spawn();
        let (transport, stderr) =
            spawned.map_err(|error| format!("cannot run {program}: {error}"))?;
        let group = Group::led_by(transport.id());
        let complaints = Arc::new(Mutex::new(Collector::new(COMPLAINTS)));
        if let Some(stderr) = stderr {
            tokio::spawn(listen(stderr, Arc::clone(&complaints)));
        }
        match listener.serve(transport).await {
            Ok(service) => Ok((service, Some(group))),
            Err(error) => {
                let mut kept = complaints.lock().unwrap_or_else(PoisonError::into_inner);
                let said = std::mem::replace(&mut *kept, Collector::new(0)).finish();
                Err(format!("{program}: {error} {}", said.trim()))
            }
        }
    }

    async fn list(&self, service: &Service) -> Result<Vec<Arc<dyn Tool>>, String> {
        let listed = service
            .list_all_tools()
            .await
            .map_err(|error| error.to_string())?;
        let wanted = &self.settings.tools;
        Ok(listed
            .into_iter()
            .filter(|tool| wanted.is_empty() || wanted.iter().any(|name| *name == tool.name))
            .map(|tool| Arc::new(self.tool(&tool, service)) as Arc<dyn Tool>)
            .collect())
    }

    fn tool(&self, tool: &model::Tool, service: &Service) -> McpTool {
        let schema = Value::Object((*tool.input_schema).clone());
        let description = tool.description.clone().unwrap_or_default().into_owned();
        let declares_read_only = tool
            .annotations
            .as_ref()
            .is_some_and(|hints| hints.read_only_hint == Some(true));
        let is_trusted = match self.settings.trust {
            Trust::Untrusted => false,
            Trust::ReadOnly => declares_read_only,
            Trust::Trusted => true,
        };
        let name = offered_name(&self.name, &tool.name);
        let digest = Sha256::digest(format!("{description}\n{schema}"));
        McpTool {
            key: format!("{name} {}", hex(&digest[..4])),
            card: Card {
                name,
                description,
                schema,
                effect: if is_trusted {
                    Effect::Reads(format!("what the MCP server {} shows", self.name))
                } else {
                    Effect::Server(self.name.clone())
                },
            },
            remote: tool.name.clone().into_owned(),
            service: Arc::clone(service),
            time_ms: self.settings.time_ms,
        }
    }
}

/// What this program tells a server about itself, and what it listens to.
struct Listener(Arc<AtomicBool>);

impl ClientHandler for Listener {
    fn get_info(&self) -> model::ClientConfig {
        let mut info = model::ClientConfig::default();
        info.client_info = Implementation::new("synod", env!("CARGO_PKG_VERSION"));
        info
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A tool of a server.
struct McpTool {
    card: Card,
    /// Its name at the server.
    remote: String,
    key: String,
    service: Service,
    time_ms: Option<u64>,
}

impl Tool for McpTool {
    fn card(&self) -> &Card {
        &self.card
    }

    fn permit_key(&self, _arguments: &Value) -> String {
        self.key.clone()
    }

    fn time_ms(&self) -> Option<u64> {
        self.time_ms
    }

    fn call<'a>(
        &'a self,
        arguments: Value,
        _context: &'a Context<'a>,
    ) -> BoxFuture<'a, Result<String, ToolError>> {
        Box::pin(async move {
            let mut request = CallToolRequestParams::new(self.remote.clone());
            if let Value::Object(arguments) = arguments {
                request = request.with_arguments(arguments);
            }
            match self.service.call_tool(request).await {
                Ok(result) => read(&result),
                Err(ServiceError::McpError(error)) => {
                    Err(ToolError::failed(error.message.into_owned()))
                }
                Err(error) => Err(ToolError::new(ErrorKind::Transport, error.to_string())),
            }
        })
    }
}

/// Texts line by line; else the structured content; other blocks by their kind and size.
fn read(result: &CallToolResult) -> Result<String, ToolError> {
    let blocks: Vec<String> = result
        .content
        .iter()
        .map(|block| shown(&json!(block)))
        .collect();
    let mut text = blocks.join("\n");
    if text.is_empty()
        && let Some(structured) = &result.structured_content
    {
        text = structured.to_string();
    }
    if result.is_error == Some(true) {
        return Err(ToolError::failed(text));
    }
    Ok(text)
}

fn shown(block: &Value) -> String {
    let field = |key: &str| block.get(key).and_then(Value::as_str);
    if let Some(text) = field("text") {
        return text.to_owned();
    }
    let inner = block.get("resource");
    if let Some(text) = inner
        .and_then(|inner| inner.get("text"))
        .and_then(Value::as_str)
    {
        return text.to_owned();
    }
    let kind = field("type").unwrap_or("block");
    let mime = field("mimeType").unwrap_or_default();
    match field("data") {
        // Base64 has four letters for three bytes.
        Some(data) => format!("[{kind} {mime} {} KiB]", data.len() / 4 * 3 / 1024),
        None => format!("[{kind} {mime} {}]", field("uri").unwrap_or_default()),
    }
}

/// `mcp__SERVER__TOOL` in the letters endpoints allow; what is too long ends in a digest, so that names stay apart.
fn offered_name(server: &str, tool: &str) -> String {
    let name: String = format!("mcp__{server}__{tool}")
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    if name.len() <= NAME {
        return name;
    }
    format!("{}_{}", &name[..NAME - 9], hex(&Sha256::digest(&name)[..4]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn listen(mut stderr: impl AsyncRead + Unpin, complaints: Arc<Mutex<Collector>>) {
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        complaints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(&buffer[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_stay_apart() {
        assert_eq!(
            offered_name("time", "get.current time"),
            "mcp__time__get_current_time"
        );
        let long = "x".repeat(80);
        let (one, other) = (offered_name("a", &long), offered_name("b", &long));
        assert_eq!(one.len(), NAME);
        assert_ne!(one[55..], other[55..]);
    }

    #[test]
    fn blocks_become_words() {
        assert_eq!(shown(&json!({"type": "text", "text": "hi"})), "hi");
        let data = "A".repeat(4096);
        assert_eq!(
            shown(&json!({"type": "image", "mimeType": "image/png", "data": data})),
            "[image image/png 3 KiB]"
        );
        assert_eq!(
            shown(&json!({"type": "resource", "resource": {"uri": "a:b", "text": "in"}})),
            "in"
        );
    }
}
