//! A council over many items: what is kept, what is taken from the log, and what a stop or a cut leaves.

use crate::support::council::{Fake, Step, backends, council, custom, say};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use synod::domain::cancel::Cancel;
use synod::domain::clock::Manual;
use synod::domain::council::Council;
use synod::domain::event::Outcome;
use synod::domain::fault::FaultClass;
use synod::domain::id::NodeId;
use synod::domain::message::Message;
use synod::domain::request::Request;
use synod::runtime::items::{
    ItemOptions, ItemParts, ItemResult, ItemTask, ItemsEnd, ItemsError, already, read, run_items,
};

fn parts(fake: &Arc<Fake>) -> ItemParts {
    ItemParts {
        backends: backends(fake),
        clock: Arc::new(Manual::at(1000)),
        paths: None,
    }
}

fn tasks(count: usize) -> Vec<ItemTask> {
    (0..count)
        .map(|number| ItemTask {
            id: format!("set/{number}"),
            conversation: vec![Message::user(format!("question {number}"))],
            seed: 1,
        })
        .collect()
}

fn options(log: &Path) -> ItemOptions {
    ItemOptions {
        log: Some(log.to_owned()),
        ..ItemOptions::default()
    }
}

async fn run(fake: &Arc<Fake>, council: &Council, count: usize, options: &ItemOptions) -> ItemsEnd {
    let cancel = Cancel::new();
    run_items(
        &parts(fake),
        council,
        &tasks(count),
        options,
        &cancel,
        |_| {},
    )
    .await
    .unwrap()
}

fn ids(results: &[ItemResult]) -> Vec<&str> {
    results.iter().map(|result| result.id.as_str()).collect()
}

fn answers(question: &Request) -> String {
    let text = question
        .messages
        .last()
        .map(|message| message.content.clone());
    text.unwrap_or_default().replace("question", "answer to")
}

/// Answers every question with its number.
fn echo() -> Arc<Fake> {
    Fake::new(|request, _| say(&answers(request)))
}

fn single() -> Council {
    let mut council = custom(r#"{"part":"speaker","model":"M"}"#, "{}");
    council.society = "single".into();
    council
}

fn log(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("runs/run.jsonl")
}

#[tokio::test]
async fn every_agents_text_and_cost_are_kept_in_the_order_of_the_items() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::plain();
    let end = run(&fake, &council("{}"), 3, &options(&log(&folder))).await;
    assert_eq!(ids(&end.results), ["set/0", "set/1", "set/2"]);
    let first = &end.results[0];
    assert_eq!(first.answer(), Some("FINAL of AGG"));
    assert_eq!((first.plan.nodes.len(), first.calls), (3, 3));
    assert_eq!(first.texts[&NodeId(1)], "ans-A");
    assert_eq!(fake.asked().len(), 9);
    let mut kept = read(&log(&folder)).unwrap();
    kept.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(kept, end.results);
}

#[tokio::test]
async fn a_run_goes_on_where_a_kill_cut_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = log(&folder);
    run(&echo(), &single(), 6, &options(&path)).await;
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    assert_eq!(lines.len(), 7, "a header and a line for each");
    // The header, three results and a part of the fourth.
    let cut = lines[..4].iter().map(|line| line.len() + 1).sum::<usize>() + 25;
    fs::write(&path, &whole[..cut]).unwrap();
    assert_eq!(already(Some(&path), &single(), &tasks(6)), 3);
    let fake = echo();
    let end = run(&fake, &single(), 6, &options(&path)).await;
    assert_eq!(
        (end.taken, end.results.len(), fake.asked().len()),
        (3, 6, 3)
    );
    let mended = fs::read_to_string(&path).unwrap();
    let mut same = [whole.lines().collect::<Vec<_>>(), mended.lines().collect()];
    same.iter_mut().for_each(|lines| lines.sort_unstable());
    assert_eq!(
        same[0], same[1],
        "nothing is lost and nothing stands there twice"
    );
}

#[tokio::test]
async fn results_of_another_council_or_question_are_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = log(&folder);
    run(&echo(), &single(), 2, &options(&path)).await;
    let mut other = single();
    other.sampling.max_tokens = Some(7);
    assert_eq!(run(&echo(), &other, 2, &options(&path)).await.taken, 0);
    assert_eq!(run(&echo(), &single(), 2, &options(&path)).await.taken, 2);
    let mut changed = tasks(2);
    changed[0].conversation = vec![Message::user("something else")];
    changed[1].seed = 2;
    let fake = echo();
    let end = run_items(
        &parts(&fake),
        &single(),
        &changed,
        &options(&path),
        &Cancel::new(),
        |_| {},
    )
    .await
    .unwrap();
    assert_eq!((end.taken, fake.asked().len()), (0, 2));
}

#[tokio::test]
async fn what_failed_is_missing_and_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = log(&folder);
    let fake = Fake::new(|request, _| match answers(request).as_str() {
        "answer to 1" => vec![Step::Fail(FaultClass::Transient)],
        text => say(text),
    });
    let end = run(&fake, &single(), 3, &options(&path)).await;
    assert_eq!(end.results[1].answer(), None);
    assert_eq!(
        end.results[1].faults[&NodeId(1)].class,
        FaultClass::Transient
    );
    assert_eq!(end.given_up, None);
    let again = run(&echo(), &single(), 3, &options(&path)).await;
    assert_eq!(again.taken, 2);
    assert_eq!(again.results[1].answer(), Some("answer to 1"));
}

#[tokio::test]
async fn a_run_in_which_nothing_answers_is_given_up() {
    let fake = Fake::new(|_, _| vec![Step::Fail(FaultClass::Auth)]);
    let end = run(&fake, &single(), 100, &ItemOptions::default()).await;
    assert_eq!(
        end.given_up.map(|fault| fault.class),
        Some(FaultClass::Auth)
    );
    assert!(fake.asked().len() < 30, "{}", fake.asked().len());
}

#[tokio::test]
async fn a_stop_keeps_what_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = log(&folder);
    let fake = Fake::new(|request, _| match answers(request).as_str() {
        "answer to 0" => say("done"),
        _ => vec![Step::Hang],
    });
    let cancel = Cancel::new();
    let stop = cancel.clone();
    let end = run_items(
        &parts(&fake),
        &single(),
        &tasks(5),
        &options(&path),
        &cancel,
        |_| stop.cancel(),
    )
    .await
    .unwrap();
    assert!(end.is_interrupted);
    assert_eq!(ids(&end.results), ["set/0"]);
    assert_eq!(ids(&read(&path).unwrap()), ["set/0"]);
}

#[tokio::test]
async fn no_more_than_asked_for_run_at_once() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (seen, highest) = (Arc::clone(&now), Arc::clone(&most));
    let fake = Fake::new(move |_, _| {
        let under_way = seen.fetch_add(1, Ordering::SeqCst) + 1;
        highest.fetch_max(under_way, Ordering::SeqCst);
        say("x")
    });
    let options = ItemOptions {
        parallel: 3,
        ..ItemOptions::default()
    };
    let done = |_: &mut ItemResult| {
        now.fetch_sub(1, Ordering::SeqCst);
    };
    run_items(
        &parts(&fake),
        &single(),
        &tasks(20),
        &options,
        &Cancel::new(),
        done,
    )
    .await
    .unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn other_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter.txt");
    for text in [
        "dear",
        "dear\nfriend\n",
        "{\"synod_items\":9,\"created\":1,\"program\":\"9\"}\n",
    ] {
        fs::write(&path, text).unwrap();
        let error = run_items(
            &parts(&echo()),
            &single(),
            &tasks(1),
            &options(&path),
            &Cancel::new(),
            |_| {},
        )
        .await;
        assert!(
            matches!(error, Err(ItemsError::Broken { line: 1, .. })),
            "{text}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[tokio::test]
async fn a_broken_line_is_named_and_the_callers_facts_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = log(&folder);
    let note = |result: &mut ItemResult| {
        result.facts.insert("right".into(), true.into());
    };
    run_items(
        &parts(&echo()),
        &single(),
        &tasks(1),
        &options(&path),
        &Cancel::new(),
        note,
    )
    .await
    .unwrap();
    let kept = read(&path).unwrap();
    assert_eq!(kept[0].facts["right"], true);
    assert!(matches!(kept[0].outcome, Outcome::Answered { .. }));
    let text = fs::read_to_string(&path).unwrap() + "{\"id\":\n";
    fs::write(&path, text).unwrap();
    assert!(matches!(
        read(&path),
        Err(ItemsError::Broken { line: 3, .. })
    ));
}
