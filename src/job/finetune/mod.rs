//! Fine-tuning: adapters (or small models whole) from conversations and texts.
//!
//! What can be set is one table ([`parameters`]); forms, flags, help and spec files are made from it.

pub mod lessons;
pub mod parameters;
mod settings;

pub use settings::Settings;
