//! What people ask of runs, from the screen or the command line.

use super::launch::{self, LaunchError};
use super::settle;
use super::supervisor::Supervisor;
use crate::domain::run::{RunControl, RunState};
use crate::domain::spec::Spec;
use crate::store::run::{RunFolder, control};
use crate::store::spec_file::MachineSpec;
use std::thread;
use std::time::Duration;

/// How often a process that has told its end is looked for, before it counts as staying.
const LEAVING: u32 = 100;

/// Makes a run and starts it as soon as a slot is free.
///
/// # Errors
/// With all that is wrong with the spec; or when the disk refuses.
pub fn start(
    supervisor: &Supervisor,
    spec: &Spec,
    machine: &MachineSpec,
) -> Result<RunFolder, LaunchError> {
    let clock = supervisor.clock.as_ref();
    let folder = launch::create(&supervisor.paths, clock, spec, machine)?;
    supervisor.look();
    Ok(folder)
}

/// Passes a wish on to a run: to its process if there is one, to the queue otherwise. Its log tells what comes of it.
///
/// # Errors
/// When the run's state does not allow it; or when the disk refuses.
pub fn ask(
    supervisor: &Supervisor,
    folder: &RunFolder,
    wish: RunControl,
) -> Result<(), LaunchError> {
    let clock = supervisor.clock.as_ref();
    let state = settle::summary(folder, clock).state;
    for _ in 0..LEAVING {
        // Its process has told its end and is about to leave.
        if !(state.is_over() && folder.is_held()) {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let refuse = |why: &str| {
        let id = &folder.id.0;
        Err(LaunchError::State(format!("run {id} {why}")))
    };
    if folder.is_held() {
        return Ok(control::ask(folder, wish)?);
    }
    match (wish, state) {
        (_, RunState::Done) => refuse("is done; nothing can be asked of it"),
        (RunControl::Pause, RunState::Queued) => {
            refuse("waits in the queue; \"stop\" takes it out")
        }
        (RunControl::Stop, RunState::Queued) => launch::withdraw(folder, clock),
        (RunControl::Pause | RunControl::Stop, _) => refuse(&format!("is {state} already")),
        (RunControl::Resume, _) => {
            launch::requeue(folder, clock, None)?;
            supervisor.look();
            Ok(())
        }
        (RunControl::Finish, _) => {
            launch::requeue(folder, clock, Some(RunControl::Finish))?;
            supervisor.look();
            Ok(())
        }
    }
}
