//! What this terminal can do: from the environment, and from asking it once, after the first frame, for 100 ms at most.
//!
//! The question ends with a request every terminal answers (primary device attributes), so silence about the rest is an
//! answer too. Everything but [`ask`] is pure.

use super::typed;
use crate::app::msg::{Chord, Key};
use crossterm::event::Event;
use std::time::Duration;

/// How long an answer is waited for.
pub const PATIENCE: Duration = Duration::from_millis(100);

/// Background colour (OSC 11), keyboard flags (kitty), then device attributes as the sentinel.
const QUERY: &[u8] = b"\x1b]11;?\x1b\\\x1b[?u\x1b[c";

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ColourDepth {
    /// The person asked for none (`NO_COLOR`), or the terminal has none.
    None,
    Sixteen,
    #[default]
    Indexed,
    True,
}

impl ColourDepth {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sixteen => "16 colours",
            Self::Indexed => "256 colours",
            Self::True => "24-bit colours",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    Dark,
    Light,
}

/// The program between us and the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Multiplexer {
    Tmux,
    Screen,
    Zellij,
}

/// What the environment says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// `TERM`.
    pub term: String,
    /// `TERM_PROGRAM`, where set.
    pub program: Option<String>,
    pub depth: ColourDepth,
    pub multiplexer: Option<Multiplexer>,
    /// The session came over SSH. `SSH_CONNECTION` is asked, as `SSH_TTY` survives a local re-attach in tmux.
    pub is_remote: bool,
    /// `COLORFGBG`, where it names a background.
    pub background: Option<Background>,
}

impl Surroundings {
    /// From variables; `variable` is `std::env::var` or a table.
    #[must_use]
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        let multiplexer = if set("ZELLIJ").is_some() {
            Some(Multiplexer::Zellij)
        } else if set("TMUX").is_some() {
            Some(Multiplexer::Tmux)
        } else if set("STY").is_some() {
            Some(Multiplexer::Screen)
        } else {
            None
        };
        Self {
            depth: depth(
                &term,
                set("COLORTERM").as_deref(),
                set("NO_COLOR").is_some(),
            ),
            program: set("TERM_PROGRAM"),
            multiplexer,
            is_remote: set("SSH_CONNECTION").is_some(),
            background: set("COLORFGBG").as_deref().and_then(background_of_pair),
            term,
        }
    }

    /// From this process's environment.
    #[must_use]
    pub fn of_process() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }
}

fn depth(term: &str, colorterm: Option<&str>, no_color: bool) -> ColourDepth {
    let has_true_colour = colorterm.is_some_and(|value| matches!(value, "truecolor" | "24bit"))
        || ["direct", "kitty", "ghostty", "alacritty", "wezterm", "foot"]
            .iter()
            .any(|name| term.contains(name));
    if no_color || term.is_empty() || term == "dumb" {
        ColourDepth::None
    } else if has_true_colour {
        ColourDepth::True
    } else if term.contains("256") || colorterm.is_some() {
        ColourDepth::Indexed
    } else {
        ColourDepth::Sixteen
    }
}

/// `15;0` or `0;default;15`: the last field is the background's index.
fn background_of_pair(pair: &str) -> Option<Background> {
    match pair.rsplit(';').next()?.parse::<u8>().ok()? {
        0..=6 | 8 => Some(Background::Dark),
        7 | 9..=15 => Some(Background::Light),
        _ => None,
    }
}

/// What the terminal answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    pub background: Option<Background>,
    /// Knows the kitty keyboard protocol.
    pub has_kitty_keys: bool,
    /// It answered to the end; otherwise an answer may still come late.
    pub is_complete: bool,
}

impl Facts {
    /// Whether it said that its background is light.
    #[must_use]
    pub fn has_light_background(&self) -> bool {
        self.background == Some(Background::Light)
    }
}

/// The bytes that come back, taken apart: answers here, typing to `typed`.
#[derive(Debug, Default)]
pub struct Answers {
    facts: Facts,
    pending: Vec<u8>,
    typed: Vec<u8>,
}

impl Answers {
    /// Takes bytes; returns whether the sentinel has come.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        self.pending.extend_from_slice(bytes);
        while let Some(length) = self.sequence_length() {
            let sequence: Vec<u8> = self.pending.drain(..length).collect();
            if !self.understand(&sequence) {
                self.typed.extend(sequence);
            }
        }
        self.facts.is_complete
    }

    /// The facts, and what a person typed meanwhile.
    #[must_use]
    pub fn finish(mut self) -> (Facts, Vec<u8>) {
        // A cut answer is no typing; a cut escape or character is.
        if !self.pending.starts_with(b"\x1b]") && !self.pending.starts_with(b"\x1b[?") {
            self.typed.append(&mut self.pending);
        }
        (self.facts, self.typed)
    }

    /// Length of the first whole sequence; none while it is cut.
    fn sequence_length(&self) -> Option<usize> {
        match self.pending.as_slice() {
            [] | [0x1b] => None,
            [0x1b, b']', rest @ ..] => rest.iter().enumerate().find_map(|(at, &byte)| {
                let is_st = byte == b'\\' && at > 0 && rest.get(at - 1) == Some(&0x1b);
                (byte == 7 || is_st).then_some(at + 3)
            }),
            [0x1b, b'[', rest @ ..] => rest
                .iter()
                .position(|byte| (0x40..=0x7e).contains(byte))
                .map(|at| at + 3),
            [0x1b, ..] => Some(2),
            _ => Some(1),
        }
    }

    /// Whether the sequence was an answer.
    fn understand(&mut self, sequence: &[u8]) -> bool {
        if let Some(body) = sequence.strip_prefix(b"\x1b]11;") {
            self.facts.background = background_of_answer(body);
            return true;
        }
        let Some(body) = sequence.strip_prefix(b"\x1b[?") else {
            return false;
        };
        match body.last() {
            Some(b'u') => self.facts.has_kitty_keys = true,
            Some(b'c') => self.facts.is_complete = true,
            _ => return false,
        }
        true
    }
}

/// `rgb:1e1e/1e1e/2e2e` (one to four hex digits each) with its terminator.
fn background_of_answer(body: &[u8]) -> Option<Background> {
    let text = std::str::from_utf8(body).ok()?;
    let text = text.trim_end_matches(['\x07', '\x1b', '\\']);
    let channels = text
        .strip_prefix("rgb:")
        .or_else(|| text.strip_prefix("rgba:"))?;
    let mut levels = channels.split('/').map(|digits| {
        let most = 16_u32.checked_pow(u32::try_from(digits.len()).ok()?)? - 1;
        let level = u32::from_str_radix(digits, 16).ok()?;
        (most > 0).then(|| f64::from(level) / f64::from(most))
    });
    let (red, green, blue) = (levels.next()??, levels.next()??, levels.next()??);
    // Luma of ITU-R BT.709; half is where black and white text read equally well.
    let luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    Some(if luma < 0.5 {
        Background::Dark
    } else {
        Background::Light
    })
}

/// Asks the terminal. Returns the facts and what was typed meanwhile. Nothing else may read the terminal at this time.
pub(super) fn ask(write: impl FnOnce(&[u8]) -> bool) -> (Facts, Vec<Event>) {
    if !write(QUERY) {
        return (Facts::default(), Vec::new());
    }
    let mut answers = Answers::default();
    collect(&mut answers);
    let (facts, bytes) = answers.finish();
    (facts, typed::events(&bytes))
}

#[cfg(unix)]
fn collect(answers: &mut Answers) {
    // A terminal that cannot be polled is one that does not answer.
    let _ = collect_bounded(answers);
}

#[cfg(not(unix))]
fn collect(_answers: &mut Answers) {}

/// Reads until the sentinel or for [`PATIENCE`].
#[cfg(unix)]
fn collect_bounded(answers: &mut Answers) -> std::io::Result<()> {
    use mio::unix::SourceFd;
    use mio::{Events, Interest, Poll, Token};
    use std::io::Read;
    use std::os::fd::{AsFd, AsRawFd};
    use std::time::Instant;

    let mut input = std::fs::File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let mut poll = Poll::new()?;
    let descriptor = input.as_raw_fd();
    poll.registry()
        .register(&mut SourceFd(&descriptor), Token(0), Interest::READABLE)?;
    let mut ready = Events::with_capacity(1);
    let end = Instant::now() + PATIENCE;
    let mut bytes = [0_u8; 1024];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        match poll.poll(&mut ready, Some(left)) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            outcome => outcome?,
        }
        if ready.is_empty() {
            return Ok(());
        }
        // The edge is armed again by every arrival; one read takes all that a terminal buffers at once here.
        let length = input.read(&mut bytes)?;
        let arrived = bytes.get(..length).unwrap_or_default();
        if length == 0 || answers.push(arrived) {
            return Ok(());
        }
    }
}

/// Recognises an answer to OSC 11 that comes after the wait, which the library would report as typing:
/// Alt+] `11;rgb:…` and Alt+\ or Ctrl+G. Pure.
#[derive(Debug, Default)]
pub struct LateAnswer {
    is_expected: bool,
    held: Vec<Chord>,
}

/// No answer is longer.
const LONGEST_ANSWER: usize = 40;

impl LateAnswer {
    /// Watches only when something may still come.
    #[must_use]
    pub fn after(facts: &Facts) -> Self {
        Self {
            is_expected: !facts.is_complete,
            held: Vec::new(),
        }
    }

    /// The chords to hand on now: none while an answer may be arriving, all held ones when it was none.
    pub fn pass(&mut self, chord: Chord) -> Vec<Chord> {
        if !self.is_expected {
            return vec![chord];
        }
        let starts = chord.alt && chord.key == Key::Char(']');
        if self.held.is_empty() && !starts {
            return vec![chord];
        }
        let ends = (chord.alt && chord.key == Key::Char('\\'))
            || (chord.ctrl && chord.key == Key::Char('g'));
        if ends && self.held.len() > "11;rgb".len() {
            self.held.clear();
            self.is_expected = false;
            return Vec::new();
        }
        let fits = match (self.held.len(), chord.key) {
            (0, _) => starts,
            (at, Key::Char(letter)) if !chord.alt && !chord.ctrl => {
                "11;rgb".chars().nth(at - 1).map_or(
                    letter.is_ascii_hexdigit() || "a:/".contains(letter),
                    |due| due == letter,
                )
            }
            _ => false,
        };
        self.held.push(chord);
        if fits && self.held.len() < LONGEST_ANSWER {
            return Vec::new();
        }
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_in_any_pieces_are_understood() {
        let stream = b"\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\\x1b[?1u\x1b[?62;22c";
        for cut in 1..stream.len() {
            let mut answers = Answers::default();
            let (first, second) = stream.split_at(cut);
            assert!(!answers.push(first));
            assert!(answers.push(second), "cut at {cut}");
            let (facts, typed) = answers.finish();
            assert_eq!(
                facts,
                Facts {
                    background: Some(Background::Dark),
                    has_kitty_keys: true,
                    is_complete: true
                }
            );
            assert!(typed.is_empty());
        }
    }

    #[test]
    fn typing_between_the_answers_is_kept() {
        let mut answers = Answers::default();
        assert!(!answers.push(b"h\x1b]11;rgb:ff/ff/f0\x07i\x1b[A"));
        assert!(answers.push(b"\x1b[?6c\xc3\xa9"));
        let (facts, typed) = answers.finish();
        assert_eq!(facts.background, Some(Background::Light));
        assert!(!facts.has_kitty_keys);
        assert_eq!(typed, "hi\x1b[Aé".as_bytes());
    }

    #[test]
    fn silence_is_no_fact() {
        let mut answers = Answers::default();
        assert!(!answers.push(b"\x1b]11;rgb:00"));
        let (facts, typed) = answers.finish();
        assert_eq!(facts, Facts::default());
        assert!(typed.is_empty());
    }

    fn surroundings(variables: &[(&str, &str)]) -> Surroundings {
        Surroundings::from_variables(|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_tells_the_colours() {
        let cases = [
            (&[("TERM", "xterm-256color")][..], ColourDepth::Indexed),
            (
                &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")],
                ColourDepth::True,
            ),
            (
                &[
                    ("TERM", "xterm"),
                    ("COLORTERM", "truecolor"),
                    ("NO_COLOR", "1"),
                ],
                ColourDepth::None,
            ),
            (&[("TERM", "xterm"), ("NO_COLOR", "")], ColourDepth::Sixteen),
            (&[("TERM", "xterm-kitty")], ColourDepth::True),
            (&[("TERM", "dumb")], ColourDepth::None),
            (&[], ColourDepth::None),
        ];
        for (variables, depth) in cases {
            assert_eq!(surroundings(variables).depth, depth, "{variables:?}");
        }
    }

    #[test]
    fn the_environment_tells_what_lies_between() {
        let inside = surroundings(&[
            ("TERM", "tmux-256color"),
            ("TMUX", "/tmp/t,1,0"),
            ("SSH_CONNECTION", "a 1 b 2"),
            ("COLORFGBG", "15;0"),
        ]);
        assert_eq!(inside.multiplexer, Some(Multiplexer::Tmux));
        assert!(inside.is_remote);
        assert_eq!(inside.background, Some(Background::Dark));
        assert!(!surroundings(&[("SSH_TTY", "/dev/pts/1")]).is_remote);
    }

    fn chord(key: char, alt: bool) -> Chord {
        Chord {
            key: Key::Char(key),
            ctrl: false,
            alt,
            shift: false,
        }
    }

    #[test]
    fn what_only_begins_like_an_answer_is_typing() {
        let mut late = LateAnswer::after(&Facts::default());
        assert!(late.pass(chord(']', true)).is_empty());
        assert_eq!(
            late.pass(chord('x', false)),
            [chord(']', true), chord('x', false)]
        );
        assert_eq!(late.pass(chord('y', false)), [chord('y', false)]);
    }
}
