//! Evaluation: grades, what is counted, comparisons, and going on after a kill.

use crate::support::council::{Fake, Step, backends, council, custom, say};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use synod::backend::{Backend, Backends, Scored, Scores, Tokens};
use synod::cli::eval::{Evaluation, evaluate};
use synod::domain::cancel::Cancel;
use synod::domain::clock::Manual;
use synod::domain::council::Council;
use synod::domain::fault::{Fault, FaultClass};
use synod::domain::request::{Request, Usage};
use synod::domain::score::{Continuation, Score, ScoreRequest};
use synod::runtime::items::ItemParts;
use synod::task::read::Parser;
use synod::task::set::{Format, Item, Kind, Set, Split};
use tempfile::TempDir;

fn parts(fake: &Arc<Fake>) -> ItemParts {
    ItemParts {
        backends: backends(fake),
        clock: Arc::new(Manual::at(0)),
        paths: None,
    }
}

/// Sums `n+1`, odd ones in another domain.
fn sums(count: usize) -> Set {
    let items = (0..count)
        .map(|n| Item {
            id: format!("sums/{n}"),
            domain: if n % 2 == 0 { "even" } else { "odd" }.into(),
            question: format!("sum {n}?"),
            choices: Vec::new(),
            answer: (n + 1).to_string(),
            kind: Kind::Number,
        })
        .collect();
    Set {
        name: "sums".into(),
        format: Format::Lines,
        items,
    }
}

fn evaluation(council: Council, count: usize) -> Evaluation {
    Evaluation {
        set: sums(count),
        split: Split::Test,
        council,
        alone: None,
        shots: Vec::new(),
        prompt: None,
        parser: Parser::Strict,
        compare: None,
        out: None,
        parallel: 4,
        allowed_tools: Vec::new(),
        likelihood: false,
        seed: 0,
        shows_progress: false,
    }
}

fn single(model: &str) -> Council {
    let mut council = custom(&format!(r#"{{"part":"speaker","model":"{model}"}}"#), "{}");
    council.society = "single".into();
    council.name = model.into();
    council
}

/// The number in the question, wherever it stands.
fn number(request: &Request) -> usize {
    let question = request
        .messages
        .iter()
        .find(|message| message.content.contains("sum "));
    let text = question.unwrap().content.split("sum ").nth(1).unwrap();
    text.split('?').next().unwrap().parse().unwrap()
}

/// Right for numbers below `right`, unreadable for `right` itself, wrong for the others; 7 fails.
fn pupil(right: usize) -> Arc<Fake> {
    Fake::new(move |request, _| match number(request) {
        7 => vec![Step::Fail(FaultClass::Transient)],
        n if n < right => say(&format!("Because 1+1=2.\nThe answer is {}.", n + 1)),
        n if n == right => say("I do not know"),
        _ => say("The answer is 0"),
    })
}

fn file(folder: &TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

#[tokio::test]
async fn right_wrong_unreadable_and_failed_are_told_apart() {
    let fake = pupil(4);
    let (report, code) = evaluate(&parts(&fake), &evaluation(single("M"), 10), &Cancel::new())
        .await
        .unwrap();
    assert_eq!(code, 0);
    let summary = &report.summary;
    assert_eq!((summary.accuracy.count, summary.accuracy.of), (4, 9));
    assert_eq!(
        (summary.parsed.count, summary.failed, summary.calls),
        (8, 1, 10)
    );
    let rows: Vec<_> = summary
        .domains
        .iter()
        .map(|row| {
            (
                row.domain.as_str(),
                row.accuracy.count,
                row.accuracy.of,
                row.parsed,
                row.failed,
            )
        })
        .collect();
    assert_eq!(rows, [("even", 2, 5, 4, 0), ("odd", 2, 4, 4, 1)]);
    let text = report.to_string();
    assert!(
        text.contains("44.4 %  4 of 9 (95 %: 18.9 to 73.3)"),
        "{text}"
    );
    assert!(
        text.contains("failed    1, counted neither right nor wrong"),
        "{text}"
    );
    let asked = &fake.asked()[0].messages;
    assert!(asked[0].content.ends_with("The answer is N."), "{asked:?}");
}

#[tokio::test]
async fn a_council_is_compared_with_its_own_agent_alone() {
    // References and aggregator see the same question; only as a council does the aggregator know.
    let fake = Fake::new(|request, _| {
        let is_council = request
            .messages
            .iter()
            .any(|message| message.content.contains("ans-"));
        let n = number(request);
        match request.model.model.as_str() {
            "AGG" if is_council || n < 2 => say(&format!("The answer is {}", n + 1)),
            "AGG" => say("The answer is 0"),
            model => say(&format!("ans-{model}")),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let mut evaluation = evaluation(council("{}"), 12);
    evaluation.alone = Some(single("AGG"));
    evaluation.out = Some(file(&folder, "run.jsonl"));
    let (report, code) = evaluate(&parts(&fake), &evaluation, &Cancel::new())
        .await
        .unwrap();
    assert_eq!(code, 0);
    assert_eq!(report.summary.accuracy.count, 12);
    assert_eq!(report.alone.as_ref().unwrap().accuracy.count, 2);
    let [comparison] = report.comparisons.as_slice() else {
        panic!()
    };
    assert_eq!(
        (comparison.paired.only_first, comparison.paired.only_second),
        (10, 0)
    );
    assert!((comparison.paired.p_value - 2.0 / 1024.0).abs() < 1e-12);
    assert!(
        report
            .to_string()
            .contains("verdict   test is better than AGG: +83.3 points"),
        "{report}"
    );
    assert!(file(&folder, "run.alone.jsonl").is_file());
}

#[tokio::test]
async fn two_runs_are_compared_and_a_finished_one_asks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut good = evaluation(single("good"), 6);
    good.out = Some(file(&folder, "good.jsonl"));
    evaluate(&parts(&pupil(6)), &good, &Cancel::new())
        .await
        .unwrap();
    let mut poor = evaluation(single("poor"), 6);
    poor.compare = good.out.clone();
    let (report, _) = evaluate(&parts(&pupil(1)), &poor, &Cancel::new())
        .await
        .unwrap();
    let paired = report.comparisons[0].paired;
    assert_eq!(
        (paired.of, paired.only_first, paired.only_second),
        (6, 0, 5)
    );
    let fake = pupil(0);
    let (again, _) = evaluate(&parts(&fake), &good, &Cancel::new())
        .await
        .unwrap();
    assert_eq!((again.summary.taken, again.summary.accuracy.count), (6, 6));
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn a_killed_evaluation_goes_on_and_reports_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut evaluation = evaluation(single("M"), 6);
    let path = file(&folder, "run.jsonl");
    evaluation.out = Some(path.clone());
    let (whole, _) = evaluate(&parts(&pupil(4)), &evaluation, &Cancel::new())
        .await
        .unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.contains(r#""facts":{"answer":"1","domain":"even","right":true,"truth":"1"}"#),
        "{text}"
    );
    fs::write(&path, &text[..text.len() * 2 / 3]).unwrap();
    let fake = pupil(4);
    let (mended, code) = evaluate(&parts(&fake), &evaluation, &Cancel::new())
        .await
        .unwrap();
    assert_eq!(code, 0);
    assert_eq!(mended.summary.taken + fake.asked().len(), 6);
    assert!(mended.summary.taken > 0 && !fake.asked().is_empty());
    assert_eq!(mended.summary.accuracy, whole.summary.accuracy);
    assert_eq!(mended.summary.domains, whole.summary.domains);
}

#[tokio::test]
async fn exit_codes_say_what_happened() {
    let failing = Fake::new(|_, _| vec![Step::Fail(FaultClass::Transient)]);
    let (_, code) = evaluate(
        &parts(&failing),
        &evaluation(single("M"), 3),
        &Cancel::new(),
    )
    .await
    .unwrap();
    assert_eq!(code, 1, "nothing was answered");
    let stopped = Cancel::new();
    stopped.cancel();
    let (_, code) = evaluate(&parts(&pupil(1)), &evaluation(single("M"), 3), &stopped)
        .await
        .unwrap();
    assert_eq!(code, 130);
    let folder = tempfile::tempdir().unwrap();
    let mut other = evaluation(single("M"), 3);
    other.compare = Some(file(&folder, "a.jsonl"));
    fs::write(file(&folder, "a.jsonl"), "hello\n").unwrap();
    let fake = pupil(1);
    let (text, code) = evaluate(&parts(&fake), &other, &Cancel::new())
        .await
        .unwrap_err();
    assert_eq!(code, 3);
    assert!(
        text.contains("a.jsonl, line 1") && fake.asked().is_empty(),
        "{text}"
    );
}

#[tokio::test]
async fn a_run_of_other_data_is_not_compared() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = evaluation(single("M"), 3);
    first.out = Some(file(&folder, "a.jsonl"));
    evaluate(&parts(&pupil(1)), &first, &Cancel::new())
        .await
        .unwrap();
    let mut second = evaluation(single("M"), 3);
    second.compare = first.out;
    second.set.items[1].answer = "99".into();
    let (text, code) = evaluate(&parts(&pupil(1)), &second, &Cancel::new())
        .await
        .unwrap_err();
    assert_eq!(code, 3);
    assert!(
        text.contains("sums/1 has the answer \"2\" there and \"99\""),
        "{text}"
    );
}

/// Finds one letter likelier than the others.
struct Weigher {
    likely: &'static str,
    asked: Mutex<Vec<ScoreRequest>>,
}

impl Backend for Weigher {
    fn generate(&self, _request: Request, _cancel: Cancel) -> Tokens {
        Tokens::failed(Fault::new(FaultClass::BadRequest, "only scores"))
    }

    fn score(&self, request: ScoreRequest, _cancel: Cancel) -> Scores {
        let (mut sender, scores) = Scores::channel();
        let logprob = |continuation: &Continuation| match continuation {
            Continuation::Text(text) if text.ends_with(self.likely) => -0.25,
            _ => -3.0,
        };
        let all = request.continuations.iter().map(|one| Score {
            logprobs: vec![-1.0, logprob(one)],
            ..Score::default()
        });
        sender.send(Ok(Scored {
            scores: all.collect(),
            usage: Usage::default(),
        }));
        self.asked.lock().unwrap().push(request);
        scores
    }
}

#[tokio::test]
async fn options_can_be_weighed_instead_of_answered() {
    let folder = tempfile::tempdir().unwrap();
    let weigher = Arc::new(Weigher {
        likely: "B",
        asked: Mutex::default(),
    });
    let mut backends = Backends::new();
    backends.insert("local", weigher.clone());
    let parts = ItemParts {
        backends: Arc::new(backends),
        clock: Arc::new(Manual::at(0)),
        paths: None,
    };
    let mut evaluation = evaluation(single("M"), 2);
    for (item, answer) in evaluation.set.items.iter_mut().zip(["B", "A"]) {
        item.choices = vec!["x".into(), "y".into()];
        item.kind = Kind::Choice;
        item.answer = answer.into();
    }
    evaluation.likelihood = true;
    let path = file(&folder, "run.jsonl");
    evaluation.out = Some(path.clone());
    let (report, code) = evaluate(&parts, &evaluation, &Cancel::new()).await.unwrap();
    assert_eq!(
        (
            code,
            report.summary.accuracy.count,
            report.summary.accuracy.of
        ),
        (0, 1, 2)
    );
    assert_eq!(report.summary.parsed.count, 2);
    let request = weigher.asked.lock().unwrap()[0].clone();
    let texts = ["The answer is A", "The answer is B"].map(|text| Continuation::Text(text.into()));
    assert_eq!(request.continuations, texts);
    assert!(
        fs::read_to_string(&path)
            .unwrap()
            .contains(r#""logprobs":{"A":-4.0,"B":-1.25}"#)
    );
    let (again, _) = evaluate(&parts, &evaluation, &Cancel::new()).await.unwrap();
    assert_eq!(
        (again.summary.taken, weigher.asked.lock().unwrap().len()),
        (2, 2)
    );
}

/// The program itself on these lines, with all its files under a folder of its own.
fn program(lines: &str, words: &[&str]) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(file(&folder, "own.jsonl"), lines).unwrap();
    std::process::Command::new(env!("CARGO_BIN_EXE_synod"))
        .args(["eval", "own.jsonl"])
        .args(words)
        .arg("--data-dir")
        .arg(folder.path())
        .current_dir(folder.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn the_program_reports_as_json_and_compares_with_the_agent_alone() {
    let line = r#"{"question": "Why is the sky blue?", "answer": "12"}"#;
    let output = program(
        line,
        &[
            "--preset",
            "demo",
            "--alone",
            "--json",
            "--out",
            "runs/a.jsonl",
        ],
    );
    let remarks = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{remarks}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["items"], &report["accuracy"]["of"]),
        (&1.into(), &1.into())
    );
    assert_eq!(report["alone"]["society"], "single");
    assert_eq!(report["alone"]["calls"], 1);
    assert_eq!(report["comparisons"][0]["paired"]["of"], 1);
}

#[test]
fn the_program_says_what_does_not_fit() {
    let sum = r#"{"question": "1+1?", "answer": 2}"#;
    let essay = r#"{"prompt": "Write an essay."}"#;
    for (line, words, code, expected) in [
        (sum, vec!["--alone"], 2, "has only that one"),
        (
            sum,
            vec!["--likelihood", "--model", "m@scripted"],
            2,
            "--likelihood needs one local model",
        ),
        (sum, vec!["--likelihood"], 2, "item own/1 has none"),
        (sum, vec!["--format", "csv"], 3, "own.jsonl, line 1"),
        (
            sum,
            vec!["--adapter", "x", "--model", "m@scripted"],
            2,
            "is not a local one",
        ),
        (essay, vec![], 3, "none of its 1 items has an answer"),
        (
            sum,
            vec!["--prompt", "own.jsonl"],
            2,
            "has no place for the {question}",
        ),
        (sum, vec!["--split", "train"], 2, "known: dev, test"),
    ] {
        let output = program(line, &words);
        let remarks = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {remarks}");
        assert!(remarks.contains(expected), "{words:?}: {remarks}");
    }
}

#[tokio::test]
async fn solved_examples_stand_before_each_question() {
    let fake = Fake::new(|_, _| say("The answer is 1."));
    let mut evaluation = evaluation(single("A"), 2);
    evaluation.shots = sums(4).items.split_off(2);
    let (report, _) = evaluate(&parts(&fake), &evaluation, &Cancel::new())
        .await
        .unwrap();
    assert!(report.to_string().contains("2 solved examples before each"));
    let asked = fake.asked();
    assert_eq!(asked.len(), 2);
    for request in &asked {
        let said: Vec<&str> = request
            .messages
            .iter()
            .map(|one| one.content.as_str())
            .collect();
        let [first, solved, _, _, last] = said.as_slice() else {
            panic!("{said:?}")
        };
        assert!(first.contains(&evaluation.shots[0].question), "{first}");
        assert_eq!(
            *solved,
            format!("The answer is {}.", evaluation.shots[0].answer)
        );
        assert!(
            evaluation
                .shots
                .iter()
                .all(|shot| !last.contains(&shot.question))
        );
    }
}
