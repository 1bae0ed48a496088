//! What remains of a turn's events: the facts that figures and reports are made of.

use crate::domain::clock::Millis;
use crate::domain::event::{EdgeOutcome, Kind, Outcome};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::NodeId;
use crate::domain::plan::Plan;
use crate::domain::request::{TOOL, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How one item ended, and everything its agents said. One line of a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemResult {
    pub id: String,
    /// Of council, conversation and seed: [`super::fingerprint`].
    pub fingerprint: String,
    pub outcome: Outcome,
    /// The last one announced.
    pub plan: Plan,
    /// What each node said, reasoning left out.
    #[serde(default)]
    pub texts: BTreeMap<NodeId, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub marks: BTreeMap<NodeId, BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub faults: BTreeMap<NodeId, Fault>,
    /// What each node that a model answers cost.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub usages: BTreeMap<NodeId, Usage>,
    /// In the order drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drawn: Vec<Drawn>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ballots: Vec<Ballot>,
    /// In the order called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolCall>,
    /// Sum over all nodes.
    pub usage: Usage,
    /// Generations asked of models, failed ones included.
    pub calls: u64,
    /// From its start to its end; items under way at once share the machine.
    pub millis: Millis,
    /// What the caller found out about it: a grade, an answer that was read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, Value>,
}

impl ItemResult {
    /// The answer, if there is one.
    #[must_use]
    pub fn answer(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Answered { text } => Some(text),
            Outcome::Stopped { .. } | Outcome::Failed { .. } => None,
        }
    }

    /// A mark of a node.
    #[must_use]
    pub fn mark(&self, node: NodeId, key: &str) -> Option<&str> {
        self.marks.get(&node)?.get(key).map(String::as_str)
    }
}

/// What became of a potential edge of an agent graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    pub from: NodeId,
    pub to: NodeId,
    pub logit: f64,
    pub probability: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<f64>,
    pub outcome: EdgeOutcome,
}

/// A vote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ballot {
    pub voter: NodeId,
    pub choice: String,
    pub weight: f32,
}

/// A tool that was called; what it returned is its node's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    pub node: NodeId,
    pub tool: String,
    /// JSON text.
    pub arguments: String,
}

/// Events of one turn, taken in one by one.
#[derive(Debug, Default)]
pub(super) struct Fold {
    plan: Plan,
    texts: BTreeMap<NodeId, String>,
    marks: BTreeMap<NodeId, BTreeMap<String, String>>,
    faults: BTreeMap<NodeId, Fault>,
    usages: BTreeMap<NodeId, Usage>,
    drawn: Vec<Drawn>,
    ballots: Vec<Ballot>,
    tools: Vec<ToolCall>,
    calls: u64,
    outcome: Option<Outcome>,
}

impl Fold {
    pub(super) fn add(&mut self, kind: Kind) {
        match kind {
            Kind::Planned { plan } => self.plan = plan,
            Kind::Delta {
                node,
                text,
                thinking: false,
            } => self.texts.entry(node).or_default().push_str(&text),
            Kind::Restarted { node } => {
                self.texts.remove(&node);
                self.faults.remove(&node);
            }
            Kind::Done { node, usage, .. } => {
                self.faults.remove(&node);
                if self.is_answered_by_a_model(node) {
                    self.calls += 1;
                    *self.usages.entry(node).or_default() += usage;
                }
            }
            Kind::Failed { node, fault } => {
                self.calls += u64::from(self.is_answered_by_a_model(node));
                self.faults.insert(node, fault);
            }
            Kind::Mark { node, key, value } => {
                self.marks.entry(node).or_default().insert(key, value);
            }
            Kind::Drawn {
                from,
                to,
                logit,
                probability,
                draw,
                outcome,
            } => self.drawn.push(Drawn {
                from,
                to,
                logit,
                probability,
                draw,
                outcome,
            }),
            Kind::Ballot {
                voter,
                choice,
                weight,
            } => self.ballots.push(Ballot {
                voter,
                choice,
                weight,
            }),
            Kind::Called {
                node,
                tool,
                arguments,
            } => self.tools.push(ToolCall {
                node,
                tool,
                arguments,
            }),
            Kind::Finished { outcome } => self.outcome = Some(outcome),
            _ => {}
        }
    }

    pub(super) fn end(self, id: String, fingerprint: String, millis: Millis) -> ItemResult {
        let mut usage = Usage::default();
        for one in self.usages.values() {
            usage += *one;
        }
        let outcome = self.outcome.unwrap_or_else(|| Outcome::Failed {
            fault: Fault::new(FaultClass::BadData, "the turn ended without an outcome"),
        });
        ItemResult {
            id,
            fingerprint,
            outcome,
            plan: self.plan,
            texts: self.texts,
            marks: self.marks,
            faults: self.faults,
            usages: self.usages,
            drawn: self.drawn,
            ballots: self.ballots,
            tools: self.tools,
            usage,
            calls: self.calls,
            millis,
            facts: BTreeMap::new(),
        }
    }

    fn is_answered_by_a_model(&self, node: NodeId) -> bool {
        self.plan
            .node(node)
            .is_none_or(|node| node.model.endpoint != TOOL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::Node;
    use crate::domain::request::{Finish, ModelRef};

    fn node(id: u32, endpoint: &str) -> Node {
        Node {
            id: NodeId(id),
            part: "part".into(),
            title: "title".into(),
            model: ModelRef::new("m", endpoint),
            round: 1,
            lane: 1,
            is_answer: false,
        }
    }

    fn delta(id: u32, text: &str, thinking: bool) -> Kind {
        Kind::Delta {
            node: NodeId(id),
            text: text.into(),
            thinking,
        }
    }

    fn done(id: u32, tokens: u64) -> Kind {
        Kind::Done {
            node: NodeId(id),
            usage: Usage {
                completion_tokens: tokens,
                ..Usage::default()
            },
            finish: Finish::Stop,
        }
    }

    #[test]
    fn a_result_keeps_what_was_said_and_what_it_cost() {
        let mut fold = Fold::default();
        let plan = Plan {
            nodes: vec![node(1, "local"), node(2, TOOL)],
            ..Plan::default()
        };
        for kind in [
            Kind::Planned { plan: plan.clone() },
            delta(1, "hm", true),
            delta(1, "void", false),
            Kind::Restarted { node: NodeId(1) },
            delta(1, "4", false),
            delta(1, "2", false),
            done(1, 5),
            Kind::Called {
                node: NodeId(2),
                tool: "calculator".into(),
                arguments: "{}".into(),
            },
            delta(2, "7", false),
            done(2, 0),
            Kind::Mark {
                node: NodeId(1),
                key: "answer".into(),
                value: "42".into(),
            },
            Kind::Finished {
                outcome: Outcome::Answered { text: "42".into() },
            },
        ] {
            fold.add(kind);
        }
        let result = fold.end("a".into(), "f".into(), 9);
        assert_eq!(result.answer(), Some("42"));
        assert_eq!(result.plan, plan);
        assert_eq!(
            result.texts,
            BTreeMap::from([(NodeId(1), "42".into()), (NodeId(2), "7".into())])
        );
        assert_eq!(result.mark(NodeId(1), "answer"), Some("42"));
        assert_eq!((result.calls, result.usage.completion_tokens), (1, 5));
        assert_eq!(result.tools.len(), 1);
        let line = serde_json::to_string(&result).unwrap();
        assert_eq!(serde_json::from_str::<ItemResult>(&line).unwrap(), result);
    }
}
