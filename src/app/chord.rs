//! Keys in words: `ctrl+x m`, `alt+1`, `f2`, `shift+enter`. The parser and the printer of key tables.

use super::msg::{Chord, Key};
use std::fmt;
use std::str::FromStr;

impl Chord {
    /// A key without modifiers.
    #[must_use]
    pub const fn plain(key: Key) -> Chord {
        Chord {
            key,
            ctrl: false,
            alt: false,
            shift: false,
        }
    }

    /// A character with Ctrl.
    #[must_use]
    pub const fn ctrl(c: char) -> Chord {
        Chord {
            key: Key::Char(c),
            ctrl: true,
            alt: false,
            shift: false,
        }
    }

    /// A character with Alt.
    #[must_use]
    pub const fn alt(c: char) -> Chord {
        Chord {
            key: Key::Char(c),
            ctrl: false,
            alt: true,
            shift: false,
        }
    }

    /// One spelling for keys that terminals report in several: a character carries its own case, so it needs no Shift; with
    /// Ctrl it is a small letter; Shift+Tab is back-tab.
    #[must_use]
    pub fn normal(mut self) -> Chord {
        match self.key {
            Key::Char(c) => {
                let c = if self.ctrl {
                    c.to_ascii_lowercase()
                } else if self.shift {
                    c.to_uppercase().next().unwrap_or(c)
                } else {
                    c
                };
                self.key = Key::Char(c);
                self.shift = false;
            }
            Key::Tab if self.shift => {
                self.key = Key::BackTab;
                self.shift = false;
            }
            Key::BackTab => self.shift = false,
            _ => {}
        }
        self
    }

    /// The character it types, if it types one.
    #[must_use]
    pub fn typed(self) -> Option<char> {
        match self.key {
            Key::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }
}

const NAMES: [(&str, Key); 18] = [
    ("enter", Key::Enter),
    ("tab", Key::Tab),
    ("backtab", Key::BackTab),
    ("backspace", Key::Backspace),
    ("delete", Key::Delete),
    ("esc", Key::Esc),
    ("up", Key::Up),
    ("down", Key::Down),
    ("left", Key::Left),
    ("right", Key::Right),
    ("home", Key::Home),
    ("end", Key::End),
    ("pageup", Key::PageUp),
    ("pagedown", Key::PageDown),
    ("space", Key::Char(' ')),
    ("plus", Key::Char('+')),
    ("lt", Key::Char('<')),
    ("gt", Key::Char('>')),
];

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [
            (self.ctrl, "ctrl+"),
            (self.alt, "alt+"),
            (self.shift, "shift+"),
        ] {
            if held {
                f.write_str(name)?;
            }
        }
        if self.key == Key::BackTab {
            return f.write_str("shift+tab");
        }
        if let Key::F(n) = self.key {
            return write!(f, "f{n}");
        }
        // `<` and `>` have names only for notations that put keys between them.
        let named = NAMES
            .iter()
            .find(|(name, key)| *key == self.key && !matches!(*name, "lt" | "gt"));
        match (named, self.key) {
            (Some((name, _)), _) => f.write_str(name),
            (None, Key::Char(c)) => write!(f, "{c}"),
            (None, _) => Ok(()),
        }
    }
}

impl FromStr for Chord {
    type Err = String;

    fn from_str(text: &str) -> Result<Chord, String> {
        let mut chord = Chord::plain(Key::Esc);
        let mut rest = text;
        while let Some((modifier, after)) =
            rest.split_once('+').filter(|(_, after)| !after.is_empty())
        {
            match modifier.to_lowercase().as_str() {
                "ctrl" => chord.ctrl = true,
                "alt" => chord.alt = true,
                "shift" => chord.shift = true,
                other => {
                    return Err(format!(
                        "\"{other}\" in \"{text}\" is not ctrl, alt or shift"
                    ));
                }
            }
            rest = after;
        }
        chord.key = key(rest).ok_or_else(|| format!("\"{rest}\" in \"{text}\" is not a key"))?;
        Ok(chord.normal())
    }
}

fn key(text: &str) -> Option<Key> {
    let mut chars = text.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return Some(Key::Char(c));
    }
    let lower = text.to_lowercase();
    if let Some(n) = lower.strip_prefix('f').and_then(|n| n.parse::<u8>().ok()) {
        return (1..=24).contains(&n).then_some(Key::F(n));
    }
    NAMES
        .iter()
        .find(|(name, _)| *name == lower)
        .map(|(_, key)| *key)
}

/// A sequence of chords, separated by spaces.
///
/// # Errors
/// Names the part that is not a key.
pub fn parse_sequence(text: &str) -> Result<Vec<Chord>, String> {
    let chords: Result<Vec<Chord>, String> = text.split_whitespace().map(str::parse).collect();
    let chords = chords?;
    if chords.is_empty() {
        return Err("an empty key".into());
    }
    Ok(chords)
}

/// The inverse of [`parse_sequence`].
#[must_use]
pub fn print_sequence(chords: &[Chord]) -> String {
    let words: Vec<String> = chords.iter().map(Chord::to_string).collect();
    words.join(" ")
}

/// A sequence in the short spelling of hint lines: `^X m`, `F2`, `Alt+1`, `Enter`.
#[must_use]
pub fn short_sequence(chords: &[Chord]) -> String {
    let words: Vec<String> = chords.iter().map(|chord| short(*chord)).collect();
    words.join(" ")
}

fn short(chord: Chord) -> String {
    if let (Key::Char(c), true, false, false) = (chord.key, chord.ctrl, chord.alt, chord.shift) {
        return format!("^{}", c.to_uppercase());
    }
    // Only notations that join keys need a name for it.
    if chord.typed() == Some('+') {
        return "+".to_owned();
    }
    if chord.typed().is_some() {
        return chord.to_string();
    }
    let parts: Vec<String> = chord
        .to_string()
        .split('+')
        .map(|part| {
            let mut chars = part.chars();
            match chars.next() {
                Some(first) if part.len() > 1 => first.to_uppercase().chain(chars).collect(),
                _ => part.to_owned(),
            }
        })
        .collect();
    parts.join("+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_parsed_back() {
        for text in [
            "ctrl+x m",
            "alt+1",
            "f2",
            "shift+enter",
            "shift+tab",
            "ctrl+left",
            "?",
            "Y",
            "space",
            "plus",
            "<",
            "ctrl+alt+k",
        ] {
            let chords = parse_sequence(text).unwrap();
            assert_eq!(print_sequence(&chords), text);
        }
        assert_eq!(
            parse_sequence("Ctrl+X M").unwrap(),
            [Chord::ctrl('x'), Chord::plain(Key::Char('M'))]
        );
        assert_eq!(
            "shift+y".parse::<Chord>().unwrap(),
            Chord::plain(Key::Char('Y'))
        );
        assert!(parse_sequence("ctrl+").is_err());
        assert!(parse_sequence("hyper+x").is_err());
        assert!(parse_sequence("f99").is_err());
    }

    #[test]
    fn hints_are_short() {
        assert_eq!(short_sequence(&parse_sequence("ctrl+x m").unwrap()), "^X m");
        assert_eq!(short_sequence(&parse_sequence("alt+1").unwrap()), "Alt+1");
        assert_eq!(
            short_sequence(&parse_sequence("shift+enter").unwrap()),
            "Shift+Enter"
        );
        assert_eq!(short_sequence(&parse_sequence("f2").unwrap()), "F2");
    }
}
