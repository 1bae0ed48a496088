//! The local engine: sharing, batching, exactness, and what it does with broken files.

mod real;
