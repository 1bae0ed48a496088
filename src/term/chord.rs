//! Keys as the terminal library reports them, made into [`Chord`]s. Pure.
//!
//! Codes that terminals cannot tell apart become the same chord everywhere, also where a newer protocol could: Ctrl+I is Tab,
//! Ctrl+M Enter, Ctrl+H Backspace, Ctrl+[ Esc. The case of a letter stands in the letter; Shift is kept for keys without one
//! and for Ctrl+Shift+letter.

use crate::app::msg::{Chord, Key};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// The chord of a key event; none for releases, lone modifiers and keys the program has no word for.
#[must_use]
pub fn chord(event: &KeyEvent) -> Option<Chord> {
    if event.kind == KeyEventKind::Release || event.modifiers.contains(KeyModifiers::SUPER) {
        return None;
    }
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let alt = event
        .modifiers
        .intersects(KeyModifiers::ALT | KeyModifiers::META);
    let shift = event.modifiers.contains(KeyModifiers::SHIFT);
    let plain = |key| Chord {
        key,
        ctrl,
        alt,
        shift,
    };
    let chord = match event.code {
        KeyCode::Char(letter) if ctrl => controlled(letter, alt, shift),
        KeyCode::Char(letter) => {
            // Some terminals report Shift and the small letter.
            let letter = match (shift, letter.is_ascii_lowercase()) {
                (true, true) => letter.to_ascii_uppercase(),
                _ => letter,
            };
            Chord {
                shift: false,
                ..plain(Key::Char(letter))
            }
        }
        KeyCode::BackTab => Chord {
            shift: false,
            ..plain(Key::BackTab)
        },
        KeyCode::Tab if shift => Chord {
            shift: false,
            ..plain(Key::BackTab)
        },
        KeyCode::Null => Chord {
            ctrl: true,
            ..plain(Key::Char(' '))
        },
        KeyCode::F(number) => plain(Key::F(number)),
        KeyCode::Enter => plain(Key::Enter),
        KeyCode::Tab => plain(Key::Tab),
        KeyCode::Backspace => plain(Key::Backspace),
        KeyCode::Delete => plain(Key::Delete),
        KeyCode::Esc => plain(Key::Esc),
        KeyCode::Up => plain(Key::Up),
        KeyCode::Down => plain(Key::Down),
        KeyCode::Left => plain(Key::Left),
        KeyCode::Right => plain(Key::Right),
        KeyCode::Home => plain(Key::Home),
        KeyCode::End => plain(Key::End),
        KeyCode::PageUp => plain(Key::PageUp),
        KeyCode::PageDown => plain(Key::PageDown),
        _ => return None,
    };
    Some(chord)
}

/// Ctrl with a character.
fn controlled(letter: char, alt: bool, shift: bool) -> Chord {
    let twin = |key| Chord {
        key,
        ctrl: false,
        alt,
        shift: false,
    };
    let with_ctrl = |letter| Chord {
        key: Key::Char(letter),
        ctrl: true,
        alt,
        shift,
    };
    match letter.to_ascii_lowercase() {
        'i' => twin(Key::Tab),
        'm' => twin(Key::Enter),
        'h' => twin(Key::Backspace),
        '[' | '3' => twin(Key::Esc),
        // The library names the codes 0x1c..=0x1f by the digits that also make them.
        '4' => with_ctrl('\\'),
        '5' => with_ctrl(']'),
        '6' => with_ctrl('^'),
        '7' => with_ctrl('_'),
        other => with_ctrl(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: KeyCode, modifiers: KeyModifiers) -> Chord {
        chord(&KeyEvent::new(code, modifiers)).unwrap()
    }

    fn key(key: Key) -> Chord {
        Chord {
            key,
            ctrl: false,
            alt: false,
            shift: false,
        }
    }

    #[test]
    fn twins_are_one_chord() {
        for (letter, twin) in [
            ('i', Key::Tab),
            ('m', Key::Enter),
            ('h', Key::Backspace),
            ('[', Key::Esc),
        ] {
            assert_eq!(of(KeyCode::Char(letter), KeyModifiers::CONTROL), key(twin));
        }
        let new_line = of(KeyCode::Char('j'), KeyModifiers::CONTROL);
        assert_eq!((new_line.key, new_line.ctrl), (Key::Char('j'), true));
        let both = KeyModifiers::CONTROL | KeyModifiers::ALT;
        let deleted = of(KeyCode::Char('h'), both);
        assert_eq!((deleted.key, deleted.alt), (Key::Backspace, true));
    }

    #[test]
    fn the_case_stands_in_the_letter() {
        assert_eq!(
            of(KeyCode::Char('Y'), KeyModifiers::SHIFT),
            key(Key::Char('Y'))
        );
        assert_eq!(
            of(KeyCode::Char('y'), KeyModifiers::SHIFT),
            key(Key::Char('Y'))
        );
        assert_eq!(
            of(KeyCode::Char('?'), KeyModifiers::SHIFT),
            key(Key::Char('?'))
        );
        let paste = of(
            KeyCode::Char('V'),
            KeyModifiers::SHIFT | KeyModifiers::CONTROL,
        );
        assert_eq!(
            (paste.key, paste.ctrl, paste.shift),
            (Key::Char('v'), true, true)
        );
    }

    #[test]
    fn shift_is_kept_for_keys_without_a_case() {
        assert!(of(KeyCode::Enter, KeyModifiers::SHIFT).shift);
        assert_eq!(of(KeyCode::BackTab, KeyModifiers::SHIFT), key(Key::BackTab));
        assert_eq!(of(KeyCode::Tab, KeyModifiers::SHIFT), key(Key::BackTab));
    }

    #[test]
    fn releases_and_lone_modifiers_are_nothing() {
        let mut event = KeyEvent::new(KeyCode::Char('a'), KeyModifiers::NONE);
        event.kind = KeyEventKind::Release;
        assert_eq!(chord(&event), None);
        let caps = KeyEvent::new(KeyCode::CapsLock, KeyModifiers::NONE);
        assert_eq!(chord(&caps), None);
    }
}
