//! `synod train`: looks at what would be learned, and learns it.

mod export;
mod flags;
mod preview;
mod start;

pub use flags::TrainArgs;
pub use start::start;

use crate::domain::fault::{Fault, FaultClass};
use crate::job::finetune::Settings;
use crate::job::finetune::lessons::{Lessons, Words};
use crate::lm::model::Model;
use crate::runtime::headless::{BAD_ARGUMENTS, DONE, fault_code};
use crate::runtime::parts::Parts;
use std::io::{self, Write};

/// Looks at what would be learned; the exit code.
///
/// # Errors
///
/// When output cannot be written.
pub async fn run(args: &TrainArgs, parts: &Parts) -> anyhow::Result<i32> {
    for problem in &parts.problems {
        writeln!(io::stderr(), "! {problem}")?;
    }
    let mut values = args.values.clone();
    values
        .entry("model".to_owned())
        .or_insert_with(|| crate::domain::parameter::Value::Text(parts.default_model.clone()));
    let settings = match Settings::read(&values) {
        Ok(settings) => settings,
        Err(text) => return refuse(&text, BAD_ARGUMENTS),
    };
    match look(args, &settings, parts) {
        Ok(()) => Ok(DONE),
        Err(error) => match error.downcast::<Fault>() {
            Ok(fault) => refuse(&fault.to_string(), fault_code(&fault)),
            Err(error) => Err(error),
        },
    }
}

fn look(args: &TrainArgs, settings: &Settings, parts: &Parts) -> anyhow::Result<()> {
    let path = parts.catalog.resolve(&settings.model)?;
    let model = Model::open(&path)?;
    let words = Words {
        template: &model.template,
        tokenizer: &model.tokenizer,
    };
    let lessons = Lessons::load(settings, words).map_err(Fault::from)?;
    if let Some(file) = &args.export_ids {
        export::write(file, &lessons.train).map_err(|error| {
            let text = format!("cannot write the tokens to {}: {error}", file.display());
            Fault::new(FaultClass::Resource, text)
        })?;
        let count = lessons.train.counts.examples;
        writeln!(
            io::stderr(),
            "{count} examples of the training part are in {}",
            file.display()
        )?;
    }
    if args.preview {
        let preview = preview::Preview::new(settings, &lessons, model.config.context);
        if args.json {
            serde_json::to_writer(io::stdout(), &preview)?;
            writeln!(io::stdout())?;
        } else {
            write!(io::stdout(), "{preview}")?;
            preview::examples(&mut io::stdout(), &lessons, words, args.show)?;
        }
    }
    Ok(())
}

fn refuse(text: &str, code: i32) -> anyhow::Result<i32> {
    writeln!(io::stderr(), "synod: {text}")?;
    Ok(code)
}
