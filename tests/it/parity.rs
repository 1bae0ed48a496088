//! The local engine against independent implementations: stored formats against ggml's, families against transformers'.

mod families;
mod formats;
