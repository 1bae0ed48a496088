//! The files that belong to one model in the models folder, and the step that makes a download a model.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Names of one model's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The model itself: complete and checked, or absent.
    pub file: PathBuf,
    /// What has been received so far; a download continues behind it.
    pub part: PathBuf,
    /// The server's mark (`ETag`) of the file that `part` is the beginning of.
    pub tag: PathBuf,
    /// The checksum found when the download was complete, as `sha256sum` writes it.
    pub sum: PathBuf,
    /// Held while a program fetches the model.
    pub lock: PathBuf,
    /// Working folder of sources that need one; emptied before and after.
    pub work: PathBuf,
}

impl Place {
    /// `file` is a checked plain file name.
    #[must_use]
    pub fn new(models: &Path, file: &str) -> Self {
        Self {
            file: models.join(file),
            part: models.join(format!("{file}.part")),
            tag: models.join(format!("{file}.part.etag")),
            sum: models.join(format!("{file}.sha256")),
            lock: models.join(format!(".{file}.lock")),
            work: models.join(format!(".{file}.work")),
        }
    }

    /// Bytes received so far.
    #[must_use]
    pub fn part_bytes(&self) -> u64 {
        std::fs::metadata(&self.part).map_or(0, |meta| meta.len())
    }

    /// Makes the complete and checked file `from` the model: on disk for certain, then under its name in one step.
    pub fn settle(&self, from: &Path, sha256: &str) -> io::Result<()> {
        File::open(from)?.sync_all()?;
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        std::fs::write(&self.sum, format!("{sha256}  {name}\n"))?;
        std::fs::rename(from, &self.file)?;
        if let Some(folder) = self.file.parent() {
            // Not every platform can sync a folder; the rename is then only as safe as that platform makes it.
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        remove_if_there(&self.part)?;
        remove_if_there(&self.tag)
    }

    /// Forgets what has been received.
    pub fn discard_part(&self) -> io::Result<()> {
        remove_if_there(&self.part)?;
        remove_if_there(&self.tag)
    }

    /// Removes the model and all that belongs to it but the lock.
    pub fn remove_all(&self) -> io::Result<()> {
        for path in [&self.file, &self.part, &self.tag, &self.sum] {
            remove_if_there(path)?;
        }
        self.clear_work()
    }

    /// Removes the working folder.
    pub fn clear_work(&self) -> io::Result<()> {
        match std::fs::remove_dir_all(&self.work) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The checksum that was found when the download was complete.
    #[must_use]
    pub fn recorded_sum(&self) -> Option<String> {
        let text = std::fs::read_to_string(&self.sum).ok()?;
        let sum = text.split_whitespace().next()?.to_owned();
        super::entry::is_sha256(&sum).then_some(sum)
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
