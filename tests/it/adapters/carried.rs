//! Adapters in the engine: who carries the same shares what was computed, nobody else does.

use super::folder::Made;
use crate::engine::recorder::{Bench, Heard, greedy, options, prompt, seeded};
use crate::support::tiny_model::{self, Stored};
use std::path::Path;
use std::sync::Arc;
use synod::backend::local::{Local, LocalOptions};
use synod::backend::{Backends, Completion, Piece};
use synod::domain::call::Tools;
use synod::domain::cancel::Cancel;
use synod::domain::fault::{Fault, FaultClass};
use synod::domain::message::Message;
use synod::domain::request::{AdapterRef, LOCAL, ModelRef, Request, Sampling, TimeLimits};
use synod::domain::score::{Continuation, Prompt, ScoreRequest};
use synod::lm::adapter::{Adapter, Blend};
use synod::lm::engine::ask::{Ask, Task};

/// One adapter made from a seed, for the model of a bench.
fn made(bench: &Bench, seed: u64) -> Blend {
    let folder = tempfile::tempdir().unwrap();
    Made::random(4, 8.0, seed).write(folder.path());
    let (adapter, _) = Adapter::open(folder.path(), bench.batch.config()).unwrap();
    Blend::of(Arc::new(adapter))
}

fn carrying(ask: Ask, blend: &Blend) -> Ask {
    let blend = blend.clone();
    Ask {
        adapter: Some(Box::new(move |_| Ok((blend, Vec::new())))),
        ..ask
    }
}

fn ask(bench: &mut Bench, prompt: &[u32], sampling: Sampling, blend: Option<&Blend>) -> Heard {
    let heard = Heard::default();
    let ask = heard.ask(prompt, sampling);
    bench.batch.join(match blend {
        Some(blend) => carrying(ask, blend),
        None => ask,
    });
    heard
}

#[test]
fn rows_with_other_adapters_answer_as_if_they_were_alone() {
    let prompt = prompt(1, 40);
    let mut together = Bench::new(&options());
    let blends: Vec<Option<Blend>> = (0..4)
        .map(|seed| (seed > 0).then(|| made(&together, seed)))
        .collect();
    let asked: Vec<Heard> = blends
        .iter()
        .chain(&blends)
        .map(|blend| ask(&mut together, &prompt, seeded(3, 25), blend.as_ref()))
        .collect();
    together.run();
    // Each prompt is computed once for each blend, though all have the same tokens.
    assert_eq!(together.stats().prompt_tokens, 4 * 40);
    for (blend, heard) in blends.iter().chain(&blends).zip(&asked) {
        let mut alone = Bench::new(&options());
        let expected = ask(&mut alone, &prompt, seeded(3, 25), blend.as_ref());
        alone.run();
        assert_eq!(heard.tokens(), expected.tokens());
    }
    let answers: std::collections::BTreeSet<_> = asked.iter().map(Heard::tokens).collect();
    assert_eq!(answers.len(), 4, "adapters change the answers");
}

#[test]
fn the_next_turn_goes_on_from_what_the_same_adapters_computed() {
    let mut bench = Bench::new(&options());
    let (one, two) = (made(&bench, 1), made(&bench, 2));
    let first = prompt(2, 48);
    let mut next = first.clone();
    next.extend(prompt(9, 5));
    let cached = |bench: &mut Bench, tokens: &[u32], blend| {
        let heard = ask(bench, tokens, greedy(1), blend);
        bench.run();
        heard.end().unwrap().usage.cached_tokens
    };
    assert_eq!(cached(&mut bench, &first, Some(&one)), 0);
    assert_eq!(cached(&mut bench, &next, Some(&two)), 0);
    assert_eq!(cached(&mut bench, &next, None), 0);
    assert_eq!(cached(&mut bench, &next, Some(&one)), 48);
}

#[test]
fn scores_are_those_of_the_model_with_its_adapters() {
    let mut bench = Bench::new(&options());
    let blend = made(&bench, 1);
    let said = [[40, 41, 42], [77, 78, 79]];
    let mut score = |blend: Option<&Blend>| {
        let heard = Heard::default();
        let continuations = said.map(|tokens| Continuation::Tokens(tokens.to_vec()));
        let mut ask = heard.ask(&prompt(3, 20), Sampling::default());
        ask.task = Task::Score(continuations.to_vec());
        bench.batch.join(match blend {
            Some(blend) => carrying(ask, blend),
            None => ask,
        });
        bench.run();
        heard.scores()
    };
    let (bare, carried) = (score(None), score(Some(&blend)));
    assert_ne!(bare, carried);
    // The same continuations one by one, which take another way through the engine.
    for (tokens, expected) in said.iter().zip(&carried) {
        let heard = Heard::default();
        let mut ask = heard.ask(&prompt(3, 20), Sampling::default());
        ask.task = Task::Score(vec![Continuation::Tokens(tokens.to_vec())]);
        bench.batch.join(carrying(ask, &blend));
        bench.run();
        assert_eq!(&heard.scores()[0], expected);
    }
}

#[test]
fn an_adapter_that_cannot_be_used_ends_its_request_alone() {
    let mut bench = Bench::new(&options());
    let (good, bad) = (Heard::default(), Heard::default());
    bench.batch.join(good.ask(&prompt(1, 9), greedy(4)));
    bench.batch.join(Ask {
        adapter: Some(Box::new(|_| {
            Err(Fault::new(FaultClass::BadData, "no such adapter"))
        })),
        ..bad.ask(&prompt(1, 9), greedy(4))
    });
    bench.run();
    assert_eq!(bad.end().unwrap_err().class, FaultClass::BadData);
    assert_eq!(good.tokens().len(), 4);
}

/// The tiny model as a backend, and a folder for adapters.
fn place() -> (tempfile::TempDir, Backends) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    tiny_model::write(&path, Stored::Q8_0);
    let options = LocalOptions {
        threads: 1,
        cache_mib: 8,
        ..LocalOptions::default()
    };
    let mut backends = Backends::new();
    let local = Local::new(Arc::new(move |_: &str| Ok(path.clone())), options);
    backends.insert(LOCAL, Arc::new(local));
    (folder, backends)
}

fn request(endpoint: &str, adapters: &[(&Path, f32)]) -> Request {
    let adapter = |&(path, weight): &(&Path, f32)| AdapterRef {
        path: path.to_owned(),
        weight,
    };
    Request {
        model: ModelRef::new("tiny", endpoint),
        adapters: adapters.iter().map(adapter).collect(),
        messages: vec![Message::user("what do you carry?")],
        tools: Tools::default(),
        sampling: greedy(24),
        limits: TimeLimits::default(),
    }
}

async fn answer(
    backends: &Backends,
    request: Request,
) -> (String, Vec<String>, Result<Completion, Fault>) {
    let mut tokens = backends.generate(request, Cancel::new());
    let (mut text, mut notes) = (String::new(), Vec::new());
    loop {
        match tokens.next().await {
            Piece::Delta { text: more, .. } => text.push_str(&more),
            Piece::Note(note) => notes.push(note),
            Piece::End(end) => return (text, notes, end),
            _ => {}
        }
    }
}

#[tokio::test]
async fn requests_name_folders_and_weights() {
    let (folder, backends) = place();
    let path = folder.path().join("expert");
    let mut adapter = Made::random(4, 8.0, 1);
    adapter.settings = r#","something_new":1"#.into();
    adapter.write(&path);
    let (bare, ..) = answer(&backends, request(LOCAL, &[])).await;
    let (whole, notes, end) = answer(&backends, request(LOCAL, &[(&path, 1.0)])).await;
    end.unwrap();
    assert_ne!(whole, bare);
    assert!(
        notes.iter().any(|note| note.contains("something_new")),
        "{notes:?}"
    );
    let (again, notes, _) = answer(&backends, request(LOCAL, &[(&path, 1.0)])).await;
    assert_eq!(again, whole);
    assert!(notes.is_empty(), "it is not read again: {notes:?}");
    let (none, ..) = answer(&backends, request(LOCAL, &[(&path, 0.0)])).await;
    assert_eq!(none, bare);
    let (double, ..) = answer(&backends, request(LOCAL, &[(&path, 1.0), (&path, 1.0)])).await;
    let (twice, ..) = answer(&backends, request(LOCAL, &[(&path, 2.0)])).await;
    assert_ne!(double, whole);
    // Twice the same sum in another order of additions: the same words here.
    assert_eq!(double, twice);
    // Another adapter under the same name.
    Made::random(8, 8.0, 5).write(&path);
    let (changed, ..) = answer(&backends, request(LOCAL, &[(&path, 1.0)])).await;
    assert_ne!(changed, whole);
    let nowhere = folder.path().join("nowhere");
    let (_, _, end) = answer(&backends, request(LOCAL, &[(&nowhere, 1.0)])).await;
    let fault = end.unwrap_err();
    assert_eq!(fault.class, FaultClass::ModelUnavailable);
    assert!(fault.message.contains("nowhere"), "{fault}");
}

#[tokio::test]
async fn what_is_not_local_takes_no_adapters() {
    let (folder, backends) = place();
    let (_, _, end) = answer(&backends, request("far", &[(folder.path(), 1.0)])).await;
    let fault = end.unwrap_err();
    assert_eq!(fault.class, FaultClass::BadRequest);
    assert!(fault.message.contains("tiny@far"), "{fault}");
}

#[tokio::test]
async fn scores_name_folders_as_well() {
    let (folder, backends) = place();
    let path = folder.path().join("expert");
    Made::random(4, 8.0, 1).write(&path);
    let request = |adapters| ScoreRequest {
        model: ModelRef::new("tiny", LOCAL),
        adapters,
        prompt: Prompt::Text("the and".into()),
        continuations: vec![Continuation::Text(" then".into())],
    };
    let carried = AdapterRef { path, weight: 1.0 };
    let bare = backends
        .score(request(Vec::new()), Cancel::new())
        .wait()
        .await;
    let other = backends
        .score(request(vec![carried]), Cancel::new())
        .wait()
        .await;
    assert_ne!(
        bare.unwrap().scores[0].logprobs,
        other.unwrap().scores[0].logprobs
    );
}
