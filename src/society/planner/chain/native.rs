//! The steps so far as an endpoint with tool calling reads them: messages that call, and messages that bring results.

use super::super::trajectory::{self, Elision, Speaker, Turn};
use super::{Chain, cards};
use crate::domain::call::{ToolCall, ToolChoice, ToolSpec, Tools};
use crate::domain::message::{Message, Role};
use crate::tool::kit::Offer;

impl Chain<'_> {
    /// The steps before the one that is being asked for.
    pub(super) fn transcript(&self) -> Vec<Message> {
        messages(&self.path.turns, self.elision)
    }
}

/// What can be called.
pub(super) fn tools(offer: &Offer, choice: ToolChoice) -> Tools {
    let list = cards(offer)
        .into_iter()
        .map(|card| ToolSpec {
            name: card.name.clone(),
            description: card.description.clone(),
            parameters: card.schema.clone(),
        })
        .collect();
    Tools { list, choice }
}

fn messages(turns: &[Turn], elision: Elision) -> Vec<Message> {
    let turns = trajectory::shortened(turns, elision);
    let mut messages: Vec<Message> = Vec::new();
    let mut thought = String::new();
    let mut open: Option<String> = None;
    let mut calls = 0;
    for turn in turns {
        match turn.from {
            Speaker::User | Speaker::Again => messages.push(Message::user(turn.value)),
            Speaker::Conclusion => messages.push(Message::assistant(turn.value)),
            Speaker::Assistant => {
                let rationale = turn.value.rsplit_once("Next:").map_or("", |(one, _)| one);
                rationale.trim().clone_into(&mut thought);
            }
            Speaker::Caller => {
                let thought = std::mem::take(&mut thought);
                match call(&turn.value) {
                    Some((name, arguments)) => {
                        calls += 1;
                        let call = ToolCall {
                            id: format!("call_{calls}"),
                            name: name.to_owned(),
                            arguments: arguments.to_owned(),
                        };
                        open = Some(call.id.clone());
                        messages.push(Message::calling(thought, call));
                    }
                    None => messages.push(Message::assistant(format!("{thought}\n{}", turn.value))),
                }
            }
            Speaker::Observation => messages.push(match open.take() {
                Some(id) => Message::result(id, turn.value),
                None => Message::user(turn.value),
            }),
        }
    }
    merged(messages)
}

/// A call in its canonical form; none where it could not be read when it was made.
fn call(text: &str) -> Option<(&str, &str)> {
    let (name, arguments) = text
        .strip_prefix("Action: ")?
        .split_once("\nAction Input: ")?;
    let is_object = serde_json::from_str::<serde_json::Map<_, _>>(arguments).is_ok();
    is_object.then_some((name, arguments))
}

/// Neighbours of one role become one message: some chat templates refuse two in a row.
pub(super) fn merged(messages: Vec<Message>) -> Vec<Message> {
    let mut kept: Vec<Message> = Vec::new();
    for message in messages {
        match kept.last_mut() {
            Some(last)
                if last.role == message.role
                    && matches!(message.role, Role::System | Role::User) =>
            {
                last.content.push_str("\n\n");
                last.content.push_str(&message.content);
            }
            _ => kept.push(message),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_become_calls_and_results() {
        let turns = [
            Turn::new(Speaker::User, "How warm is Oslo in Fahrenheit?"),
            Turn::new(
                Speaker::Assistant,
                "I need the Celsius value for Oslo first.\n Next: caller.",
            ),
            Turn::new(
                Speaker::Caller,
                "Action: get_temp\nAction Input: {\"city\": \"Oslo\"}",
            ),
            Turn::new(Speaker::Observation, "{'city': 'Oslo', 'c': 20}"),
            Turn::new(Speaker::Assistant, "Now convert.\n Next: caller."),
        ];
        let call = ToolCall {
            id: "call_1".into(),
            name: "get_temp".into(),
            arguments: "{\"city\": \"Oslo\"}".into(),
        };
        let steps = messages(&turns, Elision::Nothing);
        assert_eq!(
            steps,
            [
                Message::user("How warm is Oslo in Fahrenheit?"),
                Message::calling("I need the Celsius value for Oslo first.", call),
                Message::result("call_1", "{'city': 'Oslo', 'c': 20}"),
            ]
        );
    }

    #[test]
    fn a_call_that_could_not_be_read_stays_text() {
        let turns = [
            Turn::new(Speaker::User, "q"),
            Turn::new(Speaker::Assistant, "Add.\n Next: caller."),
            Turn::new(Speaker::Caller, "Action: add\nAction Input: {a"),
            Turn::new(Speaker::Observation, "{\"error\": \"bad_json\"}"),
            Turn::new(Speaker::Again, "Try something else."),
        ];
        let steps = messages(&turns, Elision::Nothing);
        let roles: Vec<Role> = steps.iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::User, Role::Assistant, Role::User]);
        assert!(steps[2].content.ends_with("Try something else."));
    }
}
