//! Writes adapters: the folder that PEFT loads, and llama.cpp's file.

mod gguf;
mod merged;
mod peft;

pub use gguf::gguf;
pub use merged::add;
pub use peft::peft;

use crate::lm::safetensors::write::Floats;

/// An adapter to be written.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    pub rank: usize,
    pub alpha: f64,
    pub dropout: f64,
    /// Whether alpha is divided by the root of the rank.
    pub is_rank_stabilised: bool,
    /// The model that it was trained on, as people name it.
    pub base: &'a str,
    /// By PEFT's names: `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight` of `[rank, inputs]`, and `lora_B` of
    /// `[outputs, rank]`.
    pub tensors: &'a [Floats<'a>],
}

impl Written<'_> {
    /// What the update is multiplied by.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "ranks are small")]
    pub fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        let divisor = if self.is_rank_stabilised {
            rank.sqrt()
        } else {
            rank
        };
        self.alpha / divisor
    }
}
