//! Agents that work on crossword boards: each board that reaches a node is worked on apart from the others.
//!
//! Proposing and filling, searching the best set of proposals, growing a tree of boards, and looking back at a board before a
//! new try. None of them knows the solution. What a model says that cannot be read changes nothing.

use super::prompts::Prompts;
use crate::domain::event::Kind;
use crate::domain::fault::Fault;
use crate::domain::id::NodeId;
use crate::domain::message::Message;
use crate::society::scope::{Ask, Scope};
use crate::society::seat::Seat;
use crate::task::crosswords::proposal::{self, Candidate};
use crate::task::crosswords::{Board, Clues, Slot, Status, search};

/// Most boards that one node works on, and hands on.
pub(super) const MOST_BOARDS: usize = 64;
/// Slots with fewer empty cells are worth asking about.
const FEW_BLANKS: usize = 4;

/// What a node does with a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Writes the proposals down, the surest first.
    Fill,
    /// Writes down the set of proposals that is worth most.
    Search,
    /// Makes a board of each of the surest proposals.
    Grow { branches: usize },
    /// Judges what is there, then clears the board and leaves advice.
    Rethink,
    /// Hands all boards on.
    Collect,
}

impl Step {
    /// The word that stands for it in a plan.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Step::Fill => "fill",
            Step::Search => "search",
            Step::Grow { .. } => "grow",
            Step::Rethink => "rethink",
            Step::Collect => "collect",
        }
    }

    /// Whether it asks a model.
    #[must_use]
    pub fn asks(self) -> bool {
        self != Step::Collect
    }
}

/// A node at work on boards.
pub(super) struct Desk<'a> {
    pub(super) scope: &'a Scope,
    pub(super) seat: &'a Seat,
    pub(super) prompts: &'a Prompts,
    pub(super) node: NodeId,
    pub(super) clues: Clues,
    pub(super) seed: u64,
    /// Questions so far.
    pub(super) asked: u64,
}

impl Desk<'_> {
    /// Works on all boards, one after another, and shows what became of them.
    pub(super) async fn work(mut self, step: Step, boards: Vec<Board>) -> Vec<Board> {
        let mut out = Vec::new();
        for board in boards.into_iter().take(MOST_BOARDS) {
            if self.scope.is_stopped() {
                return Vec::new();
            }
            // A board that could not be worked on goes on as it is.
            let same = board.clone();
            out.extend(self.one(step, board).await.unwrap_or_else(|_| vec![same]));
        }
        out.truncate(MOST_BOARDS);
        self.show(&out);
        out
    }

    async fn one(&mut self, step: Step, mut board: Board) -> Result<Vec<Board>, Fault> {
        match step {
            Step::Fill => {
                let candidates = self.propose(&board).await?;
                search::greedy(&mut board, &candidates);
            }
            Step::Search => {
                let candidates = self.propose(&board).await?;
                search::exhaustive(&mut board, &candidates);
            }
            Step::Grow { branches } => return self.grow(board, branches).await,
            Step::Rethink => self.rethink(&mut board).await?,
            Step::Collect => {}
        }
        Ok(vec![board])
    }

    async fn propose(&mut self, board: &Board) -> Result<Vec<Candidate>, Fault> {
        let prompt = self.prompts.text("propose");
        let text = prompt.replace("{board}", &board.render(&self.clues));
        Ok(proposal::read(&self.ask(text).await?))
    }

    async fn grow(&mut self, board: Board, branches: usize) -> Result<Vec<Board>, Fault> {
        if !board.is_extendable {
            return Ok(vec![board]);
        }
        let candidates = self.propose(&board).await?;
        let mut grown = Vec::new();
        for candidate in candidates.iter().take(branches) {
            let mut next = board.clone();
            // Changes are allowed, so only a malformed action could be refused, and proposals are well formed.
            let _ = next.act(&candidate.action(), true);
            next.is_extendable = self.is_possible(&next).await?;
            grown.push(next);
        }
        if grown.is_empty() {
            grown.push(board);
        }
        Ok(grown)
    }

    /// Whether no slot has become impossible.
    async fn is_possible(&mut self, board: &Board) -> Result<bool, Fault> {
        for slot in Slot::all().filter(|slot| board.blanks(*slot) < FEW_BLANKS) {
            let said = self.value(board, slot).await?;
            if last_line(&said) == "impossible" {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Looks back: full slots are checked, others judged by whether they can be completed.
    async fn rethink(&mut self, board: &mut Board) -> Result<(), Fault> {
        let (mut correct, mut incorrect, mut impossible) = (Vec::new(), Vec::new(), Vec::new());
        for slot in Slot::all().filter(|slot| board.blanks(*slot) == 0) {
            let prompt = self.prompts.text("check");
            let prompt = prompt.replace("{word}", &board.word(slot));
            let said = self
                .ask(prompt.replace("{clue}", self.clues.of(slot)))
                .await?;
            match last_line(&said).trim_end_matches('.') {
                "yes" => correct.push(shown(board, slot)),
                "no" => incorrect.push(shown(board, slot)),
                _ => {}
            }
        }
        for slot in Slot::all().filter(|slot| (1..FEW_BLANKS).contains(&board.blanks(*slot))) {
            if self
                .value(board, slot)
                .await?
                .to_lowercase()
                .contains("impossible")
            {
                impossible.push(shown(board, slot));
            }
        }
        if correct.is_empty() && incorrect.is_empty() && impossible.is_empty() {
            board.reset();
            return Ok(());
        }
        let prompt = self.prompts.text("suggest");
        let prompt = prompt
            .replace("{board}", &board.render(&self.clues))
            .replace("{impossible}", &listed(&impossible))
            .replace("{correct}", &listed(&correct))
            .replace("{incorrect}", &listed(&incorrect));
        let hint = self.ask(prompt).await?;
        board.reset();
        board.hints.push(hint);
        Ok(())
    }

    async fn value(&mut self, board: &Board, slot: Slot) -> Result<String, Fault> {
        let letters: Vec<String> = board
            .word(slot)
            .to_lowercase()
            .chars()
            .map(String::from)
            .collect();
        let prompt = self.prompts.text("value");
        let prompt = prompt.replace("{clue}", self.clues.of(slot));
        self.ask(prompt.replace("{letters}", &letters.join(" ")))
            .await
    }

    async fn ask(&mut self, text: String) -> Result<String, Fault> {
        if self.asked > 0 {
            self.write("\n\n".to_owned());
        }
        let mut messages: Vec<Message> = self
            .seat
            .system()
            .map(Message::system)
            .into_iter()
            .collect();
        messages.push(Message::user(text));
        let seed = self.seed.wrapping_add(self.asked);
        self.asked += 1;
        let request = self.seat.request(messages, self.node, seed);
        let answer = self.scope.ask(Ask::new(self.node, request)).await;
        answer
            .map(|answer| answer.text)
            .map_err(|broken| broken.fault)
    }

    fn show(&self, boards: &[Board]) {
        let rows: Vec<String> = boards.iter().map(ToString::to_string).collect();
        let rows = rows.join("\n\n");
        if self.asked == 0 {
            self.scope.say(self.node, rows);
        } else {
            self.write(format!("\n\n{rows}"));
        }
        let filled = boards.iter().map(Board::filled_cells).max();
        self.scope.mark(self.node, "boards", boards.len());
        self.scope
            .mark(self.node, "cells", filled.unwrap_or_default());
    }

    fn write(&self, text: String) {
        self.scope.tell(Kind::Delta {
            node: self.node,
            text,
            thinking: false,
        });
    }
}

/// The board that is furthest, without a look at the solution: most slots filled and not changed since, then most letters, then
/// the first. Messages that are no board do not count.
pub(super) fn fullest<'a>(boards: impl Iterator<Item = Option<&'a Board>>) -> Option<usize> {
    let worth = |board: &Board| {
        let filled = Slot::all().filter(|slot| board.status(*slot) == Status::Filled);
        (filled.count(), board.filled_cells())
    };
    let mut best = None;
    for (at, board) in boards.enumerate() {
        let Some(worth) = board.map(worth) else {
            continue;
        };
        if best.is_none_or(|(_, most)| worth > most) {
            best = Some((at, worth));
        }
    }
    best.map(|(at, _)| at)
}

fn last_line(text: &str) -> String {
    let line = text.trim().lines().last().unwrap_or_default();
    line.trim().to_lowercase()
}

fn shown(board: &Board, slot: Slot) -> String {
    format!("{slot}. {}", board.word(slot))
}

fn listed(words: &[String]) -> String {
    if words.is_empty() {
        return "none".to_owned();
    }
    words.join(", ")
}
