//! What a round brought: answers read, compared, counted and said.

use super::super::scope::Scope;
use super::reading::{is_same, read};
use super::settings::Settings;
use super::table::Place;
use crate::domain::event::Kind;
use crate::domain::id::NodeId;
use crate::task::maths::{Ballot, Tally, vote};

/// An agent's text of one round and the answer in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Its lane, from 0.
    pub lane: usize,
    pub node: NodeId,
    pub title: String,
    pub text: String,
    pub answer: Option<String>,
}

/// The usable texts of one round, in the order of the lanes. Who failed is not among them.
pub type Round = Vec<Said>;

/// Reads an agent's text.
#[must_use]
pub fn said(lane: usize, place: &Place, text: String, settings: &Settings) -> Said {
    Said {
        lane,
        node: place.node,
        title: place.seat.title.clone(),
        answer: read(&text, settings),
        text,
    }
}

/// The vote over the latest of these rounds.
#[must_use]
pub fn tally(rounds: &[Round], settings: &Settings) -> Tally {
    let (latest, earlier) = rounds
        .split_last()
        .map_or((&[][..], &[][..]), |(last, rest)| (last.as_slice(), rest));
    let of_lane = |round: &Round, lane: usize| {
        let said = round.iter().find(|said| said.lane == lane);
        said.and_then(|said| said.answer.clone())
    };
    let ballots: Vec<Ballot> = latest
        .iter()
        .map(|said| Ballot {
            answer: said.answer.clone(),
            earlier: earlier
                .iter()
                .rev()
                .map(|round| of_lane(round, said.lane))
                .collect(),
        })
        .collect();
    vote(&ballots, settings.ties, |known, answer| {
        is_same(known, answer, settings)
    })
}

/// Marks what each agent of the latest round answered, whether that is new, and how many agree.
pub fn mark(scope: &Scope, rounds: &[Round], tally: &Tally, settings: &Settings) {
    let Some((latest, earlier)) = rounds.split_last() else {
        return;
    };
    for (voter, said) in latest.iter().enumerate() {
        let before = earlier
            .last()
            .and_then(|round| round.iter().find(|one| one.lane == said.lane));
        let group = tally.group_of(voter);
        let group = group.and_then(|group| tally.groups.get(group));
        if let Some(answer) = &said.answer {
            scope.mark(said.node, "answer", answer);
            if let Some(group) = group.filter(|group| group.answer != *answer) {
                scope.mark(said.node, "counted_as", &group.answer);
            }
        }
        if let Some(before) = before
            && let Some(has_changed) =
                has_changed(before.answer.as_deref(), said.answer.as_deref(), settings)
        {
            scope.mark(said.node, "changed", if has_changed { "yes" } else { "no" });
            let whose = earlier.last().filter(|_| has_changed);
            let whose = whose.map_or_else(Vec::new, |round| whose_answer(round, said, settings));
            if !whose.is_empty() {
                scope.mark(said.node, "went_over_to", whose.join(", "));
            }
        }
        if let Some(group) = group {
            let agreement = format!("{} of {}", group.voters.len(), latest.len());
            scope.mark(said.node, "agreement", agreement);
        }
    }
}

/// The others who gave this answer in the round before.
fn whose_answer<'a>(before: &'a Round, said: &Said, settings: &Settings) -> Vec<&'a str> {
    let Some(answer) = &said.answer else {
        return Vec::new();
    };
    let gave = |one: &&Said| {
        let theirs = one.answer.as_deref();
        one.lane != said.lane && theirs.is_some_and(|theirs| is_same(theirs, answer, settings))
    };
    let others = before.iter().filter(gave);
    others.map(|one| one.title.as_str()).collect()
}

/// None when there is no answer on either side.
fn has_changed(before: Option<&str>, now: Option<&str>, settings: &Settings) -> Option<bool> {
    match (before, now) {
        (None, None) => None,
        (Some(before), Some(now)) => Some(!is_same(before, now, settings)),
        _ => Some(true),
    }
}

/// Emits the ballots and the facts of the vote.
pub fn announce(scope: &Scope, node: NodeId, latest: &Round, tally: &Tally) {
    for group in &tally.groups {
        for said in group.voters.iter().filter_map(|voter| latest.get(*voter)) {
            scope.tell(Kind::Ballot {
                voter: said.node,
                choice: group.answer.clone(),
                weight: 1.0,
            });
        }
    }
    if tally.is_tie {
        scope.mark(node, "tie", "yes");
    }
    if let Some(group) = tally.leading() {
        scope.mark(node, "answer", &group.answer);
        scope.mark(
            node,
            "agreement",
            format!("{} of {}", group.voters.len(), tally.voters()),
        );
        scope.mark(node, "confidence", format!("{:.2}", tally.confidence()));
    }
}

/// The counts in a line, then the text of the first agent that gave the winning answer.
#[must_use]
pub fn report(latest: &Round, tally: &Tally) -> String {
    let names = |voters: &[usize]| -> String {
        let names: Vec<&str> = voters
            .iter()
            .filter_map(|voter| latest.get(*voter).map(|said| said.title.as_str()))
            .collect();
        names.join(", ")
    };
    let mut counts: Vec<String> = Vec::new();
    let winner = tally.leading();
    if let Some(group) = winner {
        let (votes, all) = (group.voters.len(), tally.voters());
        let tie = if tally.is_tie { ", a tie" } else { "" };
        counts.push(format!(
            "{} — {votes} of {all} ({}{tie})",
            group.answer,
            names(&group.voters)
        ));
    } else {
        counts.push("No majority".to_owned());
    }
    for (index, group) in tally.groups.iter().enumerate() {
        if Some(index) != tally.winner {
            counts.push(format!("{}: {}", group.answer, names(&group.voters)));
        }
    }
    if !tally.abstained.is_empty() {
        counts.push(format!("no answer: {}", names(&tally.abstained)));
    }
    let counts = counts.join("; ");
    match winner.and_then(|group| latest.get(*group.voters.first()?)) {
        Some(said) => format!("{counts}\n\n{}", said.text),
        None => counts,
    }
}
