//! Bytes that a person typed while the terminal was asked, as the library would have reported them.
//!
//! Only for that tenth of a second: text, control keys, arrows and marked pastes. Other sequences are dropped.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

const PASTE_BEGIN: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// The events of these bytes, in order.
#[must_use]
pub fn events(bytes: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut rest = bytes;
    while let Some((event, length)) = first(rest) {
        events.extend(event);
        rest = rest.get(length..).unwrap_or_default();
    }
    events
}

/// The first event and its length in bytes.
fn first(bytes: &[u8]) -> Option<(Option<Event>, usize)> {
    let key = |code| Some(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    let found = match bytes {
        [] => return None,
        [b'\r', ..] => (key(KeyCode::Enter), 1),
        [b'\t', ..] => (key(KeyCode::Tab), 1),
        [0x7f, ..] => (key(KeyCode::Backspace), 1),
        [0x1b] => (key(KeyCode::Esc), 1),
        [0x1b, b'[', ..] => sequence(bytes),
        [0x1b, letter, ..] if letter.is_ascii_graphic() => (
            Some(Event::Key(KeyEvent::new(
                KeyCode::Char(char::from(*letter)),
                KeyModifiers::ALT,
            ))),
            2,
        ),
        [0x1b, ..] => (key(KeyCode::Esc), 1),
        [code @ 1..=0x1a, ..] => (
            Some(Event::Key(KeyEvent::new(
                KeyCode::Char(char::from(code - 1 + b'a')),
                KeyModifiers::CONTROL,
            ))),
            1,
        ),
        [0..=0x1f, ..] => (None, 1),
        _ => character(bytes),
    };
    Some(found)
}

/// A sequence that starts with `ESC [`.
fn sequence(bytes: &[u8]) -> (Option<Event>, usize) {
    if let Some(pasted) = bytes.strip_prefix(PASTE_BEGIN) {
        let end = pasted
            .windows(PASTE_END.len())
            .position(|window| window == PASTE_END);
        let text = String::from_utf8_lossy(
            pasted
                .get(..end.unwrap_or(pasted.len()))
                .unwrap_or_default(),
        );
        let length = end.map_or(bytes.len(), |at| PASTE_BEGIN.len() + at + PASTE_END.len());
        return (Some(Event::Paste(text.into_owned())), length);
    }
    let body = bytes.get(2..).unwrap_or_default();
    let Some(at) = body.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
        return (None, bytes.len());
    };
    let code = match body.get(..=at) {
        Some(b"A") => Some(KeyCode::Up),
        Some(b"B") => Some(KeyCode::Down),
        Some(b"C") => Some(KeyCode::Right),
        Some(b"D") => Some(KeyCode::Left),
        Some(b"H") => Some(KeyCode::Home),
        Some(b"F") => Some(KeyCode::End),
        Some(b"3~") => Some(KeyCode::Delete),
        _ => None,
    };
    let event = code.map(|code| Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    (event, at + 3)
}

/// A character of UTF-8; bytes that are none are skipped.
fn character(bytes: &[u8]) -> (Option<Event>, usize) {
    for length in 1..=bytes.len().min(4) {
        let text = bytes
            .get(..length)
            .and_then(|part| std::str::from_utf8(part).ok());
        if let Some(letter) = text.and_then(|text| text.chars().next()) {
            let event = Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE));
            return (Some(event), length);
        }
    }
    (None, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_early_is_understood() {
        let read = events("hé\r\x03\x1b[A\x1bf\x1b[200~a\nb\x1b[201~\x1b[99~z\x1b".as_bytes());
        let key = |code, modifiers| Event::Key(KeyEvent::new(code, modifiers));
        assert_eq!(
            read,
            [
                key(KeyCode::Char('h'), KeyModifiers::NONE),
                key(KeyCode::Char('é'), KeyModifiers::NONE),
                key(KeyCode::Enter, KeyModifiers::NONE),
                key(KeyCode::Char('c'), KeyModifiers::CONTROL),
                key(KeyCode::Up, KeyModifiers::NONE),
                key(KeyCode::Char('f'), KeyModifiers::ALT),
                Event::Paste("a\nb".into()),
                key(KeyCode::Char('z'), KeyModifiers::NONE),
                key(KeyCode::Esc, KeyModifiers::NONE),
            ]
        );
    }
}
