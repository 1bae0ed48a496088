//! A data set through a debate: figures round by round, the original's file, and going on after a kill.

use crate::support::council::{Fake, Step, backends, pairs, say};
use clap::Parser;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use synod::cli::debate::{DebateArgs, DebateRun, Report, council, debate};
use synod::domain::cancel::Cancel;
use synod::domain::clock::Manual;
use synod::domain::council::Council;
use synod::domain::message::Role;
use synod::domain::request::Request;
use synod::runtime::items::ItemParts;
use synod::task::set::{Format, Item, Kind, Set};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: DebateArgs,
}

fn args(words: &[&str]) -> DebateArgs {
    let line = ["debate", "--data", "x"].iter().chain(words);
    Line::try_parse_from(line).unwrap().args
}

fn problems() -> Set {
    let items = (0..3)
        .map(|n| Item {
            id: format!("p/{n}"),
            domain: "p".into(),
            question: format!("sum {n}?"),
            choices: Vec::new(),
            answer: format!("\\frac{{{}}}{{2}}", 2 * n + 1),
            kind: Kind::Maths,
        })
        .collect();
    Set {
        name: "problems".into(),
        format: Format::Math,
        items,
    }
}

fn preset() -> Council {
    let text = r#"{"title":"t","society":"debate","settings":{"ties":"first"},"agents":[{"part":"agent","model":"A"},
        {"part":"agent","model":"B"},{"part":"agent","model":"C"},{"part":"judge","model":"J"}]}"#;
    let mut council: Council = serde_json::from_str(text).unwrap();
    council.name = "three".into();
    council
}

/// Alone A knows problem 0, B problems 0 and 1, C none; together all know 0 and 1 and say nothing of 2.
fn class() -> Arc<Fake> {
    Fake::new(|request: &Request, _| -> Vec<Step> {
        let first = &request.messages[0].content;
        let n: usize = first["sum ".len()..]
            .chars()
            .next()
            .unwrap()
            .to_digit(10)
            .unwrap() as usize;
        let is_first = request.messages.len() == 1;
        let knows = match request.model.model.as_str() {
            "A" => 1,
            "B" => 2,
            _ => 0,
        };
        let wrong = first.len() + request.model.model.as_bytes()[0] as usize;
        let half = format!("\\boxed{{{}.5}}", n);
        match (is_first, n) {
            (true, n) if n < knows => say(&half),
            (true, _) => say(&format!("\\boxed{{{wrong}}}")),
            (false, 2) => say("I give up."),
            (false, _) => say(&half),
        }
    })
}

fn run(out: &Path, words: &[&str]) -> DebateRun {
    let set = problems();
    DebateRun {
        council: council(&args(words), preset(), &set).unwrap(),
        set,
        out: Some(out.to_owned()),
        parallel: 2,
        seed: 0,
        shows_progress: false,
    }
}

async fn hold(fake: &Arc<Fake>, run: &DebateRun) -> Report {
    let parts = ItemParts {
        backends: backends(fake),
        clock: Arc::new(Manual::at(0)),
        paths: None,
    };
    let (report, code) = debate(&parts, run, &Cancel::new()).await.unwrap();
    assert_eq!(code, 0);
    report
}

#[tokio::test]
async fn rounds_are_scored_and_debates_kept_as_the_original_keeps_them() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("debates.json");
    let fake = class();
    let report = hold(&fake, &run(&out, &["--direct"])).await;
    let share = |share: synod::task::figure::Share| (share.count, share.of);
    assert_eq!(share(report.single), (1, 3));
    assert_eq!(share(report.majority), (1, 3));
    assert_eq!(share(report.debate), (2, 3));
    assert_eq!(report.debate_compat.map(share), Some((2, 3)));
    let rows: Vec<_> = report
        .rounds
        .iter()
        .map(|row| (share(row.agents), share(row.vote)))
        .collect();
    assert_eq!(rows, [((3, 9), (1, 3)), ((6, 9), (2, 3))]);
    assert_eq!(
        (report.corrected, report.spoilt, report.unanswered),
        (1, 0, 1)
    );
    assert_eq!((report.calls, report.failed), (18, 0));

    let file: serde_json::Value = serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap();
    let (talks, reference) = (&file["sum 1?"][0], &file["sum 1?"][1]);
    assert_eq!(reference, "\\boxed{\\frac{3}{2}}");
    for (lane, model) in ["A", "B", "C"].iter().enumerate() {
        let asked = fake.asked();
        let sent = asked
            .iter()
            .find(|one| {
                one.model.model == *model
                    && one.messages.len() == 3
                    && one.messages[0].content.starts_with("sum 1?")
            })
            .unwrap();
        let mut talk = pairs(&sent.messages);
        talk.push((Role::Assistant, "\\boxed{1.5}".into()));
        let lines: Vec<serde_json::Value> = talk
            .into_iter()
            .map(|(role, content)| serde_json::json!({"role": role, "content": content}))
            .collect();
        assert_eq!(
            talks[lane],
            serde_json::Value::from(lines),
            "exactly what {model} was sent and said"
        );
    }
}

#[tokio::test]
async fn a_killed_run_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("debates.json");
    let run = run(&out, &["--direct"]);
    let whole = hold(&class(), &run).await;
    let file = fs::read_to_string(&out).unwrap();
    fs::remove_file(&out).unwrap();
    let log = folder.path().join("debates.json.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, &text[..text.len() - 40]).unwrap();
    let fake = class();
    let again = hold(&fake, &run).await;
    assert_eq!(
        fake.asked().len(),
        6,
        "one item of three agents and two rounds"
    );
    assert_eq!(again.taken, 2);
    assert_eq!(again.debate, whole.debate);
    assert_eq!(fs::read_to_string(&out).unwrap(), file);
}

#[test]
fn flags_make_the_council() {
    let set = problems();
    let made = council(
        &args(&[
            "--agents",
            "5",
            "--rounds",
            "3",
            "--summarize",
            "--grader",
            "compat",
        ]),
        preset(),
        &set,
    );
    let made = made.unwrap();
    let models: Vec<&str> = made
        .agents
        .iter()
        .map(|agent| agent.model.model.as_str())
        .collect();
    assert_eq!(
        models,
        ["A", "B", "C", "A", "B"],
        "no judge: what cannot be counted is no answer"
    );
    for (name, value) in [
        ("rounds", serde_json::json!(3)),
        ("summarize", serde_json::json!(true)),
        ("grader", serde_json::json!("compat")),
        ("task", serde_json::json!("maths")),
    ] {
        assert_eq!(made.settings[name], value);
    }
    let mut plain = preset();
    plain.society = "single".into();
    let (text, code) = council(&args(&[]), plain, &set).unwrap_err();
    assert!(text.contains("is no debate"), "{text}");
    assert_eq!(code, 2);
}
