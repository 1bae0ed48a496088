//! The engine in this process as a backend: one engine for each model in use.
//!
//! A model is found and loaded by the first request for it, on its engine's thread, and stays. Text is made safe for
//! terminals here, and reasoning between `<think>` tags is told apart from the answer.

use super::{Backend, Completion, Piece, TokenSender, Tokens};
use crate::domain::cancel::Cancel;
use crate::domain::event::Progress;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::request::{Finish, Request};
use crate::domain::text::strip_controls;
use crate::lm::engine::ask::{Ask, Done, Listener, Prompt};
use crate::lm::engine::stats::EngineStats;
use crate::lm::engine::{Engine, Options};
use crate::lm::model::Model;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

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
}

impl Default for LocalOptions {
    fn default() -> Self {
        let options = Options::default();
        Self {
            threads: options.threads,
            cache_mib: options.cache_mib,
            context: options.context,
        }
    }
}

/// Serves every model on this machine.
pub struct Local {
    resolve: Arc<Resolve>,
    options: Options,
    engines: Mutex<BTreeMap<String, Arc<Engine>>>,
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
            engines: Mutex::default(),
        }
    }

    /// Loads a model ahead of its first request. A failure is reported by that request.
    pub fn warm(&self, model: &str) {
        if let Ok(engine) = self.engine(model) {
            engine.warm();
        }
    }

    /// What a model's engine computed so far; zeros when it was never asked.
    #[must_use]
    pub fn stats(&self, model: &str) -> EngineStats {
        let engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        engines.get(model).map(|e| e.stats()).unwrap_or_default()
    }

    fn engine(&self, model: &str) -> Result<Arc<Engine>, Fault> {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = engines.get(model) {
            return Ok(Arc::clone(engine));
        }
        let (resolve, name) = (Arc::clone(&self.resolve), model.to_owned());
        let loader = Box::new(move || Model::open(&resolve(&name)?));
        let engine = Arc::new(Engine::start(model, loader, self.options.clone())?);
        engines.insert(model.to_owned(), Arc::clone(&engine));
        Ok(engine)
    }

    fn forget(&self, model: &str) {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        engines.remove(model);
    }
}

impl Backend for Local {
    fn generate(&self, request: Request, cancel: Cancel) -> Tokens {
        let (sender, tokens) = Tokens::channel();
        let model = request.model.model;
        let mut ask = Ask {
            prompt: Prompt::Messages(request.messages),
            sampling: request.sampling,
            cancel,
            listener: Box::new(Answer::new(sender)),
        };
        // An engine whose thread ended (a defect) is replaced once.
        for _ in 0..2 {
            match self.engine(&model) {
                Ok(engine) => match engine.submit(ask) {
                    Ok(()) => return tokens,
                    Err(refused) => ask = *refused,
                },
                Err(fault) => return Tokens::failed(fault),
            }
            self.forget(&model);
        }
        Tokens::failed(Fault::new(
            FaultClass::Resource,
            format!("the engine for \"{model}\" does not run"),
        ))
    }
}

/// Turns what the engine says into pieces of a stream.
struct Answer {
    sender: TokenSender,
    thoughts: Thoughts,
    has_text: bool,
}

impl Answer {
    fn new(sender: TokenSender) -> Self {
        Self {
            sender,
            thoughts: Thoughts::Beginning(String::new()),
            has_text: false,
        }
    }

    fn send(&mut self, parts: Vec<(String, bool)>) {
        for (text, thinking) in parts {
            let text = strip_controls(&text);
            if text.is_empty() {
                continue;
            }
            self.has_text |= !thinking && !text.trim().is_empty();
            self.sender.send(Piece::Delta { text, thinking });
        }
    }
}

impl Listener for Answer {
    fn loading(&mut self) {
        self.sender.send(Piece::Progress(Progress::Loading));
    }

    fn queued(&mut self, why: &str) {
        let why = why.to_owned();
        self.sender.send(Piece::Progress(Progress::Queued { why }));
    }

    fn prefill(&mut self, done: usize, total: usize) {
        let (done, total) = (done as u64, total as u64);
        let progress = Progress::Prefill { done, total };
        self.sender.send(Piece::Progress(progress));
    }

    fn text(&mut self, text: &str) {
        let parts = self.thoughts.push(text);
        self.send(parts);
    }

    fn end(&mut self, result: Result<Done, Fault>) {
        let rest = self.thoughts.finish();
        self.send(rest);
        let end = match result {
            Ok(done) if done.finish == Finish::Cancelled && !self.has_text => {
                Err(Fault::cancelled())
            }
            Ok(_) if !self.has_text => Err(Fault::new(
                FaultClass::Empty,
                "the model ended its answer without text",
            )),
            Ok(done) => Ok(Completion {
                usage: done.usage,
                finish: done.finish,
            }),
            Err(fault) => Err(fault),
        };
        self.sender.send(Piece::End(end));
    }

    fn is_gone(&self) -> bool {
        self.sender.is_closed()
    }
}

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Tells reasoning from the answer: an answer may begin with one part between `<think>` tags. Tags further on are text.
#[derive(Debug)]
enum Thoughts {
    /// Nothing but white space and perhaps a part of the tag so far.
    Beginning(String),
    /// Inside; what could be a part of the closing tag is held back.
    Inside(String),
    /// After the closing tag, before the first visible character.
    Gap,
    Answer,
}

impl Thoughts {
    /// Parts of the text that are clear now, with whether they are reasoning.
    fn push(&mut self, text: &str) -> Vec<(String, bool)> {
        let mut parts = Vec::new();
        let mut text = text.to_owned();
        loop {
            match self {
                Thoughts::Answer => {
                    parts.push((text, false));
                    return parts;
                }
                Thoughts::Gap => {
                    let rest = text.trim_start();
                    if rest.is_empty() {
                        return parts;
                    }
                    text = rest.to_owned();
                    *self = Thoughts::Answer;
                }
                Thoughts::Beginning(held) => {
                    held.push_str(&text);
                    let begun = held.trim_start();
                    if let Some(rest) = begun.strip_prefix(OPEN) {
                        text = rest.to_owned();
                        *self = Thoughts::Inside(String::new());
                    } else if OPEN.starts_with(begun) {
                        return parts;
                    } else {
                        text = std::mem::take(held);
                        *self = Thoughts::Answer;
                    }
                }
                Thoughts::Inside(held) => {
                    held.push_str(&text);
                    if let Some(at) = held.find(CLOSE) {
                        text = held.split_off(at + CLOSE.len());
                        held.truncate(at);
                        parts.push((std::mem::take(held), true));
                        *self = Thoughts::Gap;
                    } else {
                        let keep = (1..CLOSE.len())
                            .rev()
                            .find(|&n| held.ends_with(&CLOSE[..n]))
                            .unwrap_or(0);
                        let rest = held.split_off(held.len() - keep);
                        parts.push((std::mem::replace(held, rest), true));
                        return parts;
                    }
                }
            }
        }
    }

    /// What was held back when the answer is over.
    fn finish(&mut self) -> Vec<(String, bool)> {
        match std::mem::replace(self, Thoughts::Answer) {
            Thoughts::Beginning(held) => vec![(held, false)],
            Thoughts::Inside(held) => vec![(held, true)],
            Thoughts::Gap | Thoughts::Answer => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str, size: usize) -> (String, String) {
        let mut thoughts = Thoughts::Beginning(String::new());
        let mut all = Vec::new();
        let bytes: Vec<char> = text.chars().collect();
        for piece in bytes.chunks(size) {
            all.extend(thoughts.push(&piece.iter().collect::<String>()));
        }
        all.extend(thoughts.finish());
        let of = |kind| {
            all.iter()
                .filter(|p| p.1 == kind)
                .map(|p| p.0.as_str())
                .collect()
        };
        (of(true), of(false))
    }

    #[test]
    fn reasoning_is_told_apart_however_the_tags_are_split() {
        for size in 1..40 {
            let told = |text| parts(text, size);
            let split = |a: &str, b: &str| (a.to_owned(), b.to_owned());
            assert_eq!(told("\n<think>a < b</think>\n\nyes"), split("a < b", "yes"));
            assert_eq!(
                told("no <think>x</think>"),
                split("", "no <think>x</think>")
            );
            assert_eq!(told("<thin ice"), split("", "<thin ice"));
            assert_eq!(told("<think>cut </th"), split("cut </th", ""));
            assert_eq!(told("  plain"), split("", "  plain"));
        }
    }
}
