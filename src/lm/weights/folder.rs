//! Tensors of safetensors files, by the names of Hugging Face transformers.

use super::source::{Part, Place, Source, Stored};
use crate::lm::config::Family;
use crate::lm::error::ModelError;
use crate::lm::safetensors::Safetensors;

/// Where the decoder's tensors may stand, and what its vocabulary head is called then: alone, or beside the parts of a
/// model that also sees images.
const PLACES: [(&str, &str); 3] = [
    ("model.", "lm_head"),
    ("model.language_model.", "lm_head"),
    ("language_model.model.", "language_model.lm_head"),
];
const EMBEDDING: &str = "embed_tokens";
/// Tables that old files carry and that follow from the shape.
const DERIVED: &str = ".rotary_emb.";

/// The tensors of a model's folder.
pub struct FolderSource<'a> {
    tensors: &'a Safetensors,
    family: Family,
    prefix: &'static str,
    head: &'static str,
}

impl<'a> FolderSource<'a> {
    #[must_use]
    pub fn new(tensors: &'a Safetensors, family: Family) -> Self {
        let (prefix, head) = place(tensors);
        Self {
            tensors,
            family,
            prefix,
            head,
        }
    }
}

/// The number of rows of the embedding, which is the vocabulary.
pub fn vocabulary(tensors: &Safetensors) -> Result<usize, ModelError> {
    let (prefix, _) = place(tensors);
    let embedding = tensors.tensor(&format!("{prefix}{EMBEDDING}.weight"))?;
    match embedding.shape {
        [rows, _] => Ok(*rows),
        shape => Err(ModelError::broken(
            tensors.path(),
            format!(
                "tensor \"{}\" has the shape {shape:?}, not [tokens, width]",
                embedding.name
            ),
        )),
    }
}

fn place(tensors: &Safetensors) -> (&'static str, &'static str) {
    let mut places = PLACES.into_iter();
    places
        .find(|(prefix, _)| tensors.contains(&format!("{prefix}{EMBEDDING}.weight")))
        .unwrap_or(PLACES[0])
}

impl Source for FolderSource<'_> {
    fn name(&self, place: Place) -> String {
        let prefix = self.prefix;
        let (layer, part) = match place {
            Place::Embedding => return format!("{prefix}{EMBEDDING}"),
            Place::Norm => return format!("{prefix}norm"),
            Place::Head => return self.head.into(),
            Place::Layer(layer, part) => (layer, part),
        };
        let part = match part {
            Part::AttentionNorm => "input_layernorm",
            Part::Query => "self_attn.q_proj",
            Part::Key => "self_attn.k_proj",
            Part::Value => "self_attn.v_proj",
            Part::Attention => "self_attn.qkv_proj",
            Part::QueryNorm => "self_attn.q_norm",
            Part::KeyNorm => "self_attn.k_norm",
            Part::Output => "self_attn.o_proj",
            // The same name means the norm before the feed-forward part where there are no others.
            Part::FeedNorm if self.family.has_post_norms() => "pre_feedforward_layernorm",
            Part::AttentionPostNorm | Part::FeedNorm => "post_attention_layernorm",
            Part::Gate => "mlp.gate_proj",
            Part::Up => "mlp.up_proj",
            Part::GateUp => "mlp.gate_up_proj",
            Part::Down => "mlp.down_proj",
            Part::FeedPostNorm => "post_feedforward_layernorm",
        };
        format!("{prefix}layers.{layer}.{part}")
    }

    fn has(&self, name: &str) -> bool {
        self.tensors.contains(name)
    }

    fn find(
        &self,
        name: &str,
        rows: usize,
        columns: Option<usize>,
    ) -> Result<Stored<'_>, ModelError> {
        let tensor = self.tensors.tensor(name)?;
        let shape: Vec<usize> = [rows].into_iter().chain(columns).collect();
        tensor.check_shape(&shape)?;
        Ok(Stored {
            format: tensor.format,
            bytes: tensor.bytes,
        })
    }

    fn names(&self) -> Vec<String> {
        let names = self.tensors.names();
        names
            .filter(|name| name.starts_with(self.prefix) || name.starts_with(self.head))
            .filter(|name| !name.contains(DERIVED))
            .map(str::to_owned)
            .collect()
    }

    fn norm_offset(&self) -> f32 {
        self.family.norm_offset()
    }

    fn broken(&self, what: String) -> ModelError {
        ModelError::broken(self.tensors.path(), what)
    }

    fn unsupported(&self, what: String) -> ModelError {
        ModelError::unsupported(self.tensors.path(), what)
    }
}
