//! Nodes that do more than ask one question: crossword agents on their boards, and calls of a tool.

use super::boards::{Desk, Step};
use super::hearing::Heard;
use super::library::Operation;
use super::members::Member;
use super::turn::Turn;
use crate::domain::event::Kind;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::message::Role;
use crate::task::crosswords::{Board, Clues};
use futures_util::stream::{self, StreamExt};

/// A message of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) text: String,
    /// Where the message is a crossword board.
    pub(super) board: Option<Board>,
}

impl From<String> for Said {
    fn from(text: String) -> Self {
        Self { text, board: None }
    }
}

impl From<Board> for Said {
    fn from(board: Board) -> Self {
        Self {
            text: board.to_string(),
            board: Some(board),
        }
    }
}

impl Turn<'_> {
    /// Lets nodes work that do more than ask one question.
    pub(super) async fn work(&self, nodes: Vec<usize>) -> Vec<(usize, Vec<Said>)> {
        let question = self.task.conversation.iter();
        let question = question.rev().find(|message| message.role == Role::User);
        let clues = question.and_then(|question| Clues::read(&question.content));
        let at_once = match self.scope.num_proc {
            0 => nodes.len().max(1),
            limit => limit,
        };
        let jobs = nodes.into_iter().map(|node| {
            let clues = clues.clone();
            async move {
                let member = self.graph.members.get(node);
                let said = match member.map(|member| (member, member.operation)) {
                    Some((member, Operation::Board(step))) => {
                        let boards = self.work_on_boards(node, member, step, clues).await;
                        boards.into_iter().map(Said::from).collect()
                    }
                    Some((_, Operation::Call)) => self.call_tool(node).await,
                    _ => Vec::new(),
                };
                (node, said)
            }
        });
        stream::iter(jobs).buffered(at_once).collect().await
    }

    /// Calls the tool with each message that reaches the node.
    async fn call_tool(&self, node: usize) -> Vec<Said> {
        let id = self.graph.members.id(node);
        let fail = |message| {
            let fault = Fault::new(FaultClass::BadData, message);
            self.scope.tell(Kind::Failed { node: id, fault });
            Vec::new()
        };
        let Some(toolbox) = &self.toolbox else {
            return fail(
                "there is no tool to call: name one in [tools] use, or another in settings.tool",
            );
        };
        let own: Vec<Heard> = self
            .heard(node)
            .into_iter()
            .filter(|one| one.is_own)
            .collect();
        if own.is_empty() {
            return fail("nothing reached it that the tool could be given");
        }
        let mut results = Vec::new();
        for one in own {
            results.push(toolbox.call(id, &one.text, self.scope).await);
        }
        self.scope.say(id, results.join("\n"));
        results.into_iter().map(Said::from).collect()
    }

    async fn work_on_boards(
        &self,
        node: usize,
        member: &Member,
        step: Step,
        clues: Option<Clues>,
    ) -> Vec<Board> {
        let id = self.graph.members.id(node);
        let Some(clues) = clues else {
            let message = "the question is no crossword: it needs ten lines, h1. CLUE to v5. CLUE";
            let fault = Fault::new(FaultClass::BadData, message);
            self.scope.tell(Kind::Failed { node: id, fault });
            return Vec::new();
        };
        let mut boards = Vec::new();
        let is_input = self.graph.members.wiring.is_input(node);
        if is_input {
            boards.push(Board::default());
        }
        if !(is_input && self.graph.compat) {
            let heard = self.sources(node).flat_map(|from| &self.said[from]);
            boards.extend(heard.filter_map(|said| said.board.clone()));
        }
        let desk = Desk {
            scope: self.scope,
            seat: &member.seat,
            prompts: &self.graph.prompts,
            node: id,
            clues,
            seed: self.task.seed,
            asked: 0,
        };
        desk.work(step, boards).await
    }
}
