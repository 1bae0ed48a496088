//! The shapes that a local model's output is held to, so that even a small one writes decisions and calls that can be read.

use super::Part;
use crate::domain::request::ResponseFormat;
use crate::tool::Card;

/// A sentence or two, then the decision.
const DECISION: &str = r"[^\n<{}]{8,400}\n Next: (caller|conclusion|give up)\.";

/// The shape of a part; none for those that write freely.
pub(super) fn of(part: Part, cards: &[&Card]) -> Option<ResponseFormat> {
    match part {
        Part::Planner => Some(ResponseFormat::Regex(DECISION.to_owned())),
        Part::Caller if !cards.is_empty() => Some(ResponseFormat::Lark(calls(cards))),
        Part::Caller | Part::Summarizer | Part::Backbone => None,
    }
}

/// One alternative for each tool, with arguments of its schema.
fn calls(cards: &[&Card]) -> String {
    let names: Vec<String> = (0..cards.len())
        .map(|index| format!("call_{index}"))
        .collect();
    let mut grammar = format!("start: {}\n", names.join(" | "));
    for (name, card) in names.iter().zip(cards) {
        grammar.push_str(&format!(
            "{name}: \"Action: {}\\nAction Input: \" %json {}\n",
            card.name, card.schema
        ));
    }
    grammar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::Effect;
    use serde_json::json;

    #[test]
    fn each_tool_is_an_alternative() {
        let card = |name: &str| Card {
            name: name.into(),
            description: String::new(),
            schema: json!({"type": "object"}),
            effect: Effect::None,
        };
        let (one, other) = (card("clock"), card("mcp__a__b"));
        assert_eq!(
            calls(&[&one, &other]),
            "start: call_0 | call_1\n\
             call_0: \"Action: clock\\nAction Input: \" %json {\"type\":\"object\"}\n\
             call_1: \"Action: mcp__a__b\\nAction Input: \" %json {\"type\":\"object\"}\n"
        );
        assert_eq!(of(Part::Caller, &[]), None);
    }
}
