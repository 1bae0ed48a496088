//! A data folder of its own, and runs in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use synod::domain::clock::{Clock, System};
use synod::domain::parameter::Value;
use synod::domain::run::RunSummary;
use synod::domain::spec::Spec;
use synod::job::runner::{self, End};
use synod::job::switch::Switch;
use synod::job::{Job, JobContext, Surroundings, launch};
use synod::store::paths::Paths;
use synod::store::run::{RunFolder, RunLog, list};
use synod::store::spec_file::{MachineSpec, RunSpec};
use tempfile::TempDir;

pub struct Place {
    root: TempDir,
    pub paths: Paths,
    pub clock: Arc<dyn Clock>,
}

impl Place {
    pub fn new() -> Place {
        let root = TempDir::new().unwrap();
        Place {
            paths: Paths::new(Some(root.path())),
            root,
            clock: Arc::new(System),
        }
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn create(&self, spec: &Spec) -> RunFolder {
        let machine = MachineSpec::default();
        launch::create(&self.paths, self.clock.as_ref(), spec, &machine).unwrap()
    }

    /// Works on a run in this process, as `synod run-job` does in its own.
    pub fn work(&self, folder: &RunFolder, job: &dyn Job, switch: &Arc<Switch>) -> End {
        let (log, _) = RunLog::open(folder).unwrap();
        let surroundings = Surroundings {
            paths: self.paths.clone(),
            clock: Arc::clone(&self.clock),
            threads: 1,
            device: "cpu".into(),
            local_only: true,
            model_paths: Vec::new(),
        };
        let spec = RunSpec::read(&folder.spec()).unwrap().spec();
        let context = JobContext::new(log, job.format(), Arc::clone(switch), surroundings);
        runner::run(job, &spec, &context)
    }

    pub fn summary(&self, folder: &RunFolder) -> RunSummary {
        list::summary(folder)
    }
}

/// A walk; numbers only.
pub fn walk(values: &[(&str, i64)]) -> Spec {
    let mut all = BTreeMap::from([("milliseconds".to_owned(), Value::Whole(0))]);
    for (key, value) in values {
        all.insert((*key).to_owned(), Value::Whole(*value));
    }
    Spec {
        kind: "selftest".into(),
        title: "a walk".into(),
        values: all,
    }
}

/// Everything below a folder, by relative path.
pub fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let inner = contents(&path);
            all.extend(
                inner
                    .into_iter()
                    .map(|(below, bytes)| (format!("{name}/{below}"), bytes)),
            );
        } else {
            all.insert(name, fs::read(path).unwrap());
        }
    }
    all
}
