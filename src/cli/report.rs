//! The report of a run over many items: to standard output, as text or as JSON; why a run was given up, to standard error.

use serde::Serialize;
use std::fmt::Display;
use std::io::{self, Write};

/// Shows a report; `given_up` is what ended the run before its items did.
///
/// # Errors
///
/// When output cannot be written.
pub fn show<R: Serialize + Display>(
    report: &R,
    is_json: bool,
    given_up: Option<&impl Display>,
) -> anyhow::Result<()> {
    let mut out = io::stdout();
    if is_json {
        serde_json::to_writer(&mut out, report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    if let Some(reason) = given_up {
        writeln!(
            io::stderr(),
            "synod: nothing answered, so the run was given up: {reason}"
        )?;
    }
    Ok(())
}
