//! How far a download is: bytes, rate, time to go. Reports at most ten times a second.

use crate::domain::clock::{Clock, Millis};
use crate::domain::model::{Pull, PullStage};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Shortest time between two reports that differ in numbers only.
const REPORT_EVERY: Millis = 100;
/// Rates are means over this time.
const RATE_OVER: Millis = 10_000;

/// Who is told how a download goes.
pub type Listener<'a> = &'a (dyn Fn(Pull) + Send + Sync);

/// Collects what happens to one download and tells its listener.
pub struct Reporter<'a> {
    listener: Listener<'a>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    pull: Pull,
    meter: Meter,
    reported: Option<Millis>,
}

impl<'a> Reporter<'a> {
    #[must_use]
    pub fn new(model: &str, total: u64, listener: Listener<'a>, clock: Arc<dyn Clock>) -> Self {
        let pull = Pull {
            model: model.to_owned(),
            source: String::new(),
            done: 0,
            total,
            bytes_per_second: 0,
            remaining: None,
            stage: PullStage::Connecting,
            notes: Vec::new(),
        };
        let state = State {
            pull,
            meter: Meter::default(),
            reported: None,
        };
        Self {
            listener,
            clock,
            state: Mutex::new(state),
        }
    }

    /// Another source is tried.
    pub fn begin(&self, source: &str) {
        let mut state = self.lock();
        state.pull.source = source.to_owned();
        state.pull.done = 0;
        self.stage_in(&mut state, PullStage::Connecting);
    }

    /// A line worth keeping.
    pub fn note(&self, line: impl Into<String>) {
        let line = line.into();
        let mut state = self.lock();
        if state.pull.notes.last() != Some(&line) {
            state.pull.notes.push(line);
            self.report(&mut state);
        }
    }

    /// A new stage at `done` of `total` bytes; the rate begins anew, so that bytes from before do not inflate it.
    pub fn stage(&self, stage: PullStage, done: u64, total: u64) {
        let mut state = self.lock();
        state.pull.done = done;
        state.pull.total = total;
        self.stage_in(&mut state, stage);
    }

    /// So many bytes are done now, counted from the beginning of the file.
    pub fn at(&self, done: u64) {
        let now = self.clock.now();
        let mut state = self.lock();
        let gained = done.saturating_sub(state.pull.done);
        state.pull.done = done;
        state.meter.add(now, gained);
        let rate = state.meter.rate(now);
        state.pull.bytes_per_second = rate;
        let missing = state.pull.total.saturating_sub(done);
        state.pull.remaining =
            (rate > 0 && state.pull.total > 0).then(|| missing.saturating_mul(1000) / rate);
        let is_due = state
            .reported
            .is_none_or(|last| now.saturating_sub(last) >= REPORT_EVERY);
        if is_due || missing == 0 {
            self.report(&mut state);
        }
    }

    /// Waits for work on another thread and reports `base + done` meanwhile.
    pub async fn follow<T>(&self, base: u64, done: &AtomicU64, work: JoinHandle<T>) -> Option<T> {
        let mut work = work;
        loop {
            tokio::select! {
                result = &mut work => {
                    self.at(base + done.load(Ordering::Relaxed));
                    return result.ok();
                }
                () = tokio::time::sleep(Duration::from_millis(REPORT_EVERY)) => {
                    self.at(base + done.load(Ordering::Relaxed));
                }
            }
        }
    }

    fn stage_in(&self, state: &mut State, stage: PullStage) {
        state.pull.stage = stage;
        state.pull.bytes_per_second = 0;
        state.pull.remaining = None;
        state.meter = Meter::default();
        state.meter.add(self.clock.now(), 0);
        self.report(state);
    }

    fn report(&self, state: &mut State) {
        state.reported = Some(self.clock.now());
        (self.listener)(state.pull.clone());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A moving mean of bytes per second.
#[derive(Debug, Default)]
struct Meter {
    samples: VecDeque<(Millis, u64)>,
}

impl Meter {
    fn add(&mut self, now: Millis, bytes: u64) {
        self.samples.push_back((now, bytes));
        while self
            .samples
            .front()
            .is_some_and(|(then, _)| now.saturating_sub(*then) > RATE_OVER)
        {
            self.samples.pop_front();
        }
    }

    /// 0 until a tenth of a second has passed.
    fn rate(&self, now: Millis) -> u64 {
        let Some((first, _)) = self.samples.front() else {
            return 0;
        };
        let elapsed = now.saturating_sub(*first);
        if elapsed < 100 {
            return 0;
        }
        // The first sample opens the interval; its bytes came before it.
        let bytes: u64 = self.samples.iter().skip(1).map(|(_, bytes)| bytes).sum();
        bytes.saturating_mul(1000) / elapsed
    }
}

/// Bytes as people read them, in powers of ten: `98.4 MB`.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    if unit == "B" || value >= 99.95 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Manual;

    #[test]
    fn a_resumed_part_does_not_inflate_the_rate() {
        let clock = Arc::new(Manual::at(1000));
        let last: Mutex<Option<Pull>> = Mutex::new(None);
        let listener = |pull: Pull| *last.lock().unwrap() = Some(pull);
        let reporter = Reporter::new("m", 1_000_000, &listener, clock.clone());
        reporter.stage(PullStage::Transferring, 400_000, 1_000_000);
        clock.advance(2000);
        reporter.at(500_000);
        let pull = last.lock().unwrap().clone().unwrap();
        assert_eq!(pull.bytes_per_second, 50_000);
        assert_eq!(pull.remaining, Some(10_000));
    }

    #[test]
    fn the_rate_forgets_what_is_older_than_ten_seconds() {
        let mut meter = Meter::default();
        meter.add(0, 0);
        meter.add(1000, 1_000_000);
        meter.add(11_500, 0);
        meter.add(12_500, 100_000);
        assert_eq!(meter.rate(12_500), 100_000);
    }

    #[test]
    fn bytes_are_shown_in_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (98_362_432, "98.4 MB"),
            (260_000_000, "260 MB"),
            (5_030_000_000, "5.0 GB"),
        ] {
            assert_eq!(human_bytes(bytes), text);
        }
    }
}
