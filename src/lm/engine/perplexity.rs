//! How well a model predicts a text: the perplexity of given tokens, by the same path that scores continuations.

use super::Engine;
use super::ask::{Ask, Done, Listener, Prompt, Task};
use crate::domain::cancel::Cancel;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::score::{Continuation, Score};
use std::sync::mpsc::{Sender, channel};

/// How a long text is cut: into windows that follow each other without overlap, each read by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Tokens of a window; the last may have fewer.
    pub tokens: usize,
    /// First tokens of each window that are read but not scored; 1 scores all but the first. `tokens / 2 + 1` is how
    /// llama.cpp's perplexity does it.
    pub unscored: usize,
}

/// The log-probability of many tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Perplexity {
    /// Tokens that were scored.
    pub tokens: usize,
    /// The sum of their natural log-probabilities.
    pub logprob: f64,
}

impl Perplexity {
    /// e to the mean negative log-probability: 1 for a text that holds no surprise. Not a number without tokens.
    #[must_use]
    pub fn value(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "far below 2^52 tokens")]
        let mean = self.logprob / self.tokens as f64;
        (-mean).exp()
    }
}

impl Engine {
    /// Scores a text window after window, and tells what there is so far after each. Waits for the engine, so it is not for
    /// asynchronous code.
    ///
    /// # Errors
    ///
    /// When no window has a token to score, or the engine refuses one.
    pub fn perplexity(
        &self,
        text: &[u32],
        windows: Windows,
        cancel: &Cancel,
        mut told: impl FnMut(Perplexity),
    ) -> Result<Perplexity, Fault> {
        let unscored = windows.unscored.max(1);
        let mut sum = Perplexity::default();
        for window in text.chunks(windows.tokens.max(1)) {
            if window.len() <= unscored {
                continue;
            }
            let (read, scored) = window.split_at(unscored);
            let score = self.score_tokens(read, scored, cancel)?;
            sum.tokens += score.tokens.len();
            sum.logprob += score.sum();
            told(sum);
        }
        if sum.tokens == 0 {
            return Err(Fault::new(
                FaultClass::BadRequest,
                format!(
                    "a text of {} tokens in windows of {} leaves none to score after the first {unscored} of each",
                    text.len(),
                    windows.tokens
                ),
            ));
        }
        Ok(sum)
    }

    fn score_tokens(&self, read: &[u32], scored: &[u32], cancel: &Cancel) -> Result<Score, Fault> {
        let (sender, results) = channel();
        let ask = Ask {
            adapter: None,
            prompt: Prompt::Tokens(read.to_vec()),
            task: Task::Score(vec![Continuation::Tokens(scored.to_vec())]),
            cancel: cancel.clone(),
            listener: Box::new(Waiting {
                sender,
                score: None,
            }),
        };
        // An engine that ended drops the request and with it the sender.
        let _ = self.submit(ask);
        results.recv().unwrap_or_else(|_| {
            Err(Fault::new(
                FaultClass::Resource,
                "the engine does not run any more",
            ))
        })
    }
}

/// Hands a single score to a thread that waits for it.
struct Waiting {
    sender: Sender<Result<Score, Fault>>,
    score: Option<Score>,
}

impl Listener for Waiting {
    fn scored(&mut self, mut scores: Vec<Score>) {
        self.score = scores.pop();
    }

    fn end(&mut self, result: Result<Done, Fault>) {
        let score = result.map(|_| self.score.take().unwrap_or_default());
        // Nobody waits for it when the thread is gone.
        let _ = self.sender.send(score);
    }
}
