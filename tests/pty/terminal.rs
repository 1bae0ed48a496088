//! A terminal made of a pseudo-terminal and a screen in memory, with the real program in it.
//!
//! Waiting means reading until a condition holds; the limit is a bound for failures, not a pause.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Far beyond what anything here takes, also in a debug build on a loaded machine.
pub const BOUND: Duration = Duration::from_secs(60);

/// The program under test.
pub const SYNOD: &str = env!("CARGO_BIN_EXE_synod");

/// A dark background, no further protocols, and the device attributes.
pub const ANSWERS: &str = "\x1b]11;rgb:1616/1818/1d1d\x1b\\\x1b[?62;22c";

/// The last of what a program asks: the device attributes.
const QUESTION: &[u8] = b"\x1b[c";

/// How a program is started.
pub struct Start<'a> {
    pub program: &'a str,
    pub arguments: &'a [&'a str],
    pub columns: u16,
    pub rows: u16,
    /// The folder for everything the program writes.
    pub folder: &'a Path,
    pub environment: &'a [(&'a str, &'a str)],
    /// What comes back when the program asks its terminal; empty for silence.
    pub answers: &'a str,
}

/// Bytes as they arrived.
pub struct Arrival {
    pub at: Instant,
    pub bytes: Vec<u8>,
}

/// The program and its terminal.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    arrivals: Receiver<Arrival>,
    parser: vt100::Parser,
    /// Everything the program wrote.
    pub raw: Vec<u8>,
    answers: String,
    pub started: Instant,
    modes_before: String,
}

impl Terminal {
    pub fn start(start: &Start) -> Self {
        let pair = native_pty_system()
            .openpty(size(start.columns, start.rows))
            .expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(start.program);
        command.args(start.arguments);
        command.env_clear();
        let home = start.folder.join("home");
        std::fs::create_dir_all(&home).expect("a home folder");
        command.cwd(&home);
        command.env("HOME", &home);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("LANG", "C.UTF-8");
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        command.env("SYNOD_DATA_DIR", start.folder);
        for (name, value) in start.environment {
            command.env(name, value);
        }
        let reader = pair.master.try_clone_reader().expect("the output");
        let writer = pair.master.take_writer().expect("the input");
        let modes_before = modes(&*pair.master);
        let (sender, arrivals) = channel();
        std::thread::spawn(move || pump(reader, &sender));
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).expect("the program");
        Self {
            master: pair.master,
            writer,
            child,
            arrivals,
            parser: vt100::Parser::new(nonzero(start.rows), nonzero(start.columns), 0),
            raw: Vec::new(),
            answers: start.answers.to_owned(),
            started,
            modes_before,
        }
    }

    /// Sends keys, as the terminal would.
    pub fn send(&mut self, keys: &str) {
        self.writer
            .write_all(keys.as_bytes())
            .and_then(|()| self.writer.flush())
            .expect("the program reads");
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.parser.set_size(nonzero(rows), nonzero(columns));
        self.master.resize(size(columns, rows)).expect("a new size");
    }

    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    pub fn contents(&self) -> String {
        self.screen().contents()
    }

    /// Reads until the screen shows this text.
    pub fn wait_for(&mut self, text: &str) {
        self.wait_until(&format!("shows \"{text}\""), |screen| {
            screen.contents().contains(text)
        });
    }

    /// Reads until the condition holds. Panics with the screen when the bound is reached or the program ended.
    pub fn wait_until(&mut self, what: &str, condition: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + BOUND;
        while !condition(self.screen()) {
            if self.read(end).is_none() {
                panic!("the screen never {what}:\n{}", self.contents());
            }
        }
    }

    /// Reads until nothing arrives for this long. For looking at an idle program, not for synchronising.
    pub fn read_until_quiet(&mut self, quiet: Duration) {
        let end = Instant::now() + BOUND;
        while Instant::now() < end && self.read(Instant::now() + quiet).is_some() {}
    }

    /// The next bytes; none at the deadline or at the end of the program.
    pub fn read(&mut self, deadline: Instant) -> Option<Instant> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.arrivals.recv_timeout(left) {
            Ok(arrival) => {
                self.take(&arrival.bytes);
                Some(arrival.at)
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        // What ended the last arrival may begin the question that this one completes.
        let asked = self.raw.len().saturating_sub(QUESTION.len() - 1);
        self.raw.extend_from_slice(bytes);
        self.parser.process(bytes);
        let fresh = self.raw.get(asked..).unwrap_or_default();
        if !self.answers.is_empty() && count(fresh, QUESTION) > 0 {
            let answers = self.answers.clone();
            self.send(&answers);
        }
    }

    pub fn process(&self) -> u32 {
        self.child.process_id().expect("a process")
    }

    /// Sends a signal by name: `TERM`, `TSTP`.
    pub fn signal(&self, name: &str) {
        let process = self.process().to_string();
        let status = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &process])
            .status()
            .expect("a shell");
        assert!(status.success(), "kill -s {name} {process}");
    }

    /// Reads until the program is stopped by a signal, as its state in the process table says.
    pub fn wait_until_stopped(&mut self) {
        let process = self.process().to_string();
        let end = Instant::now() + BOUND;
        loop {
            let output = Command::new("ps")
                .args(["-o", "state=", "-p", &process])
                .output();
            // Where there is no `ps`, the same letter stands behind the name in brackets.
            let state = output.map_or_else(
                |_| {
                    let line = std::fs::read_to_string(format!("/proc/{process}/stat"));
                    let line = line.expect("neither ps nor /proc");
                    line.rsplit(") ").next().unwrap_or_default().to_owned()
                },
                |output| String::from_utf8_lossy(&output.stdout).into_owned(),
            );
            if state.trim_start().starts_with('T') {
                return;
            }
            assert!(Instant::now() < end, "the program never stopped: {state}");
            let _ = self.read(Instant::now() + Duration::from_millis(5));
        }
    }

    /// Reads to the end of the program and returns its exit code.
    pub fn end(&mut self) -> u32 {
        let end = Instant::now() + BOUND;
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                // What it wrote last may still be on its way.
                while self
                    .read(Instant::now() + Duration::from_millis(200))
                    .is_some()
                {}
                return status.exit_code();
            }
            let _ = self.read(Instant::now() + Duration::from_millis(20));
            assert!(
                Instant::now() < end,
                "the program does not end:\n{}",
                self.contents()
            );
        }
    }

    /// The line discipline is as before the program.
    pub fn modes_are_restored(&self) -> bool {
        modes(&*self.master) == self.modes_before
    }

    /// How often this byte string was written.
    pub fn count(&self, part: &str) -> usize {
        count(&self.raw, part.as_bytes())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// How often `part` occurs.
pub fn count(bytes: &[u8], part: &[u8]) -> usize {
    bytes
        .windows(part.len())
        .filter(|window| *window == part)
        .count()
}

fn pump(mut reader: Box<dyn Read + Send>, sender: &Sender<Arrival>) {
    let mut buffer = vec![0_u8; 64 * 1024];
    while let Ok(length) = reader.read(&mut buffer) {
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        let arrival = Arrival {
            at: Instant::now(),
            bytes,
        };
        if length == 0 || sender.send(arrival).is_err() {
            return;
        }
    }
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn nonzero(value: u16) -> NonZeroU16 {
    NonZeroU16::new(value).expect("a size above zero")
}

/// The line discipline's flags, to be compared.
fn modes(master: &(dyn MasterPty + Send)) -> String {
    master.get_termios().map_or_else(String::new, |modes| {
        format!(
            "{:?} {:?} {:?}",
            modes.local_flags, modes.input_flags, modes.output_flags
        )
    })
}
