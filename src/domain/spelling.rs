//! "Did you mean": the known word that is nearest to one that was typed.

/// The nearest of `known`, if it is near enough to be meant: at most one edit for each three letters, and one for short words.
#[must_use]
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (typed.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|word| (distance(typed, word), word))
        .filter(|(edits, _)| *edits <= most)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, word)| word)
}

/// Letters to insert, remove, replace or swap with their neighbour (optimal string alignment); case does not count.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let width = b.len() + 1;
    let mut table = vec![0; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            let cell = |i: usize, j: usize| table[i * width + j];
            table[i * width + j] = match (i, j) {
                (0, n) | (n, 0) => n,
                _ => {
                    let is_same = a[i - 1] == b[j - 1];
                    let replaced = cell(i - 1, j - 1) + usize::from(!is_same);
                    let best = replaced.min(cell(i - 1, j) + 1).min(cell(i, j - 1) + 1);
                    let is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    if is_swap {
                        best.min(cell(i - 2, j - 2) + 1)
                    } else {
                        best
                    }
                }
            };
        }
    }
    table.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_another_word_finds_none() {
        let known = ["learning_rate", "lora_rank", "seed"];
        for (typed, meant) in [
            ("learnig_rate", Some("learning_rate")),
            ("lora_rnak", Some("lora_rank")),
            ("Seed", Some("seed")),
            ("sed", Some("seed")),
            ("tokens", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }
}
