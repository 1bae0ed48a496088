//! A batch: sequences one behind the other, nothing padded.
//!
//! Each sequence is a segment: its positions start at 0, and its tokens see only those before them in the same segment.

use super::error::TrainError;

/// Sequences of tokens with what is to be learned of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Packed {
    tokens: Vec<u32>,
    labels: Vec<Option<u32>>,
    segments: Vec<Segment>,
}

/// One sequence of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Tokens.
    pub length: usize,
    /// The adapter that it is computed with and trains, by its place in [`What::Lora`](super::What); 0 in full training.
    pub adapter: usize,
}

impl Packed {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sequence for the first adapter (or the model). `labels` stand beside the tokens as in transformers: the label at
    /// a place is the token to be predicted there from those before it, usually that token itself; none carries no loss. The
    /// first label of a sequence is never used, since nothing stands before it.
    ///
    /// # Errors
    /// When there are not as many labels as tokens, or no tokens.
    pub fn push(&mut self, tokens: &[u32], labels: &[Option<u32>]) -> Result<(), TrainError> {
        self.push_for(0, tokens, labels)
    }

    /// The same for another adapter.
    ///
    /// # Errors
    /// As [`Packed::push`].
    pub fn push_for(
        &mut self,
        adapter: usize,
        tokens: &[u32],
        labels: &[Option<u32>],
    ) -> Result<(), TrainError> {
        if tokens.len() != labels.len() || tokens.is_empty() {
            let (tokens, labels) = (tokens.len(), labels.len());
            return Err(TrainError::Batch(format!(
                "a sequence of {tokens} tokens has {labels} labels; it needs one for each token, and a token at least"
            )));
        }
        self.tokens.extend_from_slice(tokens);
        self.labels.extend_from_slice(labels);
        self.segments.push(Segment {
            length: tokens.len(),
            adapter,
        });
        Ok(())
    }

    /// A sequence in which every token is learned.
    ///
    /// # Errors
    /// When it is empty.
    pub fn push_all(&mut self, tokens: &[u32]) -> Result<(), TrainError> {
        let labels: Vec<Option<u32>> = tokens.iter().copied().map(Some).collect();
        self.push(tokens, &labels)
    }

    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Tokens of all sequences.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Labels that carry loss.
    #[must_use]
    pub fn labelled(&self) -> usize {
        self.targets().len()
    }

    /// Rows whose next token is learned, with that token: the labels moved by one place within each segment.
    #[must_use]
    pub(super) fn targets(&self) -> Vec<(usize, u32)> {
        let mut targets = Vec::new();
        let mut first = 0;
        for segment in &self.segments {
            let end = first + segment.length;
            for row in first + 1..end {
                if let Some(label) = self.labels[row] {
                    targets.push((row - 1, label));
                }
            }
            first = end;
        }
        targets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_move_by_one_and_stay_in_their_segment() {
        let mut packed = Packed::new();
        packed.push(&[5, 6, 7], &[Some(5), None, Some(7)]).unwrap();
        packed.push_all(&[8, 9]).unwrap();
        packed.push_for(1, &[4], &[Some(4)]).unwrap();
        assert_eq!(packed.targets(), [(1, 7), (3, 9)]);
        assert_eq!(packed.len(), 6);
        assert_eq!(packed.labelled(), 2);
        assert_eq!(packed.segments()[2].adapter, 1);
    }

    #[test]
    fn sequences_that_do_not_fit_their_labels_are_refused() {
        let mut packed = Packed::new();
        assert!(packed.push(&[1, 2], &[None]).is_err());
        assert!(packed.push(&[], &[]).is_err());
        assert!(packed.is_empty());
    }
}
