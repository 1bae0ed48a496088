//! Shell and Python: programs of this machine, each shown exactly as it will run before it does.

use super::error::{ErrorKind, ToolError};
use super::process::{self, Ended};
use super::{BoxFuture, Card, Context, Effect, Tool, text};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Bytes of each output stream that are kept.
const MOST_BYTES: usize = 16 * 1024;
/// Longest run of a Python program, in milliseconds.
const PYTHON_MS: u64 = 10_000;
/// Runs a program from standard input as a prompt would: the value of a last expression is printed. Memory is bounded.
const DRIVER: &str = include_str!("../../data/tool/python-driver.py");

/// A command line, or a program with its arguments.
pub struct Shell {
    card: Card,
    folder: PathBuf,
}

impl Shell {
    pub(super) fn new(folder: PathBuf) -> Self {
        let card = Card {
            name: "shell".into(),
            description: "Runs a command line on the person's machine, after the person agreed."
                .into(),
            schema: json!({"type": "object", "additionalProperties": false, "required": ["command"],
                "properties": {"command": {"type": "string", "description": "The command line."}}}),
            effect: Effect::Runs,
        };
        Self { card, folder }
    }
}

impl Tool for Shell {
    fn card(&self) -> &Card {
        &self.card
    }

    fn subject(&self, arguments: &Value) -> String {
        text(arguments, "command").to_owned()
    }

    fn shown(&self, arguments: &Value) -> String {
        format!(
            "in {}:\n{}",
            self.folder.display(),
            text(arguments, "command")
        )
    }

    fn call<'a>(
        &'a self,
        arguments: Value,
        _context: &'a Context<'a>,
    ) -> BoxFuture<'a, Result<String, ToolError>> {
        Box::pin(async move {
            let line = text(&arguments, "command").to_owned();
            let (program, flag) = if cfg!(windows) {
                ("cmd", "/C")
            } else {
                ("/bin/sh", "-c")
            };
            let command = process::command(program, &[flag.to_owned(), line], &self.folder);
            Ok(report(&process::run(command, "", MOST_BYTES).await?))
        })
    }
}

/// A Python program.
pub struct Python {
    card: Card,
    interpreter: PathBuf,
    folder: PathBuf,
}

impl Python {
    /// None where no interpreter is found. `folder` is where programs run; it is made when it is missing.
    pub(super) fn new(folder: PathBuf) -> Option<Self> {
        let interpreter = find("python3").or_else(|| find("python"))?;
        let card = Card {
            name: "python".into(),
            description:
                "Runs a Python 3 program and returns what it prints, after the person agreed."
                    .into(),
            schema: json!({"type": "object", "additionalProperties": false, "required": ["code"],
                "properties": {"code": {"type": "string", "description": "The program."}}}),
            effect: Effect::Runs,
        };
        Some(Self {
            card,
            interpreter,
            folder,
        })
    }
}

impl Tool for Python {
    fn card(&self) -> &Card {
        &self.card
    }

    fn shown(&self, arguments: &Value) -> String {
        text(arguments, "code").to_owned()
    }

    fn time_ms(&self) -> Option<u64> {
        Some(PYTHON_MS)
    }

    fn call<'a>(
        &'a self,
        arguments: Value,
        _context: &'a Context<'a>,
    ) -> BoxFuture<'a, Result<String, ToolError>> {
        Box::pin(async move {
            let code = text(&arguments, "code");
            if code.trim().is_empty() {
                return Err(ToolError::new(ErrorKind::BadValue, "the program is empty"));
            }
            std::fs::create_dir_all(&self.folder)
                .map_err(|error| ToolError::failed(format!("no folder to run in: {error}")))?;
            let interpreter = self.interpreter.display().to_string();
            let arguments = ["-I", "-c", DRIVER].map(str::to_owned);
            let command = process::command(&interpreter, &arguments, &self.folder);
            Ok(report(&process::run(command, code, MOST_BYTES).await?))
        })
    }
}

/// A program of the search path.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file() || file.with_extension("exe").is_file()
}

/// Both streams and the exit code, as a model reads them.
fn report(ended: &Ended) -> String {
    let mut parts: Vec<String> = Vec::new();
    if !ended.stdout.trim().is_empty() {
        parts.push(ended.stdout.trim_end().to_owned());
    }
    if !ended.stderr.trim().is_empty() {
        parts.push(format!("standard error:\n{}", ended.stderr.trim_end()));
    }
    match ended.code {
        Some(0) if parts.is_empty() => parts.push("done, no output".into()),
        Some(0) => {}
        Some(code) => parts.push(format!("exit code {code}")),
        None => parts.push("ended by a signal".into()),
    }
    parts.join("\n")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::domain::cancel::Cancel;
    use crate::tool::Nobody;

    async fn call(tool: &dyn Tool, arguments: Value) -> String {
        let context = Context {
            cancel: Cancel::new(),
            person: &Nobody,
        };
        tool.call(arguments, &context).await.unwrap()
    }

    #[tokio::test]
    async fn a_shell_reports_output_and_code() {
        let shell = Shell::new("/".into());
        assert_eq!(
            call(&shell, json!({"command": "echo a; false"})).await,
            "a\nexit code 1"
        );
        assert_eq!(
            call(&shell, json!({"command": "true"})).await,
            "done, no output"
        );
        assert_eq!(shell.shown(&json!({"command": "ls -l"})), "in /:\nls -l");
    }

    #[tokio::test]
    async fn python_prints_a_last_expression() {
        let folder = tempfile::tempdir().unwrap();
        let Some(python) = Python::new(folder.path().join("new")) else {
            return;
        };
        for (code, result) in [
            ("x = 6\nx * 7", "42"),
            ("print('hi')", "hi"),
            ("x = 1", "done, no output"),
            ("'a' + 'b'", "'ab'"),
        ] {
            assert_eq!(
                call(&python, json!({ "code": code })).await,
                result,
                "{code}"
            );
        }
        let wrong = call(&python, json!({"code": "1/0"})).await;
        assert!(
            wrong.contains("ZeroDivisionError") && wrong.ends_with("exit code 1"),
            "{wrong}"
        );
    }
}
