//! Files under the allowed folders: read, list, search. Nothing is ever written.

use super::error::{ErrorKind, ToolError};
use super::roots::{Inside, Roots, is_secret, reason};
use super::{BoxFuture, Card, Context, Effect, Tool, count, text};
use crate::domain::cancel::Cancel;
use fancy_regex::{Regex, RegexBuilder};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most bytes of one read.
const MOST_BYTES: usize = 64 * 1024;
/// Most entries of a list.
const MOST_ENTRIES: usize = 2_000;
/// Most places a search returns.
const MOST_HITS: usize = 100;
/// Files larger than this are not searched.
const SEARCHED_BYTES: u64 = 4 << 20;
/// Bytes in which a zero tells a binary file.
const LOOKED_AT: usize = 8 * 1024;
/// Steps of the expression's engine on one line.
const BACKTRACK: usize = 10_000;
/// Characters of a line in a search's result.
const LINE: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Read,
    List,
    Search,
}

/// One of the three tools over the allowed folders.
pub struct FileTool {
    card: Card,
    act: Act,
    roots: Arc<Roots>,
}

/// `read_file`, `list_dir`, `search_files`.
pub(super) fn tools(roots: &Arc<Roots>) -> Vec<FileTool> {
    let tool = |act, name: &str, description: &str, properties: Value, required: &[&str]| {
        FileTool {
            card: Card {
                name: name.into(),
                description: description.into(),
                schema: json!({"type": "object", "additionalProperties": false, "required": required,
                "properties": properties}),
                effect: Effect::Reads(roots.words()),
            },
            act,
            roots: Arc::clone(roots),
        }
    };
    let path = json!({"type": "string", "description": "Below the allowed folder."});
    let count = |words: &str| json!({"type": "integer", "minimum": 0, "description": words});
    vec![
        tool(
            Act::Read,
            "read_file",
            "Reads a text file.",
            json!({"path": path.clone(), "offset": count("Start at this byte."), "max_bytes": count("Read at most so many bytes.")}),
            &["path"],
        ),
        tool(
            Act::List,
            "list_dir",
            "Lists a folder.",
            json!({"path": path.clone(), "depth": count("How many folders deep; 1 when absent.")}),
            &[],
        ),
        tool(
            Act::Search,
            "search_files",
            "Finds lines that match a regular expression in the text files of a folder.",
            json!({"pattern": {"type": "string", "description": "The expression."}, "path": path}),
            &["pattern"],
        ),
    ]
}

impl Tool for FileTool {
    fn card(&self) -> &Card {
        &self.card
    }

    fn call<'a>(
        &'a self,
        arguments: Value,
        context: &'a Context<'a>,
    ) -> BoxFuture<'a, Result<String, ToolError>> {
        let roots = Arc::clone(&self.roots);
        let act = self.act;
        // A child falls with the call, so that a search whose call is dropped ends too.
        let cancel = context.cancel.child();
        let guard = CancelOnDrop(cancel.clone());
        Box::pin(async move {
            let work = tokio::task::spawn_blocking(move || match act {
                Act::Read => read(&roots, &arguments),
                Act::List => list(&roots, &arguments, &cancel),
                Act::Search => search(&roots, &arguments, &cancel),
            });
            let result = work.await;
            drop(guard);
            result.unwrap_or_else(|error| Err(ToolError::failed(error.to_string())))
        })
    }
}

struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn read(roots: &Roots, arguments: &Value) -> Result<String, ToolError> {
    let path = text(arguments, "path");
    let inside = roots.resolve(path)?;
    if !inside.path.is_file() {
        let message = format!("{path} is no file; list_dir shows folders");
        return Err(ToolError::new(ErrorKind::BadValue, message));
    }
    let offset = arguments.get("offset").and_then(Value::as_u64).unwrap_or(0);
    let most = count(arguments, "max_bytes")
        .unwrap_or(MOST_BYTES)
        .min(MOST_BYTES);
    let (bytes, whole) = part(&inside, offset, most)
        .map_err(|error| ToolError::failed(format!("{path}: {}", reason(&error))))?;
    if is_binary(&bytes) {
        let message = format!("{path} is no text file ({whole} bytes)");
        return Err(ToolError::new(ErrorKind::BadValue, message));
    }
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    let end = offset + bytes.len() as u64;
    if end < whole {
        text.push_str(&format!(
            "\n[… {} more bytes; read on with offset {end} …]",
            whole - end
        ));
    }
    Ok(text)
}

fn part(inside: &Inside, offset: u64, most: usize) -> std::io::Result<(Vec<u8>, u64)> {
    let mut file = inside.open()?;
    let whole = file.metadata()?.len();
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(most as u64).read_to_end(&mut bytes)?;
    Ok((bytes, whole))
}

fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(LOOKED_AT)].contains(&0)
}

fn list(roots: &Roots, arguments: &Value, cancel: &Cancel) -> Result<String, ToolError> {
    let inside = folder(roots, arguments)?;
    let depth = count(arguments, "depth").unwrap_or(1).clamp(1, 8);
    let mut lines = Vec::new();
    walk(&inside.path, depth, cancel, &mut |path, is_folder| {
        let name = path.strip_prefix(&inside.path).unwrap_or(path).display();
        if is_folder {
            lines.push(format!("{name}/"));
        } else {
            let size = fs::symlink_metadata(path).map_or(0, |data| data.len());
            lines.push(format!("{name} ({size} bytes)"));
        }
        lines.len() < MOST_ENTRIES
    });
    if lines.len() == MOST_ENTRIES {
        lines.push(format!("[… only the first {MOST_ENTRIES} …]"));
    }
    if lines.is_empty() {
        return Ok("the folder is empty".into());
    }
    Ok(lines.join("\n"))
}

fn search(roots: &Roots, arguments: &Value, cancel: &Cancel) -> Result<String, ToolError> {
    let pattern = text(arguments, "pattern");
    let expression: Regex = RegexBuilder::new(pattern)
        .backtrack_limit(BACKTRACK)
        .build()
        .map_err(|error| {
            ToolError::new(
                ErrorKind::BadValue,
                format!("pattern \"{pattern}\": {error}"),
            )
        })?;
    let inside = folder(roots, arguments)?;
    let mut hits: Vec<String> = Vec::new();
    walk(&inside.path, usize::MAX, cancel, &mut |path, is_folder| {
        if !is_folder {
            hits.extend(hits_in(&inside, path, &expression, MOST_HITS - hits.len()));
        }
        hits.len() < MOST_HITS
    });
    if hits.is_empty() {
        return Ok(format!("nothing matches {pattern}"));
    }
    if hits.len() == MOST_HITS {
        hits.push(format!("[… only the first {MOST_HITS} …]"));
    }
    Ok(hits.join("\n"))
}

fn folder(roots: &Roots, arguments: &Value) -> Result<Inside, ToolError> {
    let path = match text(arguments, "path") {
        "" => ".",
        path => path,
    };
    let inside = roots.resolve(path)?;
    if inside.path.is_dir() {
        return Ok(inside);
    }
    let message = format!("{path} is no folder; read_file reads files");
    Err(ToolError::new(ErrorKind::BadValue, message))
}

/// Visits what lies under a folder, in order of names. Links and names that hold secrets are passed over, so a walk never
/// leaves the folder. The visitor says whether to go on.
fn walk(
    folder: &Path,
    depth: usize,
    cancel: &Cancel,
    visit: &mut dyn FnMut(&Path, bool) -> bool,
) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return true;
    };
    let mut entries: Vec<(PathBuf, fs::FileType)> = entries
        .flatten()
        .filter(|entry| !is_secret(&entry.file_name().to_string_lossy()))
        .filter_map(|entry| Some((entry.path(), entry.file_type().ok()?)))
        .filter(|(_, kind)| kind.is_dir() || kind.is_file())
        .collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (path, kind) in entries {
        if cancel.is_cancelled() || !visit(&path, kind.is_dir()) {
            return false;
        }
        if kind.is_dir() && depth > 1 && !walk(&path, depth - 1, cancel, visit) {
            return false;
        }
    }
    true
}

fn hits_in(folder: &Inside, path: &Path, expression: &Regex, most: usize) -> Vec<String> {
    let inside = Inside {
        root: folder.root.clone(),
        path: path.to_owned(),
    };
    let Ok((bytes, _)) = part(
        &inside,
        0,
        usize::try_from(SEARCHED_BYTES).unwrap_or(usize::MAX),
    ) else {
        return Vec::new();
    };
    if is_binary(&bytes) {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let name = inside.shown();
    text.lines()
        .enumerate()
        .filter(|(_, line)| expression.is_match(line).unwrap_or(false))
        .take(most)
        .map(|(number, line)| {
            let line: String = line.trim().chars().take(LINE).collect();
            format!("{name}:{}: {line}", number + 1)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots() -> (tempfile::TempDir, Roots) {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        fs::create_dir_all(base.join("open/deep")).unwrap();
        fs::create_dir_all(base.join("opened")).unwrap();
        fs::write(base.join("secret.txt"), "hidden").unwrap();
        fs::write(base.join("opened/x.txt"), "hidden").unwrap();
        fs::write(base.join("open/a.txt"), "one\ntwo 22\n").unwrap();
        fs::write(base.join("open/deep/b.txt"), "three 33").unwrap();
        fs::write(base.join("open/.env"), "KEY=hidden").unwrap();
        fs::write(base.join("open/data.bin"), [1, 0, 2]).unwrap();
        let (roots, problems) = Roots::new(&["open".into()], base);
        assert!(problems.is_empty());
        (folder, roots)
    }

    fn denied(roots: &Roots, path: &str) {
        let error = read(roots, &json!({ "path": path })).unwrap_err();
        assert_eq!(error.kind, ErrorKind::DeniedByRule, "{path}: {error}");
        assert!(!error.message.contains("hidden"));
    }

    #[test]
    fn files_under_a_root_are_read_listed_and_searched() {
        let (_folder, roots) = roots();
        let whole = read(&roots, &json!({"path": "a.txt"})).unwrap();
        assert_eq!(whole, "one\ntwo 22\n");
        let part = read(
            &roots,
            &json!({"path": "a.txt", "offset": 4, "max_bytes": 3}),
        )
        .unwrap();
        assert_eq!(part, "two\n[… 4 more bytes; read on with offset 7 …]");
        let cancel = Cancel::new();
        let listed = list(&roots, &json!({"depth": 2}), &cancel).unwrap();
        assert_eq!(
            listed,
            "a.txt (11 bytes)\ndata.bin (3 bytes)\ndeep/\ndeep/b.txt (8 bytes)"
        );
        let found = search(&roots, &json!({"pattern": r"\d\d$"}), &cancel).unwrap();
        assert_eq!(found, "a.txt:2: two 22\ndeep/b.txt:1: three 33");
        let binary = read(&roots, &json!({"path": "data.bin"})).unwrap_err();
        assert_eq!(binary.kind, ErrorKind::BadValue);
        let missing = read(&roots, &json!({"path": "nope.txt"})).unwrap_err();
        assert_eq!(missing.kind, ErrorKind::NotFound);
        assert!(search(&roots, &json!({"pattern": "("}), &cancel).is_err());
    }

    #[test]
    fn climbing_out_is_refused() {
        let (folder, roots) = roots();
        for path in [
            "../secret.txt",
            "deep/../../secret.txt",
            "../opened/x.txt",
            "../nothing-there",
            "/etc/hostname",
            ".env",
            "deep/../.env",
        ] {
            denied(&roots, path);
        }
        denied(
            &roots,
            &folder.path().join("secret.txt").display().to_string(),
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_out_are_refused_and_not_followed() {
        use std::os::unix::fs::symlink;
        let (folder, roots) = roots();
        let open = folder.path().join("open");
        symlink("../secret.txt", open.join("link.txt")).unwrap();
        symlink("..", open.join("up")).unwrap();
        symlink("a.txt", open.join("same.txt")).unwrap();
        symlink(".env", open.join("plain.txt")).unwrap();
        denied(&roots, "link.txt");
        denied(&roots, "up/secret.txt");
        denied(&roots, "plain.txt");
        assert!(
            read(&roots, &json!({"path": "same.txt"})).is_ok(),
            "a link inside is fine"
        );
        let cancel = Cancel::new();
        let listed = list(&roots, &json!({"depth": 4}), &cancel).unwrap();
        assert!(
            !listed.contains("secret") && !listed.contains("up"),
            "{listed}"
        );
        let found = search(&roots, &json!({"pattern": "hidden"}), &cancel).unwrap();
        assert!(found.starts_with("nothing"), "{found}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_link_put_there_after_the_check_is_not_opened() {
        use std::os::unix::fs::symlink;
        let (folder, roots) = roots();
        let inside = roots.resolve("a.txt").unwrap();
        let path = folder.path().join("open/a.txt");
        fs::remove_file(&path).unwrap();
        symlink("../secret.txt", &path).unwrap();
        let read = part(&inside, 0, 99);
        assert!(
            read.as_ref()
                .is_err_and(|error| error.raw_os_error().is_some()),
            "{read:?}"
        );
    }
}
