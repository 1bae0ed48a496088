//! One answer of a graph: levels of nodes one after another, all nodes of a level at once.
//!
//! A node hears the messages of its predecessors in the order of the edges: fixed ones, then potential ones in their order;
//! when they arrived makes no difference. A node that failed is named, and those that would have heard it go on without.

use super::ballot;
use super::decide::{self, Decided};
use super::hearing::{Heard, compose, instruction};
use super::library::Operation;
use super::members::Member;
use super::protocol::Graph;
use super::realise::Realisation;
use super::schedule::Schedule;
use super::toolbox::Toolbox;
use super::wiring::{DECISION, Edge};
use super::work::Said;
use crate::domain::chance::Chance;
use crate::domain::event::{Kind, Level, Outcome};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::message::{Message, Role};
use crate::society::Task;
use crate::society::scope::{Ask, Gathered, Quorum, Scope};
use std::collections::VecDeque;

/// What is said where nothing reached the decision, in `compat`: the original's words, which programs look for.
const NO_INPUTS: &str = "No answer since there are no inputs provided";
/// What a constant agent says unless the preset gives it a text.
const CONSTANT: &str = "A";

/// A graph at work.
pub(super) struct Turn<'a> {
    pub(super) graph: &'a Graph,
    pub(super) task: &'a Task,
    pub(super) scope: &'a Scope,
    edges: Vec<Edge>,
    schedule: Schedule,
    /// What each node has said.
    pub(super) said: Vec<Vec<Said>>,
    /// The tool of its tool agents.
    pub(super) toolbox: Option<Toolbox>,
}

/// A node of the level under way.
struct Work {
    node: usize,
    waiting: VecDeque<Vec<Message>>,
    asked: u64,
}

impl<'a> Turn<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        task: &'a Task,
        scope: &'a Scope,
        realisation: &Realisation,
    ) -> Turn<'a> {
        let wiring = &graph.members.wiring;
        let edges = realisation.edges(wiring);
        Turn {
            schedule: Schedule::of(wiring.nodes(), &edges),
            said: vec![Vec::new(); wiring.nodes()],
            toolbox: None,
            graph,
            task,
            scope,
            edges,
        }
    }

    pub(super) async fn run(mut self) -> Outcome {
        for node in self.schedule.idle.clone() {
            let id = self.graph.members.id(node);
            self.scope
                .mark(id, "idle", "no way leads from here to the decision");
        }
        for level in self.schedule.levels.clone() {
            let level = self.pause(level).await;
            if level != [DECISION] {
                self.level(&level).await;
            }
            if self.scope.is_stopped() {
                return Outcome::Stopped {
                    text: String::new(),
                };
            }
        }
        self.decide().await
    }

    /// Waits before a level where the turn is held; what is left of the level, without the nodes that were skipped.
    async fn pause(&self, mut level: Vec<usize>) -> Vec<usize> {
        let members = &self.graph.members;
        let ids: Vec<_> = level.iter().map(|node| members.id(*node)).collect();
        let skipped = self.scope.pause(&ids).await;
        // The decision answers in any case.
        level.retain(|node| *node == DECISION || !skipped.contains(&members.id(*node)));
        level
    }

    /// Runs nodes that do not wait for each other.
    async fn level(&mut self, level: &[usize]) {
        let is_work = |node: &usize| {
            let member = self.graph.members.get(*node);
            member.is_some_and(|member| member.operation.is_work())
        };
        let (workers, others): (Vec<usize>, Vec<usize>) = level.iter().copied().partition(is_work);
        let mut works: Vec<Work> = Vec::new();
        for node in others {
            works.extend(self.begin(node));
        }
        let (gathered, worked) = tokio::join!(self.ask_all(works), self.work(workers));
        for (node, one) in gathered {
            self.hear(node, one);
        }
        for (node, said) in worked {
            self.said[node] = said;
        }
    }

    /// Asks all that there is to ask. A node with several questions asks one after another.
    async fn ask_all(&self, mut works: Vec<Work>) -> Vec<(usize, Gathered)> {
        let mut all = Vec::new();
        loop {
            let asks = self.asks(&mut works);
            if asks.is_empty() || self.scope.is_stopped() {
                return all;
            }
            let nodes: Vec<usize> = asks.iter().map(|(node, _)| *node).collect();
            let asks = asks.into_iter().map(|(_, ask)| ask).collect();
            let gathered = self.scope.gather(asks, Quorum::default()).await;
            all.extend(nodes.into_iter().zip(gathered));
        }
    }

    /// The next question of each node that has one.
    fn asks(&self, works: &mut [Work]) -> Vec<(usize, Ask)> {
        let mut asks = Vec::new();
        for work in works {
            let Some(member) = self.graph.members.get(work.node) else {
                continue;
            };
            let Some(messages) = work.waiting.pop_front() else {
                continue;
            };
            let id = self.graph.members.id(work.node);
            let seed = self.task.seed.wrapping_add(work.asked);
            let mut ask = Ask::new(id, member.seat.request(messages, id, seed));
            if work.asked == 0 && work.waiting.is_empty() {
                ask = ask.reusing(self.graph.reused(self.task, id));
            } else if work.asked > 0 {
                let text = "\n\n".to_owned();
                self.scope.tell(Kind::Delta {
                    node: id,
                    text,
                    thinking: false,
                });
            }
            work.asked += 1;
            asks.push((work.node, ask));
        }
        asks
    }

    /// What a node asks; none when it needs no model or has nothing to do.
    fn begin(&mut self, node: usize) -> Option<Work> {
        let member = self.graph.members.get(node)?;
        let id = self.graph.members.id(node);
        let heard = self.heard(node);
        match member.operation {
            Operation::Constant => {
                let text = member.seat.system().unwrap_or(CONSTANT).to_owned();
                self.scope.say(id, text.clone());
                self.said[node].push(text.into());
                return None;
            }
            Operation::Empty => {
                self.scope.say(id, "");
                self.said[node].push(String::new().into());
                return None;
            }
            operation if operation.needs_messages() && heard.is_empty() => {
                let message = "nothing reached it, so there is nothing to work on";
                let fault = Fault::new(FaultClass::Empty, message);
                self.scope.tell(Kind::Failed { node: id, fault });
                return None;
            }
            _ => {}
        }
        if !heard.is_empty() {
            let names: Vec<&str> = heard.iter().map(|one| one.name.as_str()).collect();
            self.scope.mark(id, "hears", names.join(", "));
        }
        Some(Work {
            node,
            waiting: self.prompts(node, member, &heard),
            asked: 0,
        })
    }

    fn prompts(&self, node: usize, member: &Member, heard: &[Heard]) -> VecDeque<Vec<Message>> {
        let base = member.seat.messages(&self.task.conversation);
        let compose = |base: &[Message], heard: &[Heard]| {
            let instruction = match (member.operation, &self.toolbox) {
                (Operation::Formulate, Some(tool)) => Some(tool.instruction(&self.graph.prompts)),
                (operation, _) => instruction(operation, heard, &self.graph.prompts),
            };
            let (role, instruction) = (member.role.as_deref(), instruction.as_deref());
            compose(base, role, heard, instruction, self.graph.max_chars)
        };
        let is_input = self.graph.members.wiring.is_input(node);
        if !self.graph.compat {
            return VecDeque::from([compose(&base, heard)]);
        }
        if is_input {
            return VecDeque::from([compose(&base, &[])]);
        }
        match member.operation {
            Operation::Combine => VecDeque::from([compose(&base, heard)]),
            Operation::Think | Operation::Conclude => heard
                .iter()
                .map(|one| compose(&instead(&base, &one.text), &[]))
                .collect(),
            Operation::Reflect | Operation::Branch { .. } => heard
                .iter()
                .map(|one| compose(&base, std::slice::from_ref(one)))
                .collect(),
            _ => heard.iter().map(|_| compose(&base, &[])).collect(),
        }
    }

    /// Those that a node reads, in the order of its edges.
    pub(super) fn sources(&self, node: usize) -> impl Iterator<Item = usize> {
        let edges = self.edges.iter().filter(move |(_, to)| *to == node);
        edges.map(|(from, _)| *from)
    }

    /// The messages that reach a node, in the order of its edges.
    pub(super) fn heard(&self, node: usize) -> Vec<Heard> {
        let members = &self.graph.members;
        let agent = members.wiring.agent_of(node);
        let all = self.sources(node);
        all.flat_map(|from| self.said[from].iter().map(move |said| (from, said)))
            .map(|(from, said)| Heard {
                node: from,
                name: members.name(from).to_owned(),
                text: said.text.clone(),
                board: said.board.clone(),
                is_own: agent.is_some() && members.wiring.agent_of(from) == agent,
            })
            .collect()
    }

    fn hear(&mut self, node: usize, one: Gathered) {
        match one.result {
            Ok(answer) => self.said[node].push(answer.text.into()),
            Err(broken) => {
                let members = &self.graph.members;
                let reads =
                    |(from, to): &&Edge| *from == node && self.schedule.level(*to).is_some();
                let listeners = self.edges.iter().filter(reads);
                let listeners: Vec<&str> = listeners.map(|(_, to)| members.name(*to)).collect();
                let text = format!(
                    "{} gave nothing ({}); without it: {}",
                    members.name(node),
                    broken.fault.class.word(),
                    listeners.join(", ")
                );
                self.scope.note(Level::Warning, text);
            }
        }
    }

    async fn decide(&self) -> Outcome {
        let heard = self.heard(DECISION);
        if heard.is_empty() {
            return self.without_answers();
        }
        let graph = self.graph;
        let id = graph.members.id(DECISION);
        let reading = ballot::reading(graph.reading, &self.task.conversation);
        if let Some(seat) = &graph.members.judge {
            return decide::by_judge(graph, seat, self.task, self.scope, &heard, reading).await;
        }
        let mut chance = Chance::new(graph.seed(self.task), 1, 0);
        let Decided { text, tally } =
            decide::without_model(graph.strategy, graph.ties, reading, &heard, &mut chance);
        for (one, choice) in heard.iter().zip(&tally.by_voter) {
            let voter = graph.members.id(one.node);
            self.scope
                .mark(voter, "answer", choice.as_deref().unwrap_or("none"));
            if let (Some(choice), true) = (choice, graph.strategy.is_vote()) {
                self.scope.tell(Kind::Ballot {
                    voter,
                    choice: choice.clone(),
                    weight: 1.0,
                });
            }
        }
        tally.tell(id, self.scope);
        self.scope.say(id, text.clone());
        Outcome::Answered { text }
    }

    fn without_answers(&self) -> Outcome {
        let id = self.graph.members.id(DECISION);
        if self.graph.compat {
            self.scope.say(id, NO_INPUTS);
            return Outcome::Answered {
                text: NO_INPUTS.to_owned(),
            };
        }
        let has_edges = self.edges.iter().any(|(_, to)| *to == DECISION);
        let message = if has_edges {
            "no agent that reaches the decision has answered"
        } else {
            "no edge leads to the decision in this draw"
        };
        let mut fault = Fault::new(FaultClass::Empty, message);
        if !has_edges {
            fault = fault.with_hint(
                "raise the probability of edges to \"decision\", or set joining = \"outputs_fixed\"",
            );
        }
        self.scope.tell(Kind::Failed {
            node: id,
            fault: fault.clone(),
        });
        Outcome::Failed { fault }
    }
}

/// The conversation with another text in the place of the question.
fn instead(base: &[Message], text: &str) -> Vec<Message> {
    let mut messages = base.to_vec();
    if let Some(question) = messages.iter_mut().rfind(|one| one.role == Role::User) {
        text.clone_into(&mut question.content);
    }
    messages
}
