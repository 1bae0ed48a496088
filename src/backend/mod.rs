//! Makes tokens: the engine in this process, any OpenAI-compatible server, or a recording.
//!
//! A backend never blocks its caller and ends every stream exactly once, with [`Piece::End`], whatever happens. Retries,
//! limits and time-outs are its business; who asks whom is not.

pub mod local;
pub mod openai;
pub mod scripted;

use crate::domain::cancel::Cancel;
use crate::domain::event::Progress;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::request::{Finish, Request, Usage};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

/// Something that generates text for a conversation.
pub trait Backend: Send + Sync {
    /// Begins a generation and returns at once. Raising `cancel`, or dropping the stream, aborts the work itself.
    fn generate(&self, request: Request, cancel: Cancel) -> Tokens;
}

/// One item of a generation's stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    Progress(Progress),
    /// The text so far is void (a retry after a cut stream starts again).
    Restarted,
    /// Whole characters, control characters removed; `thinking` is reasoning.
    Delta {
        text: String,
        thinking: bool,
    },
    /// The last item.
    End(Result<Completion, Fault>),
}

/// How a generation ended well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Completion {
    pub usage: Usage,
    pub finish: Finish,
}

/// The stream of one generation.
#[derive(Debug)]
pub struct Tokens(mpsc::UnboundedReceiver<Piece>);

/// The sending half of a [`Tokens`] stream.
#[derive(Debug, Clone)]
pub struct TokenSender(mpsc::UnboundedSender<Piece>);

impl Tokens {
    #[must_use]
    pub fn channel() -> (TokenSender, Tokens) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (TokenSender(sender), Tokens(receiver))
    }

    /// A stream that has already failed.
    #[must_use]
    pub fn failed(fault: Fault) -> Tokens {
        let (sender, tokens) = Self::channel();
        sender.send(Piece::End(Err(fault)));
        tokens
    }

    /// The next piece; a backend that vanished counts as a failure, so the end is never missing.
    pub async fn next(&mut self) -> Piece {
        self.0.recv().await.unwrap_or_else(|| {
            Piece::End(Err(Fault::new(
                FaultClass::Transient,
                "the backend ended without an answer",
            )))
        })
    }

    /// A piece that has already arrived.
    pub fn try_next(&mut self) -> Option<Piece> {
        self.0.try_recv().ok()
    }
}

impl TokenSender {
    /// Returns whether somebody still listens.
    pub fn send(&self, piece: Piece) -> bool {
        self.0.send(piece).is_ok()
    }

    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Returns when nobody listens any more.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

/// All backends by endpoint name, and the switch that forbids the network.
#[derive(Default)]
pub struct Backends {
    by_endpoint: BTreeMap<String, Arc<dyn Backend>>,
    local_only: AtomicBool,
}

impl Backends {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn insert(&mut self, endpoint: impl Into<String>, backend: Arc<dyn Backend>) {
        self.by_endpoint.insert(endpoint.into(), backend);
    }

    /// While set, nothing is sent to any endpoint.
    pub fn set_local_only(&self, on: bool) {
        self.local_only.store(on, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_local_only(&self) -> bool {
        self.local_only.load(Ordering::Relaxed)
    }

    /// Begins a generation on the backend that the request's model names.
    #[must_use]
    pub fn generate(&self, request: Request, cancel: Cancel) -> Tokens {
        let endpoint = &request.model.endpoint;
        if self.is_local_only() && request.model.is_remote() {
            let message = format!(
                "model \"{}\" is on endpoint \"{endpoint}\" and \"local only\" is on",
                request.model
            );
            return Tokens::failed(
                Fault::new(FaultClass::Forbidden, message).with_hint("/local off allows it"),
            );
        }
        match self.by_endpoint.get(endpoint) {
            Some(backend) => backend.generate(request, cancel),
            None => {
                let known: Vec<&str> = self.by_endpoint.keys().map(String::as_str).collect();
                let message = format!(
                    "endpoint \"{endpoint}\" is not known; known: {}",
                    known.join(", ")
                );
                Tokens::failed(
                    Fault::new(FaultClass::ModelUnavailable, message)
                        .with_hint("add it to endpoints in config.toml"),
                )
            }
        }
    }
}
