//! Mixture of agents (Wang et al. 2024, arXiv 2406.04692): references answer in rounds, an aggregator combines.
//!
//! Round 1 gets the bare conversation; every agent of a later round, and the aggregator, gets all usable answers of the
//! round before. A failed, empty or stopped reference is left out and the rest renumbered; a round without any answer falls
//! back to the latest one that had some. Self-MoA (Li et al. 2025, arXiv 2502.00674) is one agent with a `count`.

use super::inject::{Injection, Order, Position, Reference, inject};
use super::prompt::Prompts;
use super::scope::{Ask, Gathered, Quorum, Scope};
use super::seat::{Seat, number_titles};
use super::single::outcome_of;
use super::{BoxFuture, Protocol, SocietyError, Task, agents_error};
use crate::domain::council::Council;
use crate::domain::event::{Level, Outcome};
use crate::domain::fault::FaultClass;
use crate::domain::id::NodeId;
use crate::domain::plan::{Hint, Node, Plan};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The aggregator without the council, beside it.
pub const ALONE: &str = "alone";
const REFERENCE: &str = "reference";
const AGGREGATOR: &str = "aggregator";

/// The `[settings]` of a preset with `society = "moa"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Passes over the references; 0 is plain chat with the aggregator.
    pub rounds: u16,
    /// Where the answers are put.
    pub inject: Position,
    /// Whether each answer carries the name of who wrote it.
    pub names: bool,
    pub order: Order,
    /// Longest text taken from one answer, in characters; 0 takes all.
    pub max_chars_per_ref: usize,
    /// Put each answer between tags, so that an answer cannot pass for an instruction.
    pub fence: bool,
    /// So many answers are enough for a round; 0 waits for all.
    pub quorum: usize,
    /// After this time one answer is enough for a round; 0 waits.
    pub deadline_ms: u64,
    /// Also run the aggregator without the council, to see whether the council helps.
    pub compare: bool,
    /// The text that introduces the answers; our own when absent.
    pub aggregator_prompt: Option<String>,
    /// A file with that text; whoever loads the preset reads it and fills `aggregator_prompt`.
    pub aggregator_prompt_file: Option<String>,
    /// Another text for the references of a round: `round_prompts.2 = "…"`.
    pub round_prompts: BTreeMap<u16, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rounds: 1,
            inject: Position::default(),
            names: false,
            order: Order::default(),
            max_chars_per_ref: 0,
            fence: false,
            quorum: 0,
            deadline_ms: 0,
            compare: false,
            aggregator_prompt: None,
            aggregator_prompt_file: None,
            round_prompts: BTreeMap::new(),
        }
    }
}

struct Moa {
    /// For each round its seats and their nodes.
    rounds: Vec<Vec<(NodeId, Seat)>>,
    aggregator: (NodeId, Seat),
    alone: Option<NodeId>,
    prompts: Prompts,
    injection: Injection,
    quorum: Quorum,
}

pub(super) fn build(council: &Council) -> Result<Box<dyn Protocol>, SocietyError> {
    Ok(Box::new(Moa::new(council)?))
}

impl Moa {
    fn new(council: &Council) -> Result<Moa, SocietyError> {
        let settings: Settings = super::settings(council)?;
        if let Some(file) = &settings.aggregator_prompt_file {
            return Err(SocietyError::Settings {
                preset: council.name.clone(),
                message: format!("aggregator_prompt_file \"{file}\" was not read"),
            });
        }
        let (references, aggregator) = seats(council)?;
        let mut next = 0;
        let mut node = || {
            next += 1;
            NodeId(next)
        };
        let mut rounds = Vec::new();
        for round in 1..=settings.rounds {
            let seats: Vec<(NodeId, Seat)> = references
                .iter()
                .filter(|seat| seat.speaks_in(round))
                .map(|seat| (node(), seat.clone()))
                .collect();
            if seats.is_empty() {
                let message = format!(
                    "no agent with part \"{REFERENCE}\" speaks in round {round} of {}",
                    settings.rounds
                );
                return Err(agents_error(council, message));
            }
            rounds.push(seats);
        }
        let aggregator = (node(), aggregator.with_longer_limits());
        let alone = (settings.compare && settings.rounds > 0).then(node);
        Ok(Moa {
            rounds,
            aggregator,
            alone,
            prompts: Prompts {
                everywhere: settings.aggregator_prompt,
                by_round: settings.round_prompts,
            },
            injection: Injection {
                position: settings.inject,
                names: settings.names,
                order: settings.order,
                max_chars_per_ref: settings.max_chars_per_ref,
                fence: settings.fence,
            },
            quorum: Quorum {
                at_least: settings.quorum,
                after_ms: (settings.deadline_ms > 0).then_some(settings.deadline_ms),
            },
        })
    }

    /// All rounds, then the aggregator.
    async fn council(&self, task: &Task, scope: &Scope) -> Outcome {
        let mut latest: Vec<Reference> = Vec::new();
        for (index, seats) in self.rounds.iter().enumerate() {
            let round = u16::try_from(index + 1).unwrap_or(u16::MAX);
            let asks = seats
                .iter()
                .map(|(node, seat)| {
                    let prompt = self.prompts.text(Some(round));
                    self.ask(task, *node, seat, prompt, &latest)
                })
                .collect();
            let gathered = scope.gather(asks, self.quorum).await;
            if scope.is_stopped() {
                return Outcome::Stopped {
                    text: String::new(),
                };
            }
            report(scope, round, seats, &gathered, &latest);
            let usable = usable(seats, gathered);
            if !usable.is_empty() {
                latest = usable;
            }
        }
        self.aggregate(task, scope, &latest).await
    }

    async fn aggregate(&self, task: &Task, scope: &Scope, references: &[Reference]) -> Outcome {
        let (node, seat) = &self.aggregator;
        let prompt = self.prompts.text(None);
        let ask = self.ask(task, *node, seat, prompt, references);
        let broken = match scope.ask(ask).await {
            Ok(answer) => return Outcome::Answered { text: answer.text },
            Err(broken) => broken,
        };
        if broken.fault.class != FaultClass::ContextTooLong || references.is_empty() {
            return outcome_of(broken);
        }
        let most = half(references);
        scope.note(
            Level::Warning,
            format!(
                "the answers did not fit the aggregator's context; tried again with at most {most} characters of each"
            ),
        );
        scope.restarted(*node);
        let shorter = Injection {
            max_chars_per_ref: most,
            ..self.injection
        };
        let messages = seat.messages(&task.conversation);
        let messages = inject(&messages, prompt, references, shorter, task.seed);
        let request = seat.request(messages, *node, task.seed);
        match scope.ask(Ask::new(*node, request)).await {
            Ok(answer) => Outcome::Answered { text: answer.text },
            Err(broken) => outcome_of(broken),
        }
    }

    fn ask(
        &self,
        task: &Task,
        node: NodeId,
        seat: &Seat,
        prompt: &str,
        references: &[Reference],
    ) -> Ask {
        let messages = seat.messages(&task.conversation);
        let messages = inject(&messages, prompt, references, self.injection, task.seed);
        Ask::new(node, seat.request(messages, node, task.seed)).reusing(task.reuse.get(&node))
    }

    async fn run_alone(&self, task: &Task, scope: &Scope) {
        let Some(node) = self.alone else { return };
        let seat = &self.aggregator.1;
        let ask = self.ask(task, node, seat, "", &[]);
        // Its end is told by its events; it is never the answer.
        let _ = scope.ask(ask).await;
    }
}

impl Protocol for Moa {
    fn plan(&self, _task: &Task) -> Plan {
        let mut nodes = Vec::new();
        let mut edges = Vec::new();
        let mut before: &[(NodeId, Seat)] = &[];
        for (round, seats) in (1..).zip(&self.rounds) {
            for (lane, (id, seat)) in (1..).zip(seats) {
                nodes.push(plan_node(*id, REFERENCE, seat, round, lane));
                edges.extend(before.iter().map(|(from, _)| (*from, *id)));
            }
            before = seats;
        }
        let (id, seat) = &self.aggregator;
        let last = u16::try_from(self.rounds.len() + 1).unwrap_or(u16::MAX);
        nodes.push(Node {
            is_answer: true,
            ..plan_node(*id, AGGREGATOR, seat, last, 0)
        });
        edges.extend(before.iter().map(|(from, _)| (*from, *id)));
        if let Some(alone) = self.alone {
            let lanes = self.rounds.first().map_or(0, Vec::len);
            let lane = u16::try_from(lanes + 1).unwrap_or(u16::MAX);
            nodes.push(plan_node(alone, ALONE, seat, 1, lane));
        }
        Plan {
            nodes,
            edges,
            hint: Hint::Columns,
        }
    }

    fn run<'a>(&'a self, task: &'a Task, scope: &'a Scope) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let (outcome, ()) =
                tokio::join!(self.council(task, scope), self.run_alone(task, scope));
            outcome
        })
    }
}

fn plan_node(id: NodeId, part: &str, seat: &Seat, round: u16, lane: u16) -> Node {
    Node {
        id,
        part: part.to_owned(),
        title: seat.title.clone(),
        model: seat.model.clone(),
        round,
        lane,
        is_answer: false,
    }
}

/// The references in configured order, and the aggregator.
fn seats(council: &Council) -> Result<(Vec<Seat>, Seat), SocietyError> {
    let mut references = Vec::new();
    let mut aggregators = Vec::new();
    for agent in &council.agents {
        match agent.part.as_str() {
            REFERENCE => references.extend(Seat::of(council, agent)),
            AGGREGATOR => aggregators.extend(Seat::of(council, agent)),
            part => {
                let message = format!(
                    "part \"{part}\" is not known in society \"moa\"; known: {REFERENCE}, {AGGREGATOR}"
                );
                return Err(agents_error(council, message));
            }
        }
    }
    number_titles(&mut references);
    if aggregators.len() > 1 {
        let message = format!(
            "exactly one with part \"{AGGREGATOR}\" is needed, {} given",
            aggregators.len()
        );
        return Err(agents_error(council, message));
    }
    match aggregators.pop() {
        Some(aggregator) => Ok((references, aggregator)),
        None => {
            let message = format!("one with part \"{AGGREGATOR}\" is needed, none given");
            Err(agents_error(council, message))
        }
    }
}

fn usable(seats: &[(NodeId, Seat)], gathered: Vec<Gathered>) -> Vec<Reference> {
    seats
        .iter()
        .zip(gathered)
        .filter_map(|((_, seat), one)| {
            let answer = one.result.ok()?;
            Some(Reference {
                name: seat.title.clone(),
                text: answer.text,
                arrival: one.arrival,
            })
        })
        .collect()
}

/// Says who is missing, and what the turn goes on with when all are.
fn report(
    scope: &Scope,
    round: u16,
    seats: &[(NodeId, Seat)],
    gathered: &[Gathered],
    latest: &[Reference],
) {
    let broken: Vec<String> = seats
        .iter()
        .zip(gathered)
        .filter_map(|((_, seat), one)| {
            let fault = &one.result.as_ref().err()?.fault;
            Some(format!("{} ({})", seat.title, fault.class.word()))
        })
        .collect();
    if broken.is_empty() {
        return;
    }
    let text = if broken.len() < seats.len() {
        format!("round {round} goes on without {}", broken.join(", "))
    } else if latest.is_empty() {
        format!("round {round} brought no answer: the next one gets the question alone")
    } else {
        format!("round {round} brought no answer: going on with those of an earlier round")
    };
    scope.note(Level::Warning, text);
}

/// The bound per answer that leaves about half of all their characters.
fn half(references: &[Reference]) -> usize {
    let lengths: Vec<usize> = references
        .iter()
        .map(|reference| reference.text.chars().count())
        .collect();
    let target = lengths.iter().sum::<usize>() / 2;
    let fits = |most: usize| lengths.iter().map(|&long| long.min(most)).sum::<usize>() <= target;
    let (mut low, mut high) = (1, lengths.iter().copied().max().unwrap_or(1).max(1));
    while low < high {
        let middle = (low + high).div_ceil(2);
        if fits(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}
