//! (under construction)

pub mod turn;
