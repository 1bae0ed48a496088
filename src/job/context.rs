//! What a job can touch: its log, its folders, its checkpoints, and the wishes of the person.
//!
//! Nobody can forget to obey or to record: an error of the log ends the run at the next pause point, and a value that is no
//! finite number becomes a note instead of a point.

use super::error::JobError;
use super::switch::Switch;
use crate::domain::clock::{Clock, Millis};
use crate::domain::event::{Cell, Kind, Level};
use crate::domain::reading::Reading;
use crate::domain::run::{Product, RunState};
use crate::store::error::StoreError;
use crate::store::paths::Paths;
use crate::store::run::{Checkpoints, RunFolder, RunLog, Saved};
use crate::store::spec_file::RunSpec;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What a job needs from outside its own folder.
#[derive(Clone)]
pub struct Surroundings {
    pub paths: Paths,
    pub clock: Arc<dyn Clock>,
    /// Threads to compute with, at least 1. Never changes a result.
    pub threads: usize,
    /// `cpu`, `cuda:0`.
    pub device: String,
    /// No request may leave this machine.
    pub local_only: bool,
    /// Folders or files with further models, from the settings.
    pub model_paths: Vec<String>,
}

/// Handed to a job at work.
pub struct JobContext {
    log: Mutex<Log>,
    folder: RunFolder,
    checkpoints: Checkpoints,
    switch: Arc<Switch>,
    surroundings: Surroundings,
}

struct Log {
    file: RunLog,
    /// The first error; nothing is written after it but the end.
    error: Option<StoreError>,
}

impl JobContext {
    #[must_use]
    pub fn new(
        log: RunLog,
        format: u32,
        switch: Arc<Switch>,
        surroundings: Surroundings,
    ) -> JobContext {
        let folder = log.folder().clone();
        JobContext {
            log: Mutex::new(Log {
                file: log,
                error: None,
            }),
            checkpoints: Checkpoints::new(folder.checkpoints(), format),
            folder,
            switch,
            surroundings,
        }
    }

    /// A point of a curve. What is no finite number is noted with its place and not drawn.
    pub fn metric(&self, series: &str, x: f64, y: f64) {
        if x.is_finite() && y.is_finite() {
            self.tell(Kind::Metric {
                series: series.to_owned(),
                x,
                y,
            });
        } else {
            self.note(Level::Warning, &format!("{series} is {y} at {x}"));
        }
    }

    /// A row of a table; a later one with the same key replaces it. Numbers that are not finite are written as words.
    pub fn row(&self, table: &str, key: &str, cells: Vec<Cell>) {
        let words = |cell: Cell| match cell {
            Cell::Number(number) if !number.is_finite() => Cell::Text(number.to_string()),
            cell => cell,
        };
        self.tell(Kind::Row {
            table: table.to_owned(),
            key: key.to_owned(),
            cells: cells.into_iter().map(words).collect(),
        });
    }

    /// A sentence for the person at the screen.
    pub fn note(&self, level: Level, text: &str) {
        self.tell(Kind::Note {
            level,
            text: text.to_owned(),
        });
    }

    /// Something was made; its path is relative to the run's folder, or absolute.
    pub fn made(&self, product: Product) {
        self.tell(Kind::Made { product });
    }

    /// Returns when the work may go on: at once, or after a pause.
    ///
    /// # Errors
    /// [`JobError::Stopped`] when a person or the system ends the run; the log's error when the disk refuses.
    pub fn pause_point(&self) -> Result<(), JobError> {
        self.health()?;
        if self.switch.is_paused() {
            self.enter(RunState::Paused, None);
            self.switch.wait();
            if self.switch.ending().is_none() {
                self.enter(RunState::Running, None);
            }
        }
        match self.switch.ending() {
            Some(_) => Err(JobError::Stopped),
            None => Ok(()),
        }
    }

    /// Notes the hash of something that decides the result, or compares it with what was noted when the run began.
    ///
    /// # Errors
    /// When it is another one now, or the disk refuses.
    pub fn pin(&self, name: &str, hash: &str) -> Result<(), JobError> {
        let path = self.folder.spec();
        let mut spec = RunSpec::read(&path)?;
        match spec.hashes.get(name) {
            Some(known) if known == hash => Ok(()),
            Some(known) => Err(JobError::Data(format!(
                "{name} has changed since this run began (then {known}, now {hash}); put the old one back, or start a new run"
            ))),
            None => {
                spec.hashes.insert(name.to_owned(), hash.to_owned());
                Ok(spec.write(&path)?)
            }
        }
    }

    /// Where results go unless the spec says elsewhere; it is there.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.folder.results()
    }

    /// The run's own folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder.root
    }

    /// The checkpoint that was last marked as best ([`Step::is_best`](super::Step)), for the results.
    #[must_use]
    pub fn best(&self) -> Option<Saved> {
        self.checkpoints.best()
    }

    #[must_use]
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    #[must_use]
    pub fn now(&self) -> Millis {
        self.surroundings.clock.now()
    }

    pub(super) fn switch(&self) -> &Switch {
        &self.switch
    }

    pub(super) fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    pub(super) fn sampled(&self, reading: Reading) {
        self.tell(Kind::Sampled { reading });
    }

    pub(super) fn enter(&self, state: RunState, why: Option<String>) {
        self.tell(Kind::State { state, why });
    }

    pub(super) fn tell(&self, kind: Kind) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.error.is_none() {
            let written = log.file.append(self.surroundings.clock.now(), kind);
            log.error = written.err();
        }
    }

    /// The first error of the log, once.
    pub(super) fn health(&self) -> Result<(), JobError> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        match log.error.take() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    pub(super) fn reserve(&self) {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.file.reserve();
    }

    /// Makes room for the last words.
    pub(super) fn release(&self) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.error = None;
        log.file.release();
    }
}
