//! The local engine: sharing, batching, exactness, and what it does with broken files.

mod backend;
mod bad_input;
mod council;
mod exact;
mod files;
mod flow;
mod overflow;
mod real;
pub mod recorder;
mod sampling;
mod scoring;
mod shapes;
mod sharing;
mod text;
mod unloading;
