//! The planner's turn: a decision, asked for again when nothing or nothing clear is said.

use super::super::action::action_line;
use super::super::backbone::{self, Backbone};
use super::super::decision::{self, Decision, Planned};
use super::super::{Fallback, Mode, Part};
use super::question::Question;
use super::{Chain, Next, Written};
use crate::domain::call::{ToolCall, ToolChoice};
use crate::domain::event::Outcome;
use crate::domain::fault::FaultClass;
use crate::domain::id::NodeId;
use crate::domain::message::Message;
use crate::tool::kit::Offer;

/// Tries at a decision when nothing is written.
const EMPTY_TRIES: u64 = 5;
/// Observations that were errors after which a planner without decision is taken to be done.
const DOUBTFUL: usize = 2;
/// Added to the temperature of a further try, so that it differs.
const WARMER: f32 = 0.3;

const ENDINGS: &str = "Your reply does not say what comes next. Reply again and end with exactly one of: Next: caller. or \
                       Next: conclusion. or Next: give up.";
const NOT_TRIED: &str = "No tool was tried yet. If one could help, end with Next: caller. If the answer is known without any, \
                         end with Next: conclusion. Otherwise end with Next: give up.";

impl Chain<'_> {
    pub(super) async fn decide(&mut self, step: u16, offer: &Offer) -> Result<Next, Outcome> {
        match self.planner.settings.mode {
            Mode::Roles => self.ask_planner(step, offer).await,
            Mode::Backbone => self.ask_backbone(step, offer).await,
        }
    }

    async fn ask_planner(&mut self, step: u16, offer: &Offer) -> Result<Next, Outcome> {
        let node = self.planner.node(Part::Planner, step);
        let id = node.id;
        self.announce(step + 1, Some(node));
        let mut said = (String::new(), decision::read(""));
        let mut attempt = 0;
        let is_reused = self.taken_over(id).is_some();
        while said.1.decision == Decision::Empty && attempt < EMPTY_TRIES {
            match self.hear(id, offer, &[], attempt).await? {
                Some(heard) => said = heard,
                None => return Ok(Next::Skipped),
            }
            attempt += 1;
        }
        let is_early =
            said.1.decision == Decision::GiveUp && !self.has_called && !offer.tools.is_empty();
        let is_unclear = matches!(said.1.decision, Decision::Empty | Decision::NoMarker);
        if (is_early || is_unclear) && !is_reused {
            let why = if is_early { NOT_TRIED } else { ENDINGS };
            let raw = if said.0.is_empty() { "." } else { &said.0 };
            let talk = [Message::assistant(raw), Message::user(why)];
            let Some(mut again) = self.hear(id, offer, &talk, attempt).await? else {
                return Ok(Next::Skipped);
            };
            attempt += 1;
            if again.1.rationale.is_empty() {
                again.1.rationale = std::mem::take(&mut said.1.rationale);
            }
            said = again;
        }
        if attempt > 1 {
            self.scope.mark(id, "attempts", attempt);
        }
        let Planned {
            decision,
            rationale,
            tail,
        } = said.1;
        self.scope.mark(id, "decision", decision.word());
        Ok(match decision {
            Decision::Caller => Next::Call {
                rationale,
                inline: None,
            },
            Decision::Summarizer => Next::Conclude { rationale },
            Decision::GiveUp => Next::GiveUp { rationale },
            Decision::InlineAction => Next::Call {
                rationale,
                inline: Some(Written::Text(tail)),
            },
            Decision::Empty | Decision::NoMarker => self.fall_back(rationale),
        })
    }

    fn fall_back(&self, rationale: String) -> Next {
        let is_done = self.planner.settings.on_missing_decision == Fallback::Summarizer
            || self.path.errors >= DOUBTFUL;
        if is_done {
            return Next::Conclude { rationale };
        }
        Next::Call {
            rationale,
            inline: None,
        }
    }

    /// What the planner says; none when the person skipped it.
    async fn hear(
        &mut self,
        node: NodeId,
        offer: &Offer,
        talk: &[Message],
        attempt: u64,
    ) -> Result<Option<(String, Planned)>, Outcome> {
        if attempt > 0 {
            self.scope.restarted(node);
        }
        let question = Question {
            node,
            part: Part::Planner,
            offer,
            thought: "",
            addition: "",
            talk,
            choice: ToolChoice::Auto,
            attempt,
            warmer: if attempt > 0 { WARMER } else { 0.0 },
        };
        match self.ask(question).await {
            Ok(answer) => {
                let planned = decision::read(&answer.text);
                Ok(Some((answer.text, planned)))
            }
            Err(broken) if broken.fault.class == FaultClass::Empty => {
                Ok(Some((String::new(), decision::read(""))))
            }
            Err(broken) => self.skipped(broken).map(|()| None),
        }
    }

    async fn ask_backbone(&mut self, step: u16, offer: &Offer) -> Result<Next, Outcome> {
        let node = self.planner.node(Part::Backbone, step);
        let id = node.id;
        self.announce(step + 1, Some(node));
        let question = Question {
            node: id,
            part: Part::Backbone,
            offer,
            thought: "",
            addition: "",
            talk: &[],
            choice: ToolChoice::Auto,
            attempt: 0,
            warmer: 0.0,
        };
        let (text, calls) = match self.ask(question).await {
            Ok(answer) => (answer.text, answer.calls),
            Err(broken) if broken.fault.class == FaultClass::Empty => (String::new(), Vec::new()),
            Err(broken) => return self.skipped(broken).map(|()| Next::Skipped),
        };
        if self.native {
            let next = native_next(text, calls);
            let word = match &next {
                Next::Call { .. } => "caller",
                _ => "summarizer",
            };
            self.scope.mark(id, "decision", word);
            return Ok(next);
        }
        let (word, next) = match backbone::read(&text) {
            Backbone::GiveUp { rationale } => ("give_up", Next::GiveUp { rationale }),
            Backbone::Answer { rationale, text } => {
                ("summarizer", Next::Answer { rationale, text })
            }
            Backbone::Call { rationale, text } => (
                "caller",
                Next::Call {
                    rationale,
                    inline: Some(Written::Text(text)),
                },
            ),
        };
        self.scope.mark(id, "decision", word);
        Ok(next)
    }
}

/// With tool calling an answer without a call is the reply.
fn native_next(text: String, calls: Vec<ToolCall>) -> Next {
    let wrote_call =
        !calls.is_empty() || text.contains("<tool_call>") || action_line(&text).is_some();
    if !wrote_call {
        let rationale = String::new();
        return Next::Answer { rationale, text };
    }
    let at = action_line(&text).map_or(0, |(at, _)| at);
    let rationale = text[..at].trim().to_owned();
    let inline = Some(Written::of(text[at..].to_owned(), calls));
    Next::Call { rationale, inline }
}
