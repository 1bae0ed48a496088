//! Makes tokens: the engine in this process, any OpenAI-compatible server, or a recording.
//!
//! A backend never blocks its caller and ends every stream exactly once, with [`Piece::End`], whatever happens. Retries,
//! limits and time-outs are its business; who asks whom is not.

pub mod local;
pub mod openai;
pub mod scripted;

use crate::domain::call::CallPiece;
use crate::domain::cancel::Cancel;
use crate::domain::event::Progress;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::request::{AdapterRef, Finish, ModelRef, Request, Usage};
use crate::domain::score::{Logprobs, Score, ScoreRequest};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, oneshot};

/// Something that generates text for a conversation.
pub trait Backend: Send + Sync {
    /// Begins a generation and returns at once. Raising `cancel`, or dropping the stream, aborts the work itself.
    fn generate(&self, request: Request, cancel: Cancel) -> Tokens;

    /// Whether a request for this model may bring tools, as far as is known. Where nothing else is said it may not.
    fn takes_tools(&self, _model: &str) -> bool {
        false
    }

    /// Begins to score given continuations and returns at once. Raising `cancel`, or dropping what is returned, aborts the
    /// work itself. Where nothing else is said, a backend does not score.
    fn score(&self, request: ScoreRequest, _cancel: Cancel) -> Scores {
        let message = format!(
            "endpoint \"{}\" does not score given continuations",
            request.model.endpoint
        );
        let fault = Fault::new(FaultClass::BadRequest, message);
        Scores::failed(fault.with_hint("local models do: a name without @ENDPOINT"))
    }
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
    /// A tool is called, piece by piece; only when the request brought tools.
    Call(CallPiece),
    /// How likely the next token of the text was; only when the request asked for it.
    Logprobs(Logprobs),
    /// Something was done otherwise than asked: a sentence for the person at the screen.
    Note(String),
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

/// How likely the continuations of one request are, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    pub scores: Vec<Score>,
    pub usage: Usage,
}

/// The scores of one request, on their way.
#[derive(Debug)]
pub struct Scores(oneshot::Receiver<Result<Scored, Fault>>);

/// The sending half of [`Scores`].
#[derive(Debug)]
pub struct ScoreSender(Option<oneshot::Sender<Result<Scored, Fault>>>);

impl Scores {
    #[must_use]
    pub fn channel() -> (ScoreSender, Scores) {
        let (sender, receiver) = oneshot::channel();
        (ScoreSender(Some(sender)), Scores(receiver))
    }

    /// Scores that have already failed.
    #[must_use]
    pub fn failed(fault: Fault) -> Scores {
        let (mut sender, scores) = Self::channel();
        sender.send(Err(fault));
        scores
    }

    /// Waits for them; a backend that vanished counts as a failure.
    pub async fn wait(self) -> Result<Scored, Fault> {
        self.0.await.unwrap_or_else(|_| {
            Err(Fault::new(
                FaultClass::Transient,
                "the backend ended without an answer",
            ))
        })
    }
}

impl ScoreSender {
    /// The first result counts.
    pub fn send(&mut self, result: Result<Scored, Fault>) {
        if let Some(sender) = self.0.take() {
            // Whoever asked may have left.
            let _ = sender.send(result);
        }
    }

    /// Whether nobody waits any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.as_ref().is_none_or(oneshot::Sender::is_closed)
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
        match self.of(&request.model, &request.adapters) {
            Ok(backend) => backend.generate(request, cancel),
            Err(fault) => Tokens::failed(fault),
        }
    }

    /// Begins to score continuations on the backend that the request's model names.
    #[must_use]
    pub fn score(&self, request: ScoreRequest, cancel: Cancel) -> Scores {
        match self.of(&request.model, &request.adapters) {
            Ok(backend) => backend.score(request, cancel),
            Err(fault) => Scores::failed(fault),
        }
    }

    /// Whether a request for this model may bring tools.
    #[must_use]
    pub fn takes_tools(&self, model: &ModelRef) -> bool {
        self.by_endpoint
            .get(&model.endpoint)
            .is_some_and(|backend| backend.takes_tools(&model.model))
    }

    fn of(&self, model: &ModelRef, adapters: &[AdapterRef]) -> Result<&Arc<dyn Backend>, Fault> {
        if !adapters.is_empty() && !model.is_local() {
            let message = format!("model \"{model}\" is not a local one and takes no adapters");
            return Err(Fault::new(FaultClass::BadRequest, message));
        }
        let endpoint = &model.endpoint;
        if self.is_local_only() && model.is_remote() {
            let message =
                format!("model \"{model}\" is on endpoint \"{endpoint}\" and \"local only\" is on");
            return Err(
                Fault::new(FaultClass::Forbidden, message).with_hint("/local off allows it")
            );
        }
        self.by_endpoint.get(endpoint).ok_or_else(|| {
            let known: Vec<&str> = self.by_endpoint.keys().map(String::as_str).collect();
            let message = format!(
                "endpoint \"{endpoint}\" is not known; known: {}",
                known.join(", ")
            );
            Fault::new(FaultClass::ModelUnavailable, message)
                .with_hint("add it to endpoints in config.toml")
        })
    }
}
