//! What an engine is asked, and whom it answers.

use crate::domain::cancel::Cancel;
use crate::domain::fault::Fault;
use crate::domain::message::Message;
use crate::domain::request::{Finish, Sampling, Usage};

/// One generation.
pub struct Ask {
    pub prompt: Prompt,
    pub sampling: Sampling,
    pub cancel: Cancel,
    pub listener: Box<dyn Listener>,
}

/// What the model reads first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// A conversation, put into the model's own chat template.
    Messages(Vec<Message>),
    /// Tokens as they are.
    Tokens(Vec<u32>),
}

/// How a generation ended well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Done {
    pub usage: Usage,
    pub finish: Finish,
}

/// Hears how a generation goes. Called on the engine's thread, so it must not block.
pub trait Listener: Send {
    /// The model is read from disk first.
    fn loading(&mut self) {}

    /// The request waits.
    fn queued(&mut self, _why: &str) {}

    /// `done` of `total` prompt tokens are there.
    fn prefill(&mut self, _done: usize, _total: usize) {}

    /// A token was drawn; before what it adds to the text.
    fn token(&mut self, _token: u32) {}

    /// More text: whole characters.
    fn text(&mut self, text: &str);

    /// Called once, last.
    fn end(&mut self, result: Result<Done, Fault>);

    /// Nobody listens any more: the generation is given up.
    fn is_gone(&self) -> bool {
        false
    }
}
