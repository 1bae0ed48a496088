//! The chat by keys alone: what is typed, what is ordered of the runtime, what the state says. No screen, no model, no clock.

use std::collections::{BTreeMap, BTreeSet};
use synod::app::action::Action;
use synod::app::chord::parse_sequence;
use synod::app::effect::{
    Effect, ExportFormat, ModelEffect, PresetEffect, SessionEffect, Timer, TurnRequest,
};
use synod::app::focus::{Area, PaneBox, PaneId, Viewport};
use synod::app::keymap::Keymap;
use synod::app::msg::{Chord, Key, Mouse, Msg};
use synod::app::overlay::Overlay;
use synod::app::prompt::PlainDraft;
use synod::app::transcript::{NodeState, Transcript, TurnState};
use synod::app::{App, Screen, Start};
use synod::domain::control::Control;
use synod::domain::council::{Agent, Context, Council};
use synod::domain::event::{Event, Kind, Outcome, Progress, Source};
use synod::domain::fault::{Fault, FaultClass};
use synod::domain::id::{MessageId, NodeId, SessionId, TurnId};
use synod::domain::message::{Message, Role};
use synod::domain::model::{ModelInfo, ModelState, Pull, PullOutcome, PullStage};
use synod::domain::plan::{Node, Plan};
use synod::domain::request::{Finish, ModelRef, Sampling, TimeLimits, Usage};
use synod::store::preset::{Preset, Problem};
use synod::store::session::SessionInfo;
use synod::store::settings::{Borders, Motion, Settings};
use synod::store::theme::ThemeSpec;

/// The state under a script of keys and events, with everything that would be written to the session's log.
struct Chat {
    app: App,
    /// Effects since they were last taken.
    effects: Vec<Effect>,
    log: Vec<Event>,
    now: u64,
}

fn agent(part: &str, model: &str) -> Agent {
    Agent {
        adapters: Vec::new(),
        part: part.into(),
        name: None,
        model: model.parse().unwrap(),
        count: 1,
        rounds: Vec::new(),
        system: None,
        sampling: Sampling::default(),
        limits: None,
        context: None,
    }
}

fn preset(name: &str, society: &str, agents: Vec<Agent>) -> Preset {
    Preset {
        name: name.into(),
        path: None,
        is_builtin: true,
        council: Ok(Council {
            device: synod::domain::device::Device::Auto,
            name: name.into(),
            title: format!("the {name}"),
            society: society.into(),
            description: String::new(),
            system: None,
            sampling: Sampling::default(),
            limits: TimeLimits::default(),
            context: Context::Full,
            multi_turn: true,
            num_proc: 0,
            agents,
            settings: serde_json::Map::new(),
            tools: serde_json::Map::new(),
        }),
        warnings: Vec::new(),
    }
}

fn presets() -> Vec<Preset> {
    let moa = |at: &str| {
        vec![
            agent("reference", &format!("a{at}")),
            agent("reference", &format!("b{at}")),
            agent("aggregator", &format!("small{at}")),
        ]
    };
    let mut broken = preset("broken", "moa", Vec::new());
    broken.council = Err(Problem {
        file: "presets/broken.toml".into(),
        line: Some(12),
        message: "unknown model".into(),
    });
    vec![
        preset("council", "moa", moa("@scripted")),
        preset("plain", "single", vec![agent("agent", "one@scripted")]),
        preset("far", "moa", moa("@openai")),
        broken,
        preset("local", "single", vec![agent("agent", "small")]),
    ]
}

fn settings() -> Settings {
    Settings {
        preset: "council".into(),
        theme: "dark".into(),
        local_only: false,
        motion: Motion::Full,
        frames_per_second: 30,
        mouse: false,
        bell: true,
        borders: Borders::Unicode,
        threads: 0,
        job_slots: 1,
        device: synod::domain::device::Device::Auto,
        cache_mib: 64,
        model_paths: Vec::new(),
        endpoints: BTreeMap::new(),
        prices: BTreeMap::new(),
    }
}

fn model(name: &str, state: ModelState) -> ModelInfo {
    ModelInfo {
        name: name.into(),
        title: name.into(),
        bytes: 98_000_000,
        memory: 200_000_000,
        license: "Apache-2.0".into(),
        needs_consent: false,
        note: String::new(),
        state,
    }
}

fn ready() -> ModelState {
    ModelState::Ready {
        path: "/m.gguf".into(),
    }
}

/// Text with keys between angle brackets: `hi<enter>`, `<ctrl+x m>`, `<lt>` for the sign itself.
fn chords(script: &str) -> Vec<Chord> {
    let mut chords = Vec::new();
    let mut rest = script;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix('<') {
            let (inside, after) = after.split_once('>').expect("a closing bracket");
            chords.extend(parse_sequence(inside).unwrap());
            rest = after;
        } else {
            chords.push(Chord::plain(Key::Char(c)));
            rest = &rest[c.len_utf8()..];
        }
    }
    chords
}

fn plan() -> Plan {
    let node = |id: u32, round: u16, lane: u16, is_answer: bool| Node {
        id: NodeId(id),
        part: if is_answer { "aggregator" } else { "reference" }.into(),
        title: format!("n{id}"),
        model: ModelRef::new("m", "scripted"),
        round,
        lane,
        is_answer,
    };
    Plan {
        nodes: vec![
            node(1, 1, 1, false),
            node(2, 1, 2, false),
            node(3, 2, 0, true),
        ],
        edges: vec![(NodeId(1), NodeId(3)), (NodeId(2), NodeId(3))],
        ..Plan::default()
    }
}

impl Chat {
    fn new() -> Chat {
        let mut chat = Chat::fresh(settings());
        chat.send(Msg::Models(vec![model("small", ready())]));
        chat.effects.clear();
        chat
    }

    /// Before the catalog has answered.
    fn fresh(settings: Settings) -> Chat {
        let app = App::new(Start {
            draft: Box::new(PlainDraft::new()),
            settings,
            keymap: Keymap::builtin(),
            problems: Vec::new(),
            presets: presets(),
            theme: ThemeSpec {
                name: "dark".into(),
                ..ThemeSpec::default()
            },
            themes: vec!["dark".into(), "light".into()],
            history: vec!["older".into(), "old".into()],
            default_model: "small".into(),
        });
        let mut chat = Chat {
            app,
            effects: Vec::new(),
            log: Vec::new(),
            now: 1_000,
        };
        let effects = chat.app.begin(chat.now);
        chat.effects.extend(effects);
        chat
    }

    fn send(&mut self, msg: Msg) {
        let effects = self.app.update(msg, self.now);
        for effect in &effects {
            if let Effect::Record(kinds) = effect {
                for kind in kinds {
                    self.write(Source::Session, kind.clone());
                }
            }
        }
        self.effects.extend(effects);
    }

    fn write(&mut self, source: Source, kind: Kind) -> Event {
        let event = Event {
            source,
            seq: self.log.len() as u64,
            at: self.now,
            kind,
        };
        self.log.push(event.clone());
        event
    }

    fn keys(&mut self, script: &str) -> &mut Self {
        for chord in chords(script) {
            self.now += 1;
            self.send(Msg::Key(chord));
        }
        self
    }

    fn wait(&mut self, ms: u64, timer: Timer) {
        self.now += ms;
        self.send(Msg::Timer(timer));
    }

    /// Events of a turn, as its society would send them.
    fn emit(&mut self, turn: TurnId, kind: Kind) {
        self.now += 10;
        let event = self.write(Source::Turn(turn), kind);
        self.send(Msg::Events(vec![event]));
    }

    fn text(&self) -> String {
        self.app.prompt.draft.text()
    }

    fn notice(&self) -> &str {
        self.app.notice.as_ref().map_or("", |n| n.text.as_str())
    }

    fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The turns started since effects were last taken.
    fn started(&mut self) -> Vec<TurnRequest> {
        let effects = self.take();
        effects
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::StartTurn(request) => Some(request),
                _ => None,
            })
            .collect()
    }

    /// The one turn started since.
    fn request(&mut self) -> TurnRequest {
        let mut started = self.started();
        assert_eq!(started.len(), 1, "notice: {}", self.notice());
        started.remove(0)
    }

    fn begin(&mut self, request: &TurnRequest) {
        let preset = request.council.name.clone();
        let question = request.question;
        self.emit(request.turn, Kind::Began { question, preset });
        self.emit(request.turn, Kind::Planned { plan: plan() });
    }

    fn node_ends(&mut self, turn: TurnId, node: u32, text: &str) {
        let node = NodeId(node);
        let text = text.to_owned();
        self.emit(
            turn,
            Kind::Delta {
                node,
                text,
                thinking: false,
            },
        );
        let (usage, finish) = (Usage::default(), Finish::Stop);
        self.emit(
            turn,
            Kind::Done {
                node,
                usage,
                finish,
            },
        );
    }

    fn node_fails(&mut self, turn: TurnId, node: u32) {
        let fault = Fault::new(FaultClass::Timeout, "no token for 60 s");
        self.emit(
            turn,
            Kind::Failed {
                node: NodeId(node),
                fault,
            },
        );
    }

    fn finish(&mut self, turn: TurnId, outcome: Outcome) {
        self.emit(turn, Kind::Finished { outcome });
    }

    /// A whole good turn whose answer is `text`.
    fn answer(&mut self, request: &TurnRequest, text: &str) {
        self.begin(request);
        for node in 1..=2 {
            self.node_ends(request.turn, node, &format!("ref {node}"));
        }
        self.node_ends(request.turn, 3, text);
        self.finish(request.turn, Outcome::Answered { text: text.into() });
    }

    /// Asks and gets an answer.
    fn round(&mut self, question: &str, text: &str) -> TurnRequest {
        self.keys(question).keys("<enter>");
        let request = self.request();
        self.answer(&request, text);
        request
    }

    fn said(&self) -> Vec<&str> {
        let path = self.app.chat.transcript.path();
        path.iter().map(|said| said.text.as_str()).collect()
    }

    fn replayed(&self) -> Transcript {
        let mut transcript = Transcript::default();
        for event in &self.log {
            // As it is read back from the file.
            let line = serde_json::to_string(event).unwrap();
            transcript.apply(&serde_json::from_str(&line).unwrap());
        }
        transcript
    }
}

/// Two transcripts that show the same.
fn assert_same_view(live: &Transcript, replayed: &Transcript) {
    let bare = |transcript: &Transcript| Transcript {
        revision: 0,
        ..transcript.clone()
    };
    assert_eq!(bare(live), bare(replayed));
}

fn user(text: &str) -> Message {
    Message::user(text)
}

#[test]
fn a_question_becomes_a_turn_and_its_answer_a_message() {
    let mut chat = Chat::new();
    let request = chat.round("why?", "because");
    assert_eq!(request.turn, TurnId(1));
    assert_eq!(request.council.name, "council");
    assert_eq!(request.conversation, [user("why?")]);
    assert_eq!(chat.said(), ["why?", "because"]);
    assert_eq!(chat.text(), "");
    assert_eq!(chat.app.chat.running, None);
    assert_eq!(chat.app.shown_turn(), None);
}

#[test]
fn the_next_turn_sees_questions_and_final_answers_only() {
    let mut chat = Chat::new();
    chat.round("hi", "FINAL");
    chat.keys("more<enter>");
    let expected = [user("hi"), Message::assistant("FINAL"), user("more")];
    assert_eq!(chat.request().conversation, expected);
}

#[test]
fn an_unanswered_question_is_not_sent_again() {
    let mut chat = Chat::new();
    chat.keys("first<enter>");
    let request = chat.request();
    chat.begin(&request);
    let fault = Fault::new(FaultClass::Auth, "401");
    chat.finish(request.turn, Outcome::Failed { fault });
    assert!(chat.notice().contains("401"));
    chat.keys("second<enter>");
    assert_eq!(chat.request().conversation, [user("second")]);
    assert_eq!(chat.said(), ["first", "second"]);
}

#[test]
fn exit_words_leave_and_are_never_sent() {
    for word in ["exit", "quit", "  quit "] {
        let mut chat = Chat::new();
        chat.keys(word).keys("<enter>");
        assert_eq!(chat.take(), [Effect::Quit], "{word}");
    }
    let mut chat = Chat::new();
    chat.keys("EXIT<enter>");
    assert_eq!(chat.request().conversation, [user("EXIT")]);
    let mut chat = Chat::new();
    chat.keys("   <enter><enter>");
    assert_eq!(chat.take(), []);
}

#[test]
fn new_lines_come_in_four_ways() {
    let mut chat = Chat::new();
    chat.keys("a<shift+enter>b<alt+enter>c<ctrl+j>d\\<enter>e");
    assert_eq!(chat.text(), "a\nb\nc\nd\ne");
    chat.keys("<enter>");
    assert_eq!(chat.request().conversation, [user("a\nb\nc\nd\ne")]);
}

#[test]
fn ctrl_c_stops_then_clears_then_quits() {
    let mut chat = Chat::new();
    chat.keys("go<enter>");
    let request = chat.request();
    chat.begin(&request);
    chat.node_ends(request.turn, 1, "one");
    chat.keys("draft<ctrl+c>");
    assert_eq!(chat.take(), [Effect::StopTurn(request.turn)]);
    assert_eq!(chat.text(), "draft");
    assert!(chat.app.chat.is_stopping);
    chat.finish(
        request.turn,
        Outcome::Stopped {
            text: String::new(),
        },
    );
    assert_eq!(chat.app.chat.running, None);
    chat.take();
    chat.keys("<ctrl+c>");
    assert_eq!(chat.take(), [Effect::RememberPrompt("draft".into())]);
    assert_eq!(chat.text(), "");
    chat.keys("<ctrl+c>");
    assert!(chat.app.is_quit_armed);
    assert_eq!(chat.take(), [Effect::After(1_500, Timer::QuitArmed)]);
    chat.wait(1_500, Timer::QuitArmed);
    assert!(!chat.app.is_quit_armed);
    chat.keys("<ctrl+c><ctrl+c>");
    assert_eq!(chat.take().last(), Some(&Effect::Quit));
}

#[test]
fn another_key_disarms_quitting() {
    let mut chat = Chat::new();
    chat.keys("<ctrl+c>a<backspace><ctrl+c>");
    assert!(!chat.take().contains(&Effect::Quit));
}

#[test]
fn escape_leaves_the_innermost_thing_and_twice_stops_the_turn() {
    let mut chat = Chat::new();
    chat.keys("go<enter>");
    let request = chat.request();
    chat.begin(&request);
    chat.keys("<tab>z");
    assert_eq!(
        chat.app.focus.zoomed,
        Some(PaneId::Node(request.turn, NodeId(1)))
    );
    chat.keys("<f2><esc>");
    assert_eq!(chat.app.overlay, None);
    assert!(chat.app.focus.zoomed.is_some());
    chat.keys("<esc>");
    assert_eq!(
        (chat.app.focus.zoomed, chat.app.focus.area),
        (None, Area::Pane)
    );
    chat.keys("<esc>");
    assert_eq!(chat.app.focus.area, Area::Prompt);
    chat.take();
    chat.keys("<esc>");
    assert!(!chat.take().contains(&Effect::StopTurn(request.turn)));
    chat.now += 1_500;
    chat.keys("<esc>");
    assert!(!chat.take().contains(&Effect::StopTurn(request.turn)));
    chat.keys("<esc>");
    assert_eq!(chat.take(), [Effect::StopTurn(request.turn)]);
}

#[test]
fn a_prompt_waits_for_the_running_turn_and_can_be_taken_back() {
    let mut chat = Chat::new();
    chat.keys("one<enter>");
    let first = chat.request();
    chat.keys("two<enter>");
    assert_eq!(chat.app.prompt.queue.as_deref(), Some("two"));
    assert_eq!(chat.started(), []);
    chat.keys("<up>");
    assert_eq!(
        (chat.text().as_str(), &chat.app.prompt.queue),
        ("two", &None)
    );
    chat.keys(" and a half<enter>three");
    chat.answer(&first, "1");
    let second = chat.request();
    assert_eq!(second.conversation.last(), Some(&user("two and a half")));
    assert_eq!(chat.text(), "three");
    assert_eq!(chat.app.prompt.queue, None);
}

#[test]
fn a_stopped_turn_gives_the_queue_back() {
    let mut chat = Chat::new();
    chat.keys("one<enter>");
    let first = chat.request();
    chat.begin(&first);
    chat.keys("two<enter><ctrl+c>");
    chat.finish(
        first.turn,
        Outcome::Stopped {
            text: "half".into(),
        },
    );
    assert_eq!(chat.text(), "two");
    assert_eq!(chat.said(), ["one", "half"]);
    assert_eq!(chat.started(), []);
}

#[test]
fn a_long_paste_is_a_placeholder_until_it_is_sent() {
    let mut chat = Chat::new();
    let long = "line\n".repeat(40);
    chat.keys("see ");
    chat.send(Msg::Paste(long.clone()));
    chat.send(Msg::Paste(long.clone()));
    assert_eq!(chat.text(), "see [pasted 40 lines][pasted 40 lines #2]");
    chat.keys("<enter>");
    let sent = format!("see {long}{long}");
    assert_eq!(chat.request().conversation, [user(sent.trim())]);
    chat.keys("<ctrl+c>");
    chat.send(Msg::Paste("short\x1b[2J".into()));
    assert_eq!(chat.text(), "short[2J");
    chat.keys("<ctrl+u>");
    chat.send(Msg::Paste("x".repeat(1_001)));
    assert_eq!(chat.text(), "[pasted 1001 characters]");
}

#[test]
fn history_is_walked_and_searched() {
    let mut chat = Chat::new();
    chat.keys("new<up>");
    assert_eq!(chat.text(), "old");
    chat.keys("<up><up>");
    assert_eq!(chat.text(), "older");
    chat.keys("<down><down>");
    assert_eq!(chat.text(), "new");
    chat.keys("<ctrl+u><ctrl+r>ol");
    let found = chat.app.prompt.search.as_ref().unwrap().found;
    assert_eq!(found, Some(1));
    chat.keys("<ctrl+r><enter>");
    assert_eq!(chat.text(), "older");
    assert_eq!(chat.app.prompt.search, None);
    chat.keys("<ctrl+r>zzz<esc>");
    assert_eq!(chat.text(), "older");
}

#[test]
fn every_action_of_the_table_can_be_performed() {
    let bound: BTreeSet<Action> = Keymap::builtin()
        .bindings()
        .iter()
        .map(|b| b.action)
        .collect();
    assert_eq!(Keymap::builtin().collisions(), []);
    for action in Action::all() {
        assert!(bound.contains(&action), "{action:?}");
        let mut chat = Chat::new();
        chat.round("a", "b");
        let now = chat.now;
        chat.app.update(Msg::Refresh, now);
        chat.app.perform(action);
    }
}

#[test]
fn the_leader_shows_what_may_follow_and_gives_up() {
    let mut chat = Chat::new();
    chat.keys("<ctrl+x>");
    assert!(!chat.app.pending.is_shown);
    chat.wait(300, Timer::WhichKey);
    assert!(chat.app.pending.is_shown);
    let rows = chat.app.which_key_rows();
    assert!(
        rows.iter()
            .any(|(keys, name, _)| keys == "m" && *name == "models")
    );
    chat.wait(1_700, Timer::ChordExpired);
    assert_eq!(chat.app.pending.chords, []);
    chat.keys("m");
    assert_eq!(chat.text(), "m");
    chat.keys("<ctrl+x m>");
    assert_eq!(chat.app.screen, Screen::Models);
}

#[test]
fn presets_change_in_place_and_for_one_turn() {
    let mut chat = Chat::new();
    chat.keys("draft<alt+2>");
    assert_eq!(
        (chat.app.preset.as_str(), chat.text().as_str()),
        ("plain", "draft")
    );
    chat.keys("<ctrl+u>one<enter>");
    let request = chat.request();
    assert_eq!(request.council.society, "single");
    chat.keys("<alt+1>");
    assert!(
        chat.notice().contains("from the next turn on"),
        "{}",
        chat.notice()
    );
    assert_eq!(chat.app.chat.running, Some(request.turn));
    chat.answer(&request, "1");
    chat.keys("/plain quick<enter>");
    let once = chat.request();
    assert_eq!(
        (once.council.name.as_str(), chat.app.preset.as_str()),
        ("plain", "council")
    );
    assert_eq!(once.conversation.last(), Some(&user("quick")));
    chat.answer(&once, "2");
    chat.keys("/moa deep<enter>");
    assert_eq!(chat.request().council.name, "council");
}

#[test]
fn every_society_answers_one_turn_by_its_command() {
    let agents = || vec![agent("any", "m")];
    for (command, society) in [
        ("/debate", "debate"),
        ("/plan", "planner"),
        ("/graph", "graph"),
    ] {
        let mut chat = Chat::new();
        chat.keys(&format!("{command} why<enter>"));
        assert!(chat.notice().contains("no usable preset"), "{command}");
        chat.app.presets.push(preset("mine", society, agents()));
        chat.keys(&format!("<ctrl+u>{command} why<enter>"));
        let request = chat.request();
        assert_eq!(request.council.name, "mine", "{command}");
        assert_eq!(request.conversation.last(), Some(&user("why")));
        assert_eq!(chat.app.preset, "council", "the preset in use stays");
    }
}

#[test]
fn the_preset_list_filters_and_shows_what_is_broken() {
    let mut chat = Chat::new();
    chat.keys("<f2>");
    let rows = chat.app.preset_rows();
    let numbers: Vec<Option<u8>> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, [Some(1), Some(2), Some(3), None, Some(4)]);
    assert!(rows[3].problem.as_ref().unwrap().contains("line 12"));
    chat.keys("brok<enter>");
    assert!(chat.app.overlay.is_some());
    chat.keys("<ctrl+u>far<enter>");
    assert_eq!(
        (chat.app.preset.as_str(), &chat.app.overlay),
        ("far", &None)
    );
    assert_eq!(chat.app.recipients(), ["openai"]);
    chat.take();
    chat.keys("<f2>far<ctrl+e>");
    assert_eq!(
        chat.take(),
        [Effect::Preset(PresetEffect::Edit("far".into()))]
    );
}

#[test]
fn local_only_refuses_what_would_leave_this_machine() {
    let mut chat = Chat::new();
    chat.keys("<alt+3>/local on<enter>");
    assert!(chat.take().contains(&Effect::SetLocalOnly(true)));
    chat.keys("secret<enter>");
    assert_eq!(chat.started(), []);
    assert!(chat.notice().contains("openai"), "{}", chat.notice());
    assert_eq!(chat.text(), "secret");
    assert_eq!(chat.log, []);
}

#[test]
fn agents_are_skipped_retried_and_the_turn_goes_on_early() {
    let mut chat = Chat::new();
    chat.keys("q<enter>");
    let request = chat.request();
    chat.begin(&request);
    let turn = request.turn;
    chat.keys("<tab>2s");
    let node = NodeId(2);
    assert_eq!(chat.take(), [Effect::Control(turn, Control::Skip { node })]);
    chat.keys("r");
    assert_eq!(
        chat.take(),
        [Effect::Control(turn, Control::Retry { node })]
    );
    chat.keys("a");
    assert_eq!(chat.take(), [Effect::Control(turn, Control::Proceed)]);
    chat.keys("i/skip 1<enter>");
    let effects = chat.take();
    let node = NodeId(1);
    assert!(
        effects.contains(&Effect::Control(turn, Control::Skip { node })),
        "{effects:?}"
    );
}

#[test]
fn an_agent_retried_after_the_end_keeps_the_others() {
    let mut chat = Chat::new();
    chat.keys("q<enter>");
    let first = chat.request();
    chat.begin(&first);
    chat.node_ends(first.turn, 1, "good");
    chat.node_fails(first.turn, 2);
    chat.node_ends(first.turn, 3, "answer");
    chat.finish(
        first.turn,
        Outcome::Answered {
            text: "answer".into(),
        },
    );
    chat.keys("<tab><enter>2r");
    let again = chat.request();
    assert_eq!(
        again.reuse,
        BTreeMap::from([(NodeId(1), "good".to_owned())])
    );
    assert_eq!((again.question, again.turn), (first.question, TurnId(2)));
    chat.answer(&again, "better");
    assert_eq!(chat.said(), ["q", "better"]);
    let answers = &chat.app.chat.transcript.messages[&MessageId(1)].children;
    assert_eq!(answers.len(), 2);
}

#[test]
fn the_final_answer_or_everything_is_made_again() {
    let mut chat = Chat::new();
    let first = chat.round("q", "one");
    chat.keys("<ctrl+x r>");
    let again = chat.request();
    assert_eq!(again.question, first.question);
    let refs = [
        (NodeId(1), "ref 1".to_owned()),
        (NodeId(2), "ref 2".to_owned()),
    ];
    assert_eq!(again.reuse, BTreeMap::from(refs));
    assert_eq!(again.conversation, [user("q")]);
    chat.answer(&again, "two");
    chat.keys("<alt+2><ctrl+x R>");
    let whole = chat.request();
    assert_eq!(
        (whole.reuse.len(), whole.council.name.as_str()),
        (0, "plain")
    );
    chat.answer(&whole, "three");
    assert_eq!(chat.said(), ["q", "three"]);
    chat.keys("<tab><left>");
    assert_eq!(chat.said(), ["q", "two"]);
    chat.keys("h");
    assert_eq!(chat.said(), ["q", "one"]);
    chat.keys("l");
    assert_eq!(chat.said(), ["q", "two"]);
}

#[test]
fn an_edited_question_begins_a_branch() {
    let mut chat = Chat::new();
    chat.round("q1", "a1");
    chat.round("q2", "a2");
    chat.keys("<tab>[[[[e");
    assert_eq!(
        (chat.text().as_str(), chat.app.focus.area),
        ("q1", Area::Prompt)
    );
    chat.keys("!<enter>");
    let request = chat.request();
    assert_eq!(request.conversation, [user("q1!")]);
    chat.answer(&request, "a1!");
    assert_eq!(chat.said(), ["q1!", "a1!"]);
    chat.keys("<tab>h");
    assert_eq!(chat.said(), ["q1", "a1", "q2", "a2"]);
}

#[test]
fn an_edited_answer_is_what_the_next_turn_sees() {
    let mut chat = Chat::new();
    chat.round("q", "wrong");
    chat.keys("<tab>[e<ctrl+u>right<enter>");
    assert_eq!(chat.started(), []);
    assert_eq!(chat.said(), ["q", "right"]);
    chat.keys("next<enter>");
    let expected = [user("q"), Message::assistant("right"), user("next")];
    assert_eq!(chat.request().conversation, expected);
}

#[test]
fn a_branch_goes_on_from_an_answer_and_undo_steps_back() {
    let mut chat = Chat::new();
    chat.round("q1", "a1");
    chat.round("q2", "a2");
    chat.keys("<ctrl+x u>");
    assert_eq!(
        (chat.said(), chat.text().as_str()),
        (vec!["q1", "a1"], "q2")
    );
    chat.keys("/redo");
    assert_eq!(chat.text(), "q2/redo");
    chat.keys("<ctrl+x U>");
    assert_eq!(chat.said(), ["q1", "a1", "q2", "a2"]);
    chat.keys("<ctrl+c><tab>[[[b");
    assert_eq!(chat.said(), ["q1", "a1"]);
    chat.keys("q3<enter>");
    assert_eq!(chat.request().conversation.len(), 3);
}

#[test]
fn a_half_finished_turn_is_taken_up_again() {
    let mut chat = Chat::new();
    chat.keys("q<enter>");
    let first = chat.request();
    chat.begin(&first);
    chat.node_ends(first.turn, 1, "kept");
    let text = "hal".to_owned();
    chat.emit(
        first.turn,
        Kind::Delta {
            node: NodeId(2),
            text,
            thinking: false,
        },
    );
    let log = chat.log.clone();

    let mut later = Chat::new();
    later.send(Msg::Opened {
        id: SessionId("s".into()),
        events: log,
    });
    let turn = &later.app.chat.transcript.turns[&first.turn];
    assert_eq!(turn.state, TurnState::Interrupted);
    assert_eq!(turn.nodes[&NodeId(2)].state, NodeState::Interrupted);
    assert!(later.app.can_resume());
    later.keys("/retry<enter>");
    let again = later.request();
    assert_eq!(again.turn, TurnId(2));
    assert_eq!(
        again.reuse,
        BTreeMap::from([(NodeId(1), "kept".to_owned())])
    );
    assert_eq!(again.conversation, [user("q")]);
}

#[test]
fn an_answer_that_was_not_written_down_is_added_on_opening() {
    let mut chat = Chat::new();
    chat.keys("q<enter>");
    let first = chat.request();
    chat.answer(&first, "a");
    let mut log = chat.log.clone();
    log.truncate(log.len() - 2);
    let mut later = Chat::new();
    later.send(Msg::Opened {
        id: SessionId("s".into()),
        events: log,
    });
    assert_eq!(later.said(), ["q", "a"]);
    assert!(matches!(later.take().first(), Some(Effect::Record(kinds)) if kinds.len() == 2));
}

#[test]
fn the_agent_alone_is_asked_beside_the_council() {
    let mut chat = Chat::new();
    chat.keys("/compare on<enter>q<enter>");
    let started = chat.started();
    assert_eq!(started.len(), 2);
    let alone = &started[1].council;
    assert_eq!((alone.society.as_str(), alone.agents.len()), ("single", 1));
    assert_eq!(alone.agents[0].model, ModelRef::new("small", "scripted"));
    chat.begin(&started[0]);
    let (question, preset) = (started[1].question, alone.name.clone());
    chat.emit(started[1].turn, Kind::Began { question, preset });
    let mut lone = plan();
    lone.nodes.drain(..2);
    chat.emit(started[1].turn, Kind::Planned { plan: lone });
    assert_eq!(chat.app.panes().len(), 4);
    chat.finish(
        started[1].turn,
        Outcome::Answered {
            text: "alone".into(),
        },
    );
    assert_eq!(chat.app.chat.running, Some(started[0].turn));
    chat.node_ends(started[0].turn, 3, "together");
    chat.finish(
        started[0].turn,
        Outcome::Answered {
            text: "together".into(),
        },
    );
    assert_eq!(chat.said(), ["q", "together"]);
    assert!(chat.app.chat.transcript.beside(started[0].turn).is_some());
    chat.keys("<ctrl+x r>");
    assert_eq!(chat.started().len(), 2);
}

#[test]
fn files_are_read_before_a_message_is_sent() {
    let mut chat = Chat::new();
    chat.keys("look @no");
    assert!(chat.take().contains(&Effect::CompletePath {
        prefix: "no".into()
    }));
    chat.send(Msg::Paths(vec!["notes.txt".into(), "node/".into()]));
    chat.keys("<tab>");
    let path = "notes.txt".to_owned();
    assert!(chat.take().contains(&Effect::Attach { path: path.clone() }));
    chat.keys("please<enter>");
    assert_eq!(chat.started(), []);
    chat.send(Msg::Attached {
        path,
        text: Ok("one\ntwo\n".into()),
    });
    let sent = &chat.request().conversation[0].content;
    assert!(sent.starts_with("look @notes.txt please"), "{sent}");
    assert!(sent.contains("one\ntwo"), "{sent}");
    assert_eq!(chat.app.prompt.attachments, []);
}

#[test]
fn a_word_that_is_no_file_can_still_be_sent() {
    let mut chat = Chat::new();
    chat.keys("mail @a.b<enter>");
    let path = "a.b".to_owned();
    assert!(chat.take().contains(&Effect::Attach { path: path.clone() }));
    chat.send(Msg::Attached {
        path,
        text: Err("no such file".into()),
    });
    assert_eq!(
        (chat.text().as_str(), chat.started()),
        ("mail @a.b", Vec::new())
    );
    chat.keys("<enter>");
    assert_eq!(chat.request().conversation, [user("mail @a.b")]);
}

#[test]
fn commands_are_completed_and_unknown_ones_are_not_sent() {
    let mut chat = Chat::new();
    chat.keys("/comp");
    assert_eq!(
        chat.app.prompt.completion.as_ref().unwrap().items[0].text,
        "/compare"
    );
    chat.keys("<enter>");
    assert_eq!(chat.text(), "/compare ");
    chat.keys("on<enter>");
    assert!(chat.app.chat.is_comparing);
    chat.keys("/fly<enter>");
    assert!(chat.notice().contains("/fly is not a command"));
    assert_eq!((chat.started(), chat.text().as_str()), (Vec::new(), "/fly"));
    chat.keys("<ctrl+u>/compare off<enter>/etc/passwd is a path<enter>");
    assert_eq!(chat.started().len(), 1);
}

#[test]
fn system_prompt_and_sampling_go_with_the_next_turn() {
    let mut chat = Chat::new();
    chat.keys("/system be brief<enter>/params temperature=0.2 max_tokens=64<enter>");
    chat.keys("/params warmth=3<enter>");
    assert!(chat.notice().contains("\"warmth\" is not known"));
    chat.keys("<ctrl+u>q<enter>");
    let council = chat.request().council;
    assert_eq!(council.system.as_deref(), Some("be brief"));
    for agent in &council.agents {
        assert_eq!(agent.sampling.temperature, Some(0.2));
        assert_eq!(agent.sampling.max_tokens, Some(64));
    }
}

#[test]
fn text_is_copied_as_the_model_wrote_it() {
    let mut chat = Chat::new();
    let answer = "so\n```rust\nfn a() {}\n```\nand\n```\nb\n```";
    chat.round("q", answer);
    chat.keys("/copy<enter>");
    assert!(chat.take().contains(&Effect::Copy(answer.into())));
    chat.keys("/copy 2<enter>");
    assert!(chat.take().contains(&Effect::Copy("b".into())));
    chat.keys("<tab>Yrust<enter>");
    assert!(chat.take().contains(&Effect::Copy("fn a() {}".into())));
    chat.keys("<enter>1y");
    assert!(chat.take().contains(&Effect::Copy("ref 1".into())));
}

#[test]
fn sessions_are_listed_opened_renamed_deleted_and_exported() {
    let mut chat = Chat::new();
    let info = |id: &str| SessionInfo {
        id: SessionId(id.into()),
        title: format!("about {id}"),
        created: 0,
        updated: 0,
        turns: 1,
        preset: "council".into(),
        snippet: None,
    };
    chat.keys("<ctrl+x s>");
    assert!(chat.take().contains(&Effect::Session(SessionEffect::List {
        query: String::new()
    })));
    chat.send(Msg::Sessions(vec![info("a"), info("b")]));
    chat.keys("x");
    assert!(
        chat.take()
            .contains(&Effect::Session(SessionEffect::List { query: "x".into() }))
    );
    chat.keys("<down><ctrl+r>!<enter>");
    let id = SessionId("b".into());
    let title = "about b!".to_owned();
    assert!(
        chat.take()
            .contains(&Effect::Session(SessionEffect::Rename {
                id: id.clone(),
                title
            }))
    );
    chat.keys("<down><ctrl+d>n<down><ctrl+d>y");
    let deleted = chat
        .take()
        .into_iter()
        .filter(|e| *e == Effect::Session(SessionEffect::Delete(id.clone())));
    assert_eq!(deleted.count(), 1);
    chat.keys("<ctrl+z>");
    assert!(
        chat.take()
            .contains(&Effect::Session(SessionEffect::UndoDelete))
    );
    chat.keys("<home><enter>");
    assert!(
        chat.take()
            .contains(&Effect::Session(SessionEffect::Open(SessionId("a".into()))))
    );
    chat.round("q", "a");
    chat.keys("/export json final<enter>");
    let format = ExportFormat::Json;
    let with_parts = false;
    assert!(
        chat.take()
            .contains(&Effect::Session(SessionEffect::Export {
                format,
                with_parts
            }))
    );
    chat.keys("draft<ctrl+x n>");
    assert!(chat.take().contains(&Effect::Session(SessionEffect::New)));
    assert_eq!((chat.said().len(), chat.text().as_str()), (0, "draft"));
}

#[test]
fn themes_are_tried_on_and_put_back() {
    let mut chat = Chat::new();
    chat.keys("<ctrl+x t>").take();
    chat.keys("<down>");
    assert_eq!(chat.take(), [Effect::LoadTheme("light".into())]);
    chat.send(Msg::Theme(
        ThemeSpec {
            name: "light".into(),
            ..ThemeSpec::default()
        },
        Vec::new(),
    ));
    chat.keys("<esc>");
    assert_eq!(chat.take(), [Effect::LoadTheme("dark".into())]);
    chat.keys("/theme light<enter>");
    let (key, value) = ("theme".to_owned(), "light".to_owned());
    assert!(chat.take().contains(&Effect::SaveSetting { key, value }));
}

fn first_start() -> Chat {
    let settings = Settings {
        preset: "local".into(),
        ..settings()
    };
    let mut chat = Chat::fresh(settings);
    chat.take();
    chat.send(Msg::Models(vec![model("small", ModelState::Missing)]));
    chat
}

#[test]
fn the_default_model_is_fetched_unasked_and_a_question_waits_for_it() {
    let mut chat = first_start();
    let pull = Effect::Model(ModelEffect::Pull("small".into()));
    assert_eq!(chat.take(), [pull]);
    chat.send(Msg::Pull(Pull {
        model: "small".into(),
        source: "Hugging Face".into(),
        done: 1,
        total: 2,
        bytes_per_second: 1,
        remaining: None,
        stage: PullStage::Transferring,
        notes: Vec::new(),
    }));
    assert!(chat.app.models.running_pull().is_some());
    chat.keys("hello<enter>");
    assert_eq!(chat.started(), []);
    assert_eq!(chat.app.prompt.queue.as_deref(), Some("hello"));
    chat.send(Msg::PullEnded {
        model: "small".into(),
        outcome: PullOutcome::Ready {
            path: "/m.gguf".into(),
        },
    });
    assert_eq!(chat.request().conversation, [user("hello")]);
    assert_eq!(chat.app.chat.waits_for, None);
}

#[test]
fn presets_that_need_no_local_model_answer_meanwhile() {
    let mut chat = first_start();
    chat.take();
    chat.keys("/with plain hi<enter>");
    assert_eq!(chat.started().len(), 1);
    chat.keys("<ctrl+x d>");
    let stop = Effect::Model(ModelEffect::StopPull("small".into()));
    assert!(chat.take().contains(&stop));
}

#[test]
fn without_any_source_the_first_run_explains_and_tries_again() {
    let mut chat = first_start();
    chat.keys("hello<enter>");
    chat.take();
    let tried = vec![("Hugging Face".to_owned(), "no answer".to_owned())];
    chat.send(Msg::PullEnded {
        model: "small".into(),
        outcome: PullOutcome::Failed {
            tried: tried.clone(),
        },
    });
    assert_eq!(chat.app.screen, Screen::FirstRun);
    assert_eq!(chat.app.models.first_run.as_ref().unwrap().tried, tried);
    assert_eq!(
        (chat.text().as_str(), &chat.app.chat.waits_for),
        ("hello", &None)
    );
    chat.take();
    chat.keys("<enter>");
    let pull = Effect::Model(ModelEffect::Pull("small".into()));
    assert_eq!(chat.take(), [pull]);
    assert_eq!(chat.app.screen, Screen::Chat);
}

#[test]
fn local_only_fetches_nothing() {
    let mut chat = Chat::fresh(Settings {
        preset: "local".into(),
        local_only: true,
        ..settings()
    });
    chat.take();
    chat.send(Msg::Models(vec![model("small", ModelState::Missing)]));
    chat.keys("hello<enter>");
    let effects = chat.take();
    assert!(
        !effects
            .iter()
            .any(|e| matches!(e, Effect::Model(_) | Effect::StartTurn(_))),
        "{effects:?}"
    );
    assert_eq!(chat.text(), "hello");
}

#[test]
fn other_models_are_asked_about_first() {
    let mut chat = Chat::new();
    chat.send(Msg::Models(vec![
        model("big", ModelState::Missing),
        model("small", ready()),
    ]));
    chat.keys("<f5><enter>");
    assert!(matches!(chat.app.overlay, Some(Overlay::Confirm(_))));
    chat.take();
    chat.keys("y");
    assert_eq!(
        chat.take(),
        [Effect::Model(ModelEffect::Pull("big".into()))]
    );
    chat.keys("s<down>v");
    let expected = [
        Effect::Model(ModelEffect::StopPull("big".into())),
        Effect::Model(ModelEffect::Verify("small".into())),
    ];
    assert_eq!(chat.take(), expected);
    chat.keys("<f3>");
    assert_eq!(chat.app.screen, Screen::Chat);
}

#[test]
fn a_search_in_a_pane_walks_its_matches() {
    let mut chat = Chat::new();
    chat.keys("q<enter>");
    let request = chat.request();
    chat.begin(&request);
    chat.node_ends(request.turn, 1, "Blue and blue\nred\nBLUE");
    let pane = PaneId::Node(request.turn, NodeId(1));
    chat.keys("<tab>/blue");
    chat.send(Msg::Viewport(Viewport {
        panes: vec![PaneBox {
            pane,
            column: 0,
            row: 0,
            columns: 40,
            rows: 4,
            lines: 30,
            height: 2,
        }],
        matches: vec![3, 3, 12],
        ..Viewport::default()
    }));
    assert_eq!(chat.app.focus.search.as_ref().unwrap().matches, 3);
    chat.keys("<enter>N");
    assert_eq!(chat.app.focus.search.as_ref().unwrap().current, 2);
    assert_eq!(chat.app.focus.view(pane).top, Some(11));
    chat.keys("n");
    assert_eq!(chat.app.focus.view(pane).top, Some(2));
    chat.keys("G");
    assert_eq!(chat.app.focus.view(pane).top, None);
    chat.send(Msg::Mouse(Mouse::ScrollUp { column: 1, row: 1 }));
    assert_eq!(chat.app.focus.view(pane).top, Some(25));
}

#[test]
fn a_bell_rings_only_for_somebody_elsewhere() {
    let mut chat = Chat::new();
    chat.round("a", "b");
    assert!(!chat.take().contains(&Effect::Bell));
    chat.send(Msg::Focus(false));
    chat.round("c", "d");
    assert!(chat.take().contains(&Effect::Bell));
}

/// A small generator, so that a failing sequence can be run again by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % sides as u64).unwrap()
    }
}

/// What a turn under test may do next.
fn random_event(dice: &mut Dice) -> Kind {
    let node = NodeId(u32::try_from(dice.roll(4) + 1).unwrap());
    match dice.roll(10) {
        0 => Kind::Planned { plan: plan() },
        1 => Kind::Progress {
            node,
            progress: Progress::Waiting,
        },
        2..=4 => Kind::Delta {
            node,
            text: "wörd `x` ".into(),
            thinking: dice.roll(4) == 0,
        },
        5 => Kind::Restarted { node },
        6 => Kind::Done {
            node,
            usage: Usage::default(),
            finish: Finish::Stop,
        },
        7 => Kind::Failed {
            node,
            fault: Fault::new(FaultClass::Empty, "nothing"),
        },
        8 => Kind::Mark {
            node,
            key: "reused".into(),
            value: "yes".into(),
        },
        _ => match dice.roll(3) {
            0 => Kind::Finished {
                outcome: Outcome::Answered {
                    text: "answer".into(),
                },
            },
            1 => Kind::Finished {
                outcome: Outcome::Stopped {
                    text: String::new(),
                },
            },
            _ => Kind::Finished {
                outcome: Outcome::Failed {
                    fault: Fault::cancelled(),
                },
            },
        },
    }
}

#[test]
fn any_keys_and_events_leave_a_view_that_the_log_gives_again() {
    let mut keys: Vec<Chord> = Keymap::builtin()
        .bindings()
        .iter()
        .flat_map(|b| b.chords.clone())
        .collect();
    let enter = Chord::plain(Key::Enter);
    keys.extend([enter; 20]);
    keys.extend("aé /@\\".chars().map(|c| Chord::plain(Key::Char(c))));
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let mut chat = Chat::new();
        let mut alive: Vec<TurnId> = Vec::new();
        for step in 0..400 {
            chat.now += dice.roll(700) as u64;
            match dice.roll(12) {
                0..=7 => chat.send(Msg::Key(keys[dice.roll(keys.len())])),
                8 => chat.send(Msg::Paste("pasted\n".repeat(dice.roll(14)))),
                9 => chat.send(Msg::Timer(
                    [Timer::WhichKey, Timer::ChordExpired, Timer::Notice][dice.roll(3)],
                )),
                _ => {
                    if let Some(&turn) = alive.get(dice.roll(alive.len().max(1))) {
                        let kind = random_event(&mut dice);
                        let is_end = matches!(kind, Kind::Finished { .. });
                        if is_end {
                            alive.retain(|other| *other != turn);
                        }
                        chat.emit(turn, kind);
                    }
                }
            }
            let effects = chat.take();
            if effects.contains(&Effect::Session(SessionEffect::New)) {
                chat.log.clear();
                alive.clear();
            }
            for effect in effects {
                if let Effect::StartTurn(request) = effect {
                    chat.begin(&request);
                    alive.push(request.turn);
                }
            }
            if step % 20 == 0 {
                assert_same_view(&chat.app.chat.transcript, &chat.replayed());
                // Everything a screen asks for can be asked for at any time.
                let _ = (chat.app.hints(), chat.app.panes(), chat.app.code_rows());
                let _ = (chat.app.palette_rows(), chat.app.help_rows());
            }
        }
    }
}

#[test]
fn a_said_message_keeps_its_role_in_the_log() {
    let mut chat = Chat::new();
    chat.round("q", "a");
    let roles: Vec<Role> = chat
        .log
        .iter()
        .filter_map(|event| match &event.kind {
            Kind::Said { role, .. } => Some(*role),
            _ => None,
        })
        .collect();
    assert_eq!(roles, [Role::User, Role::Assistant]);
    assert_same_view(&chat.app.chat.transcript, &chat.replayed());
}
