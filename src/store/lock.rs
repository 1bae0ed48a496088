//! One program at a time appends to a session, works on a run, or uses a device slot.
//!
//! The lock is the operating system's lock on a small file, so it falls with the process that holds it, however that ends: a
//! file left by a dead process is no lock. The file keeps the holder's process number for messages only.

use super::error::StoreError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How often, and how far apart, a lock is asked for before it counts as held.
const ASKINGS: u32 = 4;
const ASKING: Duration = Duration::from_millis(3);

/// Held as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at once or says who has it. On file systems without locks it is used unlocked. `what`
    /// and `id` name what is locked: `session`, its name.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another has it; [`StoreError::Io`] when the file cannot be made.
    pub fn take(path: &Path, what: &'static str, id: &str) -> Result<Lock, StoreError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(StoreError::io("create the folder", folder))?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(StoreError::io("lock", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    what,
                    id: id.to_owned(),
                    process: holder(path),
                });
            }
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(StoreError::io("lock", path)(error)),
        }
        // Who holds it is only told to a person; a full disk must not keep a session from being read.
        let _ = file
            .set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Lock { _file: file })
    }
}

/// The process that holds or held the lock, as far as its file tells.
/// The process that holds a lock, 0 where it does not say; none when it is free. Asking takes a free one for a moment, so one that is held only by another who asks is asked
/// for again.
pub(super) fn held_by(path: &Path) -> Option<u32> {
    for _ in 0..ASKINGS {
        match Lock::take(path, "file", "") {
            Err(StoreError::Locked { .. }) => thread::sleep(ASKING),
            _ => return None,
        }
    }
    Some(holder(path).unwrap_or(0))
}

fn holder(path: &Path) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock/a");
        let first = Lock::take(&path, "session", "a").unwrap();
        let refused = Lock::take(&path, "session", "a").unwrap_err().to_string();
        assert!(
            refused.contains(&format!("(process {})", std::process::id())),
            "{refused}"
        );
        drop(first);
        assert_eq!(held_by(&path), None);
        let again = Lock::take(&path, "session", "a").unwrap();
        assert_eq!(held_by(&path), Some(std::process::id()));
        drop(again);
    }

    #[test]
    fn the_file_of_a_dead_process_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "4194303").unwrap();
        Lock::take(&path, "session", "a").unwrap();
    }
}
