//! The OpenAI-compatible server, over loopback.

use crate::support::council::{Fake, Step, backends, council, say};
use crate::support::tiny_model::{self, Stored};
use serde_json::{Value, json};
use std::sync::Arc;
use synod::backend::Backends;
use synod::backend::local::{Local, LocalOptions};
use synod::domain::cancel::Cancel;
use synod::domain::clock::Manual;
use synod::serve::{self, Served};
use tokio::net::TcpListener;

struct Place {
    base: String,
    client: reqwest::Client,
    stop: Cancel,
    _folder: Option<tempfile::TempDir>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn place(
    backends: Arc<Backends>,
    key: Option<&str>,
    folder: Option<tempfile::TempDir>,
) -> Place {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let served = Served {
        backends,
        clock: Arc::new(Manual::default()),
        models: vec!["tiny".into()],
        councils: [("pair".to_owned(), council("{}"))].into_iter().collect(),
        key: key.map(str::to_owned),
    };
    let stop = Cancel::new();
    tokio::spawn(serve::run(listener, served, stop.clone()));
    let _ = rustls::crypto::ring::default_provider().install_default();
    Place {
        base,
        client: reqwest::Client::new(),
        stop,
        _folder: folder,
    }
}

async fn tiny() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    tiny_model::write(&path, Stored::Q8_0);
    let options = LocalOptions {
        threads: 1,
        cache_mib: 8,
        ..LocalOptions::default()
    };
    let local = Local::new(Arc::new(move |_: &str| Ok(path.clone())), options);
    let mut backends = Backends::new();
    backends.insert("local", Arc::new(local));
    place(Arc::new(backends), None, Some(folder)).await
}

impl Place {
    async fn post(&self, body: &Value) -> (u16, String) {
        let request = self.client.post(format!("{}/chat/completions", self.base));
        let reply = request.body(body.to_string()).send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    }

    async fn json(&self, body: &Value) -> (u16, Value) {
        let (status, text) = self.post(body).await;
        (status, serde_json::from_str(&text).unwrap())
    }
}

fn ask(model: &str, more: Value) -> Value {
    let mut body = json!({
        "model": model,
        "messages": [{ "role": "user", "content": [{ "type": "text", "text": "and the in" }] }],
        "max_tokens": 12, "seed": 5, "temperature": 1.0,
    });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

/// The objects of a stream of events; the last line must say that it is done.
fn events(text: &str) -> Vec<Value> {
    let mut data: Vec<&str> = text
        .split("\n\n")
        .filter_map(|line| line.strip_prefix("data: "))
        .collect();
    assert_eq!(data.pop(), Some("[DONE]"), "{text}");
    data.into_iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_local_model_answers_the_same_whole_and_in_pieces() {
    let place = tiny().await;
    let more = json!({ "logprobs": true, "top_logprobs": 2 });
    let (status, whole) = place.json(&ask("tiny", more)).await;
    assert_eq!(status, 200, "{whole}");
    let choice = &whole["choices"][0];
    let text = choice["message"]["content"].as_str().unwrap();
    assert!(!text.is_empty());
    assert_eq!(choice["finish_reason"], "length");
    assert_eq!(whole["usage"]["completion_tokens"], 12);
    let logprobs = choice["logprobs"]["content"].as_array().unwrap();
    assert_eq!(logprobs.len(), 12);
    assert_eq!(logprobs[0]["top_logprobs"].as_array().unwrap().len(), 2);
    assert!(
        logprobs
            .iter()
            .all(|one| one["logprob"].as_f64().unwrap() <= 0.0)
    );

    let more = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let (status, streamed) = place.post(&ask("default", more)).await;
    assert_eq!(status, 200);
    let events = events(&streamed);
    let pieces: String = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(pieces, text);
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    let last = events.last().unwrap();
    assert_eq!(last["usage"]["completion_tokens"], 12);
    assert_eq!(last["choices"], json!([]));
    assert_eq!(
        events[events.len() - 2]["choices"][0]["finish_reason"],
        "length"
    );
}

#[tokio::test]
async fn shapes_and_biases_reach_the_model() {
    let place = tiny().await;
    let schema = json!({ "type": "object", "properties": { "a": { "type": "boolean" } }, "required": ["a"], "additionalProperties": false });
    let more = json!({ "max_tokens": 60, "response_format": { "type": "json_schema", "json_schema": { "name": "x", "schema": schema } } });
    let (status, reply) = place.json(&ask("tiny", more)).await;
    assert_eq!(status, 200, "{reply}");
    let text = reply["choices"][0]["message"]["content"].as_str().unwrap();
    let value: Value = serde_json::from_str(text).unwrap();
    assert!(value["a"].is_boolean(), "{text}");
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_the_apis_own_shape() {
    let place = tiny().await;
    for (body, status, code, word) in [
        (
            ask("other", json!({})),
            404,
            json!("model_not_found"),
            "other",
        ),
        (
            ask("/etc/passwd", json!({})),
            404,
            json!("model_not_found"),
            "not served",
        ),
        (ask("tiny", json!({ "n": 2 })), 400, Value::Null, "n = 1"),
        (
            ask("tiny", json!({ "tools": [{}] })),
            400,
            Value::Null,
            "tools",
        ),
        (
            ask("tiny", json!({ "messages": [] })),
            400,
            Value::Null,
            "messages",
        ),
        (
            ask("tiny", json!({ "temperature": 9 })),
            400,
            Value::Null,
            "temperature",
        ),
        (
            ask("tiny", json!({ "logit_bias": { "99999": 1 } })),
            400,
            Value::Null,
            "99999",
        ),
        (
            ask(
                "tiny",
                json!({ "messages": [{ "role": "tool", "content": "x" }] }),
            ),
            400,
            Value::Null,
            "tool",
        ),
        (
            ask(
                "tiny",
                json!({ "messages": [{ "role": "user", "content": "a ".repeat(20_000) }] }),
            ),
            400,
            json!("context_length_exceeded"),
            "tokens",
        ),
    ] {
        let (found, reply) = place.json(&body).await;
        assert_eq!(found, status, "{reply}");
        let error = &reply["error"];
        assert_eq!(error["code"], code, "{reply}");
        assert!(error["message"].as_str().unwrap().contains(word), "{reply}");
        assert!(error["type"].is_string() && error.get("param").is_some());
    }
    let (status, text) = place.post(&json!("not an object")).await;
    assert_eq!(status, 400, "{text}");
    let (status, text) = place.post(&json!("x".repeat(9 << 20))).await;
    assert_eq!(status, 413, "{text}");
    assert!(text.contains("\"error\""), "{text}");
    let reply = place
        .client
        .get(format!("{}/nowhere", place.base))
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status().as_u16(), 404);
    assert!(reply.text().await.unwrap().contains("/v1/models"));
}

#[tokio::test]
async fn a_council_is_a_model_and_only_its_answer_is_sent() {
    let fake = Fake::plain();
    let place = place(backends(&fake), None, None).await;
    let reply = place
        .client
        .get(format!("{}/models", place.base))
        .send()
        .await
        .unwrap();
    let list: Value = serde_json::from_str(&reply.text().await.unwrap()).unwrap();
    let names: Vec<&str> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|m| m["id"].as_str())
        .collect();
    assert_eq!(names, ["tiny", "preset:pair"]);
    let messages =
        json!([{ "role": "system", "content": "Be terse." }, { "role": "user", "content": "hi" }]);
    let (status, reply) = place
        .json(&ask(
            "preset:pair",
            json!({ "messages": messages, "max_tokens": 7 }),
        ))
        .await;
    assert_eq!(status, 200, "{reply}");
    assert_eq!(reply["choices"][0]["message"]["content"], "FINAL of AGG");
    let asked = fake.asked();
    assert_eq!(asked.len(), 3);
    for request in asked {
        let is_answering = request.model.model == "AGG";
        assert_eq!(
            request.sampling.max_tokens,
            Some(if is_answering { 7 } else { 64 })
        );
        assert!(request.messages[0].content.starts_with("Be terse."));
    }
    let (_, streamed) = place.post(&ask("pair", json!({ "stream": true }))).await;
    let text: String = events(&streamed)
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, "FINAL of AGG");
}

#[tokio::test]
async fn who_has_no_key_is_turned_away() {
    let place = place(backends(&Fake::plain()), Some("s3cret"), None).await;
    let url = format!("{}/models", place.base);
    for (key, status) in [(None, 401), (Some("wrong"), 401), (Some("s3cret"), 200)] {
        let mut request = place.client.get(&url);
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        assert_eq!(
            request.send().await.unwrap().status().as_u16(),
            status,
            "{key:?}"
        );
    }
    assert_eq!(place.post(&ask("tiny", json!({}))).await.0, 401);
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_work() {
    let fake = Fake::new(|_, _| {
        let mut steps = say("a first word");
        steps.push(Step::Hang);
        steps
    });
    let place = place(backends(&fake), None, None).await;
    let request = place
        .client
        .post(format!("{}/chat/completions", place.base));
    let body = ask("tiny", json!({ "stream": true }));
    let mut reply = request.body(body.to_string()).send().await.unwrap();
    let first = reply.chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("a first word"));
    drop(reply);
    while fake.aborted.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(*fake.aborted.lock().unwrap(), ["tiny"]);
}
