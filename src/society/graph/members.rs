//! From a preset's agents to the nodes of a composite graph, their names, and the logits of the edges between them.

use super::library::{self, JUDGE, Operation};
use super::prompts::Prompts;
use super::settings::Settings;
use super::wiring::{DECISION, Shape, Wiring};
use crate::domain::council::{Agent, Council};
use crate::domain::id::NodeId;
use crate::society::seat::{Seat, number_titles};
use crate::society::{SocietyError, agents_error};

/// The name of the node that decides.
pub const DECISION_NAME: &str = "decision";

/// One node of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Unique among the nodes: `io`, `cot.2`.
    pub name: String,
    pub operation: Operation,
    pub seat: Seat,
    /// What it is told about its part; none when the preset tells it something else.
    pub role: Option<String>,
}

/// All agents of a council.
#[derive(Debug, Clone, PartialEq)]
pub struct Members {
    /// Node `n` of the graph is the `n - 1`st.
    pub nodes: Vec<Member>,
    pub judge: Option<Seat>,
    pub wiring: Wiring,
}

impl Members {
    /// Seats the agents of a preset.
    ///
    /// # Errors
    ///
    /// When a part is not known, nobody answers, or the judge does not fit the way of deciding.
    pub fn of(
        council: &Council,
        settings: &Settings,
        prompts: &Prompts,
    ) -> Result<Members, SocietyError> {
        let (judges, agents): (Vec<&Agent>, Vec<&Agent>) =
            council.agents.iter().partition(|agent| agent.part == JUDGE);
        let judge = judge(council, settings, &judges)?;
        let mut seats: Vec<(Seat, &Agent)> = Vec::new();
        for agent in agents {
            seats.extend(
                Seat::of(council, agent)
                    .into_iter()
                    .map(|seat| (seat, agent)),
            );
        }
        if seats.is_empty() {
            return Err(agents_error(
                council,
                "a graph needs at least one beside the judge",
            ));
        }
        let mut titled: Vec<Seat> = seats.iter().map(|(seat, _)| seat.clone()).collect();
        number_titles(&mut titled);
        let mut nodes = Vec::new();
        let mut shapes: Vec<Shape> = Vec::new();
        let mut specialists = 0;
        for (seat, (_, agent)) in titled.into_iter().zip(seats) {
            let Some(kind) = library::kind(&agent.part, settings) else {
                return Err(unknown(council, &agent.part));
            };
            let is_lone = kind.operations.len() == 1;
            for (number, operation) in (1..).zip(kind.operations) {
                let role = match operation {
                    _ if agent.system.is_some() => None,
                    Operation::Lie => Some(prompts.text("adversary").to_owned()),
                    Operation::Specialist => Some(prompts.specialist(specialists)),
                    _ => Some(prompts.text("answer").to_owned()),
                };
                let name = if is_lone {
                    seat.title.clone()
                } else {
                    format!("{}.{number}", seat.title)
                };
                nodes.push(Member {
                    name,
                    operation,
                    seat: seat.clone(),
                    role,
                });
            }
            specialists += usize::from(agent.part == "specialist");
            shapes.push(kind.shape);
        }
        let wiring = Wiring::compose(&shapes, settings.joining)
            .map_err(|error| agents_error(council, error.to_string()))?;
        Ok(Members {
            nodes,
            judge,
            wiring,
        })
    }

    /// A node of an agent; none for the decision.
    #[must_use]
    pub fn get(&self, node: usize) -> Option<&Member> {
        self.nodes.get(node.checked_sub(1)?)
    }

    /// Whether any of them calls a tool.
    #[must_use]
    pub fn call_tools(&self) -> bool {
        let mut operations = self.nodes.iter().map(|member| member.operation);
        operations.any(|operation| operation == Operation::Call)
    }

    /// The name of a node.
    #[must_use]
    pub fn name(&self, node: usize) -> &str {
        self.get(node).map_or(DECISION_NAME, |member| &member.name)
    }

    /// Its identity in a plan: agents' nodes from 1, the decision last.
    #[must_use]
    pub fn id(&self, node: usize) -> NodeId {
        let place = if node == DECISION {
            self.nodes.len() + 1
        } else {
            node
        };
        NodeId(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The logits of the potential edges by the settings.
    ///
    /// # Errors
    ///
    /// When what is said about edges is about none, or is no number.
    pub fn logits(&self, settings: &Settings) -> Result<Vec<f64>, String> {
        let potential = self.wiring.potential();
        if !settings.logits.is_empty() {
            if !settings.edges.is_empty() {
                return Err("logits says everything about edges; leave edges out".into());
            }
            return Ok(settings.logits.clone());
        }
        let mut logits = vec![settings.base_logit()?; potential.len()];
        for rule in &settings.edges {
            let value = rule.value()?;
            let mut is_used = false;
            for (logit, (from, to)) in logits.iter_mut().zip(potential) {
                if self.is_called(*from, &rule.from) && self.is_called(*to, &rule.to) {
                    *logit = value;
                    is_used = true;
                }
            }
            if !is_used {
                let names: Vec<&str> = (1..=self.nodes.len()).map(|node| self.name(node)).collect();
                return Err(format!(
                    "edges: no potential edge leads from \"{}\" to \"{}\"; nodes: {}, {DECISION_NAME}",
                    rule.from,
                    rule.to,
                    names.join(", ")
                ));
            }
        }
        Ok(logits)
    }

    /// Whether a word of an edge rule means this node.
    fn is_called(&self, node: usize, word: &str) -> bool {
        match self.get(node) {
            _ if word == "*" => true,
            None => word == DECISION_NAME,
            Some(member) => [&member.name, &member.seat.title, &member.seat.part]
                .into_iter()
                .any(|name| name == word),
        }
    }
}

fn judge(
    council: &Council,
    settings: &Settings,
    judges: &[&Agent],
) -> Result<Option<Seat>, SocietyError> {
    let way = settings.decision.name();
    match (judges, settings.decision.prompt()) {
        ([], None) => Ok(None),
        ([judge], Some(_)) if judge.count <= 1 => {
            let seat = Seat::of(council, judge).into_iter().next();
            Ok(seat.map(Seat::with_longer_limits))
        }
        (_, Some(_)) => {
            let message = format!("deciding by {way} needs exactly one with part \"{JUDGE}\"");
            Err(agents_error(council, message))
        }
        (_, None) => {
            let message = format!("deciding by {way} asks no model; leave the \"{JUDGE}\" out");
            Err(agents_error(council, message))
        }
    }
}

fn unknown(council: &Council, part: &str) -> SocietyError {
    let known = library::parts().join(", ");
    let message = format!("part \"{part}\" is not known; known: {known}, {JUDGE}");
    agents_error(council, message)
}
