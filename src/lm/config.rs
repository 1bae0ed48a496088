//! The shape of a decoder and the choices in which families of models differ.
//!
//! One decoder runs them all: pre-norm, rotary positions, grouped heads, a gated feed-forward part; the rest is numbers and
//! switches here. What a file format calls them is read in [`gguf`] and [`folder`].
//!
//! Invariant: every number has been checked against the others, so the decoder may rely on them.

mod family;
mod folder;
mod gguf;
mod keys;
mod scaling;

pub use family::Family;

/// A decoder of the Llama family (Touvron et al. 2023) and its relatives.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub family: Family,
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    pub feed_forward: usize,
    pub heads: usize,
    /// Heads of keys and values; each serves `heads / kv_heads` query heads (Ainslie et al. 2023).
    pub kv_heads: usize,
    pub head_width: usize,
    /// Rotation of layers that see everything.
    pub rotary: Rotary,
    /// Rotation of layers with a window, where it differs (Gemma 3).
    pub rotary_local: Option<Rotary>,
    /// Which layers see only the last tokens.
    pub window: Window,
    /// What scores are multiplied by; 1/sqrt(head width) unless the family says otherwise.
    pub attention_scale: f32,
    /// Scores become `cap * tanh(score / cap)` (Gemma 2).
    pub attention_cap: Option<f32>,
    /// The same for logits.
    pub logit_cap: Option<f32>,
    /// What embeddings are multiplied by; sqrt(width) in Gemma.
    pub embedding_scale: Option<f32>,
    pub activation: Activation,
    pub norm_epsilon: f32,
    /// Tokens the model was made for.
    pub context: usize,
    pub vocabulary: usize,
    /// Whether the file says that the vocabulary head is the embedding; none leaves it to which tensors there are.
    pub tied_head: Option<bool>,
}

/// What the gate of the feed-forward part goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    Silu,
    /// The tanh approximation (Hendrycks & Gimpel 2016) that Gemma uses.
    Gelu,
}

/// Rotary positions (Su et al. 2021).
#[derive(Debug, Clone, PartialEq)]
pub struct Rotary {
    /// Numbers of a head that are rotated, from its beginning; even.
    pub width: usize,
    pub base: f64,
    pub pairs: Pairs,
    /// Divisor of each pair's frequency: `width / 2` numbers, or none.
    pub factors: Vec<f32>,
    /// What sines and cosines are multiplied by (the attention factor of long-context scalings); 1 is none.
    pub magnitude: f32,
}

/// Which numbers of a head turn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairs {
    /// 0 with 1, 2 with 3: Llama's weights as GGUF stores them.
    Neighbours,
    /// `i` with `i + width / 2`: everything else, and all safetensors files.
    Halves,
}

/// Which layers see only the last tokens, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Window {
    /// Tokens that such a layer sees, its own included.
    pub tokens: usize,
    /// Per layer, whether it is one; layers beyond the end are not.
    pub layers: Vec<bool>,
}

impl Window {
    /// Every layer sees everything.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Every layer sees `tokens`.
    #[must_use]
    pub fn all(tokens: usize, layers: usize) -> Self {
        Self {
            tokens,
            layers: vec![true; layers],
        }
    }

    /// Every `period`-th layer (counted from 1) sees everything, the others `tokens`; with a period of 1 all see everything.
    #[must_use]
    pub fn alternating(tokens: usize, layers: usize, period: usize) -> Self {
        Self {
            tokens,
            layers: (1..=layers).map(|n| !n.is_multiple_of(period)).collect(),
        }
    }

    /// Tokens that a layer (from 0) sees, its own included; none is all.
    #[must_use]
    pub fn of(&self, layer: usize) -> Option<usize> {
        self.layers
            .get(layer)
            .copied()
            .unwrap_or(false)
            .then_some(self.tokens)
    }
}

impl Rotary {
    /// Radians per position of each pair.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a head is narrow")]
    pub fn frequencies(&self) -> Vec<f64> {
        (0..self.width / 2)
            .map(|pair| {
                let exponent = -2.0 * pair as f64 / self.width as f64;
                let factor = self.factors.get(pair).map_or(1.0, |&f| f64::from(f));
                self.base.powf(exponent) / factor
            })
            .collect()
    }
}

impl Config {
    /// Numbers of one token's keys (or values) in one layer.
    #[must_use]
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_width
    }

    /// Numbers of one token's queries in one layer.
    #[must_use]
    pub fn query_width(&self) -> usize {
        self.heads * self.head_width
    }

    /// The rotation of a layer (from 0).
    #[must_use]
    pub fn rotary_of(&self, layer: usize) -> &Rotary {
        match (&self.rotary_local, self.window.of(layer)) {
            (Some(local), Some(_)) => local,
            _ => &self.rotary,
        }
    }

    /// Says what makes no sense, if anything does.
    fn check(&self) -> Result<(), String> {
        let positive = |x: &f32| x.is_finite() && *x > 0.0;
        let rotary = |r: &Rotary| {
            r.width.is_multiple_of(2)
                && r.width <= self.head_width
                && r.base.is_finite()
                && r.base > 0.0
                && (r.factors.is_empty() || r.factors.len() == r.width / 2)
                && r.factors.iter().chain([&r.magnitude]).all(positive)
        };
        let sizes = [
            self.layers,
            self.width,
            self.feed_forward,
            self.heads,
            self.head_width,
            self.context,
            self.vocabulary,
        ];
        let fits = sizes.iter().all(|n| (1..=1 << 24).contains(n))
            && self.kv_heads > 0
            && self.heads.is_multiple_of(self.kv_heads)
            && self.heads <= 1 << 16
            && self.head_width <= 1 << 16
            && self.head_width.is_multiple_of(2)
            && self.layers <= 4096
            && rotary(&self.rotary)
            && self.rotary_local.as_ref().is_none_or(rotary)
            && (self.window.tokens > 0 || !self.window.layers.contains(&true))
            && [self.attention_cap, self.logit_cap, self.embedding_scale]
                .iter()
                .flatten()
                .chain([&self.attention_scale])
                .all(positive)
            && self.norm_epsilon.is_finite()
            && self.norm_epsilon >= 0.0;
        if fits {
            Ok(())
        } else {
            Err(format!("its shape makes no sense: {self:?}"))
        }
    }
}
