//! Data sets in, answers read out of text and graded, figures over many items. Pure, but for reading the files it is handed.

pub mod crosswords;
pub mod dialogue;
pub mod figure;
pub mod maths;
pub mod prompt;
pub mod random;
pub mod read;
pub mod set;
pub mod synthetic;
