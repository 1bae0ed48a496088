//! What files hold, as one hash: a run goes on only with the files it began with.

use crate::job::JobError;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Bytes read at once.
const PIECE: usize = 1 << 20;

/// SHA-256 over a file, or over all files of a folder with their names, in order.
///
/// # Errors
/// When one cannot be read.
pub fn print(path: &Path) -> Result<String, JobError> {
    let mut hasher = Sha256::new();
    for file in files(path).map_err(|error| JobError::io("read", path, &error))? {
        if let Ok(name) = file.strip_prefix(path) {
            hasher.update(name.to_string_lossy().as_bytes());
        }
        add(&file, &mut hasher).map_err(|error| JobError::io("read", &file, &error))?;
    }
    let digest = hasher.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut waiting = vec![path.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn add(file: &Path, hasher: &mut Sha256) -> io::Result<()> {
    let mut file = File::open(file)?;
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            count => hasher.update(&piece[..count]),
        }
    }
}
