//! The models screen (F5), downloads under way, and what a first run needs before the default preset can answer.

use crate::domain::clock::Millis;
use crate::domain::model::{ModelInfo, Pull, PullOutcome};
use std::collections::BTreeMap;

/// Models and downloads.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelsState {
    /// What the catalog knows; empty until it answered.
    pub list: Vec<ModelInfo>,
    pub is_loaded: bool,
    pub selected: usize,
    /// Downloads begun in this run of the program, by model, under way or ended.
    pub pulls: BTreeMap<String, PullView>,
    /// The model that is fetched unasked: the default preset's.
    pub default_model: String,
    /// Set when no source had the default model: `Screen::FirstRun` explains it.
    pub first_run: Option<FirstRun>,
}

/// A download as bars show it.
#[derive(Debug, Clone, PartialEq)]
pub struct PullView {
    pub began: Millis,
    /// The last report; none before the first.
    pub last: Option<Pull>,
    /// Moments and rates in bytes a second, for a curve of the last minute.
    pub rates: Vec<(Millis, u64)>,
    /// How it ended; none while it runs.
    pub outcome: Option<PullOutcome>,
}

/// Why there is no model, and what can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstRun {
    pub model: String,
    /// Each source that was tried, and what came back. Empty when nothing was tried.
    pub tried: Vec<(String, String)>,
    /// The choice under the cursor; choices from [`FirstRunChoice::ALL`].
    pub selected: usize,
}

/// What can be done without a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstRunChoice {
    Retry,
    /// Use a preset that asks an endpoint (its key comes from an environment variable).
    ChoosePreset,
    /// Put a file in place; the models screen shows where.
    ShowModels,
    /// Go on without.
    Close,
}

impl FirstRunChoice {
    pub const ALL: [FirstRunChoice; 4] = [
        FirstRunChoice::Retry,
        FirstRunChoice::ChoosePreset,
        FirstRunChoice::ShowModels,
        FirstRunChoice::Close,
    ];

    /// The choice in words.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            FirstRunChoice::Retry => "try again",
            FirstRunChoice::ChoosePreset => {
                "use an endpoint: set its key variable (config.toml names it), then choose a preset"
            }
            FirstRunChoice::ShowModels => {
                "use a file: name a .gguf or its folder under model_paths in config.toml, then reload the models"
            }
            FirstRunChoice::Close => "go on without a local model",
        }
    }
}

impl PullView {
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.outcome.is_none()
    }
}

impl ModelsState {
    /// The download to show on the chat screen: the one under way.
    #[must_use]
    pub fn running_pull(&self) -> Option<(&str, &PullView)> {
        self.pulls
            .iter()
            .find(|(_, pull)| pull.is_running())
            .map(|(model, pull)| (model.as_str(), pull))
    }
}
