//! Runs in processes of their own: kills, signals, wishes, the queue.

use super::place::{Place, contents};
use super::program::{same_after_kills, signal, wait_until_free};
use rustix::process::Signal;
use std::fs;
use synod::domain::event::Kind;
use synod::domain::run::RunState;
use synod::store::run::{RunFolder, log, process};

const SLOW: &[&str] = &[
    "selftest",
    "--set",
    "steps=100000",
    "--set",
    "milliseconds=5",
];

fn with<'a>(base: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [base, more].concat()
}

#[test]
fn killed_at_random_places_it_gives_the_bytes_of_an_uninterrupted_run() {
    let walk = [
        "selftest",
        "--set",
        "steps=120",
        "--set",
        "milliseconds=4",
        "--set",
        "save_every=9",
    ];
    same_after_kills(&walk, 5, 1);
}

#[test]
fn a_run_has_no_terminal_and_outlives_who_started_it() {
    let place = Place::new();
    let run = place.start(SLOW);
    place.wait(&run, "steps", |summary| summary.done > 0);
    let noted = process::noted(&run).unwrap();
    let pid = rustix::process::Pid::from_raw(noted.id.cast_signed()).unwrap();
    assert_eq!(rustix::process::getsid(Some(pid)).unwrap(), pid);
    place.synod_ok(&["runs", "stop", &run.id.0]);
    place.wait_for(&run, RunState::Stopped);
}

#[test]
fn wishes_reach_a_run_at_work() {
    let place = Place::new();
    let run = place.start(SLOW);
    place.wait(&run, "steps", |summary| summary.done > 0);
    place.synod_ok(&["runs", "pause", "last"]);
    let paused = place.wait_for(&run, RunState::Paused);
    place.synod_ok(&["runs", "resume", &run.id.0]);
    place.wait(&run, "more steps", |summary| summary.done > paused.done);
    place.synod_ok(&["runs", "stop", &run.id.0]);
    let stopped = place.wait_for(&run, RunState::Stopped);
    wait_until_free(&run);
    let why = stopped.why.unwrap();
    assert!(
        why.starts_with("stopped by a person; resume goes on from step"),
        "{why}"
    );
    // A run that is over is not stopped again; one that is stopped can be finished.
    let again = place.synod(&["runs", "stop", &run.id.0]);
    assert_eq!(again.status.code(), Some(1));
    place.synod_ok(&["runs", "finish", &run.id.0]);
    let done = place.wait_for(&run, RunState::Done);
    let text = fs::read_to_string(run.results().join("walk.txt")).unwrap();
    assert_eq!(text.lines().count() as u64, done.done);
    wait_until_free(&run);
    let late = place.synod(&["runs", "resume", &run.id.0]);
    assert!(String::from_utf8_lossy(&late.stderr).contains("is done"));
}

#[test]
fn a_signal_to_end_means_checkpoint_and_stop() {
    for ending in [Signal::TERM, Signal::INT, Signal::HUP] {
        let place = Place::new();
        let run = place.start(SLOW);
        place.wait(&run, "steps", |summary| summary.done > 3);
        signal(&run, ending);
        let stopped = place.wait_for(&run, RunState::Stopped);
        let why = stopped.why.unwrap();
        let expected = format!(
            "the system asked its process to end; resume goes on from step {}",
            stopped.done
        );
        assert_eq!(why, expected);
    }
}

#[test]
fn a_process_that_aborts_is_a_failure_with_its_exit_code() {
    let place = Place::new();
    let aborting = [
        "runs",
        "start",
        "selftest",
        "--set",
        "fail_at=5",
        "--set",
        "fail_how=abort",
        "--set",
        "save_every=2",
    ];
    let output = place.synod(&aborting);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    let expected = "failed: its process ended without a word; resume goes on from step 4";
    assert!(said.contains(expected), "{said}");
    for (how, code) in [("data", 3), ("error", 1), ("panic", 1)] {
        let how = format!("fail_how={how}");
        let output = place.synod(&with(&aborting[..5], &["--set", &how]));
        assert_eq!(output.status.code(), Some(code), "{how}");
    }
}

fn queued_and_started(run: &RunFolder) -> Vec<RunState> {
    let events = log::read(run).unwrap().events;
    events
        .into_iter()
        .filter_map(|event| match event.kind {
            Kind::State { state, .. } => Some(state),
            _ => None,
        })
        .collect()
}

#[test]
fn a_run_waits_for_its_slot_and_the_one_that_ends_starts_it() {
    let place = Place::new();
    let first = place.start(SLOW);
    place.wait(&first, "steps", |summary| summary.done > 0);
    let second = place.start(&["selftest", "--set", "milliseconds=1"]);
    let third = place.start(SLOW);
    let waiting = place.synod_ok(&["runs", "show", &third.id.0]);
    assert!(
        waiting.contains("1 before it in the queue, 1 at work"),
        "{waiting}"
    );
    assert_eq!(queued_and_started(&second), [RunState::Queued]);
    place.synod_ok(&["runs", "stop", &third.id.0]);
    assert_eq!(place.summary(&third).state, RunState::Stopped);
    // Nobody looks from here on: the end of the first starts the second.
    signal(&first, Signal::TERM);
    let done = place.wait_for(&second, RunState::Done);
    assert_eq!(done.done, 100);
    assert_eq!(place.summary(&third).state, RunState::Stopped);
}

#[test]
fn whoever_looks_starts_what_a_killed_process_left_waiting() {
    let place = Place::new();
    let first = place.start(SLOW);
    place.wait(&first, "steps", |summary| summary.done > 0);
    let second = place.start(&["selftest", "--set", "milliseconds=1"]);
    signal(&first, Signal::KILL);
    wait_until_free(&first);
    assert_eq!(place.summary(&second).state, RunState::Queued);
    let listed = place.synod_ok(&["runs", "list"]);
    assert!(listed.contains("failed"), "{listed}");
    place.wait_for(&second, RunState::Done);
}

#[test]
fn runs_answer_scripts() {
    let place = Place::new();
    let start = ["runs", "start", "selftest", "--title", "first"];
    place.synod_ok(&with(&start, &["--set", "milliseconds=0"]));
    place.synod_ok(&with(
        &start,
        &["--set", "milliseconds=0", "--set", "seed=2"],
    ));
    let listed: serde_json::Value =
        serde_json::from_str(&place.synod_ok(&["runs", "list", "--json"])).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[0]["state"], "done");
    assert_eq!(listed[0]["title"], "first");
    let ids: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["id"].as_str().unwrap())
        .collect();
    let compared = place.synod_ok(&["runs", "compare", ids[0], ids[1], "--json"]);
    let compared: serde_json::Value = serde_json::from_str(&compared).unwrap();
    assert_eq!(compared["settings"][0]["name"], "seed");
    assert_eq!(compared["settings"].as_array().unwrap().len(), 1);
    let table = place.synod_ok(&["runs", "export", ids[0]]);
    assert_eq!(table.lines().next(), Some("x,distance,position"));
    assert_eq!(table.lines().count(), 101);
    let folder = place.root().join("board");
    let folder_text = folder.to_str().unwrap();
    place.synod_ok(&[
        "runs",
        "export",
        "last",
        "--format",
        "tensorboard",
        "-o",
        folder_text,
    ]);
    let files = contents(&folder);
    let (name, bytes) = files.first_key_value().unwrap();
    assert!(name.starts_with("events.out.tfevents."));
    // 200 scalars and the version, each between a length and two checksums.
    assert!(bytes.len() > 200 * 16);
    place.synod_ok(&["runs", "rm", ids[0]]);
    assert_eq!(
        place.synod(&["runs", "show", ids[0]]).status.code(),
        Some(2)
    );
    let unknown = place.synod(&["runs", "start", "selftets"]);
    assert_eq!(unknown.status.code(), Some(2));
    let wrong = place.synod(&["runs", "start", "selftest", "--set", "stepps=4"]);
    assert_eq!(wrong.status.code(), Some(2));
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert!(said.contains("did you mean \"steps\"?"), "{said}");
}
