//! State and decisions. Pure: `update(msg, now)` changes the state and returns effects; no I/O, no drawing, no clock.

pub mod effect;
pub mod msg;
