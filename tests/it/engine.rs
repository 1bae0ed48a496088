//! The local engine: sharing, batching, exactness, and what it does with broken files.

mod backend;
mod exact;
mod files;
mod flow;
mod real;
mod recorder;
mod sharing;
mod text;
