//! Tokenizers and chat templates, against what their own libraries make of the same texts (`tests/reference/tokens.py`).

mod examples;
mod files;
mod said;
mod templates;
mod vectors;
