//! The person's own editor on a text: a private temporary file, `$VISUAL` or `$EDITOR`, the text read back.
//!
//! The caller suspends the session around it. The file is readable by its owner alone and removed afterwards.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// What can go wrong with an external editor.
#[derive(Debug, thiserror::Error)]
pub enum EditorError {
    #[error("writing the text for the editor to {0}: {1}")]
    Write(PathBuf, #[source] io::Error),
    #[error("starting the editor \"{0}\": {1}; set VISUAL or EDITOR")]
    Start(String, #[source] io::Error),
    #[error("the editor \"{0}\" ended with {1}; the text is as before")]
    Ended(String, ExitStatus),
    #[error("reading the text back from {0}: {1}")]
    Read(PathBuf, #[source] io::Error),
}

/// `$VISUAL`, `$EDITOR`, or `vi` (`notepad` on Windows), with its arguments.
#[must_use]
pub fn command() -> Vec<String> {
    ["VISUAL", "EDITOR"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .map(|value| split(&value))
        .find(|words| !words.is_empty())
        .unwrap_or_else(|| vec![if cfg!(windows) { "notepad" } else { "vi" }.to_owned()])
}

/// Words of a command line; quotes keep spaces together, as in `"/opt/My Editor/bin" --wait`.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut is_word = false;
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                is_word = true;
            }
            (None, space) if space.is_whitespace() => {
                if std::mem::take(&mut is_word) {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => {
                word.push(letter);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}

/// Runs `command` on the text and returns what it left. One line end at the end is the editor's, not the person's.
pub fn edit(command: &[String], text: &str) -> Result<String, EditorError> {
    let file = Private::with(text)?;
    run(command, &file.path)?;
    let edited = fs::read_to_string(&file.path)
        .map_err(|error| EditorError::Read(file.path.clone(), error))?;
    let edited = edited.replace("\r\n", "\n");
    Ok(edited.strip_suffix('\n').unwrap_or(&edited).to_owned())
}

/// Runs `command` on the text and forgets what it did to it.
pub fn view(command: &[String], text: &str) -> Result<(), EditorError> {
    let file = Private::with(text)?;
    run(command, &file.path)
}

/// Runs `command` on a file of the person's own.
pub fn edit_file(command: &[String], path: &Path) -> Result<(), EditorError> {
    run(command, path)
}

fn run(command: &[String], path: &Path) -> Result<(), EditorError> {
    let mut words = command.iter();
    let program = words.next().map_or("vi", String::as_str);
    let status = Command::new(program)
        .args(words)
        .arg(path)
        .status()
        .map_err(|error| EditorError::Start(program.to_owned(), error))?;
    if status.success() {
        Ok(())
    } else {
        Err(EditorError::Ended(program.to_owned(), status))
    }
}

/// A file of our own in the temporary folder, removed when dropped.
struct Private {
    path: PathBuf,
}

impl Private {
    fn with(text: &str) -> Result<Self, EditorError> {
        let (path, mut file) = create().map_err(|(path, error)| EditorError::Write(path, error))?;
        let private = Self { path };
        file.write_all(text.as_bytes())
            .map_err(|error| EditorError::Write(private.path.clone(), error))?;
        Ok(private)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A new file, never one that is there; the name ends so that editors show Markdown.
fn create() -> Result<(PathBuf, fs::File), (PathBuf, io::Error)> {
    let mut attempt = 0_u32;
    loop {
        let mut name = OsString::from("synod-");
        name.push(format!("{}-{attempt}.md", std::process::id()));
        let path = std::env::temp_dir().join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        match options.open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => {
                attempt += 1;
            }
            Err(error) => return Err((path, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line)
    }

    #[test]
    fn a_command_line_keeps_quoted_spaces() {
        assert_eq!(words("code --wait"), ["code", "--wait"]);
        assert_eq!(
            words("\"/opt/My Editor/bin\"  -n"),
            ["/opt/My Editor/bin", "-n"]
        );
        assert!(words("  ").is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn the_edited_text_comes_back_from_a_private_file() {
        let script = "test \"$(stat -c %a \"$1\" 2>/dev/null || stat -f %Lp \"$1\")\" = 600 && printf 'more\\n' >> \"$1\"";
        let command: Vec<String> = ["sh", "-c", script, "editor"].map(String::from).to_vec();
        assert_eq!(edit(&command, "draft ").unwrap(), "draft more");
    }

    #[cfg(unix)]
    #[test]
    fn a_failing_editor_is_named() {
        let error = edit(&["false".to_owned()], "draft").unwrap_err();
        assert!(error.to_string().contains("\"false\""), "{error}");
        let error = edit(&["no-such-editor-here".to_owned()], "draft").unwrap_err();
        assert!(error.to_string().contains("VISUAL"), "{error}");
    }
}
