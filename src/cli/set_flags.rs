//! The flags that every run over a data set has.

use crate::task::set::Format;
use clap::Args;

/// Which items, and how they are told.
#[derive(Debug, Clone, Args)]
pub struct SetFlags {
    /// Format of the data instead of what its content looks like: gsm8k, math, arithmetic, sprout, csv, swarms or jsonl
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Most items
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Seed of local models, and of what is drawn
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// The report as one JSON object
    #[arg(long)]
    pub json: bool,
}

impl SetFlags {
    /// The number of items to keep.
    #[must_use]
    pub fn most(&self) -> usize {
        self.limit.map_or(usize::MAX, |limit| limit as usize)
    }
}
