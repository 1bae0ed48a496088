//! All that a protocol can touch: ask agents, announce facts, listen to the person.

/// Handed to a protocol for one turn.
pub struct Scope;
