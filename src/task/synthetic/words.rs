//! Cuts texts into the pieces that sprout's tokenizer knows as wholes.

use std::collections::BTreeSet;

/// What a character is to the cut.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Sort {
    Letter,
    Digit,
    Space,
    Mark,
}

fn sort(character: char) -> Sort {
    match character {
        c if c.is_alphabetic() => Sort::Letter,
        c if c.is_numeric() => Sort::Digit,
        c if c.is_whitespace() => Sort::Space,
        _ => Sort::Mark,
    }
}

/// The pieces of texts that are longer than a character, sorted, each once: words and runs of marks, with a space in front
/// where there was one, and a space with each digit.
pub(super) fn of<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<String> {
    let digits = (0..10).map(|digit| format!(" {digit}"));
    let mut pieces: BTreeSet<String> = digits.collect();
    for text in texts {
        pieces.extend(
            cut(text)
                .into_iter()
                .filter(|piece| piece.chars().count() > 1),
        );
    }
    pieces.into_iter().collect()
}

/// A text in pieces, as the tokenizer's pattern cuts it: ` ?letters| ?digit| ?marks|space`.
fn cut(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(&first) = characters.get(at) {
        let next = characters.get(at + 1).map(|&character| sort(character));
        let leads = first == ' ' && next.is_some_and(|next| next != Sort::Space);
        let body = at + usize::from(leads);
        let kind = characters
            .get(body)
            .map_or(Sort::Space, |&character| sort(character));
        let length = match kind {
            Sort::Digit | Sort::Space => 1,
            _ => characters[body..]
                .iter()
                .take_while(|&&c| sort(c) == kind)
                .count(),
        };
        pieces.push(characters[at..body + length].iter().collect());
        at = body + length;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_go_with_what_follows() {
        let pieces = cut("Action Input: {\"x\": \"0 1\"}\n  a 12");
        let expected = [
            "Action", " Input", ":", " {\"", "x", "\":", " \"", "0", " 1", "\"}", "\n", " ", " a",
            " 1", "2",
        ];
        assert_eq!(pieces, expected);
    }
}
