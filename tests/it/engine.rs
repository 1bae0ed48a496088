//! The local engine: sharing, batching, exactness, and what it does with broken files.

mod backend;
mod exact;
mod files;
mod flow;
mod overflow;
mod real;
mod recorder;
mod sampling;
mod scoring;
mod shapes;
mod sharing;
mod text;
mod unloading;
