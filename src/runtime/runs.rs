//! Runs of jobs for the screen: lists them, follows their logs, hands over what a person asks, samples the machine.
//!
//! Everything here may wait for a disk and runs on a thread of its own; answers go through the inbox. Nothing happens unless
//! the state asks: it does so once a second while somebody looks or a run works.

use super::inbox::Inbox;
use super::parts::Parts;
use crate::app::effect::RunEffect;
use crate::app::jobs::RunEntry;
use crate::app::msg::{Msg, RunMsg};
use crate::domain::event::{Event, Kind};
use crate::domain::id::RunId;
use crate::domain::parameter::Value;
use crate::domain::run::{RunControl, RunState};
use crate::domain::spec::Spec;
use crate::job::launch;
use crate::job::supervisor::Supervisor;
use crate::job::{HIDDEN, cards, settle};
use crate::machine::Sampler;
use crate::store::run::{Follower, RunFolder, control};
use crate::store::spec_file::{self, MachineSpec, RunSpec};
use crate::store::{preset, write};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the screen knows of runs, outside its state.
pub struct Runs {
    parts: Arc<Parts>,
    inbox: Arc<Inbox>,
    supervisor: Supervisor,
    /// How far each log that is shown was read.
    followed: Mutex<BTreeMap<RunId, Follower>>,
    sampler: Mutex<Option<Sampler>>,
}

impl Runs {
    #[must_use]
    pub fn new(parts: Arc<Parts>, inbox: Arc<Inbox>) -> Runs {
        Runs {
            supervisor: supervisor(&parts),
            parts,
            inbox,
            followed: Mutex::default(),
            sampler: Mutex::default(),
        }
    }

    /// Does one thing; may wait for a disk.
    pub fn perform(&self, effect: RunEffect) {
        match effect {
            RunEffect::Kinds => self.kinds(),
            RunEffect::List => self.list(),
            RunEffect::Follow(runs) => self.follow(&runs),
            RunEffect::Start(spec) => self.start(&spec),
            RunEffect::Control(run, wish) => {
                let done = self.control(&run, wish);
                self.told(done);
            }
            RunEffect::Remove(run) => {
                let done = self.folder(&run).remove();
                self.told(done.map_err(|error| error.to_string()));
                self.list();
            }
            RunEffect::ExportCsv(run) => self.export(&run),
            RunEffect::Sample => self.sample(),
            RunEffect::OpenPreset(path) => match preset::load_file(&path) {
                Ok(preset) => self.answer(RunMsg::PresetMade(Box::new(preset))),
                Err(problem) => self.told(Err(problem.to_string())),
            },
        }
    }

    fn folder(&self, run: &RunId) -> RunFolder {
        RunFolder::of(&self.parts.paths, run)
    }

    fn answer(&self, msg: RunMsg) {
        self.inbox.answer(Msg::Run(msg));
    }

    fn told(&self, done: Result<(), String>) {
        if let Err(text) = done {
            self.inbox.answer(Msg::Notice {
                text,
                is_error: true,
            });
        }
    }

    fn kinds(&self) {
        let cards = cards();
        let presets = spec_file::presets(&self.parts.paths, &cards);
        let offered = cards.into_iter();
        let cards = offered.filter(|card| !HIDDEN.contains(&card.kind.as_str()));
        self.answer(RunMsg::Kinds {
            cards: cards.collect(),
            presets,
        });
    }

    fn list(&self) {
        let runs = settle::list(&self.parts.paths, self.parts.clock.as_ref());
        // A place may have become free while nobody looked.
        if runs.iter().any(|run| run.state == RunState::Queued) {
            self.supervisor.look();
        }
        let entries = runs.into_iter().map(|summary| RunEntry {
            folder: self.folder(&summary.id).root,
            summary,
        });
        self.answer(RunMsg::Listed(entries.collect()));
    }

    fn follow(&self, runs: &[RunId]) {
        let mut followed = lock(&self.followed);
        followed.retain(|run, _| runs.contains(run));
        for run in runs {
            let mut is_first = !followed.contains_key(run);
            let folder = self.folder(run);
            let log = followed.entry(run.clone());
            let log = log.or_insert_with(|| Follower::new(folder.events()));
            loop {
                let events = log.read().unwrap_or_default();
                if events.is_empty() && !is_first {
                    break;
                }
                let begun = is_first.then(|| values(&folder));
                is_first = false;
                self.answer(RunMsg::Read {
                    run: run.clone(),
                    events,
                    begun,
                });
            }
        }
    }

    fn start(&self, spec: &Spec) {
        let clock = self.parts.clock.as_ref();
        let made = launch::create(&self.parts.paths, clock, spec, &MachineSpec::default());
        match made {
            Ok(folder) => {
                self.supervisor.look();
                self.answer(RunMsg::Started(Ok(folder.id)));
            }
            Err(error) => self.answer(RunMsg::Started(Err(error.to_string()))),
        }
    }

    fn control(&self, run: &RunId, wish: RunControl) -> Result<(), String> {
        let folder = self.folder(run);
        let clock = self.parts.clock.as_ref();
        let state = settle::summary(&folder, clock).state;
        let again = match (state, wish) {
            (state, RunControl::Resume) if state.is_over() => Some(None),
            (state, RunControl::Finish) if state.is_over() => Some(Some(wish)),
            _ => None,
        };
        match again {
            Some(wish) => {
                launch::requeue(&folder, clock, wish).map_err(|error| error.to_string())?;
                self.supervisor.look();
                Ok(())
            }
            None if state == RunState::Queued && wish == RunControl::Stop => {
                launch::withdraw(&folder, clock).map_err(|error| error.to_string())
            }
            None => control::ask(&folder, wish).map_err(|error| error.to_string()),
        }
    }

    fn sample(&self) {
        let mut sampler = lock(&self.sampler);
        let runs = self.parts.paths.data.clone();
        let sampler = sampler.get_or_insert_with(|| Sampler::new().with_disk_of(runs));
        let reading = sampler.sample(self.parts.clock.now());
        self.answer(RunMsg::Sampled(reading));
    }

    fn export(&self, run: &RunId) {
        let mut log = Follower::new(self.folder(run).events());
        let mut text = String::from("series,x,y,at\n");
        while let Ok(events) = log.read()
            && !events.is_empty()
        {
            events.iter().for_each(|event| csv_line(&mut text, event));
        }
        let file = PathBuf::from(format!("synod-run-{}.csv", run.0));
        let done = write::atomically(&file, text.as_bytes());
        match done {
            Ok(()) => self.inbox.answer(Msg::Notice {
                text: format!("curves written to {}", file.display()),
                is_error: false,
            }),
            Err(error) => self.told(Err(error.to_string())),
        }
    }
}

/// Starts runs by this program, with the same data folder.
fn supervisor(parts: &Parts) -> Supervisor {
    let mut flags = Vec::new();
    if let Some(root) = &parts.root {
        // The process works in its run's folder.
        let root = std::path::absolute(root).unwrap_or_else(|_| root.clone());
        flags.extend([OsString::from("--data-dir"), root.into_os_string()]);
    }
    Supervisor {
        paths: parts.paths.clone(),
        clock: Arc::clone(&parts.clock),
        // Where the program's own file is not told, the system finds it by its name.
        program: std::env::current_exe().unwrap_or_else(|_| env!("CARGO_PKG_NAME").into()),
        flags,
        slots: parts.settings.job_slots,
    }
}

/// What a run was started with; nothing where the file cannot be read.
fn values(folder: &RunFolder) -> BTreeMap<String, Value> {
    let spec = RunSpec::read(&folder.spec());
    spec.map_or_else(|_| BTreeMap::new(), |spec| spec.parameters)
}

fn csv_line(text: &mut String, event: &Event) {
    if let Kind::Metric { series, x, y } = &event.kind {
        let name = series.replace('"', "\"\"");
        text.push_str(&format!("\"{name}\",{x},{y},{}\n", event.at));
    }
}

// Whoever panicked while it held a lock has at most left out its own answer.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
