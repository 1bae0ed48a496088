//! Notes that outlast a conversation: one file of JSON lines in a folder that is handed in, only ever appended to.

use super::error::{ErrorKind, ToolError};
use super::{BoxFuture, Card, Context, Effect, Tool, count, text};
use crate::domain::clock::{Clock, Millis};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind as IoKind, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Longest note, in bytes.
const LONGEST: usize = 4096;
/// Size up to which notes are added, in bytes.
const MOST: u64 = 1 << 20;
/// Notes that a list shows when no number is asked for.
const SHOWN: usize = 20;
/// Characters of a note in a list.
const LINE: usize = 80;

/// One note.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub id: u64,
    pub time: Millis,
    pub text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// The file of notes.
pub struct Notebook {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    /// Two calls of one program must not give the same number.
    writing: Mutex<()>,
}

impl Notebook {
    /// Nothing is created before the first note.
    #[must_use]
    pub fn new(folder: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self {
            folder,
            clock,
            writing: Mutex::default(),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("notes.jsonl")
    }

    /// All notes, the oldest first; lines that cannot be read are left out.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn all(&self) -> Result<Vec<Note>, ToolError> {
        let file = self.file();
        match fs::read_to_string(&file) {
            Ok(text) => Ok(text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect()),
            Err(error) if error.kind() == IoKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(ToolError::failed(format!("cannot read the notes: {error}"))),
        }
    }

    /// Adds a note; its number.
    ///
    /// # Errors
    ///
    /// When it is empty or too long, the notes are full, or the disk refuses.
    pub fn write(&self, text: &str, tags: Vec<String>) -> Result<u64, ToolError> {
        let text = text.trim();
        if text.is_empty() || text.len() > LONGEST {
            let message = format!("a note has 1 to {LONGEST} bytes, this one {}", text.len());
            return Err(ToolError::new(ErrorKind::BadValue, message));
        }
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.file();
        if fs::metadata(&file).is_ok_and(|data| data.len() > MOST) {
            return Err(ToolError::failed("the notes are full (1 MiB)"));
        }
        let id = self.all()?.last().map_or(1, |note| note.id + 1);
        let note = Note {
            id,
            time: self.clock.now(),
            text: text.to_owned(),
            tags,
        };
        let append = || -> std::io::Result<()> {
            fs::create_dir_all(&self.folder)?;
            let mut line = serde_json::to_string(&note)?;
            line.push('\n');
            let mut file = OpenOptions::new().create(true).append(true).open(&file)?;
            file.write_all(line.as_bytes())
        };
        append().map_err(|error| ToolError::failed(format!("cannot write the note: {error}")))?;
        Ok(id)
    }
}

/// What a notes tool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Write,
    Read,
    List,
    Search,
}

/// One of the four tools over a notebook.
pub struct NoteTool {
    card: Card,
    act: Act,
    book: Arc<Notebook>,
}

/// `note_write`, `note_read`, `note_list`, `note_search`.
pub(super) fn tools(book: &Arc<Notebook>) -> Vec<NoteTool> {
    let tool = |act, name: &str, description: &str, schema, effect| NoteTool {
        card: Card {
            name: name.into(),
            description: description.into(),
            schema,
            effect,
        },
        act,
        book: Arc::clone(book),
    };
    let reads = || Effect::Reads("the notes".into());
    let object = |properties: Value, required: &[&str]| json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties});
    let limit = json!({"type": "integer", "minimum": 1, "description": "At most so many."});
    vec![
        tool(
            Act::Write,
            "note_write",
            "Keeps a note for later conversations.",
            object(
                json!({"text": {"type": "string", "description": "The note."},
                    "tags": {"type": "array", "items": {"type": "string"}, "description": "Words to find it by."}}),
                &["text"],
            ),
            Effect::WritesNotes,
        ),
        tool(
            Act::Read,
            "note_read",
            "Reads one note by its number, or the latest ones.",
            object(
                json!({"id": {"type": "integer", "description": "The number of the note."}, "limit": limit.clone()}),
                &[],
            ),
            reads(),
        ),
        tool(
            Act::List,
            "note_list",
            "Lists the notes, the latest first: number, first words, tags.",
            object(json!({"limit": limit.clone()}), &[]),
            reads(),
        ),
        tool(
            Act::Search,
            "note_search",
            "Finds the notes that contain all given words.",
            object(
                json!({"query": {"type": "string", "description": "Words to look for."}, "limit": limit}),
                &["query"],
            ),
            reads(),
        ),
    ]
}

impl Tool for NoteTool {
    fn card(&self) -> &Card {
        &self.card
    }

    fn call<'a>(
        &'a self,
        arguments: Value,
        _context: &'a Context<'a>,
    ) -> BoxFuture<'a, Result<String, ToolError>> {
        Box::pin(std::future::ready(self.act(&arguments)))
    }
}

impl NoteTool {
    fn act(&self, arguments: &Value) -> Result<String, ToolError> {
        if self.act == Act::Write {
            let tags = arguments.get("tags").and_then(Value::as_array);
            let tags = tags
                .into_iter()
                .flatten()
                .filter_map(|tag| Some(tag.as_str()?.to_owned()))
                .collect();
            let id = self.book.write(text(arguments, "text"), tags)?;
            return Ok(format!("kept as note {id}"));
        }
        let most = count(arguments, "limit").unwrap_or(SHOWN);
        let mut notes = self.book.all()?;
        notes.reverse();
        match self.act {
            Act::Read => {
                if let Some(id) = arguments.get("id").and_then(Value::as_u64) {
                    notes.retain(|note| note.id == id);
                    if notes.is_empty() {
                        let message = format!("there is no note {id}; note_list shows them");
                        return Err(ToolError::new(ErrorKind::NotFound, message));
                    }
                }
            }
            Act::Search => {
                let words: Vec<String> = text(arguments, "query")
                    .split_whitespace()
                    .map(str::to_lowercase)
                    .collect();
                notes.retain(|note| {
                    let whole = format!("{} {}", note.text, note.tags.join(" ")).to_lowercase();
                    words.iter().all(|word| whole.contains(word))
                });
            }
            Act::Write | Act::List => {}
        }
        notes.truncate(most);
        if notes.is_empty() {
            return Ok("no notes".into());
        }
        let is_list = self.act == Act::List;
        let lines: Vec<String> = notes.iter().map(|note| shown(note, is_list)).collect();
        Ok(lines.join("\n"))
    }
}

fn shown(note: &Note, is_line: bool) -> String {
    let mut text = note.text.clone();
    if is_line && (text.chars().count() > LINE || text.contains('\n')) {
        text = text.replace('\n', " ").chars().take(LINE).collect();
        text.push('…');
    }
    let tags: String = note.tags.iter().map(|tag| format!(" #{tag}")).collect();
    format!("{}: {text}{tags}", note.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Manual;

    #[test]
    fn notes_are_kept_listed_found_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let book = Arc::new(Notebook::new(path.clone(), Arc::new(Manual::at(7))));
        let tools = tools(&book);
        let act = |index: usize, arguments: Value| tools[index].act(&arguments);
        assert_eq!(act(2, json!({})).unwrap(), "no notes");
        let long = "Buy milk\nand eggs";
        assert_eq!(
            act(0, json!({"text": long, "tags": ["home"]})).unwrap(),
            "kept as note 1"
        );
        assert_eq!(
            act(0, json!({"text": "Call Ada"})).unwrap(),
            "kept as note 2"
        );
        assert_eq!(
            act(2, json!({})).unwrap(),
            "2: Call Ada\n1: Buy milk and eggs… #home"
        );
        assert_eq!(act(2, json!({"limit": 1})).unwrap(), "2: Call Ada");
        assert_eq!(
            act(3, json!({"query": "MILK home"})).unwrap(),
            format!("1: {long} #home")
        );
        assert_eq!(
            act(1, json!({"id": 1})).unwrap(),
            format!("1: {long} #home")
        );
        assert_eq!(
            act(1, json!({"id": 9})).unwrap_err().kind,
            ErrorKind::NotFound
        );
        assert_eq!(
            act(0, json!({"text": " "})).unwrap_err().kind,
            ErrorKind::BadValue
        );
        let again = Notebook::new(path, Arc::new(Manual::at(8)));
        assert_eq!(
            again.all().unwrap()[1].text,
            "Call Ada",
            "they outlast the program"
        );
    }
}
