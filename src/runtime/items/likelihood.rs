//! Items whose options are weighed instead of answered: the likeliest continuation of the question is the answer.
//!
//! Nothing is drawn, so nothing can be unreadable and a seed changes nothing. Local models only.

use super::fold::{Fold, ItemResult};
use super::pass::{self, Job, pass};
use super::{ItemOptions, ItemParts, ItemsEnd, ItemsError, digest};
use crate::domain::cancel::Cancel;
use crate::domain::council::Council;
use crate::domain::event::{Kind, Outcome};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::NodeId;
use crate::domain::message::Message;
use crate::domain::plan::{Hint, Node, Plan};
use crate::domain::request::Finish;
use crate::domain::score::{Continuation, Prompt, ScoreRequest};
use crate::society::seat::Seat;
use serde_json::Value;
use std::path::Path;

const NODE: NodeId = NodeId(1);
/// The fact that keeps the log-probability of each option.
const LOGPROBS: &str = "logprobs";

/// One item whose options are weighed.
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceTask {
    /// Unique among the items of a run.
    pub id: String,
    /// Ends with the question.
    pub conversation: Vec<Message>,
    /// What the answer would begin with, and the answer that it stands for.
    pub options: Vec<(String, String)>,
}

/// Weighs the options of items with the one agent of a council; otherwise as [`super::run_items`].
///
/// # Errors
///
/// When the log cannot be read or written. What was done before is in it.
pub async fn score_items(
    parts: &ItemParts,
    council: &Council,
    tasks: &[ChoiceTask],
    options: &ItemOptions,
    cancel: &Cancel,
    on_done: impl FnMut(&mut ItemResult),
) -> Result<ItemsEnd, ItemsError> {
    let jobs: Vec<Job> = tasks.iter().map(|task| job(council, task)).collect();
    let work = |index: usize, job: &Job, cancel: Cancel| {
        let (parts, council) = (parts.clone(), council.clone());
        one(
            parts,
            council,
            tasks[index].clone(),
            job.fingerprint.clone(),
            cancel,
        )
    };
    pass(&parts.clock, &jobs, options, cancel, on_done, work).await
}

/// How many of these tasks a log has already.
#[must_use]
pub fn already_scored(log: Option<&Path>, council: &Council, tasks: &[ChoiceTask]) -> usize {
    pass::already(log, tasks.iter().map(|task| job(council, task)))
}

fn job(council: &Council, task: &ChoiceTask) -> Job {
    Job {
        id: task.id.clone(),
        fingerprint: digest(&serde_json::json!({
            "council": council,
            "conversation": task.conversation,
            "options": task.options,
        })),
    }
}

async fn one(
    parts: ItemParts,
    council: Council,
    task: ChoiceTask,
    fingerprint: String,
    cancel: Cancel,
) -> ItemResult {
    let began = parts.clock.now();
    let mut fold = Fold::default();
    let mut logprobs = Vec::new();
    let outcome = match council.agents.first() {
        None => Err(Fault::new(FaultClass::BadData, "the council has no agent")),
        Some(agent) => {
            fold.add(Kind::Planned {
                plan: plan(&agent.part, &agent.model),
            });
            let seat = Seat::of(&council, agent).into_iter().next();
            let request = ScoreRequest {
                model: agent.model.clone(),
                adapters: agent.adapters.clone(),
                prompt: Prompt::Messages(match seat {
                    Some(seat) => seat.messages(&task.conversation),
                    None => task.conversation.clone(),
                }),
                continuations: task
                    .options
                    .iter()
                    .map(|(text, _)| Continuation::Text(text.clone()))
                    .collect(),
            };
            let scored = parts.backends.score(request, cancel).wait().await;
            scored.map(|scored| {
                fold.add(Kind::Done {
                    node: NODE,
                    usage: scored.usage,
                    finish: Finish::Stop,
                });
                logprobs = scored.scores.iter().map(|score| score.sum()).collect();
                likeliest(&logprobs, &task.options)
            })
        }
    };
    match outcome {
        Ok(text) => fold.add(Kind::Finished {
            outcome: Outcome::Answered { text },
        }),
        Err(fault) => {
            fold.add(Kind::Failed {
                node: NODE,
                fault: fault.clone(),
            });
            fold.add(Kind::Finished {
                outcome: Outcome::Failed { fault },
            });
        }
    }
    let millis = parts.clock.now().saturating_sub(began);
    let mut result = fold.end(task.id, fingerprint, millis);
    if !logprobs.is_empty() {
        let all = task
            .options
            .into_iter()
            .map(|(_, answer)| answer)
            .zip(logprobs);
        let all = all.map(|(answer, sum)| (answer, Value::from(sum)));
        result
            .facts
            .insert(LOGPROBS.to_owned(), Value::Object(all.collect()));
    }
    result
}

/// The answer of the highest sum; the first one of equals.
fn likeliest(logprobs: &[f64], options: &[(String, String)]) -> String {
    let mut best: Option<(f64, &str)> = None;
    for (&sum, (_, answer)) in logprobs.iter().zip(options) {
        if best.is_none_or(|(highest, _)| sum > highest) {
            best = Some((sum, answer));
        }
    }
    best.map(|(_, answer)| answer.to_owned())
        .unwrap_or_default()
}

fn plan(part: &str, model: &crate::domain::request::ModelRef) -> Plan {
    Plan {
        nodes: vec![Node {
            id: NODE,
            part: part.to_owned(),
            title: model.model.clone(),
            model: model.clone(),
            round: 1,
            lane: 0,
            is_answer: true,
        }],
        edges: Vec::new(),
        hint: Hint::Columns,
    }
}
