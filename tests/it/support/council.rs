//! A backend made of closures that remembers what it was asked, and a turn run on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use synod::app::effect::TurnRequest;
use synod::backend::{Backend, Backends, Completion, Piece, TokenSender, Tokens};
use synod::domain::cancel::Cancel;
use synod::domain::control::Control;
use synod::domain::council::Council;
use synod::domain::event::{Kind, Outcome};
use synod::domain::fault::{Fault, FaultClass};
use synod::domain::id::{MessageId, NodeId, TurnId};
use synod::domain::message::{Message, Role};
use synod::domain::request::{Finish, Request, Usage};
use synod::runtime::turn::{self, TurnHandle, TurnParts};
use synod::society::scope::Sink;
use tokio::sync::mpsc;

/// One step of a generation.
#[derive(Debug, Clone)]
pub enum Step {
    Say(String),
    Think(String),
    /// Silence for so many milliseconds.
    Wait(u64),
    /// Silence until it is aborted.
    Hang,
    Fail(FaultClass),
}

pub fn say(text: &str) -> Vec<Step> {
    vec![Step::Say(text.into())]
}

type Play = dyn Fn(&Request, usize) -> Vec<Step> + Send + Sync;

/// Plays what the closure says for a request and the number of earlier requests to the same model.
pub struct Fake {
    play: Box<Play>,
    asked: Mutex<Vec<Request>>,
    /// Models whose generation was aborted.
    pub aborted: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub fn new(play: impl Fn(&Request, usize) -> Vec<Step> + Send + Sync + 'static) -> Arc<Fake> {
        Arc::new(Fake {
            play: Box::new(play),
            asked: Mutex::new(Vec::new()),
            aborted: Arc::default(),
        })
    }

    /// Answers `ans-<model>`; the model `AGG` answers `FINAL of AGG`.
    pub fn plain() -> Arc<Fake> {
        Fake::new(|request, _| say(&default_answer(&request.model.model)))
    }

    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// Messages of the requests to a model, as (role, text).
    pub fn messages_to(&self, model: &str) -> Vec<Vec<(Role, String)>> {
        self.asked()
            .into_iter()
            .filter(|request| request.model.model == model)
            .map(|request| pairs(&request.messages))
            .collect()
    }
}

pub fn default_answer(model: &str) -> String {
    match model {
        "AGG" => "FINAL of AGG".into(),
        model => format!("ans-{model}"),
    }
}

pub fn pairs(messages: &[Message]) -> Vec<(Role, String)> {
    messages
        .iter()
        .map(|message| (message.role, message.content.clone()))
        .collect()
}

impl Backend for Fake {
    fn generate(&self, request: Request, cancel: Cancel) -> Tokens {
        let mut asked = self.asked.lock().unwrap();
        let model = request.model.model.clone();
        let earlier = asked.iter().filter(|one| one.model.model == model).count();
        let steps = (self.play)(&request, earlier);
        asked.push(request);
        let (sender, tokens) = Tokens::channel();
        let aborted = Arc::clone(&self.aborted);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = cancel.cancelled() => aborted.lock().unwrap().push(model),
                () = sender.closed() => aborted.lock().unwrap().push(model),
                () = play(steps, &sender) => {}
            }
        });
        tokens
    }
}

async fn play(steps: Vec<Step>, sender: &TokenSender) {
    for step in steps {
        match step {
            Step::Say(text) => {
                sender.send(Piece::Delta {
                    text,
                    thinking: false,
                });
            }
            Step::Think(text) => {
                sender.send(Piece::Delta {
                    text,
                    thinking: true,
                });
            }
            Step::Wait(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Step::Hang => std::future::pending().await,
            Step::Fail(class) => {
                sender.send(Piece::End(Err(Fault::new(class, "made to fail"))));
                return;
            }
        }
    }
    sender.send(Piece::End(Ok(Completion {
        usage: Usage::default(),
        finish: Finish::Stop,
    })));
}

/// The fake under the name `local`.
pub fn backends(fake: &Arc<Fake>) -> Arc<Backends> {
    let mut backends = Backends::new();
    backends.insert("local", fake.clone());
    Arc::new(backends)
}

/// References A, B and aggregator AGG with these settings (JSON).
pub fn council(settings: &str) -> Council {
    custom(
        r#"{"part":"reference","model":"A"},{"part":"reference","model":"B"},{"part":"aggregator","model":"AGG"}"#,
        settings,
    )
}

pub fn custom(agents: &str, settings: &str) -> Council {
    let text = format!(
        r#"{{"title":"t","society":"moa","sampling":{{"temperature":0.00005,"max_tokens":64}},
            "agents":[{agents}],"settings":{settings}}}"#
    );
    let mut council: Council = serde_json::from_str(&text).unwrap();
    council.name = "test".into();
    council
}

struct Channel(mpsc::UnboundedSender<Kind>);

impl Sink for Channel {
    fn emit(&self, kind: Kind) {
        let _ = self.0.send(kind);
    }
}

/// A turn under way.
pub struct Run {
    pub handle: TurnHandle,
    events: mpsc::UnboundedReceiver<Kind>,
    /// What was seen so far.
    pub seen: Vec<Kind>,
}

impl Run {
    pub fn start(
        fake: &Arc<Fake>,
        council: Council,
        conversation: Vec<Message>,
        reuse: BTreeMap<NodeId, String>,
    ) -> Run {
        let (sender, events) = mpsc::unbounded_channel();
        let parts = TurnParts {
            request: TurnRequest {
                turn: TurnId(1),
                question: MessageId(1),
                conversation,
                council,
                reuse,
                is_held: false,
            },
            backends: backends(fake),
            sink: Arc::new(Channel(sender)),
            seed: 1,
        };
        Run {
            handle: turn::start(parts, &tokio::runtime::Handle::current()),
            events,
            seen: Vec::new(),
        }
    }

    pub fn ask(fake: &Arc<Fake>, council: Council, question: &str) -> Run {
        Run::start(
            fake,
            council,
            vec![Message::user(question)],
            BTreeMap::new(),
        )
    }

    /// Reads events up to the first that fits.
    pub async fn until(&mut self, fits: impl Fn(&Kind) -> bool) -> Kind {
        loop {
            let kind = self
                .events
                .recv()
                .await
                .expect("the turn ended before that");
            self.seen.push(kind.clone());
            if fits(&kind) {
                return kind;
            }
        }
    }

    pub async fn end(&mut self) -> Outcome {
        match self
            .until(|kind| matches!(kind, Kind::Finished { .. }))
            .await
        {
            Kind::Finished { outcome } => outcome,
            other => panic!("{other:?}"),
        }
    }

    pub fn control(&self, control: Control) {
        self.handle.controls.send(control).unwrap();
    }

    pub fn notes(&self) -> Vec<&str> {
        self.seen
            .iter()
            .filter_map(|kind| match kind {
                Kind::Note { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    pub fn fault(&self, node: u32) -> Option<FaultClass> {
        self.seen.iter().rev().find_map(|kind| match kind {
            Kind::Failed { node: one, fault } if *one == NodeId(node) => Some(fault.class),
            _ => None,
        })
    }

    /// The text of a node as a screen would show it.
    pub fn text(&self, node: u32) -> String {
        let mut shown = String::new();
        for kind in &self.seen {
            match kind {
                Kind::Delta {
                    node: one,
                    text,
                    thinking: false,
                } if *one == NodeId(node) => shown.push_str(text),
                Kind::Restarted { node: one } if *one == NodeId(node) => shown.clear(),
                _ => {}
            }
        }
        shown
    }
}

pub fn answered(text: &str) -> Outcome {
    Outcome::Answered { text: text.into() }
}
