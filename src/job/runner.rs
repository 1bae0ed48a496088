//! The loop around every job: prepare, restore, step, save, pause, stop, finish; the same for all kinds.

use super::context::JobContext;
use super::error::JobError;
use super::switch::Ending;
use super::{Job, Step, Work};
use crate::domain::clock::Millis;
use crate::domain::event::{Kind, Level, Outcome};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::run::RunState;
use crate::domain::spec::Spec;
use crate::store::run::Marks;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Time between two checkpoints that nobody asked for.
const SAVE_EVERY: Millis = 30_000;
/// Saving may take one part in so many of the time.
const SAVE_SHARE: Millis = 20;
/// Time between two reports of progress.
const REPORT_EVERY: Millis = 200;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Done, stopped or failed.
    pub state: RunState,
    /// The kind of failure, if it failed.
    pub class: Option<FaultClass>,
}

/// Runs a job to its end, from its newest checkpoint if it has one. All that happens is in the log; this is for the exit code.
pub fn run(job: &dyn Job, spec: &Spec, context: &JobContext) -> End {
    context.reserve();
    let unit = job.card().unit;
    let driven = catch_unwind(AssertUnwindSafe(|| drive(job, spec, context)));
    context.release();
    let result = driven.unwrap_or_else(|panic| Err(JobError::Failed(words_of(panic.as_ref()))));
    match result {
        Ok(RunState::Stopped) => {
            let why = match context.switch().ending() {
                Some(Ending::Interrupt) => "the system asked its process to end",
                _ => "stopped by a person",
            };
            let why = format!("{why}; {}", resumes(context, &unit));
            end(context, RunState::Stopped, Some(why), None)
        }
        Ok(_) => end(context, RunState::Done, None, None),
        Err(error) => {
            let fault = Fault::new(error.class(), error.to_string());
            let why = format!("{error}; {}", resumes(context, &unit));
            context.tell(Kind::Finished {
                outcome: Outcome::Failed { fault },
            });
            end(context, RunState::Failed, Some(why), Some(error.class()))
        }
    }
}

fn end(
    context: &JobContext,
    state: RunState,
    why: Option<String>,
    class: Option<FaultClass>,
) -> End {
    context.enter(state, why);
    End { state, class }
}

/// `resume goes on from step 120`.
fn resumes(context: &JobContext, unit: &str) -> String {
    match context.checkpoints().newest() {
        Some(saved) => format!("resume goes on from {unit} {}", saved.done),
        None => "resume begins anew".to_owned(),
    }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!(
        "a fault in the program: {}",
        words.unwrap_or_else(|| "unknown".to_owned())
    )
}

/// A job with its place in time.
struct Drive<'a> {
    context: &'a JobContext,
    work: Box<dyn Work>,
    done: u64,
    marks: Marks,
    saved_at: Millis,
    /// What the last save took.
    save_cost: Millis,
    told_at: Millis,
}

fn drive(job: &dyn Job, spec: &Spec, context: &JobContext) -> Result<RunState, JobError> {
    context.enter(RunState::Preparing, None);
    context.checkpoints().clean();
    let work = match job.prepare(spec, context) {
        // There is no state yet that could be saved.
        Err(JobError::Stopped) => return Ok(RunState::Stopped),
        prepared => prepared?,
    };
    let mut drive = Drive {
        context,
        work,
        done: 0,
        marks: Marks::default(),
        saved_at: context.now(),
        save_cost: 0,
        told_at: 0,
    };
    drive.restore(job)?;
    context.enter(RunState::Running, None);
    drive.report();
    while !drive.marks.is_last {
        if let Some(state) = drive.obey()? {
            return Ok(state);
        }
        if !drive.marks.is_last {
            drive.step()?;
        }
    }
    drive.finish()
}

impl Drive<'_> {
    fn restore(&mut self, job: &dyn Job) -> Result<(), JobError> {
        let Some(saved) = self.context.checkpoints().newest() else {
            return Ok(());
        };
        if saved.format != job.format() {
            return Err(JobError::Data(format!(
                "the checkpoint has format {}, this program continues format {}; use the program that wrote it, or start a new run",
                saved.format,
                job.format()
            )));
        }
        self.work.restore(&saved.path)?;
        self.done = saved.done;
        self.marks.is_last = saved.marks.is_last;
        let unit = job.card().unit;
        let text = format!("goes on after {unit} {}", saved.done);
        self.context.note(Level::Info, &text);
        Ok(())
    }

    /// Pauses or ends as asked; a state when the run is over.
    fn obey(&mut self) -> Result<Option<RunState>, JobError> {
        let context = self.context;
        context.health()?;
        if context.switch().is_paused() {
            self.report();
            context.enter(RunState::Paused, None);
            // A pause may outlast the power.
            self.save()?;
            context.switch().wait();
            if context.switch().ending().is_none() {
                context.enter(RunState::Running, None);
            }
        }
        let Some(ending) = context.switch().ending() else {
            return Ok(None);
        };
        self.report();
        context.enter(RunState::Stopping, None);
        if ending == Ending::Finish {
            context.switch().acknowledge();
            self.marks.is_last = true;
            self.save()?;
            return Ok(None);
        }
        self.save()?;
        Ok(Some(RunState::Stopped))
    }

    fn step(&mut self) -> Result<(), JobError> {
        let step = match self.work.step(self.context) {
            // Left as it was; `obey` sees why.
            Err(JobError::Stopped) => return Ok(()),
            step => step?,
        };
        self.done += 1;
        let now = self.context.now();
        let Step {
            is_last,
            is_best,
            saves,
        } = step;
        self.marks = Marks { is_best, is_last };
        if is_last || now.saturating_sub(self.told_at) >= REPORT_EVERY {
            self.report();
        }
        let patience = SAVE_EVERY.max(self.save_cost * SAVE_SHARE);
        let is_due = now.saturating_sub(self.saved_at) >= patience;
        if is_last || is_best || saves || is_due {
            self.save()?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<RunState, JobError> {
        match self.work.finish(self.context) {
            Ok(()) => {
                self.context.health()?;
                Ok(RunState::Done)
            }
            Err(JobError::Stopped) => Ok(RunState::Stopped),
            Err(error) => Err(error),
        }
    }

    fn report(&mut self) {
        self.told_at = self.context.now();
        self.context.tell(Kind::Advanced {
            done: self.done,
            total: self.work.total(),
        });
    }

    fn save(&mut self) -> Result<(), JobError> {
        let began = self.context.now();
        let work = &self.work;
        let saved = self
            .context
            .checkpoints()
            .write(self.done, self.marks, |folder| work.save(folder))?;
        self.saved_at = self.context.now();
        self.save_cost = self.saved_at.saturating_sub(began);
        self.context.tell(Kind::Checkpointed {
            done: saved.done,
            bytes: saved.bytes,
        });
        Ok(())
    }
}
