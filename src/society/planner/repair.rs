//! JSON as models write it, made strict in one pass: quotes, bare keys, Python's words, stray commas, missing ends.

/// Made strict, and whether something had to be closed because the text ended too early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repaired {
    pub(super) text: String,
    pub(super) was_cut: bool,
}

struct Pass {
    letters: Vec<char>,
    at: usize,
    text: String,
    open: Vec<char>,
    was_cut: bool,
}

/// None when it is beyond repair. What is returned must still be parsed.
#[must_use]
pub(super) fn repair(text: &str) -> Option<Repaired> {
    let letters = text
        .chars()
        .map(|c| match c {
            '“' | '”' | '„' => '"',
            '‘' | '’' => '\'',
            other => other,
        })
        .collect();
    let mut pass = Pass {
        letters,
        at: 0,
        text: String::new(),
        open: Vec::new(),
        was_cut: false,
    };
    while let Some(letter) = pass.peek() {
        match letter {
            '"' | '\'' => pass.string(letter),
            '{' | '[' => {
                pass.open.push(if letter == '{' { '}' } else { ']' });
                pass.copy();
            }
            '}' | ']' => {
                if pass.open.pop() != Some(letter) {
                    return None;
                }
                pass.drop_comma();
                pass.copy();
                if pass.open.is_empty() {
                    break;
                }
            }
            c if c.is_whitespace() || ",:+-.".contains(c) || c.is_ascii_digit() => pass.copy(),
            c if c.is_alphabetic() || c == '_' || c == '$' => pass.word()?,
            _ => return None,
        }
    }
    if !pass.open.is_empty() {
        pass.was_cut = true;
        pass.drop_comma();
        if pass.text.trim_end().ends_with(':') {
            pass.text.push_str("null");
        }
        while let Some(close) = pass.open.pop() {
            pass.text.push(close);
        }
    }
    Some(Repaired {
        text: pass.text,
        was_cut: pass.was_cut,
    })
}

impl Pass {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn copy(&mut self) {
        self.text.extend(self.peek());
        self.at += 1;
    }

    /// The next letter that is no white space, from `at` on.
    fn next_solid(&self, at: usize) -> Option<char> {
        self.letters[at.min(self.letters.len())..]
            .iter()
            .copied()
            .find(|c| !c.is_whitespace())
    }

    fn drop_comma(&mut self) {
        let kept = self.text.trim_end();
        if let Some(kept) = kept.strip_suffix(',') {
            self.text.truncate(kept.len());
        }
    }

    /// A quote ends a string only where something follows that can follow a string.
    fn string(&mut self, quote: char) {
        self.text.push('"');
        self.at += 1;
        while let Some(letter) = self.peek() {
            self.at += 1;
            match letter {
                '\\' => self.escape(),
                c if c == quote
                    && self
                        .next_solid(self.at)
                        .is_none_or(|next| ",:}]".contains(next)) =>
                {
                    self.text.push('"');
                    return;
                }
                '"' => self.text.push_str("\\\""),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                c if c.is_control() => self.text.push_str(&format!("\\u{:04x}", c as u32)),
                c => self.text.push(c),
            }
        }
        self.was_cut = true;
        self.text.push('"');
    }

    fn escape(&mut self) {
        let Some(letter) = self.peek() else { return };
        self.at += 1;
        match letter {
            '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u' => {
                self.text.push('\\');
                self.text.push(letter);
            }
            '\'' => self.text.push('\''),
            other => {
                self.text.push_str("\\\\");
                self.text.push(other);
            }
        }
    }

    /// A key without quotes, a literal, or nothing that JSON knows.
    fn word(&mut self) -> Option<()> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|c| c.is_alphanumeric() || "_$-".contains(c))
        {
            self.at += 1;
        }
        let word: String = self.letters[start..self.at].iter().collect();
        if self.next_solid(self.at) == Some(':') {
            self.text.push('"');
            self.text.push_str(&word);
            self.text.push('"');
            return Some(());
        }
        // The exponent of a number.
        let follows_number = self
            .text
            .ends_with(|c: char| c.is_ascii_digit() || c == '.');
        self.text.push_str(match word.as_str() {
            "True" | "true" => "true",
            "False" | "false" => "false",
            "None" | "null" => "null",
            "e" | "E" if follows_number => "e",
            _ if follows_number && word.starts_with(['e', 'E']) => &word,
            _ => return None,
        });
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repaired(text: &str) -> Option<(String, bool)> {
        repair(text).map(|one| (one.text, one.was_cut))
    }

    #[test]
    fn what_models_write_becomes_strict() {
        for (text, strict, was_cut) in [
            ("{'a': 'it''s',}", r#"{"a": "it''s"}"#, false),
            ("{a: True, b_c: None}", r#"{"a": true, "b_c": null}"#, false),
            ("{“a”: ‘x’}", r#"{"a": "x"}"#, false),
            (
                r#"{"a": "say "hi" now"}"#,
                r#"{"a": "say \"hi\" now"}"#,
                false,
            ),
            (r#"{"a": [1, 2.5e3,"#, r#"{"a": [1, 2.5e3]}"#, true),
            (r#"{"a":"#, r#"{"a":null}"#, true),
            (r#"{"a": "b\"#, r#"{"a": "b"}"#, true),
            (r#"{"a": 1} and more"#, r#"{"a": 1}"#, false),
            (r#"{"a": "\d"}"#, r#"{"a": "\\d"}"#, false),
        ] {
            assert_eq!(repaired(text), Some((strict.to_owned(), was_cut)), "{text}");
            assert!(
                serde_json::from_str::<serde_json::Value>(strict).is_ok(),
                "{strict}"
            );
        }
        for text in ["{a = 1}", "{\"a\": nope}", "{\"a\": [1}", "{\"a\": (1)}"] {
            assert_eq!(repaired(text), None, "{text}");
        }
    }
}
