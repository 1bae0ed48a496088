//! `synod train`: looks at what would be learned, and learns it.

mod export;
mod flags;
mod preview;
mod start;

pub use flags::TrainArgs;
pub use start::start;

use crate::domain::fault::{Fault, FaultClass};
use crate::domain::parameter::Value;
use crate::job::Job;
use crate::job::finetune::lessons::{Lessons, Words};
use crate::job::finetune::{self, FineTune, Settings};
use crate::lm::model::Model;
use crate::runtime::headless::{BAD_ARGUMENTS, DONE, fault_code};
use crate::runtime::parts::Parts;
use crate::store::preset::Problem;
use crate::store::spec_file;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// Looks at what would be learned; the exit code.
///
/// # Errors
///
/// When output cannot be written.
pub async fn run(args: &TrainArgs, parts: &Parts) -> anyhow::Result<i32> {
    for problem in &parts.problems {
        writeln!(io::stderr(), "! {problem}")?;
    }
    let settings = match settings(args, parts) {
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
    if args.dry_run {
        let threads = parts.settings.threads;
        let cost = finetune::estimate(&model, settings, &lessons, threads, parts.clock.as_ref());
        let cost = cost.map_err(|error| Fault::new(error.class(), error.to_string()))?;
        if args.json {
            serde_json::to_writer(io::stdout(), &cost)?;
            writeln!(io::stdout())?;
        } else {
            preview::cost(&mut io::stdout(), &cost)?;
        }
    }
    Ok(())
}

/// The settings of a preset or spec file where one is named, changed by the flags.
fn settings(args: &TrainArgs, parts: &Parts) -> Result<Settings, String> {
    let mut values = match &args.spec {
        Some(name) => preset(name, parts)?,
        None => BTreeMap::from([("model".to_owned(), Value::Text(parts.default_model.clone()))]),
    };
    values.extend(args.values.clone());
    Settings::read(&values)
}

fn preset(name: &str, parts: &Parts) -> Result<BTreeMap<String, Value>, String> {
    let cards = [FineTune.card()];
    let said = |problems: Vec<Problem>| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n")
    };
    let spec = if Path::new(name).is_file() {
        let text = std::fs::read_to_string(name)
            .map_err(|error| format!("cannot read {name}: {error}"))?;
        spec_file::parse(name, &text, &cards)
    } else {
        let presets = spec_file::presets(&parts.paths, &cards);
        let found = presets.into_iter().find(|preset| preset.name == name);
        found
            .ok_or_else(|| format!("no job preset or spec file \"{name}\""))?
            .spec
    };
    spec.map(|spec| spec.values).map_err(said)
}

fn refuse(text: &str, code: i32) -> anyhow::Result<i32> {
    writeln!(io::stderr(), "synod: {text}")?;
    Ok(code)
}
