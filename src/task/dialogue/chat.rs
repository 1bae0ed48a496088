//! Conversations: `messages`, ShareGPT's `conversations`, and prompts with completions.

use super::{Content, Turn};
use crate::domain::message::{Message, Role};
use serde_json::Value;

/// A record of the chat format. Per message, `weight` (OpenAI: 0 or 1) or `train` says whether it is learned.
pub(super) fn messages(record: &Value) -> Result<Content, String> {
    turns(list(record, "messages")?, "role", "content").map(Content::Dialogue)
}

/// A record as ShareGPT has it. The system text may stand beside the list.
pub(super) fn share_gpt(record: &Value) -> Result<Content, String> {
    let list = list(record, "conversations").or_else(|_| list(record, "conversation"))?;
    let is_plain = list.iter().all(|said| said.get("role").is_some());
    let mut found = match is_plain && !list.is_empty() {
        true => turns(list, "role", "content")?,
        false => turns(list, "from", "value")?,
    };
    let system = record.get("system").and_then(Value::as_str);
    if let Some(system) = system.filter(|system| !system.is_empty())
        && found.first().map(|turn| turn.message.role) != Some(Role::System)
    {
        found.insert(0, Turn::new(Message::system(system)));
    }
    Ok(Content::Dialogue(found))
}

/// A prompt and its completion: texts, or lists of messages. Of lists only the completion is learned.
pub(super) fn completion(record: &Value) -> Result<Content, String> {
    let mut turns = Vec::new();
    for (key, role) in [("prompt", Role::User), ("completion", Role::Assistant)] {
        match record.get(key) {
            Some(Value::String(text)) if text.trim().is_empty() => {
                return Err(format!("\"{key}\" is empty"));
            }
            Some(Value::String(text)) => turns.push(Turn::new(Message::new(role, text.as_str()))),
            Some(Value::Array(list)) => {
                let said = self::turns(list, "role", "content")?;
                turns.extend(said.into_iter().map(|turn| Turn {
                    is_trained: match role {
                        Role::Assistant => turn.is_trained,
                        _ => Some(false),
                    },
                    ..turn
                }));
            }
            Some(_) => return Err(format!("\"{key}\" is neither text nor a list of messages")),
            None => return Err(format!("\"{key}\" is missing")),
        }
    }
    Ok(Content::Dialogue(turns))
}

fn list<'a>(record: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    match record.get(key) {
        Some(Value::Array(list)) if list.is_empty() => Err(format!("\"{key}\" is empty")),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(format!("\"{key}\" is not a list")),
        None => Err(format!("\"{key}\" is missing")),
    }
}

fn turns(list: &[Value], role: &str, content: &str) -> Result<Vec<Turn>, String> {
    let numbered = list.iter().enumerate();
    numbered
        .map(|(index, said)| {
            turn(said, role, content).map_err(|what| format!("message {}: {what}", index + 1))
        })
        .collect()
}

fn turn(said: &Value, role_key: &str, content_key: &str) -> Result<Turn, String> {
    let word = said.get(role_key).and_then(Value::as_str);
    let word = word.ok_or_else(|| format!("\"{role_key}\" is missing or no text"))?;
    let role = role(word).ok_or_else(|| {
        format!(
            "\"{role_key}\" is \"{word}\"; known are system, user, assistant and tool, and human, gpt and observation"
        )
    })?;
    let calls_tools = ["tool_calls", "function_call"]
        .iter()
        .any(|key| said.get(*key).is_some_and(|calls| !calls.is_null()));
    if calls_tools {
        return Err(
            "it calls a tool in a field of its own; write the call into the content, as the model is to write it"
                .to_owned(),
        );
    }
    let text = match said.get(content_key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => joined(parts)?,
        _ => return Err(format!("\"{content_key}\" is missing or no text")),
    };
    Ok(Turn {
        message: Message::new(role, text),
        is_trained: flag(said)?,
    })
}

/// Parts of a message, as OpenAI has them: only texts can be learned.
fn joined(parts: &[Value]) -> Result<String, String> {
    parts
        .iter()
        .map(|part| {
            let text = part.get("text").and_then(Value::as_str);
            text.ok_or_else(|| "a part of its content is not text".to_owned())
        })
        .collect()
}

fn role(word: &str) -> Option<Role> {
    Some(match word.to_ascii_lowercase().as_str() {
        "system" | "developer" => Role::System,
        "user" | "human" => Role::User,
        "assistant" | "gpt" | "chatgpt" | "model" | "bot" => Role::Assistant,
        "tool" | "function" | "observation" | "ipython" => Role::Tool,
        _ => return None,
    })
}

fn flag(said: &Value) -> Result<Option<bool>, String> {
    for key in ["weight", "train"] {
        match said.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::Bool(is_trained)) => return Ok(Some(*is_trained)),
            Some(Value::Number(number)) if number.as_f64() == Some(0.0) => return Ok(Some(false)),
            Some(Value::Number(number)) if number.as_f64() == Some(1.0) => return Ok(Some(true)),
            Some(other) => return Err(format!("\"{key}\" is {other}; it may be 0 or 1")),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(content: Result<Content, String>) -> Vec<(Role, String, Option<bool>)> {
        match content.unwrap() {
            Content::Dialogue(turns) => turns
                .into_iter()
                .map(|turn| (turn.message.role, turn.message.content, turn.is_trained))
                .collect(),
            Content::Text(text) => panic!("text: {text}"),
        }
    }

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn messages_keep_their_weights() {
        let record = json(
            r#"{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "q"}]},
            {"role": "assistant", "content": "wrong", "weight": 0}, {"role": "assistant", "content": "right", "train": true}]}"#,
        );
        assert_eq!(
            said(messages(&record)),
            [
                (Role::System, "s".into(), None),
                (Role::User, "q".into(), None),
                (Role::Assistant, "wrong".into(), Some(false)),
                (Role::Assistant, "right".into(), Some(true)),
            ]
        );
    }

    #[test]
    fn conversations_speak_either_dialect() {
        let old = json(
            r#"{"system": "s", "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}"#,
        );
        let new = json(
            r#"{"system": "s", "conversations": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#,
        );
        assert_eq!(said(share_gpt(&old)), said(share_gpt(&new)));
        assert_eq!(said(share_gpt(&old))[0].0, Role::System);
    }

    #[test]
    fn of_lists_only_the_completion_is_learned() {
        let record = json(
            r#"{"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, {"role": "user", "content": "r"}],
            "completion": [{"role": "assistant", "content": "b"}]}"#,
        );
        let flags: Vec<_> = said(completion(&record))
            .into_iter()
            .map(|(_, _, flag)| flag)
            .collect();
        assert_eq!(flags, [Some(false), Some(false), Some(false), None]);
        let texts = json(r#"{"prompt": "q", "completion": "a"}"#);
        assert_eq!(said(completion(&texts)).len(), 2);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (record, what) in [
            (r#"{"messages": []}"#, "\"messages\" is empty"),
            (
                r#"{"messages": [{"role": "user"}]}"#,
                "message 1: \"content\" is missing or no text",
            ),
            (
                r#"{"messages": [{"role": "user", "content": "q"}, {"role": "robot", "content": "a"}]}"#,
                "message 2: \"role\" is \"robot\"",
            ),
            (
                r#"{"messages": [{"role": "assistant", "content": "", "tool_calls": [1]}]}"#,
                "message 1: it calls a tool",
            ),
            (
                r#"{"messages": [{"role": "assistant", "content": "a", "weight": 0.5}]}"#,
                "message 1: \"weight\" is 0.5",
            ),
        ] {
            let error = messages(&json(record)).unwrap_err();
            assert!(error.starts_with(what), "{error}");
        }
    }
}
