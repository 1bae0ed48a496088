//! SHA-256 of files that are too large to read at once.

use crate::domain::cancel::Cancel;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes read at a time.
pub const BLOCK: usize = 256 * 1024;

/// A checksum in the making.
#[derive(Clone, Default)]
pub struct Digest(Sha256);

impl Digest {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Lower-case hexadecimal.
    #[must_use]
    pub fn hex(self) -> String {
        self.0
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Adds a whole file and returns its length; `None` when cancelled. `done` counts the bytes read.
    pub fn add_file(
        &mut self,
        path: &Path,
        done: &AtomicU64,
        cancel: &Cancel,
    ) -> io::Result<Option<u64>> {
        let mut file = File::open(path)?;
        let mut block = vec![0; BLOCK];
        let mut length = 0;
        loop {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            let count = file.read(&mut block)?;
            let Some(bytes) = block.get(..count).filter(|bytes| !bytes.is_empty()) else {
                return Ok(Some(length));
            };
            self.update(bytes);
            length += bytes.len() as u64;
            done.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        let mut digest = Digest::default();
        digest.update(b"a");
        digest.update(b"bc");
        assert_eq!(
            digest.hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
