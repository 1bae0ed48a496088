//! What a person does, from the terminal to messages: one thread that blocks on the terminal, nothing that wakes at rest.
//!
//! The thread takes everything that has arrived, merges sizes, finds unmarked pastes and delivers messages. It can be paused
//! so that another program may read; then it holds nothing and reads nothing.

use super::burst::Bursts;
use super::chord::chord;
use super::probe::{Facts, LateAnswer};
use super::session::Modes;
use super::{TermError, output, probe};
use crate::app::msg::{Mouse, Msg};
use crate::domain::text::strip_controls;
use crossterm::event::{Event, MouseButton, MouseEventKind};
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One thing the terminal or the system tells the loop.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    Msg(Msg),
    /// The terminal answered, or did not; comes once.
    Probed(Facts),
    /// End soon: save, leave, exit with 128 + signal. A second signal ends the process.
    Terminate {
        signal: i32,
    },
    /// Stop, as Ctrl+Z does.
    Suspend,
    /// The process was stopped and goes on: set modes again, draw everything.
    Continued,
    /// The terminal cannot be read any more.
    Lost(String),
}

/// Where input goes; called from other threads.
pub type Deliver = Arc<dyn Fn(Input) + Send + Sync>;

/// How long a pause waits for the thread to notice.
const PAUSE_PATIENCE: Duration = Duration::from_secs(2);
/// How often what lies unread is announced before the thread waits again.
const MOST_LOOKS: usize = 3;
/// How often the thread is nudged meanwhile.
const NUDGE: Duration = Duration::from_millis(20);

/// The thread that reads the terminal.
pub(super) struct Reader {
    gate: Arc<Gate>,
}

impl Reader {
    pub(super) fn start(
        modes: Arc<Modes>,
        deliver: Deliver,
        with_probe: bool,
        size: (u16, u16),
    ) -> Result<Self, TermError> {
        let gate = Arc::new(Gate::default());
        let inner = Arc::clone(&gate);
        let run = move || {
            let mut translator = Translator {
                size: Some(size),
                ..Translator::default()
            };
            if with_probe {
                let (facts, typed) = probe::ask(|query| modes.write(query).is_ok());
                modes.learn(&facts);
                translator.expect_late_answer(&facts);
                deliver(Input::Probed(facts));
                send(&deliver, translator.translate(typed, Instant::now()));
            }
            // Changes of size are noticed from the library's first call on; this finds one that came before.
            if crossterm::event::poll(Duration::ZERO).is_ok() {
                let (columns, rows) = output::size();
                let resized = vec![Event::Resize(columns, rows)];
                send(&deliver, translator.translate(resized, Instant::now()));
            }
            loop {
                inner.wait_until_open();
                match arrived(&inner, &modes) {
                    Ok(events) => send(&deliver, translator.translate(events, Instant::now())),
                    Err(error) => {
                        deliver(Input::Lost(error.to_string()));
                        return;
                    }
                }
            }
        };
        std::thread::Builder::new()
            .name("input".into())
            .spawn(run)
            .map_err(|error| TermError::Thread("reads the terminal", error))?;
        Ok(Self { gate })
    }

    /// Returns when the thread has let go of the terminal (or has not within two seconds).
    pub(super) fn pause(&self) {
        self.gate.close();
    }

    pub(super) fn resume(&self) {
        self.gate.open();
    }
}

fn send(deliver: &Deliver, messages: Vec<Msg>) {
    for msg in messages {
        deliver(Input::Msg(msg));
    }
}

/// Blocks for an event, then takes all that are there, and ends with the size as it is now.
///
/// The library waits for edges of two sources and returns with the first: a key and a change of size that become ready
/// together cost it the second, which it would report with the *next* one only. So the size is always asked for, and bytes
/// that lie there unread are announced to the library again.
fn arrived(gate: &Gate, modes: &Modes) -> io::Result<Vec<Event>> {
    let mut events = Vec::new();
    if cfg!(unix) {
        events.push(crossterm::event::read()?);
    } else {
        // Nothing can end a blocked read here, so that a pause is noticed within a tenth of a second.
        while !crossterm::event::poll(Duration::from_millis(100))? {
            if gate.is_closed() {
                return Ok(events);
            }
        }
        events.push(crossterm::event::read()?);
    }
    for _ in 0..MOST_LOOKS {
        while !gate.is_closed() && crossterm::event::poll(Duration::ZERO)? {
            events.push(crossterm::event::read()?);
        }
        if gate.is_closed() || !output::has_unread_input() {
            break;
        }
        modes.announce_input();
    }
    let (columns, rows) = output::size();
    events.push(Event::Resize(columns, rows));
    Ok(events)
}

/// Lets the reading thread through, or holds it.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    is_closed: bool,
    is_held: bool,
}

impl Gate {
    fn lock(&self) -> std::sync::MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    fn wait_until_open(&self) {
        let mut state = self.lock();
        while state.is_closed {
            state.is_held = true;
            self.changed.notify_all();
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.is_held = false;
    }

    fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let mut waited = Duration::ZERO;
        while !state.is_held && waited < PAUSE_PATIENCE {
            nudge();
            state = self
                .changed
                .wait_timeout(state, NUDGE)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            waited += NUDGE;
        }
    }

    fn open(&self) {
        self.lock().is_closed = false;
        self.changed.notify_all();
    }
}

/// Ends a blocked read: the library reports a change of size, which is then seen to be none.
fn nudge() {
    #[cfg(unix)]
    let _ = signal_hook::low_level::raise(signal_hook::consts::SIGWINCH);
}

/// Library events into messages. Pure.
#[derive(Debug, Default)]
pub struct Translator {
    bursts: Bursts,
    late: LateAnswer,
    size: Option<(u16, u16)>,
}

impl Translator {
    /// After a probe without an answer, one may still come and must not be taken for typing.
    fn expect_late_answer(&mut self, facts: &Facts) {
        self.late = LateAnswer::after(facts);
    }

    /// Messages of events that arrived together: sizes merged into the last, unmarked pastes found.
    #[must_use]
    pub fn translate(&mut self, events: Vec<Event>, now: Instant) -> Vec<Msg> {
        let mut size = None;
        let mut messages = Vec::with_capacity(events.len());
        for event in events {
            match event {
                Event::Key(key) => {
                    if let Some(chord) = chord(&key) {
                        messages.extend(self.late.pass(chord).into_iter().map(Msg::Key));
                    }
                }
                Event::Paste(text) => {
                    self.bursts.switch_off();
                    messages.push(Msg::Paste(pasted(&text)));
                }
                Event::Mouse(mouse) => {
                    let (column, row) = (mouse.column, mouse.row);
                    let mouse = match mouse.kind {
                        MouseEventKind::ScrollUp => Mouse::ScrollUp { column, row },
                        MouseEventKind::ScrollDown => Mouse::ScrollDown { column, row },
                        MouseEventKind::Down(MouseButton::Left) => Mouse::Click { column, row },
                        _ => continue,
                    };
                    messages.push(Msg::Mouse(mouse));
                }
                Event::FocusGained => messages.push(Msg::Focus(true)),
                Event::FocusLost => messages.push(Msg::Focus(false)),
                Event::Resize(columns, rows) => size = Some((columns, rows)),
            }
        }
        let mut judged = self.bursts.judge(messages, now);
        if let Some((columns, rows)) = size
            && self.size.replace((columns, rows)) != size
        {
            judged.insert(0, Msg::Resized { columns, rows });
        }
        judged
    }
}

/// Pasted text with line ends normalised and without anything that commands a terminal.
fn pasted(text: &str) -> String {
    strip_controls(&text.replace("\r\n", "\n").replace('\r', "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::msg::Key;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent};

    fn typed(letter: char) -> Event {
        Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE))
    }

    #[test]
    fn sizes_are_merged_and_a_nudge_is_none() {
        let mut translator = Translator::default();
        let now = Instant::now();
        let events = vec![Event::Resize(80, 24), typed('a'), Event::Resize(90, 30)];
        let messages = translator.translate(events, now);
        assert_eq!(
            messages[0],
            Msg::Resized {
                columns: 90,
                rows: 30
            }
        );
        assert_eq!(messages.len(), 2);
        assert!(
            translator
                .translate(vec![Event::Resize(90, 30)], now)
                .is_empty()
        );
    }

    #[test]
    fn pasted_text_is_clean() {
        let mut translator = Translator::default();
        let events = vec![Event::Paste("a\r\nb\rc\x1b[2Jd\te".into())];
        let messages = translator.translate(events, Instant::now());
        assert_eq!(messages, [Msg::Paste("a\nb\nc[2Jd\te".into())]);
    }

    #[test]
    fn the_mouse_clicks_and_scrolls_and_nothing_else() {
        let mut translator = Translator::default();
        let at = |kind| {
            Event::Mouse(MouseEvent {
                kind,
                column: 3,
                row: 4,
                modifiers: KeyModifiers::NONE,
            })
        };
        let events = vec![
            at(MouseEventKind::ScrollUp),
            at(MouseEventKind::Moved),
            at(MouseEventKind::Down(MouseButton::Left)),
            at(MouseEventKind::Up(MouseButton::Left)),
        ];
        assert_eq!(
            translator.translate(events, Instant::now()),
            [
                Msg::Mouse(Mouse::ScrollUp { column: 3, row: 4 }),
                Msg::Mouse(Mouse::Click { column: 3, row: 4 }),
            ]
        );
    }

    #[test]
    fn a_closed_gate_holds_and_an_open_one_lets_go() {
        let gate = Arc::new(Gate::default());
        let (sender, receiver) = std::sync::mpsc::channel();
        let inner = Arc::clone(&gate);
        gate.lock().is_closed = true;
        let thread = std::thread::spawn(move || {
            inner.wait_until_open();
            sender.send(()).unwrap();
        });
        gate.close();
        assert!(gate.lock().is_held);
        assert!(receiver.try_recv().is_err());
        gate.open();
        receiver.recv().unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn a_late_answer_is_not_typed_text() {
        let mut translator = Translator::default();
        translator.expect_late_answer(&Facts::default());
        let alt = |letter| Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::ALT));
        let mut events = vec![alt(']')];
        events.extend("11;rgb:0000/0000/0000".chars().map(typed));
        events.push(alt('\\'));
        events.push(typed('x'));
        let messages = translator.translate(events, Instant::now());
        let [Msg::Key(chord)] = messages[..] else {
            panic!("{messages:?}");
        };
        assert_eq!(chord.key, Key::Char('x'));
    }
}
