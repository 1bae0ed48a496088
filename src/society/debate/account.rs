//! A debate that is over, told again from the texts of its nodes: what each agent was sent and said, and every round's vote.

use super::count::{self, Round};
use super::prompts::Filling;
use super::settings::Settings;
use super::table::Table;
use super::{Debate, append};
use crate::domain::council::Council;
use crate::domain::id::NodeId;
use crate::domain::message::Message;
use crate::society::SocietyError;
use std::collections::BTreeMap;

/// What came of a debate.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// For each agent its talk, from the question on: the user's words and its own, alternating. Rounds in which it failed are
    /// not in it.
    pub talks: Vec<Vec<Message>>,
    /// The rounds that were held.
    pub rounds: Vec<RoundAccount>,
}

/// One round of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundAccount {
    /// The answer of each agent; none when it gave none or failed.
    pub answers: Vec<Option<String>>,
    /// The answer that won, by the rules of the preset.
    pub winner: Option<String>,
    pub is_tie: bool,
}

/// Tells a debate again. `texts` are those of the nodes that ended well.
///
/// # Errors
///
/// When the council cannot debate.
pub fn account(
    council: &Council,
    question: &str,
    texts: &BTreeMap<NodeId, String>,
) -> Result<Account, SocietyError> {
    let settings: Settings = crate::society::settings(council)?;
    let table = Table::new(council, &settings)?;
    Ok(Debate { settings, table }.account(question, texts))
}

impl Debate {
    fn account(&self, question: &str, texts: &BTreeMap<NodeId, String>) -> Account {
        let lanes = self.table.rounds.first().map_or(0, Vec::len);
        let filling = Filling {
            question,
            ..Filling::default()
        };
        let opening = self.settings.prompts.solve(self.settings.task, filling);
        let mut talks = vec![vec![Message::user(opening)]; lanes];
        let mut held: Vec<Round> = Vec::new();
        let mut rounds = Vec::new();
        for places in &self.table.rounds {
            let mut round = Round::new();
            for ((lane, place), talk) in places.iter().enumerate().zip(&mut talks) {
                let Some(text) = texts
                    .get(&place.node)
                    .map(|text| text.trim())
                    .filter(|text| !text.is_empty())
                else {
                    continue;
                };
                if let Some(before) = held.last() {
                    let summary = place.summary.as_ref().and_then(|(node, _)| texts.get(node));
                    let summary = summary.map_or("", |summary| summary.trim());
                    append(talk, self.review(question, before, lane, summary));
                }
                talk.push(Message::assistant(text));
                round.push(count::said(lane, place, text.to_owned(), &self.settings));
            }
            if round.is_empty() {
                continue;
            }
            let answers = (0..lanes).map(|lane| {
                let said = round.iter().find(|said| said.lane == lane);
                said.and_then(|said| said.answer.clone())
            });
            let answers = answers.collect();
            held.push(round);
            let tally = count::tally(&held, &self.settings);
            rounds.push(RoundAccount {
                answers,
                winner: tally.answer().map(str::to_owned),
                is_tie: tally.is_tie,
            });
        }
        Account { talks, rounds }
    }
}
