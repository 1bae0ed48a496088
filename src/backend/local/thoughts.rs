//! Tells reasoning from the answer: an answer may begin with one part between `<think>` tags. Tags further on are text.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Where in an answer the text stands.
#[derive(Debug)]
pub(super) enum Thoughts {
    /// Nothing but white space and perhaps a part of the tag so far.
    Beginning(String),
    /// Inside; what could be a part of the closing tag is held back.
    Inside(String),
    /// After the closing tag, before the first visible character.
    Gap,
    Answer,
}

impl Thoughts {
    /// Parts of the text that are clear now, with whether they are reasoning.
    pub(super) fn push(&mut self, text: &str) -> Vec<(String, bool)> {
        let mut parts = Vec::new();
        let mut text = text.to_owned();
        loop {
            match self {
                Thoughts::Answer => {
                    parts.push((text, false));
                    return parts;
                }
                Thoughts::Gap => {
                    let rest = text.trim_start();
                    if rest.is_empty() {
                        return parts;
                    }
                    text = rest.to_owned();
                    *self = Thoughts::Answer;
                }
                Thoughts::Beginning(held) => {
                    held.push_str(&text);
                    let begun = held.trim_start();
                    if let Some(rest) = begun.strip_prefix(OPEN) {
                        text = rest.to_owned();
                        *self = Thoughts::Inside(String::new());
                    } else if OPEN.starts_with(begun) {
                        return parts;
                    } else {
                        text = std::mem::take(held);
                        *self = Thoughts::Answer;
                    }
                }
                Thoughts::Inside(held) => {
                    held.push_str(&text);
                    if let Some(at) = held.find(CLOSE) {
                        text = held.split_off(at + CLOSE.len());
                        held.truncate(at);
                        parts.push((std::mem::take(held), true));
                        *self = Thoughts::Gap;
                    } else {
                        let keep = (1..CLOSE.len())
                            .rev()
                            .find(|&n| held.ends_with(&CLOSE[..n]))
                            .unwrap_or(0);
                        let rest = held.split_off(held.len() - keep);
                        parts.push((std::mem::replace(held, rest), true));
                        return parts;
                    }
                }
            }
        }
    }

    /// What was held back when the answer is over.
    pub(super) fn finish(&mut self) -> Vec<(String, bool)> {
        match std::mem::replace(self, Thoughts::Answer) {
            Thoughts::Beginning(held) => vec![(held, false)],
            Thoughts::Inside(held) => vec![(held, true)],
            Thoughts::Gap | Thoughts::Answer => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str, size: usize) -> (String, String) {
        let mut thoughts = Thoughts::Beginning(String::new());
        let mut all = Vec::new();
        let bytes: Vec<char> = text.chars().collect();
        for piece in bytes.chunks(size) {
            all.extend(thoughts.push(&piece.iter().collect::<String>()));
        }
        all.extend(thoughts.finish());
        let of = |kind| {
            all.iter()
                .filter(|p| p.1 == kind)
                .map(|p| p.0.as_str())
                .collect()
        };
        (of(true), of(false))
    }

    #[test]
    fn reasoning_is_told_apart_however_the_tags_are_split() {
        for size in 1..40 {
            let told = |text| parts(text, size);
            let split = |a: &str, b: &str| (a.to_owned(), b.to_owned());
            assert_eq!(told("\n<think>a < b</think>\n\nyes"), split("a < b", "yes"));
            assert_eq!(
                told("no <think>x</think>"),
                split("", "no <think>x</think>")
            );
            assert_eq!(told("<thin ice"), split("", "<thin ice"));
            assert_eq!(told("<think>cut </th"), split("cut </th", ""));
            assert_eq!(told("  plain"), split("", "  plain"));
        }
    }
}
