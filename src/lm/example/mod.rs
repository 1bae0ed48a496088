//! From conversations to what a trainer reads: token ids, and which of them are to be predicted.
//!
//! A conversation goes through the model's own chat template turn by turn, so a learned turn begins exactly where the model
//! would begin to answer and ends with the token that ends its answer. Nothing is found again in tokens that were cut
//! together. A conversation whose template writes earlier turns differently later becomes several examples.
//! Knows nothing of files or training.

mod cut;
mod dialogue;
mod error;
mod length;
mod order;
mod pack;
mod text;

pub use dialogue::{Marked, of_dialogue};
pub use error::ExampleError;
pub use length::{Fitted, OverLength, fit};
pub use order::shuffled;
pub use pack::pack;
pub use text::of_text;

use serde::Serialize;

/// What the labels of programs around PyTorch say where there is no loss.
const NO_LOSS: i64 = -100;

/// A sequence to learn from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Example {
    pub tokens: Vec<u32>,
    /// For each token whether it is to be predicted from those before it. Never the first: nothing stands before it.
    pub is_labelled: Vec<bool>,
}

/// The sequence as trainers around PyTorch read it.
#[derive(Serialize)]
struct Exported<'a> {
    ids: &'a [u32],
    labels: Vec<i64>,
}

impl Example {
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// How many of its tokens are to be predicted.
    #[must_use]
    pub fn labelled(&self) -> usize {
        self.is_labelled.iter().filter(|&&label| label).count()
    }

    /// One line of JSON: `ids`, and `labels` that are the ids themselves or -100.
    #[must_use]
    pub fn to_json(&self) -> String {
        let labels = self.tokens.iter().zip(&self.is_labelled);
        let exported = Exported {
            ids: &self.tokens,
            labels: labels
                .map(|(&token, &is_labelled)| match is_labelled {
                    true => i64::from(token),
                    false => NO_LOSS,
                })
                .collect(),
        };
        // Numbers alone: writing them cannot fail.
        serde_json::to_string(&exported).unwrap_or_default()
    }

    fn push(&mut self, tokens: &[u32], is_labelled: bool) {
        self.tokens.extend_from_slice(tokens);
        self.is_labelled.resize(self.tokens.len(), is_labelled);
        if let Some(first) = self.is_labelled.first_mut() {
            *first = false;
        }
    }
}
