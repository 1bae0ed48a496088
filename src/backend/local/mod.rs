//! The engine in this process as a backend: one engine for each model in use.
//!
//! A model is found and loaded by the first request for it, on its engine's thread, and stays until another needs its
//! memory. Text is made safe for terminals here, and reasoning between `<think>` tags is told apart from the answer.

mod answer;
mod residents;
mod scorer;
mod shelf;
mod thoughts;

use self::answer::Answer;
use self::residents::{Need, Residents, Visit};
use self::scorer::Scorer;
use self::shelf::Shelf;
use super::{Backend, Scores, Tokens};
use crate::domain::cancel::Cancel;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::request::{AdapterRef, Request};
use crate::domain::score::{Prompt, ScoreRequest};
use crate::lm::engine::ask::{Ask, Listener, Task};
use crate::lm::engine::stats::EngineStats;
use crate::lm::engine::{Engine, Loader, Options};
use crate::lm::model::{Model, Opening};
use std::path::PathBuf;
use std::sync::Arc;

/// Finds a model's file by its name; called on the engine's thread.
pub type Resolve = dyn Fn(&str) -> Result<PathBuf, Fault> + Send + Sync;

/// How the engines use the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalOptions {
    /// Threads that compute; 0 is one for each processor.
    pub threads: usize,
    /// Memory for keys and values of each model, in MiB.
    pub cache_mib: usize,
    /// Most tokens of a conversation; the model's own limit when absent or larger.
    pub context: Option<usize>,
    /// Most bytes that all models together may take, each with its file and its cache: a part of the machine's memory. No
    /// limit when absent.
    pub memory: Option<u64>,
}

impl Default for LocalOptions {
    fn default() -> Self {
        let options = Options::default();
        Self {
            threads: options.threads,
            cache_mib: options.cache_mib,
            context: options.context,
            memory: None,
        }
    }
}

/// Serves every model on this machine.
pub struct Local {
    resolve: Arc<Resolve>,
    options: Options,
    residents: Arc<Residents>,
    shelf: Arc<Shelf>,
}

impl Local {
    #[must_use]
    pub fn new(resolve: Arc<Resolve>, options: LocalOptions) -> Self {
        Self {
            resolve,
            options: Options {
                threads: options.threads,
                cache_mib: options.cache_mib,
                context: options.context,
                ..Options::default()
            },
            residents: Arc::new(Residents::new(options.memory)),
            shelf: Arc::default(),
        }
    }

    /// Loads a model ahead of its first request. A failure is reported by that request.
    pub fn warm(&self, model: &str) {
        if let Ok(visit) = self.visit(model) {
            visit.engine().warm();
        }
    }

    /// What a model's engine computed so far; zeros when it was never asked.
    #[must_use]
    pub fn stats(&self, model: &str) -> EngineStats {
        let resident = self.residents.find(model);
        resident.map(|r| r.engine.stats()).unwrap_or_default()
    }

    fn visit(&self, model: &str) -> Result<Visit, Fault> {
        self.residents.visit(model, || {
            Engine::start(model, self.loader(model), self.options.clone())
        })
    }

    fn loader(&self, model: &str) -> Loader {
        let (resolve, name) = (Arc::clone(&self.resolve), model.to_owned());
        let cache = (self.options.cache_mib as u64) << 20;
        let opening = Opening {
            context: self.options.context,
            ..Opening::default()
        };
        // The residents own the engine that owns this.
        let residents = Arc::downgrade(&self.residents);
        Box::new(move || {
            let path = resolve(&name)?;
            let residents = residents.upgrade().ok_or_else(Fault::cancelled)?;
            let file = residents::size_on_disk(&path);
            residents.make_room(&name, Need { file, cache })?;
            Model::open_with(&path, opening).inspect_err(|_| residents.left(&name))
        })
    }

    /// Hands a request to the model's engine; `listener` is made for the visit.
    fn submit(
        &self,
        model: &str,
        adapters: Vec<AdapterRef>,
        (prompt, task): (Prompt, Task),
        cancel: Cancel,
        listener: impl FnOnce(Visit) -> Box<dyn Listener>,
    ) -> Result<(), Fault> {
        let visit = self.visit(model)?;
        let mut ask = Ask {
            prompt,
            task,
            adapter: self.shelf.maker(model, adapters),
            cancel,
            listener: listener(visit.clone()),
        };
        match visit.engine().submit(ask) {
            Ok(()) => return Ok(()),
            Err(refused) => ask = *refused,
        }
        // An engine whose thread ended (a defect) is replaced once.
        self.residents.forget(model);
        let sent = self.visit(model)?.engine().submit(ask);
        sent.map_err(|_| {
            Fault::new(
                FaultClass::Resource,
                format!("the engine for \"{model}\" does not run"),
            )
        })
    }
}

impl Backend for Local {
    fn generate(&self, request: Request, cancel: Cancel) -> Tokens {
        let (sender, tokens) = Tokens::channel();
        let sent = self.submit(
            &request.model.model,
            request.adapters,
            (
                Prompt::Messages(request.messages),
                Task::Generate(request.sampling),
            ),
            cancel,
            |visit| Box::new(Answer::new(sender, visit)),
        );
        match sent {
            Ok(()) => tokens,
            Err(fault) => Tokens::failed(fault),
        }
    }

    fn score(&self, request: ScoreRequest, cancel: Cancel) -> Scores {
        let (sender, scores) = Scores::channel();
        let sent = self.submit(
            &request.model.model,
            request.adapters,
            (request.prompt, Task::Score(request.continuations)),
            cancel,
            |visit| Box::new(Scorer::new(sender, visit)),
        );
        match sent {
            Ok(()) => scores,
            Err(fault) => Scores::failed(fault),
        }
    }
}
