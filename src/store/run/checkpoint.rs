//! Checkpoints: folders that are whole or not there.
//!
//! A job saves into a temporary folder; it is synced, gets a card, and is renamed to the number of units done. Newest and best
//! stay, others go. What a killed process left half-written carries another name and is removed at the next opening.

use super::folder::bytes_of;
use crate::store::error::StoreError;
use crate::store::write::{self, sync_folder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The card's name in a checkpoint; jobs use other names.
const CARD: &str = "card.json";
/// How names of unfinished checkpoints begin.
const UNFINISHED: &str = ".new-";

/// What a checkpoint is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Marks {
    /// The best so far; kept when newer ones come.
    pub is_best: bool,
    /// No step follows: only the results are to be made.
    pub is_last: bool,
}

/// A checkpoint on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    pub path: PathBuf,
    /// Units done.
    pub done: u64,
    pub bytes: u64,
    pub marks: Marks,
    /// The job's own format version.
    pub format: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Card {
    done: u64,
    format: u32,
    program: String,
    #[serde(flatten)]
    marks: Marks,
    /// Bytes by file.
    files: BTreeMap<String, u64>,
}

/// The checkpoints of one run.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
    format: u32,
}

impl Checkpoints {
    /// Those in `folder`, written and read by a job of this format.
    #[must_use]
    pub fn new(folder: PathBuf, format: u32) -> Checkpoints {
        Checkpoints { folder, format }
    }

    /// Removes what was left half-written. To be called with the run's lock held.
    pub fn clean(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                // What cannot be removed is never read either.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Saves a state: `save` fills the folder it is given. A state that is on disk already is marked only.
    ///
    /// # Errors
    /// What `save` answers, or when the disk refuses; older checkpoints stay as they are then.
    pub fn write<E: From<StoreError>>(
        &self,
        done: u64,
        marks: Marks,
        save: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<Saved, E> {
        let path = self.folder.join(format!("{done:010}"));
        if let Some(saved) = self.read(&path) {
            return Ok(self.mark(saved, marks)?);
        }
        let temporary = self.folder.join(format!("{UNFINISHED}{done:010}"));
        let written = self
            .begin(&temporary)
            .map_err(E::from)
            .and_then(|()| save(&temporary))
            .and_then(|()| Ok(self.complete(&temporary, &path, done, marks)?));
        if written.is_err() {
            // On a full disk this gives the space back.
            let _ = fs::remove_dir_all(&temporary);
        }
        let saved = written?;
        self.forget_others(&saved);
        Ok(saved)
    }

    fn begin(&self, temporary: &Path) -> Result<(), StoreError> {
        let _ = fs::remove_dir_all(temporary);
        fs::create_dir_all(temporary).map_err(StoreError::io("create the folder", temporary))
    }

    fn complete(
        &self,
        temporary: &Path,
        path: &Path,
        done: u64,
        marks: Marks,
    ) -> Result<Saved, StoreError> {
        let mut files = BTreeMap::new();
        sync_all(temporary, temporary, &mut files)?;
        let card = Card {
            done,
            format: self.format,
            program: env!("CARGO_PKG_VERSION").into(),
            marks,
            files,
        };
        write_card(temporary, &card)?;
        let _ = fs::remove_dir_all(path);
        fs::rename(temporary, path).map_err(StoreError::io("write", path))?;
        sync_folder(&self.folder);
        Ok(saved(path, card))
    }

    fn mark(&self, saved: Saved, marks: Marks) -> Result<Saved, StoreError> {
        let together = Marks {
            is_best: saved.marks.is_best || marks.is_best,
            is_last: saved.marks.is_last || marks.is_last,
        };
        if together != saved.marks
            && let Some(mut card) = read_card(&saved.path)
        {
            card.marks = together;
            write_card(&saved.path, &card)?;
        }
        Ok(Saved {
            marks: together,
            ..saved
        })
    }

    /// The newest whole checkpoint.
    #[must_use]
    pub fn newest(&self) -> Option<Saved> {
        self.all().pop()
    }

    /// The newest of those marked as best.
    #[must_use]
    pub fn best(&self) -> Option<Saved> {
        self.all().into_iter().rfind(|saved| saved.marks.is_best)
    }

    /// All whole ones, the newest last.
    #[must_use]
    pub fn all(&self) -> Vec<Saved> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut all: Vec<Saved> = entries
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
            .filter_map(|entry| self.read(&entry.path()))
            .collect();
        all.sort_by_key(|saved| saved.done);
        all
    }

    /// A checkpoint whose files are all there in their lengths.
    fn read(&self, path: &Path) -> Option<Saved> {
        let card = read_card(path)?;
        let is_whole = card.files.iter().all(|(name, bytes)| {
            fs::metadata(path.join(name)).is_ok_and(|metadata| metadata.len() == *bytes)
        });
        is_whole.then(|| saved(path, card))
    }

    /// Keeps this one and the best; the rest goes.
    fn forget_others(&self, newest: &Saved) {
        let best = self.best().map(|best| best.path);
        for other in self.all() {
            if other.path != newest.path && Some(&other.path) != best.as_ref() {
                let _ = fs::remove_dir_all(&other.path);
            }
        }
    }
}

fn saved(path: &Path, card: Card) -> Saved {
    Saved {
        path: path.to_path_buf(),
        done: card.done,
        bytes: bytes_of(path),
        marks: card.marks,
        format: card.format,
    }
}

fn read_card(path: &Path) -> Option<Card> {
    serde_json::from_slice(&fs::read(path.join(CARD)).ok()?).ok()
}

fn write_card(path: &Path, card: &Card) -> Result<(), StoreError> {
    let text = serde_json::to_vec_pretty(card)
        .map_err(|error| StoreError::Invalid(format!("a checkpoint's card: {error}")))?;
    write::atomically(&path.join(CARD), &text)
}

/// Syncs all files below a folder and notes their lengths by their names within `root`.
fn sync_all(
    root: &Path,
    folder: &Path,
    files: &mut BTreeMap<String, u64>,
) -> Result<(), StoreError> {
    let entries = fs::read_dir(folder).map_err(StoreError::io("read the folder", folder))?;
    for entry in entries {
        let path = entry
            .map_err(StoreError::io("read the folder", folder))?
            .path();
        if path.is_dir() {
            sync_all(root, &path, files)?;
            continue;
        }
        let synced = File::open(&path).and_then(|file| {
            file.sync_all()?;
            file.metadata()
        });
        let length = synced.map_err(StoreError::io("write", &path))?.len();
        let name = path.strip_prefix(root).unwrap_or(&path);
        files.insert(name.to_string_lossy().into_owned(), length);
    }
    sync_folder(folder);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save(text: &'static str) -> impl FnOnce(&Path) -> Result<(), StoreError> {
        move |folder| {
            let path = folder.join("state");
            fs::write(&path, text).map_err(StoreError::io("write", &path))
        }
    }

    fn best() -> Marks {
        Marks {
            is_best: true,
            is_last: false,
        }
    }

    #[test]
    fn newest_and_best_stay() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Checkpoints::new(folder.path().to_path_buf(), 1);
        kept.write(1, Marks::default(), save("a")).unwrap();
        kept.write(2, best(), save("b")).unwrap();
        kept.write(3, Marks::default(), save("c")).unwrap();
        kept.write(4, Marks::default(), save("d")).unwrap();
        let done: Vec<u64> = kept.all().iter().map(|saved| saved.done).collect();
        assert_eq!(done, [2, 4]);
        kept.write(4, best(), save("never called")).unwrap();
        assert_eq!(kept.best().map(|saved| saved.done), Some(4));
        let state = fs::read_to_string(kept.newest().unwrap().path.join("state")).unwrap();
        assert_eq!(state, "d");
    }

    #[test]
    fn what_is_half_written_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Checkpoints::new(folder.path().to_path_buf(), 1);
        kept.write(5, Marks::default(), save("five")).unwrap();
        // A kill while saving, a kill before the card, a file that lost its end.
        let unfinished = folder.path().join(".new-0000000006");
        fs::create_dir(&unfinished).unwrap();
        fs::create_dir(folder.path().join("0000000007")).unwrap();
        kept.write(8, Marks::default(), save("eight")).unwrap();
        fs::write(folder.path().join("0000000008/state"), "ei").unwrap();
        kept.clean();
        assert!(!unfinished.exists());
        assert_eq!(kept.newest(), None, "five went when eight was whole");
        kept.write(9, Marks::default(), save("nine")).unwrap();
        assert_eq!(kept.newest().map(|saved| saved.done), Some(9));
    }

    #[test]
    fn an_error_leaves_the_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Checkpoints::new(folder.path().to_path_buf(), 1);
        kept.write(1, Marks::default(), save("a")).unwrap();
        let full = |_: &Path| Err(StoreError::Invalid("no space".into()));
        assert!(kept.write(2, Marks::default(), full).is_err());
        assert_eq!(kept.newest().map(|saved| saved.done), Some(1));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
