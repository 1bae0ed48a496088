//! `synod sessions`: list, search, show, rename, delete, bring back, export and replay chats without the screen.

use crate::domain::clock::{Clock, Millis, System};
use crate::domain::id::{SessionId, TurnId};
use crate::store::error::StoreError;
use crate::store::export::{self, Choice};
use crate::store::paths::Paths;
use crate::store::session::{self, SessionInfo};
use crate::store::session_id::readable;
use crate::store::{log, write};
use clap::{Subcommand, ValueEnum};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// List, show, rename, delete and export chats
#[derive(Debug, Clone, Subcommand)]
#[command(
    after_help = "A session is named by its id, a beginning or end of it that no other has, or \"last\".\nExit codes: 0 done, \
    1 not done (the message says why), 2 no such session, 3 a log that cannot be read, 4 disk full."
)]
pub enum SessionsCommand {
    /// Show all sessions, the one used last first, or those that contain all words of a query
    List {
        /// Words to look for, anywhere in questions, answers and what the agents wrote
        query: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a session as Markdown
    Show {
        id: String,
        /// With what each agent wrote
        #[arg(long)]
        with_parts: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a session a name
    Rename { id: String, title: Vec<String> },
    /// Move a session to the trash
    Delete { id: String },
    /// Bring back what was deleted last
    Undo,
    /// Write a session, or one turn of it, to a file or standard output
    Export {
        id: String,
        #[arg(long, value_enum, default_value_t = Format::Md)]
        format: Format,
        /// With what each agent wrote
        #[arg(long)]
        with_parts: bool,
        /// Only this turn
        #[arg(long)]
        turn: Option<u64>,
        /// The file; standard output without
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
    /// Print a session's events, each with the seconds since its beginning
    Replay { id: String },
    /// Print the folder of the sessions, or the file of one
    Path { id: Option<String> },
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Markdown
    Md,
    /// JSON
    Json,
}

/// Does what was asked, with answers to `out` and what went wrong to `err`; the result is the exit code.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(
    command: &SessionsCommand,
    paths: &Paths,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<i32> {
    match perform(command, paths, out) {
        Ok(()) => Ok(0),
        Err(error) => match error.downcast::<StoreError>() {
            Ok(error) => {
                writeln!(err, "{error}")?;
                Ok(code(&error))
            }
            Err(error) => Err(error),
        },
    }
}

fn perform(command: &SessionsCommand, paths: &Paths, out: &mut dyn Write) -> anyhow::Result<()> {
    match command {
        SessionsCommand::List { query, json } => {
            let found = session::list(paths, &query.join(" "));
            if *json {
                rows_json(&found, out)
            } else {
                rows(&found, out)
            }
        }
        SessionsCommand::Show {
            id,
            with_parts,
            json,
        } => {
            let format = if *json { Format::Json } else { Format::Md };
            let choice = Choice {
                with_parts: *with_parts,
                turn: None,
            };
            write!(out, "{}", exported(paths, id, format, choice)?)?;
            Ok(())
        }
        SessionsCommand::Rename { id, title } => {
            let id = session::resolve(paths, id)?;
            session::rename(paths, &id, &title.join(" "), System.now())?;
            Ok(())
        }
        SessionsCommand::Delete { id } => {
            let id = session::resolve(paths, id)?;
            session::delete(paths, &id)?;
            writeln!(
                out,
                "{id} is in the trash; `synod sessions undo` brings it back"
            )?;
            Ok(())
        }
        SessionsCommand::Undo => {
            match session::undo_delete(paths)? {
                Some(id) => writeln!(out, "{id} is back")?,
                None => writeln!(out, "the trash is empty")?,
            }
            Ok(())
        }
        SessionsCommand::Export {
            id,
            format,
            with_parts,
            turn,
            output,
        } => {
            let choice = Choice {
                with_parts: *with_parts,
                turn: turn.map(TurnId),
            };
            let text = exported(paths, id, *format, choice)?;
            match output {
                Some(path) => {
                    write::atomically(path, text.as_bytes())?;
                    writeln!(out, "{}", path.display())?;
                }
                None => write!(out, "{text}")?,
            }
            Ok(())
        }
        SessionsCommand::Replay { id } => replay(paths, id, out),
        SessionsCommand::Path { id } => {
            let folder = paths.sessions();
            let path = match id {
                Some(id) => folder.join(format!("{}.jsonl", session::resolve(paths, id)?)),
                None => folder,
            };
            writeln!(out, "{}", path.display())?;
            Ok(())
        }
    }
}

fn code(error: &StoreError) -> i32 {
    match error {
        StoreError::Missing { .. } => 2,
        StoreError::Newer { .. } | StoreError::NotALog { .. } => 3,
        error if error.is_disk_full() => 4,
        _ => 1,
    }
}

fn exported(paths: &Paths, id: &str, format: Format, choice: Choice) -> anyhow::Result<String> {
    let id = session::resolve(paths, id)?;
    let record = log::read(paths, &id)?;
    Ok(match format {
        Format::Md => export::markdown(&id, &record, choice),
        Format::Json => {
            let value = export::json(&id, &record, choice);
            serde_json::to_string_pretty(&value)? + "\n"
        }
    })
}

fn rows(found: &[SessionInfo], out: &mut dyn Write) -> anyhow::Result<()> {
    for info in found {
        writeln!(
            out,
            "{}  {}  {:>3} {}  {}",
            info.id,
            readable(info.updated),
            info.turns,
            if info.turns == 1 { "turn " } else { "turns" },
            info.title
        )?;
        if let Some(snippet) = &info.snippet {
            writeln!(out, "    {snippet}")?;
        }
    }
    if found.is_empty() {
        writeln!(out, "no sessions")?;
    }
    Ok(())
}

fn rows_json(found: &[SessionInfo], out: &mut dyn Write) -> anyhow::Result<()> {
    let rows: Vec<_> = found
        .iter()
        .map(|info| {
            json!({
                "id": info.id,
                "title": info.title,
                "created": info.created,
                "updated": info.updated,
                "turns": info.turns,
                "preset": info.preset,
                "snippet": info.snippet,
            })
        })
        .collect();
    writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?;
    Ok(())
}

fn replay(paths: &Paths, id: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let id: SessionId = session::resolve(paths, id)?;
    let record = log::read(paths, &id)?;
    let begun = record.header.created;
    for event in &record.events {
        let since = seconds(event.at.saturating_sub(begun));
        writeln!(out, "{since} {}", serde_json::to_string(event)?)?;
    }
    Ok(())
}

/// `   12.340`: seconds with milliseconds.
fn seconds(time: Millis) -> String {
    format!("{:>6}.{:03}", time / 1000, time % 1000)
}
