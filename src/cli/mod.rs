//! Flags and subcommands. Answers go to standard output, everything else to standard error.
//!
//! Exit codes: 0 done, 1 failed, 2 bad arguments, 3 bad data or model, 4 out of a resource, 130 interrupted.

pub mod bench;
pub mod chat;
pub mod debate;
pub mod doctor;
pub mod eval;
pub mod flags;
pub mod graph;
pub mod interrupt;
pub mod item_line;
pub mod models;
pub mod plan;
pub mod presets;
mod progress_line;
mod report;
pub mod runs;
pub mod serve;
pub mod sessions;
pub mod set_flags;
pub mod train;

use crate::domain::device::Device;
use crate::runtime::headless::{BAD_ARGUMENTS, DONE, FAILED};
use crate::runtime::parts::{Overrides, Parts};
use crate::store::paths::Paths;
use chat::ChatFlags;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// The preset of the recorded council.
const DEMO: &str = "demo";

/// A council of language models in your terminal
///
/// Without a subcommand it opens the chat. `synod < questions.txt` answers one question per line without a screen.
#[derive(Debug, Clone, Parser)]
#[command(name = "synod", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub everywhere: GlobalFlags,
    #[command(flatten)]
    pub chat: ChatFlags,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct GlobalFlags {
    /// Keep settings, sessions and models under this folder
    #[arg(long, global = true, env = "SYNOD_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Send nothing to any server, not even one on this machine
    #[arg(long, global = true)]
    pub local_only: bool,
    /// Threads of the local engine; 0 takes one for each core
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
    /// Where local models run: auto, cpu, cuda, cuda:N or metal
    #[arg(long, global = true, value_name = "DEVICE")]
    pub device: Option<Device>,
}

/// What to do instead of chatting on the screen.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Chat with a council
    Chat(Box<ChatFlags>),
    /// Show a recorded council: no model answers, nothing is fetched
    Demo(Box<ChatFlags>),
    /// List, fetch, check and remove local models
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// Measure how fast this machine runs a model
    Bench(bench::BenchArgs),
    /// Debate a data set, and see what each round is worth
    Debate(Box<debate::DebateArgs>),
    /// Measure a model or a council on a data set
    Eval(Box<eval::EvalArgs>),
    /// Let an agent with tools work on a file of tasks
    Plan(Box<plan::PlanArgs>),
    /// Run an agent graph over a data set
    Graph(Box<graph::GraphArgs>),
    /// Fine-tune an adapter on a file of conversations, or look at what would be learned
    Train(Box<train::TrainArgs>),
    /// Look at everything a chat needs, and say what is missing
    Doctor(doctor::DoctorArgs),
    /// Serve local models and councils to programs that speak OpenAI's API
    Serve(serve::ServeArgs),
    /// List, show and check presets
    #[command(subcommand)]
    Presets(presets::PresetsCommand),
    /// Start, follow, steer, compare and export runs of jobs: training, searches
    #[command(subcommand)]
    Runs(runs::RunsCommand),
    /// Works on a run; `runs start` starts it
    #[command(hide = true)]
    RunJob { id: String },
    /// List, search, show, rename, delete and export chats
    #[command(subcommand)]
    Sessions(sessions::SessionsCommand),
}

/// Runs the program; the exit code.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let code = match parse(arguments) {
        Ok(cli) => perform(&cli).unwrap_or_else(|error| failure(&error)),
        Err(error) => {
            // Help and version are no errors and go to standard output.
            let _ = error.print();
            error.exit_code()
        }
    };
    u8::try_from(code).unwrap_or(1)
}

/// Reads the arguments and checks what clap cannot.
///
/// # Errors
///
/// Clap's error, ready to be printed.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let cli = Cli::try_parse_from(arguments)?;
    if cli.command.is_some() && cli.chat != ChatFlags::default() {
        let text = "flags of a chat stand after the word `chat`";
        return Err(Cli::command().error(ErrorKind::ArgumentConflict, text));
    }
    Ok(cli)
}

fn perform(cli: &Cli) -> anyhow::Result<i32> {
    match &cli.command {
        Some(Command::Presets(command)) => {
            let paths = Paths::new(cli.everywhere.data_dir.as_deref());
            return presets::run(command, &paths, &mut io::stdout(), &mut io::stderr());
        }
        Some(Command::Sessions(command)) => {
            let paths = Paths::new(cli.everywhere.data_dir.as_deref());
            return sessions::run(command, &paths, &mut io::stdout(), &mut io::stderr());
        }
        Some(Command::Train(args)) if args.learns() => {
            return train::start(args, &cli.everywhere, &mut io::stdout(), &mut io::stderr());
        }
        Some(Command::Runs(command)) => {
            let everywhere = &cli.everywhere;
            return runs::run(command, everywhere, &mut io::stdout(), &mut io::stderr());
        }
        Some(Command::RunJob { id }) => return runs::work(id, &cli.everywhere),
        _ => {}
    }
    let flags = match &cli.command {
        Some(Command::Chat(flags)) => flags.as_ref().clone(),
        Some(Command::Demo(flags)) => demo(flags),
        Some(Command::Eval(args)) => ChatFlags {
            council: args.council.clone(),
            ..ChatFlags::default()
        },
        Some(Command::Plan(args)) => ChatFlags {
            council: args.council.clone(),
            ..ChatFlags::default()
        },
        Some(Command::Graph(args)) => ChatFlags {
            council: args.server(),
            ..ChatFlags::default()
        },
        _ => cli.chat.clone(),
    };
    let parts = Arc::new(Parts::load(Overrides {
        data_dir: cli.everywhere.data_dir.clone(),
        threads: cli.everywhere.threads,
        device: cli.everywhere.device,
        local_only: cli.everywhere.local_only,
        endpoint: flags.council.endpoint(),
    }));
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let code = match &cli.command {
        Some(Command::Models(command)) => {
            let context = models::ModelsContext {
                paths: &parts.paths,
                model_paths: &parts.settings.model_paths,
                local_only: parts.settings.local_only,
            };
            tokio.block_on(models::run(command, context))
        }
        Some(Command::Serve(args)) => tokio.block_on(serve::run(args, &parts)),
        Some(Command::Eval(args)) => tokio.block_on(eval::run(args, &parts)),
        Some(Command::Plan(args)) => tokio.block_on(plan::run(args, &parts)),
        Some(Command::Graph(args)) => tokio.block_on(graph::run(args, &parts)),
        Some(Command::Debate(args)) => tokio.block_on(debate::run(args, &parts)),
        Some(Command::Train(args)) => tokio.block_on(train::run(args, &parts)),
        Some(Command::Bench(args)) => tokio.block_on(bench::run(args, &parts)),
        Some(Command::Doctor(args)) => {
            let context = doctor::DoctorContext {
                paths: &parts.paths,
                settings: &parts.settings,
                presets: &parts.presets,
                catalog: &parts.catalog,
                problems: &parts.problems,
            };
            tokio.block_on(doctor::run(*args, context))
        }
        None | Some(Command::Chat(_) | Command::Demo(_)) if flags.wants_screen() => {
            chat::screen(&flags, &parts, tokio.handle())
        }
        _ => tokio.block_on(chat::run(&flags, &parts)),
    };
    // A thread that waits for standard input must not hold the program up.
    tokio.shutdown_background();
    code
}

/// The recorded council, unless another preset is named.
fn demo(flags: &ChatFlags) -> ChatFlags {
    let mut flags = flags.clone();
    flags.council.preset.get_or_insert_with(|| DEMO.to_owned());
    flags
}

/// Says what went wrong. A reader that has gone away, as in `synod … | head`, is no error.
fn failure(error: &anyhow::Error) -> i32 {
    let io = error.downcast_ref::<io::Error>();
    if io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        return DONE;
    }
    let _ = writeln!(io::stderr(), "synod: {error:#}");
    let is_argument = error.downcast_ref::<clap::Error>().is_some();
    if is_argument { BAD_ARGUMENTS } else { FAILED }
}
