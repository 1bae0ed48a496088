//! (under construction)

pub mod headless;
pub mod telling;
pub mod turn;
