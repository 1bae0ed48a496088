//! Writing whole files so that a reader finds the old text or the new one, never half of either.

use super::error::StoreError;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Replaces a file's contents at once: a temporary file in the same folder, synced, renamed over it, the folder synced.
/// Creates the folder where it is missing. A link is followed, so that a linked settings file stays a link.
pub fn atomically(path: &Path, contents: &[u8]) -> Result<(), StoreError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(StoreError::io("create the folder", folder))?;
    let temporary = beside(&target);
    let written = write_synced(&temporary, contents).and_then(|()| keep_mode(&target, &temporary));
    let renamed = written.and_then(|()| fs::rename(&temporary, &target));
    if renamed.is_err() {
        // The first error is the one to tell; a left-over temporary file does no harm.
        let _ = fs::remove_file(&temporary);
    }
    renamed.map_err(StoreError::io("write", &target))?;
    sync_folder(folder);
    Ok(())
}

fn write_synced(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

fn keep_mode(from: &Path, to: &Path) -> std::io::Result<()> {
    match fs::metadata(from) {
        Ok(metadata) => fs::set_permissions(to, metadata.permissions()),
        Err(_) => Ok(()),
    }
}

/// A name in the same folder that no other process uses.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

/// Makes a rename or a new file durable where the platform lets a folder be synced; elsewhere there is nothing to do.
pub(super) fn sync_folder(folder: &Path) {
    if let Ok(handle) = File::open(folder) {
        let _ = handle.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_text_replaces_the_old_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/file.toml");
        atomically(&path, b"one").unwrap();
        atomically(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_and_the_old_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("plain");
        fs::write(&blocked, "a file, not a folder").unwrap();
        let error = atomically(&blocked.join("x.toml"), b"new").unwrap_err();
        assert!(error.to_string().contains("plain"), "{error}");
        assert_eq!(fs::read(&blocked).unwrap(), b"a file, not a folder");
    }
}
