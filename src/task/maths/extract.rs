//! The final answer of a text: what stands in its last box.

use super::Mode;

const BOXED: &str = "\\boxed";
const FBOX: &str = "\\fbox";

/// The answer of a text, if it gives one. An empty box is an answer.
///
/// `Compat` takes the inside of the last `\boxed{…}` untrimmed, and nothing when that one is cut off. `Strict` also takes
/// `\fbox`, spaces before the brace, `\boxed 5`, and the last box that is complete; escaped braces do not count, and an echoed
/// `\boxed{answer}` is none.
#[must_use]
pub fn extract(text: &str, mode: Mode) -> Option<String> {
    match mode {
        Mode::Compat => {
            let inside = boxed(text)?.strip_prefix("\\boxed{")?.strip_suffix('}')?;
            Some(inside.to_owned())
        }
        Mode::Strict => lenient(text),
    }
}

/// The original's slice: from the last `\boxed` (or `\fbox` without one) to where its braces balance.
#[must_use]
pub fn boxed(text: &str) -> Option<&str> {
    let start = text.rfind(BOXED).or_else(|| text.rfind(FBOX))?;
    let slice = &text[start..];
    let mut open = 0_i32;
    for (at, letter) in slice.char_indices() {
        match letter {
            '{' => open += 1,
            '}' => {
                open -= 1;
                if open == 0 {
                    return Some(&slice[..=at]);
                }
            }
            _ => {}
        }
    }
    None
}

fn lenient(text: &str) -> Option<String> {
    let mut starts: Vec<(usize, usize)> = [BOXED, FBOX]
        .iter()
        .flat_map(|word| text.match_indices(word).map(|(at, _)| (at, word.len())))
        .collect();
    starts.sort_unstable();
    starts.iter().rev().find_map(|(at, length)| {
        let inside = inside(&text[at + length..])?.trim().to_owned();
        (!inside.eq_ignore_ascii_case("answer")).then_some(inside)
    })
}

/// What the box that begins here holds: a group, or one token without braces.
fn inside(behind: &str) -> Option<&str> {
    let rest = behind.trim_start_matches(' ');
    if !rest.starts_with('{') {
        // `\boxed 5`, but not `\boxedx`.
        let is_apart = rest.len() < behind.len();
        let end = rest.find(|letter: char| letter.is_whitespace() || "$.,;".contains(letter));
        let token = &rest[..end.unwrap_or(rest.len())];
        return (is_apart
            && token.starts_with(|letter: char| letter.is_ascii_digit() || letter == '-'))
        .then_some(token);
    }
    let mut open = 0_u32;
    let mut is_escaped = false;
    for (at, letter) in rest.char_indices() {
        match letter {
            '\\' => {
                is_escaped = !is_escaped;
                continue;
            }
            '{' if !is_escaped => open += 1,
            '}' if !is_escaped => {
                open -= 1;
                if open == 0 {
                    return Some(&rest[1..at]);
                }
            }
            _ => {}
        }
        is_escaped = false;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_originals_vectors() {
        #[derive(serde::Deserialize)]
        struct Vector {
            text: String,
            boxed: Option<String>,
            answer: Option<String>,
        }
        let text = include_str!("../../../tests/vectors/debate/extract.json");
        let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
        assert_eq!(vectors.len(), 20);
        for vector in vectors {
            assert_eq!(
                boxed(&vector.text),
                vector.boxed.as_deref(),
                "{}",
                vector.text
            );
            assert_eq!(
                extract(&vector.text, Mode::Compat),
                vector.answer,
                "{}",
                vector.text
            );
        }
    }

    #[test]
    fn strict_takes_what_was_meant() {
        for (text, answer) in [
            ("\\boxed{5} \\boxed{6", Some("5")),
            ("\\fbox{7}", Some("7")),
            ("so \\boxed {5}.", Some("5")),
            ("so $\\boxed 5$", Some("5")),
            ("\\boxedx{5}", None),
            ("\\boxed{\\left\\{1\\right.}", Some("\\left\\{1\\right.")),
            ("\\boxed{42} in the form \\boxed{answer}", Some("42")),
            ("\\boxed{ x + {1} }", Some("x + {1}")),
            ("no box", None),
            ("\\boxed{}", Some("")),
        ] {
            assert_eq!(extract(text, Mode::Strict).as_deref(), answer, "{text}");
        }
    }
}
