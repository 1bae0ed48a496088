//! The local language model: from a GGUF file to tokens on this machine's processor.
//!
//! Many agents, one set of weights: [`engine`] serves all requests of a model with one forward pass a step, and requests that
//! begin alike share what was computed for them ([`cache`]). A row's result depends on its own tokens alone, never on its
//! neighbours in the batch, on how a prompt was cut, or on the number of threads.
//!
//! Knows nothing of backends, societies or screens. The only user of candle, and within it only for products over formats
//! that [`kernel`] does not have.

pub mod adapter;
pub mod cache;
pub mod config;
pub mod decoder;
pub mod engine;
pub mod error;
pub mod example;
pub mod export;
pub mod file;
pub mod float;
pub mod gguf;
pub mod grammar;
pub mod kernel;
pub mod map;
pub mod matrix;
pub mod model;
pub mod safetensors;
pub mod sampler;
pub mod template;
pub mod text;
pub mod tokenizer;
pub mod train;
pub mod weights;
