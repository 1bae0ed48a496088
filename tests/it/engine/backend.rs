//! The engine as a backend.

use crate::support::tiny_model::{self, Stored};
use std::path::PathBuf;
use std::sync::Arc;
use synod::backend::local::{Local, LocalOptions};
use synod::backend::{Backend, Completion, Piece};
use synod::domain::call::Tools;
use synod::domain::cancel::Cancel;
use synod::domain::event::Progress;
use synod::domain::fault::{Fault, FaultClass};
use synod::domain::message::Message;
use synod::domain::request::{Finish, LOCAL, ModelRef, Request, Sampling, TimeLimits};

struct Place {
    _folder: tempfile::TempDir,
    local: Local,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    tiny_model::write(&path, Stored::Q8_0);
    let broken = folder.path().join("broken.gguf");
    std::fs::write(&broken, b"GGUF and nothing more").unwrap();
    let resolve = move |name: &str| -> Result<PathBuf, Fault> {
        match name {
            "tiny" => Ok(path.clone()),
            "broken" => Ok(broken.clone()),
            other => Err(Fault::new(
                FaultClass::ModelUnavailable,
                format!("no model \"{other}\""),
            )),
        }
    };
    let options = LocalOptions {
        threads: 1,
        cache_mib: 8,
        ..LocalOptions::default()
    };
    Place {
        local: Local::new(Arc::new(resolve), options),
        _folder: folder,
    }
}

fn request(model: &str, question: &str, seed: u64, max_tokens: u32) -> Request {
    Request {
        adapters: Vec::new(),
        model: ModelRef::new(model, LOCAL),
        messages: vec![Message::user(question)],
        tools: Tools::default(),
        sampling: Sampling {
            temperature: Some(0.8),
            seed: Some(seed),
            max_tokens: Some(max_tokens),
            ..Sampling::default()
        },
        limits: TimeLimits::default(),
    }
}

async fn pieces(local: &Local, request: Request) -> Vec<Piece> {
    let mut tokens = local.generate(request, Cancel::new());
    let mut all = Vec::new();
    loop {
        all.push(tokens.next().await);
        if let Some(Piece::End(_)) = all.last() {
            return all;
        }
    }
}

fn end(pieces: &[Piece]) -> Result<Completion, Fault> {
    match pieces.last() {
        Some(Piece::End(end)) => end.clone(),
        other => panic!("not an end: {other:?}"),
    }
}

#[tokio::test]
async fn a_generation_tells_where_it_stands_and_ends_once() {
    let place = place();
    let all = pieces(&place.local, request("tiny", "hello", 1, 30)).await;
    assert_eq!(all[0], Piece::Progress(Progress::Loading));
    assert!(matches!(all[1], Piece::Progress(Progress::Prefill { done, total }) if done == total));
    let done = end(&all).unwrap();
    assert_eq!(
        (done.finish, done.usage.completion_tokens),
        (Finish::Length, 30)
    );
    let text: String = all
        .iter()
        .filter_map(|p| match p {
            Piece::Delta { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert!(
        !text.is_empty()
            && text
                .chars()
                .all(|c| !c.is_control() || c == '\n' || c == '\t')
    );
    let again = pieces(&place.local, request("tiny", "hello", 1, 30)).await;
    assert!(
        !again.contains(&Piece::Progress(Progress::Loading)),
        "it stays loaded"
    );
}

#[tokio::test]
async fn references_of_one_turn_share_their_prompt() {
    let place = place();
    let question = "the council is asked the same thing and each member answers in its own way";
    let members = (0..4).map(|seed| pieces(&place.local, request("tiny", question, seed, 12)));
    let all = futures_util::future::join_all(members).await;
    let usage: Vec<_> = all.iter().map(|a| end(a).unwrap().usage).collect();
    let prompt = usage[0].prompt_tokens;
    let cached: u64 = usage.iter().map(|u| u.cached_tokens).sum();
    let computed = place.local.stats("tiny").prompt_tokens;
    assert_eq!(computed, 4 * prompt - cached);
    // Whoever came late enough to miss the copy still shares all whole blocks.
    assert!(computed < 2 * prompt, "{computed} of {prompt}");
}

#[tokio::test]
async fn faults_have_their_class() {
    let place = place();
    let class = |all: Vec<Piece>| end(&all).unwrap_err().class;
    let ask = |model: &str, question: &str| pieces(&place.local, request(model, question, 1, 5));
    assert_eq!(
        class(ask("nowhere", "hi").await),
        FaultClass::ModelUnavailable
    );
    assert_eq!(class(ask("broken", "hi").await), FaultClass::BadData);
    assert_eq!(
        class(ask("tiny", &"long ".repeat(2000)).await),
        FaultClass::ContextTooLong
    );
    let silent = Request {
        sampling: Sampling {
            stop: vec!["\u{fffd}".into()],
            max_tokens: Some(1),
            ..Sampling::default()
        },
        ..request("tiny", "hi", 1, 1)
    };
    // Whatever the one token is: either it shows, or the answer is empty and says so.
    match end(&pieces(&place.local, silent).await) {
        Ok(done) => assert_eq!(done.usage.completion_tokens, 1),
        Err(fault) => assert_eq!(fault.class, FaultClass::Empty),
    }
}

#[tokio::test]
async fn a_raised_flag_ends_the_stream() {
    let place = place();
    let cancel = Cancel::new();
    let mut tokens = place
        .local
        .generate(request("tiny", "hello", 3, 3000), cancel.clone());
    let mut has_text = false;
    loop {
        match tokens.next().await {
            Piece::Delta { .. } => {
                has_text = true;
                cancel.cancel();
            }
            Piece::End(end) => {
                assert!(has_text);
                assert_eq!(end.unwrap().finish, Finish::Cancelled);
                break;
            }
            _ => {}
        }
    }
    let before = Cancel::new();
    before.cancel();
    let mut tokens = place
        .local
        .generate(request("tiny", "hello", 3, 3000), before);
    loop {
        if let Piece::End(end) = tokens.next().await {
            assert_eq!(end.unwrap_err().class, FaultClass::Cancelled);
            break;
        }
    }
}
