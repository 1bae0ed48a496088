//! Where a decoder's tensors come from: the names and habits of each file format behind one interface.

use crate::lm::error::ModelError;
use crate::lm::gguf::Format;

/// A part of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    AttentionNorm,
    Query,
    Key,
    Value,
    /// Queries, keys and values one below the other.
    Attention,
    QueryNorm,
    KeyNorm,
    Output,
    AttentionPostNorm,
    FeedNorm,
    Gate,
    Up,
    /// Gate and up, one below the other.
    GateUp,
    Down,
    FeedPostNorm,
}

/// Where a tensor stands in the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Embedding,
    Norm,
    Head,
    Layer(usize, Part),
}

/// A tensor as the file stores it.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    pub format: Format,
    /// Exactly the tensor's.
    pub bytes: &'a [u8],
}

/// A file or folder of tensors.
pub trait Source {
    /// The name of the tensor at a place, without `.weight` or `.bias`.
    fn name(&self, place: Place) -> String;

    /// Whether there is a tensor of this full name.
    fn has(&self, name: &str) -> bool;

    /// The tensor of this full name; an error when it is missing or has another shape than `rows` (and `columns`).
    fn find(
        &self,
        name: &str,
        rows: usize,
        columns: Option<usize>,
    ) -> Result<Stored<'_>, ModelError>;

    /// Full names of all tensors that belong to the decoder and mean something.
    fn names(&self) -> Vec<String>;

    /// What is added to the norms that the file stores.
    fn norm_offset(&self) -> f32;

    /// An error about the file's content.
    fn broken(&self, what: String) -> ModelError;

    /// An error about something this program cannot run.
    fn unsupported(&self, what: String) -> ModelError;
}
