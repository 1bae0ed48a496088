//! The queue: starts the process of each queued run for which a device slot is free.
//!
//! Nobody has to be there all the time: whoever makes a run looks at the queue, so does each run's process when it ends, and so
//! does any program that lists runs. Several may look at once: a process that finds its slot or its run taken leaves again, and
//! the run stays queued.

use super::settle;
use super::{Job, find};
use crate::domain::clock::Clock;
use crate::domain::run::RunState;
use crate::store::error::StoreError;
use crate::store::paths::Paths;
use crate::store::run::lease::Slots;
use crate::store::run::{RunFolder, folder, list};
use crate::store::spec_file::RunSpec;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

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
    /// Starts what can be started; the ids of the runs whose processes were started.
    pub fn look(&self) -> Vec<Child> {
        let mut free: BTreeMap<String, usize> = BTreeMap::new();
        let mut started = Vec::new();
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
            started.extend(self.start(&folder));
        }
        started
    }

    /// Starts the process of a run; its log tells what becomes of it.
    ///
    /// # Errors
    /// When the system refuses to start it.
    pub fn start(&self, folder: &RunFolder) -> io::Result<Child> {
        let output = OpenOptions::new()
            .create(true)
            .append(true)
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
