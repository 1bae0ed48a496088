//! Files mapped into memory.
//!
//! One of the two places with `unsafe`: mapping a file is unsafe because another program could change or shorten it while it
//! is mapped. Model files are written once and renamed into place; one that is cut while it is read ends the program with a
//! bus error, which no checked reader could prevent at this speed.
#![allow(unsafe_code)]

use super::error::ModelError;
use memmap2::Mmap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A file's bytes, read by the operating system when they are touched.
#[derive(Debug)]
pub struct Mapped {
    path: PathBuf,
    map: Mmap,
}

impl Mapped {
    /// Maps a file; an empty or missing one is an error with its path.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let io = |source| ModelError::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        let meta = file.metadata().map_err(io)?;
        if !meta.is_file() {
            return Err(io(std::io::Error::other("it is not a file")));
        }
        if meta.len() == 0 {
            return Err(ModelError::Broken {
                path: path.to_owned(),
                what: "the file is empty".into(),
            });
        }
        // SAFETY: the map is read-only and private to this value; the module head says what a change from outside does.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        Ok(Self {
            path: path.to_owned(),
            map,
        })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }
}
