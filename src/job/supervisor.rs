//! The queue: starts the process of each queued run for which a device slot is free.
//!
//! Nobody has to be there all the time: whoever makes a run looks at the queue, so does each run's process when it ends, and so
//! does any program that lists runs. Several may look at once: a process that finds its slot or its run taken leaves again, and
//! the run stays queued.

use super::{Job, find};
use super::{launch, settle};
use crate::domain::clock::Clock;
use crate::domain::run::RunState;
use crate::store::error::StoreError;
use crate::store::paths::Paths;
use crate::store::run::lease::Slots;
use crate::store::run::{RunFolder, RunLog, folder, list};
use crate::store::spec_file::RunSpec;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

/// The hidden subcommand that works on a run.
pub const SUBCOMMAND: &str = "run-job";

/// Starts runs.
#[derive(Clone)]
pub struct Supervisor {
    pub paths: Paths,
    pub clock: Arc<dyn Clock>,
    /// This program, and the flags that lead it to the same data.
    pub program: PathBuf,
    pub flags: Vec<OsString>,
    /// Runs at once on each device.
    pub slots: usize,
}

impl Supervisor {
    /// Starts what can be started; how many processes that were. A run that cannot be started says so in its log.
    pub fn look(&self) -> usize {
        let mut free: BTreeMap<String, usize> = BTreeMap::new();
        let mut started = 0;
        for folder in folder::all(&self.paths) {
            let summary = settle::summary(&folder, self.clock.as_ref());
            if summary.state != RunState::Queued || folder.is_held() {
                continue;
            }
            let device = device(&folder);
            let left = free
                .entry(device.clone())
                .or_insert_with(|| Slots::new(&self.paths, &device, self.slots).free());
            if *left == 0 {
                continue;
            }
            *left -= 1;
            match self.start(&folder) {
                Ok(child) => {
                    started += 1;
                    reap(child);
                }
                Err(error) => self.refuse(&folder, &error),
            }
        }
        started
    }

    fn refuse(&self, folder: &RunFolder, error: &io::Error) {
        let why = format!("cannot start {}: {error}", self.program.display());
        let told = RunLog::open(folder).and_then(|(mut log, _)| {
            let failed = launch::state(RunState::Failed, Some(why));
            log.append(self.clock.now(), failed)
        });
        // Where not even that can be written, it stays queued.
        drop(told);
    }

    fn start(&self, folder: &RunFolder) -> io::Result<Child> {
        let output = OpenOptions::new()
            .create(true)
            .write(true)
            // What an earlier process printed says nothing about this one's end.
            .truncate(true)
            .open(folder.output())?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.flags)
            .arg(SUBCOMMAND)
            .arg(&folder.id.0)
            .current_dir(&folder.root)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        command.spawn()
    }

    /// How many queued runs stand before this one on its device, and how many runs work there.
    #[must_use]
    pub fn before(&self, folder: &RunFolder) -> (usize, usize) {
        let device = device(folder);
        let waiting = folder::all(&self.paths)
            .into_iter()
            .filter(|other| other.id < folder.id && self::device(other) == device)
            .filter(|other| list::summary(other).state == RunState::Queued)
            .count();
        let slots = Slots::new(&self.paths, &device, self.slots);
        (waiting, slots.holders().len())
    }
}

/// Takes note of a process's end, so that the system can forget it. This program may be gone before.
fn reap(mut child: Child) {
    thread::spawn(move || child.wait());
}

/// Where a run computes.
pub(super) fn device(folder: &RunFolder) -> String {
    let known = || -> Result<String, StoreError> {
        let file = RunSpec::read(&folder.spec())?;
        let spec = file.spec();
        let job = find(&spec.kind);
        Ok(job.map_or_else(|| "cpu".to_owned(), |job: Box<dyn Job>| job.device(&spec)))
    };
    known().unwrap_or_else(|_| "cpu".to_owned())
}
