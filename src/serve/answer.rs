//! An answer under way: of one model, or of a council.

use super::fault::Refusal;
use super::wire::Body;
use super::{DEFAULT, PRESET, Served};
use crate::backend::{Piece, Tokens};
use crate::domain::call::Tools;
use crate::domain::cancel::Cancel;
use crate::domain::council::Council;
use crate::domain::event::{Kind, Outcome};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::{NodeId, TurnId};
use crate::domain::message::Role;
use crate::domain::request::{Finish, LOCAL, ModelRef, Request, TimeLimits, Usage};
use crate::domain::score::Logprobs;
use crate::society::scope::{Scope, ScopeParts, Sink};
use crate::society::{self, Task};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A part of an answer.
#[derive(Debug)]
pub enum Part {
    Text(String),
    /// Reasoning before the answer.
    Thought(String),
    Logprobs(Logprobs),
    /// The last part.
    End(Result<(Usage, Finish), Fault>),
}

/// An answer under way; dropping it ends the work.
pub struct Running {
    source: Source,
    cancel: Cancel,
}

enum Source {
    Model(Tokens),
    Council {
        parts: mpsc::UnboundedReceiver<Part>,
    },
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Begins to answer.
pub fn start(served: &Served, body: &Body) -> Result<Running, Refusal> {
    let cancel = Cancel::new();
    let name = body.model.as_str();
    let council = name.strip_prefix(PRESET).unwrap_or(name);
    let local = if name == DEFAULT {
        served.models.first()
    } else {
        served.models.iter().find(|model| *model == name)
    };
    let source = if let Some(model) = local {
        let request = Request {
            model: ModelRef::new(model.clone(), LOCAL),
            adapters: Vec::new(),
            messages: body.messages.clone(),
            tools: Tools::default(),
            sampling: body.sampling.clone(),
            limits: unhurried(),
        };
        Source::Model(served.backends.generate(request, cancel.clone()))
    } else if let Some(council) = served.councils.get(council) {
        Source::Council {
            parts: convene(served, council, body, &cancel)?,
        }
    } else {
        return Err(Refusal::unknown_model(format!(
            "model \"{name}\" is not served here; GET /v1/models lists what is"
        )));
    };
    Ok(Running { source, cancel })
}

/// Local models may take their time: a queue is no fault.
fn unhurried() -> TimeLimits {
    let hour = 3_600_000;
    TimeLimits {
        connect_ms: hour,
        first_token_ms: hour,
        idle_ms: hour,
        total_ms: hour,
    }
}

impl Running {
    /// The next part.
    pub async fn next(&mut self) -> Part {
        match &mut self.source {
            Source::Model(tokens) => loop {
                match tokens.next().await {
                    Piece::Delta {
                        text,
                        thinking: false,
                    } => return Part::Text(text),
                    Piece::Delta {
                        text,
                        thinking: true,
                    } => return Part::Thought(text),
                    Piece::Logprobs(logprobs) => return Part::Logprobs(logprobs),
                    Piece::End(Ok(done)) => return Part::End(Ok((done.usage, done.finish))),
                    // An answer without text is an answer to a program.
                    Piece::End(Err(fault)) if fault.class == FaultClass::Empty => {
                        return Part::End(Ok((Usage::default(), Finish::Stop)));
                    }
                    Piece::End(Err(fault)) => return Part::End(Err(fault)),
                    Piece::Progress(_) | Piece::Restarted | Piece::Note(_) | Piece::Call(_) => {}
                }
            },
            Source::Council { parts } => parts.recv().await.unwrap_or_else(|| {
                Part::End(Err(Fault::new(
                    FaultClass::BadData,
                    "the council ended without an answer",
                )))
            }),
        }
    }
}

/// Lets a council answer. What the request says about sampling goes for the agent that answers.
fn convene(
    served: &Served,
    council: &Council,
    body: &Body,
    cancel: &Cancel,
) -> Result<mpsc::UnboundedReceiver<Part>, Refusal> {
    let wrong = |error: society::SocietyError| {
        Refusal::of(&Fault::new(FaultClass::BadData, error.to_string()))
    };
    let mut council = council.clone();
    let mut conversation = body.messages.clone();
    // A system message of the client joins the preset's own.
    conversation.retain(|message| {
        let is_system = message.role == Role::System;
        if is_system {
            let system = council.system.get_or_insert_default();
            if !system.is_empty() {
                system.push_str("\n\n");
            }
            system.push_str(&message.content);
        }
        !is_system
    });
    if conversation
        .last()
        .is_none_or(|last| last.role != Role::User)
    {
        return Err(Refusal::bad("the last message must be the user's"));
    }
    let task = Task {
        turn: TurnId(1),
        conversation,
        reuse: BTreeMap::new(),
        seed: body.sampling.seed.unwrap_or_else(|| served.clock.now()),
    };
    let plan = society::build(&council).map_err(wrong)?.plan(&task);
    let answering = plan.nodes.iter().find(|node| node.is_answer);
    if let Some(node) = answering {
        for agent in council
            .agents
            .iter_mut()
            .filter(|agent| agent.part == node.part)
        {
            agent.sampling = body.sampling.over(&agent.sampling);
        }
    }
    let answering = answering.map(|node| node.id);
    let protocol = society::build(&council).map_err(wrong)?;
    let (sender, parts) = mpsc::unbounded_channel();
    let sink = Arc::new(Ears {
        answering,
        sender: sender.clone(),
        usage: std::sync::Mutex::default(),
    });
    let (_, controls) = mpsc::unbounded_channel();
    let scope = ScopeParts {
        backends: Arc::clone(&served.backends),
        sink: Arc::clone(&sink) as Arc<dyn Sink>,
        cancel: cancel.clone(),
        controls,
        num_proc: usize::try_from(council.num_proc).unwrap_or(usize::MAX),
    };
    tokio::spawn(async move {
        let scope = Scope::new(scope);
        scope.plan(protocol.plan(&task));
        let end = match protocol.run(&task, &scope).await {
            Outcome::Answered { .. } | Outcome::Stopped { .. } => Ok(sink.sum()),
            Outcome::Failed { fault } => Err(fault),
        };
        // Nobody listens when the client has left.
        let _ = sender.send(Part::End(end));
    });
    Ok(parts)
}

/// Hears a council: passes on what the answering agent says, and adds up what all cost.
struct Ears {
    answering: Option<NodeId>,
    sender: mpsc::UnboundedSender<Part>,
    usage: std::sync::Mutex<(Usage, Option<Finish>)>,
}

impl Ears {
    fn sum(&self) -> (Usage, Finish) {
        let (usage, finish) = *self
            .usage
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        (usage, finish.unwrap_or(Finish::Stop))
    }
}

impl Sink for Ears {
    fn emit(&self, kind: Kind) {
        match kind {
            Kind::Delta {
                node,
                text,
                thinking,
            } if Some(node) == self.answering => {
                let part = if thinking {
                    Part::Thought(text)
                } else {
                    Part::Text(text)
                };
                let _ = self.sender.send(part);
            }
            Kind::Done {
                node,
                usage,
                finish,
            } => {
                let mut sum = self
                    .usage
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                sum.0 += usage;
                if Some(node) == self.answering {
                    sum.1 = Some(finish);
                }
            }
            _ => {}
        }
    }
}
