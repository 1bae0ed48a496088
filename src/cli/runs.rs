//! `synod runs`: start, follow, steer, compare and export runs of jobs without the screen.

mod compare;
mod list;
mod start;
mod watch;

use super::GlobalFlags;
use crate::domain::clock::System;
use crate::domain::id::RunId;
use crate::domain::run::{RunControl, RunState};
use crate::job::launch::LaunchError;
use crate::job::record::RunRecord;
use crate::job::supervisor::Supervisor;
use crate::job::{child, export, orders, settle};
use crate::runtime::headless::{
    BAD_ARGUMENTS, BAD_DATA, DONE, FAILED, INTERRUPTED, OUT_OF_RESOURCE,
};
use crate::store::error::StoreError;
use crate::store::paths::Paths;
use crate::store::run::{RunFolder, folder};
use crate::store::settings::Settings;
use crate::store::write;
use clap::{Args, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Start, follow, steer, compare and export runs
#[derive(Debug, Clone, Subcommand)]
#[command(
    after_help = "A run is named by its id, a beginning or end of it that no other has, or \"last\".\nExit codes: 0 done, \
    1 failed, 2 bad arguments or no such run, 3 bad data or model, 4 out of memory or disk, 130 stopped with its state saved."
)]
pub enum RunsCommand {
    /// Start a run from a preset or a spec file, and follow it
    Start(StartArgs),
    /// Show all runs, the newest first
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one run: state, settings, curves' last values, results
    Show {
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Follow a run until it ends; Ctrl+C leaves it running
    Watch {
        id: String,
        /// Print its events, one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Let a run hold still, with its state saved
    Pause { id: Vec<String> },
    /// Let a run go on: after a pause, or from its last checkpoint
    Resume { id: Vec<String> },
    /// End a run with a checkpoint; it can be resumed
    Stop { id: Vec<String> },
    /// End a run and make the results of what there is
    Finish { id: Vec<String> },
    /// Remove runs that are over, with everything in their folders
    Rm {
        #[arg(required = true)]
        id: Vec<String>,
    },
    /// Show where runs differ: settings, and what came of them
    Compare {
        #[arg(required = true, num_args = 2..)]
        id: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a run's curves for another program
    Export {
        id: String,
        #[arg(long, value_enum, default_value_t = Format::Csv)]
        format: Format,
        /// The file, or the folder of TensorBoard's files; standard output without
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
    /// Show the presets of jobs, or one with its parameters
    Presets {
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the folder of the runs, or of one
    Path { id: Option<String> },
}

/// What to start.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct StartArgs {
    /// A preset's name or a spec file
    pub spec: String,
    /// Change a parameter
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// A name for lists
    #[arg(long)]
    pub title: Option<String>,
    /// Do not follow it: print its id and leave it running
    #[arg(long)]
    pub detach: bool,
    /// Print JSON: with --detach the run, otherwise its events
    #[arg(long)]
    pub json: bool,
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Curves side by side
    Csv,
    /// Everything the run told
    Json,
    /// Event files
    Tensorboard,
}

/// What the commands work with.
pub(super) struct Desk {
    pub supervisor: Supervisor,
    pub settings: Settings,
    pub flags: GlobalFlags,
}

impl Desk {
    fn new(flags: &GlobalFlags) -> io::Result<Desk> {
        let paths = Paths::new(flags.data_dir.as_deref());
        let settings = Settings::load(&paths).0;
        Ok(Desk {
            supervisor: supervisor(flags, paths, &settings)?,
            settings,
            flags: flags.clone(),
        })
    }

    fn find(&self, id: &str) -> Result<RunFolder, StoreError> {
        folder::resolve(&self.supervisor.paths, id)
    }
}

/// Starts runs by this program, with the same data folder.
///
/// # Errors
/// When the program's own file cannot be found.
pub fn supervisor(
    flags: &GlobalFlags,
    paths: Paths,
    settings: &Settings,
) -> io::Result<Supervisor> {
    let mut arguments = Vec::new();
    if let Some(folder) = &flags.data_dir {
        // The process works in its run's folder.
        arguments.push(OsString::from("--data-dir"));
        arguments.push(std::path::absolute(folder)?.into_os_string());
    }
    Ok(Supervisor {
        paths: absolute(paths)?,
        clock: Arc::new(System),
        program: std::env::current_exe()?,
        flags: arguments,
        slots: settings.job_slots,
    })
}

fn absolute(paths: Paths) -> io::Result<Paths> {
    Ok(Paths {
        config: std::path::absolute(paths.config)?,
        data: std::path::absolute(paths.data)?,
        cache: std::path::absolute(paths.cache)?,
    })
}

/// Does what was asked, with answers to `out` and everything else to `err`; the result is the exit code.
///
/// # Errors
/// When output cannot be written.
pub fn run(
    command: &RunsCommand,
    flags: &GlobalFlags,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<i32> {
    let desk = Desk::new(flags)?;
    match perform(command, &desk, out, err) {
        Ok(code) => Ok(code),
        Err(error) => {
            let error = match error.downcast::<LaunchError>() {
                Ok(LaunchError::Store(store)) => store.into(),
                Ok(error) => {
                    writeln!(err, "synod: {error}")?;
                    let is_state = matches!(error, LaunchError::State(_));
                    return Ok(if is_state { FAILED } else { BAD_ARGUMENTS });
                }
                Err(error) => error,
            };
            let error = error.downcast::<StoreError>()?;
            writeln!(err, "synod: {error}")?;
            Ok(code(&error))
        }
    }
}

fn code(error: &StoreError) -> i32 {
    match error {
        StoreError::Missing { .. } => BAD_ARGUMENTS,
        StoreError::Newer { .. } | StoreError::NotALog { .. } => BAD_DATA,
        error if error.is_disk_full() => OUT_OF_RESOURCE,
        _ => FAILED,
    }
}

fn perform(
    command: &RunsCommand,
    desk: &Desk,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<i32> {
    // A queue that nobody looked at since a process was killed goes on here.
    desk.supervisor.look();
    match command {
        RunsCommand::Start(args) => start::start(args, desk, out, err),
        RunsCommand::List { json } => list::list(desk, *json, out),
        RunsCommand::Show { id, json } => list::show(desk, &desk.find(id)?, *json, out),
        RunsCommand::Watch { id, json } => {
            let folder = desk.find(id)?;
            watch::watch(desk, &folder, watch::Interrupts::Leave, *json, out, err)
        }
        RunsCommand::Pause { id } => ask(desk, id, RunControl::Pause, out),
        RunsCommand::Resume { id } => ask(desk, id, RunControl::Resume, out),
        RunsCommand::Stop { id } => ask(desk, id, RunControl::Stop, out),
        RunsCommand::Finish { id } => ask(desk, id, RunControl::Finish, out),
        RunsCommand::Rm { id } => {
            for id in id {
                remove(desk, &desk.find(id)?, out)?;
            }
            Ok(DONE)
        }
        RunsCommand::Compare { id, json } => {
            let folders: Result<Vec<RunFolder>, _> = id.iter().map(|id| desk.find(id)).collect();
            compare::compare(&folders?, *json, out)
        }
        RunsCommand::Export { id, format, output } => {
            export_run(&desk.find(id)?, *format, output.as_ref(), out)
        }
        RunsCommand::Presets { name, json } => {
            list::presets(desk, name.as_deref(), *json, out, err)
        }
        RunsCommand::Path { id } => {
            let path = match id {
                Some(id) => desk.find(id)?.root,
                None => desk.supervisor.paths.runs(),
            };
            writeln!(out, "{}", path.display())?;
            Ok(DONE)
        }
    }
}

fn ask(desk: &Desk, ids: &[String], wish: RunControl, out: &mut dyn Write) -> anyhow::Result<i32> {
    let ids = if ids.is_empty() {
        vec!["last".to_owned()]
    } else {
        ids.to_vec()
    };
    for id in &ids {
        let folder = desk.find(id)?;
        orders::ask(&desk.supervisor, &folder, wish)?;
        let word = match wish {
            RunControl::Pause => "pauses",
            RunControl::Resume => "goes on",
            RunControl::Stop => "stops",
            RunControl::Finish => "finishes",
        };
        writeln!(out, "{} {word}", folder.id.0)?;
    }
    Ok(DONE)
}

fn remove(desk: &Desk, folder: &RunFolder, out: &mut dyn Write) -> anyhow::Result<()> {
    let summary = settle::summary(folder, desk.supervisor.clock.as_ref());
    if !summary.state.is_over() && summary.state != RunState::Queued {
        let text = format!("run {} is {}; stop it first", folder.id.0, summary.state);
        return Err(LaunchError::State(text).into());
    }
    folder.remove()?;
    writeln!(out, "{} is removed", folder.id.0)?;
    Ok(())
}

fn export_run(
    folder: &RunFolder,
    format: Format,
    output: Option<&PathBuf>,
    out: &mut dyn Write,
) -> anyhow::Result<i32> {
    let record = RunRecord::read(folder)?;
    let bytes = match format {
        Format::Csv => export::csv::curves(&record).into_bytes(),
        Format::Json => {
            let mut text = serde_json::to_vec_pretty(&record)?;
            text.push(b'\n');
            text
        }
        Format::Tensorboard => export::tensorboard::events(&record),
    };
    let Some(path) = output else {
        out.write_all(&bytes)?;
        return Ok(DONE);
    };
    let path = match format {
        Format::Tensorboard => path.join(export::tensorboard::file_name(&record)),
        _ => path.clone(),
    };
    write::atomically(&path, &bytes)?;
    writeln!(out, "{}", path.display())?;
    Ok(DONE)
}

/// `synod run-job ID`: the process of one run. Its output is a file that is read only when something went very wrong.
///
/// # Errors
/// When the run's folder cannot be read or written.
pub fn work(id: &str, flags: &GlobalFlags) -> anyhow::Result<i32> {
    let desk = Desk::new(flags)?;
    let end = child::work(&desk.supervisor, &desk.settings, &RunId(id.to_owned()))?;
    Ok(match end.map(|end| (end.state, end.class)) {
        None | Some((RunState::Done, _)) => DONE,
        Some((RunState::Stopped, _)) => INTERRUPTED,
        Some((_, class)) => class.map_or(FAILED, watch::class_code),
    })
}
