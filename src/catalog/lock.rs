//! One program at a time fetches a model. The operating system holds the lock, so it falls with its program, however that ends.

use crate::domain::cancel::Cancel;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

/// How often a waiting program asks again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// The right to write a model's files; ends when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Waits for the lock; `None` when cancelled. `waiting` is called before every pause.
pub async fn acquire(path: &Path, cancel: &Cancel, waiting: impl Fn()) -> io::Result<Option<Lock>> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => waiting(),
            // Some network file systems know no locks: better unguarded than not at all.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                return Ok(Some(Lock { _file: file }));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        tokio::select! {
            () = cancel.cancelled() => return Ok(None),
            () = tokio::time::sleep(ASK_AGAIN) => {}
        }
    }
}
