//! Answers that are a word or phrase.

use super::behind_cue;

const CUES: [&str; 3] = ["####", "answer is", "answer:"];

/// The last so many pieces between single spaces; line ends separate nothing. The whole text without a count.
pub(super) fn tail(text: &str, pieces: Option<usize>) -> &str {
    let text = text.trim();
    let Some(pieces) = pieces else { return text };
    let start = text.rmatch_indices(' ').nth(pieces.saturating_sub(1));
    start.map_or(text, |(at, _)| &text[at + 1..])
}

/// What a text gives as its answer: for yes and no the first of these words, all of it where the right answer has several
/// lines, else what follows the last cue, else its last line.
pub(super) fn read(text: &str, right: &str) -> Option<String> {
    if right.trim().contains('\n') {
        return Some(plain(text)).filter(|text| !text.is_empty());
    }
    if is_yes_or_no(&plain(right)) {
        let behind = behind_cue(text, &CUES).and_then(first_yes_or_no);
        return behind.or_else(|| first_yes_or_no(text));
    }
    let announced = behind_cue(text, &CUES)
        .and_then(|behind| behind.lines().find(|line| !plain(line).is_empty()));
    let line = announced.or_else(|| text.lines().rev().find(|line| !plain(line).is_empty()))?;
    Some(plain(line))
}

/// Whether two answers are the same but for capitals, surrounding marks and a point at the end.
pub(super) fn is_same(given: &str, right: &str) -> bool {
    plain(given) == plain(right)
}

fn first_yes_or_no(text: &str) -> Option<String> {
    let mut words = text
        .split(|character: char| !character.is_alphanumeric())
        .map(str::to_lowercase);
    words.find(|word| is_yes_or_no(word))
}

fn is_yes_or_no(word: &str) -> bool {
    matches!(word, "yes" | "no")
}

fn plain(text: &str) -> String {
    let is_mark =
        |character: char| character.is_whitespace() || "*_`\"'“”.,:;!".contains(character);
    text.trim_matches(is_mark).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_where_they_are_meant() {
        for (text, right, expected) in [
            ("Yes, there is a path.", "Yes", true),
            ("Node 3 has no path to 4, so no", "No", true),
            ("There is no doubt. The answer is yes.", "Yes", true),
            ("Thinking.\n**Paris**.", "paris", true),
            ("The answer is: Paris", "Paris", true),
            ("Paris is nice, but London", "Paris", false),
            ("", "Paris", false),
        ] {
            let answer = read(text, right);
            assert_eq!(
                answer.is_some_and(|answer| is_same(&answer, right)),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_tail_is_cut_at_single_spaces() {
        assert_eq!(tail("a b\nc d e", Some(2)), "d e");
        assert_eq!(tail("a b\nc d e", Some(3)), "b\nc d e");
        assert_eq!(tail("a b", Some(5)), "a b");
    }
}
