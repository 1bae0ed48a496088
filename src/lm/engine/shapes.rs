//! The grammars of a model. Its vocabulary is sorted when the first one is asked for, beside the engine's thread, because that
//! takes as long as several passes and the others shall not wait.

use crate::domain::fault::{Fault, FaultClass};
use crate::domain::request::ResponseFormat;
use crate::lm::grammar::{Grammar, Grammars, Words};
use crate::lm::tokenizer::Tokenizer;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// What there is of them.
pub(super) enum Shapes {
    /// Nobody asked.
    Unmade,
    /// Another thread is at it.
    Making(Receiver<Result<Grammars, Fault>>),
    Made(Result<Grammars, Fault>),
}

impl Shapes {
    /// Begins to make them, if nobody has.
    pub fn make(&mut self, tokenizer: &Tokenizer) {
        if !matches!(self, Shapes::Unmade) {
            return;
        }
        let words = Words::of(tokenizer);
        let (sender, made) = channel();
        let thread = std::thread::Builder::new()
            .name("grammars".into())
            .spawn(move || {
                // The engine may have ended meanwhile.
                let _ = sender.send(Grammars::new(words));
            });
        *self = match thread {
            Ok(_) => Shapes::Making(made),
            Err(error) => Shapes::Made(Err(Fault::new(
                FaultClass::Resource,
                format!("starting a thread that sorts the vocabulary: {error}"),
            ))),
        };
    }

    /// Whether they are there, or can never be. With `patient` it waits for them.
    pub fn are_made(&mut self, patient: bool) -> bool {
        let Shapes::Making(made) = self else {
            return matches!(self, Shapes::Made(_));
        };
        let result = if patient {
            made.recv().map_err(|_| TryRecvError::Disconnected)
        } else {
            made.try_recv()
        };
        let result = match result {
            Ok(result) => result,
            Err(TryRecvError::Empty) => return false,
            Err(TryRecvError::Disconnected) => Err(Fault::new(
                FaultClass::BadData,
                "the model's vocabulary cannot be sorted, so its answers cannot be given a shape",
            )),
        };
        *self = Shapes::Made(result);
        true
    }

    /// The grammar of a shape, once they are there.
    pub fn compile(&self, format: &ResponseFormat) -> Result<Grammar, Fault> {
        match self {
            Shapes::Made(Ok(grammars)) => grammars.compile(format),
            Shapes::Made(Err(fault)) => Err(fault.clone()),
            Shapes::Unmade | Shapes::Making(_) => Err(Fault::new(
                FaultClass::Resource,
                "the model's vocabulary is not sorted yet",
            )),
        }
    }
}
