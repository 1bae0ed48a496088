//! (under construction)

pub mod headless;
pub mod parts;
pub mod telling;
pub mod turn;
