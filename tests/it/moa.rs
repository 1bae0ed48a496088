//! The mixture of agents: who is sent what, and what a person or a failure changes.

use crate::support::council::{Fake, Run, Step, answered, council, custom, default_answer, say};
use std::collections::BTreeMap;
use std::sync::Arc;
use synod::domain::control::Control;
use synod::domain::council::Council;
use synod::domain::event::{Kind, Outcome, Progress};
use synod::domain::fault::FaultClass;
use synod::domain::id::{NodeId, TurnId};
use synod::domain::message::{Message, Role};
use synod::domain::request::Request;
use synod::society::inject::{Injection, Reference, inject};
use synod::society::{self, Task, prompt};

/// `S` of the method for these answers.
fn block(answers: &[&str]) -> String {
    let mut text = format!("{}\n\nResponses from models:", prompt::aggregate());
    for (index, answer) in answers.iter().enumerate() {
        text.push_str(&format!("\n{}. {answer}", index + 1));
    }
    text
}

fn system(answers: &[&str]) -> (Role, String) {
    (Role::System, block(answers))
}

fn user(text: &str) -> (Role, String) {
    (Role::User, text.into())
}

fn assistant(text: &str) -> (Role, String) {
    (Role::Assistant, text.into())
}

/// Plays `special` for one model and the plain answer for the others.
fn with(model: &'static str, special: Vec<Step>) -> Arc<Fake> {
    Fake::new(move |request: &Request, _| {
        if request.model.model == model {
            special.clone()
        } else {
            say(&default_answer(&request.model.model))
        }
    })
}

#[test]
fn injection_vectors() {
    #[derive(serde::Deserialize)]
    struct Vector {
        name: String,
        messages: Vec<(Role, String)>,
        references: Vec<String>,
        out: Vec<(Role, String)>,
    }
    let text = include_str!("../vectors/moa-injection.json");
    let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
    assert!(vectors.len() >= 8);
    for vector in vectors {
        let messages: Vec<Message> = vector
            .messages
            .into_iter()
            .map(|(role, content)| Message::new(role, content))
            .collect();
        let references: Vec<Reference> = vector
            .references
            .into_iter()
            .map(|text| Reference {
                name: "m".into(),
                text,
                arrival: 0,
            })
            .collect();
        let out = inject(
            &messages,
            prompt::aggregate(),
            &references,
            Injection::default(),
            0,
        );
        let out: Vec<(Role, String)> = out
            .into_iter()
            .map(|message| {
                let pre = format!("{}\n\n", prompt::aggregate());
                (message.role, message.content.replace(&pre, "<PRE>"))
            })
            .collect();
        assert_eq!(out, vector.out, "{}", vector.name);
    }
}

#[tokio::test]
async fn two_turns_with_history() {
    let fake = Fake::plain();
    let mut first = Run::ask(&fake, council("{}"), "hi");
    assert_eq!(first.end().await, answered("FINAL of AGG"));
    let talk = vec![
        Message::user("hi"),
        Message::assistant("FINAL of AGG"),
        Message::user("more"),
    ];
    let mut second = Run::start(&fake, council("{}"), talk, BTreeMap::new());
    second.end().await;
    let history = [user("hi"), assistant("FINAL of AGG"), user("more")];
    for model in ["A", "B"] {
        assert_eq!(
            fake.messages_to(model),
            [vec![user("hi")], history.to_vec()]
        );
    }
    let mut later = vec![system(&["ans-A", "ans-B"])];
    later.extend(history);
    assert_eq!(
        fake.messages_to("AGG"),
        [vec![system(&["ans-A", "ans-B"]), user("hi")], later]
    );
    for request in fake.asked() {
        assert_eq!(request.sampling.clamped_temperature(), 0.0);
        assert_eq!(request.sampling.max_tokens, Some(64));
    }
}

#[tokio::test]
async fn two_turns_without_history() {
    let fake = Fake::plain();
    let mut council = council("{}");
    council.multi_turn = false;
    let talk = vec![
        Message::user("hi"),
        Message::assistant("FINAL of AGG"),
        Message::user("more"),
    ];
    Run::start(&fake, council, talk, BTreeMap::new())
        .end()
        .await;
    assert_eq!(fake.messages_to("A"), [[user("more")]]);
    assert_eq!(
        fake.messages_to("AGG"),
        [[system(&["ans-A", "ans-B"]), user("more")]]
    );
}

#[tokio::test]
async fn every_round_sees_all_whole_answers_of_the_one_before() {
    let fake = Fake::new(|request, earlier| {
        say(&format!(
            "{}{}",
            default_answer(&request.model.model),
            earlier + 1
        ))
    });
    let mut run = Run::ask(&fake, council(r#"{"rounds":3}"#), "hi");
    assert_eq!(run.end().await, answered("FINAL of AGG1"));
    for model in ["A", "B"] {
        assert_eq!(
            fake.messages_to(model),
            [
                vec![user("hi")],
                vec![system(&["ans-A1", "ans-B1"]), user("hi")],
                vec![system(&["ans-A2", "ans-B2"]), user("hi")],
            ]
        );
    }
    assert_eq!(
        fake.messages_to("AGG"),
        [[system(&["ans-A3", "ans-B3"]), user("hi")]]
    );
}

#[tokio::test]
async fn without_rounds_the_aggregator_answers_alone() {
    let fake = Fake::plain();
    let mut run = Run::ask(&fake, council(r#"{"rounds":0}"#), "hi");
    assert_eq!(run.end().await, answered("FINAL of AGG"));
    assert_eq!(fake.asked().len(), 1);
    assert_eq!(fake.messages_to("AGG"), [[user("hi")]]);
    assert_eq!(run.notes(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_failed_reference_is_left_out_and_the_turn_lives() {
    for class in [
        FaultClass::Auth,
        FaultClass::BadRequest,
        FaultClass::Timeout,
    ] {
        let fake = with("A", vec![Step::Fail(class)]);
        let mut run = Run::ask(&fake, council(r#"{"rounds":2}"#), "hi");
        assert_eq!(run.end().await, answered("FINAL of AGG"));
        assert_eq!(run.fault(1), Some(class));
        assert_eq!(
            fake.messages_to("B")[1],
            [system(&["ans-B"]), user("hi")],
            "renumbered, no placeholder"
        );
        assert_eq!(
            fake.messages_to("A").len(),
            2,
            "one request a round, none repeated here"
        );
        let notes = run.notes();
        assert_eq!(
            notes[0],
            format!("round 1 goes on without A ({})", class.word())
        );
    }
}

#[tokio::test]
async fn a_blank_answer_is_asked_for_once_more_and_then_left_out() {
    let fake = Fake::new(|request, earlier| match request.model.model.as_str() {
        "A" => vec![Step::Think("hmm".into()), Step::Say(" \n".into())],
        "B" if earlier == 0 => Vec::new(),
        model => say(&default_answer(model)),
    });
    let mut run = Run::ask(&fake, council("{}"), "hi");
    assert_eq!(run.end().await, answered("FINAL of AGG"));
    assert_eq!(fake.messages_to("A").len(), 2);
    assert_eq!(fake.messages_to("B").len(), 2);
    assert_eq!(run.fault(1), Some(FaultClass::Empty));
    assert_eq!(run.fault(2), None);
    assert_eq!(
        fake.messages_to("AGG"),
        [[system(&["ans-B"]), user("hi")]],
        "B answered when asked again"
    );
    let seeds: Vec<_> = fake
        .asked()
        .iter()
        .filter(|request| request.model.model == "B")
        .map(|request| request.sampling.seed)
        .collect();
    assert_ne!(seeds[0], seeds[1]);
}

#[tokio::test]
async fn a_round_without_answers_falls_back_to_an_earlier_one() {
    let fake = Fake::new(|request, earlier| {
        let model = request.model.model.as_str();
        if model != "AGG" && earlier == 1 {
            vec![Step::Fail(FaultClass::Transient)]
        } else {
            say(&default_answer(model))
        }
    });
    let mut run = Run::ask(&fake, council(r#"{"rounds":2}"#), "hi");
    run.end().await;
    assert_eq!(
        fake.messages_to("AGG"),
        [[system(&["ans-A", "ans-B"]), user("hi")]]
    );
    assert_eq!(
        run.notes(),
        ["round 2 brought no answer: going on with those of an earlier round"]
    );
}

#[tokio::test]
async fn with_no_answer_at_all_the_aggregator_gets_the_bare_question() {
    let fake = Fake::new(|request, _| match request.model.model.as_str() {
        "AGG" => say("FINAL of AGG"),
        _ => vec![Step::Fail(FaultClass::Transient)],
    });
    let mut run = Run::ask(&fake, council("{}"), "hi");
    assert_eq!(run.end().await, answered("FINAL of AGG"));
    assert_eq!(fake.messages_to("AGG"), [[user("hi")]]);
    assert_eq!(
        run.notes(),
        ["round 1 brought no answer: the next one gets the question alone"]
    );
}

#[tokio::test]
async fn a_failed_aggregator_is_a_failed_turn_with_its_text_kept() {
    let fake = with(
        "AGG",
        vec![
            Step::Say("half".into()),
            Step::Wait(0),
            Step::Fail(FaultClass::Transient),
        ],
    );
    let mut run = Run::ask(&fake, council("{}"), "hi");
    let Outcome::Failed { fault } = run.end().await else {
        panic!("{:?}", run.seen);
    };
    assert_eq!(fault.class, FaultClass::Transient);
    assert_eq!(run.text(3), "half");
}

#[tokio::test]
async fn a_stopped_turn_ends_at_once_and_keeps_what_was_written() {
    let fake = with("AGG", vec![Step::Say("half".into()), Step::Hang]);
    let mut run = Run::ask(&fake, council("{}"), "hi");
    run.until(|kind| matches!(kind, Kind::Delta { node, .. } if *node == NodeId(3)))
        .await;
    run.handle.cancel.cancel();
    assert_eq!(
        run.end().await,
        Outcome::Stopped {
            text: "half".into()
        }
    );
    assert_eq!(run.fault(3), Some(FaultClass::Cancelled));
    tokio::task::yield_now().await;
    assert_eq!(*fake.aborted.lock().unwrap(), ["AGG"]);
}

#[tokio::test]
async fn a_turn_stopped_among_its_references_never_asks_the_aggregator() {
    let fake = with("A", vec![Step::Say("par".into()), Step::Hang]);
    let mut run = Run::ask(&fake, council("{}"), "hi");
    run.until(|kind| matches!(kind, Kind::Done { node, .. } if *node == NodeId(2)))
        .await;
    run.handle.cancel.cancel();
    assert_eq!(
        run.end().await,
        Outcome::Stopped {
            text: String::new()
        }
    );
    assert_eq!(run.text(1), "par");
    assert!(fake.messages_to("AGG").is_empty());
}

#[tokio::test]
async fn a_skipped_reference_stays_visible_and_is_not_handed_on() {
    let fake = with("A", vec![Step::Say("partial".into()), Step::Hang]);
    let mut run = Run::ask(&fake, council("{}"), "hi");
    run.until(|kind| matches!(kind, Kind::Delta { node, .. } if *node == NodeId(1)))
        .await;
    run.control(Control::Skip { node: NodeId(1) });
    assert_eq!(run.end().await, answered("FINAL of AGG"));
    assert_eq!(run.text(1), "partial");
    assert_eq!(run.fault(1), Some(FaultClass::Cancelled));
    assert_eq!(fake.messages_to("AGG"), [[system(&["ans-B"]), user("hi")]]);
    assert_eq!(*fake.aborted.lock().unwrap(), ["A"]);
}

#[tokio::test]
async fn a_failed_a_finished_and_a_running_reference_can_be_retried_while_the_round_is_open() {
    let fake = Fake::new(|request, earlier| {
        match (request.model.model.as_str(), earlier) {
            ("A", 0) => vec![Step::Fail(FaultClass::Transient)],
            ("C", 0) => vec![Step::Say("stuck".into()), Step::Hang],
            // Keeps the round open.
            ("D", 0) => vec![Step::Hang],
            (model, earlier) => say(&format!("{}{earlier}", default_answer(model))),
        }
    });
    let agents = r#"{"part":"reference","model":"A"},{"part":"reference","model":"B"},{"part":"reference","model":"C"},
        {"part":"reference","model":"D"},{"part":"aggregator","model":"AGG"}"#;
    let mut run = Run::ask(&fake, custom(agents, "{}"), "hi");
    run.until(|kind| matches!(kind, Kind::Failed { node, .. } if *node == NodeId(1)))
        .await;
    run.control(Control::Retry { node: NodeId(1) });
    run.until(|kind| matches!(kind, Kind::Done { node, .. } if *node == NodeId(1)))
        .await;
    run.control(Control::Retry { node: NodeId(2) });
    run.until(|kind| matches!(kind, Kind::Done { node, .. } if *node == NodeId(2)))
        .await;
    run.control(Control::Retry { node: NodeId(3) });
    run.until(|kind| matches!(kind, Kind::Done { node, .. } if *node == NodeId(3)))
        .await;
    run.control(Control::Retry { node: NodeId(4) });
    assert_eq!(run.end().await, answered("FINAL of AGG0"));
    let expected = ["ans-A1", "ans-B1", "ans-C1", "ans-D1"];
    assert_eq!(fake.messages_to("AGG"), [[system(&expected), user("hi")]]);
    for (node, text) in (1..).zip(expected) {
        assert_eq!(run.text(node), text, "the void text is gone");
    }
}

#[tokio::test]
async fn going_on_takes_what_is_complete() {
    let fake = with("A", vec![Step::Say("not yet".into()), Step::Hang]);
    let mut run = Run::ask(&fake, council("{}"), "hi");
    run.until(|kind| matches!(kind, Kind::Done { node, .. } if *node == NodeId(2)))
        .await;
    run.control(Control::Proceed);
    assert_eq!(run.end().await, answered("FINAL of AGG"));
    assert_eq!(fake.messages_to("AGG"), [[system(&["ans-B"]), user("hi")]]);
}

#[tokio::test]
async fn what_comes_too_late_is_answered_with_a_note() {
    let fake = with("AGG", vec![Step::Say("…".into()), Step::Hang]);
    let mut run = Run::ask(&fake, council("{}"), "hi");
    run.until(|kind| matches!(kind, Kind::Delta { node, .. } if *node == NodeId(3)))
        .await;
    run.control(Control::Proceed);
    run.control(Control::Retry { node: NodeId(1) });
    run.until(|kind| matches!(kind, Kind::Note { text, .. } if text.contains("regenerate")))
        .await;
    assert_eq!(run.notes()[0], "no round is open");
    run.control(Control::Skip { node: NodeId(3) });
    assert_eq!(run.end().await, Outcome::Stopped { text: "…".into() });
}

#[tokio::test]
async fn reused_texts_cost_no_call() {
    let fake = Fake::plain();
    let reuse = BTreeMap::from([(NodeId(1), "old A".into()), (NodeId(2), "old B".into())]);
    let mut run = Run::start(&fake, council("{}"), vec![Message::user("hi")], reuse);
    assert_eq!(run.end().await, answered("FINAL of AGG"));
    assert_eq!(fake.asked().len(), 1);
    assert_eq!(
        fake.messages_to("AGG"),
        [[system(&["old A", "old B"]), user("hi")]]
    );
    assert_eq!(run.text(1), "old A");
    let marks = run.seen.iter().filter(
        |kind| matches!(kind, Kind::Mark { key, value, .. } if key == "reused" && value == "yes"),
    );
    assert_eq!(marks.count(), 2);
}

#[tokio::test]
async fn a_quorum_closes_the_round() {
    // A never answers, so only the quorum can end the round; a time of 1 ms may be over before B answers and then waits for it.
    let fake = with("A", vec![Step::Say("never".into()), Step::Hang]);
    for settings in [
        r#"{"quorum":1}"#,
        r#"{"deadline_ms":5}"#,
        r#"{"deadline_ms":1}"#,
    ] {
        let mut run = Run::ask(&fake, council(settings), "hi");
        assert_eq!(run.end().await, answered("FINAL of AGG"), "{settings}");
        assert_eq!(run.fault(1), Some(FaultClass::Cancelled));
    }
    for messages in fake.messages_to("AGG") {
        assert_eq!(messages, [system(&["ans-B"]), user("hi")]);
    }
}

#[tokio::test]
async fn no_more_than_num_proc_requests_run_at_once() {
    let fake = with("A", vec![Step::Say("part".into()), Step::Hang]);
    let mut council = council("{}");
    council.num_proc = 1;
    let mut run = Run::ask(&fake, council, "hi");
    run.until(|kind| {
        matches!(kind, Kind::Progress { node, progress: Progress::Queued { .. } } if *node == NodeId(2))
    })
    .await;
    run.until(|kind| matches!(kind, Kind::Delta { node, .. } if *node == NodeId(1)))
        .await;
    assert_eq!(fake.asked().len(), 1);
    run.control(Control::Skip { node: NodeId(1) });
    assert_eq!(run.end().await, answered("FINAL of AGG"));
    assert_eq!(fake.messages_to("B").len(), 1);
}

#[tokio::test]
async fn a_round_may_have_its_own_models_and_texts() {
    let fake = Fake::plain();
    let agents = r#"{"part":"reference","model":"A","rounds":[1]},{"part":"reference","model":"B","rounds":[2]},
        {"part":"aggregator","model":"AGG"}"#;
    let settings = r#"{"rounds":2,"aggregator_prompt":"ALL","round_prompts":{"2":"TWO"}}"#;
    let mut run = Run::ask(&fake, custom(agents, settings), "hi");
    run.end().await;
    assert_eq!(fake.messages_to("A"), [[user("hi")]]);
    assert_eq!(
        fake.messages_to("B"),
        [[
            (
                Role::System,
                "TWO\n\nResponses from models:\n1. ans-A".into()
            ),
            user("hi")
        ]]
    );
    assert_eq!(
        fake.messages_to("AGG"),
        [[
            (
                Role::System,
                "ALL\n\nResponses from models:\n1. ans-B".into()
            ),
            user("hi")
        ]]
    );
}

#[tokio::test]
async fn one_model_several_times_differs_by_seed_and_title() {
    let fake = Fake::plain();
    let agents = r#"{"part":"reference","model":"A","count":3},{"part":"aggregator","model":"A"}"#;
    let mut run = Run::ask(&fake, custom(agents, "{}"), "hi");
    run.end().await;
    let mut seeds: Vec<_> = fake
        .asked()
        .iter()
        .map(|request| request.sampling.seed)
        .collect();
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), 4);
    let Some(Kind::Planned { plan }) = run.seen.get(1) else {
        panic!("{:?}", run.seen);
    };
    let titles: Vec<&str> = plan.nodes.iter().map(|node| node.title.as_str()).collect();
    assert_eq!(titles, ["A 1", "A 2", "A 3", "A"]);
}

#[tokio::test]
async fn the_aggregator_alone_runs_beside_and_never_answers() {
    let fake = Fake::new(|request, _| match request.model.model.as_str() {
        "AGG" if request.messages.len() == 1 => say("alone"),
        model => say(&default_answer(model)),
    });
    let mut run = Run::ask(&fake, council(r#"{"compare":true}"#), "hi");
    assert_eq!(run.end().await, answered("FINAL of AGG"));
    assert_eq!(run.text(4), "alone");
    let Some(Kind::Planned { plan }) = run.seen.get(1) else {
        panic!("{:?}", run.seen);
    };
    let alone = plan.node(NodeId(4)).unwrap();
    assert_eq!((alone.part.as_str(), alone.is_answer), ("alone", false));
    assert_eq!(plan.answer().unwrap().id, NodeId(3));
    assert_eq!(plan.rounds(), 1);
}

#[tokio::test]
async fn tail_leaves_the_conversation_before_it_untouched() {
    let fake = Fake::plain();
    let mut run = Run::ask(&fake, council(r#"{"inject":"tail"}"#), "hi");
    run.end().await;
    let list = "Responses from models:\n1. ans-A\n2. ans-B";
    let text = format!("hi\n\n{list}\n\n{}", prompt::aggregate());
    assert_eq!(fake.messages_to("AGG"), [[user(&text)]]);
}

#[tokio::test]
async fn answers_that_do_not_fit_are_shortened_once_and_it_is_said() {
    let long = "x".repeat(1000);
    let fake = Fake::new(
        move |request, earlier| match (request.model.model.as_str(), earlier) {
            ("A", _) => say(&long),
            ("B", _) => say("short"),
            (_, 0) => vec![Step::Fail(FaultClass::ContextTooLong)],
            _ => say("FINAL of AGG"),
        },
    );
    let mut run = Run::ask(&fake, council("{}"), "hi");
    assert_eq!(run.end().await, answered("FINAL of AGG"));
    let second = &fake.messages_to("AGG")[1][0].1;
    assert!(
        second.contains("characters left out]") && second.contains("\n2. short"),
        "{second}"
    );
    assert!(run.notes()[0].contains("did not fit"), "{:?}", run.notes());
}

#[test]
fn a_plan_is_the_same_every_time_and_names_who_reads_whom() {
    let task = Task {
        turn: TurnId(1),
        conversation: vec![Message::user("hi")],
        reuse: BTreeMap::new(),
        seed: 3,
    };
    let council = council(r#"{"rounds":2}"#);
    let plan = society::build(&council).unwrap().plan(&task);
    assert_eq!(plan, society::build(&council).unwrap().plan(&task));
    let ids: Vec<(u32, u16, u16)> = plan
        .nodes
        .iter()
        .map(|node| (node.id.0, node.round, node.lane))
        .collect();
    assert_eq!(ids, [(1, 1, 1), (2, 1, 2), (3, 2, 1), (4, 2, 2), (5, 3, 0)]);
    let edges: Vec<(u32, u32)> = plan.edges.iter().map(|(from, to)| (from.0, to.0)).collect();
    assert_eq!(edges, [(1, 3), (2, 3), (1, 4), (2, 4), (3, 5), (4, 5)]);
}

#[test]
fn what_does_not_fit_is_named() {
    let mut wrong = council(r#"{"roundz":2}"#);
    let error = |council: &Council| society::build(council).err().unwrap().to_string();
    assert!(
        error(&wrong).starts_with("preset \"test\", settings: unknown field `roundz`"),
        "{}",
        error(&wrong)
    );
    wrong = council(r#"{"rounds":2}"#);
    wrong.agents[0].rounds = vec![1];
    wrong.agents[1].rounds = vec![1];
    assert_eq!(
        error(&wrong),
        "preset \"test\", agents: no agent with part \"reference\" speaks in round 2 of 2"
    );
    wrong = council("{}");
    wrong.agents[0].part = "referee".into();
    assert_eq!(
        error(&wrong),
        "preset \"test\", agents: part \"referee\" is not known in society \"moa\"; known: reference, aggregator"
    );
    wrong = council("{}");
    wrong.agents.pop();
    assert_eq!(
        error(&wrong),
        "preset \"test\", agents: one with part \"aggregator\" is needed, none given"
    );
    wrong.society = "parliament".into();
    assert_eq!(
        error(&wrong),
        "preset \"test\", society: \"parliament\" is not known; known: debate, graph, moa, planner, single"
    );
}

#[tokio::test]
async fn plain_chat_asks_one_model() {
    let fake = Fake::plain();
    let mut council = custom(
        r#"{"part":"answer","model":"A","system":"Be terse."}"#,
        "{}",
    );
    council.society = "single".into();
    let mut run = Run::ask(&fake, council, "hi");
    assert_eq!(run.end().await, answered("ans-A"));
    assert_eq!(
        fake.messages_to("A"),
        [[(Role::System, "Be terse.".into()), user("hi")]]
    );
}

#[tokio::test]
async fn a_council_that_cannot_be_built_is_a_failed_turn() {
    let fake = Fake::plain();
    let mut run = Run::ask(&fake, council(r#"{"rounds":"many"}"#), "hi");
    let Outcome::Failed { fault } = run.end().await else {
        panic!("{:?}", run.seen);
    };
    assert_eq!(fault.class, FaultClass::BadData);
    assert!(fault.message.contains("settings"), "{fault}");
}
