//! Planner, caller, summarizer (α-UMi; Shen et al. 2024, arXiv 2401.07324): one model decides, one writes calls, one answers.
//!
//! In every step the planner says why and whose turn it is; the caller writes a call; a tool answers. Three models, three
//! adapters on one base, or one model with three prompts play the parts; a `backbone` writes rationale and call at once.
//! Whatever goes wrong with a call is an observation for the planner, never an end of the turn. Endpoints with tool calling of
//! their own are asked for calls that way; all others write them as two lines of text.

pub mod action;
mod arguments;
pub mod backbone;
mod chain;
pub mod decision;
pub mod prompts;
mod repair;
mod search;
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
    /// How often a chain starts again when it gave up and `give_up` says so.
    pub restarts: u16,
    pub strategy: Strategy,
    /// Tries from each step of a tree search.
    pub width: u16,
    /// Model calls after which the answer is written from what is known; 0 sets no limit. Where nothing is said, 60 for a tree
    /// search and none for a chain.
    pub max_calls: Option<u32>,
    /// How calls are written.
    pub tools: ToolUse,
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
            restarts: 2,
            strategy: Strategy::Chain,
            width: 2,
            max_calls: None,
            tools: ToolUse::Auto,
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
    /// Another chain begins and is told what was tried; after the last one its reason is the reply.
    Restart,
}

/// What happens when a branch leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// There is one branch, and its end is the end.
    Chain,
    /// Depth-first search: other steps are tried from further up.
    Dfs,
}

/// How the caller writes its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolUse {
    /// In the endpoint's own field where it has one, as text where it refuses.
    Auto,
    /// In the endpoint's own field; a refusal ends the turn.
    Native,
    /// As two lines of text.
    Text,
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
    let odd = |message: &str| SocietyError::Settings {
        preset: council.name.clone(),
        message: message.to_owned(),
    };
    if settings.width == 0 {
        return Err(odd("width must be at least 1"));
    }
    if settings.strategy == Strategy::Dfs && settings.give_up == GiveUp::Restart {
        return Err(odd(
            "give_up = \"restart\" is for strategy = \"chain\"; a search tries again by itself",
        ));
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
    let planner = Planner {
        planner: need(Part::Planner)?,
        caller: need(Part::Caller)?,
        summarizer: need(Part::Summarizer)?.with_longer_limits(),
        settings,
    };
    let model = &planner.calling_seat().model;
    if planner.settings.tools == ToolUse::Native && model.is_local() {
        return Err(odd(&format!(
            "tools = \"native\" needs an endpoint; the local model \"{model}\" writes its calls as text"
        )));
    }
    Ok(Box::new(planner))
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

    /// Whoever writes the calls.
    fn calling_seat(&self) -> &Seat {
        match self.settings.mode {
            Mode::Roles => &self.caller,
            Mode::Backbone => &self.planner,
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

/// The nodes in the order they work, the answer last.
fn plan_of(nodes: &[Node], answer: Node, edges: Vec<(NodeId, NodeId)>) -> Plan {
    Plan {
        nodes: nodes.iter().cloned().chain([answer]).collect(),
        edges,
        hint: Hint::Steps,
    }
}

impl Protocol for Planner {
    fn plan(&self, _task: &Task) -> Plan {
        let first = self.node(self.first_part(), 1);
        let edges = vec![(first.id, ANSWER)];
        plan_of(&[first], self.node(Part::Summarizer, 2), edges)
    }

    fn run<'a>(&'a self, task: &'a Task, scope: &'a Scope) -> BoxFuture<'a, Outcome> {
        Box::pin(chain::Chain::new(self, task, scope).run())
    }
}
