//! Chat sessions: one append-only event log each.

use crate::domain::clock::Millis;
use crate::domain::id::SessionId;

/// A session as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionInfo {
    pub id: SessionId,
    /// Its name, or the first question shortened.
    pub title: String,
    pub created: Millis,
    pub updated: Millis,
    pub turns: u64,
    /// Preset of the last turn.
    pub preset: String,
    /// For a search: the place that matched.
    pub snippet: Option<String>,
}
