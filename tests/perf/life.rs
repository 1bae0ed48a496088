//! The measurements of `program`.

use crate::figure::{Figure, is_wanted, milliseconds, percentile, report};
use crate::server;
use crate::terminal::{ANSWERS, BOUND, SYNOD, Start, Terminal};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use synod::domain::event::{Event, Kind, Source};
use synod::domain::id::{MessageId, SessionId};
use synod::domain::message::Role;
use synod::store::log::SessionLog;
use synod::store::paths::Paths;
use tempfile::TempDir;

const STARTS: usize = 15;
const KEYS: usize = 200;
const REST: Duration = Duration::from_secs(10);
const MESSAGES: u64 = 10_000;
const MESSAGE_BYTES: usize = 2_000;

pub fn run() {
    let mut figures = Vec::new();
    if is_wanted("first frame") {
        figures.push(first_frame());
    }
    if is_wanted("key to frame") {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        figures.push(key_to_frame("key to frame, idle, p95", 8.0, false, 0));
        figures.push(key_to_frame(
            "key to frame, 5 panes streaming, p95",
            16.0,
            true,
            0,
        ));
        figures.push(key_to_frame(
            "key to frame, 5 panes, every core busy, p95",
            16.0,
            true,
            cores,
        ));
    }
    if is_wanted("rest") {
        figures.extend(rest());
    }
    if is_wanted("streaming") {
        figures.extend(streaming());
    }
    if is_wanted("memory") {
        figures.push(memory());
    }
    report(&figures);
}

/// A folder whose settings name a council of five on a loopback server.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let base_url = server::start(Duration::from_millis(10), 6_000);
    let config = folder.path().join("config");
    fs::create_dir_all(config.join("presets")).unwrap();
    let settings = format!(
        "preset = \"bench\"\ntheme = \"dark\"\n[endpoints.bench]\nbase_url = \"{base_url}\"\nconcurrency = 16\n"
    );
    fs::write(config.join("config.toml"), settings).unwrap();
    let mut preset = String::from(
        "title = \"five at once\"\nsociety = \"moa\"\n[settings]\nrounds = 1\n[sampling]\nmax_tokens = 6000\n",
    );
    for part in ["reference"; 5].iter().chain(&["aggregator"]) {
        preset.push_str(&format!(
            "[[agents]]\npart = \"{part}\"\nmodel = \"steady@bench\"\n"
        ));
    }
    fs::write(config.join("presets/bench.toml"), preset).unwrap();
    folder
}

fn open(folder: &Path, arguments: &[&str]) -> Terminal {
    Terminal::start(&Start {
        program: SYNOD,
        arguments,
        columns: 120,
        rows: 40,
        folder,
        environment: &[],
        answers: ANSWERS,
    })
}

fn ready(folder: &Path, arguments: &[&str]) -> Terminal {
    let mut terminal = open(folder, arguments);
    terminal.wait_for(">>>");
    terminal
}

/// Sends a question and waits until the council streams.
fn ask(terminal: &mut Terminal) {
    terminal.send("Go on, please.\r");
    terminal.wait_until("streams", |screen| {
        screen.contents().matches("council").count() >= 5
    });
}

fn first_frame() -> Figure {
    let folder = folder();
    let mut samples = Vec::new();
    for _ in 0..STARTS {
        let mut terminal = open(folder.path(), &[]);
        let end = Instant::now() + BOUND;
        let at = loop {
            let at = terminal.read(end).expect("a frame");
            if terminal.count("\x1b[?2026l") > 0 {
                break at;
            }
        };
        samples.push(at.saturating_duration_since(terminal.started));
    }
    Figure {
        name: "first frame after start, median",
        value: percentile(&mut samples, 0.5),
        budget: 50.0,
        unit: "ms",
        note: format!(
            "{STARTS} starts, exec to the end of the first frame; p95 {:.1}",
            percentile(&mut samples, 0.95)
        ),
    }
}

fn key_to_frame(name: &'static str, budget: f64, streams: bool, busy: usize) -> Figure {
    let folder = folder();
    let mut terminal = ready(folder.path(), &[]);
    // The questions to the terminal are over.
    terminal.read_until_quiet(Duration::from_millis(300));
    if streams {
        ask(&mut terminal);
    }
    let load = Load::start(busy);
    let mut samples = Vec::with_capacity(KEYS);
    let mut typed = String::new();
    for number in 0..KEYS {
        if number % 40 == 0 {
            // Clears the line, so that the draft stays on one row.
            terminal.send("\x15");
            let old = std::mem::take(&mut typed);
            terminal.wait_until("cleared the line", |screen| {
                old.is_empty() || !screen.contents().contains(&old)
            });
        }
        typed.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
        // Not in step with the frames of the stream.
        let pause = Instant::now() + Duration::from_millis(20 + (number as u64 * 7) % 31);
        while terminal.read(pause).is_some() {}
        let sent = Instant::now();
        terminal.send(&typed[typed.len() - 1..]);
        let shown = loop {
            let at = terminal.read(sent + BOUND).expect("a frame for the key");
            if terminal.contents().contains(&typed) {
                break at;
            }
        };
        samples.push(shown.saturating_duration_since(sent));
    }
    drop(load);
    let worst = samples.iter().max().copied().unwrap_or_default();
    let load = if busy > 0 {
        format!(", {busy} threads burning")
    } else {
        String::new()
    };
    Figure {
        name,
        value: percentile(&mut samples, 0.95),
        budget,
        unit: "ms",
        note: format!(
            "{KEYS} keys, median {:.2}, worst {:.2}{load}",
            percentile(&mut samples, 0.5),
            milliseconds(worst),
        ),
    }
}

fn rest() -> Vec<Figure> {
    let folder = folder();
    let mut terminal = ready(folder.path(), &[]);
    terminal.read_until_quiet(Duration::from_secs(2));
    let before = Use::of(terminal.process());
    terminal.read_until_quiet(REST);
    let after = Use::of(terminal.process());
    let seconds = format!("{} s at an idle prompt", REST.as_secs());
    vec![
        Figure {
            name: "wake-ups at rest",
            value: after.wakeups.saturating_sub(before.wakeups) as f64,
            budget: 0.0,
            unit: "",
            note: seconds.clone(),
        },
        Figure {
            name: "processor time at rest",
            value: after.ticks.saturating_sub(before.ticks) as f64 * 10.0,
            budget: 0.0,
            unit: "ms",
            note: seconds,
        },
    ]
}

/// Processor time and bytes while five panes stream.
fn streaming() -> Vec<Figure> {
    let folder = folder();
    let mut terminal = ready(folder.path(), &[]);
    ask(&mut terminal);
    let before = Use::of(terminal.process());
    let bytes = terminal.raw.len();
    let frames = terminal.count("\x1b[?2026l");
    let start = Instant::now();
    while start.elapsed() < REST {
        let _ = terminal.read(start + REST);
    }
    let seconds = start.elapsed().as_secs_f64();
    let after = Use::of(terminal.process());
    let frames = (terminal.count("\x1b[?2026l") - frames).max(1);
    let bytes = terminal.raw.len() - bytes;
    let note = "5 panes at 100 tokens/s each, HTTP included".to_owned();
    vec![
        Figure {
            name: "processor while streaming",
            value: after.ticks.saturating_sub(before.ticks) as f64 / seconds,
            budget: 5.0,
            unit: "%",
            note: note.clone(),
        },
        Figure {
            name: "frames per second while streaming",
            value: frames as f64 / seconds,
            budget: 30.5,
            unit: "",
            note: note.clone(),
        },
        Figure {
            name: "bytes per frame while streaming, mean",
            value: bytes as f64 / frames as f64,
            budget: 4096.0,
            unit: "bytes",
            note,
        },
    ]
}

fn memory() -> Figure {
    let folder = folder();
    let id = long_session(folder.path());
    let started = Instant::now();
    let mut terminal = ready(folder.path(), &["chat", "--session", &id.0]);
    terminal.wait_for("the last of them");
    let opened = started.elapsed();
    terminal.read_until_quiet(Duration::from_secs(1));
    Figure {
        name: "memory with 10,000 messages",
        value: resident(terminal.process()) as f64 / 1e6,
        budget: 90.0,
        unit: "MB",
        note: format!(
            "{} MB of text, resident set; shown {:.0} ms after the start",
            MESSAGES * MESSAGE_BYTES as u64 / 1_000_000,
            milliseconds(opened)
        ),
    }
}

/// Writes a session of many messages.
fn long_session(folder: &Path) -> SessionId {
    const START: u64 = 1_700_000_000_000;
    let paths = Paths::new(Some(folder));
    let mut log = SessionLog::create(&paths, START);
    let sentence = "Some *text* of a long conversation, with `code` and words. ";
    let filler = sentence.repeat(MESSAGE_BYTES / sentence.len());
    let said = |number: u64| {
        let text = if number == MESSAGES {
            "This is the last of them.".to_owned()
        } else {
            format!("Message {number}. {filler}")
        };
        let role = if number % 2 == 1 {
            Role::User
        } else {
            Role::Assistant
        };
        Event {
            source: Source::Session,
            seq: number,
            at: START + number,
            kind: Kind::Said {
                message: MessageId(number),
                parent: (number > 1).then(|| MessageId(number - 1)),
                role,
                text,
            },
        }
    };
    let mut events: Vec<Event> = (1..=MESSAGES).map(said).collect();
    events.push(Event {
        source: Source::Session,
        seq: MESSAGES + 1,
        at: START + MESSAGES + 1,
        kind: Kind::Head {
            message: Some(MessageId(MESSAGES)),
        },
    });
    log.append(&events).unwrap();
    log.id().clone()
}

/// Threads that do nothing but compute.
struct Load(Arc<AtomicBool>, Vec<std::thread::JoinHandle<()>>);

impl Load {
    fn start(threads: usize) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let burn = |_| {
            let ends = Arc::clone(&ends);
            std::thread::spawn(move || {
                let mut value = 1_u64;
                while !ends.load(Ordering::Relaxed) {
                    let next = value.wrapping_mul(6_364_136_223_846_793_005);
                    value = std::hint::black_box(next.wrapping_add(1));
                }
            })
        };
        let threads = (0..threads).map(burn).collect();
        Self(ends, threads)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        for thread in self.1.drain(..) {
            let _ = thread.join();
        }
    }
}

/// What a process has used so far.
struct Use {
    /// Voluntary and forced switches of all threads: each is a wake-up.
    wakeups: u64,
    /// User and system time in hundredths of a second.
    ticks: u64,
}

impl Use {
    fn of(process: u32) -> Self {
        let mut wakeups = 0;
        let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
        for task in tasks.flatten() {
            let Ok(status) = fs::read_to_string(task.path().join("status")) else {
                continue;
            };
            wakeups += status
                .lines()
                .filter(|line| line.contains("ctxt_switches"))
                .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
                .sum::<u64>();
        }
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        // The name in brackets may contain spaces; the fields behind it are numbered from 3.
        let behind = stat.rsplit(')').next().unwrap();
        let fields: Vec<&str> = behind.split_whitespace().collect();
        let ticks = [14, 15]
            .iter()
            .map(|number| fields[number - 3].parse::<u64>().unwrap())
            .sum();
        Self { wakeups, ticks }
    }
}

/// The resident set in bytes.
fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}
