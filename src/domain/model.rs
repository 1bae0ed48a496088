//! Models on disk and on their way there, as lists and progress bars show them.

use super::clock::Millis;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A model the catalog knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    pub name: String,
    pub title: String,
    /// Size of the file in bytes; 0 when unknown.
    pub bytes: u64,
    /// Memory to run it, in bytes, weights and a 2,048-token cache.
    pub memory: u64,
    pub license: String,
    /// Fetched only after the person agreed to the licence.
    pub needs_consent: bool,
    /// One line on what it is good for.
    pub note: String,
    pub state: ModelState,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ModelState {
    Ready {
        path: PathBuf,
    },
    /// A part of the file is on disk and can be continued.
    Partial {
        bytes: u64,
    },
    Missing,
    /// On disk, but not what it should be.
    Broken {
        why: String,
    },
}

/// Where a download stands. Rates are means over the last 10 s of bytes received now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pull {
    pub model: String,
    /// The source in use, in words: `Hugging Face`, `Python package`.
    pub source: String,
    pub done: u64,
    pub total: u64,
    pub bytes_per_second: u64,
    /// Milliseconds to go at that rate; none while unknown.
    pub remaining: Option<Millis>,
    pub stage: PullStage,
    /// What happened so far that is worth a line: "resumed at 40 MB", "Hugging Face: no answer".
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullStage {
    Connecting,
    Transferring,
    Verifying,
}

/// How a download ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum PullOutcome {
    Ready {
        path: PathBuf,
    },
    /// Stopped by a person; the part is kept.
    Stopped,
    /// No source had it: each with what was tried and what came back.
    Failed {
        tried: Vec<(String, String)>,
    },
}
