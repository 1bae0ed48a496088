//! `config.toml`: the user's settings over the commented defaults.

use crate::domain::endpoint::{Endpoint, Price};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings of the program. `data/config.toml` is the commented default and the documentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name of the preset a new session starts with.
    pub preset: String,
    /// Name of a theme; `auto` follows the terminal's background.
    pub theme: String,
    /// No request leaves this machine's process while set.
    pub local_only: bool,
    /// `full`, `calm` (no spinners) or `none` (nothing moves on its own).
    pub motion: Motion,
    /// Most frames per second for streamed output.
    pub frames_per_second: u16,
    /// Capture the mouse (wheel scrolls, click focuses).
    pub mouse: bool,
    /// Ring the bell when a turn ends while the window is not focused.
    pub bell: bool,
    /// `unicode` or `ascii` borders and glyphs.
    pub borders: Borders,
    /// Threads of the local engine; 0 takes all cores.
    pub threads: usize,
    /// Memory for the key-value cache, in MiB.
    pub cache_mib: usize,
    /// Folders or files with further GGUF models.
    pub model_paths: Vec<String>,
    /// Servers by name.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Prices by model name as the endpoint spells it, or `endpoint/model`.
    pub prices: BTreeMap<String, Price>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Motion {
    Full,
    Calm,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Borders {
    Unicode,
    Ascii,
}
