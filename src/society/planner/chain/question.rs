//! What a part is sent, and what is left out when it does not fit.

use super::super::prompts::fill;
use super::super::trajectory;
use super::super::{Part, ToolUse, shape};
use super::native::{merged, tools};
use super::{Chain, cards};
use crate::domain::call::ToolChoice;
use crate::domain::event::Level;
use crate::domain::fault::FaultClass;
use crate::domain::id::NodeId;
use crate::domain::message::{Message, Role};
use crate::society::scope::{Answer, Ask, Broken};
use crate::tool::kit::Offer;

/// Most tokens of a part where the preset sets none.
const STEP_TOKENS: u32 = 384;
const ANSWER_TOKENS: u32 = 768;

/// One question to a part.
pub(super) struct Question<'q> {
    pub(super) node: NodeId,
    pub(super) part: Part,
    pub(super) offer: &'q Offer,
    pub(super) thought: &'q str,
    /// Put behind the prompt.
    pub(super) addition: &'q str,
    /// What was said since: the reply that did not fit, and why.
    pub(super) talk: &'q [Message],
    /// Of the tools, where calls have a field of their own.
    pub(super) choice: ToolChoice,
    /// From 0.
    pub(super) attempt: u64,
    pub(super) warmer: f32,
}

impl Chain<'_> {
    /// Asks a part; when the prompt does not fit, what is old is left out step by step.
    pub(super) async fn ask(&mut self, question: Question<'_>) -> Result<Answer, Broken> {
        loop {
            let ask = self.request(&question);
            if ask.reuse.is_none() {
                self.is_fresh = true;
                self.calls += 1;
            }
            match self.scope.ask(ask).await {
                Ok(answer) => {
                    self.tokens += answer.usage.prompt_tokens + answer.usage.completion_tokens;
                    return Ok(answer);
                }
                Err(broken) => match self.elision.more() {
                    Some(more) if broken.fault.class == FaultClass::ContextTooLong => {
                        self.elision = more;
                        self.scope.note(
                            Level::Warning,
                            "the steps do not fit the context; older ones are left out",
                        );
                        self.scope.restarted(question.node);
                    }
                    _ if broken.fault.class == FaultClass::NoToolCalls
                        && self.planner.settings.tools == ToolUse::Auto
                        && self.native =>
                    {
                        self.native = false;
                        let why = &broken.fault.message;
                        let text = format!("{why}; calls are written as text from here on");
                        self.scope.note(Level::Warning, text);
                        self.scope.restarted(question.node);
                    }
                    _ if broken.fault.class == FaultClass::BadRequest
                        && self.is_constrained(question.part) =>
                    {
                        self.shapes = false;
                        self.scope.restarted(question.node);
                    }
                    _ => return Err(broken),
                },
            }
        }
    }

    fn request(&self, question: &Question<'_>) -> Ask {
        let part = question.part;
        let seat = self.planner.seat(part);
        let system = seat
            .messages(&self.task.conversation)
            .into_iter()
            .find(|message| message.role == Role::System);
        let is_native = self.is_native(part);
        let mut messages: Vec<Message> = system.into_iter().collect();
        if is_native && part == Part::Backbone {
            let prompts = &self.planner.settings.prompts;
            messages.push(Message::system(prompts.backbone_native.trim_end()));
            messages.extend(self.transcript());
        } else {
            if is_native {
                messages.extend(self.transcript());
            }
            messages.push(Message::user(self.prompt(question)));
        }
        messages.extend(question.talk.iter().cloned());
        let messages = merged(messages);
        let seed = self.task.seed.wrapping_add(question.attempt);
        let mut request = seat.request(messages, question.node, seed);
        let sampling = &mut request.sampling;
        let most = if part == Part::Summarizer {
            ANSWER_TOKENS
        } else {
            STEP_TOKENS
        };
        sampling.max_tokens.get_or_insert(most);
        if part == Part::Caller {
            sampling.temperature.get_or_insert(0.0);
            if sampling.stop.is_empty() && !is_native {
                sampling.stop.push("\nObservation".into());
            }
        }
        if question.warmer > 0.0 {
            sampling.temperature = Some(sampling.clamped_temperature() + question.warmer);
        }
        if self.is_constrained(part) && sampling.response_format.is_none() {
            sampling.response_format = shape::of(part, &cards(question.offer));
        }
        if is_native {
            request.tools = tools(question.offer, question.choice.clone());
        }
        let reuse = (question.attempt == 0)
            .then(|| self.taken_over(question.node))
            .flatten();
        Ask::new(question.node, request).reusing(reuse)
    }

    /// A shape that the engine does not understand is given up for the rest of the turn.
    fn is_constrained(&self, part: Part) -> bool {
        self.shapes && self.planner.settings.constrain && self.planner.seat(part).model.is_local()
    }

    /// Whether a part calls in the endpoint's own field.
    fn is_native(&self, part: Part) -> bool {
        self.native && matches!(part, Part::Caller | Part::Backbone)
    }

    fn prompt(&self, question: &Question<'_>) -> String {
        let prompts = &self.planner.settings.prompts;
        let template = match question.part {
            Part::Planner => &prompts.planner,
            Part::Caller if self.native => &prompts.caller_native,
            Part::Caller => &prompts.caller,
            Part::Summarizer => &prompts.summarizer,
            Part::Backbone => &prompts.backbone,
        };
        let cards = cards(question.offer);
        let names: Vec<&str> = cards.iter().map(|card| card.name.as_str()).collect();
        let used: Vec<&str> = self.used.iter().map(String::as_str).collect();
        let mut prompt = fill(
            template,
            &[
                ("doc", &trajectory::documents(&cards, &used, self.elision)),
                (
                    "history",
                    &trajectory::linear(&self.path.turns, self.elision),
                ),
                ("thought", question.thought),
                ("tool_names", &names.join(", ")),
            ],
        );
        prompt.push_str(question.addition);
        if self.planner.settings.cue {
            prompt.push_str(question.part.cue());
        }
        prompt
    }
}
