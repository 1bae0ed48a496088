//! The local language model. The only module that uses candle.

pub mod kernel;
