//! The steps of a turn: plan, call, observe, until the planner hands over to the summarizer, gives up, or a limit is reached.
//!
//! One chain, or a tree of chains that [`Search`] walks: what is known at a node of it is a [`Path`].

mod act;
mod decide;
mod finish;
mod native;
mod question;

use super::decision::{Decision, canonical};
use super::search::{End, Search, Shape, Tried};
use super::trajectory::{self, Elision, Speaker, Turn};
use super::{ANSWER, GiveUp, Part, Planner, Strategy, ToolUse, plan_of};
use crate::domain::call::ToolCall;
use crate::domain::event::{ABANDONED, Level, Outcome};
use crate::domain::fault::FaultClass;
use crate::domain::id::NodeId;
use crate::domain::plan::Node;
use crate::society::Task;
use crate::society::scope::{Broken, Scope};
use crate::society::single::outcome_of;
use crate::tool::Card;
use crate::tool::kit::Offer;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Failed calls in a row after which a branch goes no further.
const MOST_ERRORS: usize = 3;
/// Model calls of a tree search where the preset sets no limit (the original's own limit).
const TREE_CALLS: u32 = 60;
/// Why a step is abandoned that went well itself.
const FURTHER: &str = "nothing behind it led on";
const INCOMPLETE: &str = "\nThe work was stopped before it was complete. Say what is known, and say plainly what is missing.";

/// What the planner wants.
enum Next {
    Call {
        rationale: String,
        /// The call, when the planner wrote it itself.
        inline: Option<Written>,
    },
    Conclude {
        rationale: String,
    },
    GiveUp {
        rationale: String,
    },
    /// The answer is already there (a backbone).
    Answer {
        rationale: String,
        text: String,
    },
    /// The person skipped the planner.
    Skipped,
}

/// A call as it was written: in the text, or in the endpoint's own field for calls.
enum Written {
    Text(String),
    Call {
        /// The same as text.
        shown: String,
        call: ToolCall,
        /// Further calls came with it; they do not run.
        has_more: bool,
    },
}

impl Written {
    fn text(&self) -> &str {
        match self {
            Written::Text(text) => text,
            Written::Call { shown, .. } => shown,
        }
    }
}

/// What is known at a node of the search.
#[derive(Debug, Clone, Default)]
struct Path {
    turns: Vec<Turn>,
    /// The steps that led here.
    steps: Vec<u16>,
    /// Calls that would bring the same again: nothing has changed since.
    seen: BTreeSet<String>,
    /// Failed calls in a row.
    errors: usize,
    /// Useful observations less failed calls; says which branch is the best when none has an answer.
    value: i32,
    /// The last node.
    last: Option<NodeId>,
}

pub(super) struct Chain<'a> {
    planner: &'a Planner,
    task: &'a Task,
    scope: &'a Scope,
    path: Path,
    /// The branch that ended best without an answer, and how many there were.
    best: Option<Path>,
    ended: usize,
    /// Steps that led nowhere, and why.
    abandoned: BTreeMap<u16, String>,
    nodes: Vec<Node>,
    edges: Vec<(NodeId, NodeId)>,
    used: BTreeSet<String>,
    problems: BTreeSet<String>,
    has_called: bool,
    /// Something was made anew: what an earlier attempt brought after it no longer fits.
    is_fresh: bool,
    /// Of models, reused ones not counted.
    calls: u32,
    tokens: u64,
    elision: Elision,
    /// Whether local models are held to the shape of their part.
    shapes: bool,
    /// Whether calls are asked for in the endpoint's own field.
    native: bool,
    began: Instant,
}

impl<'a> Chain<'a> {
    pub(super) fn new(planner: &'a Planner, task: &'a Task, scope: &'a Scope) -> Self {
        let seen = planner.planner.messages(&task.conversation);
        let native = match planner.settings.tools {
            ToolUse::Text => false,
            ToolUse::Native => true,
            ToolUse::Auto => scope.takes_tools(&planner.calling_seat().model),
        };
        Self {
            planner,
            task,
            scope,
            path: Path {
                turns: trajectory::of_conversation(&seen),
                ..Path::default()
            },
            best: None,
            ended: 0,
            abandoned: BTreeMap::new(),
            nodes: Vec::new(),
            edges: Vec::new(),
            used: BTreeSet::new(),
            problems: BTreeSet::new(),
            has_called: false,
            is_fresh: false,
            calls: 0,
            tokens: 0,
            elision: Elision::Nothing,
            shapes: true,
            native,
            began: Instant::now(),
        }
    }

    pub(super) async fn run(mut self) -> Outcome {
        match self.steps().await {
            Ok(outcome) | Err(outcome) => outcome,
        }
    }

    /// An `Err` ends the turn from inside a step.
    async fn steps(&mut self) -> Result<Outcome, Outcome> {
        let settings = &self.planner.settings;
        let most = settings.max_steps;
        let mut search = Search::new(self.shape(), self.path.clone());
        let mut step = 0;
        let mut limit = None;
        let mut gave_up = String::new();
        while let Some((path, tried)) = search.next() {
            self.path = path;
            self.diversify(tried);
            if let Some(why) = self.exhausted() {
                return Ok(self.incomplete(step + 1, &why, self.ended + 1).await);
            }
            step = u16::saturating_add(step, 1);
            self.path.steps.push(step);
            let offer = self.offer().await?;
            let next = self.decide(step, &offer).await?;
            let (end, tried) = match next {
                Next::Call { rationale, inline } => {
                    let tried = self.step(step, &offer, &rationale, inline).await?;
                    let why = if self.path.errors >= MOST_ERRORS {
                        format!("{MOST_ERRORS} calls in a row failed")
                    } else if search.depth() + 1 >= usize::from(most) {
                        format!("the limit of {most} steps was reached")
                    } else {
                        self.settle();
                        search.descend(step, self.path.clone(), tried);
                        continue;
                    };
                    limit = Some(why.clone());
                    (End::Limit, Tried { why, ..tried })
                }
                Next::GiveUp { rationale } => {
                    self.think(&rationale, Decision::GiveUp);
                    gave_up.clone_from(&rationale);
                    let tried = Tried {
                        why: format!("gave up: {rationale}"),
                        score: self.path.value,
                        ..Tried::default()
                    };
                    (End::GaveUp, tried)
                }
                Next::Conclude { rationale } => {
                    self.think(&rationale, Decision::Summarizer);
                    return Ok(self.summarize(step + 1, "").await);
                }
                Next::Answer { rationale, text } => {
                    self.think(&rationale, Decision::Summarizer);
                    return Ok(self.say_answer(step + 1, text));
                }
                Next::Skipped => {
                    let why = "the planner was stopped";
                    return Ok(self.incomplete(step + 1, why, self.ended + 1).await);
                }
            };
            self.abandon(&mut search, step, end, tried);
        }
        match limit {
            Some(why) => Ok(self.incomplete(step + 1, &why, self.ended).await),
            None => Ok(self.give_up(step + 1, &gave_up).await),
        }
    }

    fn shape(&self) -> Shape {
        let settings = &self.planner.settings;
        match settings.strategy {
            Strategy::Dfs => Shape::Tree {
                width: settings.width,
            },
            Strategy::Chain if settings.give_up == GiveUp::Restart => Shape::Chain {
                restarts: settings.restarts,
            },
            Strategy::Chain => Shape::Chain { restarts: 0 },
        }
    }

    /// Tells the next step what was tried from here before.
    fn diversify(&mut self, tried: &[Tried]) {
        if tried.is_empty() {
            return;
        }
        let entries: Vec<String> = tried.iter().map(entry).collect();
        self.path.seen.extend(tried.iter().filter_map(repeated));
        let told = super::prompts::fill(
            &self.planner.settings.prompts.again,
            &[("tried", &entries.join("\n"))],
        );
        self.path.turns.push(Turn::new(Speaker::Again, told));
    }

    /// What was tried elsewhere is told to one step only.
    fn settle(&mut self) {
        self.path.turns.retain(|turn| turn.from != Speaker::Again);
    }

    /// The branch ended without an answer: it is kept if it is the best so far, and marked.
    fn abandon(&mut self, search: &mut Search<Path>, step: u16, end: End, tried: Tried) {
        self.settle();
        self.ended += 1;
        let is_better = |best: &Path| self.path.value > best.value;
        if self.best.as_ref().is_none_or(is_better) {
            self.best = Some(self.path.clone());
        }
        let why = tried.why.clone();
        for lost in search.fail(step, end, tried) {
            let why = if lost == step { why.as_str() } else { FURTHER };
            // Where everything was tried, the answer decides which branch is not abandoned.
            if !search.is_over() {
                self.mark_step(lost, why);
            }
            self.abandoned.insert(lost, why.to_owned());
        }
    }

    fn mark_step(&self, step: u16, why: &str) {
        for place in 0..super::PER_STEP {
            let id = super::in_step(step, place);
            if self.nodes.iter().any(|node| node.id == id) {
                self.scope.mark(id, ABANDONED, why);
            }
        }
    }

    /// Which limit is reached.
    fn exhausted(&self) -> Option<String> {
        let settings = &self.planner.settings;
        let seconds = settings.max_seconds;
        if seconds > 0 && self.began.elapsed() >= Duration::from_secs(seconds) {
            return Some(format!("the limit of {seconds} s was reached"));
        }
        let calls = settings.max_calls.unwrap_or(match settings.strategy {
            Strategy::Dfs => TREE_CALLS,
            Strategy::Chain => 0,
        });
        if calls > 0 && self.calls >= calls {
            return Some(format!("the limit of {calls} model calls was reached"));
        }
        let tokens = settings.max_total_tokens;
        (tokens > 0 && self.tokens >= tokens)
            .then(|| format!("the limit of {tokens} tokens was reached"))
    }

    async fn offer(&mut self) -> Result<Offer, Outcome> {
        let offer = self.scope.offer().await;
        if self.scope.is_stopped() {
            return Err(stopped());
        }
        for problem in &offer.problems {
            if self.problems.insert(problem.clone()) {
                self.scope.note(Level::Warning, problem);
            }
        }
        if offer.tools.is_empty() && self.problems.insert(String::new()) {
            self.scope.note(
                Level::Warning,
                "no tool can be called; the preset names them in [tools]",
            );
        }
        Ok(offer)
    }

    /// Shows the plan with what is new in it; the answer comes after `last`.
    fn announce(&mut self, last: u16, node: Option<Node>) {
        if let Some(node) = node {
            if let Some(before) = self.path.last.replace(node.id) {
                self.edges.push((before, node.id));
            }
            self.nodes.push(node);
        }
        let mut edges = self.edges.clone();
        edges.extend(self.path.last.map(|last| (last, ANSWER)));
        let answer = self.planner.node(Part::Summarizer, last);
        self.scope.plan(plan_of(&self.nodes, answer, edges));
    }

    fn think(&mut self, rationale: &str, decision: Decision) {
        self.path.turns.push(Turn::new(
            Speaker::Assistant,
            canonical(rationale, decision),
        ));
    }

    /// What an earlier attempt brought for this node, while everything before it is taken over too.
    fn taken_over(&self, node: NodeId) -> Option<&'a String> {
        let text = self.task.reuse.get(&node)?;
        (!self.is_fresh && !text.trim().is_empty()).then_some(text)
    }

    /// A skip goes on, everything else ends the turn.
    fn skipped(&self, broken: Broken) -> Result<(), Outcome> {
        if self.scope.is_stopped() {
            return Err(stopped());
        }
        if broken.fault.class == FaultClass::Cancelled {
            return Ok(());
        }
        Err(outcome_of(broken))
    }
}

/// An earlier try as the next one reads it: the keys that the published data has, with `score` for the value of a branch.
fn entry(tried: &Tried) -> String {
    let Some((name, arguments, output)) = &tried.call else {
        return tried.why.clone();
    };
    let entry = serde_json::json!({
        "name": name, "arguments": arguments, "function_output": output, "score": tried.score,
    });
    entry.to_string()
}

/// The call of an earlier try, as repeated calls are known.
fn repeated(tried: &Tried) -> Option<String> {
    let (name, arguments, _) = tried.call.as_ref()?;
    Some(super::action::written(name, arguments))
}

fn cards(offer: &Offer) -> Vec<&Card> {
    offer.tools.iter().map(|tool| tool.card()).collect()
}

fn stopped() -> Outcome {
    Outcome::Stopped {
        text: String::new(),
    }
}
