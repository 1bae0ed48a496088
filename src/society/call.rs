//! A tool is called: arguments checked, permission given by a rule or the person, events emitted, the result cut to length.
//!
//! Whoever calls through a scope cannot forget to ask. What is refused or goes wrong is an observation for the model, never
//! an end of the turn.

use super::scope::Scope;
use crate::domain::control::Control;
use crate::domain::event::{Kind, Level};
use crate::domain::id::NodeId;
use crate::domain::question::{Question, Reply};
use crate::tool::kit::Offer;
use crate::tool::permit::Verdict;
use crate::tool::{BoxFuture, Context, ErrorKind, Person, Tool, ToolError, schema};
use serde_json::Value;

/// What a call brought, and with which arguments it ran in the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    pub arguments: Value,
    pub result: Result<String, ToolError>,
}

impl Called {
    /// What the model reads.
    #[must_use]
    pub fn observation(&self) -> String {
        match &self.result {
            Ok(text) if text.is_empty() => "done, no result".to_owned(),
            Ok(text) => text.clone(),
            Err(error) => error.observation(),
        }
    }
}

impl Scope {
    /// The tools that can be called now. May start servers.
    pub async fn offer(&self) -> Offer {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Offer::default(),
            offer = self.tools.offer() => offer,
        }
    }

    /// Calls a tool in the name of a node. The node's text and end are the caller's to tell.
    pub async fn call(&self, node: NodeId, tool: &dyn Tool, arguments: Value) -> Called {
        let (arguments, permitted) = self.permission(node, tool, arguments).await;
        if let Err(error) = permitted {
            return Called {
                arguments,
                result: Err(error),
            };
        }
        let mut controls = self.desk.open(vec![node], false);
        self.tell(Kind::Called {
            node,
            tool: tool.card().name.clone(),
            arguments: arguments.to_string(),
        });
        let person = AtScreen { scope: self, node };
        let context = Context {
            cancel: self.cancel.child(),
            person: &person,
        };
        let work = self.tools.call(tool, arguments.clone(), &context);
        tokio::pin!(work);
        let result = loop {
            tokio::select! {
                result = &mut work => break result,
                Some(control) = controls.recv() => {
                    if matches!(control, Control::Skip { .. }) {
                        let message = "the user stopped this call; continue without it";
                        break Err(ToolError::new(ErrorKind::Cancelled, message));
                    }
                }
            }
        };
        Called { arguments, result }
    }

    /// The arguments that may run, which are others than given when the person edited them.
    async fn permission(
        &self,
        node: NodeId,
        tool: &dyn Tool,
        mut arguments: Value,
    ) -> (Value, Result<(), ToolError>) {
        if let Err(error) = schema::check(&tool.card().schema, &arguments) {
            return (arguments, Err(error));
        }
        match self.tools.judge(tool, &arguments) {
            Verdict::Run { by_rule } => {
                if let Some(rule) = by_rule {
                    self.replied_by_rule(node, Reply::Once, rule);
                }
                return (arguments, Ok(()));
            }
            Verdict::Refuse { by_rule } => {
                let error = refused_by_rule(tool, &by_rule);
                self.replied_by_rule(node, Reply::Refuse, by_rule);
                return (arguments, Err(error));
            }
            Verdict::Ask => {}
        }
        loop {
            let question = Question::Permission {
                tool: tool.card().name.clone(),
                effects: tool.effect(&arguments).words(),
                shown: tool.shown(&arguments),
                arguments: arguments.to_string(),
            };
            let permitted = match self.inquire(node, question).await {
                Some(Reply::Once) => Ok(()),
                Some(Reply::Session) => {
                    self.tools.remember(tool, &arguments, true);
                    Ok(())
                }
                Some(Reply::Never) => {
                    self.tools.remember(tool, &arguments, false);
                    Err(refused())
                }
                Some(Reply::Edited { arguments: edited }) => match self.edited(tool, &edited) {
                    Ok(edited) => {
                        arguments = edited;
                        Ok(())
                    }
                    Err(why) => {
                        self.note(Level::Warning, format!("the edited arguments: {why}"));
                        continue;
                    }
                },
                Some(Reply::Refuse | Reply::Words { .. }) => Err(refused()),
                None if self.is_stopped() => Err(ToolError::new(ErrorKind::Cancelled, "stopped")),
                None => Err(refused()),
            };
            return (arguments, permitted);
        }
    }

    /// What the person wrote in place of the arguments, checked like those of a model; a forbidding rule holds here too.
    fn edited(&self, tool: &dyn Tool, text: &str) -> Result<Value, ToolError> {
        let arguments: Value = serde_json::from_str(text)
            .map_err(|error| ToolError::new(ErrorKind::BadJson, error.to_string()))?;
        schema::check(&tool.card().schema, &arguments)?;
        match self.tools.judge(tool, &arguments) {
            Verdict::Refuse { by_rule } => Err(refused_by_rule(tool, &by_rule)),
            Verdict::Run { .. } | Verdict::Ask => Ok(arguments),
        }
    }

    fn replied_by_rule(&self, node: NodeId, reply: Reply, rule: String) {
        self.tell(Kind::Replied {
            node,
            reply,
            by_rule: Some(rule),
        });
    }
}

fn refused() -> ToolError {
    ToolError::new(
        ErrorKind::DeniedByPerson,
        "the user refused; continue without it",
    )
}

fn refused_by_rule(tool: &dyn Tool, rule: &str) -> ToolError {
    let name = &tool.card().name;
    ToolError::new(
        ErrorKind::DeniedByRule,
        format!("{name} may not run here ({rule}); continue without it"),
    )
}

/// The person, as a tool reaches them.
struct AtScreen<'a> {
    scope: &'a Scope,
    node: NodeId,
}

impl Person for AtScreen<'_> {
    fn ask(&self, prompt: String) -> BoxFuture<'_, Option<String>> {
        Box::pin(async move {
            if !self.scope.tools.has_person() {
                return None;
            }
            match self
                .scope
                .inquire(self.node, Question::Words { prompt })
                .await
            {
                Some(Reply::Words { text }) => Some(text),
                _ => None,
            }
        })
    }
}
