//! Signals as input: the first request to end is asked politely of the loop, the second ends the process with the terminal
//! restored; stop and continue go through the loop too. Blocks on one thread, so it costs nothing at rest.

use super::TermError;
use super::input::{Deliver, Input};
use super::session::Modes;
use std::sync::Arc;

/// Starts the thread that hands signals on.
#[cfg(unix)]
pub(super) fn listen(modes: Arc<Modes>, deliver: Deliver) -> Result<(), TermError> {
    use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
    use signal_hook::iterator::Signals;

    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGQUIT, SIGINT, SIGTSTP, SIGCONT])
        .map_err(TermError::Signals)?;
    let watch = move || {
        let mut was_asked = false;
        for signal in signals.forever() {
            match signal {
                // While another program has the terminal, its keys reach the whole group: they are meant for it. Only a
                // stop is for everybody, and the loop is waiting for that program.
                SIGINT | SIGQUIT if !modes.is_on() => {}
                SIGTSTP if !modes.is_on() => {
                    let _ = stop_self();
                }
                SIGTSTP => deliver(Input::Suspend),
                SIGCONT if modes.was_stopped_by_others() => deliver(Input::Continued),
                SIGCONT => {}
                _ if was_asked => {
                    modes.leave();
                    // Ends the process the way the signal would have without us; only a failure returns.
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                }
                _ => {
                    was_asked = true;
                    deliver(Input::Terminate { signal });
                }
            }
        }
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(watch)
        .map(drop)
        .map_err(|error| TermError::Thread("listens for signals", error))
}

/// There are no such signals here.
#[cfg(not(unix))]
pub(super) fn listen(_modes: Arc<Modes>, _deliver: Deliver) -> Result<(), TermError> {
    Ok(())
}

/// Stops this process until it is continued, as Ctrl+Z does in a shell.
#[cfg(unix)]
pub(super) fn stop_self() -> std::io::Result<()> {
    signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)
}

/// Processes cannot be stopped here.
#[cfg(not(unix))]
pub(super) fn stop_self() -> std::io::Result<()> {
    Ok(())
}
