//! Several models and a limit on their memory.

use crate::support::tiny_model::{self, Stored};
use std::sync::Arc;
use synod::backend::local::{Local, LocalOptions};
use synod::backend::{Backend, Completion, Piece, Tokens};
use synod::domain::call::Tools;
use synod::domain::cancel::Cancel;
use synod::domain::event::Progress;
use synod::domain::fault::{Fault, FaultClass};
use synod::domain::message::Message;
use synod::domain::request::{LOCAL, ModelRef, Request, Sampling, TimeLimits};
use synod::domain::score::{Continuation, Prompt, ScoreRequest};

const MIB: u64 = 1 << 20;

struct Place {
    folder: tempfile::TempDir,
    local: Local,
}

/// Models `a`, `b` and `c` of well below one MiB with caches of one MiB, and `memory` for all.
fn place(memory: u64) -> Place {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        tiny_model::write(&folder.path().join(name), Stored::Q8_0);
    }
    let path = folder.path().to_path_buf();
    let options = LocalOptions {
        threads: 1,
        cache_mib: 1,
        memory: Some(memory),
        ..LocalOptions::default()
    };
    Place {
        local: Local::new(Arc::new(move |name: &str| Ok(path.join(name))), options),
        folder,
    }
}

fn begin(place: &Place, model: &str, max_tokens: u32) -> Tokens {
    let request = Request {
        adapters: Vec::new(),
        model: ModelRef::new(model, LOCAL),
        messages: vec![Message::user("hello")],
        tools: Tools::default(),
        sampling: Sampling {
            temperature: Some(0.0),
            max_tokens: Some(max_tokens),
            ..Sampling::default()
        },
        limits: TimeLimits::default(),
    };
    place.local.generate(request, Cancel::new())
}

/// What a request heard.
#[derive(Debug)]
struct Heard {
    was_loaded: bool,
    notes: Vec<String>,
    end: Result<Completion, Fault>,
}

async fn rest(mut tokens: Tokens) -> Heard {
    let (mut was_loaded, mut notes) = (false, Vec::new());
    loop {
        match tokens.next().await {
            Piece::Progress(Progress::Loading) => was_loaded = true,
            Piece::Note(note) => notes.push(note),
            Piece::End(end) => {
                return Heard {
                    was_loaded,
                    notes,
                    end,
                };
            }
            _ => {}
        }
    }
}

async fn answer(place: &Place, model: &str) -> Heard {
    let heard = rest(begin(place, model, 3)).await;
    assert!(heard.end.is_ok(), "{model}: {heard:?}");
    heard
}

#[tokio::test]
async fn the_least_recently_used_goes_when_another_needs_room() {
    // Room for two.
    let place = place(3 * MIB);
    for model in ["a", "b", "a"] {
        assert!(answer(&place, model).await.notes.is_empty());
    }
    let heard = answer(&place, "c").await;
    assert!(heard.was_loaded);
    assert_eq!(
        heard.notes,
        ["b was unloaded (2 MiB) to make room for c"],
        "a was used after b"
    );
    assert!(!answer(&place, "a").await.was_loaded, "it stayed");
    let heard = answer(&place, "b").await;
    assert!(heard.was_loaded, "it went");
    assert_eq!(heard.notes, ["c was unloaded (2 MiB) to make room for b"]);
}

#[tokio::test]
async fn a_model_in_use_stays_and_the_other_is_told() {
    let place = place(2 * MIB);
    // Many long answers: they are not over before the other model is asked.
    let mut talking: Vec<Tokens> = (0..24).map(|_| begin(&place, "a", 4000)).collect();
    while !matches!(talking[0].next().await, Piece::Delta { .. }) {}
    let fault = rest(begin(&place, "b", 3)).await.end.unwrap_err();
    assert_eq!(fault.class, FaultClass::Resource);
    assert!(
        fault.message.contains("b needs 2 MiB") && fault.message.contains("in use: a (2 MiB)"),
        "{fault}"
    );
    drop(talking);
    // The engine learns of it at its next step.
    loop {
        let heard = rest(begin(&place, "b", 3)).await;
        match heard.end {
            Ok(_) => break assert!(heard.notes[0].starts_with("a was unloaded")),
            Err(fault) => assert_eq!(fault.class, FaultClass::Resource),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_can_never_fit_is_said_before_it_is_read() {
    let place = place(MIB / 2);
    std::fs::write(place.folder.path().join("a"), b"no model at all").unwrap();
    let fault = rest(begin(&place, "a", 3)).await.end.unwrap_err();
    assert_eq!(fault.class, FaultClass::Resource, "{fault}");
    assert!(fault.message.contains("a needs"), "{fault}");
    assert!(fault.hint.is_some());
}

#[tokio::test]
async fn a_model_that_could_not_be_read_takes_no_room() {
    let place = place(3 * MIB);
    let good = std::fs::read(place.folder.path().join("a")).unwrap();
    std::fs::write(place.folder.path().join("a"), b"no model at all").unwrap();
    let fault = rest(begin(&place, "a", 3)).await.end.unwrap_err();
    assert_eq!(fault.class, FaultClass::BadData);
    for model in ["b", "c"] {
        assert!(answer(&place, model).await.notes.is_empty());
    }
    std::fs::write(place.folder.path().join("a"), good).unwrap();
    assert_eq!(answer(&place, "a").await.notes.len(), 1);
}

#[tokio::test]
async fn continuations_are_scored() {
    let place = place(8 * MIB);
    let request = |model: &str| ScoreRequest {
        adapters: Vec::new(),
        model: ModelRef::new(model, LOCAL),
        prompt: Prompt::Messages(vec![Message::user("which?")]),
        continuations: vec![
            Continuation::Text("yes".into()),
            Continuation::Text("no".into()),
        ],
    };
    let scored = place.local.score(request("a"), Cancel::new());
    let scored = scored.wait().await.unwrap();
    assert_eq!(scored.scores.len(), 2);
    assert_eq!(
        (scored.scores[0].tokens.len(), scored.scores[1].tokens.len()),
        (3, 2)
    );
    assert_eq!(scored.usage.completion_tokens, 5);
    assert!(scored.scores.iter().all(|score| score.sum() < 0.0));
    let fault = place.local.score(request("nobody"), Cancel::new());
    assert_eq!(
        fault.wait().await.unwrap_err().class,
        FaultClass::ModelUnavailable
    );
    let cancel = Cancel::new();
    cancel.cancel();
    let fault = place.local.score(request("a"), cancel).wait().await;
    assert_eq!(fault.unwrap_err().class, FaultClass::Cancelled);
}
