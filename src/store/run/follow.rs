//! Following a log while a process appends to it.

use crate::domain::event::{Event, Kind};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

/// Most bytes taken at once, so that a long log arrives in pieces.
const PIECE: u64 = 4 * 1024 * 1024;

/// A place in a log.
#[derive(Debug, Clone)]
pub struct Follower {
    path: PathBuf,
    /// Bytes of whole lines that were read.
    offset: u64,
}

impl Follower {
    /// From the beginning of a log, which need not be there yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Follower {
        Self::from(path, 0)
    }

    /// From a place that an earlier follower has reached.
    #[must_use]
    pub fn from(path: PathBuf, offset: u64) -> Follower {
        Follower { path, offset }
    }

    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Events of the whole lines that came since the last call, at most some megabytes of them: empty when there are no more.
    /// A log that became shorter was repaired; nothing that was whole is gone from it.
    ///
    /// # Errors
    /// When the log cannot be read; one that is not there yet has no events.
    pub fn read(&mut self) -> io::Result<Vec<Event>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.take(PIECE).read_to_end(&mut bytes)?;
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(Vec::new());
        };
        bytes.truncate(end + 1);
        self.offset += bytes.len() as u64;
        let lines = bytes.split(|byte| *byte == b'\n');
        Ok(lines
            .filter_map(|line| serde_json::from_slice::<Event>(line).ok())
            .filter(|event| event.kind != Kind::Unknown)
            .collect())
    }
}
