//! The engine: one thread per model that serves all its requests together.
//!
//! Requests join and leave between steps; one forward pass serves all rows. With nothing to do the thread blocks. The model is
//! loaded by the first request (or a warm-up) on this thread, so nobody else ever waits for a disk, and unloaded when its
//! memory is asked back.

mod answer;
pub mod ask;
pub mod batch;
mod cut;
mod limits;
pub mod perplexity;
mod places;
mod prompt;
mod results;
mod row;
mod scoring;
mod shapes;
pub mod stats;
mod turnstile;

use self::ask::Ask;
use self::batch::Batch;
use self::stats::{EngineStats, Stats};
use super::model::Model;
use crate::domain::fault::{Fault, FaultClass};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

/// How an engine uses the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Threads that compute; 0 is one for each processor.
    pub threads: usize,
    /// Memory for keys and values, in MiB.
    pub cache_mib: usize,
    /// Most tokens of a sequence; the model's own limit when absent or larger.
    pub context: Option<usize>,
    /// Most prompt tokens computed in one pass, so that a long prompt does not stall the others.
    pub prefill_tokens: usize,
    /// Most requests served at once; further ones wait.
    pub rows: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 0,
            cache_mib: 1024,
            context: None,
            prefill_tokens: 64,
            rows: 64,
        }
    }
}

/// Opens the model, on the engine's thread.
pub type Loader = Box<dyn FnMut() -> Result<Model, Fault> + Send>;

enum Call {
    Ask(Box<Ask>),
    Warm,
    /// Gives the model's memory back; the answer is whether it did.
    Unload(Sender<bool>),
}

/// A running engine thread; it ends when this is dropped.
pub struct Engine {
    calls: Sender<Call>,
    stats: Arc<Stats>,
}

impl Engine {
    /// Starts the thread; the model is loaded when it is first needed.
    pub fn start(name: &str, loader: Loader, options: Options) -> Result<Self, Fault> {
        let (calls, receiver) = channel();
        let stats = Arc::new(Stats::default());
        let mut worker = Worker {
            loader,
            options,
            stats: Arc::clone(&stats),
            batch: None,
        };
        std::thread::Builder::new()
            .name(format!("engine {name}"))
            .spawn(move || worker.run(&receiver))
            .map_err(|e| {
                Fault::new(
                    FaultClass::Resource,
                    format!("starting the engine's thread for {name}: {e}"),
                )
            })?;
        Ok(Self { calls, stats })
    }

    /// Hands a request over and returns at once. Gives the request back when the thread is gone.
    pub fn submit(&self, ask: Ask) -> Result<(), Box<Ask>> {
        self.calls
            .send(Call::Ask(Box::new(ask)))
            .map_err(|refused| match refused.0 {
                Call::Ask(ask) => ask,
                Call::Warm | Call::Unload(_) => unreachable!("a request was sent"),
            })
    }

    /// Loads the model now, if it is not loaded yet. A failure is reported by the first request.
    pub fn warm(&self) {
        let _ = self.calls.send(Call::Warm);
    }

    /// Gives the model's memory back and waits until that is done; the next request loads it again. Returns false, and does
    /// nothing, while there are requests.
    #[must_use]
    pub fn unload(&self) -> bool {
        let (reply, answer) = channel();
        if self.calls.send(Call::Unload(reply)).is_err() {
            // The thread ended, and with it went its memory.
            return true;
        }
        answer.recv().unwrap_or(true)
    }

    /// What was computed so far.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        self.stats.snapshot()
    }
}

struct Worker {
    loader: Loader,
    options: Options,
    stats: Arc<Stats>,
    batch: Option<Batch>,
}

impl Worker {
    fn run(&mut self, calls: &Receiver<Call>) {
        let mut busy = false;
        loop {
            let call = if busy {
                match calls.try_recv() {
                    Ok(call) => Some(call),
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Disconnected) => return,
                }
            } else {
                match calls.recv() {
                    Ok(call) => Some(call),
                    Err(_) => return,
                }
            };
            match (call, &mut self.batch) {
                (Some(Call::Ask(ask)), _) => busy |= self.join(*ask),
                (Some(Call::Warm), _) => {
                    let _ = self.load();
                }
                (Some(Call::Unload(reply)), _) => {
                    if !busy {
                        self.batch = None;
                    }
                    let _ = reply.send(!busy);
                }
                (None, Some(batch)) => busy = batch.step(),
                (None, None) => busy = false,
            }
        }
    }

    /// Returns whether there is work now.
    fn join(&mut self, mut ask: Ask) -> bool {
        if self.batch.is_none() {
            ask.listener.loading();
        }
        match self.load() {
            Ok(batch) => {
                batch.join(ask);
                true
            }
            Err(fault) => {
                ask.listener.end(Err(fault));
                false
            }
        }
    }

    fn load(&mut self) -> Result<&mut Batch, Fault> {
        let batch = match self.batch.take() {
            Some(batch) => batch,
            None => Batch::new((self.loader)()?, &self.options, Arc::clone(&self.stats))?,
        };
        Ok(self.batch.insert(batch))
    }
}
