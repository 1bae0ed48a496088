//! `synod plan`: what a run over tasks counts, and what it lets tools do when nobody is there.

use std::sync::Arc;
use synod::backend::Backends;
use synod::backend::scripted::{Answer, Scripted};
use synod::cli::plan::Report;
use synod::domain::cancel::Cancel;
use synod::domain::clock::Manual;
use synod::domain::council::Council;
use synod::domain::message::Message;
use synod::domain::request::SCRIPTED;
use synod::runtime::items::{ItemOptions, ItemParts, ItemTask, run_items};
use synod::store::paths::Paths;
use synod::task::set::{Item, Kind};

const COUNCIL: &str = r#"{"title":"t","society":"planner","tools":{"use":["calculator","notes"]},
    "agents":[{"part":"backbone","model":"B@scripted"}]}"#;

fn item(id: &str, question: &str, answer: &str) -> Item {
    Item {
        id: id.into(),
        domain: "d".into(),
        question: question.into(),
        choices: Vec::new(),
        answer: answer.into(),
        kind: Kind::Number,
    }
}

fn script() -> Scripted {
    let lines = [
        "Multiply. Next: caller.",
        "Action: calculator\nAction Input: 6*7",
        "Keep it. Next: caller.",
        "Action: note_write\nAction Input: {\"text\": \"42\"}",
        "Known. Next: conclusion.",
        "It is 42.",
    ];
    lines.iter().fold(Scripted::default(), |script, line| {
        script.with("B", Answer::text(*line))
    })
}

#[tokio::test]
async fn steps_calls_and_outcomes_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let council: Council = serde_json::from_str(COUNCIL).unwrap();
    let items = [item("one", "6*7?", "42")];
    let tasks: Vec<ItemTask> = items
        .iter()
        .map(|item| ItemTask {
            id: item.id.clone(),
            conversation: vec![Message::user(&item.question)],
            seed: 1,
        })
        .collect();
    for (allowed, written) in [(Vec::new(), false), (vec!["note_write".to_owned()], true)] {
        let mut backends = Backends::new();
        let recording = Arc::new(script());
        backends.insert(SCRIPTED, recording);
        let paths = Paths::new(Some(folder.path()));
        let parts = ItemParts {
            backends: Arc::new(backends),
            clock: Arc::new(Manual::at(0)),
            paths: Some(paths.clone()),
        };
        let options = ItemOptions {
            allowed_tools: allowed,
            ..ItemOptions::default()
        };
        let end = run_items(&parts, &council, &tasks, &options, &Cancel::new(), |_| {}).await;
        let report = Report::new(&council, &items, &end.unwrap().results);
        let row = &report.items[0];
        assert_eq!((row.outcome.as_str(), row.steps), ("answered", 3));
        assert_eq!(
            (row.calls, row.errors),
            (1 + usize::from(written), usize::from(!written))
        );
        assert_eq!(
            (row.is_right, report.total.right.unwrap().count),
            (Some(true), 1)
        );
        assert_eq!(paths.notes().join("notes.jsonl").exists(), written);
        let text = report.to_string();
        assert!(
            text.contains("1 tasks: 1 answered") && text.contains("1 calculator"),
            "{text}"
        );
    }
}
