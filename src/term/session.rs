//! Having the terminal: modes on, modes off, exactly once, whoever ends it: return, panic or signal.
//!
//! [`Modes::leave`] is the only place that gives the terminal back. A panic on the interface's thread restores first and
//! prints then; a panic elsewhere is kept and printed after the screen is left, because it would tear the picture.

use super::input::{Deliver, Input, Reader};
use super::probe::Facts;
use super::{TermError, output, signals};
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// How the terminal is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Report clicks and the wheel. Terminals then select text with Shift held.
    pub mouse: bool,
    pub cursor: CursorShape,
    /// Ask the terminal for its background and the kitty keyboard protocol (after the first frame).
    pub probe: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mouse: false,
            cursor: CursorShape::Unchanged,
            probe: true,
        }
    }
}

/// The cursor in the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CursorShape {
    /// As the terminal has it.
    Unchanged,
    Block,
    Bar,
    Underline,
}

/// The terminal while it is ours. Dropping it gives it back.
pub struct Session {
    modes: Arc<Modes>,
    deliver: Deliver,
    reader: Option<Reader>,
    probe: bool,
    /// Columns and rows when it was entered.
    size: (u16, u16),
}

impl Session {
    /// Switches to the alternate screen and raw mode and begins to listen for signals. What arrives goes to `deliver`, which
    /// is called from other threads and must not block. Keys are read from [`Session::read_input`] on.
    pub fn enter(
        options: Options,
        deliver: impl Fn(Input) + Send + Sync + 'static,
    ) -> Result<Self, TermError> {
        if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
            return Err(TermError::NotATerminal);
        }
        let deliver: Deliver = Arc::new(deliver);
        let modes = Arc::new(Modes::new(options)?);
        install_panic_hook(Arc::clone(&modes));
        signals::listen(Arc::clone(&modes), Arc::clone(&deliver))?;
        modes.enter()?;
        Ok(Self {
            modes,
            deliver,
            reader: None,
            probe: options.probe,
            size: output::size(),
        })
    }

    /// Starts reading keys, after asking the terminal what it can. Call it after the first frame. What was typed before is
    /// not lost.
    pub fn read_input(&mut self) -> Result<(), TermError> {
        if self.reader.is_none() {
            let modes = Arc::clone(&self.modes);
            let deliver = Arc::clone(&self.deliver);
            self.reader = Some(Reader::start(modes, deliver, self.probe, self.size)?);
        }
        Ok(())
    }

    /// Gives the terminal to another program (an editor): reading pauses, modes are as before [`Session::enter`].
    pub fn suspend(&mut self) {
        if let Some(reader) = &self.reader {
            reader.pause();
        }
        self.modes.leave();
    }

    /// Takes the terminal back; the next frame must draw everything.
    pub fn resume(&mut self) -> Result<(), TermError> {
        self.modes.enter()?;
        if let Some(reader) = &self.reader {
            reader.resume();
        }
        Ok(())
    }

    /// Ctrl+Z: gives the terminal back, stops the process, and takes the terminal again when it is continued.
    pub fn stop_process(&mut self) -> Result<(), TermError> {
        self.suspend();
        self.modes.stops.store(true, Ordering::SeqCst);
        let stopped = signals::stop_self().map_err(TermError::Signals);
        self.resume()?;
        stopped
    }

    /// Sets the modes again after somebody else may have changed them (continued after a stop from outside).
    pub fn refresh(&mut self) -> Result<(), TermError> {
        self.modes.set_again()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.modes.leave();
    }
}

/// The modes of the terminal and whether they are on.
pub(super) struct Modes {
    options: Options,
    output: File,
    is_on: AtomicBool,
    /// The terminal knows the kitty keyboard protocol.
    has_kitty_keys: AtomicBool,
    /// We stopped the process ourselves and set the modes again ourselves.
    stops: AtomicBool,
    /// Held while the line discipline is changed: two threads do.
    line: Mutex<()>,
    interface: ThreadId,
    /// Panics of other threads, for after the screen is left.
    kept: Mutex<Vec<String>>,
}

impl Modes {
    fn new(options: Options) -> Result<Self, TermError> {
        Ok(Self {
            options,
            output: output::stdout()?,
            is_on: AtomicBool::new(false),
            has_kitty_keys: AtomicBool::new(false),
            stops: AtomicBool::new(false),
            line: Mutex::new(()),
            interface: thread::current().id(),
            kept: Mutex::new(Vec::new()),
        })
    }

    fn enter(&self) -> Result<(), TermError> {
        if self.is_on.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let raw = {
            let _line = self.line();
            crossterm::terminal::enable_raw_mode().map_err(TermError::Modes)
        };
        let entered = raw.and_then(|()| {
            let kitty = self.has_kitty_keys.load(Ordering::SeqCst);
            self.write(&on_sequence(self.options, kitty))
        });
        if entered.is_err() {
            self.leave();
        }
        entered
    }

    /// Gives the terminal back. Only the first call after an `enter` does anything.
    pub(super) fn leave(&self) {
        if !self.is_on.swap(false, Ordering::SeqCst) {
            return;
        }
        let kitty = self.has_kitty_keys.load(Ordering::SeqCst);
        // Nothing more can be done for a terminal that is gone.
        let _ = self.write(&off_sequence(self.options, kitty));
        {
            let _line = self.line();
            let _ = crossterm::terminal::disable_raw_mode();
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for text in kept.drain(..) {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// Whether the terminal is ours now.
    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::SeqCst)
    }

    /// Whether somebody else stopped the process, so that the modes must be set again. Asked once for each continuing.
    pub(super) fn was_stopped_by_others(&self) -> bool {
        !self.stops.swap(false, Ordering::SeqCst) && self.is_on()
    }

    fn set_again(&self) -> Result<(), TermError> {
        if !self.is_on() {
            return Ok(());
        }
        {
            let _line = self.line();
            // crossterm keeps the modes of before; asking again alone would do nothing.
            crossterm::terminal::disable_raw_mode().map_err(TermError::Modes)?;
            crossterm::terminal::enable_raw_mode().map_err(TermError::Modes)?;
        }
        // The alternate screen and the pushed keyboard flags are the terminal's, and still there.
        self.write(&on_sequence(self.options, false)[ALTERNATE.len()..])
    }

    /// Makes the system report once more that there is input: setting the line discipline, to what it is, wakes readers.
    pub(super) fn announce_input(&self) {
        let _line = self.line();
        if self.is_on() {
            output::set_line_again();
        }
    }

    fn line(&self) -> MutexGuard<'_, ()> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses what the terminal answered.
    pub(super) fn learn(&self, facts: &Facts) {
        if facts.has_kitty_keys && self.is_on() && !self.has_kitty_keys.swap(true, Ordering::SeqCst)
        {
            let _ = self.write(KITTY_ON);
        }
    }

    /// One write, so it never lands inside a frame.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), TermError> {
        (&self.output).write_all(bytes).map_err(TermError::Write)
    }
}

/// Switches to the alternate screen; the first thing that is written.
const ALTERNATE: &[u8] = b"\x1b[?1049h";
/// Ambiguous keys get codes of their own: Shift+Enter, Ctrl+Enter, Esc at once.
const KITTY_ON: &[u8] = b"\x1b[>1u";
const KITTY_OFF: &[u8] = b"\x1b[<1u";

fn on_sequence(options: Options, kitty: bool) -> Vec<u8> {
    let mut bytes = ALTERNATE.to_vec();
    // Bracketed paste, focus reports.
    bytes.extend_from_slice(b"\x1b[?2004h\x1b[?1004h");
    if options.mouse {
        // Buttons and wheel, not motion: moving the mouse must not wake the program.
        bytes.extend_from_slice(b"\x1b[?1000h\x1b[?1006h");
    }
    match options.cursor {
        CursorShape::Unchanged => {}
        CursorShape::Block => bytes.extend_from_slice(b"\x1b[2 q"),
        CursorShape::Underline => bytes.extend_from_slice(b"\x1b[4 q"),
        CursorShape::Bar => bytes.extend_from_slice(b"\x1b[6 q"),
    }
    if kitty {
        bytes.extend_from_slice(KITTY_ON);
    }
    bytes
}

fn off_sequence(options: Options, kitty: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    if kitty {
        bytes.extend_from_slice(KITTY_OFF);
    }
    if options.cursor != CursorShape::Unchanged {
        bytes.extend_from_slice(b"\x1b[0 q");
    }
    if options.mouse {
        bytes.extend_from_slice(b"\x1b[?1006l\x1b[?1000l");
    }
    // Focus reports, bracketed paste, attributes, cursor, and last the alternate screen.
    bytes.extend_from_slice(b"\x1b[?1004l\x1b[?2004l\x1b[0m\x1b[?25h\x1b[?1049l");
    bytes
}

fn install_panic_hook(modes: Arc<Modes>) {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == modes.interface {
            modes.leave();
        } else if modes.is_on() {
            let name = thread::current().name().unwrap_or("unnamed").to_owned();
            if let Ok(mut kept) = modes.kept.lock() {
                kept.push(format!("thread \"{name}\": {info}"));
            }
            return;
        }
        previous(info);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_that_is_set_is_reset() {
        let options = Options {
            mouse: true,
            cursor: CursorShape::Bar,
            probe: true,
        };
        let on = String::from_utf8(on_sequence(options, true)).unwrap();
        let off = String::from_utf8(off_sequence(options, true)).unwrap();
        let modes: Vec<&str> = on
            .split("\x1b[?")
            .filter_map(|part| part.split_once('h').map(|(mode, _)| mode))
            .collect();
        assert_eq!(modes, ["1049", "2004", "1004", "1000", "1006"]);
        for mode in modes {
            assert_eq!(off.matches(&format!("\x1b[?{mode}l")).count(), 1, "{mode}");
        }
        assert!(off.ends_with("\x1b[?1049l"));
        assert!(on.contains("\x1b[6 q") && off.contains("\x1b[0 q"));
        assert!(on.contains("\x1b[>1u") && off.starts_with("\x1b[<1u"));
    }

    #[test]
    fn what_was_not_asked_for_is_not_touched() {
        let on = on_sequence(Options::default(), false);
        let off = off_sequence(Options::default(), false);
        for bytes in [on, off] {
            let text = String::from_utf8(bytes).unwrap();
            assert!(!text.contains("1000") && !text.contains(" q") && !text.contains('u'));
        }
    }
}
