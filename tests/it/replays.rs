//! A turn as it was watched, as it is read back from its log, and as it is played again: the same boards.

use crate::screens::{app, picture};
use crate::support::council::{Fake, Run, say};
use crate::support::steps::{Steps, kit};
use std::collections::BTreeMap;
use std::sync::Arc;
use synod::app::App;
use synod::app::effect::{Effect, SessionEffect};
use synod::app::focus::Area;
use synod::app::msg::{Chord, Key, Msg};
use synod::domain::cancel::Cancel;
use synod::domain::control::Control;
use synod::domain::council::Council;
use synod::domain::event::{Event, Kind, Outcome, Source};
use synod::domain::fault::FaultClass;
use synod::domain::id::{MessageId, NodeId, TurnId};
use synod::domain::message::{Message, Role};
use synod::domain::question::Reply;
use synod::society::scope::{Scope, ScopeParts, Sink};
use synod::society::{self, Task};
use synod::store::log::{self, SessionLog};
use synod::store::paths::Paths;
use synod::tool::permit::Permissions;
use tokio::sync::mpsc;

const TURN: TurnId = TurnId(1);
const QUESTION: &str = "Which is right?\nA) one\nB) two";

fn council(society: &str, agents: &str, settings: &str) -> Council {
    let text = format!(
        r#"{{"title":"t","society":"{society}","agents":[{agents}],"settings":{settings}}}"#
    );
    let mut council: Council = serde_json::from_str(&text).unwrap();
    council.name = "test".into();
    council
}

/// The same turn twice: watched, and opened again from the file that was written meanwhile.
struct Twice {
    live: App,
    again: App,
    events: Vec<Event>,
}

impl Twice {
    fn of(kinds: &[Kind]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(Some(folder.path()));
        let mut log = SessionLog::create(&paths, 1_000);
        let mut live = app();
        let (mut at, mut seq) = (1_000, 0);
        let mut write = |log: &mut SessionLog, at: u64, source: Source, kind: Kind| {
            seq += 1;
            let event = Event {
                source,
                seq,
                at,
                kind,
            };
            log.append(std::slice::from_ref(&event)).unwrap();
            event
        };
        let said = Kind::Said {
            message: MessageId(1),
            parent: None,
            role: Role::User,
            text: QUESTION.into(),
        };
        let head = Kind::Head {
            message: Some(MessageId(1)),
        };
        for kind in [said, head] {
            let event = write(&mut log, at, Source::Session, kind);
            let _ = live.update(Msg::Events(vec![event]), at);
        }
        live.chat.running = Some(TURN);
        for kind in kinds {
            at += 7;
            let event = write(&mut log, at, Source::Turn(TURN), kind.clone());
            for effect in live.update(Msg::Events(vec![event]), at) {
                if let Effect::Record(kinds) = effect {
                    for kind in kinds {
                        write(&mut log, at, Source::Session, kind);
                    }
                }
            }
        }
        let id = log.id().clone();
        let events = log::read(&paths, &id).unwrap().events;
        let mut again = app();
        let opened = Msg::Opened {
            id,
            events: events.clone(),
        };
        let _ = again.update(opened, at);
        Self {
            live,
            again,
            events,
        }
    }

    /// The turn, its messages and its boards are the same both times.
    fn check(&mut self) {
        let turn = &self.live.chat.transcript.turns[&TURN];
        assert_eq!(*turn, self.again.chat.transcript.turns[&TURN]);
        assert_eq!(
            self.live.chat.transcript.messages,
            self.again.chat.transcript.messages
        );
        for app in [&mut self.live, &mut self.again] {
            app.chat.opened = Some(TURN);
            app.chat.session = None;
            app.notice = None;
        }
        let preset = self.live.preset.clone();
        self.again.preset = preset;
        for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
            let one = picture(&mut self.live, columns, rows);
            assert_eq!(one, picture(&mut self.again, columns, rows));
        }
        self.again.chat.opened = None;
    }

    /// Steps through the recorded turn, to its end and back, and leaves it.
    fn play(&mut self) -> Vec<String> {
        let whole = self.again.chat.transcript.clone();
        self.again.focus.area = Area::Pane;
        let effects = press(&mut self.again, 'v');
        let asked = Effect::Session(SessionEffect::Replay(TURN));
        assert_eq!(effects, [asked]);
        let mut events = self.events.clone();
        events.retain(|event| event.source == Source::Turn(TURN));
        let recorded = Msg::Recorded { turn: TURN, events };
        let now = self.again.now;
        let _ = self.again.update(recorded, now);
        let mut pictures = vec![picture(&mut self.again, 120, 40)];
        assert!(
            pictures[0].contains("REPLAY  step 1 of "),
            "{}",
            pictures[0]
        );
        loop {
            let before = self.again.chat.replay.clone();
            press(&mut self.again, '.');
            if self.again.chat.replay == before {
                break;
            }
            pictures.push(picture(&mut self.again, 120, 40));
        }
        // At its end it is what it was, but for the message that it became.
        let played = &self.again.chat.transcript.turns[&TURN];
        let ended = &whole.turns[&TURN];
        assert_eq!(
            (&played.nodes, &played.edges, &played.ballots, &played.state),
            (&ended.nodes, &ended.edges, &ended.ballots, &ended.state)
        );
        for picture_before in pictures.iter().rev().skip(1) {
            press(&mut self.again, ',');
            assert_eq!(*picture_before, picture(&mut self.again, 120, 40));
        }
        press(&mut self.again, 'v');
        assert!(self.again.chat.replay.is_none());
        let (now, before) = (&self.again.chat.transcript, &whole);
        assert_eq!((&now.turns, now.head), (&before.turns, before.head));
        pictures
    }
}

fn press(app: &mut App, letter: char) -> Vec<Effect> {
    let now = app.now;
    app.update(Msg::Key(Chord::plain(Key::Char(letter))), now)
}

#[tokio::test]
async fn a_debate_is_the_same_live_from_its_log_and_played_again() {
    let fake = Fake::new(|request, earlier| {
        say(match (request.model.model.as_str(), earlier) {
            ("A", _) => r"It is \boxed{4}.",
            ("B", 0) => r"It is \boxed{5}.",
            ("B", _) => r"I was wrong: \boxed{4}.",
            _ => "I do not know.",
        })
    });
    let agents =
        r#"{"part":"agent","model":"A"},{"part":"agent","model":"B"},{"part":"agent","model":"C"}"#;
    let settings = r#"{"rounds":2,"summarize":false,"task":"maths"}"#;
    let mut run = Run::ask(&fake, council("debate", agents, settings), QUESTION);
    run.end().await;
    assert!(
        run.seen
            .iter()
            .any(|kind| matches!(kind, Kind::Ballot { .. }))
    );
    let went_over = |kind: &Kind| matches!(kind, Kind::Mark { key, value, .. } if key == "went_over_to" && value == "A");
    assert!(run.seen.iter().any(went_over), "B now says what A said");
    let mut twice = Twice::of(&run.seen);
    twice.check();
    let pictures = twice.play();
    assert!(pictures.iter().any(|one| one.contains("5 -> 4  as A said")));
}

const GRAPH: &str = r#"{"part":"io","model":"A"},{"part":"io","model":"B"}"#;

#[tokio::test]
async fn a_graph_is_the_same_live_from_its_log_and_played_again() {
    let fake = Fake::new(|_, _| say("The answer is A."));
    let settings = r#"{"joining":"free","probability":0.7,"seed":5}"#;
    let mut run = Run::ask(&fake, council("graph", GRAPH, settings), QUESTION);
    run.end().await;
    assert!(
        run.seen
            .iter()
            .any(|kind| matches!(kind, Kind::Drawn { .. }))
    );
    let mut twice = Twice::of(&run.seen);
    twice.check();
    let pictures = twice.play();
    assert!(pictures.len() > 4, "{}", pictures.len());
}

#[tokio::test]
async fn a_planner_is_the_same_live_from_its_log_and_played_again() {
    let folder = tempfile::tempdir().unwrap();
    let write = "Action: note_write\nAction Input: {\"text\": \"b\"}";
    let lines = [
        ("P", "Write it down.\n Next: caller."),
        ("C", write),
        ("P", "It is known.\n Next: conclusion."),
        ("S", "Noted."),
    ];
    let tools = kit(
        r#"{"use":["notes"],"ask":["write"]}"#,
        folder.path(),
        Permissions::of_person(),
    );
    let steps = Steps::new("{}", &lines).kit(tools);
    let (seen, _) = steps.person(|_| Some(Reply::Once)).ask(QUESTION).await;
    for name in ["asked", "replied", "called"] {
        let is_there = seen.events.iter().any(|kind| {
            let text = serde_json::to_string(kind).unwrap();
            text.contains(&format!("\"kind\":\"{name}\""))
        });
        assert!(is_there, "{name}: {:?}", seen.events);
    }
    let began = Kind::Began {
        question: MessageId(1),
        preset: "test".into(),
    };
    let outcome = seen.outcome.clone();
    let mut kinds = vec![began];
    kinds.extend(seen.events);
    kinds.push(Kind::Finished { outcome });
    let mut twice = Twice::of(&kinds);
    twice.check();
    let pictures = twice.play();
    assert!(pictures.iter().any(|one| one.contains("asks you")));
}

struct Channel(mpsc::UnboundedSender<Kind>);

impl Sink for Channel {
    fn emit(&self, kind: Kind) {
        let _ = self.0.send(kind);
    }
}

/// A held graph of two agents that do not read each other, and then the vote.
struct Held {
    events: mpsc::UnboundedReceiver<Kind>,
    controls: mpsc::UnboundedSender<Control>,
    fake: Arc<Fake>,
    outcome: tokio::task::JoinHandle<Outcome>,
}

impl Held {
    fn start() -> Self {
        let fake = Fake::new(|_, _| say("The answer is A."));
        let (sender, events) = mpsc::unbounded_channel();
        let (controls, receiver) = mpsc::unbounded_channel();
        let scope = Scope::new(ScopeParts {
            backends: crate::support::council::backends(&fake),
            sink: Arc::new(Channel(sender)),
            cancel: Cancel::new(),
            controls: receiver,
            num_proc: 0,
        })
        .held(true);
        let task = Task {
            turn: TURN,
            conversation: vec![Message::user(QUESTION)],
            reuse: BTreeMap::new(),
            seed: 1,
        };
        let council = council("graph", GRAPH, r#"{"joining":"closed"}"#);
        let protocol = society::build(&council).unwrap();
        let outcome = tokio::spawn(async move { protocol.run(&task, &scope).await });
        Self {
            events,
            controls,
            fake,
            outcome,
        }
    }

    async fn until_held(&mut self) -> Vec<NodeId> {
        loop {
            match self.events.recv().await.expect("the turn ended") {
                Kind::Held { nodes } if !nodes.is_empty() => return nodes,
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn a_held_graph_goes_on_one_level_at_a_time() {
    let mut held = Held::start();
    assert_eq!(held.until_held().await, [NodeId(1), NodeId(2)]);
    assert!(held.fake.asked().is_empty(), "nothing runs before it");
    held.controls.send(Control::Step).unwrap();
    let vote = held.until_held().await;
    assert_eq!(held.fake.asked().len(), 2);
    assert_eq!(vote.len(), 1);
    held.controls.send(Control::Hold { is_on: false }).unwrap();
    let outcome = held.outcome.await.unwrap();
    assert!(matches!(outcome, Outcome::Answered { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_node_can_be_skipped_before_it_runs() {
    let mut held = Held::start();
    held.until_held().await;
    let node = NodeId(2);
    held.controls.send(Control::Skip { node }).unwrap();
    loop {
        let kind = held.events.recv().await.unwrap();
        if let Kind::Failed { node, fault } = kind {
            assert_eq!((node, fault.class), (NodeId(2), FaultClass::Cancelled));
            break;
        }
    }
    held.controls.send(Control::Hold { is_on: false }).unwrap();
    assert!(matches!(
        held.outcome.await.unwrap(),
        Outcome::Answered { .. }
    ));
    assert_eq!(held.fake.asked().len(), 1);
}
