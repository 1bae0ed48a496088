//! Any server that speaks the OpenAI chat protocol: Together, OpenAI, OpenRouter, vLLM, Ollama, llama.cpp and the like.
//!
//! One call is: wait for the endpoint's limits, connect, stream; after a failure decide by its class whether to try again.
//! Every call ends within its time limits, and dropping it closes the connection. It knows no screen and no store.

mod attempt;
mod calls;
mod chunk;
mod client;
mod fault;
mod limit;
mod retry;
mod sse;
mod think;
mod wire;

pub use retry::RetryPolicy;

use super::{Backend, Completion, Piece, TokenSender, Tokens};
use crate::domain::cancel::Cancel;
use crate::domain::clock::{Clock, System};
use crate::domain::endpoint::{Endpoint, Price};
use crate::domain::event::Progress;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::request::{Request, TimeLimits, Usage};
use attempt::{Attempt, Failure};
use client::Connections;
use limit::Limiter;
use retry::Tried;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::Instant;
use wire::Quirks;

/// Tokens of an answer that a limit on tokens assumes when the request sets no bound.
const ASSUMED_ANSWER: u64 = 512;

/// One endpoint. Cheap to make; connects when first used.
pub struct OpenAi(Arc<Inner>);

struct Inner {
    connections: Connections,
    prices: BTreeMap<String, Price>,
    limiter: Arc<Limiter>,
    policy: RetryPolicy,
    clock: Arc<dyn Clock>,
    /// What each model's server has shown not to take.
    quirks: Mutex<BTreeMap<String, Quirks>>,
    /// The server has answered before, so a connection may have been kept.
    answered: AtomicBool,
}

/// What `check` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Models the server lists; empty when it keeps no list.
    pub models: Vec<String>,
    pub elapsed_ms: u64,
}

impl OpenAi {
    /// A backend for `endpoint`; fails when its address or headers cannot work. Prices are keyed `endpoint/model` or `model`.
    pub fn new(endpoint: Endpoint, prices: BTreeMap<String, Price>) -> Result<Self, Fault> {
        let limiter = Limiter::new(&endpoint);
        Ok(Self(Arc::new(Inner {
            connections: Connections::new(endpoint)?,
            prices,
            limiter,
            policy: RetryPolicy::default(),
            clock: Arc::new(System),
            quirks: Mutex::default(),
            answered: AtomicBool::new(false),
        })))
    }

    /// Another schedule of retries.
    #[must_use]
    pub fn with_retries(mut self, policy: RetryPolicy) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.policy = policy;
        }
        self
    }

    /// Another source of keys than the environment.
    #[must_use]
    pub fn with_environment(
        mut self,
        environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.connections.environment = Box::new(environment);
        }
        self
    }

    /// The models the server lists, in its order.
    pub async fn list_models(&self) -> Result<Vec<String>, Fault> {
        let limits = TimeLimits::default();
        let whole = Duration::from_millis(limits.first_token_ms);
        match tokio::time::timeout(whole, attempt::list_models(&self.0, limits.connect_ms)).await {
            Ok(result) => result,
            Err(_) => Err(Fault::new(
                FaultClass::Timeout,
                format!("\"{}\" did not list its models", self.0.name()),
            )),
        }
    }

    /// Whether the server answers and takes the key; for `synod doctor`.
    pub async fn check(&self) -> Result<Health, Fault> {
        let begin = Instant::now();
        let models = match self.list_models().await {
            Ok(models) => models,
            // It answered and took the key; it just keeps no list.
            Err(fault) if fault.class == FaultClass::ModelUnavailable => Vec::new(),
            Err(fault) => return Err(fault),
        };
        let elapsed_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Health { models, elapsed_ms })
    }
}

impl Backend for OpenAi {
    fn generate(&self, request: Request, cancel: Cancel) -> Tokens {
        let Ok(runtime) = Handle::try_current() else {
            return Tokens::failed(Fault::new(
                FaultClass::Resource,
                "endpoints are asked from the worker threads only",
            ));
        };
        let (sender, tokens) = Tokens::channel();
        let inner = Arc::clone(&self.0);
        runtime.spawn(async move {
            let result = tokio::select! {
                biased;
                () = cancel.cancelled() => Err(Fault::cancelled()),
                () = sender.closed() => return,
                result = inner.call(&request, &sender) => result,
            };
            sender.send(Piece::End(result.map_err(|fault| inner.redacted(fault))));
        });
        tokens
    }

    fn takes_tools(&self, model: &str) -> bool {
        !self.0.quirks_of(model).no_tools
    }
}

impl Inner {
    fn name(&self) -> &str {
        &self.connections.endpoint.name
    }

    /// Attempts until one succeeds or its failure is final.
    async fn call(&self, request: &Request, sender: &TokenSender) -> Result<Completion, Fault> {
        let estimate = wire::estimate_prompt(request)
            + request
                .sampling
                .max_tokens
                .map_or(ASSUMED_ANSWER, u64::from);
        let total = Duration::from_millis(request.limits.total_ms);
        let mut deadline = None;
        let mut tried = Tried::default();
        let mut shown = false;
        let mut fresh = false;
        let mut whole = false;
        loop {
            let permit = self
                .limiter
                .acquire(estimate, |why| {
                    let why = format!("{}: {why}", self.name());
                    sender.send(Piece::Progress(Progress::Queued { why }));
                })
                .await;
            // The time limit of a call begins when it leaves the queue: waiting for the others is not its fault.
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + total);
            let mut quirks = self.quirks_of(&request.model.model);
            quirks.whole = whole;
            let mut attempt = Attempt::new(self, request, sender, &quirks, fresh, &mut shown);
            let outcome = tokio::time::timeout_at(deadline, attempt.run()).await;
            let failure = match outcome {
                Ok(Ok((mut usage, finish))) => {
                    permit.correct(usage.prompt_tokens + usage.completion_tokens);
                    usage.cost = self.cost(&request.model.model, &usage);
                    return Ok(Completion { usage, finish });
                }
                Ok(Err(failure)) => failure,
                Err(_) => {
                    let seconds = total.as_secs_f64();
                    let message = format!("\"{}\" was not done after {seconds} s", self.name());
                    return Err(Fault::new(FaultClass::Timeout, message)
                        .with_hint("raise total_ms of the preset's limits"));
                }
            };
            drop(permit);
            let fault = match failure {
                Failure::Stale => {
                    fresh = true;
                    continue;
                }
                Failure::Dislikes(change) => {
                    self.learn(&request.model.model, change);
                    continue;
                }
                Failure::Mute(fault) => {
                    whole = true;
                    fault
                }
                Failure::Fault(fault) => self.redacted(fault),
            };
            fresh = false;
            if fault.class == FaultClass::RateLimited
                && let Some(wait) = fault.retry_after_ms
            {
                // Longer than anybody here would wait: the others learn it themselves.
                self.limiter.pause(Duration::from_millis(wait).min(total));
            }
            let Some(retry) = self.policy.decide(&mut tried, &fault, random()) else {
                return Err(fault);
            };
            let wait = Duration::from_millis(retry.wait_ms);
            if Instant::now() + wait >= deadline {
                return Err(fault);
            }
            sender.send(Piece::Progress(Progress::Retrying {
                attempt: retry.attempt,
                of: retry.of,
                wait_ms: retry.wait_ms,
                fault,
            }));
            tokio::time::sleep(wait).await;
        }
    }

    fn redacted(&self, mut fault: Fault) -> Fault {
        let secrets = self.connections.secrets();
        fault.message = fault::redact(&fault.message, &secrets);
        fault.hint = fault.hint.map(|hint| fault::redact(&hint, &secrets));
        fault
    }

    fn cost(&self, model: &str, usage: &Usage) -> Option<f64> {
        let price = self
            .prices
            .get(&format!("{}/{model}", self.name()))
            .or_else(|| self.prices.get(model))?;
        Some(price.cost(
            usage.prompt_tokens,
            usage.cached_tokens,
            usage.completion_tokens,
        ))
    }

    fn quirks_of(&self, model: &str) -> Quirks {
        let quirks = self.quirks.lock().unwrap_or_else(PoisonError::into_inner);
        quirks.get(model).cloned().unwrap_or_default()
    }

    fn learn(&self, model: &str, quirks: Quirks) {
        let mut known = self.quirks.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(model.to_owned(), quirks);
    }
}

/// A number in 0..1 that differs between agents, so that their retries do not meet.
#[allow(
    clippy::cast_precision_loss,
    reason = "53 bits are more than a jitter needs"
)]
fn random() -> f64 {
    (RandomState::new().build_hasher().finish() >> 11) as f64 / (1u64 << 53) as f64
}
