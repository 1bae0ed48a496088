//! What changed between two texts, word by word: `[-gone-]` and `{+new+}`, as they read without colour too.

use crate::ui::theme::{Role, Theme};
use crate::ui::wrap::{Break, wrap};
use ratatui::style::Style;
use ratatui::text::Line;

/// More pairs of words are not compared one by one: what differs then counts as replaced as a whole.
const MOST_PAIRS: usize = 1_000_000;

/// Words that follow each other and share a fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Kept,
    Gone,
    New,
}

/// The rows of a comparison: how much changed, then both texts in one.
#[must_use]
pub fn rows(before: &str, after: &str, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let runs = compare(before, after);
    let count = |which: Change| -> usize {
        let runs = runs.iter().filter(|(change, _)| *change == which);
        runs.map(|(_, words)| words.len()).sum()
    };
    let head = format!(
        "{} words kept, {} gone [-so-], {} new {{+so+}}",
        count(Change::Kept),
        count(Change::Gone),
        count(Change::New)
    );
    let mut out = wrap(
        &[(&head, theme.style(Role::TextDim))],
        columns,
        Break::Words,
        &[],
        &[],
    );
    out.push(Line::default());
    let pieces: Vec<(String, Style)> = runs
        .iter()
        .map(|(change, words)| {
            let words = words.join(" ");
            match change {
                Change::Kept => (format!("{words} "), theme.style(Role::Text)),
                Change::Gone => (format!("[-{words}-] "), theme.style(Role::Error)),
                Change::New => (format!("{{+{words}+}} "), theme.style(Role::Ok)),
            }
        })
        .collect();
    let pieces: Vec<(&str, Style)> = pieces
        .iter()
        .map(|(text, style)| (text.as_str(), *style))
        .collect();
    out.extend(wrap(&pieces, columns, Break::Words, &[], &[]));
    out
}

/// A longest common subsequence of words, as runs in the order they are read: what is gone stands before what is new.
#[must_use]
pub fn compare<'a>(before: &'a str, after: &'a str) -> Vec<(Change, Vec<&'a str>)> {
    let old: Vec<&str> = before.split_whitespace().collect();
    let new: Vec<&str> = after.split_whitespace().collect();
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev());
    let tail = tail.take_while(same).count();
    let old_middle = &old_rest[..old_rest.len() - tail];
    let new_middle = &new_rest[..new_rest.len() - tail];
    let mut runs: Vec<(Change, Vec<&str>)> = Vec::new();
    let mut push = |change: Change, word| match runs.last_mut() {
        Some((last, words)) if *last == change => words.push(word),
        _ => runs.push((change, vec![word])),
    };
    for word in &old[..head] {
        push(Change::Kept, *word);
    }
    if old_middle.len().saturating_mul(new_middle.len()) > MOST_PAIRS {
        old_middle.iter().for_each(|word| push(Change::Gone, *word));
        new_middle.iter().for_each(|word| push(Change::New, *word));
    } else {
        walk(old_middle, new_middle, &mut push);
    }
    for word in &old_rest[old_rest.len() - tail..] {
        push(Change::Kept, *word);
    }
    runs
}

fn walk<'a>(old: &[&'a str], new: &[&'a str], push: &mut impl FnMut(Change, &'a str)) {
    // `longest[i][j]`: words in common of what follows i in the old and j in the new text.
    let mut longest = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i][j] = if old[i] == new[j] {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            push(Change::Kept, old[i]);
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            push(Change::Gone, old[i]);
            i += 1;
        } else {
            push(Change::New, new[j]);
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Change::{Gone, Kept, New};
    use super::*;

    #[test]
    fn words_are_kept_gone_or_new() {
        let runs = compare(
            "the gap is 14 km, so 08:40",
            "the gap is 18 km, so I say 08:48",
        );
        let expected = [
            (Kept, vec!["the", "gap", "is"]),
            (Gone, vec!["14"]),
            (New, vec!["18"]),
            (Kept, vec!["km,", "so"]),
            (Gone, vec!["08:40"]),
            (New, vec!["I", "say", "08:48"]),
        ];
        assert_eq!(runs, expected);
    }

    #[test]
    fn both_texts_can_be_read_out_of_the_runs() {
        let texts = ["", "a", "a b a c", "b a", "x y z", "a b a c a b a c d"];
        for before in texts {
            for after in texts {
                let runs = compare(before, after);
                let without = |change: Change| -> String {
                    let runs = runs.iter().filter(|(one, _)| *one != change);
                    let words: Vec<&str> = runs.flat_map(|(_, words)| words.clone()).collect();
                    words.join(" ")
                };
                assert_eq!(without(New), before);
                assert_eq!(without(Gone), after);
            }
        }
    }

    #[test]
    fn long_texts_that_share_nothing_are_replaced_as_a_whole() {
        let many = |word: &str| vec![word; 2000].join(" ");
        let (before, after) = (many("a"), many("b"));
        let runs = compare(&before, &after);
        assert_eq!(runs.len(), 2);
    }
}
