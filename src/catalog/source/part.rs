//! The beginning of a file that is being received: its bytes on disk, its checksum so far, and the server's mark of it.

use super::{Job, Miss};
use crate::catalog::checksum::Digest;
use crate::catalog::place::Place;
use crate::domain::model::PullStage;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

/// What has been received of a file.
pub struct Part {
    place: Place,
    file: File,
    digest: Digest,
    pub length: u64,
    /// The server's `ETag`, if it was a strong one.
    pub tag: Option<String>,
}

impl Part {
    /// Opens what earlier tries left, and reads it once for the checksum.
    pub async fn open(job: &Job<'_>) -> Result<Part, Miss> {
        let place = job.place.clone();
        let kept = place.part_bytes();
        let mut digest = Digest::default();
        let mut length = 0;
        if kept > 0 {
            job.reporter
                .stage(PullStage::Verifying, 0, job.entry.bytes.unwrap_or(kept));
            let done = Arc::new(AtomicU64::new(0));
            let work = {
                let (path, done, cancel) =
                    (place.part.clone(), Arc::clone(&done), job.cancel.clone());
                tokio::task::spawn_blocking(move || {
                    let mut digest = Digest::default();
                    let length = digest.add_file(&path, &done, &cancel)?;
                    Ok::<_, io::Error>(length.map(|length| (digest, length)))
                })
            };
            match job.reporter.follow(0, &done, work).await {
                Some(Ok(Some(read))) => (digest, length) = read,
                Some(Ok(None)) => return Err(Miss::Stopped),
                Some(Err(error)) => return Err(Miss::from_io("cannot read the part", &error)),
                None => return Err(Miss::Everywhere("the part could not be read".into())),
            }
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&place.part)
            .await
            .map_err(|error| {
                Miss::from_io(&format!("cannot write {}", place.part.display()), &error)
            })?;
        let tag = std::fs::read_to_string(&place.tag).ok();
        Ok(Part {
            place,
            file,
            digest,
            length,
            tag,
        })
    }

    /// Forgets the bytes; the next ones are the file's first.
    pub async fn restart(&mut self) -> Result<(), Miss> {
        self.digest = Digest::default();
        self.length = 0;
        self.set_tag(None)?;
        self.file.set_len(0).await.map_err(|error| wrong(&error))
    }

    /// Remembers the server's mark beside the part.
    pub fn set_tag(&mut self, tag: Option<String>) -> Result<(), Miss> {
        let written = match &tag {
            Some(tag) => std::fs::write(&self.place.tag, tag),
            None => match std::fs::remove_file(&self.place.tag) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        };
        self.tag = tag;
        written.map_err(|error| wrong(&error))
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Miss> {
        self.file
            .write_all(bytes)
            .await
            .map_err(|error| wrong(&error))?;
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Hands what is written to the operating system, so that it outlives this program.
    pub async fn flush(&mut self) -> Result<(), Miss> {
        self.file.flush().await.map_err(|error| wrong(&error))
    }

    /// Checks the whole and makes it the model; a wrong one is removed.
    pub async fn finish(mut self, expected: Option<&str>) -> Result<(), Miss> {
        self.flush().await?;
        drop(self.file);
        let found = self.digest.hex();
        if let Some(expected) = expected.filter(|expected| **expected != *found) {
            self.place.discard_part().map_err(|error| wrong(&error))?;
            return Err(Miss::Here(format!(
                "what arrived has checksum {}…, expected {}…; it was removed",
                start(&found),
                start(expected)
            )));
        }
        let place = self.place;
        tokio::task::spawn_blocking(move || place.settle(&place.part, &found))
            .await
            .map_err(|_| Miss::Everywhere("the model could not be put in place".into()))?
            .map_err(|error| wrong(&error))
    }
}

fn start(sum: &str) -> &str {
    sum.get(..12).unwrap_or(sum)
}

fn wrong(error: &io::Error) -> Miss {
    Miss::from_io("cannot write the model's file", error)
}
