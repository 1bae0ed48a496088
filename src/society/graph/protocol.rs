//! A preset's graph as a society: its plan with the edges that are real this time, and its turns.

use super::members::{DECISION_NAME, Members};
use super::prompts::Prompts;
use super::realise::{Realisation, Rule, realise_by_chance};
use super::schedule::Schedule;
use super::settings::{Reading, Settings, Strategy, Ties};
use super::toolbox::Toolbox;
use super::turn::Turn;
use super::wiring::DECISION;
use crate::domain::chance::Chance;
use crate::domain::council::Council;
use crate::domain::event::{Kind, Level, Outcome};
use crate::domain::id::NodeId;
use crate::domain::plan::{Hint, Node, Plan};
use crate::domain::request::{ModelRef, TOOL};
use crate::society::scope::Scope;
use crate::society::{BoxFuture, Protocol, SocietyError, Task};

/// A council as a graph.
pub(super) struct Graph {
    pub(super) members: Members,
    pub(super) prompts: Prompts,
    pub(super) strategy: Strategy,
    pub(super) ties: Ties,
    pub(super) reading: Reading,
    pub(super) compat: bool,
    pub(super) max_chars: usize,
    pub(super) tool: Option<String>,
    logits: Vec<f64>,
    temperature: f64,
    rule: Rule,
    seed: Option<u64>,
}

pub(in crate::society) fn build(council: &Council) -> Result<Box<dyn Protocol>, SocietyError> {
    Ok(Box::new(Graph::new(council)?))
}

impl Graph {
    fn new(council: &Council) -> Result<Graph, SocietyError> {
        let settings: Settings = crate::society::settings(council)?;
        let wrong = |message: String| SocietyError::Settings {
            preset: council.name.clone(),
            message,
        };
        let prompts = Prompts::new(settings.prompts.clone()).map_err(wrong)?;
        let members = Members::of(council, &settings, &prompts)?;
        let logits = members.logits(&settings).map_err(wrong)?;
        let graph = Graph {
            rule: settings.rule(),
            strategy: settings.decision,
            ties: settings.ties,
            reading: settings.answers,
            compat: settings.compat,
            max_chars: settings.max_chars_per_message,
            tool: settings.tool,
            temperature: settings.temperature,
            seed: settings.seed,
            members,
            prompts,
            logits,
        };
        // A trial says now what would go wrong in every turn.
        graph
            .try_realise(0)
            .map_err(|error| wrong(error.to_string()))?;
        Ok(graph)
    }

    pub(super) fn seed(&self, task: &Task) -> u64 {
        self.seed.unwrap_or(task.seed)
    }

    /// The text of an earlier attempt that stands in for a node's answer. Where every turn draws another graph there is none:
    /// the node may have heard others then.
    pub(super) fn reused<'a>(&self, task: &'a Task, node: NodeId) -> Option<&'a String> {
        task.reuse.get(&node).filter(|_| self.is_steady())
    }

    /// Whether every turn has the same graph.
    fn is_steady(&self) -> bool {
        self.seed.is_some() || !matches!(self.rule, Rule::Sample | Rule::Random(_))
    }

    fn try_realise(&self, seed: u64) -> Result<Realisation, super::wiring::GraphError> {
        realise_by_chance(
            &self.members.wiring,
            &self.logits,
            self.temperature,
            &self.rule,
            Chance::new(seed, 0, 0),
        )
    }

    /// The same for the plan and for the run of one task. What could fail has been tried in [`Graph::new`].
    fn realise(&self, task: &Task) -> Realisation {
        self.try_realise(self.seed(task)).unwrap_or_default()
    }

    /// Tells what became of every potential edge, and why.
    fn tell(&self, realisation: &Realisation, scope: &Scope) {
        let potential = self.members.wiring.potential().iter();
        for ((decision, logit), (from, to)) in realisation
            .decisions
            .iter()
            .zip(&self.logits)
            .zip(potential)
        {
            scope.tell(Kind::Drawn {
                from: self.members.id(*from),
                to: self.members.id(*to),
                logit: *logit,
                probability: decision.probability,
                draw: decision.draw,
                outcome: decision.outcome,
            });
        }
    }

    fn node(&self, node: usize, round: usize, lane: usize) -> Node {
        let (part, title, model) = match (self.members.get(node), &self.members.judge) {
            (Some(member), _) => {
                let is_lone = member.name == member.seat.title;
                let word = member.operation.word();
                let part = if is_lone { &member.seat.part } else { word };
                let model = if member.operation.asks() {
                    member.seat.model.clone()
                } else {
                    ModelRef::new(word, TOOL)
                };
                (part, member.name.clone(), model)
            }
            (None, Some(judge)) => (DECISION_NAME, judge.title.clone(), judge.model.clone()),
            (None, None) => {
                let name = self.strategy.name();
                (DECISION_NAME, name.to_owned(), ModelRef::new(name, TOOL))
            }
        };
        let number = |value| u16::try_from(value).unwrap_or(u16::MAX);
        Node {
            id: self.members.id(node),
            part: part.to_owned(),
            title,
            model,
            round: number(round),
            lane: number(lane),
            is_answer: node == DECISION,
        }
    }
}

impl Protocol for Graph {
    fn plan(&self, task: &Task) -> Plan {
        let wiring = &self.members.wiring;
        let edges = self.realise(task).edges(wiring);
        let schedule = Schedule::of(wiring.nodes(), &edges);
        let mut nodes = Vec::new();
        let mut first_lanes = 0;
        for (round, level) in (1..).zip(&schedule.levels) {
            let working = level.iter().filter(|node| **node != DECISION);
            for (lane, node) in (1..).zip(working) {
                nodes.push(self.node(*node, round, lane));
                first_lanes = if round == 1 { lane } else { first_lanes };
            }
        }
        // Those that cannot matter stand below the first level.
        for (lane, node) in (first_lanes + 1..).zip(&schedule.idle) {
            nodes.push(self.node(*node, 1, lane));
        }
        let last = schedule.levels.len().max(2);
        nodes.push(self.node(DECISION, last, 0));
        Plan {
            nodes,
            edges: edges
                .into_iter()
                .map(|(from, to)| (self.members.id(from), self.members.id(to)))
                .collect(),
            hint: Hint::Graph,
        }
    }

    fn run<'a>(&'a self, task: &'a Task, scope: &'a Scope) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let realisation = self.realise(task);
            self.tell(&realisation, scope);
            if !task.reuse.is_empty() && !self.is_steady() {
                let text = "the graph is drawn anew, so all its agents are asked again";
                scope.note(Level::Info, text);
            }
            let mut turn = Turn::new(self, task, scope, &realisation);
            if self.members.call_tools() {
                turn.toolbox = Toolbox::open(self.tool.as_deref(), scope).await;
            }
            turn.run().await
        })
    }
}
