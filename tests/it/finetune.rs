//! Fine-tuning runs on a tiny random model: the same bits after a stop, results that load, and errors that say what to do.

use super::support::tiny_model::{self, Stored};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use synod::domain::clock::System;
use synod::domain::event::{Event, Kind};
use synod::domain::parameter::Value;
use synod::domain::run::RunState;
use synod::domain::spec::Spec;
use synod::job::finetune::FineTune;
use synod::job::runner;
use synod::job::switch::Switch;
use synod::job::{Job, JobContext, JobError, Surroundings, Work, launch};
use synod::lm::adapter::Adapter;
use synod::lm::model::Model;
use synod::store::paths::Paths;
use synod::store::run::{RunFolder, RunLog};
use synod::store::spec_file::RunSpec;
use tempfile::TempDir;

/// A folder with a model and data, where runs are made.
struct Bench {
    folder: TempDir,
    model: PathBuf,
    data: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (model, data) = (
            folder.path().join("tiny.gguf"),
            folder.path().join("talk.jsonl"),
        );
        tiny_model::write(&model, Stored::F32);
        let lines: String = (0..24)
            .map(|n| {
                let (a, b) = (n % 5, n % 3);
                let sum = a + b;
                format!(
                    "{{\"messages\": [{{\"role\": \"user\", \"content\": \"{a}+{b}\"}}, {{\"role\": \"assistant\", \"content\": \"{sum}\"}}]}}\n"
                )
            })
            .collect();
        fs::write(&data, lines).unwrap();
        Self {
            folder,
            model,
            data,
        }
    }

    fn spec(&self, more: &[(&str, Value)]) -> Spec {
        let path = |path: &Path| Value::Text(path.to_string_lossy().into_owned());
        let mut values = BTreeMap::from([
            ("data".to_owned(), path(&self.data)),
            ("model".to_owned(), path(&self.model)),
            ("max_tokens".to_owned(), Value::Whole(64)),
            ("batch_tokens".to_owned(), Value::Whole(96)),
            ("lora_rank".to_owned(), Value::Whole(4)),
            ("learning_rate".to_owned(), Value::Real(0.02)),
            ("epochs".to_owned(), Value::Whole(3)),
            ("validation_share".to_owned(), Value::Real(0.2)),
            ("samples".to_owned(), Value::Whole(1)),
            ("sample_tokens".to_owned(), Value::Whole(3)),
        ]);
        values.extend(
            more.iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone())),
        );
        Spec {
            kind: "finetune".to_owned(),
            title: "tiny".to_owned(),
            values,
        }
    }

    /// A run's folder, its filled spec and a context to work in.
    fn run(&self, more: &[(&str, Value)]) -> (RunFolder, Spec, JobContext) {
        let paths = Paths::new(Some(self.folder.path()));
        let spec = self.spec(more);
        let folder = launch::create(&paths, &System, &spec, &Default::default()).unwrap();
        let spec = RunSpec::read(&folder.spec()).unwrap().spec();
        let (log, _) = RunLog::open(&folder).unwrap();
        let surroundings = Surroundings {
            paths,
            clock: Arc::new(System),
            threads: 1,
            device: "cpu".to_owned(),
            local_only: true,
            model_paths: Vec::new(),
        };
        let context = JobContext::new(log, 1, Arc::new(Switch::default()), surroundings);
        (folder, spec, context)
    }
}

/// Every file of the state after a work's steps from now to the last.
fn state_at_the_end(work: &mut dyn Work, context: &JobContext) -> Vec<(String, Vec<u8>)> {
    while !work.step(context).unwrap().is_last {}
    saved(work)
}

fn saved(work: &dyn Work) -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    work.save(folder.path()).unwrap();
    let mut files: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn events(folder: &RunFolder) -> Vec<Event> {
    RunLog::open(folder).unwrap().1
}

fn series(events: &[Event], wanted: &str) -> Vec<f64> {
    let points = events.iter().filter_map(|event| match &event.kind {
        Kind::Metric { series, y, .. } if series == wanted => Some(*y),
        _ => None,
    });
    points.collect()
}

#[test]
fn a_resumed_run_has_the_bits_of_one_that_was_never_stopped() {
    let bench = Bench::new();
    let more = [
        ("accumulation", Value::Whole(2)),
        ("validate_every", Value::Whole(2)),
    ];
    let (_, spec, context) = bench.run(&more);
    let whole = state_at_the_end(
        FineTune.prepare(&spec, &context).unwrap().as_mut(),
        &context,
    );
    for stop in [1, 2, 3, 5] {
        let mut first = FineTune.prepare(&spec, &context).unwrap();
        for _ in 0..stop {
            first.step(&context).unwrap();
        }
        let checkpoint = tempfile::tempdir().unwrap();
        first.save(checkpoint.path()).unwrap();
        drop(first);
        let mut second = FineTune.prepare(&spec, &context).unwrap();
        second.restore(checkpoint.path()).unwrap();
        assert!(
            state_at_the_end(second.as_mut(), &context) == whole,
            "stopped after {stop}"
        );
    }
}

#[test]
fn a_step_that_is_given_up_leaves_no_trace() {
    let bench = Bench::new();
    let (_, spec, context) = bench.run(&[]);
    let mut work = FineTune.prepare(&spec, &context).unwrap();
    work.step(&context).unwrap();
    let before = saved(work.as_ref());
    let (_, _, stopping) = bench.run(&[]);
    let switch = Arc::new(Switch::default());
    switch.turn(synod::domain::run::RunControl::Stop);
    let (folder, ..) = bench.run(&[]);
    let (log, _) = RunLog::open(&folder).unwrap();
    let stopped = JobContext::new(log, 1, switch, stopping.surroundings().clone());
    assert!(matches!(work.step(&stopped), Err(JobError::Stopped)));
    assert!(saved(work.as_ref()) == before);
}

#[test]
fn a_run_learns_and_its_adapter_loads() {
    let bench = Bench::new();
    let out = bench.folder.path().join("out");
    let more = [
        ("epochs", Value::Whole(12)),
        ("gguf", Value::Flag(true)),
        ("merged", Value::Flag(true)),
        ("out", Value::Text(out.to_string_lossy().into_owned())),
    ];
    let (folder, spec, context) = bench.run(&more);
    let end = runner::run(&FineTune, &spec, &context);
    drop(context);
    let events = events(&folder);
    assert_eq!(end.state, RunState::Done, "{:?}", events.last());
    let losses = series(&events, "loss");
    let (first, last) = (losses[0], *losses.last().unwrap());
    assert!(last < first * 0.6, "{first} {last}");
    let validation = series(&events, "validation_loss");
    assert_eq!(validation.len(), 12, "one after each epoch");
    let model = Model::open(&bench.model).unwrap();
    let results = folder.root.join("results");
    for adapter in [results.join("adapter"), out] {
        let (_, notes) = Adapter::open(&adapter, &model.config).unwrap();
        assert_eq!(notes, [""; 0]);
    }
    assert!(results.join("adapter.gguf").exists());
    assert!(results.join("merged/model.safetensors").exists());
    assert!(results.join("merged/config.json").exists());
    let has_sample =
        |event: &Event| matches!(&event.kind, Kind::Row { table, .. } if table == "samples");
    assert!(events.iter().any(has_sample));
}

#[test]
fn a_run_that_gets_no_better_ends_early() {
    let bench = Bench::new();
    let more = [
        ("learning_rate", Value::Real(0.0)),
        ("patience", Value::Whole(2)),
        ("epochs", Value::Whole(50)),
    ];
    let (folder, spec, context) = bench.run(&more);
    let end = runner::run(&FineTune, &spec, &context);
    drop(context);
    assert_eq!(end.state, RunState::Done);
    assert_eq!(series(&events(&folder), "validation_loss").len(), 3);
}

#[test]
fn what_cannot_be_learned_is_said() {
    let bench = Bench::new();
    let refused = |more: &[(&str, Value)]| {
        let (_, spec, context) = bench.run(more);
        FineTune.prepare(&spec, &context).err().unwrap().to_string()
    };
    let nothing = refused(&[("train_on", Value::Text("system".into()))]);
    assert!(
        nothing.contains("no token of the data is to be learned"),
        "{nothing}"
    );
    let long = refused(&[("max_tokens", Value::Whole(8))]);
    assert!(
        long.contains("talk.jsonl, line ") && long.contains("at most 8"),
        "{long}"
    );
    let start = refused(&[(
        "start",
        Value::Text(bench.folder.path().to_string_lossy().into_owned()),
    )]);
    assert!(start.starts_with("start: the adapter "), "{start}");
    let modules = refused(&[("target_modules", Value::Words(vec!["x_proj".into()]))]);
    assert!(modules.contains("no module \"x_proj\""), "{modules}");
}

#[test]
fn other_data_than_the_run_began_with_are_refused() {
    let bench = Bench::new();
    let (_, spec, context) = bench.run(&[]);
    drop(FineTune.prepare(&spec, &context).unwrap());
    fs::write(&bench.data, "{\"text\": \"other\"}\n").unwrap();
    let error = FineTune.prepare(&spec, &context).err().unwrap().to_string();
    assert!(
        error.starts_with("data has changed since this run began"),
        "{error}"
    );
}

#[test]
fn a_small_model_is_trained_whole() {
    let bench = Bench::new();
    let more = [
        ("method", Value::Text("full".into())),
        ("learning_rate", Value::Real(1e-3)),
    ];
    let (folder, spec, context) = bench.run(&more);
    let end = runner::run(&FineTune, &spec, &context);
    drop(context);
    let events = events(&folder);
    assert_eq!(end.state, RunState::Done, "{:?}", events.last());
    assert!(folder.root.join("results/model/model.safetensors").exists());
    let losses = series(&events, "loss");
    assert!(losses.last().unwrap() < &losses[0], "{losses:?}");
}
