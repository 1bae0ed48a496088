//! Pasting where the terminal does not mark it: a line end amid characters that arrive faster than anybody types is text,
//! not "send". Pure; time is a parameter.
//!
//! Typed keys are never held back. The detector judges what arrived together: an Enter followed by more text in the same
//! delivery, or within [`LULL`] after such a paste, is a new line. The first marked paste switches it off.

use crate::app::msg::{Chord, Key, Msg};
use std::time::{Duration, Instant};

/// A paste that the terminal delivers in parts goes on if the next part comes within this time.
const LULL: Duration = Duration::from_millis(10);

/// Turns unmarked pastes into [`Msg::Paste`].
#[derive(Debug, Default)]
pub struct Bursts {
    is_off: bool,
    /// When the paste that may still go on last grew.
    pasting: Option<Instant>,
}

impl Bursts {
    /// The terminal marks pastes itself; nothing needs guessing any more.
    pub fn switch_off(&mut self) {
        self.is_off = true;
    }

    /// Messages that arrived together; runs of text with a line end inside become pastes.
    #[must_use]
    pub fn judge(&mut self, arrived: Vec<Msg>, now: Instant) -> Vec<Msg> {
        if self.is_off {
            return arrived;
        }
        let mut goes_on = self
            .pasting
            .take()
            .is_some_and(|last| now.saturating_duration_since(last) <= LULL);
        let mut judged = Vec::with_capacity(arrived.len());
        let mut run: Vec<Msg> = Vec::new();
        let mut is_paste = false;
        for msg in arrived {
            if text_of(&msg).is_some() {
                run.push(msg);
                continue;
            }
            flush(&mut run, goes_on, &mut judged);
            goes_on = false;
            judged.push(msg);
        }
        if !run.is_empty() {
            is_paste = flush(&mut run, goes_on, &mut judged);
        }
        if is_paste {
            self.pasting = Some(now);
        }
        judged
    }
}

/// Moves a run on, as one paste if it is one. Returns whether it was.
fn flush(run: &mut Vec<Msg>, goes_on: bool, judged: &mut Vec<Msg>) -> bool {
    let text: String = run.iter().filter_map(text_of).collect();
    let has_inner_line_end = text.trim_end_matches('\n').contains('\n');
    // A lone key right behind a paste is more likely a key; a lone line end is more likely the paste's last.
    let is_part = text.chars().nth(1).is_some() || text == "\n";
    let is_paste = has_inner_line_end || (goes_on && is_part);
    if is_paste {
        run.clear();
        judged.push(Msg::Paste(text));
    } else {
        judged.append(run);
    }
    is_paste
}

/// What a key would add to a text.
fn text_of(msg: &Msg) -> Option<char> {
    let Msg::Key(Chord {
        key,
        ctrl,
        alt: false,
        shift: false,
    }) = *msg
    else {
        return None;
    };
    match (key, ctrl) {
        (Key::Char(letter), false) => Some(letter),
        // Terminals paste a line end as either code.
        (Key::Enter, false) | (Key::Char('j'), true) => Some('\n'),
        (Key::Tab, false) => Some('\t'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Msg> {
        text.chars()
            .map(|letter| {
                let key = match letter {
                    '\n' => Key::Enter,
                    '\t' => Key::Tab,
                    other => Key::Char(other),
                };
                Msg::Key(Chord {
                    key,
                    ctrl: false,
                    alt: false,
                    shift: false,
                })
            })
            .collect()
    }

    #[test]
    fn typed_text_and_a_last_enter_stay_keys() {
        let mut bursts = Bursts::default();
        let now = Instant::now();
        assert_eq!(bursts.judge(keys("hello\n"), now), keys("hello\n"));
        assert_eq!(bursts.judge(keys("\n"), now), keys("\n"));
    }

    #[test]
    fn a_line_end_amid_text_is_a_paste() {
        let mut bursts = Bursts::default();
        let judged = bursts.judge(keys("a\n\tb\n"), Instant::now());
        assert_eq!(judged, [Msg::Paste("a\n\tb\n".into())]);
    }

    #[test]
    fn a_paste_in_parts_goes_on_but_not_after_a_lull() {
        let mut bursts = Bursts::default();
        let start = Instant::now();
        assert_eq!(bursts.judge(keys("a\nb"), start).len(), 1);
        let soon = start + Duration::from_millis(4);
        assert_eq!(bursts.judge(keys("c\n"), soon), [Msg::Paste("c\n".into())]);
        let later = soon + Duration::from_millis(11);
        assert_eq!(bursts.judge(keys("d\n"), later), keys("d\n"));
    }

    #[test]
    fn a_terminal_that_marks_pastes_is_believed() {
        let mut bursts = Bursts::default();
        bursts.switch_off();
        let now = Instant::now();
        assert_eq!(bursts.judge(keys("a\nb"), now), keys("a\nb"));
    }
}
