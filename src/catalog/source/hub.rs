//! Hugging Face, or a server that speaks like it: one file of a repository, continued where it was cut.
//!
//! The token goes to the hub's host alone: reqwest drops it when a redirect leaves that host.

use super::part::Part;
use super::{Fetching, Job, Miss, Source, check_space};
use crate::catalog::entry::is_sha256;
use crate::catalog::progress::human_bytes;
use crate::catalog::surroundings::Surroundings;
use crate::domain::model::PullStage;
use crate::net;
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, RANGE, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use std::error::Error as _;
use std::time::Duration;
use tokio::time::timeout;

/// Tries in a row that bring little or nothing before the source is given up.
const TRIES: u32 = 5;
/// Tries when the very first connection is refused: another source may be near.
const FIRST_TRIES: u32 = 2;
/// A try that brought this much counts as a success, and the count begins anew.
const PROGRESS: u64 = 1 << 20;
/// How often a silent connection is looked at, in milliseconds.
const LOOK_MS: u64 = 300;
/// Longest pause that a server may ask for, in milliseconds.
const LONGEST_PAUSE: u64 = 60_000;

/// One file of a repository.
pub struct Hub {
    pub repo: String,
    pub revision: String,
    pub path: String,
}

/// What the whole file must be.
#[derive(Debug, Default)]
struct Whole {
    bytes: Option<u64>,
    sha256: Option<String>,
}

/// Why one try did not complete the file.
enum Cut {
    /// Worth another try.
    Again {
        why: String,
        pause_ms: Option<u64>,
        tries: u32,
    },
    End(Miss),
}

impl From<Miss> for Cut {
    fn from(miss: Miss) -> Self {
        Cut::End(miss)
    }
}

impl Source for Hub {
    fn label(&self, surroundings: &Surroundings) -> String {
        surroundings.hub_label()
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn fetch<'a>(&'a self, job: &'a Job<'a>) -> Fetching<'a> {
        Box::pin(async move {
            let client = net::http_client(None, None, job.surroundings.connect_ms)
                .map_err(|fault| Miss::Here(fault.message))?;
            let mut whole = Whole {
                bytes: job.entry.bytes,
                sha256: job.entry.sha256.clone(),
            };
            if whole.sha256.is_none() {
                self.ask_checksum(&client, job, &mut whole).await?;
            }
            let mut part = Part::open(job).await?;
            if part.length > 0 && whole.sha256.is_none() && part.tag.is_none() {
                part.restart().await?;
            }
            self.receive(&client, job, &mut whole, &mut part).await?;
            part.finish(whole.sha256.as_deref()).await?;
            Ok(job.place.file.clone())
        })
    }
}

impl Hub {
    fn address(&self, surroundings: &Surroundings) -> String {
        let Self {
            repo,
            revision,
            path,
        } = self;
        format!(
            "{}/{repo}/resolve/{}/{path}",
            surroundings.hub,
            revision.replace('/', "%2F")
        )
    }

    /// Tries until the file is complete.
    async fn receive(
        &self,
        client: &Client,
        job: &Job<'_>,
        whole: &mut Whole,
        part: &mut Part,
    ) -> Result<(), Miss> {
        let kept = part.length;
        let mut failures = 0;
        loop {
            if part.length > 0 && whole.bytes == Some(part.length) {
                return Ok(());
            }
            let before = part.length;
            let cut = match self.attempt(client, job, whole, part).await {
                Ok(()) => return Ok(()),
                Err(cut) => cut,
            };
            part.flush().await?;
            let (why, pause_ms, tries) = match cut {
                Cut::End(miss) => return Err(miss),
                Cut::Again {
                    why,
                    pause_ms,
                    tries,
                } => (why, pause_ms, tries),
            };
            if part.length.saturating_sub(before) >= PROGRESS {
                failures = 0;
            }
            failures += 1;
            let has_begun = part.length > kept;
            let tries = if has_begun { TRIES } else { tries };
            if failures >= tries {
                return Err(Miss::Here(format!("{why} ({failures} tries)")));
            }
            let so_far = match part.length {
                0 => String::new(),
                bytes => format!("at {}, ", human_bytes(bytes)),
            };
            job.reporter
                .note(format!("{why}; {so_far}try {} of {tries}", failures + 1));
            let pause = pause_ms.unwrap_or(job.surroundings.pause_ms << (failures - 1).min(6));
            tokio::select! {
                () = job.cancel.cancelled() => return Err(Miss::Stopped),
                () = tokio::time::sleep(Duration::from_millis(pause.min(LONGEST_PAUSE))) => {}
            }
        }
    }

    /// One request, from where the part ends.
    async fn attempt(
        &self,
        client: &Client,
        job: &Job<'_>,
        whole: &mut Whole,
        part: &mut Part,
    ) -> Result<(), Cut> {
        let mut request = with_token(client.get(self.address(job.surroundings)), job.surroundings);
        if part.length > 0 {
            request = request.header(RANGE, format!("bytes={}-", part.length));
            if let Some(tag) = &part.tag {
                request = request.header(IF_RANGE, tag);
            }
        }
        let response = ask(request, job).await?;
        let start = match response.status() {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT => range_start(response.headers()).unwrap_or(part.length),
            StatusCode::RANGE_NOT_SATISFIABLE => {
                part.restart().await?;
                return Err(again("the server has no such range".into()));
            }
            status => return Err(self.refused(status, &response)),
        };
        if start != part.length {
            // The file behind the address changed, or the server knows no ranges.
            if start != 0 {
                part.restart().await?;
                return Err(again("the server answered with another range".into()));
            }
            job.reporter.note(format!(
                "{} begins anew: the server does not continue at {}",
                job.surroundings.hub_label(),
                human_bytes(part.length)
            ));
            part.restart().await?;
        } else if start > 0 {
            job.reporter
                .note(format!("continued at {}", human_bytes(start)));
        }
        let total = response.content_length().map(|rest| start + rest);
        if let (Some(found), Some(expected)) = (total, whole.bytes)
            && found != expected
        {
            return Err(Cut::End(Miss::Here(format!(
                "the file there has {found} bytes, the catalog says {expected}"
            ))));
        }
        whole.bytes = whole.bytes.or(total);
        check_space(job, whole.bytes.unwrap_or(0).saturating_sub(part.length))?;
        let tag = strong_tag(response.headers());
        if tag != part.tag {
            part.set_tag(tag)?;
        }
        job.reporter.stage(
            PullStage::Transferring,
            part.length,
            whole.bytes.unwrap_or(0),
        );
        read_body(response, job, whole.bytes, part).await
    }

    fn refused(&self, status: StatusCode, response: &Response) -> Cut {
        let code = status.as_u16();
        if status.is_server_error() || matches!(code, 408 | 425 | 429) {
            let pause_ms = response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok())
                .map(|seconds| seconds.saturating_mul(1000));
            return Cut::Again {
                why: format!("the server answered {code}"),
                pause_ms,
                tries: TRIES,
            };
        }
        let Self { repo, .. } = self;
        Cut::End(Miss::Here(match code {
            401 | 403 => format!(
                "{repo} is closed to this caller ({code}): accept its terms on the hub and set HF_TOKEN"
            ),
            404 => format!("{repo} has no {} at {} (404)", self.path, self.revision),
            _ => format!("the server answered {code} for {repo}"),
        }))
    }

    /// Asks the hub for size and checksum of a file that the catalog gives none for. An answer without them is not a failure.
    async fn ask_checksum(
        &self,
        client: &Client,
        job: &Job<'_>,
        whole: &mut Whole,
    ) -> Result<(), Miss> {
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let address = format!(
            "{}/api/models/{}/tree/{}/{folder}",
            job.surroundings.hub,
            self.repo,
            self.revision.replace('/', "%2F")
        );
        let request = with_token(client.get(address.trim_end_matches('/')), job.surroundings);
        let listed = tokio::select! {
            () = job.cancel.cancelled() => return Err(Miss::Stopped),
            listed = timeout(Duration::from_millis(job.surroundings.idle_ms), list(request)) => listed,
        };
        let found = listed
            .ok()
            .flatten()
            .and_then(|files| files.into_iter().find(|file| file.path == self.path));
        if let Some(file) = found {
            whole.bytes = whole.bytes.or(Some(file.size));
            whole.sha256 = file
                .lfs
                .map(|large| large.oid.to_ascii_lowercase())
                .filter(|sum| is_sha256(sum));
        }
        if whole.sha256.is_none() {
            job.reporter
                .note("no checksum is known for this file: only its length is checked");
        }
        Ok(())
    }
}

/// A file as the hub lists it.
#[derive(serde::Deserialize)]
struct Listed {
    path: String,
    #[serde(default)]
    size: u64,
    lfs: Option<Large>,
}

/// The part of a listing that large files have.
#[derive(serde::Deserialize)]
struct Large {
    oid: String,
}

async fn list(request: RequestBuilder) -> Option<Vec<Listed>> {
    let response = request.send().await.ok()?.error_for_status().ok()?;
    response.json().await.ok()
}

fn with_token(request: RequestBuilder, surroundings: &Surroundings) -> RequestBuilder {
    match &surroundings.token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

async fn ask(request: RequestBuilder, job: &Job<'_>) -> Result<Response, Cut> {
    let patience = Duration::from_millis(job.surroundings.connect_ms + job.surroundings.idle_ms);
    let sent = tokio::select! {
        () = job.cancel.cancelled() => return Err(Cut::End(Miss::Stopped)),
        sent = timeout(patience, request.send()) => sent,
    };
    match sent {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) if error.is_connect() => Err(Cut::Again {
            why: format!(
                "no connection to {}: {}",
                job.surroundings.hub,
                cause(&error)
            ),
            pause_ms: None,
            tries: if error.is_timeout() { 1 } else { FIRST_TRIES },
        }),
        Ok(Err(error)) => Err(again(format!("the request was cut: {}", cause(&error)))),
        Err(_) => Err(again(format!("no answer from {}", job.surroundings.hub))),
    }
}

async fn read_body(
    mut response: Response,
    job: &Job<'_>,
    total: Option<u64>,
    part: &mut Part,
) -> Result<(), Cut> {
    let idle = job.surroundings.idle_ms;
    let look = LOOK_MS.min(idle.max(1));
    let mut silent = 0;
    loop {
        let chunk = tokio::select! {
            () = job.cancel.cancelled() => return Err(Cut::End(Miss::Stopped)),
            chunk = timeout(Duration::from_millis(look), response.chunk()) => chunk,
        };
        match chunk {
            Ok(Ok(Some(bytes))) => {
                silent = 0;
                if total.is_some_and(|total| part.length + bytes.len() as u64 > total) {
                    part.restart().await?;
                    return Err(Cut::End(Miss::Here(
                        "the server sent too many bytes".into(),
                    )));
                }
                part.write(&bytes).await?;
                job.reporter.at(part.length);
            }
            Ok(Ok(None)) if total.is_none_or(|total| part.length == total) => return Ok(()),
            Ok(Ok(None)) => return Err(again("the connection was cut".into())),
            Ok(Err(error)) => {
                return Err(again(format!("the connection was cut: {}", cause(&error))));
            }
            Err(_) => {
                silent += look;
                if silent >= idle {
                    return Err(again(format!("nothing arrived for {} s", idle / 1000)));
                }
                // The rate falls visibly while nothing arrives.
                job.reporter.at(part.length);
            }
        }
    }
}

fn again(why: String) -> Cut {
    Cut::Again {
        why,
        pause_ms: None,
        tries: TRIES,
    }
}

/// The first byte of a partial answer.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let range = range.trim().strip_prefix("bytes")?.trim_start();
    range.split('-').next()?.trim().parse().ok()
}

/// The mark of the file, unless it is a weak one, which promises nothing about bytes.
fn strong_tag(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(ETAG)?.to_str().ok()?;
    (!tag.starts_with("W/")).then(|| tag.to_owned())
}

/// The innermost reason, which is the one that helps.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    if error.source().is_some() {
        inner.to_string()
    } else {
        "the request could not be sent".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_from_its_header() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_RANGE, "bytes 40-99/100".parse().unwrap());
        assert_eq!(range_start(&headers), Some(40));
        headers.insert(CONTENT_RANGE, "bytes */100".parse().unwrap());
        assert_eq!(range_start(&headers), None);
    }

    #[test]
    fn a_weak_mark_is_not_used() {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, "W/\"a\"".parse().unwrap());
        assert_eq!(strong_tag(&headers), None);
        headers.insert(ETAG, "\"a\"".parse().unwrap());
        assert_eq!(strong_tag(&headers).as_deref(), Some("\"a\""));
    }
}
