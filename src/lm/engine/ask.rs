//! What an engine is asked, and whom it answers.

pub use crate::domain::score::Prompt;

use crate::domain::cancel::Cancel;
use crate::domain::fault::Fault;
use crate::domain::request::{Finish, Sampling, Usage};
use crate::domain::score::{Continuation, Logprobs, Score};
use crate::lm::adapter::Blend;
use crate::lm::config::Config;

/// One request.
pub struct Ask {
    pub prompt: Prompt,
    pub task: Task,
    /// What is added to the weights.
    pub adapter: Option<MakeBlend>,
    pub cancel: Cancel,
    pub listener: Box<dyn Listener>,
}

/// Makes a request's adapters ready for the model, whose shape is known on the engine's thread. What comes with them are
/// sentences for a person.
pub type MakeBlend = Box<dyn FnOnce(&Config) -> Result<(Blend, Vec<String>), Fault> + Send>;

/// What is to be done with the prompt.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// An answer is drawn.
    Generate(Sampling),
    /// Nothing is drawn: the listener hears how likely each of these is.
    Score(Vec<Continuation>),
}

/// How a request ended well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Done {
    pub usage: Usage,
    pub finish: Finish,
}

/// Hears how a request goes. Called on the engine's thread, so it must not block.
pub trait Listener: Send {
    /// The model is read from disk first.
    fn loading(&mut self) {}

    /// The request waits.
    fn queued(&mut self, _why: &str) {}

    /// Something was done otherwise than asked: a sentence for a person.
    fn note(&mut self, _text: &str) {}

    /// `done` of `total` prompt tokens are there.
    fn prefill(&mut self, _done: usize, _total: usize) {}

    /// The prompt ends inside the model's thoughts, so the answer begins with them and has no opening tag.
    fn begins_in_thought(&mut self) {}

    /// A token was drawn; before what it adds to the text.
    fn token(&mut self, _token: u32) {}

    /// How likely that token was, when this was asked for.
    fn logprobs(&mut self, _logprobs: Logprobs) {}

    /// More text: whole characters.
    fn text(&mut self, _text: &str) {}

    /// How likely the given continuations are, in their order; before the end.
    fn scored(&mut self, _scores: Vec<Score>) {}

    /// Called once, last.
    fn end(&mut self, result: Result<Done, Fault>);

    /// Nobody listens any more: the request is given up.
    fn is_gone(&self) -> bool {
        false
    }
}
