//! Puts proposed words on a board: the surest first, or the set without conflict that is worth most.

use super::SLOTS;
use super::board::Board;
use super::proposal::Candidate;

/// The exhaustive search looks at no more than so many proposals, the surest first.
pub const MOST_CANDIDATES: usize = 30;

/// Tries all proposals in order and leaves out what would change a letter; refused ones count as steps too.
pub fn greedy(board: &mut Board, candidates: &[Candidate]) {
    for candidate in candidates {
        // A refusal leaves the board as it is.
        let _ = board.act(&candidate.action(), false);
    }
}

/// Puts on the set of proposals without conflict that is worth most, and returns its worth. Of equal sets the one that leaves
/// earlier proposals out.
pub fn exhaustive(board: &mut Board, candidates: &[Candidate]) -> f64 {
    let most = candidates.len().min(MOST_CANDIDATES);
    let candidates = &candidates[..most];
    // What the rest could be worth at best: the best word of every slot.
    let bounds: Vec<f64> = (0..=most).map(|from| bound(&candidates[from..])).collect();
    let (worth, kept) = best(board, candidates, &bounds);
    for candidate in kept {
        let _ = board.act(&candidate.action(), false);
    }
    worth
}

fn bound(candidates: &[Candidate]) -> f64 {
    let mut best = [0.0_f64; SLOTS];
    for candidate in candidates {
        let slot = &mut best[candidate.slot.index()];
        *slot = slot.max(candidate.score);
    }
    best.iter().sum()
}

fn best<'a>(
    board: &Board,
    candidates: &'a [Candidate],
    bounds: &[f64],
) -> (f64, Vec<&'a Candidate>) {
    let (Some((first, rest)), Some((_, bounds))) = (candidates.split_first(), bounds.split_first())
    else {
        return (0.0, Vec::new());
    };
    let without = best(board, rest, bounds);
    let most = first.score + bounds.first().copied().unwrap_or_default();
    // It is taken only when that is strictly better, so a branch that cannot be need not be walked.
    if most <= without.0 {
        return without;
    }
    let mut with_first = board.clone();
    if with_first.act(&first.action(), false).is_err() {
        return without;
    }
    let (worth, mut kept) = best(&with_first, rest, bounds);
    let worth = worth + first.score;
    if worth > without.0 {
        kept.insert(0, first);
        return (worth, kept);
    }
    without
}

#[cfg(test)]
mod tests {
    use super::super::board::Slot;
    use super::super::puzzle::Puzzle;
    use super::*;

    fn candidates(text: &str) -> Vec<Candidate> {
        let each = text.split(", ").map(|one| {
            let parts: Vec<&str> = one.split(' ').collect();
            Candidate {
                slot: Slot::read(parts[0]).unwrap(),
                word: parts[1].to_owned(),
                score: parts[2].parse().unwrap(),
            }
        });
        each.collect()
    }

    fn puzzle() -> Puzzle {
        let text = include_str!("../../../tests/vectors/crosswords/puzzle.json");
        Puzzle::list(text).unwrap().remove(0)
    }

    #[test]
    fn both_searches_find_the_boards_of_the_method() {
        let first = candidates("h1 agent 1, v1 amass 1, v5 dryer 0.5, h2 motor 0.5, h1 agend 0.2");
        let mut searched = Board::default();
        assert!((exhaustive(&mut searched, &first) - 2.5).abs() < 1e-9);
        assert_eq!(searched.steps, 3);
        let mut tried = Board::default();
        greedy(&mut tried, &first);
        assert_eq!((tried.rows(), tried.steps), (searched.rows(), 5));
        let score = searched.score(&puzzle());
        assert!((score.letter_rate() - 0.48).abs() < 1e-9 && score.words == 2);
        let second = candidates("h1 motor 1, v1 amass 0.5, h2 motor 0.5, h3 artsy 0.2");
        let mut board = Board::default();
        assert!((exhaustive(&mut board, &second) - 1.7).abs() < 1e-9);
        assert_eq!(board.rows()[..3], ["MOTOR", "MOTOR", "ARTSY"]);
        assert_eq!(board.score(&puzzle()).words, 2);
    }

    #[test]
    fn thirty_proposals_are_searched_in_no_time() {
        let word = |number: usize| {
            let letter = char::from(b'a' + u8::try_from(number % 26).unwrap());
            String::from(letter).repeat(5)
        };
        let all: Vec<Candidate> = (0..40)
            .map(|number| Candidate {
                slot: Slot::all().nth(number % 5).unwrap(),
                word: word(number),
                score: 0.2,
            })
            .collect();
        let mut board = Board::default();
        assert!((exhaustive(&mut board, &all) - 1.0).abs() < 1e-9);
        assert_eq!(board.filled_cells(), 25);
    }
}
