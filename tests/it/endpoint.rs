//! Endpoints against a server that misbehaves: every class of fault, every way a stream can break.

use crate::support::server::{Act, Reply, Seen, Server, authority_file};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use synod::backend::openai::{OpenAi, RetryPolicy};
use synod::backend::{Backend, Completion, Piece, Tokens};
use synod::domain::call::Tools;
use synod::domain::cancel::Cancel;
use synod::domain::endpoint::{Endpoint, Price};
use synod::domain::event::Progress;
use synod::domain::fault::{Fault, FaultClass};
use synod::domain::message::Message;
use synod::domain::request::{Finish, ModelRef, Request, Sampling, TimeLimits};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

const DONE: &str = "data: [DONE]\n\n";
const KEY: &str = "sk-a-very-secret-key";
/// Nothing here takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

fn delta(text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{text}}}}}]}}\n\n")
}

fn finish(reason: &str) -> String {
    format!("data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"{reason}\"}}]}}\n\n")
}

fn good() -> Reply {
    Reply::stream(&[delta("fine"), finish("stop"), DONE.into()])
}

fn endpoint(server: &Server) -> Endpoint {
    Endpoint {
        name: "mock".into(),
        base_url: server.base_url(),
        ..Endpoint::default()
    }
}

/// Two retries without waits worth mentioning.
fn quick() -> RetryPolicy {
    RetryPolicy {
        base_ms: 1,
        most: 2,
        jitter: 0.0,
    }
}

fn backend(endpoint: Endpoint) -> OpenAi {
    let prices = BTreeMap::from([(
        "mock/m".to_owned(),
        Price {
            prompt: 1.0,
            completion: 2.0,
            cached: Some(0.5),
        },
    )]);
    OpenAi::new(endpoint, prices)
        .unwrap()
        .with_retries(quick())
        .with_environment(|name| (name == "MOCK_KEY").then(|| KEY.to_owned()))
}

fn request() -> Request {
    Request {
        adapters: Vec::new(),
        model: ModelRef::new("m", "mock"),
        messages: vec![Message::system("Be terse."), Message::user("Hi 日本")],
        tools: Tools::default(),
        sampling: Sampling::default(),
        limits: TimeLimits {
            connect_ms: 10_000,
            first_token_ms: 10_000,
            idle_ms: 10_000,
            total_ms: 20_000,
        },
    }
}

#[derive(Debug)]
struct Heard {
    /// What would be on screen.
    text: String,
    thought: String,
    restarts: usize,
    progress: Vec<Progress>,
    end: Result<Completion, Fault>,
}

impl Heard {
    fn class(&self) -> FaultClass {
        self.end.as_ref().unwrap_err().class
    }

    fn retried(&self) -> Vec<FaultClass> {
        let class = |progress: &Progress| match progress {
            Progress::Retrying { fault, .. } => Some(fault.class),
            _ => None,
        };
        self.progress.iter().filter_map(class).collect()
    }
}

async fn hear(mut tokens: Tokens) -> Heard {
    let mut heard = Heard {
        text: String::new(),
        thought: String::new(),
        restarts: 0,
        progress: Vec::new(),
        end: Err(Fault::cancelled()),
    };
    loop {
        match timeout(PATIENCE, tokens.next()).await.expect("no end") {
            Piece::Progress(progress) => heard.progress.push(progress),
            Piece::Restarted => {
                heard.restarts += 1;
                heard.text.clear();
                heard.thought.clear();
            }
            Piece::Delta { text, thinking } => {
                if thinking {
                    heard.thought.push_str(&text);
                } else {
                    heard.text.push_str(&text);
                }
            }
            Piece::Call(_) | Piece::Logprobs(_) | Piece::Note(_) => {}
            Piece::End(end) => {
                heard.end = end;
                return heard;
            }
        }
    }
}

async fn ask(server: &Server, request: Request) -> Heard {
    hear(backend(endpoint(server)).generate(request, Cancel::new())).await
}

async fn play(replies: Vec<Reply>) -> (Heard, Vec<Seen>) {
    let server = Server::script(replies).await;
    let heard = ask(&server, request()).await;
    (heard, server.seen())
}

fn body(seen: &Seen) -> serde_json::Value {
    serde_json::from_str(&seen.body).unwrap()
}

#[tokio::test]
async fn an_answer_streams_and_is_counted() {
    let usage = r#"data: {"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100,"prompt_tokens_details":{"cached_tokens":400}}}"#;
    let server = Server::script(vec![Reply::stream(&[
        delta("Hel"),
        delta("lo"),
        finish("length"),
        format!("{usage}\n\n{DONE}"),
    ])])
    .await;
    let endpoint = Endpoint {
        key_env: Some("MOCK_KEY".into()),
        headers: BTreeMap::from([("x-team".into(), "blue".into())]),
        ..endpoint(&server)
    };
    let mut request = request();
    request.sampling.temperature = Some(0.00005);
    request.sampling.max_tokens = Some(64);
    let heard = hear(backend(endpoint).generate(request, Cancel::new())).await;
    assert_eq!(heard.text, "Hello");
    assert_eq!(heard.progress, [Progress::Connecting, Progress::Waiting]);
    let end = heard.end.unwrap();
    assert_eq!(end.finish, Finish::Length);
    assert_eq!(
        (end.usage.prompt_tokens, end.usage.cached_tokens),
        (1000, 400)
    );
    assert!(!end.usage.estimated);
    let cost = end.usage.cost.unwrap();
    assert!((cost - 0.001).abs() < 1e-9, "{cost}");
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("POST", "/v1/chat/completions")
    );
    assert_eq!(seen.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(seen.headers["x-team"], "blue");
    let body = body(seen);
    assert_eq!(body["temperature"], 0.0);
    assert_eq!(body["max_tokens"], 64);
    assert_eq!(body["stream_options"]["include_usage"], true);
    assert_eq!(body["messages"][1]["content"], "Hi 日本");
}

#[tokio::test]
async fn every_refusal_has_its_class_and_its_number_of_requests() {
    use FaultClass as C;
    let error = |code: &str| format!(r#"{{"error":{{"message":"no","code":"{code}"}}}}"#);
    let table = [
        (401, error(""), C::Auth, 1),
        (403, error(""), C::Auth, 1),
        (404, error(""), C::ModelUnavailable, 1),
        (400, error("model_not_available"), C::ModelUnavailable, 1),
        (400, error("context_length_exceeded"), C::ContextTooLong, 1),
        (413, "too large".into(), C::ContextTooLong, 1),
        (
            400,
            r#"{"error":{"message":"no","type":"invalid_request_error"}}"#.into(),
            C::BadRequest,
            1,
        ),
        (422, error(""), C::BadRequest, 1),
        (402, error(""), C::BadRequest, 1),
        (429, error(""), C::RateLimited, 3),
        (408, error(""), C::Transient, 3),
        (500, error(""), C::Transient, 3),
        (
            502,
            "<html><title>Bad Gateway</title></html>".into(),
            C::Transient,
            3,
        ),
        (503, String::new(), C::Transient, 3),
    ];
    for (status, body, class, requests) in table {
        let (heard, seen) = play(vec![Reply::json(status, &body)]).await;
        assert_eq!(heard.class(), class, "{status} {body}");
        assert_eq!(seen.len(), requests, "{status} {body}");
        let fault = heard.end.unwrap_err();
        assert!(fault.message.contains(&status.to_string()), "{fault}");
        assert!(fault.message.contains("mock"), "{fault}");
    }
}

#[tokio::test]
async fn trouble_passes() {
    let (heard, seen) = play(vec![
        Reply::json(500, "{}"),
        Reply::text(502, "text/html", "<html><title>Bad Gateway</title></html>"),
        good(),
    ])
    .await;
    assert_eq!(heard.text, "fine");
    assert_eq!(heard.retried(), [FaultClass::Transient; 2]);
    assert_eq!(seen.len(), 3);
    assert!(heard.end.is_ok());
}

#[tokio::test]
async fn the_server_sets_the_wait() {
    // With an hour as the first wait of the schedule, only a server's own word can end the test.
    let patient = RetryPolicy {
        base_ms: 3_600_000,
        ..quick()
    };
    for (status, header, value) in [
        (429, "retry-after", "0"),
        (429, "retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
        (503, "retry-after", "0"),
        (429, "retry-after-ms", "3"),
        (429, "x-ratelimit-reset-requests", "2ms"),
    ] {
        let refusal = Reply::json(status, "{}").header(header, value);
        let server = Server::script(vec![refusal, good()]).await;
        let backend = backend(endpoint(&server)).with_retries(patient);
        let heard = hear(backend.generate(request(), Cancel::new())).await;
        assert_eq!(heard.text, "fine", "{header}: {value}");
        assert_eq!(heard.retried(), [FaultClass::RateLimited]);
    }
    // A wait beyond the call's time limit is not begun.
    let refusal = Reply::json(429, "{}").header("retry-after", "86400");
    let (heard, seen) = play(vec![refusal]).await;
    assert_eq!(heard.class(), FaultClass::RateLimited);
    assert_eq!(seen.len(), 1);
    assert_eq!(heard.end.unwrap_err().retry_after_ms, Some(86_400_000));
}

#[tokio::test]
async fn a_broken_stream_starts_again_and_keeps_its_text_until_then() {
    let torn = |chunks: &[&str]| Reply::stream(chunks).then(Act::Cut);
    let some = delta("half");
    let some = some.as_str();
    let character = "data: {\"choices\":[{\"delta\":{\"content\":\"日".as_bytes();
    let cases = [
        ("cut", torn(&[some]), FaultClass::Transient, 1),
        (
            "cut before text",
            torn(&[": hello\n\n"]),
            FaultClass::Transient,
            0,
        ),
        (
            "cut in a character",
            Reply::stream(&[some.as_bytes(), &character[..character.len() - 1]]).then(Act::Cut),
            FaultClass::Transient,
            1,
        ),
        (
            "ended without a reason",
            Reply::stream(&[some]),
            FaultClass::Transient,
            1,
        ),
        (
            "invalid JSON",
            Reply::stream(&[some, "data: {\"choi\n\n", DONE]),
            FaultClass::Transient,
            1,
        ),
        (
            "not an object",
            Reply::stream(&[some, "data: 7\n\n", DONE]),
            FaultClass::Transient,
            1,
        ),
        (
            "error in a chunk",
            Reply::stream(&[
                some,
                "data: {\"error\":{\"message\":\"overloaded\",\"code\":502}}\n\n",
            ]),
            FaultClass::Transient,
            1,
        ),
        (
            "rate limit in a chunk",
            Reply::stream(&["data: {\"error\":{\"type\":\"rate_limit_error\"}}\n\n"]),
            FaultClass::RateLimited,
            0,
        ),
        (
            "failed finish",
            Reply::stream(&[some, &finish("error"), DONE]),
            FaultClass::Transient,
            1,
        ),
        (
            "a web page",
            Reply::text(200, "text/html", "<!doctype html><title>Log in</title>"),
            FaultClass::Transient,
            0,
        ),
        (
            "nothing at all",
            Reply::text(200, "text/plain", ""),
            FaultClass::Transient,
            0,
        ),
        (
            "torn JSON",
            Reply::json(200, "{\"choices\":[{\"mess"),
            FaultClass::Transient,
            0,
        ),
        (
            "an endless line",
            Reply::stream(&[some.as_bytes(), &vec![b'x'; 17 << 20]]),
            FaultClass::Transient,
            1,
        ),
        (
            "an empty answer",
            Reply::stream(&[&delta(" \n"), &finish("stop"), DONE]),
            FaultClass::Empty,
            1,
        ),
        (
            "only reasoning",
            Reply::stream(&[
                "data: {\"choices\":[{\"delta\":{\"reasoning\":\"hm\"}}]}\n\n",
                DONE,
            ]),
            FaultClass::Empty,
            1,
        ),
    ];
    for (name, reply, class, restarts) in cases {
        let (heard, _) = play(vec![reply, good()]).await;
        assert_eq!(heard.retried(), [class], "{name}");
        assert_eq!(heard.text, "fine", "{name}");
        assert_eq!(heard.thought, "", "{name}");
        assert_eq!(heard.restarts, restarts, "{name}");
    }
    // When no retry brings anything better, the text stays.
    let (heard, _) = play(vec![torn(&[some]), Reply::json(500, "{}")]).await;
    assert_eq!((heard.text.as_str(), heard.restarts), ("half", 0));
    assert_eq!(heard.class(), FaultClass::Transient);
}

#[tokio::test]
async fn odd_but_complete_streams_are_accepted() {
    let some = delta("fine");
    let some = some.as_str();
    let stop = finish("stop");
    let null =
        "data: {\"choices\":[{\"delta\":{\"content\":null},\"finish_reason\":\"stop\"}]}\n\n";
    let crlf = format!(
        "\u{feff}: hi\r\n\r\n{}{}",
        some.replace('\n', "\r\n"),
        stop.replace('\n', "\r\n")
    );
    let letters: Vec<Vec<u8>> = format!("{}{some}{stop}{DONE}", delta(""))
        .bytes()
        .map(|byte| vec![byte])
        .collect();
    let whole = r#"{"choices":[{"message":{"content":"fine"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
    let unlabelled = Reply {
        headers: Vec::new(),
        ..Reply::stream(&[some, &stop, DONE])
    };
    let cases = [
        ("no [DONE]", Reply::stream(&[some, &stop])),
        ("[DONE] without a reason", Reply::stream(&[some, DONE])),
        ("null at the end", Reply::stream(&[some, null, DONE])),
        (
            "cut after the reason",
            Reply::stream(&[some, &stop]).then(Act::Cut),
        ),
        (
            "no last blank line",
            Reply::stream(&[some, stop.trim_end()]),
        ),
        ("Windows line ends", Reply::stream(&[crlf.as_str()])),
        ("one byte at a time", Reply::stream(&letters)),
        ("not streamed", Reply::json(200, whole)),
        ("not streamed, called a stream", Reply::stream(&[whole])),
        ("unlabelled", unlabelled),
        (
            "mislabelled",
            Reply::text(200, "text/plain", &format!("{some}{stop}{DONE}")),
        ),
        (
            "comments first",
            Reply::stream(&[": PROCESSING\n\n", ": PROCESSING\n\n", some, &stop, DONE]),
        ),
    ];
    for (name, reply) in cases {
        let (heard, seen) = play(vec![reply, Reply::json(400, "{}")]).await;
        assert_eq!(heard.text, "fine", "{name}");
        assert!(heard.end.is_ok(), "{name}: {:?}", heard.end);
        assert_eq!(seen.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_mute_stream_is_asked_unstreamed_for_its_reason() {
    let server = Server::start(|seen| {
        Some(if body(seen)["stream"] == true {
            Reply::stream::<&str>(&[])
        } else {
            assert!(body(seen).get("stream_options").is_none());
            Reply::json(400, r#"{"error":{"code":"context_length_exceeded"}}"#)
        })
    })
    .await;
    let heard = ask(&server, request()).await;
    assert_eq!(heard.class(), FaultClass::ContextTooLong);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn an_empty_answer_is_asked_for_once_more() {
    for reply in [
        Reply::stream(&[finish("stop"), DONE.into()]),
        Reply::stream(&[delta("<think>long</think>"), finish("length"), DONE.into()]),
        Reply::json(
            200,
            r#"{"choices":[{"message":{"content":null},"finish_reason":"stop"}]}"#,
        ),
    ] {
        let (heard, seen) = play(vec![reply]).await;
        assert_eq!(heard.class(), FaultClass::Empty);
        assert_eq!(seen.len(), 2);
    }
}

#[tokio::test]
async fn reasoning_and_text_are_told_apart_and_made_safe() {
    let (heard, _) = play(vec![Reply::stream(&[
        delta("<thi"),
        delta("nk>\u{1b}[2Jhm</think>\n\nYes\u{7}"),
        delta(" [/INST] :dollar: a[i]"),
        finish("stop"),
    ])])
    .await;
    assert_eq!(heard.thought, "[2Jhm");
    assert_eq!(heard.text, "Yes [/INST] :dollar: a[i]");
    let usage = heard.end.unwrap().usage;
    assert!(usage.estimated && usage.completion_tokens > 0);
}

#[tokio::test]
async fn silence_is_a_timeout_and_is_tried_once_more() {
    let silent = Reply::stream::<&str>(&[]).then(Act::Hang);
    let comments = Reply::stream(&[": wait\n\n"]).then(Act::Hang);
    let stuck = Reply::stream(&[delta("half")]).then(Act::Hang);
    for (name, reply, limits) in [
        (
            "no head",
            silent,
            TimeLimits {
                first_token_ms: 40,
                ..request().limits
            },
        ),
        (
            "no token",
            comments,
            TimeLimits {
                first_token_ms: 40,
                ..request().limits
            },
        ),
        (
            "stuck",
            stuck,
            TimeLimits {
                idle_ms: 40,
                ..request().limits
            },
        ),
    ] {
        let server = Server::script(vec![reply]).await;
        let heard = ask(
            &server,
            Request {
                limits,
                ..request()
            },
        )
        .await;
        assert_eq!(heard.class(), FaultClass::Timeout, "{name}");
        assert_eq!(heard.retried(), [FaultClass::Timeout], "{name}");
        // The last connection is closed, not left behind.
        server
            .until(|log| log.abandoned > 0 && log.active == 0)
            .await;
    }
}

#[tokio::test]
async fn the_total_limit_ends_a_call_for_good() {
    let server = Server::script(vec![Reply::stream(&[delta("half")]).then(Act::Hang)]).await;
    let limits = TimeLimits {
        idle_ms: 60_000,
        ..request().limits
    };
    let backend = backend(endpoint(&server));
    let mut tokens = backend.generate(
        Request {
            limits,
            ..request()
        },
        Cancel::new(),
    );
    while !matches!(tokens.next().await, Piece::Delta { .. }) {}
    // From here on nothing but time can happen, so time may jump.
    tokio::time::pause();
    assert_eq!(hear(tokens).await.class(), FaultClass::Timeout);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_connection_that_never_stands_is_a_timeout() {
    // The listener takes the connection and never speaks TLS.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://{}/v1", listener.local_addr().unwrap());
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok(connection) = listener.accept().await {
            held.push(connection);
        }
    });
    let endpoint = Endpoint {
        name: "mock".into(),
        base_url,
        ..Endpoint::default()
    };
    let backend = backend(endpoint);
    let limits = TimeLimits {
        connect_ms: 40,
        ..request().limits
    };
    let heard = hear(backend.generate(
        Request {
            limits,
            ..request()
        },
        Cancel::new(),
    ))
    .await;
    assert_eq!(heard.class(), FaultClass::Timeout);
    assert!(
        !heard.progress.contains(&Progress::Waiting),
        "{:?}",
        heard.progress
    );
    // The same place can be left at once.
    let cancel = Cancel::new();
    let mut tokens = backend.generate(request(), cancel.clone());
    assert_eq!(tokens.next().await, Piece::Progress(Progress::Connecting));
    cancel.cancel();
    assert_eq!(hear(tokens).await.class(), FaultClass::Cancelled);
    held.abort();
}

#[tokio::test]
async fn nobody_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    // A name with a label of more than 63 letters fails without asking any server.
    let unknown = format!("http://{}.invalid/v1", "a".repeat(70));
    for (base_url, words) in [(refused, "refused"), (unknown, "cannot reach")] {
        let endpoint = Endpoint {
            name: "mock".into(),
            base_url,
            proxy: Some("none".into()),
            ..Endpoint::default()
        };
        let heard = hear(backend(endpoint).generate(request(), Cancel::new())).await;
        assert_eq!(heard.class(), FaultClass::Transient);
        assert_eq!(heard.retried().len(), 2);
        let message = heard.end.unwrap_err().message;
        assert!(message.to_lowercase().contains(words), "{message}");
    }
}

#[tokio::test]
async fn a_key_is_required_before_asking_and_never_repeated() {
    let echo = format!(r#"{{"error":{{"message":"bad key {KEY}"}}}}"#);
    let server = Server::script(vec![Reply::json(401, &echo)]).await;
    let with = |variable: &str| Endpoint {
        key_env: Some(variable.into()),
        ..endpoint(&server)
    };
    let heard = hear(backend(with("NO_SUCH_KEY")).generate(request(), Cancel::new())).await;
    assert_eq!(heard.class(), FaultClass::Auth);
    assert!(heard.end.unwrap_err().message.contains("NO_SUCH_KEY"));
    assert_eq!(server.seen().len(), 0);
    let heard = hear(backend(with("MOCK_KEY")).generate(request(), Cancel::new())).await;
    let fault = heard.end.unwrap_err();
    assert_eq!(fault.class, FaultClass::Auth);
    assert!(fault.to_string().contains("MOCK_KEY"), "{fault}");
    assert!(!fault.to_string().contains(KEY), "{fault}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn fields_a_server_does_not_take_are_left_out_from_then_on() {
    let server = Server::start(|seen| {
        let body = body(seen);
        let refuse = |message: &str| Some(Reply::json(400, &format!(r#"{{"error":{{"message":"{message}"}}}}"#)));
        if body.get("stream_options").is_some() {
            return refuse("unknown field: stream_options");
        }
        if body.get("max_tokens").is_some() {
            return refuse("'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.");
        }
        if body.get("top_k").is_some() {
            return refuse("Unrecognized request argument supplied: top_k");
        }
        Some(good())
    })
    .await;
    let mut request = request();
    request.sampling.max_tokens = Some(5);
    request.sampling.top_k = Some(40);
    let backend = backend(endpoint(&server)).with_retries(RetryPolicy { most: 0, ..quick() });
    for requests in [4, 5] {
        let heard = hear(backend.generate(request.clone(), Cancel::new())).await;
        assert_eq!(heard.text, "fine");
        assert_eq!(server.seen().len(), requests);
    }
    assert_eq!(body(&server.seen()[4])["max_completion_tokens"], 5);
}

#[tokio::test]
async fn a_kept_connection_that_died_costs_no_attempt() {
    // Closes without a word whatever comes second on a connection.
    let server = Server::start(|seen| (seen.on_connection == 0).then(good)).await;
    let backend = backend(endpoint(&server)).with_retries(RetryPolicy { most: 0, ..quick() });
    let reused = |server: &Server| server.seen().iter().any(|seen| seen.on_connection > 0);
    let mut calls = 0;
    while calls < 3 || !reused(&server) {
        let heard = hear(backend.generate(request(), Cancel::new())).await;
        assert_eq!(heard.text, "fine", "{:?}", heard.end);
        calls += 1;
        assert!(calls < 1000, "no connection was ever kept");
    }
}

#[tokio::test]
async fn a_server_that_closes_behind_every_answer_is_no_trouble() {
    let server = Server::start(|_| Some(good().then(Act::EndAndClose))).await;
    let backend = backend(endpoint(&server)).with_retries(RetryPolicy { most: 0, ..quick() });
    for _ in 0..40 {
        let heard = hear(backend.generate(request(), Cancel::new())).await;
        assert_eq!(heard.text, "fine", "{:?}", heard.end);
    }
}

#[tokio::test]
async fn agents_share_the_slots_of_their_endpoint() {
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let server = Server::start(move |_| {
        let mut reply = good();
        reply.acts.insert(0, Act::Wait(held.clone()));
        Some(reply)
    })
    .await;
    let backend = backend(Endpoint {
        concurrency: Some(2),
        ..endpoint(&server)
    });
    let calls: Vec<_> = (0..6)
        .map(|_| tokio::spawn(hear(backend.generate(request(), Cancel::new()))))
        .collect();
    for ended in 0..6 {
        server
            .until(|log| log.seen.len() == (ended + 2).min(6))
            .await;
        gate.add_permits(1);
    }
    let mut queued = 0;
    for call in calls {
        let heard = call.await.unwrap();
        assert_eq!(heard.text, "fine");
        queued += usize::from(matches!(heard.progress[0], Progress::Queued { .. }));
    }
    assert_eq!(server.log().peak, 2);
    assert_eq!(queued, 4);
}

#[tokio::test]
async fn stopping_closes_the_connection_at_once() {
    let server = Server::script(vec![Reply::stream(&[delta("half")]).then(Act::Hang)]).await;
    let backend = backend(Endpoint {
        concurrency: Some(1),
        ..endpoint(&server)
    });
    let cancel = Cancel::new();
    let mut tokens = backend.generate(request(), cancel.clone());
    while !matches!(tokens.next().await, Piece::Delta { .. }) {}
    // One that is still queued goes first and asks nothing.
    let waiting = Cancel::new();
    let queued = backend.generate(request(), waiting.clone());
    waiting.cancel();
    assert_eq!(hear(queued).await.class(), FaultClass::Cancelled);
    let begin = Instant::now();
    cancel.cancel();
    assert_eq!(hear(tokens).await.class(), FaultClass::Cancelled);
    server.until(|log| log.abandoned == 1).await;
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert_eq!(server.seen().len(), 1);
    // Nobody listening is a reason to stop as well.
    let mut tokens = backend.generate(request(), Cancel::new());
    while !matches!(tokens.next().await, Piece::Delta { .. }) {}
    drop(tokens);
    server.until(|log| log.abandoned == 2).await;
}

#[tokio::test]
async fn sixteen_agents_stream_at_once() {
    let words: Vec<String> = (0..200).map(|n| delta(&format!("{n} "))).collect();
    let reply = Reply::stream(&words).then(Act::Send(finish("stop").into()));
    let server = Server::script(vec![reply]).await;
    let backend = backend(endpoint(&server));
    let calls: Vec<_> = (0..16)
        .map(|_| tokio::spawn(hear(backend.generate(request(), Cancel::new()))))
        .collect();
    for call in calls {
        let heard = call.await.unwrap();
        assert!(heard.text.starts_with("0 1 2 ") && heard.text.ends_with("199 "));
    }
}

#[tokio::test]
async fn a_proxy_is_used() {
    let proxy = Server::script(vec![good()]).await;
    let endpoint = Endpoint {
        name: "mock".into(),
        base_url: "http://model.invalid/v1".into(),
        proxy: Some(format!("http://{}", proxy.address)),
        ..Endpoint::default()
    };
    let heard = hear(backend(endpoint).generate(request(), Cancel::new())).await;
    assert_eq!(heard.text, "fine", "{:?}", heard.end);
    assert_eq!(
        proxy.seen()[0].target,
        "http://model.invalid/v1/chat/completions"
    );
}

#[tokio::test]
async fn a_custom_authority_is_trusted_and_a_stranger_is_not() {
    let server = Server::start_tls(|_| Some(good())).await;
    let endpoint = |ca_file| Endpoint {
        name: "mock".into(),
        base_url: format!("https://localhost:{}/v1", server.address.port()),
        ca_file,
        ..Endpoint::default()
    };
    let trusting = backend(endpoint(Some(authority_file())));
    let heard = hear(trusting.generate(request(), Cancel::new())).await;
    assert_eq!(heard.text, "fine", "{:?}", heard.end);
    let heard = hear(backend(endpoint(None)).generate(request(), Cancel::new())).await;
    let fault = heard.end.unwrap_err();
    assert_eq!(fault.class, FaultClass::BadData, "{fault}");
    assert!(fault.to_string().contains("ca_file"), "{fault}");
}

#[tokio::test]
async fn models_are_listed() {
    let wrapped = r#"{"object":"list","data":[{"id":"a"},{"id":"b\u001b[2J"}]}"#;
    let server = Server::script(vec![
        Reply::json(200, wrapped),
        Reply::json(200, r#"[{"id":"c"}]"#),
        Reply::json(404, "{}"),
        Reply::json(401, "{}"),
    ])
    .await;
    let backend = backend(endpoint(&server));
    assert_eq!(backend.list_models().await.unwrap(), ["a", "b[2J"]);
    assert_eq!(backend.list_models().await.unwrap(), ["c"]);
    assert!(backend.check().await.unwrap().models.is_empty());
    assert_eq!(backend.check().await.unwrap_err().class, FaultClass::Auth);
    assert_eq!(server.seen()[0].target, "/v1/models");
}

/// Against a real server: `SYNOD_TEST_BASE_URL=http://127.0.0.1:8080/v1 cargo test --test it real_server -- --ignored`.
#[tokio::test]
#[ignore = "needs a running server, named by SYNOD_TEST_BASE_URL"]
async fn a_real_server_answers() {
    let base_url = std::env::var("SYNOD_TEST_BASE_URL").expect("SYNOD_TEST_BASE_URL");
    let endpoint = Endpoint {
        name: "real".into(),
        base_url,
        ..Endpoint::default()
    };
    let backend = OpenAi::new(endpoint, BTreeMap::new()).unwrap();
    let models = backend.list_models().await.unwrap();
    let ask = |question: &str, max_tokens: u32| Request {
        adapters: Vec::new(),
        model: ModelRef::new(models[0].clone(), "real"),
        messages: vec![Message::user(question)],
        tools: Tools::default(),
        sampling: Sampling {
            temperature: Some(0.7),
            top_p: Some(0.9),
            max_tokens: Some(max_tokens),
            seed: Some(7),
            ..Sampling::default()
        },
        limits: TimeLimits::default(),
    };
    // One after the other: connections are kept, or die while nobody looks.
    for _ in 0..5 {
        let heard = hear(backend.generate(ask("Say hello.", 16), Cancel::new())).await;
        assert!(heard.end.is_ok(), "{heard:?}");
        assert!(heard.retried().is_empty(), "{heard:?}");
    }
    let heard = hear(backend.generate(ask("Count to 100.", 5), Cancel::new())).await;
    assert_eq!(heard.end.unwrap().finish, Finish::Length);
    let together: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(hear(
                backend.generate(ask("Name a colour.", 24), Cancel::new()),
            ))
        })
        .collect();
    for call in together {
        let heard = call.await.unwrap();
        assert!(heard.end.is_ok(), "{heard:?}");
    }
    let cancel = Cancel::new();
    let mut tokens = backend.generate(ask("Tell a long story.", 400), cancel.clone());
    while !matches!(tokens.next().await, Piece::Delta { .. }) {}
    let begin = Instant::now();
    cancel.cancel();
    assert_eq!(hear(tokens).await.class(), FaultClass::Cancelled);
    assert!(begin.elapsed() < Duration::from_millis(100));
    let endless = "word ".repeat(200_000);
    let heard = hear(backend.generate(ask(&endless, 16), Cancel::new())).await;
    assert_eq!(heard.class(), FaultClass::ContextTooLong, "{heard:?}");
}
