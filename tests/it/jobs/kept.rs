//! What is kept of runs: their folders, specs, logs and summaries.

use super::place::{Place, walk};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::Arc;
use synod::domain::parameter::Value;
use synod::domain::run::RunState;
use synod::job::walk::Walk;
use synod::job::{cards, launch, settle};
use synod::store::error::StoreError;
use synod::store::run::{RunLog, folder, list};
use synod::store::spec_file::{self, MachineSpec, RunSpec};

#[test]
fn the_spec_of_a_run_holds_everything_that_determines_it() {
    let place = Place::new();
    let run = place.create(&walk(&[("steps", 7)]));
    let spec = RunSpec::read(&run.spec()).unwrap();
    assert_eq!(spec.parameters["steps"], Value::Whole(7));
    assert_eq!(spec.parameters["stride"], Value::Real(1.0));
    assert_eq!(spec.parameters["seed"], Value::Whole(1));
    assert_eq!((spec.kind.as_str(), spec.format), ("selftest", 1));
    let text = fs::read_to_string(run.spec()).unwrap();
    assert!(text.contains("stride = 1.0\n"), "{text}");
}

#[test]
fn what_is_wrong_with_a_spec_is_said_before_anything_is_written() {
    let place = Place::new();
    let spec = walk(&[("steps", -1), ("seeed", 2)]);
    let machine = MachineSpec::default();
    let error = launch::create(&place.paths, place.clock.as_ref(), &spec, &machine).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("did you mean \"seed\"?"), "{text}");
    assert!(text.contains("steps: \"-1\" does not do"), "{text}");
    assert!(!place.paths.runs().exists());
}

#[test]
fn a_spec_file_is_read_with_the_lines_of_its_mistakes() {
    let text = "kind = \"selftest\"\ntitel = \"x\"\n\n[parameters]\nsteps = 5\nstrid = 2\nseed = \"one\"\n";
    let problems = spec_file::parse("mine.toml", text, &cards()).unwrap_err();
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "mine.toml, line 2: unknown field \"titel\"; did you mean \"title\"?",
            "mine.toml, line 6: a job \"selftest\" has no parameter \"strid\"; did you mean \"stride\"?",
            "mine.toml, line 7: seed: \"one\" does not do; give a whole number from 0 to 9223372036854775807",
        ]
    );
    let good = spec_file::parse("mine.toml", "kind = \"selftest\"", &cards()).unwrap();
    assert_eq!((good.title.as_str(), good.count("steps")), ("mine", 100));
    let kind = spec_file::parse("x.toml", "kind = \"selftets\"", &cards()).unwrap_err();
    assert!(kind[0].to_string().contains("did you mean \"selftest\"?"));
}

#[test]
fn two_processes_never_work_on_one_run() {
    let place = Place::new();
    let run = place.create(&walk(&[]));
    let (first, _) = RunLog::open(&run).unwrap();
    assert!(matches!(
        RunLog::open(&run),
        Err(StoreError::Locked { what: "run", .. })
    ));
    assert!(run.is_held());
    assert!(run.remove().is_err());
    drop(first);
    assert!(!run.is_held());
    run.remove().unwrap();
    assert!(folder::all(&place.paths).is_empty());
}

/// A kill leaves a log that says running, a torn line, and no lock.
#[test]
fn a_run_whose_process_is_gone_is_found_failed_and_says_where_it_goes_on() {
    let place = Place::new();
    let run = place.create(&walk(&[("steps", 20), ("save_every", 6), ("fail_at", 15)]));
    place.work(&run, &Walk, &Arc::default());
    let text = fs::read_to_string(run.events()).unwrap();
    let cut = text.find("\"finished\"").unwrap() - 40;
    fs::write(run.events(), &text.as_bytes()[..cut]).unwrap();
    assert_eq!(list::summary(&run).state, RunState::Running);
    let settled = settle::summary(&run, place.clock.as_ref());
    assert_eq!(settled.state, RunState::Failed);
    assert_eq!(
        settled.why.as_deref(),
        Some("its process ended without a word; resume goes on from step 12")
    );
    // Said once, and the torn line is gone.
    let again = settle::summary(&run, place.clock.as_ref());
    assert_eq!(again.state, RunState::Failed);
    let after = fs::read_to_string(run.events()).unwrap();
    assert_eq!(after.matches("without a word; resume").count(), 1);
    assert!(after.lines().all(|line| line.ends_with('}')));
}

#[test]
fn a_list_folds_only_what_came_since_and_trusts_no_broken_summary() {
    let place = Place::new();
    let run = place.create(&walk(&[("steps", 30)]));
    place.work(&run, &Walk, &Arc::default());
    let first = list::summary(&run);
    let kept = run.root.join(".summary.json");
    assert!(kept.is_file());
    // What is kept counts: a change of the log behind it is not read again.
    let text = fs::read_to_string(&kept).unwrap();
    fs::write(&kept, text.replace("a walk", "A WALK")).unwrap();
    assert_eq!(list::summary(&run).title, "A WALK");
    fs::write(&kept, "{\"version\":1,\"off").unwrap();
    assert_eq!(list::summary(&run), first);
    // A log that is shorter than what was folded is folded anew.
    let log = fs::read(run.events()).unwrap();
    fs::write(run.events(), &log[..log.len() / 2]).unwrap();
    assert_eq!(list::summary(&run).state, RunState::Running);
}

#[test]
fn a_reader_waits_for_the_end_of_a_line() {
    let place = Place::new();
    let run = place.create(&walk(&[]));
    let mut follower = synod::store::run::Follower::new(run.events());
    assert_eq!(follower.read().unwrap().len(), 2);
    let line = fs::read_to_string(run.events()).unwrap();
    let line = line.lines().last().unwrap();
    let mut file = OpenOptions::new().append(true).open(run.events()).unwrap();
    file.write_all(&line.as_bytes()[..20]).unwrap();
    assert!(follower.read().unwrap().is_empty());
    file.write_all(&line.as_bytes()[20..]).unwrap();
    file.write_all(b"\n").unwrap();
    assert_eq!(follower.read().unwrap().len(), 1);
}
