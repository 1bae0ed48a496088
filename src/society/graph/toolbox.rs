//! The tool of a graph's tool agents: what a model is told about it, and a call with what the model wrote.

use super::prompts::Prompts;
use crate::domain::id::NodeId;
use crate::society::scope::Scope;
use crate::tool::Tool;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A tool that takes one thing.
pub(super) struct Toolbox {
    tool: Arc<dyn Tool>,
    /// The argument that is filled.
    parameter: String,
}

impl Toolbox {
    /// The tool of this name among those of the preset, or the first.
    pub(super) async fn open(name: Option<&str>, scope: &Scope) -> Option<Toolbox> {
        let offer = scope.offer().await;
        let tool = match name {
            Some(name) => offer.find(name)?,
            None => offer.tools.first()?,
        };
        Some(Toolbox {
            parameter: parameter(&tool.card().schema)?,
            tool: Arc::clone(tool),
        })
    }

    /// Asks a model what the tool shall be given.
    pub(super) fn instruction(&self, prompts: &Prompts) -> String {
        let card = self.tool.card();
        let text = prompts.text("formulate");
        text.replace("{tool}", &card.name)
            .replace("{description}", &card.description)
            .replace("{parameter}", &self.parameter)
    }

    /// Calls it with what was written: JSON arguments, or the last line as its one argument. What came of it, in words.
    pub(super) async fn call(&self, node: NodeId, written: &str, scope: &Scope) -> String {
        let arguments = self.arguments(written);
        let called = scope.call(node, self.tool.as_ref(), arguments).await;
        let given = called.arguments.get(&self.parameter);
        let given = given.and_then(Value::as_str).map(str::to_owned);
        let given = given.unwrap_or_else(|| called.arguments.to_string());
        let name = &self.tool.card().name;
        format!("{name}({given}): {}", called.observation())
    }

    fn arguments(&self, written: &str) -> Value {
        if let Ok(Value::Object(fields)) = serde_json::from_str(written) {
            return Value::Object(fields);
        }
        let line = written.trim().lines().last().unwrap_or_default();
        let line = line.trim().trim_matches('`').trim();
        Value::Object(Map::from_iter([(
            self.parameter.clone(),
            Value::from(line),
        )]))
    }
}

/// The first required argument, else the first of all.
fn parameter(schema: &Value) -> Option<String> {
    let required = schema.get("required").and_then(Value::as_array);
    let required = required.and_then(|names| names.first()?.as_str());
    let any = schema.get("properties").and_then(Value::as_object);
    let any = any.and_then(|fields| fields.keys().next());
    required.map(str::to_owned).or_else(|| any.cloned())
}
