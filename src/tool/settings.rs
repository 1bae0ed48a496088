//! The `[tools]` table of a preset: which tools its agents may use, where, and what needs no question.

use super::rule::Rule;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Tools by name, or groups: `notes`, `files`. MCP servers are offered when they stand in `mcp`.
    #[serde(rename = "use")]
    pub uses: Vec<String>,
    /// Folders whose files may be read; a relative one starts at the folder the program was started in.
    pub roots: Vec<PathBuf>,
    /// Hosts that `http_get` may ask, their subdomains included; any public host when empty.
    pub hosts: Vec<String>,
    /// Hosts that may have an address of this machine or of a private network.
    pub private_hosts: Vec<String>,
    /// What runs without a question.
    pub allow: Vec<Rule>,
    /// What is asked about although it is harmless.
    pub ask: Vec<Rule>,
    /// What never runs; wins over all others.
    pub deny: Vec<Rule>,
    /// Longest run of a call, in milliseconds.
    pub time_ms: u64,
    /// Longest result a model is shown, in bytes.
    pub output_bytes: usize,
    /// Servers of the Model Context Protocol, by name.
    pub mcp: BTreeMap<String, McpSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            uses: Vec::new(),
            roots: Vec::new(),
            hosts: Vec::new(),
            private_hosts: Vec::new(),
            allow: Vec::new(),
            ask: Vec::new(),
            deny: Vec::new(),
            time_ms: 30_000,
            output_bytes: 4096,
            mcp: BTreeMap::new(),
        }
    }
}

/// One server: a program that speaks over its standard streams, or an address.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpSettings {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Its environment beside `PATH`, `HOME` and `LANG`.
    pub env: BTreeMap<String, String>,
    /// The address of a server that speaks streamable HTTP.
    pub url: Option<String>,
    /// Its tools that are offered; all when empty.
    pub tools: Vec<String>,
    pub trust: Trust,
    /// Longest run of one of its calls, in milliseconds; the table's when absent.
    pub time_ms: Option<u64>,
}

/// How far a server's word about its own tools counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Every tool asks.
    #[default]
    Untrusted,
    /// Tools that it declares read-only run without a question.
    ReadOnly,
    /// All of them run without a question.
    Trusted,
}
