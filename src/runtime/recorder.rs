//! The session's log behind a thread of its own: whoever emits an event never waits for a disk.
//!
//! Deltas gather for a tenth of a second and become one line; every other fact is written as soon as it comes. A kill loses
//! at most that tenth of text.

use super::inbox::{Inbox, push_merged};
use crate::app::msg::Msg;
use crate::domain::clock::Clock;
use crate::domain::event::{Event, Kind, Source};
use crate::society::scope::Sink;
use crate::store::log::SessionLog;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long text may wait before it is written.
const GATHER: Duration = Duration::from_millis(100);

/// Writes one session's events, in order, and numbers them.
pub struct Recorder {
    shared: Arc<Shared>,
    next: AtomicU64,
    clock: Arc<dyn Clock>,
    inbox: Arc<Inbox>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    pending: Mutex<Pending>,
    filled: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct Pending {
    events: Vec<Event>,
    is_urgent: bool,
    is_closed: bool,
    is_writing: bool,
}

impl Recorder {
    /// Takes over a log; `next` is the sequence number of the next event.
    pub fn start(
        log: SessionLog,
        next: u64,
        clock: Arc<dyn Clock>,
        inbox: Arc<Inbox>,
    ) -> std::io::Result<Arc<Recorder>> {
        let shared = Arc::new(Shared::default());
        let (theirs, notices) = (Arc::clone(&shared), Arc::clone(&inbox));
        let writer = std::thread::Builder::new()
            .name("session log".into())
            .spawn(move || write_all(&theirs, log, &notices))?;
        let next = AtomicU64::new(next);
        Ok(Arc::new(Recorder {
            shared,
            next,
            clock,
            inbox,
            writer: Mutex::new(Some(writer)),
        }))
    }

    /// Numbers and keeps a fact; returns it as it stands in the log.
    pub fn record(&self, source: Source, kind: Kind) -> Event {
        let mut pending = self.shared.lock();
        // The number is drawn under the lock, so numbers and lines have the same order.
        let event = Event {
            source,
            seq: self.next.fetch_add(1, Ordering::Relaxed),
            at: self.clock.now(),
            kind,
        };
        pending.is_urgent |= !matches!(event.kind, Kind::Delta { .. });
        push_merged(&mut pending.events, event.clone());
        drop(pending);
        self.shared.filled.notify_one();
        event
    }

    /// Waits until everything recorded so far is on disk.
    pub fn flush(&self) {
        let mut pending = self.shared.lock();
        pending.is_urgent = true;
        self.shared.filled.notify_one();
        let busy = |pending: &mut Pending| !pending.events.is_empty() || pending.is_writing;
        drop(
            self.shared
                .written
                .wait_while(pending, busy)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Everything recorded so far is on disk when this returns. Later events are lost.
    pub fn close(&self) {
        self.shared.lock().is_closed = true;
        self.shared.filled.notify_one();
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            // A writer that panicked has nothing more to say.
            let _ = writer.join();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to write. The flag says that nothing will follow.
    fn take(&self) -> (Vec<Event>, bool) {
        let idle = |pending: &mut Pending| pending.events.is_empty() && !pending.is_closed;
        let pending = self
            .filled
            .wait_while(self.lock(), idle)
            .unwrap_or_else(PoisonError::into_inner);
        let calm = |pending: &mut Pending| !pending.is_urgent && !pending.is_closed;
        let (mut pending, _) = self
            .filled
            .wait_timeout_while(pending, GATHER, calm)
            .unwrap_or_else(PoisonError::into_inner);
        pending.is_urgent = false;
        pending.is_writing = true;
        (std::mem::take(&mut pending.events), pending.is_closed)
    }
}

fn write_all(shared: &Shared, mut log: SessionLog, inbox: &Inbox) {
    let mut is_broken = false;
    loop {
        let (events, is_closed) = shared.take();
        match log.append(&events) {
            Ok(()) => is_broken = false,
            // Said once, not for every line: the conversation goes on, unsaved, until the disk takes writes again.
            Err(error) if !is_broken => {
                is_broken = true;
                inbox.answer(Msg::Notice {
                    text: format!("not saved: {error}"),
                    is_error: true,
                });
            }
            Err(_) => {}
        }
        shared.lock().is_writing = false;
        shared.written.notify_all();
        if is_closed {
            return;
        }
    }
}

/// A turn's sink: numbers, records and shows what its society emits.
pub struct TurnSink {
    pub recorder: Arc<Recorder>,
    pub source: Source,
}

impl Sink for TurnSink {
    fn emit(&self, kind: Kind) {
        let event = self.recorder.record(self.source.clone(), kind);
        self.recorder.inbox.event(event);
    }
}
