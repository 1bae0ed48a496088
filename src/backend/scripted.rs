//! Plays recordings: answers with their delays, reasoning, retries and faults, for tests and for the demonstration.
//!
//! The same calls in the same order give the same pieces; delays pass in tokio's time, so tests can hold it. Which answer is
//! played depends on the model's name, how often it was asked, and optionally on words of the question.

use super::{Backend, Completion, Piece, TokenSender, Tokens};
use crate::domain::cancel::Cancel;
use crate::domain::event::Progress;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::message::Role;
use crate::domain::request::{Finish, Request, Usage};
use crate::domain::text::strip_controls;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use unicode_segmentation::UnicodeSegmentation;

/// The recording that comes with the program.
const DEMO: &str = include_str!("../../data/demo.json");

/// The question the built-in recording answers.
pub const DEMO_QUESTION: &str = "Why is the sky blue?";

/// Answers by model name; JSON or TOML.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Played in order; the last one is played again from then on.
    pub models: BTreeMap<String, Vec<Answer>>,
}

/// One recorded answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    /// Played only for a question that contains this, whatever the case of letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Before anything happens, in milliseconds.
    pub wait_ms: u64,
    pub pieces: Vec<Step>,
    /// How it ends well; `stop` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<Finish>,
    /// How it ends otherwise, after its pieces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Estimated from the texts when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// Before the step, in milliseconds.
    pub wait_ms: u64,
    pub text: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub thinking: bool,
    /// Milliseconds before each word; 0 plays the text in one piece.
    pub word_ms: u64,
    /// Instead of text: the connection fails so, and after `wait_ms` the answer starts again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Fault>,
}

impl Answer {
    /// A whole answer at once.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            pieces: vec![Step {
                text: text.into(),
                ..Step::default()
            }],
            ..Self::default()
        }
    }

    /// A failure before any text.
    #[must_use]
    pub fn fault(fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            ..Self::default()
        }
    }

    /// The same answer after a wait.
    #[must_use]
    pub fn after(mut self, wait_ms: u64) -> Self {
        self.wait_ms = wait_ms;
        self
    }

    fn suits(&self, question: &str) -> bool {
        self.when
            .as_ref()
            .is_none_or(|words| question.contains(&words.to_lowercase()))
    }
}

/// A backend that plays a recording.
#[derive(Debug, Default)]
pub struct Scripted {
    recording: Recording,
    asked: Mutex<Vec<Request>>,
}

impl Scripted {
    #[must_use]
    pub fn new(recording: Recording) -> Self {
        Self {
            recording,
            asked: Mutex::default(),
        }
    }

    /// Adds an answer of a model, after those it has.
    #[must_use]
    pub fn with(mut self, model: impl Into<String>, answer: Answer) -> Self {
        let answers = self.recording.models.entry(model.into()).or_default();
        answers.push(answer);
        self
    }

    /// From the text of a JSON file.
    pub fn from_json(text: &str) -> Result<Self, Fault> {
        serde_json::from_str(text)
            .map(Self::new)
            .map_err(|error| unreadable(&error))
    }

    /// From the text of a TOML file.
    pub fn from_toml(text: &str) -> Result<Self, Fault> {
        toml::from_str(text)
            .map(Self::new)
            .map_err(|error| unreadable(&error))
    }

    /// The built-in recording: `ada`, `bruno`, `chen` and `dora` answer [`DEMO_QUESTION`], `aggregator` merges.
    #[must_use]
    pub fn demo() -> Self {
        // A test reads it; a broken one would answer by the fallback.
        Self::from_json(DEMO).unwrap_or_default()
    }

    /// The models that have answers.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.recording.models.keys().map(String::as_str)
    }

    /// What it was asked so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Request> {
        self.log().clone()
    }

    fn log(&self) -> MutexGuard<'_, Vec<Request>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to this request, which is noted.
    fn pick(&self, request: &Request) -> Answer {
        let model = &request.model.model;
        let question = question(request);
        let lower = question.to_lowercase();
        let mut log = self.log();
        let before = log
            .iter()
            .filter(|earlier| earlier.model.model == *model)
            .count();
        log.push(request.clone());
        drop(log);
        let suited: Vec<&Answer> = self
            .recording
            .models
            .get(model)
            .into_iter()
            .flatten()
            .filter(|answer| answer.suits(&lower))
            .collect();
        match suited.get(before).or(suited.last()) {
            Some(answer) => (*answer).clone(),
            None => fallback(model, question.trim()),
        }
    }
}

impl Backend for Scripted {
    fn generate(&self, request: Request, cancel: Cancel) -> Tokens {
        let Ok(runtime) = Handle::try_current() else {
            return Tokens::failed(Fault::new(
                FaultClass::Resource,
                "recordings are played on the worker threads only",
            ));
        };
        let answer = self.pick(&request);
        let (sender, tokens) = Tokens::channel();
        runtime.spawn(async move {
            let result = tokio::select! {
                biased;
                () = cancel.cancelled() => Err(Fault::cancelled()),
                () = sender.closed() => return,
                result = play(&answer, &request, &sender) => result,
            };
            sender.send(Piece::End(result));
        });
        tokens
    }
}

async fn play(
    answer: &Answer,
    request: &Request,
    sender: &TokenSender,
) -> Result<Completion, Fault> {
    sender.send(Piece::Progress(Progress::Waiting));
    pause(answer.wait_ms).await;
    let mut characters = 0;
    let mut attempt = 0;
    for step in &answer.pieces {
        if let Some(fault) = &step.retry {
            attempt += 1;
            sender.send(Piece::Progress(Progress::Retrying {
                attempt,
                of: 6,
                wait_ms: step.wait_ms,
                fault: fault.clone(),
            }));
            pause(step.wait_ms).await;
            sender.send(Piece::Restarted);
            continue;
        }
        pause(step.wait_ms).await;
        characters += step.text.chars().count();
        for text in cut(&step.text, step.word_ms > 0) {
            pause(step.word_ms).await;
            sender.send(Piece::Delta {
                text: strip_controls(&text),
                thinking: step.thinking,
            });
        }
    }
    if let Some(fault) = &answer.fault {
        return Err(fault.clone());
    }
    let usage = answer
        .usage
        .unwrap_or_else(|| estimate(request, characters));
    Ok(Completion {
        usage,
        finish: answer.finish.unwrap_or(Finish::Stop),
    })
}

async fn pause(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// The text whole, or word by word with the space after each word.
fn cut(text: &str, by_word: bool) -> Vec<String> {
    if !by_word || text.is_empty() {
        return (!text.is_empty())
            .then(|| text.to_owned())
            .into_iter()
            .collect();
    }
    let mut words: Vec<String> = Vec::new();
    for part in text.split_word_bounds() {
        match words.last_mut() {
            Some(last) if part.trim().is_empty() => last.push_str(part),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// The user's words since the last answer.
fn question(request: &Request) -> String {
    let since = request
        .messages
        .iter()
        .rposition(|message| message.role == Role::Assistant)
        .map_or(0, |at| at + 1);
    let words: Vec<&str> = request.messages[since..]
        .iter()
        .filter(|message| message.role == Role::User)
        .map(|message| message.content.as_str())
        .collect();
    words.join("\n")
}

fn fallback(model: &str, question: &str) -> Answer {
    let short: String = question.chars().take(200).collect();
    let text = format!(
        "This answer is scripted: no model ran, and there is no recording of `{model}` for this question.\n\n> {}\n\n\
         Choose a preset with a local model or an endpoint to get a real answer.",
        short.replace('\n', " ")
    );
    Answer {
        wait_ms: 150,
        pieces: vec![Step {
            text,
            word_ms: 15,
            ..Step::default()
        }],
        ..Answer::default()
    }
}

fn estimate(request: &Request, characters: usize) -> Usage {
    let tokens = |characters: usize| characters.div_ceil(4) as u64;
    let prompt: usize = request
        .messages
        .iter()
        .map(|message| message.content.chars().count())
        .sum();
    Usage {
        prompt_tokens: tokens(prompt),
        completion_tokens: tokens(characters),
        estimated: true,
        ..Usage::default()
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(
        FaultClass::BadData,
        format!("cannot read the recording: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::Tools;
    use crate::domain::message::Message;
    use crate::domain::request::{ModelRef, SCRIPTED, Sampling, TimeLimits};
    use tokio::time::Instant;

    fn ask(model: &str, question: &str) -> Request {
        Request {
            adapters: Vec::new(),
            model: ModelRef::new(model, SCRIPTED),
            messages: vec![Message::user(question)],
            tools: Tools::default(),
            sampling: Sampling::default(),
            limits: TimeLimits::default(),
        }
    }

    async fn collect(mut tokens: Tokens) -> (String, String, Result<Completion, Fault>) {
        let (mut text, mut thought) = (String::new(), String::new());
        loop {
            match tokens.next().await {
                Piece::Delta {
                    text: more,
                    thinking,
                } => {
                    if thinking {
                        thought.push_str(&more);
                    } else {
                        text.push_str(&more);
                    }
                }
                Piece::Restarted => {
                    text.clear();
                    thought.clear();
                }
                Piece::End(end) => return (text, thought, end),
                Piece::Progress(_) | Piece::Logprobs(_) | Piece::Note(_) | Piece::Call(_) => {}
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_demonstration_answers_its_question() {
        let demo = Scripted::demo();
        let names: Vec<&str> = demo.models().collect();
        assert_eq!(names, ["ada", "aggregator", "bruno", "chen", "dora"]);
        for name in names {
            let (text, _, end) =
                collect(demo.generate(ask(name, DEMO_QUESTION), Cancel::new())).await;
            assert!(text.chars().count() > 300, "{name}: {text}");
            assert_eq!(end.unwrap().finish, Finish::Stop, "{name}");
        }
        let (text, _, _) = collect(demo.generate(ask("ada", "And the sea?"), Cancel::new())).await;
        assert!(text.contains("scripted"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn answers_come_in_order_and_the_last_one_stays() {
        let backend = Scripted::default()
            .with("m", Answer::fault(Fault::new(FaultClass::Transient, "x")))
            .with("m", Answer::text("two"));
        let mut ends = Vec::new();
        for _ in 0..3 {
            let (text, _, end) = collect(backend.generate(ask("m", "q"), Cancel::new())).await;
            ends.push((text, end.is_ok()));
        }
        let two = || ("two".to_owned(), true);
        assert_eq!(ends, [(String::new(), false), two(), two()]);
        assert_eq!(backend.asked().len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn delays_pass_in_held_time_and_words_stay_whole() {
        let recording = r#"
            [[models.m]]
            wait_ms = 1000
            pieces = [{ text = "one, two 日本", word_ms = 100 }, { text = "hm", thinking = true }]
            finish = "length"
        "#;
        let backend = Scripted::from_toml(recording).unwrap();
        let begin = Instant::now();
        let (text, thought, end) = collect(backend.generate(ask("m", "q"), Cancel::new())).await;
        assert_eq!((text.as_str(), thought.as_str()), ("one, two 日本", "hm"));
        assert_eq!(end.unwrap().finish, Finish::Length);
        assert_eq!(
            cut("one, two 日本", true),
            ["one", ", ", "two ", "日", "本"]
        );
        assert_eq!(begin.elapsed().as_millis(), 1500);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_answer_ends_at_once() {
        let backend = Scripted::default().with("m", Answer::text("late").after(60_000));
        let cancel = Cancel::new();
        let tokens = backend.generate(ask("m", "q"), cancel.clone());
        let begin = Instant::now();
        cancel.cancel();
        let (_, _, end) = collect(tokens).await;
        assert_eq!(end.unwrap_err().class, FaultClass::Cancelled);
        assert_eq!(begin.elapsed().as_millis(), 0);
    }
}
