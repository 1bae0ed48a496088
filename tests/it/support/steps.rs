//! Runs a council with tools on a recording, with a person who answers by rule.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use synod::backend::scripted::{Answer, Scripted};
use synod::backend::{Backend, Backends};
use synod::domain::cancel::Cancel;
use synod::domain::clock::Manual;
use synod::domain::control::Control;
use synod::domain::council::Council;
use synod::domain::event::{Kind, Outcome};
use synod::domain::id::{NodeId, TurnId};
use synod::domain::message::Message;
use synod::domain::plan::Plan;
use synod::domain::question::{Question, Reply};
use synod::domain::request::SCRIPTED;
use synod::society::scope::{Scope, ScopeParts, Sink};
use synod::society::{self, Task};
use synod::tool::kit::{self, Kit, KitParts};
use synod::tool::permit::Permissions;
use tokio::sync::mpsc;

/// How the person answers; none leaves the question open.
pub type Person = dyn Fn(&Question) -> Option<Reply> + Send + Sync;

/// A council, its recording and its tools.
pub struct Steps {
    pub council: Council,
    pub script: Arc<Scripted>,
    /// Further backends by endpoint.
    pub more: Vec<(String, Arc<dyn Backend>)>,
    pub kit: Arc<Kit>,
    pub person: Box<Person>,
    pub reuse: BTreeMap<NodeId, String>,
    pub cancel: Cancel,
    /// The person stops the turn when this is written.
    pub stops_at: Option<&'static str>,
    /// Every call is stopped by the person as soon as it runs.
    pub skips_calls: bool,
}

/// What happened.
pub struct Seen {
    pub outcome: Outcome,
    pub events: Vec<Kind>,
}

impl Steps {
    /// Planner `P`, caller `C`, summarizer `S`, with these settings and lines for each.
    pub fn new(settings: &str, lines: &[(&str, &str)]) -> Self {
        let agent = |part: &str, model: &str| {
            format!(r#"{{"part":"{part}","model":"{model}@{SCRIPTED}"}}"#)
        };
        let text = format!(
            r#"{{"title":"t","society":"planner","settings":{settings},"agents":[{},{},{}]}}"#,
            agent("planner", "P"),
            agent("caller", "C"),
            agent("summarizer", "S")
        );
        Self::of(&text, lines)
    }

    /// Any council; each line is a model and what it says next.
    pub fn of(council: &str, lines: &[(&str, &str)]) -> Self {
        let council: Council = serde_json::from_str(council).unwrap();
        let script = lines
            .iter()
            .fold(Scripted::default(), |script, (model, line)| {
                script.with(*model, Answer::text(*line))
            });
        Self {
            council,
            script: Arc::new(script),
            more: Vec::new(),
            kit: Arc::default(),
            person: Box::new(|_| None),
            reuse: BTreeMap::new(),
            cancel: Cancel::new(),
            stops_at: None,
            skips_calls: false,
        }
    }

    pub fn skipping_calls(mut self) -> Self {
        self.skips_calls = true;
        self
    }

    pub fn kit(mut self, kit: Kit) -> Self {
        self.kit = Arc::new(kit);
        self
    }

    pub fn person(
        mut self,
        person: impl Fn(&Question) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        self.person = Box::new(person);
        self
    }

    /// Runs one turn with this question.
    pub async fn ask(self, question: &str) -> (Seen, Arc<Scripted>) {
        let script = Arc::clone(&self.script);
        let mut backends = Backends::new();
        backends.insert(SCRIPTED, Arc::clone(&self.script) as Arc<_>);
        for (name, backend) in self.more {
            backends.insert(name, backend);
        }
        let (controls, receiver) = mpsc::unbounded_channel();
        let sink = Arc::new(Recorder {
            events: Mutex::default(),
            controls,
            person: self.person,
            stops_at: self.stops_at.map(|text| (text, self.cancel.clone())),
            skips_calls: self.skips_calls,
        });
        let scope = Scope::new(ScopeParts {
            backends: Arc::new(backends),
            sink: Arc::clone(&sink) as Arc<dyn Sink>,
            cancel: self.cancel,
            controls: receiver,
            num_proc: 0,
        })
        .with_tools(self.kit);
        let task = Task {
            turn: TurnId(1),
            conversation: vec![Message::user(question)],
            reuse: self.reuse,
            seed: 1,
        };
        let protocol = society::build(&self.council).unwrap();
        scope.plan(protocol.plan(&task));
        let outcome = protocol.run(&task, &scope).await;
        let events = std::mem::take(&mut *sink.events.lock().unwrap());
        (Seen { outcome, events }, script)
    }
}

struct Recorder {
    events: Mutex<Vec<Kind>>,
    controls: mpsc::UnboundedSender<Control>,
    person: Box<Person>,
    stops_at: Option<(&'static str, Cancel)>,
    skips_calls: bool,
}

impl Sink for Recorder {
    fn emit(&self, kind: Kind) {
        if let Kind::Called { node, .. } = &kind
            && self.skips_calls
        {
            self.controls.send(Control::Skip { node: *node }).unwrap();
        }
        if let (Kind::Delta { text, .. }, Some((at, cancel))) = (&kind, &self.stops_at)
            && text.contains(at)
        {
            cancel.cancel();
        }
        if let Kind::Asked { node, question } = &kind
            && let Some(reply) = (self.person)(question)
        {
            let node = *node;
            self.controls.send(Control::Reply { node, reply }).unwrap();
        }
        self.events.lock().unwrap().push(kind);
    }
}

impl Seen {
    pub fn answer(&self) -> &str {
        match &self.outcome {
            Outcome::Answered { text } => text,
            other => panic!("{other:?}"),
        }
    }

    /// The plan as it was announced last.
    pub fn plan(&self) -> &Plan {
        let plans = self.events.iter().rev();
        plans
            .filter_map(|event| match event {
                Kind::Planned { plan } => Some(plan),
                _ => None,
            })
            .next()
            .unwrap()
    }

    /// The parts of all nodes but the answer, in order.
    pub fn parts(&self) -> Vec<&str> {
        let nodes = self.plan().nodes.iter().filter(|node| !node.is_answer);
        nodes.map(|node| node.part.as_str()).collect()
    }

    /// The text of each node that is a tool.
    pub fn observations(&self) -> Vec<String> {
        let tools = self.plan().nodes.iter().filter(|node| node.part == "tool");
        tools.map(|node| self.text(node.id)).collect()
    }

    pub fn text(&self, of: NodeId) -> String {
        let mut text = String::new();
        for event in &self.events {
            match event {
                Kind::Delta {
                    node, text: more, ..
                } if *node == of => text.push_str(more),
                Kind::Restarted { node } if *node == of => text.clear(),
                _ => {}
            }
        }
        text
    }

    /// Calls that ran: tool and arguments.
    pub fn calls(&self) -> Vec<(&str, &str)> {
        let calls = self.events.iter();
        calls
            .filter_map(|event| match event {
                Kind::Called {
                    tool, arguments, ..
                } => Some((tool.as_str(), arguments.as_str())),
                _ => None,
            })
            .collect()
    }

    /// The values of a mark, in order.
    pub fn marks(&self, of: &str) -> Vec<&str> {
        let marks = self.events.iter();
        marks
            .filter_map(|event| match event {
                Kind::Mark { key, value, .. } if key == of => Some(value.as_str()),
                _ => None,
            })
            .collect()
    }

    /// The marks of a node.
    pub fn marks_of(&self, of: NodeId) -> BTreeMap<&str, &str> {
        let marks = self.events.iter();
        marks
            .filter_map(|event| match event {
                Kind::Mark { node, key, value } if *node == of => {
                    Some((key.as_str(), value.as_str()))
                }
                _ => None,
            })
            .collect()
    }

    /// What the person was told.
    pub fn notes(&self) -> Vec<&str> {
        let notes = self.events.iter();
        notes
            .filter_map(|event| match event {
                Kind::Note { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    pub fn questions(&self) -> Vec<&Question> {
        let asked = self.events.iter();
        asked
            .filter_map(|event| match event {
                Kind::Asked { question, .. } => Some(question),
                _ => None,
            })
            .collect()
    }
}

/// A kit of this table, for a person or for nobody, in a folder.
pub fn kit(table: &str, folder: &std::path::Path, permissions: Permissions) -> Kit {
    let table: serde_json::Value = serde_json::from_str(table).unwrap();
    let settings = kit::settings(table.as_object().unwrap()).unwrap();
    Kit::new(
        &settings,
        &KitParts {
            clock: Arc::new(Manual::at(1_772_319_600_000)),
            notes: folder.join("notes"),
            scratch: folder.join("scratch"),
            current: folder.to_path_buf(),
            permissions: Arc::new(permissions),
            is_local_only: false,
        },
    )
}
