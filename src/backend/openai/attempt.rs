//! One request and its reply: from the connection to the last payload, within its time limits.

use super::chunk::{ChunkFault, ChunkReader, Counts};
use super::fault::{self, Refusal};
use super::sse::{SseEvent, SseParser};
use super::think::Span;
use super::wire::{self, Quirks};
use super::{Inner, Piece, TokenSender, retry};
use crate::domain::call::{CallPiece, ToolChoice};
use crate::domain::event::Progress;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::request::{Finish, Request, Usage};
use crate::domain::text::strip_controls;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use reqwest::{Body, Response};
use std::error::Error;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Largest reply that is read as one piece.
const LARGEST_REPLY: usize = 16 << 20;
/// How long the counts may come after the end of the text.
const TRAILER: Duration = Duration::from_secs(2);

/// Why an attempt failed.
pub enum Failure {
    Fault(Fault),
    /// A kept connection turned out to be dead before the server said anything: no attempt at all.
    Stale,
    /// The server refuses a field; the same again with these quirks.
    Dislikes(Quirks),
    /// The stream ended in good order without a word. Some servers notice only then that they must refuse, so the same again
    /// unstreamed brings the reason.
    Mute(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Failure::Fault(fault)
    }
}

/// One try of a call.
pub struct Attempt<'a> {
    inner: &'a Inner,
    request: &'a Request,
    sender: &'a TokenSender,
    quirks: &'a Quirks,
    fresh: bool,
    /// Text of an earlier attempt is on screen and has to be withdrawn before the first of this one.
    shown: &'a mut bool,
    begun: bool,
    /// Some payload came, with or without text.
    heard: bool,
    text: usize,
    thought: usize,
    blank: bool,
}

impl<'a> Attempt<'a> {
    pub fn new(
        inner: &'a Inner,
        request: &'a Request,
        sender: &'a TokenSender,
        quirks: &'a Quirks,
        fresh: bool,
        shown: &'a mut bool,
    ) -> Self {
        Self {
            inner,
            request,
            sender,
            quirks,
            fresh,
            shown,
            begun: false,
            heard: false,
            text: 0,
            thought: 0,
            blank: true,
        }
    }

    /// Asks and streams.
    pub async fn run(&mut self) -> Result<(Usage, Finish), Failure> {
        let limits = self.request.limits;
        let first = Instant::now() + Duration::from_millis(limits.first_token_ms);
        let response = match timeout_at(first, self.send()).await {
            Ok(response) => response?,
            Err(_) => return Err(self.silent(limits.first_token_ms, "sent nothing").into()),
        };
        self.inner.answered.store(true, Ordering::Relaxed);
        if !response.status().is_success() {
            let refused = timeout_at(first, self.refused(response)).await;
            return Err(match refused {
                Ok(failure) => failure,
                Err(_) => self.silent(limits.first_token_ms, "sent nothing").into(),
            });
        }
        self.read(response, first).await
    }

    async fn send(&self) -> Result<Response, Failure> {
        let connections = &self.inner.connections;
        let headers = connections.headers()?;
        let client = connections.client(self.request.limits.connect_ms, self.fresh)?;
        self.progress(Progress::Connecting);
        let bytes = wire::body(self.request, self.quirks);
        let length = bytes.len();
        // The body is asked for when the connection stands: the moment when connecting turns into waiting.
        let sender = self.sender.clone();
        let body = Body::wrap_stream(futures_util::stream::once(async move {
            sender.send(Piece::Progress(Progress::Waiting));
            Ok::<_, std::convert::Infallible>(bytes)
        }));
        let sent = client
            .post(connections.address("chat/completions"))
            .headers(headers)
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_LENGTH, length)
            .header(ACCEPT, "text/event-stream, application/json")
            .body(body)
            .send()
            .await;
        sent.map_err(|error| {
            let died = !error.is_connect() && !error.is_timeout() && !error.is_builder();
            if died && !self.fresh && self.inner.answered.load(Ordering::Relaxed) {
                return Failure::Stale;
            }
            connection_fault(self.inner, &error, self.request.limits.connect_ms).into()
        })
    }

    /// A reply that is not 2xx.
    async fn refused(&self, response: Response) -> Failure {
        let status = response.status().as_u16();
        let wait = asked_wait(self.inner, response.headers());
        let body = short_body(response).await;
        let refusal = Refusal::from_body(&body);
        if matches!(status, 400 | 422)
            && let Some(quirks) = self.without_disliked(&refusal)
        {
            return Failure::Dislikes(quirks);
        }
        self.refusal(status, wait, &refusal).into()
    }

    fn refusal(&self, status: u16, wait: Option<u64>, refusal: &Refusal) -> Fault {
        let endpoint = &self.inner.connections.endpoint;
        let model = &self.request.model.model;
        let key = endpoint.key_env.as_deref();
        let mut fault = fault::refused(&endpoint.name, model, key, status, wait, refusal);
        if !self.request.tools.list.is_empty() && fault::is_about_tools(status, refusal) {
            fault.class = FaultClass::NoToolCalls;
            fault.hint = Some("set tools = \"text\" in the preset's settings".into());
            if !fault::is_about_one_call(refusal) {
                self.inner.learn(
                    model,
                    Quirks {
                        no_tools: true,
                        ..self.quirks.clone()
                    },
                );
            }
        }
        fault
    }

    /// The quirks that would satisfy a server that names a field it does not take.
    fn without_disliked(&self, refusal: &Refusal) -> Option<Quirks> {
        let mut quirks = self.quirks.clone();
        let sampling = &self.request.sampling;
        if sampling.max_tokens.is_some()
            && !quirks.completion_bound
            && refusal.names("max_tokens")
            && refusal.message.contains("max_completion_tokens")
        {
            quirks.completion_bound = true;
            return Some(quirks);
        }
        let sent = |field: &str| match field {
            "top_k" => sampling.top_k.is_some(),
            "min_p" => sampling.min_p.is_some(),
            "repetition_penalty" => sampling.repeat_penalty.is_some(),
            "seed" => sampling.seed.is_some(),
            "tool_choice" => self.request.tools.choice != ToolChoice::Auto,
            "parallel_tool_calls" => !self.request.tools.list.is_empty(),
            _ => true,
        };
        let disliked = wire::OPTIONAL
            .into_iter()
            .find(|field| sent(field) && refusal.names(field) && !quirks.without.contains(field))?;
        quirks.without.insert(disliked);
        Some(quirks)
    }

    async fn read(
        &mut self,
        mut response: Response,
        first: Instant,
    ) -> Result<(Usage, Finish), Failure> {
        let mut reader = ChunkReader::new();
        let mut parser = SseParser::new();
        // The head of the reply until its kind is known, then all of it when it is one piece of JSON.
        let mut whole: Vec<u8> = Vec::new();
        let mut kind = Kind::Unknown;
        let announced = is_event_stream(response.headers());
        loop {
            let limit = if reader.finish_reason().is_some() {
                Instant::now() + TRAILER
            } else if self.begun {
                Instant::now() + Duration::from_millis(self.request.limits.idle_ms)
            } else {
                first
            };
            let bytes = match timeout_at(limit, response.chunk()).await {
                Ok(Ok(bytes)) => bytes,
                // The text is complete; only the counts or the farewell are missing.
                Err(_) | Ok(Err(_)) if reader.finish_reason().is_some() => None,
                Ok(Err(error)) => {
                    return Err(self.cut(&reason(&error)).into());
                }
                Err(_) if self.begun => {
                    return Err(self
                        .silent(self.request.limits.idle_ms, "fell silent")
                        .into());
                }
                Err(_) => {
                    let limit = self.request.limits.first_token_ms;
                    return Err(self.silent(limit, "sent no token").into());
                }
            };
            let ended = bytes.is_none();
            let bytes = bytes.unwrap_or_default();
            if kind == Kind::Unknown {
                whole.extend_from_slice(&bytes);
                kind = Kind::guess(&whole, announced, ended);
                if kind == Kind::Stream {
                    let head = std::mem::take(&mut whole);
                    if self.events(&mut parser, &mut reader, &head)? {
                        drain(response);
                        return self.done(&mut reader);
                    }
                }
            } else if kind == Kind::Stream {
                if self.events(&mut parser, &mut reader, &bytes)? {
                    drain(response);
                    return self.done(&mut reader);
                }
            } else {
                whole.extend_from_slice(&bytes);
            }
            if whole.len() > LARGEST_REPLY {
                return Err(self.cut("a reply of more than 16 MiB").into());
            }
            if !ended {
                continue;
            }
            match kind {
                Kind::Stream => {
                    if let Some(SseEvent::Data(payload)) = parser.finish() {
                        self.heard = true;
                        // A torn last event is not worth more than the cut that tore it.
                        if let Ok(spans) = reader.read(&payload) {
                            self.emit(spans);
                            self.emit_calls(reader.take_calls());
                        }
                    }
                    if !self.heard {
                        return Err(Failure::Mute(self.cut("a stream without a word")));
                    }
                    if reader.finish_reason().is_none() {
                        return Err(self.cut("the stream was cut").into());
                    }
                }
                Kind::Json => {
                    let text = String::from_utf8_lossy(&whole).into_owned();
                    self.payload(&mut reader, &text)?;
                }
                Kind::Page | Kind::Unknown => {
                    let refusal = Refusal::from_body(&String::from_utf8_lossy(&whole));
                    let what = if refusal.message.is_empty() {
                        "an empty reply".to_owned()
                    } else {
                        refusal.message
                    };
                    let fault = self.cut(&format!("{what} instead of an answer"));
                    return Err(fault
                        .with_hint("base_url must end where /chat begins")
                        .into());
                }
            }
            return self.done(&mut reader);
        }
    }

    /// Feeds the stream; true once it says that it is done.
    fn events(
        &mut self,
        parser: &mut SseParser,
        reader: &mut ChunkReader,
        bytes: &[u8],
    ) -> Result<bool, Failure> {
        let events = parser
            .push(bytes)
            .map_err(|error| self.cut(&error.to_string()))?;
        for event in events {
            match event {
                SseEvent::Done => return Ok(true),
                SseEvent::Data(payload) => self.payload(reader, &payload)?,
            }
        }
        Ok(false)
    }

    fn payload(&mut self, reader: &mut ChunkReader, payload: &str) -> Result<(), Failure> {
        self.heard = true;
        match reader.read(payload) {
            Ok(spans) => {
                self.emit(spans);
                self.emit_calls(reader.take_calls());
                Ok(())
            }
            Err(ChunkFault::Invalid(why)) => Err(self.cut(&why).into()),
            Err(ChunkFault::Refused(refusal)) => Err(self
                .refusal(refusal.implied_status(), None, &refusal)
                .into()),
        }
    }

    fn emit(&mut self, spans: Vec<Span>) {
        for (text, thinking) in spans {
            self.begun = true;
            let text = strip_controls(&text);
            if text.is_empty() {
                continue;
            }
            self.withdraw();
            let characters = text.chars().count();
            if thinking {
                self.thought += characters;
            } else {
                self.text += characters;
                self.blank &= text.trim().is_empty();
            }
            self.sender.send(Piece::Delta { text, thinking });
        }
    }

    fn emit_calls(&mut self, pieces: Vec<CallPiece>) {
        for piece in pieces {
            self.begun = true;
            self.blank = false;
            self.withdraw();
            self.text += match &piece {
                CallPiece::Begin { name, .. } => name.chars().count().max(1),
                CallPiece::Arguments(more) => more.chars().count(),
            };
            self.sender.send(Piece::Call(piece));
        }
    }

    /// Before the first words of this attempt: those of an earlier one are void.
    fn withdraw(&mut self) {
        if std::mem::take(self.shown) && self.text + self.thought == 0 {
            self.sender.send(Piece::Restarted);
        }
    }

    fn done(&mut self, reader: &mut ChunkReader) -> Result<(Usage, Finish), Failure> {
        let held = reader.end();
        self.emit(held);
        let finish = reader.finish_reason().unwrap_or(Finish::Stop);
        if self.blank {
            return Err(self.empty(finish).into());
        }
        Ok((self.usage(reader.counts()), finish))
    }

    fn usage(&self, counts: Option<Counts>) -> Usage {
        match counts {
            Some(counts) => Usage {
                prompt_tokens: counts.prompt,
                completion_tokens: counts.completion,
                cached_tokens: counts.cached,
                ..Usage::default()
            },
            None => Usage {
                prompt_tokens: wire::estimate_prompt(self.request),
                completion_tokens: wire::estimate_tokens(self.text + self.thought),
                estimated: true,
                ..Usage::default()
            },
        }
    }

    fn empty(&self, finish: Finish) -> Fault {
        let model = &self.request.model;
        let fault = |what: &str| Fault::new(FaultClass::Empty, format!("\"{model}\" {what}"));
        match finish {
            Finish::Filter => fault("was silenced by its endpoint's filter"),
            _ if self.thought > 0 => {
                fault("wrote only reasoning").with_hint("raise max_tokens, or ask for less thought")
            }
            _ => fault("wrote nothing"),
        }
    }

    fn cut(&self, why: &str) -> Fault {
        let message = format!("\"{}\" broke off: {why}", self.inner.name());
        Fault::new(FaultClass::Transient, message)
    }

    fn silent(&self, limit_ms: u64, what: &str) -> Fault {
        let name = self.inner.name();
        let seconds = Duration::from_millis(limit_ms).as_secs_f64();
        let message = format!("\"{name}\" {what} for {seconds} s");
        Fault::new(FaultClass::Timeout, message)
            .with_hint("raise the preset's limits if the server is slow")
    }

    fn progress(&self, progress: Progress) {
        self.sender.send(Piece::Progress(progress));
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        // The next attempt withdraws what this one put on screen, not before it has something better.
        *self.shown |= self.text + self.thought > 0;
    }
}

/// What a successful reply consists of.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Stream,
    Json,
    Page,
    Unknown,
}

impl Kind {
    /// By the first visible character, since servers mislabel both streams and JSON.
    fn guess(head: &[u8], announced: bool, ended: bool) -> Self {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        match head.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{' | b'[') => Kind::Json,
            Some(b'<') => Kind::Page,
            Some(b':' | b'd' | b'e' | b'i' | b'r') => Kind::Stream,
            Some(_) if announced => Kind::Stream,
            Some(_) => Kind::Page,
            None if ended && announced => Kind::Stream,
            None if ended => Kind::Page,
            None => Kind::Unknown,
        }
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// Reads the end of a finished reply, so that its connection can be used again.
fn drain(mut response: Response) {
    tokio::spawn(async move {
        let end = Instant::now() + Duration::from_secs(1);
        while let Ok(Ok(Some(_))) = timeout_at(end, response.chunk()).await {}
    });
}

/// The models the server lists.
pub async fn list_models(inner: &Inner, connect_ms: u64) -> Result<Vec<String>, Fault> {
    let connections = &inner.connections;
    let client = connections.client(connect_ms, false)?;
    let sent = client
        .get(connections.address("models"))
        .headers(connections.headers()?)
        .send()
        .await;
    let response =
        sent.map_err(|error| inner.redacted(connection_fault(inner, &error, connect_ms)))?;
    let status = response.status();
    let wait = asked_wait(inner, response.headers());
    let bytes = response
        .bytes()
        .await
        .map_err(|error| Fault::new(FaultClass::Transient, reason(&error)))?;
    if !status.is_success() {
        let refusal = Refusal::from_body(&String::from_utf8_lossy(&bytes));
        let endpoint = &connections.endpoint;
        let key = endpoint.key_env.as_deref();
        let fault = fault::refused(
            &endpoint.name,
            "the list of models",
            key,
            status.as_u16(),
            wait,
            &refusal,
        );
        return Err(inner.redacted(fault));
    }
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|_| {
        let message = format!("\"{}\" answered without a list of models", inner.name());
        Fault::new(FaultClass::BadData, message).with_hint("is base_url right?")
    })?;
    // Most wrap the list in `data`; Together sends it bare.
    let list = value.get("data").unwrap_or(&value).as_array();
    let names = list.into_iter().flatten().filter_map(|model| {
        let name = model.get("id").or_else(|| model.get("name"))?;
        Some(strip_controls(name.as_str()?))
    });
    Ok(names.collect())
}

fn asked_wait(inner: &Inner, headers: &HeaderMap) -> Option<u64> {
    let header = |name: &str| headers.get(name)?.to_str().ok();
    retry::asked_wait(header, inner.clock.now())
}

/// The first part of a refusal's body.
async fn short_body(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(more)) = response.chunk().await {
        bytes.extend_from_slice(&more);
        if bytes.len() > 64 << 10 {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A request that got no reply.
fn connection_fault(inner: &Inner, error: &reqwest::Error, connect_ms: u64) -> Fault {
    let host = inner.connections.host();
    let name = inner.name();
    if error.is_timeout() {
        let seconds = Duration::from_millis(connect_ms).as_secs_f64();
        let message = format!("no connection to \"{name}\" ({host}) within {seconds} s");
        return Fault::new(FaultClass::Timeout, message)
            .with_hint("is the address right, and is a proxy needed?");
    }
    let why = reason(error);
    let message = format!("cannot reach \"{name}\" ({host}): {why}");
    if why.contains("certificate") {
        return Fault::new(FaultClass::BadData, message)
            .with_hint("name the server's authority in ca_file of the endpoint");
    }
    let fault = Fault::new(FaultClass::Transient, message);
    if why.contains("refused") {
        fault.with_hint("is the server running?")
    } else {
        fault
    }
}

/// The innermost reason of an error, without addresses that may hold secrets.
fn reason(error: &reqwest::Error) -> String {
    let mut inner: &dyn Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    if std::ptr::addr_eq(inner, error) {
        return "the connection failed".into();
    }
    fault::quote(&inner.to_string())
}
