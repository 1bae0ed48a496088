//! Figures over graded items: shares with their uncertainty, and two runs compared item by item.

mod paired;
mod share;

pub use paired::{Interval, Paired, bootstrap, mcnemar};
pub use share::Share;
