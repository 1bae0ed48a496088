//! `synod runs watch`: a line of progress that is drawn over, sentences as they come, and the run's end as the exit code.

use super::Desk;
use crate::cli::progress_line::{bar, duration, write};
use crate::domain::clock::{Clock, Millis, System};
use crate::domain::event::{Event, Kind, Level, Outcome};
use crate::domain::fault::FaultClass;
use crate::domain::run::{RunControl, RunState, RunSummary};
use crate::domain::text::{strip_controls, truncate};
use crate::job::settle;
use crate::runtime::headless::{BAD_DATA, DONE, FAILED, INTERRUPTED, OUT_OF_RESOURCE};
use crate::store::run::{Follower, RunFolder, control};
use crate::term::output;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Time between two looks whether the run's process still lives.
const CHECK_EVERY: Millis = 2000;
/// Time between two plain lines where nobody watches.
const LINE_EVERY: Millis = 10_000;

/// What Ctrl+C means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interrupts {
    /// Nothing to the run.
    Leave,
    /// Stop with a checkpoint; a second one leaves.
    Stop,
}

/// Follows a run to its end; the exit code says how it ended.
///
/// # Errors
/// When output cannot be written.
pub(super) fn watch(
    desk: &Desk,
    folder: &RunFolder,
    interrupts: Interrupts,
    is_json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<i32> {
    let pressed = count_interrupts();
    let mut log = Follower::new(folder.events());
    let mut told = Telling::new(folder, is_json);
    let mut obeyed = 0;
    let mut checked = System.now();
    loop {
        let events = log.read()?;
        for event in &events {
            told.take(event, out)?;
        }
        if events.is_empty() && told.summary.state.is_over() {
            return told.end(err);
        }
        told.line();
        let presses = pressed.load(Ordering::Acquire);
        if presses > obeyed {
            obeyed = presses;
            if interrupts == Interrupts::Leave || presses > 1 {
                told.clear();
                let id = &folder.id.0;
                writeln!(
                    err,
                    "run {id} goes on; \"synod runs watch {id}\" comes back to it"
                )?;
                return Ok(INTERRUPTED);
            }
            told.clear();
            writeln!(
                err,
                "stopping with a checkpoint; Ctrl+C again leaves at once"
            )?;
            // One that is still queued is taken out of the queue.
            let asked = crate::job::orders::ask(&desk.supervisor, folder, RunControl::Stop);
            if asked.is_err() {
                control::ask(folder, RunControl::Stop)?;
            }
        }
        let now = System.now();
        if events.is_empty() && now.saturating_sub(checked) >= CHECK_EVERY {
            checked = now;
            // Whoever looks writes down that a process is gone, and starts what waits.
            let state = settle::summary(folder, desk.supervisor.clock.as_ref()).state;
            if state == RunState::Queued {
                desk.supervisor.look();
            }
        }
        if events.is_empty() {
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// Counts Ctrl+C from now on, in place of ending this program.
fn count_interrupts() -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    #[cfg(unix)]
    {
        use signal_hook::consts::SIGINT;
        let counted = Arc::clone(&count);
        // Where no handler can be set, Ctrl+C ends this program and the run goes on.
        if let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT]) {
            thread::spawn(move || {
                for _ in &mut signals {
                    counted.fetch_add(1, Ordering::AcqRel);
                }
            });
        }
    }
    count
}

/// The exit code of a kind of failure.
pub(super) fn class_code(class: FaultClass) -> i32 {
    match class {
        FaultClass::BadData | FaultClass::ModelUnavailable => BAD_DATA,
        FaultClass::Resource => OUT_OF_RESOURCE,
        FaultClass::Cancelled => INTERRUPTED,
        _ => FAILED,
    }
}

/// What is shown of a run.
struct Telling {
    summary: RunSummary,
    id: String,
    class: Option<FaultClass>,
    is_json: bool,
    is_terminal: bool,
    columns: usize,
    is_drawn: bool,
    lined: Millis,
}

impl Telling {
    fn new(folder: &RunFolder, is_json: bool) -> Telling {
        Telling {
            summary: RunSummary::new(folder.id.clone()),
            id: folder.id.0.clone(),
            class: None,
            is_json,
            is_terminal: io::stderr().is_terminal(),
            columns: usize::from(output::size().0),
            is_drawn: false,
            lined: 0,
        }
    }

    fn take(&mut self, event: &Event, out: &mut dyn Write) -> anyhow::Result<()> {
        self.summary.fold(event);
        if self.is_json {
            serde_json::to_writer(&mut *out, event)?;
            writeln!(out)?;
        }
        match &event.kind {
            Kind::Finished {
                outcome: Outcome::Failed { fault },
            } => self.class = Some(fault.class),
            Kind::State { state, why } => {
                if *state == RunState::Queued {
                    self.class = None;
                }
                let why = why
                    .as_ref()
                    .map_or_else(String::new, |why| format!(": {why}"));
                self.say(&format!("{state}{why}"));
            }
            Kind::Note { level, text } => self.say(&match level {
                Level::Info => text.clone(),
                Level::Warning => format!("! {text}"),
                Level::Error => format!("!! {text}"),
            }),
            Kind::Made { product } => {
                self.say(&format!("made {}: {}", product.title, product.path))
            }
            _ => {}
        }
        Ok(())
    }

    /// A sentence that stays.
    fn say(&mut self, text: &str) {
        if !self.is_json {
            self.clear();
            write(&format!("{}\n", strip_controls(text)));
        }
    }

    /// The line of progress, where the run stands now.
    fn line(&mut self) {
        let now = System.now();
        if self.is_json || self.summary.state.is_over() {
            return;
        }
        if !self.is_terminal {
            let is_due = now.saturating_sub(self.lined) >= LINE_EVERY;
            if is_due && self.summary.done > 0 {
                self.lined = now;
                write(&format!("{}\n", progress(&self.summary, now, false)));
            }
            return;
        }
        let line = strip_controls(&progress(&self.summary, now, true));
        // A line that wraps could not be drawn over.
        let line = truncate(&line, self.columns.saturating_sub(1));
        write(&format!("\r{line}\x1b[K"));
        self.is_drawn = true;
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            write("\r\x1b[K");
        }
    }

    fn end(&mut self, err: &mut dyn Write) -> anyhow::Result<i32> {
        self.clear();
        let code = match self.summary.state {
            RunState::Done => DONE,
            RunState::Stopped => INTERRUPTED,
            _ => self.class.map_or(FAILED, class_code),
        };
        if !self.is_json && code != DONE {
            let id = &self.id;
            writeln!(err, "\"synod runs resume {id}\" goes on with it")?;
        }
        Ok(code)
    }
}

/// `running  ██████░░░░  42 of 100 steps  distance 3.2  2:05 left`.
pub(super) fn progress(run: &RunSummary, now: Millis, with_bar: bool) -> String {
    let mut parts = vec![run.state.to_string()];
    if run.total > 0 {
        if with_bar {
            parts.push(bar(run.done, run.total));
        }
        parts.push(format!("{} {} of {}", run.unit, run.done, run.total));
    } else if run.done > 0 {
        parts.push(format!("{} {}", run.unit, run.done));
    }
    if let Some(best) = &run.best
        && let Some((_, value)) = best.at
    {
        parts.push(format!("best {} {}", best.series, short(value)));
    }
    if let Some(left) = run.remaining(now).filter(|left| *left > 0) {
        parts.push(format!("{} left", duration(left)));
    }
    parts.join("  ")
}

/// Four digits that count.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-3..1e6).contains(&size) {
        let before = size.max(1.0).log10().floor();
        let decimals = (3.0 - before).clamp(0.0, 5.0) as usize;
        let decimals = if size < 1.0 { 4 } else { decimals };
        format!("{value:.decimals$}")
    } else {
        format!("{value:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let said = [0.0, 0.05231, 1.23456, 123.456, 45_678.9, 2e-7].map(short);
        assert_eq!(
            said,
            ["0.0000", "0.0523", "1.235", "123.5", "45679", "2.000e-7"]
        );
    }
}
