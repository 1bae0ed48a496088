//! Tensors of a GGUF file, by llama.cpp's names.

use super::source::{Part, Place, Source, Stored};
use crate::lm::error::ModelError;
use crate::lm::gguf::Gguf;

/// A GGUF file's header and all its bytes.
pub struct GgufSource<'a> {
    pub file: &'a Gguf,
    pub bytes: &'a [u8],
}

/// Tensors without a place in the decoder: rotations are read with the shape.
const ELSEWHERE: [&str; 3] = ["rope_freqs.", "rope_factors_", ".attn_rot_embd."];

impl Source for GgufSource<'_> {
    fn name(&self, place: Place) -> String {
        let (layer, part) = match place {
            Place::Embedding => return "token_embd".into(),
            Place::Norm => return "output_norm".into(),
            Place::Head => return "output".into(),
            Place::Layer(layer, part) => (layer, part),
        };
        let part = match part {
            Part::AttentionNorm => "attn_norm",
            Part::Query => "attn_q",
            Part::Key => "attn_k",
            Part::Value => "attn_v",
            Part::Attention => "attn_qkv",
            Part::QueryNorm => "attn_q_norm",
            Part::KeyNorm => "attn_k_norm",
            Part::Output => "attn_output",
            Part::AttentionPostNorm => "post_attention_norm",
            Part::FeedNorm => "ffn_norm",
            Part::Gate => "ffn_gate",
            // A file without a gate of its own keeps it above up.
            Part::Up | Part::GateUp => "ffn_up",
            Part::Down => "ffn_down",
            Part::FeedPostNorm => "post_ffw_norm",
        };
        format!("blk.{layer}.{part}")
    }

    fn has(&self, name: &str) -> bool {
        self.file.tensor(name).is_some()
    }

    fn find(
        &self,
        name: &str,
        rows: usize,
        columns: Option<usize>,
    ) -> Result<Stored<'_>, ModelError> {
        let info = self
            .file
            .tensor(name)
            .ok_or_else(|| self.file.broken(format!("tensor \"{name}\" is missing")))?;
        let expected: Vec<u64> = columns
            .into_iter()
            .chain([rows])
            .map(|n| n as u64)
            .collect();
        if info.dimensions != expected {
            return Err(self.file.broken(format!(
                "tensor \"{name}\" at offset {} has the dimensions {:?}, expected {expected:?}",
                info.offset, info.dimensions
            )));
        }
        if info.format.block().is_none() {
            return Err(self.file.unsupported(format!(
                "tensor \"{name}\" at offset {} has the format {:?}, which is not supported",
                info.offset, info.format
            )));
        }
        let end = info.offset.saturating_add(info.bytes);
        let bytes = self.bytes.get(info.offset..end).ok_or_else(|| {
            self.file.broken(format!(
                "tensor \"{name}\" at offset {} is cut",
                info.offset
            ))
        })?;
        Ok(Stored {
            format: info.format,
            bytes,
        })
    }

    fn names(&self) -> Vec<String> {
        let names = self.file.tensor_names();
        names
            .filter(|name| !ELSEWHERE.iter().any(|part| name.contains(part)))
            .map(str::to_owned)
            .collect()
    }

    fn norm_offset(&self) -> f32 {
        0.0
    }

    fn broken(&self, what: String) -> ModelError {
        self.file.broken(what)
    }

    fn unsupported(&self, what: String) -> ModelError {
        self.file.unsupported(what)
    }
}
