//! The process of one run: takes a slot and the run, works, and looks at the queue when it ends.
//!
//! It has a session of its own, so closing the terminal reaches it not; signals to end it mean: checkpoint and stop.

use super::context::{JobContext, Surroundings};
use super::runner::{self, End};
use super::supervisor::{Supervisor, device};
use super::switch::{Ending, Switch};
use super::telemetry::Pace;
use super::{find, launch};
use crate::domain::event::{Event, Level};
use crate::domain::id::RunId;
use crate::domain::run::{RunState, RunSummary};
use crate::machine::memory::memory_kills;
use crate::machine::{Sampler, boot};
use crate::store::error::StoreError;
use crate::store::run::lease::Slots;
use crate::store::run::process::{self, Process};
use crate::store::run::{RunFolder, RunLog, control};
use crate::store::settings::Settings;
use crate::store::spec_file::RunSpec;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How often the listener looks for wishes, signals and the time of a reading.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often a lock is tried before it counts as taken.
const TRIES: u32 = 5;

/// Works on a run that is queued. None when there was nothing to do here: no free slot, or another process has it.
///
/// # Errors
/// When the run's folder cannot be read or written.
pub fn work(
    supervisor: &Supervisor,
    settings: &Settings,
    id: &RunId,
) -> Result<Option<End>, StoreError> {
    leave_terminal();
    let folder = RunFolder::of(&supervisor.paths, id);
    let slots = Slots::new(&supervisor.paths, &device(&folder), supervisor.slots);
    let Some(lease) = patiently(|| slots.take())? else {
        return Ok(None);
    };
    let Some((log, events)) = patiently(|| open(&folder))? else {
        return Ok(None);
    };
    let mut summary = RunSummary::new(id.clone());
    events.iter().for_each(|event| summary.fold(event));
    if summary.state != RunState::Queued {
        return Ok(None);
    }
    let end = run(supervisor, settings, log)?;
    drop(lease);
    // A run that waited for this slot.
    supervisor.look();
    Ok(Some(end))
}

fn open(folder: &RunFolder) -> Result<Option<(RunLog, Vec<Event>)>, StoreError> {
    match RunLog::open(folder) {
        Ok(opened) => Ok(Some(opened)),
        Err(StoreError::Locked { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Others take locks for a moment to see whether they are free; what stays taken is taken.
fn patiently<T>(
    mut take: impl FnMut() -> Result<Option<T>, StoreError>,
) -> Result<Option<T>, StoreError> {
    for _ in 0..TRIES {
        if let Some(taken) = take()? {
            return Ok(Some(taken));
        }
        thread::sleep(LOOK_EVERY);
    }
    take()
}

fn run(supervisor: &Supervisor, settings: &Settings, mut log: RunLog) -> Result<End, StoreError> {
    let folder = log.folder().clone();
    let noted = Process {
        id: std::process::id(),
        boot: boot(),
        memory_kills: memory_kills(),
    };
    process::note(&folder, &noted)?;
    let file = RunSpec::read(&folder.spec())?;
    let spec = file.spec();
    let Some(job) = find(&spec.kind).filter(|job| job.format() == file.format) else {
        let why = format!(
            "this program does not know jobs of kind {}, format {}; use the one that made the run (version {})",
            spec.kind, file.format, file.program
        );
        let now = supervisor.clock.now();
        log.append(now, launch::state(RunState::Failed, Some(why)))?;
        return Ok(End {
            state: RunState::Failed,
            class: Some(crate::domain::fault::FaultClass::BadData),
        });
    };
    let switch = Arc::new(Switch::default());
    let surroundings = surroundings(supervisor, settings, &file);
    let context = JobContext::new(log, job.format(), Arc::clone(&switch), surroundings);
    let is_over = AtomicBool::new(false);
    let signals = Signals::listen();
    let end = thread::scope(|scope| {
        scope.spawn(|| listen(&context, &folder, &switch, &signals, &is_over));
        let end = runner::run(job.as_ref(), &spec, &context);
        is_over.store(true, Ordering::Release);
        end
    });
    control::clear(&folder);
    Ok(end)
}

fn surroundings(supervisor: &Supervisor, settings: &Settings, file: &RunSpec) -> Surroundings {
    let threads = match (file.machine.threads, settings.threads) {
        (0, 0) => thread::available_parallelism().map_or(1, usize::from),
        (0, threads) | (threads, _) => threads,
    };
    Surroundings {
        paths: supervisor.paths.clone(),
        clock: Arc::clone(&supervisor.clock),
        threads,
        device: match file.machine.device.as_str() {
            "" => settings.device.to_string(),
            device => device.to_owned(),
        },
        local_only: settings.local_only || file.machine.local_only,
        model_paths: settings.model_paths.clone(),
    }
}

/// Until the run is over: obeys wishes and signals, samples the machine.
fn listen(
    context: &JobContext,
    folder: &RunFolder,
    switch: &Switch,
    signals: &Signals,
    is_over: &AtomicBool,
) {
    let mut sampler = Sampler::new().with_disk_of(folder.root.clone());
    let mut pace = Pace::new(context.now());
    let mut last = None;
    while !is_over.load(Ordering::Acquire) {
        let asked = control::asked(folder);
        if asked != last {
            if let Some(wish) = asked {
                switch.turn(wish);
            }
            last = asked;
        }
        if signals.is_raised() && switch.ending().is_none() {
            context.note(Level::Info, "the system asked the process to end");
            switch.end(Ending::Interrupt);
        }
        if !switch.is_paused() && pace.is_due(context.now()) {
            context.sampled(sampler.sample(context.now()));
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Signals that ask a process to end.
struct Signals {
    raised: Arc<AtomicBool>,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> Signals {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let raised = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            // Without a handler the signal ends the process, and the run goes on from its last checkpoint.
            let _ = signal_hook::flag::register(signal, Arc::clone(&raised));
        }
        Signals { raised }
    }

    #[cfg(not(unix))]
    fn listen() -> Signals {
        Signals {
            raised: Arc::new(AtomicBool::new(false)),
        }
    }

    fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Acquire)
    }
}

/// A session of its own has no terminal that could be closed.
fn leave_terminal() {
    #[cfg(unix)]
    {
        // Refused when it leads a group already: then a shell gave it one.
        let _ = rustix::process::setsid();
    }
}
