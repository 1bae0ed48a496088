//! The plan of a debate: agents by rounds, who reads whom, and the node that answers.

use super::super::seat::Seat;
use super::table::Table;
use crate::domain::plan::{Hint, Node, Plan};
use crate::domain::request::{ModelRef, TOOL};

const VOTE: &str = "vote";
const SUMMARY: &str = "summary";

/// Who answers in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering {
    /// No model.
    Vote,
    Judge,
}

/// The plan of the first so many rounds.
#[must_use]
pub fn plan(table: &Table, rounds: usize, answering: Answering) -> Plan {
    let mut plan = Plan {
        hint: Hint::Grid,
        ..Plan::default()
    };
    let rounds = &table.rounds[..rounds.min(table.rounds.len())];
    for (index, places) in rounds.iter().enumerate() {
        let round = number(index + 1);
        for (lane, place) in places.iter().enumerate() {
            if let Some((id, seat)) = &place.summary {
                plan.nodes.push(Node {
                    id: *id,
                    part: SUMMARY.to_owned(),
                    title: format!("for {}", place.seat.title),
                    model: seat.model.clone(),
                    round,
                    // Beside the agents, so that each has a row of its own.
                    lane: number(places.len() + lane + 1),
                    is_answer: false,
                });
                plan.edges.push((*id, place.node));
            }
            plan.nodes.push(Node {
                id: place.node,
                part: place.seat.part.clone(),
                title: place.seat.title.clone(),
                model: place.seat.model.clone(),
                round,
                lane: number(lane + 1),
                is_answer: false,
            });
            let before = index.checked_sub(1).and_then(|before| rounds.get(before));
            for (other, earlier) in before.into_iter().flatten().enumerate() {
                // Its own answers it remembers; those of the others may come through a summary.
                let reader = match &place.summary {
                    Some((summary, _)) if other != lane => *summary,
                    _ => place.node,
                };
                plan.edges.push((earlier.node, reader));
            }
        }
    }
    plan.nodes.push(answer(table, rounds.len(), answering));
    let last = rounds.last().into_iter().flatten();
    plan.edges
        .extend(last.map(|place| (place.node, table.answer)));
    plan
}

fn answer(table: &Table, rounds: usize, answering: Answering) -> Node {
    let judge = table
        .judge
        .as_ref()
        .filter(|_| answering == Answering::Judge);
    let (part, title, model) = match judge {
        Some(Seat {
            part, title, model, ..
        }) => (part.clone(), title.clone(), model.clone()),
        None => (VOTE.to_owned(), VOTE.to_owned(), ModelRef::new(VOTE, TOOL)),
    };
    Node {
        id: table.answer,
        part,
        title,
        model,
        round: number(rounds + 1),
        lane: 0,
        is_answer: true,
    }
}

fn number(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
