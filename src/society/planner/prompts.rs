//! What the three parts are told. Files under `data/prompts/`, compiled in; a preset may bring its own.

use serde::Deserialize;

/// The texts, with the places `{doc}`, `{history}`, `{tool_names}` and `{thought}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prompts {
    pub planner: String,
    pub caller: String,
    pub summarizer: String,
    pub backbone: String,
    /// For the caller of an endpoint with tool calling; comes after the steps so far.
    pub caller_native: String,
    /// The same for a backbone; comes before the conversation.
    pub backbone_native: String,
    /// Told to a step from which others were tried before, with the place `{tried}`.
    pub again: String,
}

impl Default for Prompts {
    fn default() -> Self {
        Self {
            planner: include_str!("../../../data/prompts/planner-plan.txt").into(),
            caller: include_str!("../../../data/prompts/planner-call.txt").into(),
            summarizer: include_str!("../../../data/prompts/planner-summarize.txt").into(),
            backbone: include_str!("../../../data/prompts/planner-backbone.txt").into(),
            caller_native: include_str!("../../../data/prompts/planner-call-native.txt").into(),
            backbone_native: include_str!("../../../data/prompts/planner-backbone-native.txt")
                .into(),
            again: include_str!("../../../data/prompts/planner-again.txt").into(),
        }
    }
}

/// Fills all places in one pass, so that braces inside what is filled in stay what they are.
#[must_use]
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let mut rest = template.trim_end();
    while let Some(open) = rest.find('{') {
        text.push_str(&rest[..open]);
        rest = &rest[open..];
        let place = values.iter().find(|(name, _)| {
            rest[1..]
                .strip_prefix(name)
                .is_some_and(|after| after.starts_with('}'))
        });
        match place {
            Some((name, value)) => {
                text.push_str(value);
                rest = &rest[name.len() + 2..];
            }
            None => {
                text.push('{');
                rest = &rest[1..];
            }
        }
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_once() {
        let filled = fill("{a}{b} {c} {\"a\": 1}\n", &[("a", "{b}"), ("b", "x")]);
        assert_eq!(filled, "{b}x {c} {\"a\": 1}");
    }

    #[test]
    fn the_built_in_texts_have_their_places() {
        let prompts = Prompts::default();
        let has = |text: &str, places: &[&str]| {
            places
                .iter()
                .all(|place| text.contains(&format!("{{{place}}}")))
        };
        assert!(has(&prompts.planner, &["doc", "history"]));
        assert!(has(
            &prompts.caller,
            &["doc", "history", "thought", "tool_names"]
        ));
        assert!(has(&prompts.summarizer, &["history"]) && !prompts.summarizer.contains("{doc}"));
        assert!(has(&prompts.caller_native, &["thought"]) && has(&prompts.again, &["tried"]));
        assert!(has(&prompts.backbone, &["doc", "history", "tool_names"]));
        for word in ["Next: caller.", "Next: conclusion.", "Next: give up."] {
            assert!(prompts.planner.contains(word), "{word}");
        }
    }
}
