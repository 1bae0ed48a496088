//! One run in this process: what it tells, and how it ends.

use super::place::{Place, contents, walk};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use synod::domain::event::{Kind, Outcome};
use synod::domain::fault::FaultClass;
use synod::domain::parameter::Value;
use synod::domain::run::JobCard;
use synod::domain::run::{RunControl, RunState};
use synod::domain::spec::Spec;
use synod::job::switch::{Ending, Switch};
use synod::job::walk::Walk;
use synod::job::{Job, JobContext, JobError, Step, Work};
use synod::store::run::{Checkpoints, RunFolder, log};

fn kinds(folder: &RunFolder) -> Vec<Kind> {
    let record = log::read(folder).unwrap();
    assert_eq!(record.problems, []);
    record.events.into_iter().map(|event| event.kind).collect()
}

fn states(folder: &RunFolder) -> Vec<RunState> {
    kinds(folder)
        .into_iter()
        .filter_map(|kind| match kind {
            Kind::State { state, .. } => Some(state),
            _ => None,
        })
        .collect()
}

#[test]
fn a_run_tells_its_whole_story() {
    let place = Place::new();
    let folder = place.create(&walk(&[("steps", 25)]));
    assert_eq!(place.summary(&folder).state, RunState::Queued);
    let end = place.work(&folder, &Walk, &Arc::default());
    assert_eq!((end.state, end.class), (RunState::Done, None));
    assert_eq!(
        states(&folder),
        [
            RunState::Queued,
            RunState::Preparing,
            RunState::Running,
            RunState::Done
        ]
    );
    let summary = place.summary(&folder);
    assert_eq!((summary.done, summary.total), (25, 25));
    assert_eq!(summary.products[0].path, "results/walk.txt");
    let text = fs::read_to_string(folder.results().join("walk.txt")).unwrap();
    let farthest = text.lines().map(|line| line.parse::<f64>().unwrap().abs());
    assert_eq!(summary.best_value(), farthest.reduce(f64::max));
    let points = kinds(&folder)
        .iter()
        .filter(|kind| matches!(kind, Kind::Metric { series, .. } if series == "distance"))
        .count();
    assert_eq!(points, 25);
}

/// A walk that asks for its own end during a step.
struct Ended {
    at: u64,
    ending: Ending,
    switch: Arc<Switch>,
}

struct EndedWork {
    inner: Box<dyn Work>,
    left: u64,
    ending: Ending,
    switch: Arc<Switch>,
}

impl Job for Ended {
    fn card(&self) -> JobCard {
        Walk.card()
    }

    fn prepare(&self, spec: &Spec, context: &JobContext) -> Result<Box<dyn Work>, JobError> {
        Ok(Box::new(EndedWork {
            inner: Walk.prepare(spec, context)?,
            left: self.at,
            ending: self.ending,
            switch: Arc::clone(&self.switch),
        }))
    }
}

impl Work for EndedWork {
    fn total(&self) -> u64 {
        self.inner.total()
    }

    fn step(&mut self, context: &JobContext) -> Result<Step, JobError> {
        self.left -= 1;
        if self.left == 0 {
            self.switch.end(self.ending);
        }
        self.inner.step(context)
    }

    fn save(&self, folder: &Path) -> Result<(), JobError> {
        self.inner.save(folder)
    }

    fn restore(&mut self, folder: &Path) -> Result<(), JobError> {
        self.inner.restore(folder)
    }

    fn finish(&mut self, context: &JobContext) -> Result<(), JobError> {
        self.inner.finish(context)
    }
}

fn end_at(place: &Place, folder: &RunFolder, at: u64, ending: Ending) -> RunState {
    let switch = Arc::new(Switch::default());
    let job = Ended {
        at,
        ending,
        switch: Arc::clone(&switch),
    };
    place.work(folder, &job, &switch).state
}

#[test]
fn stopped_again_and_again_it_gives_the_bytes_of_an_uninterrupted_run() {
    let place = Place::new();
    let spec = walk(&[("steps", 40), ("milliseconds", 1)]);
    let whole = place.create(&spec);
    place.work(&whole, &Walk, &Arc::default());
    let parts = place.create(&spec);
    for at in [1, 2, 13, 7] {
        assert_eq!(end_at(&place, &parts, at, Ending::Stop), RunState::Stopped);
    }
    let summary = place.summary(&parts);
    let why = summary.why.unwrap();
    // The step that was under way when the end was asked for is done again.
    assert_eq!(summary.done, 19);
    assert_eq!(why, "stopped by a person; resume goes on from step 19");
    let end = place.work(&parts, &Walk, &Arc::default());
    assert_eq!(end.state, RunState::Done);
    assert_eq!(contents(&parts.results()), contents(&whole.results()));
    let newest = |folder: &RunFolder| {
        let saved = Checkpoints::new(folder.checkpoints(), 1).newest().unwrap();
        fs::read(saved.path.join("walk.txt")).unwrap()
    };
    assert_eq!(newest(&parts), newest(&whole));
}

#[test]
fn finished_early_it_makes_the_results_of_what_there_is() {
    let place = Place::new();
    let folder = place.create(&walk(&[("steps", 40)]));
    assert_eq!(end_at(&place, &folder, 12, Ending::Finish), RunState::Done);
    let text = fs::read_to_string(folder.results().join("walk.txt")).unwrap();
    assert_eq!(text.lines().count(), 12);
    assert!(states(&folder).contains(&RunState::Stopping));
}

#[test]
fn a_pause_is_saved_and_leaves_no_trace_in_the_result() {
    let place = Place::new();
    let spec = walk(&[("steps", 20)]);
    let whole = place.create(&spec);
    place.work(&whole, &Walk, &Arc::default());
    let paused = place.create(&spec);
    let switch = Arc::new(Switch::default());
    switch.turn(RunControl::Pause);
    std::thread::scope(|scope| {
        scope.spawn(|| place.work(&paused, &Walk, &switch));
        while !states(&paused).contains(&RunState::Paused)
            || Checkpoints::new(paused.checkpoints(), 1).newest().is_none()
        {
            std::thread::yield_now();
        }
        switch.turn(RunControl::Resume);
    });
    assert_eq!(place.summary(&paused).state, RunState::Done);
    assert_eq!(contents(&paused.results()), contents(&whole.results()));
}

#[test]
fn every_kind_of_failure_ends_with_its_reason_and_can_be_resumed() {
    let place = Place::new();
    for (how, class, words) in [
        (
            "error",
            FaultClass::BadRequest,
            "told to fail; resume goes on from step 8",
        ),
        ("data", FaultClass::BadData, "told to fail"),
        (
            "panic",
            FaultClass::BadRequest,
            "a fault in the program: index out of bounds",
        ),
    ] {
        let mut spec = walk(&[("steps", 20), ("fail_at", 10), ("save_every", 4)]);
        spec.values
            .insert("fail_how".into(), Value::Text(how.into()));
        let folder = place.create(&spec);
        let end = place.work(&folder, &Walk, &Arc::default());
        assert_eq!((end.state, end.class), (RunState::Failed, Some(class)));
        let why = place.summary(&folder).why.unwrap();
        assert!(why.starts_with(words), "{why}");
        let has_fault = kinds(&folder).iter().any(|kind| {
            matches!(kind, Kind::Finished { outcome: Outcome::Failed { fault } } if fault.class == class)
        });
        assert!(has_fault);
    }
}

#[test]
fn a_value_that_is_no_number_is_a_note() {
    let place = Place::new();
    let mut spec = walk(&[("steps", 5), ("fail_at", 3)]);
    spec.values
        .insert("fail_how".into(), Value::Text("no_number".into()));
    let folder = place.create(&spec);
    place.work(&folder, &Walk, &Arc::default());
    let notes: Vec<String> = kinds(&folder)
        .into_iter()
        .filter_map(|kind| match kind {
            Kind::Note { text, .. } => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(notes, ["distance is inf at NaN"]);
}

#[test]
fn a_checkpoint_of_another_format_is_refused() {
    let place = Place::new();
    let folder = place.create(&walk(&[("steps", 20)]));
    end_at(&place, &folder, 5, Ending::Stop);
    let card = Checkpoints::new(folder.checkpoints(), 1)
        .newest()
        .unwrap()
        .path
        .join("card.json");
    let text = fs::read_to_string(&card).unwrap();
    fs::write(&card, text.replace("\"format\": 1", "\"format\": 7")).unwrap();
    let end = place.work(&folder, &Walk, &Arc::default());
    assert_eq!(end.class, Some(FaultClass::BadData));
    let why = place.summary(&folder).why.unwrap();
    assert!(why.contains("format 7"), "{why}");
}
