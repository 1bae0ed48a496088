//! Counts of what an engine really computed.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the engine started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineStats {
    /// Prompt tokens that went through the model; shared ones count once.
    pub prompt_tokens: u64,
    /// Tokens drawn.
    pub drawn_tokens: u64,
    /// Forward passes that were used.
    pub passes: u64,
    /// Rows (one token of one sequence) of all those passes.
    pub rows: u64,
    /// Most requests in one pass.
    pub widest: u64,
    /// Requests that lost their place because memory ran out, and started again.
    pub preempted: u64,
}

/// The counters behind [`EngineStats`]; written by the engine's thread alone.
#[derive(Debug, Default)]
pub struct Stats {
    pub(super) prompt_tokens: AtomicU64,
    pub(super) drawn_tokens: AtomicU64,
    pub(super) passes: AtomicU64,
    pub(super) rows: AtomicU64,
    pub(super) widest: AtomicU64,
    pub(super) preempted: AtomicU64,
}

impl Stats {
    #[must_use]
    pub fn snapshot(&self) -> EngineStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EngineStats {
            prompt_tokens: read(&self.prompt_tokens),
            drawn_tokens: read(&self.drawn_tokens),
            passes: read(&self.passes),
            rows: read(&self.rows),
            widest: read(&self.widest),
            preempted: read(&self.preempted),
        }
    }

    pub(super) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }
}
