//! Long work: jobs that run for minutes to days, in a process of their own, and lose nothing when it ends.
//!
//! A job is one file that implements [`Job`] and one line in [`all`]. It never sees the loop around it: `runner` steps it,
//! saves it, pauses it, stops it and resumes it, so all kinds survive a kill in the same way. What a job tells goes through
//! [`JobContext`] into the run's log; screens draw the log and know no job.
//!
//! A result depends on the spec and the files it names, never on time, threads, pauses or kills: random numbers are counted
//! ([`Chance`](crate::domain::chance::Chance)), and a resumed run gives the bytes of an uninterrupted one.

pub mod child;
pub mod context;
pub mod error;
pub mod export;
pub mod finetune;
pub mod launch;
pub mod orders;
pub mod record;
pub mod runner;
pub mod settle;
pub mod supervisor;
pub mod swarm;
pub mod switch;
pub mod telemetry;
pub mod walk;

pub use context::{JobContext, Surroundings};
pub use error::JobError;

use crate::domain::run::JobCard;
use crate::domain::spec::Spec;
use std::path::Path;

/// A kind of long work.
pub trait Job: Send + Sync {
    /// What forms, help and screens are made from.
    fn card(&self) -> JobCard;

    /// What its parameters and checkpoints mean; raised when a checkpoint of an older program could not be resumed exactly.
    fn format(&self) -> u32 {
        1
    }

    /// Where it computes: one run at a time on each slot of a device (see `Settings::job_slots`).
    fn device(&self, _spec: &Spec) -> String {
        "cpu".to_owned()
    }

    /// Looks at what a card cannot say, before a run is made: values that exclude each other, files that are not there. Quick.
    ///
    /// # Errors
    /// With a sentence that says what to change.
    fn check(&self, _spec: &Spec) -> Result<(), String> {
        Ok(())
    }

    /// Loads models and data and compares their hashes ([`JobContext::pin`]). `spec` is filled and checked.
    ///
    /// # Errors
    /// When something is missing or does not fit.
    fn prepare(&self, spec: &Spec, context: &JobContext) -> Result<Box<dyn Work>, JobError>;
}

/// A job at work: state that can be saved, and steps that change it.
pub trait Work {
    /// Steps in all; may change while it goes; 0 is unknown.
    fn total(&self) -> u64;

    /// Does one step. A step that takes longer than a second asks [`JobContext::pause_point`] in between and hands its error on;
    /// the state must then be the one before the step, so that it can be saved and the step repeated.
    ///
    /// # Errors
    /// [`JobError::Stopped`] as said, or what ends the run.
    fn step(&mut self, context: &JobContext) -> Result<Step, JobError>;

    /// Writes the whole state into an empty folder. Equal states give equal bytes.
    ///
    /// # Errors
    /// When the disk refuses.
    fn save(&self, folder: &Path) -> Result<(), JobError>;

    /// Takes the state that [`Self::save`] wrote, in a process that has just prepared the same spec.
    ///
    /// # Errors
    /// When it cannot be read.
    fn restore(&mut self, folder: &Path) -> Result<(), JobError>;

    /// Makes the results of what there is, in [`JobContext::results`], and names them with [`JobContext::made`]. May be called
    /// again after a kill: it replaces what it finds.
    ///
    /// # Errors
    /// What ends the run; it can be resumed, and then only this is done again.
    fn finish(&mut self, context: &JobContext) -> Result<(), JobError>;
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step {
    /// No step follows.
    pub is_last: bool,
    /// The best state so far: it is saved now and kept until there is a better one.
    pub is_best: bool,
    /// A good moment to save; without it the clock decides.
    pub saves: bool,
}

impl Step {
    /// More to do.
    pub const MORE: Step = Step {
        is_last: false,
        is_best: false,
        saves: false,
    };
    /// Done.
    pub const LAST: Step = Step {
        is_last: true,
        ..Self::MORE
    };
}

/// All kinds, in the order of lists; the last one exists for tests of this machinery and is not offered.
#[must_use]
pub fn all() -> Vec<Box<dyn Job>> {
    vec![Box::new(finetune::FineTune), Box::new(walk::Walk)]
}

/// Kinds that no list shows.
pub const HIDDEN: &[&str] = &[walk::KIND];

/// A kind by its word.
#[must_use]
pub fn find(kind: &str) -> Option<Box<dyn Job>> {
    all().into_iter().find(|job| job.card().kind == kind)
}

/// The cards of all kinds, hidden ones too.
#[must_use]
pub fn cards() -> Vec<JobCard> {
    all().iter().map(|job| job.card()).collect()
}
