//! A majority vote over answers that may be spelt differently, with ties and abstentions named.
//!
//! Each answer joins the first group whose first spelling it equals; that spelling stands for the group. Equality is not
//! always transitive, so the order of the voters can matter, as in the original.

use serde::{Deserialize, Serialize};

/// What becomes of a vote that several groups lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ties {
    /// The spelling that is last in the order of code points: the original's rule.
    Greatest,
    /// The group of the first voter among them.
    #[default]
    First,
    /// The group with the most support in earlier rounds, the latest first; still tied, the first.
    Earlier,
    /// Nobody wins.
    Abstain,
}

/// The answer of one voter in the last round, and those of the rounds before, latest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ballot {
    /// None abstains.
    pub answer: Option<String>,
    /// What it had answered earlier.
    pub earlier: Vec<Option<String>>,
}

impl Ballot {
    #[must_use]
    pub fn new(answer: Option<&str>) -> Self {
        Self {
            answer: answer.map(str::to_owned),
            earlier: Vec::new(),
        }
    }
}

/// Voters with one answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Its first spelling.
    pub answer: String,
    /// Places of its voters, in order.
    pub voters: Vec<usize>,
}

/// How a vote ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// In the order of their first voters.
    pub groups: Vec<Group>,
    /// Voters without an answer.
    pub abstained: Vec<usize>,
    /// Index of the group that won.
    pub winner: Option<usize>,
    /// Several groups had the most votes.
    pub is_tie: bool,
}

impl Tally {
    /// The spelling that won.
    #[must_use]
    pub fn answer(&self) -> Option<&str> {
        self.leading().map(|group| group.answer.as_str())
    }

    #[must_use]
    pub fn leading(&self) -> Option<&Group> {
        self.winner.and_then(|winner| self.groups.get(winner))
    }

    /// Voters, those without an answer included.
    #[must_use]
    pub fn voters(&self) -> usize {
        let voted: usize = self.groups.iter().map(|group| group.voters.len()).sum();
        voted + self.abstained.len()
    }

    /// The share of all voters that gave the winning answer; 0 without a winner.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        let votes = self.leading().map_or(0, |group| group.voters.len());
        share(votes, self.voters())
    }

    /// Everybody voted, and for one answer.
    #[must_use]
    pub fn is_unanimous(&self) -> bool {
        self.abstained.is_empty() && self.groups.len() == 1
    }

    /// The group a voter belongs to.
    #[must_use]
    pub fn group_of(&self, voter: usize) -> Option<usize> {
        let holds = |group: &Group| group.voters.contains(&voter);
        self.groups.iter().position(holds)
    }
}

#[allow(clippy::cast_precision_loss)]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

/// Counts the ballots. `is_same(known, answer)` says whether an answer belongs to a group's spelling.
#[must_use]
pub fn vote(ballots: &[Ballot], ties: Ties, is_same: impl Fn(&str, &str) -> bool) -> Tally {
    let mut tally = Tally {
        groups: Vec::new(),
        abstained: Vec::new(),
        winner: None,
        is_tie: false,
    };
    for (voter, ballot) in ballots.iter().enumerate() {
        let Some(answer) = &ballot.answer else {
            tally.abstained.push(voter);
            continue;
        };
        match tally
            .groups
            .iter_mut()
            .find(|group| is_same(&group.answer, answer))
        {
            Some(group) => group.voters.push(voter),
            None => tally.groups.push(Group {
                answer: answer.clone(),
                voters: vec![voter],
            }),
        }
    }
    let most = tally.groups.iter().map(|group| group.voters.len()).max();
    let leaders: Vec<usize> = (0..tally.groups.len())
        .filter(|&at| Some(tally.groups[at].voters.len()) == most)
        .collect();
    tally.is_tie = leaders.len() > 1;
    tally.winner = match (leaders.as_slice(), ties) {
        ([], _) => None,
        ([only], _) => Some(*only),
        ([first, ..], Ties::First) => Some(*first),
        (_, Ties::Abstain) => None,
        (_, Ties::Greatest) => leaders
            .into_iter()
            .max_by(|&a, &b| tally.groups[a].answer.cmp(&tally.groups[b].answer)),
        (_, Ties::Earlier) => Some(supported(&tally, &leaders, ballots, is_same)),
    };
    tally
}

/// The leader with the most support in the latest earlier round that tells them apart.
fn supported(
    tally: &Tally,
    leaders: &[usize],
    ballots: &[Ballot],
    is_same: impl Fn(&str, &str) -> bool,
) -> usize {
    let mut left = leaders.to_vec();
    let rounds = ballots.iter().map(|ballot| ballot.earlier.len()).max();
    for round in 0..rounds.unwrap_or_default() {
        let support = |leader: usize| {
            let answer = tally.groups[leader].answer.as_str();
            let earlier = ballots
                .iter()
                .filter_map(|ballot| ballot.earlier.get(round)?.as_deref());
            earlier.filter(|given| is_same(answer, given)).count()
        };
        let most = left.iter().map(|&leader| support(leader)).max();
        left.retain(|&leader| Some(support(leader)) == most);
        if left.len() == 1 {
            break;
        }
    }
    left.first().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{Mode, grade};
    use super::*;

    fn ballots(answers: &[&str]) -> Vec<Ballot> {
        answers
            .iter()
            .map(|answer| Ballot::new(Some(answer)))
            .collect()
    }

    #[test]
    fn the_originals_vectors() {
        #[derive(serde::Deserialize)]
        struct Vector {
            answers: Vec<String>,
            winner: Option<String>,
        }
        let text = include_str!("../../../tests/vectors/debate/vote.json");
        let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
        assert_eq!(vectors.len(), 17);
        let same = |a: &str, b: &str| grade(Some(a), Some(b), Mode::Compat);
        for Vector { answers, winner } in vectors {
            let given: Vec<&str> = answers.iter().map(String::as_str).collect();
            let tally = vote(&ballots(&given), Ties::Greatest, same);
            assert_eq!(tally.answer(), winner.as_deref(), "{given:?}");
        }
    }

    #[test]
    fn ties_have_rules_and_abstentions_count_as_voters() {
        let same = |a: &str, b: &str| a == b;
        let mut three = ballots(&["5", "7"]);
        three.push(Ballot::new(None));
        for (ties, winner) in [
            (Ties::First, Some("5")),
            (Ties::Greatest, Some("7")),
            (Ties::Abstain, None),
        ] {
            let tally = vote(&three, ties, same);
            assert_eq!(tally.answer(), winner, "{ties:?}");
            assert!(tally.is_tie);
            assert_eq!(tally.abstained, [2]);
            let third = if winner.is_some() { 1.0 / 3.0 } else { 0.0 };
            assert!((tally.confidence() - third).abs() < 1e-12);
        }
        three[0].earlier = vec![Some("7".into()), Some("5".into())];
        assert_eq!(vote(&three, Ties::Earlier, same).answer(), Some("7"));
        three[0].earlier = vec![Some("9".into()), Some("5".into())];
        assert_eq!(vote(&three, Ties::Earlier, same).answer(), Some("5"));
    }

    #[test]
    fn unanimous_means_everybody() {
        let same = |a: &str, b: &str| a == b;
        assert!(vote(&ballots(&["5", "5"]), Ties::First, same).is_unanimous());
        let mut two = ballots(&["5"]);
        two.push(Ballot::new(None));
        assert!(!vote(&two, Ties::First, same).is_unanimous());
        assert!(!vote(&[], Ties::First, same).is_unanimous());
    }
}
