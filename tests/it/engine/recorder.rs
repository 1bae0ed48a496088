//! A batch on the tiny model, driven step by step, and a listener that writes down what it hears.

use crate::support::tiny_model::{self, Stored};
use std::sync::{Arc, Mutex};
use synod::domain::cancel::Cancel;
use synod::domain::fault::Fault;
use synod::domain::request::Sampling;
use synod::domain::score::{Continuation, Logprobs, Score};
use synod::lm::engine::Options;
use synod::lm::engine::ask::{Ask, Done, Listener, Prompt, Task};
use synod::lm::engine::batch::Batch;
use synod::lm::engine::stats::{EngineStats, Stats};
use synod::lm::model::Model;

pub fn model(stored: Stored) -> Model {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    tiny_model::write(&path, stored);
    Model::open(&path).unwrap()
}

pub fn options() -> Options {
    Options {
        threads: 1,
        cache_mib: 8,
        ..Options::default()
    }
}

/// A batch and its counters.
pub struct Bench {
    pub batch: Batch,
    stats: Arc<Stats>,
}

impl Bench {
    pub fn new(options: &Options) -> Self {
        Self::on(Stored::F32, options)
    }

    pub fn on(stored: Stored, options: &Options) -> Self {
        let stats = Arc::new(Stats::default());
        let batch = Batch::new(model(stored), options, Arc::clone(&stats)).unwrap();
        Self { batch, stats }
    }

    pub fn ask(&mut self, prompt: &[u32], sampling: Sampling) -> Heard {
        let heard = Heard::default();
        self.batch.join(heard.ask(prompt, sampling));
        heard
    }

    /// Asks for the scores of continuations.
    pub fn score(&mut self, prompt: Prompt, continuations: Vec<Continuation>) -> Heard {
        let heard = Heard::default();
        self.batch.join(Ask {
            adapter: None,
            prompt,
            task: Task::Score(continuations),
            cancel: heard.cancel.clone(),
            listener: Box::new(heard.clone()),
        });
        heard
    }

    pub fn run(&mut self) {
        while self.batch.step() {}
    }

    /// The answer of a prompt with nobody else there.
    pub fn alone(&mut self, prompt: &[u32], sampling: Sampling) -> Vec<u32> {
        let heard = self.ask(prompt, sampling);
        self.run();
        heard.tokens()
    }

    pub fn stats(&self) -> EngineStats {
        self.stats.snapshot()
    }
}

/// What a listener heard.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    pub cancel: Cancel,
    log: Arc<Mutex<Log>>,
}

#[derive(Debug, Default)]
struct Log {
    tokens: Vec<u32>,
    texts: Vec<String>,
    prefills: Vec<(usize, usize)>,
    queued: Vec<String>,
    notes: Vec<String>,
    logprobs: Vec<Logprobs>,
    scores: Vec<Score>,
    ends: Vec<Result<Done, Fault>>,
    is_gone: bool,
    cancel_at: Option<usize>,
}

impl Heard {
    pub fn ask(&self, prompt: &[u32], sampling: Sampling) -> Ask {
        Ask {
            adapter: None,
            prompt: Prompt::Tokens(prompt.to_vec()),
            task: Task::Generate(sampling),
            cancel: self.cancel.clone(),
            listener: Box::new(self.clone()),
        }
    }

    pub fn tokens(&self) -> Vec<u32> {
        self.log.lock().unwrap().tokens.clone()
    }

    pub fn text(&self) -> String {
        self.log.lock().unwrap().texts.concat()
    }

    pub fn prefills(&self) -> Vec<(usize, usize)> {
        self.log.lock().unwrap().prefills.clone()
    }

    pub fn queued(&self) -> usize {
        self.log.lock().unwrap().queued.len()
    }

    /// Why it had to wait.
    pub fn waits(&self) -> Vec<String> {
        self.log.lock().unwrap().queued.clone()
    }

    pub fn notes(&self) -> Vec<String> {
        self.log.lock().unwrap().notes.clone()
    }

    pub fn logprobs(&self) -> Vec<Logprobs> {
        self.log.lock().unwrap().logprobs.clone()
    }

    pub fn scores(&self) -> Vec<Score> {
        self.log.lock().unwrap().scores.clone()
    }

    pub fn has_ended(&self) -> bool {
        !self.log.lock().unwrap().ends.is_empty()
    }

    /// The end, which must have come exactly once.
    pub fn end(&self) -> Result<Done, Fault> {
        let log = self.log.lock().unwrap();
        assert_eq!(log.ends.len(), 1, "ends: {:?}", log.ends);
        log.ends[0].clone()
    }

    pub fn leave(&self) {
        self.log.lock().unwrap().is_gone = true;
    }

    /// Raises the cancel flag while this many tokens have come.
    pub fn cancel_at(&self, tokens: usize) {
        self.log.lock().unwrap().cancel_at = Some(tokens);
    }
}

impl Listener for Heard {
    fn queued(&mut self, why: &str) {
        self.log.lock().unwrap().queued.push(why.to_owned());
    }

    fn note(&mut self, text: &str) {
        self.log.lock().unwrap().notes.push(text.to_owned());
    }

    fn logprobs(&mut self, logprobs: Logprobs) {
        self.log.lock().unwrap().logprobs.push(logprobs);
    }

    fn scored(&mut self, scores: Vec<Score>) {
        self.log.lock().unwrap().scores.extend(scores);
    }

    fn prefill(&mut self, done: usize, total: usize) {
        self.log.lock().unwrap().prefills.push((done, total));
    }

    fn token(&mut self, token: u32) {
        let mut log = self.log.lock().unwrap();
        assert!(log.ends.is_empty(), "a token after the end");
        log.tokens.push(token);
        if log.cancel_at == Some(log.tokens.len()) {
            self.cancel.cancel();
        }
    }

    fn text(&mut self, text: &str) {
        self.log.lock().unwrap().texts.push(text.to_owned());
    }

    fn end(&mut self, result: Result<Done, Fault>) {
        self.log.lock().unwrap().ends.push(result);
    }

    fn is_gone(&self) -> bool {
        self.log.lock().unwrap().is_gone
    }
}

/// A prompt of the tiny model's tokens, different for each seed.
pub fn prompt(seed: u32, length: u32) -> Vec<u32> {
    (0..length)
        .map(|i| 3 + (seed * 101 + i * 37 + i * i * seed) % 256)
        .collect()
}

pub fn greedy(max_tokens: u32) -> Sampling {
    Sampling {
        temperature: Some(0.0),
        max_tokens: Some(max_tokens),
        ..Sampling::default()
    }
}

pub fn seeded(seed: u64, max_tokens: u32) -> Sampling {
    Sampling {
        temperature: Some(1.0),
        seed: Some(seed),
        max_tokens: Some(max_tokens),
        ..Sampling::default()
    }
}
