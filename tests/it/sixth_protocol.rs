//! What it takes to add a way to combine agents: one protocol, one line to register it, and a preset. Screens, logs and
//! controls come with it.

use crate::screens::{draw_at, snapshot};
use crate::support::council::{Fake, backends, say};
use std::sync::{Arc, Mutex};
use synod::domain::cancel::Cancel;
use synod::domain::council::Council;
use synod::domain::event::{Kind, Level, Outcome};
use synod::domain::id::{NodeId, TurnId};
use synod::domain::message::Message;
use synod::domain::plan::{Hint, Node, Plan};
use synod::society::scope::{Ask, Scope, ScopeParts, Sink};
use synod::society::seat::Seat;
use synod::society::{BoxFuture, Protocol, Registry, SocietyError, Task};
use synod::store::preset;

const PRESET: &str = r#"
title = "three runners hand on one text"
society = "relay"
[[agents]]
part = "draft"
model = "a@local"
[[agents]]
part = "edit"
model = "b@local"
[[agents]]
part = "polish"
model = "c@local"
"#;

/// Each agent improves what the one before it wrote; the last one answers.
struct Relay(Vec<Seat>);

fn build(council: &Council) -> Result<Box<dyn Protocol>, SocietyError> {
    let seats = council.agents.iter().flat_map(|one| Seat::of(council, one));
    Ok(Box::new(Relay(seats.collect())))
}

fn id(at: usize) -> NodeId {
    NodeId(u32::try_from(at).unwrap() + 1)
}

impl Relay {
    async fn pass_on(&self, task: &Task, scope: &Scope) -> Outcome {
        let mut text = String::new();
        for (at, seat) in self.0.iter().enumerate() {
            scope.pause(&[id(at)]).await;
            let mut messages = seat.messages(&task.conversation);
            if !text.is_empty() {
                messages.push(Message::assistant(text.clone()));
                messages.push(Message::user("Write a better version."));
            }
            let request = seat.request(messages, id(at), task.seed);
            match scope.ask(Ask::new(id(at), request)).await {
                Ok(answer) => text = answer.text,
                Err(_) if scope.is_stopped() => return Outcome::Stopped { text },
                Err(broken) if at + 1 == self.0.len() && text.is_empty() => {
                    return Outcome::Failed {
                        fault: broken.fault,
                    };
                }
                Err(_) => scope.note(Level::Warning, format!("{} dropped out", seat.title)),
            }
        }
        Outcome::Answered { text }
    }
}

impl Protocol for Relay {
    fn plan(&self, _task: &Task) -> Plan {
        let last = self.0.len() - 1;
        let node = |(at, seat): (usize, &Seat)| Node {
            id: id(at),
            part: seat.part.clone(),
            title: seat.title.clone(),
            model: seat.model.clone(),
            round: u16::try_from(at).unwrap() + 1,
            lane: u16::from(at < last),
            is_answer: at == last,
        };
        Plan {
            nodes: self.0.iter().enumerate().map(node).collect(),
            edges: (0..last).map(|at| (id(at), id(at + 1))).collect(),
            hint: Hint::Steps,
        }
    }

    fn run<'a>(&'a self, task: &'a Task, scope: &'a Scope) -> BoxFuture<'a, Outcome> {
        Box::pin(self.pass_on(task, scope))
    }
}

#[derive(Default)]
struct Seen(Mutex<Vec<Kind>>);

impl Sink for Seen {
    fn emit(&self, kind: Kind) {
        self.0.lock().unwrap().push(kind);
    }
}

#[tokio::test]
async fn a_sixth_way_is_one_file_and_a_preset() {
    let societies = Registry::builtin().with("relay", build);
    let council = preset::parse("relay", PRESET).council.unwrap();
    let protocol = societies.build(&council).unwrap();
    let fake = Fake::new(|request, _| {
        let said = request.messages.iter().rev();
        let before = said.filter(|one| one.content.starts_with("text"));
        let before = before.map(|one| one.content.as_str()).next();
        let text = format!("{} {}", before.unwrap_or("text"), request.model.model);
        say(&text)
    });
    let seen = Arc::new(Seen::default());
    let (_controls, receiver) = tokio::sync::mpsc::unbounded_channel();
    let scope = Scope::new(ScopeParts {
        backends: backends(&fake),
        sink: seen.clone(),
        cancel: Cancel::new(),
        controls: receiver,
        num_proc: 0,
    });
    let task = Task {
        turn: TurnId(2),
        conversation: vec![Message::user("Why is the sky blue?")],
        reuse: std::collections::BTreeMap::new(),
        seed: 1,
    };
    scope.plan(protocol.plan(&task));
    let outcome = protocol.run(&task, &scope).await;
    let text = "text a b c".to_owned();
    assert_eq!(outcome, Outcome::Answered { text });
    // Its screen comes from its plan alone.
    let events = seen.0.lock().unwrap().clone();
    for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
        let shown = draw_at("Why is the sky blue?", &events, columns, rows);
        for name in ["draft", "edit", "polish"] {
            assert!(shown.contains(name), "{name} at {columns}x{rows}\n{shown}");
        }
        snapshot(&format!("relay-{columns}x{rows}"), &shown);
    }
    // A preset that names it is refused where it is not known.
    let error = synod::society::build(&council).err().unwrap().to_string();
    assert!(error.contains("\"relay\" is not known"), "{error}");
}
