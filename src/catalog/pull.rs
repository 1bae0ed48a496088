//! Gets a model: its sources in order, under a lock, until one has it.

use super::entry::Entry;
use super::progress::{Listener, Reporter};
use super::source::{Job, Miss, Source, sources};
use super::{Catalog, lock};
use crate::domain::cancel::Cancel;
use crate::domain::model::PullOutcome;
use std::sync::Arc;

/// What a download may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permit {
    /// A person agreed to the model's licence.
    pub consent: bool,
    /// Nothing may be asked of another machine.
    pub local_only: bool,
}

impl Catalog {
    /// Gets a model on disk. Another program that fetches it already is waited for.
    ///
    /// `listener` hears how it goes, at most ten times a second. Raising `cancel` stops it within moments; what arrived is kept.
    pub async fn pull(
        &self,
        name: &str,
        permit: Permit,
        listener: Listener<'_>,
        cancel: Cancel,
    ) -> PullOutcome {
        let Some(entry) = self.entries.get(name) else {
            return match self.resolve(name) {
                Ok(path) => PullOutcome::Ready { path },
                Err(fault) => failed("catalog", fault.message),
            };
        };
        let total = entry.bytes.unwrap_or(0);
        let clock = Arc::clone(&self.surroundings.clock);
        let reporter = Reporter::new(name, total, listener, clock);
        reporter.begin("this machine");
        let sources = sources(entry, self.disk.clone());
        let place = self.place(entry);
        let job = Job {
            entry,
            place: &place,
            surroundings: &self.surroundings,
            reporter: &reporter,
            cancel: &cancel,
        };
        if place.file.is_file() && self.disk.find(entry, &place).as_ref() == Some(&place.file) {
            return PullOutcome::Ready { path: place.file };
        }
        if let Err(error) = std::fs::create_dir_all(&self.models) {
            let why = format!("cannot create {}: {error}", self.models.display());
            return failed("models folder", why);
        }
        let waiting = || {
            reporter.note("another program is fetching it: waiting");
            reporter.at(place.part_bytes());
        };
        let held = match lock::acquire(&place.lock, &cancel, waiting).await {
            Ok(Some(held)) => held,
            Ok(None) => return PullOutcome::Stopped,
            Err(error) => {
                return failed(
                    "models folder",
                    format!("cannot lock {}: {error}", place.lock.display()),
                );
            }
        };
        let outcome = try_in_order(&sources, &job, permit).await;
        drop(held);
        outcome
    }
}

async fn try_in_order(sources: &[Box<dyn Source>], job: &Job<'_>, permit: Permit) -> PullOutcome {
    let mut tried = Vec::new();
    for source in sources {
        let label = source.label(job.surroundings);
        if let Some(why) = forbidden(source.as_ref(), job.entry, permit) {
            tried.push((label, why));
            continue;
        }
        if job.cancel.is_cancelled() {
            return PullOutcome::Stopped;
        }
        job.reporter.begin(&label);
        match source.fetch(job).await {
            Ok(path) => return PullOutcome::Ready { path },
            Err(Miss::Stopped) => return PullOutcome::Stopped,
            Err(Miss::Here(why)) => {
                if source.is_remote() {
                    job.reporter.note(format!("{label}: {why}"));
                }
                tried.push((label, why));
            }
            Err(Miss::Everywhere(why)) => {
                tried.push((label, why));
                break;
            }
        }
    }
    PullOutcome::Failed { tried }
}

fn forbidden(source: &dyn Source, entry: &Entry, permit: Permit) -> Option<String> {
    if !source.is_remote() {
        return None;
    }
    if permit.local_only {
        return Some("\"local only\" is on".into());
    }
    if entry.consent && !permit.consent {
        let terms = entry.terms.as_deref().unwrap_or(&entry.license);
        return Some(format!(
            "needs your agreement to {} ({terms})",
            entry.license
        ));
    }
    None
}

fn failed(what: &str, why: String) -> PullOutcome {
    PullOutcome::Failed {
        tried: vec![(what.to_owned(), why)],
    }
}
