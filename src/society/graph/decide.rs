//! One answer of those that reach the last node: by a vote, by place, by chance, or by a judge.

use super::ballot::{self, Count, Vote};
use super::boards::fullest;
use super::hearing::{Heard, compose_judge};
use super::protocol::Graph;
use super::settings::{Reading, Strategy, Ties};
use super::wiring::DECISION;
use crate::domain::chance::Chance;
use crate::domain::event::Outcome;
use crate::domain::id::NodeId;
use crate::society::Task;
use crate::society::scope::{Ask, Scope};
use crate::society::seat::Seat;
use crate::society::single::outcome_of;

/// A decision that asked no model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decided {
    pub text: String,
    pub tally: Tally,
}

/// What was counted, and what each voter said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tally {
    pub by_voter: Vec<Option<String>>,
    /// The choice of the answer that was taken; none when it could not be read.
    pub answer: Option<String>,
    /// Of a vote only.
    pub count: Option<Count>,
}

impl Tally {
    /// Tells it as facts about the deciding node.
    pub(super) fn tell(&self, id: NodeId, scope: &Scope) {
        if let Some(answer) = &self.answer {
            scope.mark(id, "answer", answer);
        }
        let Some(count) = &self.count else { return };
        let votes: Vec<String> = count
            .choices
            .iter()
            .map(|(choice, votes)| format!("{choice} {votes}"))
            .collect();
        scope.mark(id, "votes", votes.join(", "));
        if count.leaders.len() > 1 {
            scope.mark(id, "tie", count.leaders.join(", "));
        }
        if count.abstained > 0 {
            scope.mark(id, "abstained", count.abstained);
        }
        let most = count.choices.first().map_or(0, |(_, votes)| *votes);
        scope.mark(
            id,
            "agreement",
            format!("{most} of {}", self.by_voter.len()),
        );
    }
}

/// Decides without asking a model; `heard` is not empty.
pub(super) fn without_model(
    strategy: Strategy,
    ties: Ties,
    reading: Reading,
    heard: &[Heard],
    chance: &mut Chance,
) -> Decided {
    let votes: Vec<Vote> = heard
        .iter()
        .map(|one| Vote {
            voter: one.node,
            text: one.text.clone(),
            choice: ballot::choice(&one.text, reading),
        })
        .collect();
    let by_voter: Vec<Option<String>> = votes.iter().map(|vote| vote.choice.clone()).collect();
    let count = strategy
        .is_vote()
        .then(|| ballot::count(&votes, ties, chance));
    let winner = count.as_ref().and_then(|count| count.winner.clone());
    let at = match strategy {
        Strategy::Last => heard.len().saturating_sub(1),
        Strategy::Random => chance.below(heard.len()),
        Strategy::Fullest => fullest(heard.iter().map(|one| one.board.as_ref())).unwrap_or(0),
        // The first who gave the winning answer; the first of all when none could be read.
        _ => winner
            .and_then(|winner| {
                by_voter
                    .iter()
                    .position(|choice| choice.as_ref() == Some(&winner))
            })
            .unwrap_or(0),
    };
    Decided {
        text: heard
            .get(at)
            .map(|one| one.text.clone())
            .unwrap_or_default(),
        tally: Tally {
            answer: by_voter.get(at).cloned().flatten(),
            by_voter,
            count,
        },
    }
}

/// Asks the judge; its text streams as the answer.
pub(super) async fn by_judge(
    graph: &Graph,
    seat: &Seat,
    task: &Task,
    scope: &Scope,
    heard: &[Heard],
    reading: Reading,
) -> Outcome {
    let id = graph.members.id(DECISION);
    for one in heard {
        if let Some(choice) = ballot::choice(&one.text, reading) {
            scope.mark(graph.members.id(one.node), "answer", choice);
        }
    }
    let names: Vec<&str> = heard.iter().map(|one| one.name.as_str()).collect();
    scope.mark(id, "hears", names.join(", "));
    let instruction = graph
        .prompts
        .text(graph.strategy.prompt().unwrap_or_default());
    let base = seat.messages(&task.conversation);
    let by_name = graph.strategy == Strategy::References;
    let messages = compose_judge(&base, heard, by_name, instruction, graph.max_chars);
    let ask = Ask::new(id, seat.request(messages, id, task.seed)).reusing(graph.reused(task, id));
    match scope.ask(ask).await {
        Ok(answer) => {
            if let Some(choice) = ballot::choice(&answer.text, reading) {
                scope.mark(id, "answer", choice);
            }
            Outcome::Answered { text: answer.text }
        }
        Err(broken) => outcome_of(broken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(texts: &[&str]) -> Vec<Heard> {
        let each = (1..).zip(texts);
        each.map(|(node, text)| Heard {
            node,
            name: format!("n{node}"),
            text: (*text).to_owned(),
            board: None,
            is_own: false,
        })
        .collect()
    }

    fn decide(strategy: Strategy, texts: &[&str]) -> Decided {
        let mut chance = Chance::new(0, 0, 0);
        without_model(
            strategy,
            Ties::First,
            Reading::Letter,
            &heard(texts),
            &mut chance,
        )
    }

    #[test]
    fn places_decide_without_counting() {
        let texts = ["A", "B", "mumble"];
        let first = decide(Strategy::First, &texts);
        assert_eq!((first.text.as_str(), first.tally.count), ("A", None));
        let last = decide(Strategy::Last, &texts);
        assert_eq!((last.text.as_str(), last.tally.answer), ("mumble", None));
        let random = decide(Strategy::Random, &texts).text;
        assert!(texts.contains(&random.as_str()));
    }

    #[test]
    fn one_broken_answer_does_not_void_a_vote() {
        let out = decide(
            Strategy::Majority,
            &["{\"answer\": }", "The answer: B", "{\"answer\":\"B\"}"],
        );
        assert_eq!(out.text, "The answer: B");
        assert_eq!(out.tally.answer.as_deref(), Some("B"));
        let all = decide(Strategy::Majority, &["x", "y"]);
        assert_eq!((all.text.as_str(), all.tally.answer), ("x", None));
    }
}
