//! What the debates came to: how often one agent, a vote of the first round and the debate are right.

use super::run::DebateRun;
use crate::domain::clock::Millis;
use crate::runtime::items::ItemsEnd;
use crate::society::debate::Account;
use crate::task::figure::Share;
use crate::task::maths::{Mode, grade};
use crate::task::set::{Item, Kind};
use serde::Serialize;
use std::fmt;

/// One item, round by round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scored {
    /// For each round, whether each agent is right, and the vote. Rounds that were not held are not in it.
    pub rounds: Vec<(Vec<bool>, bool)>,
    /// Whether the vote of the last round is right by the original's grader.
    pub is_right_compat: bool,
    /// Nobody's answer won the last vote.
    pub is_unanswered: bool,
    pub is_tie: bool,
}

impl Scored {
    #[must_use]
    pub fn new(item: &Item, account: &Account) -> Self {
        let last = account.rounds.last();
        let rounds = account.rounds.iter().map(|round| {
            let agents = round
                .answers
                .iter()
                .map(|answer| is_right(item, answer.as_deref(), Mode::Strict));
            (
                agents.collect(),
                is_right(item, round.winner.as_deref(), Mode::Strict),
            )
        });
        let winner = last.and_then(|round| round.winner.as_deref());
        Self {
            rounds: rounds.collect(),
            is_right_compat: is_right(item, winner, Mode::Compat),
            is_unanswered: winner.is_none(),
            is_tie: last.is_some_and(|round| round.is_tie),
        }
    }

    /// The round of this number from 0; after an early end the last one stands.
    fn round(&self, number: usize) -> Option<&(Vec<bool>, bool)> {
        self.rounds.get(number).or(self.rounds.last())
    }
}

fn is_right(item: &Item, answer: Option<&str>, mode: Mode) -> bool {
    match item.kind {
        Kind::Choice => answer == Some(item.answer.as_str()),
        Kind::Maths => grade(answer, Some(&item.answer), mode),
        Kind::Number | Kind::Exact | Kind::Free => grade(answer, Some(&item.answer), Mode::Strict),
    }
}

/// How a round went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoundRow {
    pub round: usize,
    /// Answers of single agents that are right, over all agents.
    pub agents: Share,
    /// Votes that are right.
    pub vote: Share,
}

/// Figures of a run. Without an answer is wrong; items that failed are left out and counted apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub data: String,
    pub preset: String,
    pub agents: usize,
    pub rounds: Vec<RoundRow>,
    pub items: usize,
    pub failed: usize,
    /// Taken from an earlier run.
    pub taken: usize,
    /// The first agent in the first round.
    pub single: Share,
    /// The vote of the first round.
    pub majority: Share,
    /// The vote of the last round.
    pub debate: Share,
    /// The last vote by the original's grader; for mathematics alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debate_compat: Option<Share>,
    /// Wrong in the first vote and right in the last, and the other way round.
    pub corrected: usize,
    pub spoilt: usize,
    /// Some agent was right in the last round.
    pub oracle: Share,
    pub unanswered: usize,
    pub ties: usize,
    pub calls: u64,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub millis: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_up: Option<String>,
}

impl Report {
    #[must_use]
    pub fn new(run: &DebateRun, end: &ItemsEnd, scored: &[Scored], millis: Millis) -> Self {
        let rounds = scored.iter().map(|one| one.rounds.len()).max().unwrap_or(0);
        let agents = scored
            .iter()
            .filter_map(|one| one.rounds.first())
            .map(|(agents, _)| agents.len())
            .max();
        let vote = |one: &Scored, number: usize| one.round(number).is_some_and(|(_, vote)| *vote);
        let last = rounds.saturating_sub(1);
        let row = |number: usize| RoundRow {
            round: number + 1,
            agents: Share::of(
                scored
                    .iter()
                    .filter_map(|one| one.round(number))
                    .flat_map(|(agents, _)| agents.iter().copied()),
            ),
            vote: Share::of(scored.iter().map(|one| vote(one, number))),
        };
        let count = |fits: &dyn Fn(&Scored) -> bool| scored.iter().filter(|one| fits(one)).count();
        let is_maths = run
            .set
            .items
            .first()
            .is_some_and(|item| item.kind == Kind::Maths);
        let sum =
            |of: fn(&crate::runtime::items::ItemResult) -> u64| end.results.iter().map(of).sum();
        Self {
            data: run.set.name.clone(),
            preset: run.council.name.clone(),
            agents: agents.unwrap_or(0),
            rounds: (0..rounds).map(row).collect(),
            items: scored.len(),
            failed: end.results.len() - scored.len(),
            taken: end.taken,
            single: Share::of(scored.iter().map(|one| {
                one.round(0)
                    .is_some_and(|(agents, _)| agents.first().copied().unwrap_or_default())
            })),
            majority: Share::of(scored.iter().map(|one| vote(one, 0))),
            debate: Share::of(scored.iter().map(|one| vote(one, last))),
            debate_compat: is_maths
                .then(|| Share::of(scored.iter().map(|one| one.is_right_compat))),
            corrected: count(&|one| !vote(one, 0) && vote(one, last)),
            spoilt: count(&|one| vote(one, 0) && !vote(one, last)),
            oracle: Share::of(scored.iter().map(|one| {
                one.round(last)
                    .is_some_and(|(agents, _)| agents.contains(&true))
            })),
            unanswered: count(&|one| one.is_unanswered),
            ties: count(&|one| one.is_tie),
            calls: sum(|result| result.calls),
            prompt_tokens: sum(|result| result.usage.prompt_tokens),
            completion_tokens: sum(|result| result.usage.completion_tokens),
            millis,
            given_up: end.given_up.as_ref().map(ToString::to_string),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.rounds.len();
        writeln!(
            f,
            "{}: {} items, preset {}, {} agents, {rounds} rounds",
            self.data, self.items, self.preset, self.agents
        )?;
        writeln!(f)?;
        writeln!(f, "round  each agent                   vote")?;
        for row in &self.rounds {
            writeln!(
                f,
                "{:<5}  {:<28} {}",
                row.round,
                share(&row.agents),
                share(&row.vote)
            )?;
        }
        writeln!(f)?;
        writeln!(
            f,
            "single    {}  the first agent alone",
            share(&self.single)
        )?;
        writeln!(
            f,
            "majority  {}  the vote of round 1",
            share(&self.majority)
        )?;
        writeln!(
            f,
            "debate    {}  the vote of round {rounds}",
            share(&self.debate)
        )?;
        if let Some(compat) = &self.debate_compat {
            writeln!(f, "          {}  by the original's grader", share(compat))?;
        }
        writeln!(
            f,
            "oracle    {}  some agent is right in round {rounds}",
            share(&self.oracle)
        )?;
        writeln!(f)?;
        writeln!(
            f,
            "corrected {}, spoilt {}, ties {}, without an answer {}, failed {}",
            self.corrected, self.spoilt, self.ties, self.unanswered, self.failed
        )?;
        write!(
            f,
            "{} calls, {} prompt and {} answer tokens, {:.1} s",
            self.calls,
            self.prompt_tokens,
            self.completion_tokens,
            std::time::Duration::from_millis(self.millis).as_secs_f64()
        )?;
        match self.taken {
            0 => writeln!(f),
            taken => writeln!(f, "; {taken} items taken from the file"),
        }
    }
}

/// `31.0 % (95 %: 22.8–40.6)`
fn share(share: &Share) -> String {
    format!(
        "{:5.1} % (95 %: {:.1}–{:.1})",
        100.0 * share.share,
        100.0 * share.low,
        100.0 * share.high
    )
}
