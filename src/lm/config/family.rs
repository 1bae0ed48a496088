//! The families of models that the decoder runs, and what is fixed for each of them.
//!
//! What a checkpoint may choose itself (sizes, windows, rotations) stands in [`super::Config`], not here.

use super::Activation;

/// A family of decoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Llama 2 and 3, `TinyLlama`, `SmolLM2` (Touvron et al. 2023), and in GGUF files Mistral.
    Llama,
    /// Llama with a window (Jiang et al. 2023).
    Mistral,
    /// Biases on queries, keys and values (Qwen 2 and 2.5).
    Qwen2,
    /// Norms of each head's queries and keys.
    Qwen3,
    /// Scaled embeddings, norms that count from one, GELU.
    Gemma,
    /// Also norms behind each part, soft caps, windows in every second layer.
    Gemma2,
    /// Also norms of heads, windows in five of six layers with a rotation of their own.
    Gemma3,
    /// Fused projections (Abdin et al. 2024).
    Phi3,
}

/// Each family with the names that files give it.
const NAMES: [(Family, Names); 8] = [
    (Family::Llama, Names(&["llama"], &["LlamaForCausalLM"])),
    (Family::Mistral, Names(&[], &["MistralForCausalLM"])),
    (Family::Qwen2, Names(&["qwen2"], &["Qwen2ForCausalLM"])),
    (Family::Qwen3, Names(&["qwen3"], &["Qwen3ForCausalLM"])),
    (Family::Gemma, Names(&["gemma"], &["GemmaForCausalLM"])),
    (Family::Gemma2, Names(&["gemma2"], &["Gemma2ForCausalLM"])),
    (
        Family::Gemma3,
        Names(
            &["gemma3"],
            &["Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"],
        ),
    ),
    (Family::Phi3, Names(&["phi3"], &["Phi3ForCausalLM"])),
];

/// `general.architecture` of GGUF files, and `architectures` of `config.json`.
struct Names(&'static [&'static str], &'static [&'static str]);

impl Family {
    /// By `general.architecture` of a GGUF file.
    #[must_use]
    pub fn of_gguf(name: &str) -> Option<Self> {
        let mut families = NAMES.iter();
        families
            .find(|(_, names)| names.0.contains(&name))
            .map(|(family, _)| *family)
    }

    /// What GGUF files call it; Mistral is Llama to them.
    #[must_use]
    pub fn gguf_name(self) -> &'static str {
        let own = NAMES.iter().find(|(family, _)| *family == self);
        own.and_then(|(_, names)| names.0.first().copied())
            .unwrap_or("llama")
    }

    /// What `config.json` calls it.
    #[must_use]
    pub fn class_name(self) -> &'static str {
        let own = NAMES.iter().find(|(family, _)| *family == self);
        own.and_then(|(_, names)| names.1.first().copied())
            .unwrap_or_default()
    }

    /// By an entry of `architectures` in a `config.json`.
    #[must_use]
    pub fn of_transformers(name: &str) -> Option<Self> {
        let mut families = NAMES.iter();
        families
            .find(|(_, names)| names.1.contains(&name))
            .map(|(family, _)| *family)
    }

    /// What GGUF files call the supported families.
    #[must_use]
    pub fn gguf_names() -> Vec<&'static str> {
        NAMES.iter().flat_map(|(_, n)| n.0).copied().collect()
    }

    /// What `config.json` calls the supported families.
    #[must_use]
    pub fn transformers_names() -> Vec<&'static str> {
        NAMES.iter().flat_map(|(_, n)| n.1).copied().collect()
    }

    /// Google's Gemma of any generation.
    #[must_use]
    pub fn is_gemma(self) -> bool {
        matches!(self, Self::Gemma | Self::Gemma2 | Self::Gemma3)
    }

    /// Whether each head's queries and keys are normalised before the rotation.
    #[must_use]
    pub fn has_head_norms(self) -> bool {
        matches!(self, Self::Qwen3 | Self::Gemma3)
    }

    /// Whether what attention and the feed-forward part add is normalised too.
    #[must_use]
    pub fn has_post_norms(self) -> bool {
        matches!(self, Self::Gemma2 | Self::Gemma3)
    }

    /// What is added to norms as safetensors files store them; GGUF files hold the sum.
    #[must_use]
    pub fn norm_offset(self) -> f32 {
        if self.is_gemma() { 1.0 } else { 0.0 }
    }

    /// What the gate goes through.
    #[must_use]
    pub fn activation(self) -> Activation {
        if self.is_gemma() {
            Activation::Gelu
        } else {
            Activation::Silu
        }
    }

    /// What embeddings of this width are multiplied by.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "widths are below 2^24")]
    pub fn embedding_scale(self, width: usize) -> Option<f32> {
        self.is_gemma().then(|| (width as f32).sqrt())
    }

    /// The window where a file is silent about it.
    #[must_use]
    pub(super) fn default_window(self) -> Option<usize> {
        matches!(self, Self::Mistral | Self::Gemma2 | Self::Gemma3).then_some(4096)
    }

    /// Every how many layers one without a window comes, where a file is silent about it.
    #[must_use]
    pub(super) fn default_period(self) -> Option<usize> {
        match self {
            Self::Gemma2 => Some(2),
            Self::Gemma3 => Some(6),
            _ => None,
        }
    }
}
