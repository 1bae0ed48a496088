//! `synod` and `synod chat`: the screen where there is a terminal, lines where there is none.

use super::flags::CouncilFlags;
use super::interrupt::Interrupt;
use super::progress_line::ProgressLine;
use crate::app::transcript::Transcript;
use crate::catalog::Permit;
use crate::domain::cancel::Cancel;
use crate::domain::council::Council;
use crate::domain::event::Event;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::SessionId;
use crate::domain::message::Message;
use crate::domain::model::PullOutcome;
use crate::runtime::headless::{
    BAD_ARGUMENTS, BAD_DATA, Headless, INTERRUPTED, Manner, Output, Standing, exit_code, fault_code,
};
use crate::runtime::parts::Parts;
use crate::runtime::screen;
use crate::society;
use crate::store::log::SessionLog;
use crate::store::session;
use crate::tool::permit::Permissions;
use anyhow::Context as _;
use clap::Args;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Flags of a chat.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct ChatFlags {
    #[command(flatten)]
    pub council: CouncilFlags,
    /// Answer this one question and end; `-` reads it from standard input
    #[arg(long, value_name = "TEXT")]
    pub once: Option<String>,
    /// Lines instead of a screen, for screen readers and pipes
    #[arg(long)]
    pub plain: bool,
    /// Every event as a line of JSON on standard output
    #[arg(long)]
    pub json: bool,
    /// Session to continue; `synod sessions list` shows them
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Seed of local models, for answers that can be repeated
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Tools that may run without a question where nobody can be asked, by name or effect (exec, network, write, server)
    #[arg(long, value_name = "TOOLS", value_delimiter = ',')]
    pub allow: Vec<String>,
    /// Theme of the screen
    #[arg(long, value_name = "NAME")]
    pub theme: Option<String>,
}

impl ChatFlags {
    /// Whether a screen is asked for and possible.
    #[must_use]
    pub fn wants_screen(&self) -> bool {
        let lines = self.plain || self.json || self.once.is_some();
        !lines && io::stdin().is_terminal() && io::stdout().is_terminal()
    }
}

/// The council that flags and presets give, checked.
///
/// # Errors
///
/// The sentence to show and the exit code.
pub fn council(flags: &CouncilFlags, parts: &Parts) -> Result<Council, (String, i32)> {
    let name = flags.preset.as_deref().unwrap_or(&parts.settings.preset);
    let is_known = parts.presets.iter().any(|preset| preset.name == name);
    let code = if is_known { BAD_DATA } else { BAD_ARGUMENTS };
    let base = parts.council(name).map_err(|text| (text, code))?;
    let council = flags.over(base).map_err(|text| (text, BAD_ARGUMENTS))?;
    match society::build(&council) {
        Ok(_) => Ok(council),
        Err(error) => Err((error.to_string(), BAD_DATA)),
    }
}

/// Opens the screen; the exit code.
///
/// # Errors
///
/// When the terminal fails.
pub fn screen(
    flags: &ChatFlags,
    parts: &Arc<Parts>,
    tokio: &tokio::runtime::Handle,
) -> anyhow::Result<i32> {
    let mut options = screen::Options {
        preset: flags.council.preset.clone(),
        theme: flags.theme.clone(),
        ..screen::Options::default()
    };
    if flags.council != CouncilFlags::default() {
        match council(&flags.council, parts) {
            Ok(council) => options.council = Some(council),
            Err((text, code)) => return refuse(&text, code),
        }
    }
    if let Some(id) = &flags.session {
        match session::resolve(&parts.paths, id) {
            Ok(id) => options.session = Some(id),
            Err(error) => return refuse(&error.to_string(), BAD_DATA),
        }
    }
    Ok(screen::run(parts, tokio, options)?)
}

/// Answers without a screen; the exit code.
///
/// # Errors
///
/// When input or output fails.
pub async fn run(flags: &ChatFlags, parts: &Parts) -> anyhow::Result<i32> {
    let mut remarks = io::stderr();
    for problem in &parts.problems {
        writeln!(remarks, "! {problem}")?;
    }
    let council = match council(&flags.council, parts) {
        Ok(council) => council,
        Err((text, code)) => return refuse(&text, code),
    };
    let interrupt = Interrupt::listen();
    converse(flags, parts, council, interrupt.cancel()).await
}

async fn converse(
    flags: &ChatFlags,
    parts: &Parts,
    council: Council,
    interrupt: &Cancel,
) -> anyhow::Result<i32> {
    let is_typed = flags.once.is_none() && io::stdin().is_terminal();
    let (mut log, standing) = match keep(flags, parts, is_typed) {
        Ok(kept) => kept,
        Err(text) => return refuse(&text, BAD_DATA),
    };
    if let Err(fault) = provide(parts, &council, interrupt).await {
        return refuse(&fault.to_string(), fault_code(&fault));
    }
    let manner = Manner {
        json: flags.json,
        streams: flags.plain || io::stdout().is_terminal(),
        prompts: is_typed,
    };
    let mut headless = Headless::new(
        Arc::clone(&parts.backends),
        Arc::clone(&parts.clock),
        council,
        manner,
        flags.seed,
        standing,
    )
    .with_tools(parts.shed(Permissions::headless(flags.allow.clone())));
    let mut unsaved = None;
    let mut save = |event: &Event| {
        if let Some(log) = &mut log
            && unsaved.is_none()
            && let Err(error) = log.append(std::slice::from_ref(event))
        {
            unsaved = Some(error.to_string());
        }
    };
    let (mut answers, mut remarks) = (io::stdout(), io::stderr());
    let mut output = Output {
        answers: &mut answers,
        remarks: &mut remarks,
        keep: Some(&mut save),
    };
    let code = match &flags.once {
        Some(text) => {
            let question = match text.as_str() {
                "-" => io::read_to_string(io::stdin()).context("cannot read standard input")?,
                text => text.to_owned(),
            };
            if question.trim().is_empty() {
                return refuse("--once: the question is empty", BAD_ARGUMENTS);
            }
            let outcome = headless
                .answer(question.trim(), &mut output, interrupt)
                .await?;
            if interrupt.is_cancelled() {
                INTERRUPTED
            } else {
                exit_code(&outcome)
            }
        }
        None => {
            let mut questions = read_lines(io::stdin());
            headless.run(&mut questions, &mut output, interrupt).await?
        }
    };
    if let Some(text) = unsaved {
        writeln!(io::stderr(), "! the conversation is not saved: {text}")?;
    }
    Ok(code)
}

/// Where the conversation is kept, and where it stands. What a person types is kept, what a script asks only on demand.
fn keep(
    flags: &ChatFlags,
    parts: &Parts,
    is_typed: bool,
) -> Result<(Option<SessionLog>, Standing), String> {
    let Some(id) = &flags.session else {
        let log = is_typed.then(|| SessionLog::create(&parts.paths, parts.clock.now()));
        return Ok((log, Standing::default()));
    };
    let id = SessionId(id.clone());
    let (log, events) = SessionLog::open(&parts.paths, &id).map_err(|error| error.to_string())?;
    let standing = standing(&events, log.next_seq());
    Ok((Some(log), standing))
}

/// The shown branch of a session.
fn standing(events: &[Event], next_seq: u64) -> Standing {
    let transcript = Transcript::fold(events);
    Standing {
        conversation: transcript
            .path()
            .into_iter()
            .map(|said| Message::new(said.role, said.text.as_str()))
            .collect(),
        head: transcript.head,
        next_message: transcript.next_message(),
        next_turn: transcript.next_turn(),
        next_seq,
    }
}

/// Sees that the local models are on disk. The default one is fetched unasked; any other has been chosen by a person before.
///
/// # Errors
///
/// Why a model cannot be had, and what to do.
pub async fn provide(parts: &Parts, council: &Council, interrupt: &Cancel) -> Result<(), Fault> {
    for model in council.local_models() {
        let Err(fault) = parts.catalog.resolve(&model) else {
            continue;
        };
        if model != parts.default_model {
            return Err(fault);
        }
        let permit = Permit {
            consent: false,
            local_only: parts.backends.is_local_only(),
        };
        let line = ProgressLine::on_stderr();
        let show = |pull| line.show(&pull);
        let outcome = parts
            .catalog
            .pull(&model, permit, &show, interrupt.child())
            .await;
        line.clear();
        match outcome {
            PullOutcome::Ready { .. } => {}
            PullOutcome::Stopped => return Err(Fault::cancelled()),
            PullOutcome::Failed { tried } => return Err(unreachable_model(&model, &tried)),
        }
    }
    Ok(())
}

fn unreachable_model(model: &str, tried: &[(String, String)]) -> Fault {
    let tried: Vec<String> = tried
        .iter()
        .map(|(source, why)| format!("{source}: {why}"))
        .collect();
    let message = format!("cannot get model \"{model}\": {}", tried.join("; "));
    Fault::new(FaultClass::BadData, message).with_hint(
        "give a GGUF file with --preset plain --model PATH, or a server with --base-url and --model",
    )
}

/// Lines of a stream, read by a thread of their own: a stop never waits for a person to press Enter.
fn read_lines(input: impl Read + Send + 'static) -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in io::BufReader::new(input).lines() {
            let Ok(line) = line else { break };
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn refuse(text: &str, code: i32) -> anyhow::Result<i32> {
    writeln!(io::stderr(), "synod: {text}")?;
    Ok(code)
}
