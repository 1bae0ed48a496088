//! Session logs on disk: what survives a kill, who may write, what a search finds, what an export holds.

use std::fs;
use std::path::PathBuf;
use synod::cli::sessions::{Format, SessionsCommand};
use synod::domain::event::{Event, Kind, LOG_VERSION, Outcome, Source};
use synod::domain::fault::{Fault, FaultClass};
use synod::domain::id::{MessageId, NodeId, SessionId, TurnId};
use synod::domain::message::Role;
use synod::domain::plan::{Hint, Node, Plan};
use synod::domain::request::{Finish, Usage};
use synod::store::error::StoreError;
use synod::store::export::{self, Choice};
use synod::store::log::{self, SessionLog};
use synod::store::paths::Paths;
use synod::store::session;

const BEGIN: u64 = 1_790_000_000_000;

fn place() -> (tempfile::TempDir, Paths) {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::new(Some(folder.path()));
    (folder, paths)
}

/// Numbers and times events as a runtime does.
struct Script {
    events: Vec<Event>,
}

impl Script {
    fn new() -> Self {
        Self { events: Vec::new() }
    }

    fn add(&mut self, source: Source, kind: Kind) -> &mut Self {
        let seq = self.events.len() as u64 + 1;
        self.events.push(Event {
            source,
            seq,
            at: BEGIN + seq * 100,
            kind,
        });
        self
    }

    fn said(&mut self, message: u64, role: Role, text: &str) -> &mut Self {
        let parent = (message > 1).then(|| MessageId(message - 1));
        self.add(
            Source::Session,
            Kind::Said {
                message: MessageId(message),
                parent,
                role,
                text: text.into(),
            },
        )
    }

    fn turn(&mut self, kind: Kind) -> &mut Self {
        self.add(Source::Turn(TurnId(1)), kind)
    }
}

fn node(id: u32, title: &str, is_answer: bool) -> Node {
    Node {
        id: NodeId(id),
        part: if is_answer { "aggregator" } else { "reference" }.into(),
        title: title.into(),
        model: "gpt-x@openai".parse().unwrap(),
        round: 1,
        lane: u16::from(!is_answer),
        is_answer,
    }
}

fn delta(id: u32, text: &str) -> Kind {
    Kind::Delta {
        node: NodeId(id),
        text: text.into(),
        thinking: false,
    }
}

/// A whole turn of two references, one of which fails, and an aggregator.
fn turn(question: &str, answer: &str) -> Vec<Event> {
    let usage = Usage {
        prompt_tokens: 12,
        completion_tokens: 34,
        cost: Some(0.001),
        ..Usage::default()
    };
    let mut script = Script::new();
    script
        .said(1, Role::User, question)
        .turn(Kind::Began {
            question: MessageId(1),
            preset: "moa-test".into(),
        })
        .turn(Kind::Planned {
            plan: Plan {
                nodes: vec![
                    node(1, "steady", false),
                    node(2, "bold", false),
                    node(3, "chair", true),
                ],
                edges: vec![(NodeId(1), NodeId(3)), (NodeId(2), NodeId(3))],
                hint: Hint::Columns,
            },
        })
        .turn(delta(1, "a first try "))
        .turn(Kind::Restarted { node: NodeId(1) })
        .turn(delta(1, "the reference's "))
        .turn(delta(1, "own words"))
        .turn(Kind::Done {
            node: NodeId(1),
            usage,
            finish: Finish::Length,
        })
        .turn(Kind::Failed {
            node: NodeId(2),
            fault: Fault::new(FaultClass::Auth, "the key was refused"),
        })
        .turn(delta(3, answer))
        .turn(Kind::Done {
            node: NodeId(3),
            usage,
            finish: Finish::Stop,
        })
        .turn(Kind::Finished {
            outcome: Outcome::Answered {
                text: answer.into(),
            },
        })
        .said(2, Role::Assistant, answer);
    script.events.clone()
}

fn saved(paths: &Paths, events: &[Event]) -> SessionId {
    let mut log = SessionLog::create(paths, BEGIN);
    log.append(events).unwrap();
    log.id().clone()
}

fn file(paths: &Paths, id: &SessionId) -> PathBuf {
    paths.sessions().join(format!("{id}.jsonl"))
}

fn found(paths: &Paths, query: &str) -> Vec<SessionId> {
    session::list(paths, query)
        .into_iter()
        .map(|info| info.id)
        .collect()
}

#[test]
fn a_session_appears_with_its_first_event_and_comes_back_whole() {
    let (_folder, paths) = place();
    let mut log = SessionLog::create(&paths, BEGIN);
    assert!(!log.path().exists());
    log.append(&[]).unwrap();
    assert!(!log.path().exists());
    let events = turn("why?", "because");
    log.append(&events[..4]).unwrap();
    log.append(&events[4..]).unwrap();
    let id = log.id().clone();
    drop(log);
    let (log, read) = SessionLog::open(&paths, &id).unwrap();
    assert_eq!(read, events);
    assert_eq!(log.next_seq(), events.len() as u64 + 1);
    assert_eq!(log.created(), BEGIN);
    assert_eq!(log.problems(), []);
}

#[test]
fn a_log_cut_anywhere_in_its_last_two_lines_opens_and_goes_on() {
    let (_folder, paths) = place();
    let events = turn("why? 天", "because 🚀");
    let id = saved(&paths, &events);
    let path = file(&paths, &id);
    let whole = fs::read(&path).unwrap();
    let ends: Vec<usize> = (0..whole.len()).filter(|&at| whole[at] == b'\n').collect();
    let start = ends[ends.len() - 3] + 1;
    for cut in start..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (mut log, read) = SessionLog::open(&paths, &id).unwrap();
        // Lines that are whole, with or without their end, are kept; nothing else.
        let kept = ends.iter().filter(|&&end| end <= cut).count() - 1;
        assert_eq!(read, events[..kept], "cut at {cut}");
        assert_eq!(log.problems(), [], "cut at {cut}");
        let mut next = events[0].clone();
        next.seq = log.next_seq();
        log.append(std::slice::from_ref(&next)).unwrap();
        drop(log);
        let record = log::read(&paths, &id).unwrap();
        assert_eq!(record.problems, [], "cut at {cut}");
        assert_eq!(record.events.last(), Some(&next), "cut at {cut}");
        assert_eq!(record.events.len(), kept + 1);
    }
}

#[test]
fn a_log_cut_in_its_header_is_an_empty_session() {
    let (_folder, paths) = place();
    let events = turn("why?", "because");
    let id = saved(&paths, &events);
    let path = file(&paths, &id);
    let whole = fs::read(&path).unwrap();
    for cut in 0..10 {
        fs::write(&path, &whole[..cut]).unwrap();
        let (mut log, read) = SessionLog::open(&paths, &id).unwrap();
        assert_eq!(read, []);
        log.append(&events).unwrap();
        drop(log);
        assert_eq!(log::read(&paths, &id).unwrap().events, events);
    }
}

#[test]
fn broken_lines_are_named_and_unknown_kinds_stay_in_the_file() {
    let (_folder, paths) = place();
    let events = turn("why?", "because");
    let id = saved(&paths, &events);
    let path = file(&paths, &id);
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(
        3,
        "{\"source\":\"session\",\"seq\":99,\"at\":5,\"kind\":\"hologram\"}",
    );
    lines.insert(5, "\0\0\0 not an event");
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let (mut log, read) = SessionLog::open(&paths, &id).unwrap();
    assert_eq!(read, events);
    assert_eq!(log.problems().len(), 1);
    assert_eq!(log.problems()[0].line, Some(6));
    log.append(&events[..1]).unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains("hologram"));
}

#[test]
fn a_log_of_a_newer_program_is_refused_and_left_alone() {
    let (_folder, paths) = place();
    let id = saved(&paths, &turn("why?", "because"));
    let path = file(&paths, &id);
    let newer = LOG_VERSION + 1;
    let text = format!("{{\"synod_log\":{newer},\"beams\":[1]}}\n{{\"x\":1}}\n");
    fs::write(&path, &text).unwrap();
    let error = SessionLog::open(&paths, &id).unwrap_err();
    assert!(matches!(error, StoreError::Newer { .. }));
    assert!(
        error.to_string().contains(&format!("version {newer}")),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let listed = session::list(&paths, "");
    assert!(listed[0].title.contains("cannot be read"), "{listed:?}");
    fs::write(&path, "no log at all\n").unwrap();
    let error = SessionLog::open(&paths, &id).unwrap_err();
    assert!(matches!(error, StoreError::NotALog { .. }));
}

#[test]
fn two_programs_never_append_to_one_session() {
    let (_folder, paths) = place();
    let events = turn("why?", "because");
    let mut first = SessionLog::create(&paths, BEGIN);
    first.append(&events).unwrap();
    let id = first.id().clone();
    let refused = SessionLog::open(&paths, &id).unwrap_err();
    assert!(
        matches!(
            refused,
            StoreError::Locked {
                process: Some(_),
                ..
            }
        ),
        "{refused}"
    );
    assert!(matches!(
        session::delete(&paths, &id),
        Err(StoreError::Locked { .. })
    ));
    // Reading is free.
    assert_eq!(log::read(&paths, &id).unwrap().events, events);
    drop(first);
    SessionLog::open(&paths, &id).unwrap();
}

#[test]
fn the_search_finds_any_substring_in_messages_and_parts() {
    let (_folder, paths) = place();
    let rust = saved(
        &paths,
        &turn("What is Borrowing in Rust?", "It lends. 天气很好 👩‍🚀"),
    );
    let sky = saved(
        &paths,
        &turn(
            "Why is the sky blue?",
            "Scattering, \"Rayleigh\" he said: 100%_done",
        ),
    );
    for (query, expected) in [
        ("borrow", vec![&rust]),
        ("RUST what", vec![&rust]),
        ("天气", vec![&rust]),
        ("气", vec![&rust]),
        ("👩‍🚀", vec![&rust]),
        ("\"rayleigh\"", vec![&sky]),
        ("100%_d", vec![&sky]),
        ("is", vec![&rust, &sky]),
        ("own words", vec![&rust, &sky]),
        ("first try", vec![]),
        ("sky rust", vec![]),
        ("NEAR(", vec![]),
    ] {
        let mut ids = found(&paths, query);
        ids.sort();
        let mut expected: Vec<SessionId> = expected.into_iter().cloned().collect();
        expected.sort();
        assert_eq!(ids, expected, "{query}");
    }
    let hit = session::list(&paths, "rayleigh").remove(0);
    assert!(hit.snippet.unwrap().contains("\"Rayleigh\""));
    assert_eq!((hit.turns, hit.preset.as_str()), (1, "moa-test"));
    assert_eq!(hit.title, "Why is the sky blue?");
}

#[test]
fn the_index_is_made_anew_when_it_is_missing_broken_old_or_cannot_be_made() {
    let (_folder, paths) = place();
    let id = saved(&paths, &turn("why is it so", "because"));
    let expected = session::list(&paths, "because");
    assert_eq!(expected.len(), 1);
    let index = paths.index_file();
    fs::remove_file(&index).unwrap();
    assert_eq!(session::list(&paths, "because"), expected);
    assert!(index.exists());
    fs::write(
        &index,
        "this is no database, and long enough to be taken for one",
    )
    .unwrap();
    assert_eq!(session::list(&paths, "because"), expected);
    let mut torn = fs::read(&index).unwrap();
    for byte in &mut torn[200..] {
        *byte = 0xa5;
    }
    fs::write(&index, torn).unwrap();
    assert_eq!(session::list(&paths, "because"), expected);
    assert_eq!(session::list(&paths, "because"), expected);
    // A folder that cannot be made: the files themselves are read.
    fs::remove_dir_all(&paths.cache).unwrap();
    fs::write(&paths.cache, "in the way").unwrap();
    assert_eq!(session::list(&paths, "because"), expected);
    fs::remove_file(&paths.cache).unwrap();
    // What changes is found, what goes is forgotten.
    assert_eq!(found(&paths, "renamed"), []);
    session::rename(&paths, &id, "Renamed today", BEGIN + 9000).unwrap();
    assert_eq!(found(&paths, "renamed"), std::slice::from_ref(&id));
    fs::remove_file(file(&paths, &id)).unwrap();
    assert_eq!(found(&paths, ""), []);
}

#[test]
fn sessions_are_renamed_deleted_and_brought_back_in_turn() {
    let (_folder, paths) = place();
    let one = saved(&paths, &turn("first", "a"));
    let two = saved(&paths, &turn("second", "b"));
    session::rename(&paths, &one, "  A better name\n", BEGIN + 50_000).unwrap();
    let listed = session::list(&paths, "");
    assert_eq!(listed[0].id, one);
    assert_eq!(listed[0].title, "A better name");
    assert_eq!(listed[0].updated, BEGIN + 50_000);
    session::delete(&paths, &one).unwrap();
    session::delete(&paths, &two).unwrap();
    assert_eq!(found(&paths, ""), []);
    assert!(SessionLog::open(&paths, &one).is_err());
    assert_eq!(session::undo_delete(&paths).unwrap(), Some(two.clone()));
    assert_eq!(session::undo_delete(&paths).unwrap(), Some(one.clone()));
    assert_eq!(session::undo_delete(&paths).unwrap(), None);
    assert_eq!(found(&paths, ""), [one.clone(), two]);
    assert!(session::delete(&paths, &SessionId("nothing".into())).is_err());
    let ending = one.0.rsplit_once('-').unwrap().1;
    assert_eq!(session::resolve(&paths, ending).unwrap(), one);
    assert_eq!(session::resolve(&paths, "last").unwrap(), one);
    assert!(
        session::resolve(&paths, "2")
            .unwrap_err()
            .to_string()
            .contains("fits 2")
    );
}

#[test]
fn an_export_holds_the_answers_or_everything() {
    let (_folder, paths) = place();
    let id = saved(&paths, &turn("why?", "because"));
    let record = log::read(&paths, &id).unwrap();
    let short = export::markdown(&id, &record, Choice::default());
    assert!(
        short.contains("## You\n\nwhy?\n\n## Answer (moa-test)\n\nbecause\n"),
        "{short}"
    );
    assert!(!short.contains("own words"));
    let all = Choice {
        with_parts: true,
        turn: None,
    };
    let long = export::markdown(&id, &record, all);
    for words in [
        "### reference: steady (round 1)\n\nthe reference's own words\n",
        "*gpt-x@openai, 12 prompt and 34 completion tokens, $0.001000, truncated*",
        "*failed: key refused: the key was refused*",
    ] {
        assert!(long.contains(words), "{words} in {long}");
    }
    assert!(!long.contains("a first try"));
    let value = export::json(&id, &record, all);
    assert_eq!(value["messages"][1]["text"], "because");
    let parts = &value["turns"][0]["parts"];
    assert_eq!(parts[0]["text"], "the reference's own words");
    assert_eq!(parts[0]["model"], "gpt-x@openai");
    assert_eq!(parts[0]["round"], 1);
    assert_eq!(parts[1]["fault"]["class"], "auth");
    assert_eq!(value["turns"][0]["usage"]["completion_tokens"], 68);
    let value = export::json(&id, &record, Choice::default());
    assert!(value["turns"][0].get("parts").is_none());
    let one = Choice {
        turn: Some(TurnId(1)),
        ..Choice::default()
    };
    assert!(export::markdown(&id, &record, one).contains("why?"));
}

#[test]
fn a_half_finished_turn_is_exported_as_far_as_it_came() {
    let (_folder, paths) = place();
    let events = turn("why?", "because of");
    let cut = events.len() - 3;
    let id = saved(&paths, &events[..cut]);
    let record = log::read(&paths, &id).unwrap();
    let text = export::markdown(&id, &record, Choice::default());
    assert!(text.contains("because of\n\n*cut off"), "{text}");
}

fn command(paths: &Paths, command: &SessionsCommand) -> (i32, String) {
    let mut out = Vec::new();
    let mut err = Vec::new();
    let code = synod::cli::sessions::run(command, paths, &mut out, &mut err).unwrap();
    out.append(&mut err);
    (code, String::from_utf8(out).unwrap())
}

#[test]
fn the_same_is_done_from_the_shell() {
    let (folder, paths) = place();
    let id = saved(&paths, &turn("why is the sky blue", "scattering"));
    let list = |query: &str, json| SessionsCommand::List {
        query: vec![query.to_owned()],
        json,
    };
    let (code, text) = command(&paths, &list("scatter", false));
    assert!(
        code == 0 && text.contains(&id.0) && text.contains("scattering"),
        "{text}"
    );
    let (_, text) = command(&paths, &list("", true));
    let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(rows[0]["id"], id.0);
    let target = folder.path().join("out.md");
    let export = SessionsCommand::Export {
        id: "last".into(),
        format: Format::Md,
        with_parts: true,
        turn: None,
        output: Some(target.clone()),
    };
    assert_eq!(command(&paths, &export).0, 0);
    assert!(fs::read_to_string(&target).unwrap().contains("own words"));
    let delete = SessionsCommand::Delete { id: id.0.clone() };
    assert_eq!(command(&paths, &delete).0, 0);
    let (code, text) = command(&paths, &delete);
    assert!(code == 2 && text.contains("no session"), "{text}");
    assert_eq!(command(&paths, &SessionsCommand::Undo).0, 0);
    let (_, text) = command(&paths, &SessionsCommand::Replay { id: id.0 });
    assert!(
        text.starts_with("     0.100 {\"source\":\"session\""),
        "{text}"
    );
}
