//! Planner, caller, summarizer (α-UMi; Shen et al. 2024, arXiv 2401.07324): one model decides, one writes calls, one answers.
//!
//! In every step the planner says why and whose turn it is; the caller writes a call; a tool answers. Three models, three
//! adapters on one base, or one model with three prompts play the parts; a `backbone` writes rationale and call at once.
//! Whatever goes wrong with a call is an observation for the planner, never an end of the turn.

pub mod action;
mod arguments;
pub mod backbone;
mod chain;
pub mod decision;
pub mod prompts;
mod repair;
mod shape;
pub mod trajectory;

use super::scope::Scope;
use super::seat::Seat;
use super::{BoxFuture, Protocol, SocietyError, Task, agents_error};
use crate::domain::council::Council;
use crate::domain::event::Outcome;
use crate::domain::id::NodeId;
use crate::domain::plan::{Hint, Node, Plan};
use crate::domain::request::ModelRef;
use prompts::Prompts;
use serde::Deserialize;

/// The node whose text is the answer, in every run.
pub const ANSWER: NodeId = NodeId(1);
/// Nodes that each step has, whether all speak or not.
const PER_STEP: u32 = 3;

/// The `[settings]` of a preset with `society = "planner"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub mode: Mode,
    /// Steps after which the answer is written from what is known.
    pub max_steps: u16,
    /// The same for seconds; 0 sets no limit.
    pub max_seconds: u64,
    /// The same for tokens of all calls of a turn; 0 sets no limit.
    pub max_total_tokens: u64,
    /// Whose turn it is when the planner does not say.
    pub on_missing_decision: Fallback,
    pub give_up: GiveUp,
    /// Ends every prompt with the name of the part that speaks, as the training data has it.
    pub cue: bool,
    /// Local models can only write what can be read: a decision, a call with arguments that fit.
    pub constrain: bool,
    pub prompts: Prompts,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Roles,
            max_steps: 8,
            max_seconds: 180,
            max_total_tokens: 0,
            on_missing_decision: Fallback::Caller,
            give_up: GiveUp::Stop,
            cue: false,
            constrain: true,
            prompts: Prompts::default(),
        }
    }
}

/// Whether the planner and the caller are asked one after the other or at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Roles,
    Backbone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    Caller,
    Summarizer,
}

/// What happens when the planner gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GiveUp {
    /// Its reason is the reply.
    Stop,
    /// The summarizer explains why.
    Explain,
}

/// The parts a model can play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Planner,
    Caller,
    Summarizer,
    Backbone,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Planner => "planner",
            Part::Caller => "caller",
            Part::Summarizer => "summarizer",
            Part::Backbone => "backbone",
        }
    }

    /// How its speech is announced where prompts end with a cue.
    fn cue(self) -> &'static str {
        match self {
            Part::Planner | Part::Backbone => " assistant: ",
            Part::Caller => " caller: ",
            Part::Summarizer => " conclusion: ",
        }
    }
}

const PARTS: [Part; 4] = [
    Part::Planner,
    Part::Caller,
    Part::Summarizer,
    Part::Backbone,
];

struct Planner {
    settings: Settings,
    planner: Seat,
    caller: Seat,
    summarizer: Seat,
}

pub(super) fn build(council: &Council) -> Result<Box<dyn Protocol>, SocietyError> {
    let settings: Settings = super::settings(council)?;
    if settings.max_steps == 0 {
        return Err(SocietyError::Settings {
            preset: council.name.clone(),
            message: "max_steps must be at least 1".into(),
        });
    }
    for agent in &council.agents {
        if !PARTS.iter().any(|part| part.name() == agent.part) {
            let message = format!(
                "part \"{}\" is not known in society \"planner\"; known: planner, caller, summarizer, backbone",
                agent.part
            );
            return Err(agents_error(council, message));
        }
    }
    let of_part = |part: Part| seat(council, part);
    let backbone = of_part(Part::Backbone)?;
    let need = |part: Part| match of_part(part)?.or(backbone.clone()) {
        Some(seat) => Ok(seat),
        None => {
            let message = format!(
                "one with part \"{}\" or \"backbone\" is needed",
                part.name()
            );
            Err(agents_error(council, message))
        }
    };
    Ok(Box::new(Planner {
        planner: need(Part::Planner)?,
        caller: need(Part::Caller)?,
        summarizer: need(Part::Summarizer)?.with_longer_limits(),
        settings,
    }))
}

/// The one seat of a part, if there is any.
fn seat(council: &Council, part: Part) -> Result<Option<Seat>, SocietyError> {
    let mut seats = council
        .agents
        .iter()
        .filter(|agent| agent.part == part.name())
        .flat_map(|agent| Seat::of(council, agent));
    let first = seats.next();
    if seats.next().is_some() {
        let message = format!("at most one with part \"{}\" is possible", part.name());
        return Err(agents_error(council, message));
    }
    Ok(first)
}

impl Planner {
    fn seat(&self, part: Part) -> &Seat {
        match part {
            Part::Planner | Part::Backbone => &self.planner,
            Part::Caller => &self.caller,
            Part::Summarizer => &self.summarizer,
        }
    }

    /// The part that begins a step.
    fn first_part(&self) -> Part {
        match self.settings.mode {
            Mode::Roles => Part::Planner,
            Mode::Backbone => Part::Backbone,
        }
    }

    fn node(&self, part: Part, step: u16) -> Node {
        let seat = self.seat(part);
        let (id, lane) = match part {
            Part::Planner | Part::Backbone => (in_step(step, 0), 1),
            Part::Caller => (in_step(step, 1), 2),
            Part::Summarizer => (ANSWER, 0),
        };
        Node {
            id,
            part: part.name().to_owned(),
            title: seat.title.clone(),
            model: seat.model.clone(),
            round: step,
            lane,
            is_answer: part == Part::Summarizer,
        }
    }
}

/// Nodes are numbered by step and place, so that a run that repeats the first steps numbers them alike.
fn in_step(step: u16, place: u32) -> NodeId {
    NodeId(ANSWER.0 + 1 + PER_STEP * (u32::from(step) - 1) + place)
}

/// The node of the tool that a step calls.
fn tool_node(step: u16, name: &str) -> Node {
    Node {
        id: in_step(step, 2),
        part: "tool".to_owned(),
        title: name.to_owned(),
        model: ModelRef::new(name, crate::domain::request::TOOL),
        round: step,
        lane: 3,
        is_answer: false,
    }
}

/// Steps in order, each node read by the next, the answer last.
fn plan_of(mut nodes: Vec<Node>, answer: Node) -> Plan {
    nodes.push(answer);
    let edges = nodes
        .windows(2)
        .map(|pair| (pair[0].id, pair[1].id))
        .collect();
    Plan {
        nodes,
        edges,
        hint: Hint::Steps,
    }
}

impl Protocol for Planner {
    fn plan(&self, _task: &Task) -> Plan {
        plan_of(
            vec![self.node(self.first_part(), 1)],
            self.node(Part::Summarizer, 2),
        )
    }

    fn run<'a>(&'a self, task: &'a Task, scope: &'a Scope) -> BoxFuture<'a, Outcome> {
        Box::pin(chain::Chain::new(self, task, scope).run())
    }
}
