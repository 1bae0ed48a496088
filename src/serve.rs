//! Local models and councils as an OpenAI-compatible server: chat completions (streamed or whole) and the list of models.
//!
//! A council is a model: its members talk among themselves and only its answer is sent. The server opens nothing that is
//! not in its list, listens on this machine alone unless it was given a key, and drops the work of a client that leaves.
//! Wire format: the API reference of OpenAI for chat completions; `reasoning_content` as DeepSeek and vLLM have it.

mod answer;
mod fault;
mod wire;

use self::answer::{Part, Running};
use self::fault::Refusal;
use self::wire::{Body, Chunk, Completion, Created};
use crate::backend::Backends;
use crate::domain::cancel::Cancel;
use crate::domain::clock::Clock;
use crate::domain::council::Council;
use axum::Router;
use axum::body::{Body as HttpBody, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::net::TcpListener;

/// Longest request body, in bytes.
const MOST_BYTES: usize = 8 << 20;
/// Most requests at once; further ones are told to come back.
const MOST_REQUESTS: usize = 128;
/// What a council's name begins with.
pub const PRESET: &str = "preset:";
/// The name of the model that is meant when a client insists on naming one and does not know which.
pub const DEFAULT: &str = "default";

/// What is served.
pub struct Served {
    pub backends: Arc<Backends>,
    pub clock: Arc<dyn Clock>,
    /// Names of local models; the first is the default.
    pub models: Vec<String>,
    /// Councils by the names of their presets.
    pub councils: BTreeMap<String, Council>,
    /// What clients must present as a bearer token.
    pub key: Option<String>,
}

struct Server {
    served: Served,
    /// Of the key: comparing digests takes equally long whatever differs.
    key: Option<[u8; 32]>,
    running: Arc<AtomicUsize>,
    numbers: AtomicU64,
}

/// Serves until `cancel` is raised and the requests under way have ended.
///
/// # Errors
///
/// When the listener fails.
pub async fn run(listener: TcpListener, served: Served, cancel: Cancel) -> io::Result<()> {
    let server = Arc::new(Server {
        key: served.key.as_deref().map(digest),
        served,
        running: Arc::default(),
        numbers: AtomicU64::new(1),
    });
    let router = Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(complete))
        .fallback(|| async {
            Refusal::not_found("there is no such address; see /v1/models and /v1/chat/completions")
        })
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(server);
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { cancel.cancelled().await })
        .await
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl Server {
    fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(key) = self.key else {
            return Ok(());
        };
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        match given {
            Some(given) if digest(given.trim()) == key => Ok(()),
            Some(_) => Err(Refusal::unauthorized("the API key is wrong")),
            None => Err(Refusal::unauthorized(
                "this server wants an API key: Authorization: Bearer KEY",
            )),
        }
    }

    /// A place for one more request.
    fn place(&self) -> Result<Place, Refusal> {
        let place = Place(Arc::clone(&self.running));
        if self.running.fetch_add(1, Ordering::Relaxed) >= MOST_REQUESTS {
            return Err(Refusal::busy(format!(
                "{MOST_REQUESTS} requests are under way; try again later"
            )));
        }
        Ok(place)
    }

    fn created(&self) -> Created {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let now = self.served.clock.now();
        Created {
            id: format!("chatcmpl-{now:x}-{number}"),
            seconds: now / 1000,
        }
    }
}

/// Given back when the request ends, however it does.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn models(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    if let Err(refusal) = server.admit(&headers) {
        return refusal.into_response();
    }
    let councils = server
        .served
        .councils
        .keys()
        .map(|name| format!("{PRESET}{name}"));
    let names = server.served.models.iter().cloned().chain(councils);
    json(StatusCode::OK, &wire::models(names))
}

async fn complete(
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match begin(&server, &headers, body) {
        Ok((running, place, body)) => {
            let created = server.created();
            if body.stream {
                stream(running, place, body, created)
            } else {
                whole(running, place, &body, &created).await
            }
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn begin(
    server: &Server,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(Running, Place, Body), Refusal> {
    server.admit(headers)?;
    let bytes =
        body.map_err(|rejection| Refusal::unreadable(rejection.status(), rejection.body_text()))?;
    let body = Body::read(&bytes)?;
    let place = server.place()?;
    let running = answer::start(&server.served, &body)?;
    Ok((running, place, body))
}

/// The answer in one piece.
async fn whole(mut running: Running, _place: Place, body: &Body, created: &Created) -> Response {
    let mut completion = Completion::default();
    loop {
        match running.next().await {
            Part::Text(text) => completion.text.push_str(&text),
            Part::Thought(text) => completion.thought.push_str(&text),
            Part::Logprobs(logprobs) => completion.logprobs.push(logprobs),
            Part::End(Ok((usage, finish))) => {
                return json(
                    StatusCode::OK,
                    &wire::completion(created, body, &completion, usage, finish),
                );
            }
            Part::End(Err(fault)) => return Refusal::of(&fault).into_response(),
        }
    }
}

/// The answer as server-sent events. A failure before the first word is an ordinary error reply only to clients that do not
/// stream: here the status has been sent, so it comes as an event.
fn stream(running: Running, place: Place, body: Body, created: Created) -> Response {
    let state = (Chunk::new(body, created), running, Some(place));
    let events =
        futures_util::stream::unfold(state, |(mut chunk, mut running, place)| async move {
            place.as_ref()?;
            let part = running.next().await;
            let is_last = matches!(part, Part::End(_));
            let text = chunk.event(part);
            let place = if is_last { None } else { place };
            Some((Ok::<_, Infallible>(text), (chunk, running, place)))
        });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, HttpBody::from_stream(events)).into_response()
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        value.to_string(),
    )
        .into_response()
}
