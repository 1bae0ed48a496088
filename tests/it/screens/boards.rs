//! The boards of debates, steps and graphs, and the question of a tool.

use super::*;
use synod::app::effect::Effect;
use synod::domain::control::Control;
use synod::domain::event::EdgeOutcome;
use synod::domain::question::{Question, Reply};
use synod::domain::request::TOOL;

fn node(id: u32, part: &str, title: &str, round: u16, lane: u16) -> Node {
    Node {
        id: NodeId(id),
        part: part.into(),
        title: title.into(),
        model: ModelRef::new("qwen3-8b", "local"),
        round,
        lane,
        is_answer: false,
    }
}

fn mark(play: &mut Play, node: u32, key: &str, value: &str) {
    play.turn(Kind::Mark {
        node: NodeId(node),
        key: key.into(),
        value: value.into(),
    });
}

const TRAIN: &str =
    "A train leaves at 08:00 at 90 km/h; a car at 08:12 at 120 km/h. When are they level?";

/// Three agents in their third round; the second changed its mind.
fn debate() -> App {
    let mut play = Play::new();
    play.say(1, None, Speaker::User, TRAIN);
    let names = ["alpha", "beta", "gamma"];
    let mut nodes = Vec::new();
    for round in 1..=3_u16 {
        for (lane, name) in (1_u16..).zip(names) {
            let id = u32::from((round - 1) * 3 + lane);
            nodes.push(node(id, "agent", name, round, lane));
        }
    }
    nodes.push(Node {
        model: ModelRef::new("vote", TOOL),
        is_answer: true,
        ..node(10, "vote", "vote", 4, 0)
    });
    let mut edges = Vec::new();
    for from in &nodes {
        let next = nodes.iter().filter(|to| to.round == from.round + 1);
        edges.extend(next.map(|to| (from.id, to.id)));
    }
    play.begin(
        1,
        Plan {
            nodes,
            edges,
            hint: Hint::Grid,
        },
    );
    let held = [
        "08:48", "08:40", "08:36", "08:48", "08:48", "08:36", "08:48",
    ];
    for (id, answer) in (1..).zip(held) {
        play.stream(id, THIRD, 700);
        play.done(id, 80);
        mark(&mut play, id, "answer", answer);
        mark(&mut play, id, "changed", if id == 5 { "yes" } else { "no" });
        if id == 5 {
            mark(&mut play, id, "went_over_to", "alpha");
        }
    }
    play.progress(8, Progress::Waiting);
    play.stream(8, FIRST, 2000);
    play.progress(9, Progress::Waiting);
    play.app
}

/// A planner in its second step, whose tool asks first.
fn steps() -> App {
    let mut play = Play::new();
    play.say(1, None, Speaker::User, "Which of the papers is the oldest?");
    let nodes = vec![
        node(1, "planner", "qwen3-8b", 1, 1),
        node(2, "caller", "qwen3-4b", 1, 2),
        Node {
            model: ModelRef::new("search", TOOL),
            ..node(3, "tool", "search", 1, 3)
        },
        node(4, "planner", "qwen3-8b", 2, 1),
        Node {
            model: ModelRef::new("shell", TOOL),
            ..node(5, "tool", "shell", 2, 2)
        },
        Node {
            is_answer: true,
            ..node(6, "summarizer", "qwen3-8b", 3, 0)
        },
    ];
    let edges = (1..6).map(|id| (NodeId(id), NodeId(id + 1))).collect();
    play.begin(
        1,
        Plan {
            nodes,
            edges,
            hint: Hint::Steps,
        },
    );
    play.stream(1, "Find the papers that cite the report.", 900);
    play.done(1, 12);
    play.stream(2, "Action: search", 500);
    play.done(2, 9);
    play.turn(Kind::Called {
        node: NodeId(3),
        tool: "search".into(),
        arguments: r#"{"limit":5,"query":"oldest report"}"#.into(),
    });
    play.after(1200)
        .stream(3, "3 results: 1931, 1947, 1952", 10);
    play.done(3, 0);
    play.stream(4, "List the files to check the years.", 800);
    play.done(4, 11);
    play.turn(Kind::Asked {
        node: NodeId(5),
        question: Question::Permission {
            tool: "shell".into(),
            effects: "runs a program in the folder of this session".into(),
            shown: "ls -l papers | sort -k6".into(),
            arguments: r#"{"command":"ls -l papers | sort -k6"}"#.into(),
        },
    });
    play.app
}

/// A graph of five agents; one edge would have closed a cycle.
fn graph() -> App {
    let mut play = Play::new();
    play.say(1, None, Speaker::User, QUESTION);
    let nodes = vec![
        node(1, "io", "io.1", 1, 1),
        node(2, "io", "io.2", 1, 2),
        node(3, "cot", "cot.1", 1, 3),
        node(4, "tot", "tot.1", 2, 1),
        Node {
            is_answer: true,
            ..node(5, "decision", "vote", 3, 0)
        },
    ];
    let pair = |from: u32, to: u32| (NodeId(from), NodeId(to));
    let edges = vec![pair(1, 4), pair(2, 4), pair(2, 5), pair(4, 5)];
    play.begin(
        1,
        Plan {
            nodes,
            edges,
            hint: Hint::Graph,
        },
    );
    let draws = [
        (1, 4, 0.5, Some(0.31), EdgeOutcome::Taken),
        (2, 4, -0.1, Some(0.44), EdgeOutcome::Taken),
        (3, 4, -1.4, Some(0.83), EdgeOutcome::NotTaken),
        (4, 1, 0.9, None, EdgeOutcome::Cycle),
        (2, 5, 2.0, Some(0.12), EdgeOutcome::Taken),
        (4, 5, 9.0, Some(0.91), EdgeOutcome::Taken),
    ];
    for (from, to, logit, draw, outcome) in draws {
        play.turn(Kind::Drawn {
            from: NodeId(from),
            to: NodeId(to),
            logit,
            probability: 1.0 / (1.0 + f64::exp(-logit)),
            draw,
            outcome,
        });
    }
    for id in 1..=3 {
        play.stream(id, THIRD, 600);
        play.done(id, 60);
        mark(&mut play, id, "answer", "B");
    }
    play.progress(4, Progress::Waiting);
    play.stream(4, SECOND, 1500);
    play.app
}

#[test]
fn a_debate() {
    at_all_sizes("debate", debate);
}

#[test]
fn steps_and_a_tool_that_asks() {
    at_all_sizes("steps", steps);
}

#[test]
fn a_graph() {
    at_all_sizes("graph", graph);
}

#[test]
fn why_an_edge_is_there() {
    for name in ["graph-edges", "graph-matrix"] {
        let mut app = graph();
        app.focus.pane = Some(PaneId::Node(TURN, NodeId(4)));
        app.focus.area = Area::Pane;
        press(&mut app, Chord::plain(Key::Char('m')));
        if name == "graph-matrix" {
            press(&mut app, Chord::plain(Key::Char('m')));
        }
        let (buffer, _) = render(&mut app, &theme(), 120, 40);
        snapshot(&format!("{name}-120x40"), &text(&buffer));
    }
}

/// What the keys answer; the question closes and stays closed.
fn answered(key: char) -> (Vec<Effect>, App) {
    let mut app = steps();
    let now = app.now + 1000;
    let effects = app.update(Msg::Key(Chord::plain(Key::Char(key))), now);
    (effects, app)
}

#[test]
fn every_key_of_the_question_answers_it() {
    let cases = [
        ('y', Reply::Once),
        ('s', Reply::Session),
        ('n', Reply::Refuse),
        ('x', Reply::Never),
    ];
    for (key, reply) in cases {
        let (effects, app) = answered(key);
        let control = Control::Reply {
            node: NodeId(5),
            reply,
        };
        let sent = Effect::Control(TURN, control);
        assert_eq!(effects, [sent], "{key}");
        assert!(app.overlay.is_none(), "{key}");
    }
}

#[test]
fn a_key_typed_before_the_question_was_read_allows_nothing() {
    for key in ['y', 's'] {
        let mut app = steps();
        let now = app.now + 100;
        let effects = app.update(Msg::Key(Chord::plain(Key::Char(key))), now);
        let is_control = |effect: &Effect| matches!(effect, Effect::Control(..));
        assert!(!effects.iter().any(is_control));
        assert!(app.overlay.is_some());
    }
}

#[test]
fn arguments_are_edited_before_the_call() {
    let (_, mut app) = answered('e');
    let now = app.now + 1000;
    for _ in 0..2 {
        let _ = app.update(Msg::Key(Chord::plain(Key::Backspace)), now);
    }
    let enter = Msg::Key(Chord::plain(Key::Enter));
    let effects = app.update(enter.clone(), now);
    assert!(
        effects
            .iter()
            .all(|effect| !matches!(effect, Effect::Control(..))),
        "broken JSON is not sent"
    );
    assert!(app.overlay.is_some());
    for letter in "\"}".chars() {
        let _ = app.update(Msg::Key(Chord::plain(Key::Char(letter))), now);
    }
    let effects = app.update(enter, now);
    let arguments = r#"{"command":"ls -l papers | sort -k6"}"#.to_owned();
    let control = Control::Reply {
        node: NodeId(5),
        reply: Reply::Edited { arguments },
    };
    assert_eq!(effects, [Effect::Control(TURN, control)]);
}

#[test]
fn an_agent_asks_for_words() {
    let mut app = steps();
    let now = app.now + 1000;
    let event = |kind: Kind| Event {
        source: Source::Turn(TURN),
        seq: 900,
        at: now,
        kind,
    };
    let replied = Kind::Replied {
        node: NodeId(5),
        reply: Reply::Never,
        by_rule: Some("not allowed in this session".into()),
    };
    let _ = app.update(Msg::Events(vec![event(replied)]), now);
    assert!(app.overlay.is_none(), "a question a rule answered closes");
    let asked = Kind::Asked {
        node: NodeId(5),
        question: Question::Words {
            prompt: "Which year?".into(),
        },
    };
    let _ = app.update(Msg::Events(vec![event(asked)]), now);
    for letter in "1931".chars() {
        let _ = app.update(Msg::Key(Chord::plain(Key::Char(letter))), now);
    }
    let effects = app.update(Msg::Key(Chord::plain(Key::Enter)), now);
    let control = Control::Reply {
        node: NodeId(5),
        reply: Reply::Words {
            text: "1931".into(),
        },
    };
    assert_eq!(effects, [Effect::Control(TURN, control)]);
}

/// A debate that is over: two answers are level, one agent gave none.
fn voted() -> App {
    let mut app = debate();
    let mut at = app.now;
    let mut play = |kind: Kind| {
        at += 10;
        let event = Event {
            source: Source::Turn(TURN),
            seq: at,
            at,
            kind,
        };
        let _ = app.update(Msg::Events(vec![event]), at);
    };
    let mark = |node: u32, key: &str, value: &str| Kind::Mark {
        node: NodeId(node),
        key: key.into(),
        value: value.into(),
    };
    play(mark(8, "answer", "08:36"));
    play(mark(8, "changed", "yes"));
    play(mark(8, "went_over_to", "gamma"));
    for node in [8, 9] {
        play(Kind::Done {
            node: NodeId(node),
            usage: Usage::default(),
            finish: Finish::Stop,
        });
    }
    for (voter, choice) in [(7, "08:48"), (8, "08:36")] {
        play(Kind::Ballot {
            voter: NodeId(voter),
            choice: choice.into(),
            weight: 1.0,
        });
    }
    play(mark(10, "tie", "yes"));
    play(mark(10, "answer", "08:48"));
    app
}

#[test]
fn a_vote_with_a_tie_and_an_abstention() {
    let mut app = voted();
    let (buffer, _) = render(&mut app, &theme(), 120, 40);
    let shown = text(&buffer);
    assert!(
        shown.contains("vote: a tie between 08:48 and 08:36; 08:48 counts"),
        "{shown}"
    );
    assert!(shown.contains("no answer from gamma"), "{shown}");
    assert!(
        shown.contains("round 2  beta 08:40 -> 08:48  as alpha said"),
        "{shown}"
    );
    assert!(
        shown.contains("round 3  beta 08:48 -> 08:36  as gamma said"),
        "{shown}"
    );
    snapshot("debate-vote-120x40", &shown);
}

fn letter(app: &mut App, letter: char) {
    press(app, Chord::plain(Key::Char(letter)));
}

#[test]
fn keys_go_from_cell_to_cell() {
    let mut app = debate();
    app.focus.area = Area::Pane;
    app.focus.pane = Some(PaneId::Node(TURN, NodeId(5)));
    for (key, node) in [
        ('h', 2),
        ('h', 2),
        ('j', 3),
        ('j', 3),
        ('l', 6),
        ('l', 9),
        ('k', 8),
        ('k', 7),
        ('k', 7),
    ] {
        letter(&mut app, key);
        assert_eq!(
            app.focused_pane(),
            PaneId::Node(TURN, NodeId(node)),
            "{key}"
        );
    }
}

#[test]
fn a_cell_against_the_round_before() {
    let mut app = debate();
    app.focus.area = Area::Pane;
    app.focus.pane = Some(PaneId::Node(TURN, NodeId(8)));
    letter(&mut app, 'D');
    let (buffer, _) = render(&mut app, &theme(), 120, 40);
    let shown = text(&buffer);
    assert!(shown.contains("against round 2"), "{shown}");
    assert!(shown.contains("{+"), "{shown}");
    assert!(shown.contains("[-"), "{shown}");
    snapshot("debate-difference-120x40", &shown);
    // It stays with the agent's other rounds, and goes by the same key.
    letter(&mut app, 'h');
    assert!(app.focus.view(app.focused_pane()).shows_difference);
    letter(&mut app, 'D');
    assert!(!app.focus.view(app.focused_pane()).shows_difference);
}

/// A tool that wants to run sixty lines.
fn long_question() -> App {
    let mut app = steps();
    let lines: Vec<String> = (1..=60).map(|line| format!("echo line {line}")).collect();
    let shown = lines.join("\n");
    let question = Question::Permission {
        tool: "shell".into(),
        effects: "runs a program".into(),
        arguments: serde_json::json!({ "command": shown }).to_string(),
        shown,
    };
    let turn = app.chat.transcript.turns.get_mut(&TURN).unwrap();
    turn.asked.insert(NodeId(5), question);
    app
}

/// Draws it, and lets the state know what was shown, as the runtime does.
fn show(app: &mut App) -> String {
    let (buffer, viewport) = render(app, &theme(), 80, 24);
    let now = app.now;
    let _ = app.update(Msg::Viewport(viewport), now);
    text(&buffer)
}

#[test]
fn a_long_script_is_scrolled_to_its_end_before_it_is_allowed() {
    let mut app = long_question();
    let first = show(&mut app);
    assert!(first.contains("echo line 1"), "{first}");
    assert!(first.contains("of 60"), "{first}");
    snapshot("question-long-80x24", &first);
    // Unread, a first key says so and does nothing.
    let mut unread = long_question();
    let _ = show(&mut unread);
    let now = unread.now + 1000;
    let yes = Msg::Key(Chord::plain(Key::Char('y')));
    let effects = unread.update(yes.clone(), now);
    assert!(!effects.iter().any(|one| matches!(one, Effect::Control(..))));
    let notice = unread.notice.as_ref().unwrap().text.clone();
    assert!(notice.contains("lines were not shown yet"), "{notice}");
    let effects = unread.update(yes.clone(), now);
    assert!(effects.iter().any(|one| matches!(one, Effect::Control(..))));
    // Every line can be reached, and then one key is enough.
    let mut seen = first;
    for _ in 0..60 {
        press(&mut app, Chord::plain(Key::Down));
        seen.push_str(&show(&mut app));
    }
    for line in 1..=60 {
        let line = format!("echo line {line} ");
        assert!(seen.contains(&line), "{line}");
    }
    assert!(show(&mut app).contains("the end"));
    let effects = app.update(yes, now);
    assert!(effects.iter().any(|one| matches!(one, Effect::Control(..))));
}

#[test]
fn the_node_that_asks_is_open() {
    let mut app = steps();
    app.focus.pane = Some(PaneId::Node(TURN, NodeId(1)));
    assert_eq!(app.asking_pane(), Some(PaneId::Node(TURN, NodeId(5))));
    let (buffer, _) = render(&mut app, &theme(), 120, 40);
    let shown = text(&buffer);
    let board = shown.lines().find(|line| line.contains("asks you"));
    let selected = theme().glyphs.selected;
    assert!(board.unwrap().contains(selected), "{shown}");
}

#[test]
fn a_held_graph_says_what_it_waits_for() {
    let mut app = graph();
    let now = app.now;
    let held = Event {
        source: Source::Turn(TURN),
        seq: 900,
        at: now,
        kind: Kind::Held {
            nodes: vec![NodeId(5)],
        },
    };
    let _ = app.update(Msg::Events(vec![held]), now);
    let (buffer, _) = render(&mut app, &theme(), 120, 40);
    let shown = text(&buffer);
    assert!(shown.contains("HELD  before vote"), "{shown}");
    snapshot("graph-held-120x40", &shown);
    app.focus.area = Area::Pane;
    let step = Msg::Key(Chord::plain(Key::Char('.')));
    let effects = app.update(step, now);
    assert_eq!(effects, [Effect::Control(TURN, Control::Step)]);
    assert!(app.chat.is_held);
    let hold = Msg::Key(Chord::plain(Key::Char('p')));
    let effects = app.update(hold, now);
    let control = Control::Hold { is_on: false };
    assert_eq!(effects[0], Effect::Control(TURN, control));
}
