//! Answers of the model as it is now, to questions that it does not learn from.

use super::Settings;
use super::card::SAMPLES;
use super::lessons::Lessons;
use super::results::write_adapter;
use crate::domain::cancel::Cancel;
use crate::domain::event::{Cell, Level};
use crate::domain::fault::Fault;
use crate::domain::message::{Message, Role};
use crate::domain::request::Sampling;
use crate::job::{JobContext, JobError};
use crate::lm::adapter::{Adapter, Blend};
use crate::lm::engine::ask::{Ask, Done, Listener, Prompt, Task};
use crate::lm::engine::{Engine, Options};
use crate::lm::model::Model;
use crate::lm::train::Trainer;
use crate::task::dialogue::{Content, Sample};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// How often a waiting step looks whether the run shall stop.
const LOOK: Duration = Duration::from_millis(50);
/// Memory for keys and values, in MiB.
const CACHE: usize = 128;
/// The adapter's folder, in the run's.
const FOLDER: &str = "sampled";

/// Makes answers during a training; the model is opened when the first one is wanted.
pub struct Samples {
    model: PathBuf,
    threads: usize,
    engine: Option<Engine>,
}

impl Samples {
    pub(super) fn new(model: &Path, threads: usize) -> Self {
        Self {
            model: model.to_owned(),
            threads,
            engine: None,
        }
    }

    /// Asks the first questions of the validation data and writes the answers into the table. A fault is a note: it costs
    /// nothing but the sample.
    ///
    /// # Errors
    /// When the run shall stop, or the disk refuses.
    pub(super) fn write(
        &mut self,
        trainer: &Trainer,
        settings: &Settings,
        lessons: &Lessons,
        step: u64,
        context: &JobContext,
    ) -> Result<(), JobError> {
        let questions = lessons.validation.records.iter().filter_map(question);
        let questions: Vec<_> = questions.take(settings.samples).collect();
        if questions.is_empty() || settings.is_full {
            return Ok(());
        }
        let folder = context.folder().join(FOLDER);
        write_adapter(&folder, trainer, settings)?;
        for (number, (messages, expected)) in questions.into_iter().enumerate() {
            let asked = messages
                .last()
                .map_or("", |last| last.content.as_str())
                .to_owned();
            match self.answer(messages, &folder, settings, context)? {
                Ok(answer) => context.row(
                    SAMPLES,
                    &format!("{step}.{}", number + 1),
                    vec![Cell::Text(asked), Cell::Text(answer), Cell::Text(expected)],
                ),
                Err(fault) => context.note(Level::Warning, &format!("no sample: {fault}")),
            }
        }
        Ok(())
    }

    fn answer(
        &mut self,
        messages: Vec<Message>,
        folder: &Path,
        settings: &Settings,
        context: &JobContext,
    ) -> Result<Result<String, Fault>, JobError> {
        let engine = match self.engine() {
            Ok(engine) => engine,
            Err(fault) => return Ok(Err(fault)),
        };
        let (words, heard) = channel();
        let cancel = Cancel::new();
        let folder = folder.to_owned();
        let ask = Ask {
            prompt: Prompt::Messages(messages),
            task: Task::Generate(Sampling {
                temperature: Some(0.0),
                max_tokens: u32::try_from(settings.sample_tokens).ok(),
                ..Sampling::default()
            }),
            adapter: Some(Box::new(move |config| {
                let (adapter, notes) = Adapter::open(&folder, config)?;
                Ok((Blend::of(Arc::new(adapter)), notes))
            })),
            cancel: cancel.clone(),
            listener: Box::new(Ear(words)),
        };
        if engine.submit(ask).is_err() {
            return Err(JobError::Failed(
                "the engine for samples has ended".to_owned(),
            ));
        }
        let answer = listen(&heard, context);
        if answer.is_err() {
            cancel.cancel();
        }
        answer
    }

    fn engine(&mut self) -> Result<&Engine, Fault> {
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => {
                let model = self.model.clone();
                let options = Options {
                    threads: self.threads,
                    cache_mib: CACHE,
                    ..Options::default()
                };
                Engine::start("samples", Box::new(move || Model::open(&model)), options)?
            }
        };
        Ok(self.engine.insert(engine))
    }
}

/// A conversation up to its last answer, and that answer.
fn question(sample: &Sample) -> Option<(Vec<Message>, String)> {
    let Content::Dialogue(turns) = &sample.content else {
        return None;
    };
    let last = turns
        .iter()
        .rposition(|turn| turn.message.role == Role::Assistant)?;
    let before = turns[..last].iter().map(|turn| turn.message.clone());
    Some((before.collect(), turns[last].message.content.clone()))
}

/// What is heard of an answer.
enum Word {
    Text(String),
    End(Result<Done, Fault>),
}

struct Ear(Sender<Word>);

impl Listener for Ear {
    fn text(&mut self, text: &str) {
        let _ = self.0.send(Word::Text(text.to_owned()));
    }

    fn end(&mut self, result: Result<Done, Fault>) {
        let _ = self.0.send(Word::End(result));
    }
}

fn listen(heard: &Receiver<Word>, context: &JobContext) -> Result<Result<String, Fault>, JobError> {
    let mut answer = String::new();
    loop {
        match heard.recv_timeout(LOOK) {
            Ok(Word::Text(text)) => answer.push_str(&text),
            Ok(Word::End(Ok(_))) => return Ok(Ok(answer)),
            Ok(Word::End(Err(fault))) => return Ok(Err(fault)),
            Err(RecvTimeoutError::Timeout) => context.pause_point()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(JobError::Failed(
                    "the engine for samples has ended".to_owned(),
                ));
            }
        }
    }
}
