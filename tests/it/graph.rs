//! The agent graph: which messages travel along which edges, and how one answer is made of many.

use crate::support::council::{Fake, Run, Step, answered, backends, say};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use synod::cli;
use synod::cli::graph::{GraphArgs, Questions, Report};
use synod::domain::cancel::Cancel;
use synod::domain::clock::System;
use synod::domain::control::Control;
use synod::domain::council::Council;
use synod::domain::event::{EdgeOutcome, Kind, Outcome};
use synod::domain::fault::FaultClass;
use synod::domain::id::{NodeId, TurnId};
use synod::domain::message::{Message, Role};
use synod::domain::plan::{Hint, Plan};
use synod::domain::request::Request;
use synod::runtime::items::{ItemOptions, ItemParts, run_items};
use synod::society::graph::prompts::Prompts;
use synod::society::scope::{Scope, ScopeParts, Sink};
use synod::society::{self, Task};
use synod::tool::kit::Kit;
use synod::tool::{BoxFuture, Card, Context, Effect, Tool, ToolError};

const IO: &str = r#"{"part":"io","model":"A"},{"part":"io","model":"B"}"#;
const QUESTION: &str = "Which?\nOption A: x\nOption B: y";

fn council(agents: &str, settings: &str) -> Council {
    let text =
        format!(r#"{{"title":"t","society":"graph","agents":[{agents}],"settings":{settings}}}"#);
    let mut council: Council = serde_json::from_str(&text).unwrap();
    council.name = "test".into();
    council
}

/// Every model says its own name in the form `the model X says: …`, the second time with a number.
fn plain() -> Arc<Fake> {
    Fake::new(|request, earlier| {
        let model = &request.model.model;
        say(&match earlier {
            0 => format!("said by {model}"),
            _ => format!("said by {model} {}", earlier + 1),
        })
    })
}

/// Every model answers what the list says.
fn answering(answers: &'static [(&'static str, &'static str)]) -> Arc<Fake> {
    Fake::new(move |request: &Request, _| {
        let answer = answers
            .iter()
            .find(|(model, _)| *model == request.model.model);
        answer.map_or_else(
            || vec![Step::Fail(FaultClass::Timeout)],
            |(_, text)| say(text),
        )
    })
}

fn marks(run: &Run, key: &str) -> Vec<(u32, String)> {
    let each = run.seen.iter().filter_map(|kind| match kind {
        Kind::Mark {
            node,
            key: one,
            value,
        } if one == key => Some((node.0, value.clone())),
        _ => None,
    });
    each.collect()
}

fn ballots(run: &Run) -> Vec<(u32, String)> {
    let each = run.seen.iter().filter_map(|kind| match kind {
        Kind::Ballot {
            voter,
            choice,
            weight,
        } => {
            assert_eq!(*weight, 1.0);
            Some((voter.0, choice.clone()))
        }
        _ => None,
    });
    each.collect()
}

/// Potential edges as they were drawn: from, to, whether a number was drawn, outcome.
fn drawn(run: &Run) -> Vec<(u32, u32, bool, EdgeOutcome)> {
    let each = run.seen.iter().filter_map(|kind| match kind {
        Kind::Drawn {
            from,
            to,
            draw,
            outcome,
            ..
        } => Some((from.0, to.0, draw.is_some(), *outcome)),
        _ => None,
    });
    each.collect()
}

fn plan(council: &Council, seed: u64) -> Plan {
    let task = Task {
        turn: TurnId(1),
        conversation: vec![Message::user("q")],
        reuse: BTreeMap::new(),
        seed,
    };
    society::build(council).unwrap().plan(&task)
}

fn edges(plan: &Plan) -> Vec<(u32, u32)> {
    plan.edges.iter().map(|(from, to)| (from.0, to.0)).collect()
}

/// The last user message of every request to a model.
fn questions_to(fake: &Fake, model: &str) -> Vec<String> {
    let requests = fake.messages_to(model).into_iter();
    requests
        .map(|mut messages| messages.pop().unwrap().1)
        .collect()
}

fn prompt(name: &str) -> String {
    Prompts::default().text(name).to_owned()
}

#[tokio::test]
async fn messages_reach_agents_that_read_the_question_too() {
    let fake = plain();
    let council = council(IO, r#"{"realisation":"full","decision":"last"}"#);
    let mut run = Run::ask(&fake, council, "hi");
    assert_eq!(run.end().await, answered("said by B"));
    assert_eq!(
        fake.messages_to("A"),
        [[
            (Role::System, prompt("answer")),
            (Role::User, "hi".to_owned())
        ]]
    );
    assert_eq!(
        questions_to(&fake, "B"),
        [format!(
            "hi\n\nOther agents say:\nA: said by A\n\n{}",
            prompt("peers")
        )]
    );
    assert_eq!(marks(&run, "hears"), [(2, "A".to_owned())]);
    assert_eq!(
        drawn(&run),
        [
            (1, 2, false, EdgeOutcome::Taken),
            (2, 1, false, EdgeOutcome::Cycle),
            (1, 3, false, EdgeOutcome::Taken),
            (2, 3, false, EdgeOutcome::Taken),
        ]
    );
}

#[tokio::test]
async fn a_cut_edge_carries_no_message() {
    let fake = plain();
    let settings = r#"{"realisation":"mask","mask":[false,false,true,true],"decision":"first"}"#;
    let mut run = Run::ask(&fake, council(IO, settings), "hi");
    assert_eq!(run.end().await, answered("said by A"));
    assert_eq!(questions_to(&fake, "B"), ["hi"]);
    assert_eq!(drawn(&run)[0], (1, 2, false, EdgeOutcome::NotTaken));
}

#[tokio::test]
async fn an_agent_without_a_way_to_the_decision_is_not_asked() {
    let fake = plain();
    let settings = r#"{"realisation":"mask","mask":[true,false,true,false],"decision":"first"}"#;
    let council = council(IO, settings);
    let plan = plan(&council, 1);
    assert_eq!(plan.hint, Hint::Graph);
    assert_eq!(edges(&plan), [(1, 2), (1, 3)]);
    assert_eq!(plan.nodes.len(), 3);
    let mut run = Run::ask(&fake, council, "hi");
    assert_eq!(run.end().await, answered("said by A"));
    assert!(fake.messages_to("B").is_empty());
    assert_eq!(marks(&run, "idle")[0].0, 2);
}

#[tokio::test(start_paused = true)]
async fn nodes_of_a_level_run_at_once_and_levels_one_after_another() {
    let agents = r#"{"part":"io","model":"A","count":3},{"part":"io","model":"B","count":2}"#;
    let fake = Fake::new(|_, _| vec![Step::Wait(100), Step::Say("B".into())]);
    let settings = r#"{"probability":0,"edges":[
        {"from":"A 1","to":"B 1","probability":1},{"from":"A 2","to":"B 2","probability":1},
        {"from":"*","to":"decision","probability":1}]}"#;
    let council = council(agents, settings);
    let rounds: Vec<u16> = plan(&council, 1)
        .nodes
        .iter()
        .map(|node| node.round)
        .collect();
    assert_eq!(rounds, [1, 1, 1, 2, 2, 3]);
    let began = tokio::time::Instant::now();
    let mut run = Run::ask(&fake, council, QUESTION);
    assert_eq!(run.end().await, answered("B"));
    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(200) && took < Duration::from_millis(300),
        "{took:?}"
    );
    assert_eq!(fake.asked().len(), 5);
}

#[tokio::test]
async fn messages_come_in_the_order_of_edges_whoever_was_first() {
    let fake = Fake::new(|request, _| {
        let model = request.model.model.clone();
        let wait = if model == "A" { 20 } else { 0 };
        vec![Step::Wait(wait), Step::Say(format!("said by {model}"))]
    });
    let agents = format!(r#"{IO},{{"part":"io","model":"C"}}"#);
    let settings = r#"{"realisation":"full","decision":"last"}"#;
    Run::ask(&fake, council(&agents, settings), "hi")
        .end()
        .await;
    let heard = &questions_to(&fake, "C")[0];
    assert!(heard.contains("A: said by A\nB: said by B\n"), "{heard}");
}

#[tokio::test]
async fn the_same_seed_draws_the_same_graph_and_the_plan_tells_it() {
    let agents = r#"{"part":"io","model":"A","count":5}"#;
    let free = council(agents, "{}");
    let different: Vec<Vec<(u32, u32)>> = (0..20).map(|seed| edges(&plan(&free, seed))).collect();
    assert_eq!(different[3], edges(&plan(&free, 3)));
    assert!(different.iter().any(|one| *one != different[0]));
    let fixed = council(agents, r#"{"seed":7}"#);
    assert_eq!(plan(&fixed, 1), plan(&fixed, 2));
    // Runs have the seed 1.
    let mut run = Run::ask(&plain(), free.clone(), "hi");
    run.end().await;
    let taken: Vec<(u32, u32)> = drawn(&run)
        .into_iter()
        .filter(|(_, _, _, outcome)| *outcome == EdgeOutcome::Taken)
        .map(|(from, to, has_draw, _)| {
            assert!(has_draw);
            (from, to)
        })
        .collect();
    assert_eq!(taken, edges(&plan(&free, 1)));
}

#[tokio::test]
async fn the_majority_decides_and_everybodys_vote_is_told() {
    let fake = answering(&[
        ("A", "It is A."),
        ("B", "{\"answer\": \"B\"}"),
        ("C", "B"),
        ("D", "who knows"),
    ]);
    let agents = r#"{"part":"io","model":"A"},{"part":"io","model":"B"},{"part":"io","model":"C"},{"part":"io","model":"D"}"#;
    let mut run = Run::ask(&fake, council(agents, r#"{"joining":"closed"}"#), QUESTION);
    assert_eq!(run.end().await, answered("{\"answer\": \"B\"}"));
    let vote = |node: u32, choice: &str| (node, choice.to_owned());
    assert_eq!(ballots(&run), [vote(1, "A"), vote(2, "B"), vote(3, "B")]);
    assert_eq!(
        marks(&run, "answer"),
        [
            vote(1, "A"),
            vote(2, "B"),
            vote(3, "B"),
            vote(4, "none"),
            vote(5, "B")
        ]
    );
    assert_eq!(marks(&run, "votes"), [vote(5, "B 2, A 1")]);
    assert_eq!(marks(&run, "abstained"), [vote(5, "1")]);
    assert_eq!(marks(&run, "agreement"), [vote(5, "2 of 4")]);
    assert!(marks(&run, "tie").is_empty());
    assert_eq!(run.text(5), "{\"answer\": \"B\"}");
}

#[tokio::test]
async fn a_tie_is_shown_and_broken_by_the_seed_or_by_order() {
    let fake = answering(&[("A", "A"), ("B", "B")]);
    let first = council(IO, r#"{"joining":"closed","ties":"first"}"#);
    let mut run = Run::ask(&fake, first, QUESTION);
    assert_eq!(run.end().await, answered("A"));
    assert_eq!(marks(&run, "tie"), [(3, "A, B".to_owned())]);
    let mut winners = Vec::new();
    for seed in 0..12 {
        let settings = format!(r#"{{"joining":"closed","seed":{seed}}}"#);
        let mut twice = Vec::new();
        for _ in 0..2 {
            twice.push(
                Run::ask(&fake, council(IO, &settings), QUESTION)
                    .end()
                    .await,
            );
        }
        assert_eq!(twice[0], twice[1]);
        winners.extend(twice.pop());
    }
    assert!(winners.contains(&answered("A")) && winners.contains(&answered("B")));
}

#[tokio::test]
async fn a_failed_node_is_named_and_the_others_go_on_without_it() {
    let fake = answering(&[("B", "B")]);
    let mut run = Run::ask(&fake, council(IO, r#"{"realisation":"full"}"#), QUESTION);
    assert_eq!(run.end().await, answered("B"));
    assert_eq!(run.fault(1), Some(FaultClass::Timeout));
    assert_eq!(
        run.notes(),
        ["A gave nothing (timed out); without it: B, decision"]
    );
    assert_eq!(questions_to(&fake, "B"), [QUESTION]);
}

#[tokio::test]
async fn without_an_edge_to_the_decision_the_turn_says_so() {
    let fake = plain();
    let mut run = Run::ask(&fake, council(IO, r#"{"probability":0}"#), "hi");
    let Outcome::Failed { fault } = run.end().await else {
        panic!("{:?}", run.seen);
    };
    assert_eq!(fault.message, "no edge leads to the decision in this draw");
    assert!(fake.asked().is_empty());
    let mut run = Run::ask(
        &answering(&[]),
        council(IO, r#"{"realisation":"full"}"#),
        "hi",
    );
    let Outcome::Failed { fault } = run.end().await else {
        panic!("{:?}", run.seen);
    };
    assert_eq!(
        fault.message,
        "no agent that reaches the decision has answered"
    );
}

#[tokio::test]
async fn a_skipped_node_is_left_out_and_a_stopped_turn_ends() {
    let fake = Fake::new(|request, _| match request.model.model.as_str() {
        "A" => vec![Step::Hang],
        model => say(model),
    });
    let mut run = Run::ask(&fake, council(IO, r#"{"joining":"closed"}"#), QUESTION);
    run.until(|kind| matches!(kind, Kind::Done { node, .. } if *node == NodeId(2)))
        .await;
    run.control(Control::Skip { node: NodeId(1) });
    assert_eq!(run.end().await, answered("B"));
    let mut run = Run::ask(&fake, council(IO, r#"{"joining":"closed"}"#), QUESTION);
    run.until(|kind| matches!(kind, Kind::Done { node, .. } if *node == NodeId(2)))
        .await;
    run.handle.cancel.cancel();
    let text = String::new();
    assert_eq!(run.end().await, Outcome::Stopped { text });
    assert!(ballots(&run).is_empty());
}

#[tokio::test]
async fn a_chain_of_thoughts_keeps_the_question() {
    let fake = plain();
    let agents = r#"{"part":"io","model":"A"},{"part":"cot","name":"chain","model":"B"}"#;
    let settings = r#"{"probability":0,"edges":[
        {"from":"io","to":"chain.2","probability":1},{"from":"chain.3","to":"decision","probability":1}],
        "decision":"first"}"#;
    let mut run = Run::ask(&fake, council(agents, settings), "hi");
    assert_eq!(run.end().await, answered("said by B 3"));
    assert_eq!(
        questions_to(&fake, "B"),
        [
            format!("hi\n\n{}", prompt("think")),
            format!(
                "hi\n\nThoughts so far:\n1. said by B\n\nOther agents say:\nA: said by A\n\n{}",
                prompt("think")
            ),
            format!(
                "hi\n\nThoughts so far:\n1. said by B 2\n\n{}",
                prompt("conclude")
            ),
        ]
    );
}

#[tokio::test]
async fn lines_of_thought_are_apart_and_combined() {
    let fake = plain();
    let agents = r#"{"part":"tot","model":"A"}"#;
    let mut run = Run::ask(&fake, council(agents, r#"{"joining":"closed"}"#), "hi");
    assert_eq!(run.end().await, answered("said by A 4"));
    let asked = questions_to(&fake, "A");
    assert!(asked[1].contains("number 1 of 2") && asked[2].contains("number 2 of 2"));
    assert!(asked[1].contains("1. said by A\n") && asked[2].contains("1. said by A\n"));
    assert!(asked[3].starts_with("hi\n\nThoughts so far:\n1. said by A 2\n2. said by A 3\n"));
}

#[tokio::test]
async fn a_reflection_is_told_to_the_next_try() {
    let fake = plain();
    let agents = r#"{"part":"reflection","model":"A"}"#;
    let settings = r#"{"joining":"closed","tries":1}"#;
    let mut run = Run::ask(&fake, council(agents, settings), "hi");
    assert_eq!(run.end().await, answered("said by A 3"));
    assert_eq!(
        questions_to(&fake, "A"),
        [
            "hi".to_owned(),
            format!(
                "hi\n\nThoughts so far:\n1. said by A\n\n{}",
                prompt("reflect")
            ),
            format!(
                "hi\n\nThoughts so far:\n1. said by A 2\n\n{}",
                prompt("again")
            ),
        ]
    );
}

#[tokio::test]
async fn every_kind_is_told_its_part_unless_the_preset_does() {
    let fake = plain();
    let agents = r#"{"part":"adversarial","model":"L"},{"part":"specialist","model":"S","count":2},
        {"part":"truthful","model":"O","system":"Mine."},{"part":"constant","model":"fixed","system":"C"},
        {"part":"empty","model":"none"}"#;
    let mut run = Run::ask(&fake, council(agents, r#"{"joining":"closed"}"#), QUESTION);
    run.end().await;
    let system = |model: &str| {
        let asked = fake.messages_to(model);
        asked
            .into_iter()
            .map(|mut one| one.swap_remove(0).1)
            .collect::<Vec<_>>()
    };
    assert_eq!(system("L"), [prompt("adversary")]);
    assert_eq!(
        system("S"),
        [
            Prompts::default().specialist(0),
            Prompts::default().specialist(1)
        ]
    );
    assert_eq!(system("O"), ["Mine."]);
    assert_eq!(run.text(5), "C");
    assert!(ballots(&run).contains(&(5, "C".to_owned())));
    assert_eq!(fake.asked().len(), 4);
}

#[tokio::test]
async fn a_judge_reads_numbered_answers_and_its_text_is_the_answer() {
    let fake = plain();
    let agents = format!(r#"{IO},{{"part":"judge","model":"J"}}"#);
    for (decision, name, labels) in [
        (
            "self_consistency",
            "consistent",
            "Answer 1: said by A\nAnswer 2: said by B",
        ),
        (
            "select_best",
            "best",
            "Answer 1: said by A 2\nAnswer 2: said by B 2",
        ),
        ("references", "references", "A: said by A 3\nB: said by B 3"),
    ] {
        let settings = format!(r#"{{"joining":"closed","decision":"{decision}"}}"#);
        let mut run = Run::ask(&fake, council(&agents, &settings), "hi");
        let Outcome::Answered { text } = run.end().await else {
            panic!("{:?}", run.seen);
        };
        assert!(text.starts_with("said by J"));
        assert_eq!(run.text(3), text);
        let asked = questions_to(&fake, "J").pop().unwrap();
        assert_eq!(asked, format!("hi\n\n{labels}\n\n{}", prompt(name)));
    }
}

#[tokio::test]
async fn later_turns_see_the_conversation() {
    let fake = plain();
    let talk = vec![
        Message::user("hi"),
        Message::assistant("yo"),
        Message::user("more"),
    ];
    let council = council(IO, r#"{"realisation":"full"}"#);
    Run::start(&fake, council, talk, BTreeMap::new())
        .end()
        .await;
    let asked = &fake.messages_to("A")[0];
    let roles: Vec<Role> = asked.iter().map(|(role, _)| *role).collect();
    assert_eq!(
        roles,
        [Role::System, Role::User, Role::Assistant, Role::User]
    );
    assert!(
        fake.messages_to("B")[0][3]
            .1
            .starts_with("more\n\nOther agents say:")
    );
}

#[tokio::test]
async fn the_originals_behaviour_on_request() {
    // Edges between agents that read the question carry nothing.
    let fake = plain();
    let settings = r#"{"realisation":"full","decision":"last","compat":true}"#;
    Run::ask(&fake, council(IO, settings), "hi").end().await;
    assert_eq!(questions_to(&fake, "B"), ["hi"]);
    // Nothing reaches the decision: a fixed text, and nobody is asked.
    let fake = plain();
    let three = r#"{"part":"io","model":"A","count":3}"#;
    let mut run = Run::ask(
        &fake,
        council(three, r#"{"probability":0,"compat":true}"#),
        "hi",
    );
    let text = "No answer since there are no inputs provided";
    assert_eq!(run.end().await, answered(text));
    assert!(fake.asked().is_empty());
    // A is asked although its text is never used.
    let fake = plain();
    let settings = r#"{"realisation":"mask","mask":[true,false,false,true],"compat":true}"#;
    Run::ask(&fake, council(IO, settings), "hi").end().await;
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn in_the_original_a_thought_forgets_the_question_and_is_thought_once_for_each_message() {
    let fake = plain();
    let agents = r#"{"part":"io","model":"A"},{"part":"cot","name":"c","model":"B"}"#;
    let settings = r#"{"compat":true,"probability":0,"decision":"last","edges":[
        {"from":"io","to":"c.2","probability":1},{"from":"io","to":"decision","probability":1},
        {"from":"c.3","to":"decision","probability":1}]}"#;
    let mut run = Run::ask(&fake, council(agents, settings), "hi");
    run.end().await;
    assert_eq!(fake.asked().len(), 6);
    let asked = questions_to(&fake, "B");
    assert_eq!(asked.len(), 5);
    assert!(asked[1].starts_with("said by B\n\n"), "{}", asked[1]);
    assert!(asked[2].starts_with("said by A\n\n"), "{}", asked[2]);
    assert_eq!(ballot_count(&run), 3);
}

/// The number of messages that the decision received.
fn ballot_count(run: &Run) -> usize {
    let decision = run.seen.iter().filter(|kind| {
        matches!(kind, Kind::Mark { key, node, .. } if key == "answer" && *node != NodeId(5))
    });
    decision.count()
}

#[tokio::test]
async fn texts_of_an_earlier_attempt_count_only_where_the_graph_is_the_same() {
    for (realisation, is_same) in [("full", true), ("sample", false)] {
        let fake = plain();
        let reuse = BTreeMap::from([(NodeId(1), "old".to_owned())]);
        let talk = vec![Message::user("hi")];
        let settings =
            format!(r#"{{"realisation":"{realisation}","probability":1,"decision":"last"}}"#);
        let mut run = Run::start(&fake, council(IO, &settings), talk, reuse);
        run.end().await;
        assert_eq!(fake.messages_to("A").is_empty(), is_same);
        assert_eq!(questions_to(&fake, "B")[0].contains("A: old"), is_same);
        assert_eq!(run.notes().is_empty(), is_same);
    }
}

#[test]
fn what_is_wrong_with_a_preset_is_named() {
    let judge = r#"{"part":"io","model":"A"},{"part":"judge","model":"J"}"#;
    for (agents, settings, named) in [
        (IO, r#"{"realisatoin":"full"}"#, "realisatoin"),
        (
            r#"{"part":"poet","model":"A"}"#,
            "{}",
            "\"poet\" is not known; known: io",
        ),
        (
            r#"{"part":"judge","model":"A"}"#,
            r#"{"decision":"references"}"#,
            "at least one",
        ),
        (
            IO,
            r#"{"decision":"references"}"#,
            "exactly one with part \"judge\"",
        ),
        (judge, "{}", "asks no model"),
        (IO, r#"{"probability":1.5}"#, "1.5 is no probability"),
        (IO, r#"{"temperature":0}"#, "temperature 0"),
        (IO, r#"{"logits":[1]}"#, "1 logits for 4 potential edges"),
        (IO, r#"{"realisation":"mask"}"#, "0 mask entries for 4"),
        (
            IO,
            r#"{"edges":[{"from":"A","to":"A","logit":1}]}"#,
            "nodes: A, B, decision",
        ),
        (
            IO,
            r#"{"edges":[{"from":"A","to":"B"}]}"#,
            "either logit or probability",
        ),
        (IO, r#"{"prompts":{"piers":""}}"#, "\"piers\" is not known"),
    ] {
        let error = society::build(&council(agents, settings))
            .map(drop)
            .unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn edges_are_named_by_node_agent_or_part_and_later_words_win() {
    let agents = r#"{"part":"io","model":"A"},{"part":"adversarial","model":"L","count":2}"#;
    let settings = r#"{"realisation":"threshold","probability":0,"edges":[
        {"from":"*","to":"decision","probability":0.9},
        {"from":"adversarial","to":"decision","logit":-3},
        {"from":"L 2","to":"io","logit":3}]}"#;
    assert_eq!(
        edges(&plan(&council(agents, settings), 1)),
        [(3, 1), (1, 4)]
    );
    let top = r#"{"realisation":"top","count":2,"logits":[0,0,0,0,9,0,8,0,7]}"#;
    assert_eq!(edges(&plan(&council(agents, top), 1)), [(3, 1), (1, 4)]);
}

const CLUES: &str = "h1. a list of things to do, cut short\nh2. c\nh3. c\nh4. c\nh5. c\nv1. to heap\nv2. c\nv3. c\nv4. c\nv5. c";

#[tokio::test]
async fn crossword_agents_fill_boards_look_back_and_start_again() {
    let fake = Fake::new(|request, _| {
        let asked = &request.messages.last().unwrap().content;
        say(if asked.contains("certain, high, medium or low") {
            if asked.contains("Suggestions:\nWrite agend.") {
                "h1. agend (certain)"
            } else {
                "h1. agend (certain)\nh2. motel (high)\nv1. bingo (low)"
            }
        } else if asked.starts_with("Does the word") {
            if asked.contains("AGEND") {
                "Yes"
            } else {
                "No."
            }
        } else if asked.ends_with("to heap: a m _ _ _") {
            "no idea\nImpossible"
        } else if asked.starts_with("Is there a word") {
            "maybe"
        } else {
            assert!(asked.contains("be completed: v1. AM___\n"), "{asked}");
            assert!(asked.contains("fit their clue: h1. AGEND\n"), "{asked}");
            assert!(asked.contains("not fit their clue: h2. MOTEL\n"), "{asked}");
            "Write agend."
        })
    });
    let agents = r#"{"part":"crossword_reflection","model":"A"}"#;
    let settings = r#"{"joining":"closed","decision":"fullest","tries":1}"#;
    let mut run = Run::ask(&fake, council(agents, settings), CLUES);
    let rows = "AGEND\n_____\n_____\n_____\n_____";
    assert_eq!(run.end().await, answered(rows));
    let asked = questions_to(&fake, "A");
    let starting = |start: &str| asked.iter().filter(|one| one.starts_with(start)).count();
    assert_eq!(asked.len(), 10);
    assert_eq!(
        (starting("Does the word"), starting("Is there a word")),
        (2, 5)
    );
    let first_value = asked
        .iter()
        .find(|one| one.starts_with("Is there a word"))
        .unwrap();
    assert!(first_value.ends_with("to heap: a m _ _ _"));
    assert!(
        run.text(1).ends_with("AGEND\nMOTEL\n_____\n_____\n_____"),
        "{}",
        run.text(1)
    );
}

#[tokio::test]
async fn a_tree_of_boards_is_pruned_and_the_fullest_is_taken() {
    let fake = Fake::new(|request, _| {
        let asked = &request.messages.last().unwrap().content;
        say(if asked.starts_with("Is there a word") {
            if asked.contains("z z z z z") {
                "impossible"
            } else {
                "sure"
            }
        } else if asked.contains("\nZZZZZ\n") || asked.contains("\nAGEND\n") {
            "v1. amass (high)"
        } else {
            "h1. zzzzz (certain)\nh1. agend (high)\nh1. other (low)"
        })
    });
    let agents = r#"{"part":"crossword_tree","model":"A"}"#;
    let settings = r#"{"joining":"closed","decision":"fullest"}"#;
    let council = council(agents, settings);
    let plan = plan(&council, 1);
    let parts: Vec<&str> = plan.nodes.iter().map(|node| node.part.as_str()).collect();
    assert_eq!(parts, ["grow", "grow", "collect", "decision"]);
    let mut run = Run::ask(&fake, council, CLUES);
    assert_eq!(
        run.end().await,
        answered("AGEND\nM____\nA____\nS____\nS____")
    );
    assert_eq!(
        marks(&run, "boards"),
        [
            (1, "2".to_owned()),
            (2, "2".to_owned()),
            (3, "2".to_owned())
        ]
    );
    assert!(
        run.text(3).starts_with("ZZZZZ\n_____"),
        "the pruned one goes on as it is"
    );
}

#[tokio::test]
async fn crossword_agents_refuse_another_question() {
    let fake = plain();
    let agents = r#"{"part":"crossword_search","model":"A"}"#;
    let mut run = Run::ask(&fake, council(agents, r#"{"joining":"closed"}"#), "hi");
    assert!(matches!(run.end().await, Outcome::Failed { .. }));
    assert_eq!(run.fault(1), Some(FaultClass::BadData));
    assert!(fake.asked().is_empty());
}

/// Adds a mark to what it is given.
struct Marker(Card);

impl Tool for Marker {
    fn card(&self) -> &Card {
        &self.0
    }

    fn call<'a>(
        &'a self,
        arguments: Value,
        _context: &'a Context<'a>,
    ) -> BoxFuture<'a, Result<String, ToolError>> {
        let text = format!("{}!", arguments["text"].as_str().unwrap());
        Box::pin(std::future::ready(Ok(text)))
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
async fn a_tool_agent_formulates_calls_and_concludes() {
    let fake = Fake::new(|request, _| {
        let asked = &request.messages.last().unwrap().content;
        let is_first = asked.contains("(text)");
        say(if is_first {
            "Let me see\n`hello`"
        } else {
            "Done."
        })
    });
    let council = council(r#"{"part":"tool","model":"A"}"#, r#"{"joining":"closed"}"#);
    let card = Card {
        name: "marker".into(),
        description: "Marks words.".into(),
        schema: json!({"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}),
        effect: Effect::None,
    };
    let seen = Arc::new(Seen::default());
    let (_controls, receiver) = tokio::sync::mpsc::unbounded_channel();
    let scope = Scope::new(ScopeParts {
        backends: backends(&fake),
        sink: seen.clone(),
        cancel: Cancel::new(),
        controls: receiver,
        num_proc: 0,
    });
    let scope = scope.with_tools(Arc::new(Kit::empty().with(Marker(card))));
    let task = Task {
        turn: TurnId(1),
        conversation: vec![Message::user("mark it")],
        reuse: BTreeMap::new(),
        seed: 1,
    };
    let protocol = society::build(&council).unwrap();
    assert_eq!(protocol.run(&task, &scope).await, answered("Done."));
    let asked = questions_to(&fake, "A");
    assert!(asked[0].contains("marker: Marks words."), "{}", asked[0]);
    assert!(asked[1].starts_with("mark it\n\nThoughts so far:\n1. marker(hello): hello!\n"));
    let called = Kind::Called {
        node: NodeId(2),
        tool: "marker".into(),
        arguments: r#"{"text":"hello"}"#.into(),
    };
    assert!(seen.0.lock().unwrap().contains(&called));
}

#[tokio::test]
async fn without_a_tool_its_agent_goes_on_without() {
    let fake = plain();
    let council = council(r#"{"part":"tool","model":"A"}"#, r#"{"joining":"closed"}"#);
    let mut run = Run::ask(&fake, council, "hi");
    assert_eq!(run.end().await, answered("said by A 2"));
    assert_eq!(run.fault(2), Some(FaultClass::BadData));
}

fn arguments(data: &Path, flags: &[&str]) -> GraphArgs {
    let command = ["synod", "graph", data.to_str().unwrap()];
    let words = command.iter().chain(flags).map(OsString::from);
    match cli::parse(words).unwrap().command {
        Some(cli::Command::Graph(args)) => *args,
        other => panic!("{other:?}"),
    }
}

#[test]
fn flags_change_the_preset() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("tiny.csv");
    fs::write(&data, "One and one?,1,2,3,4,B\n").unwrap();
    let changed = |flags: &[&str], settings: &str| {
        let args = arguments(&data, flags);
        let questions = Questions::load(&args).unwrap();
        let council = cli::graph::adapt(&args, &questions, council(IO, settings))?;
        Ok::<Value, String>(Value::Object(council.settings))
    };
    assert_eq!(changed(&[], "{}").unwrap(), json!({"answers": "letter"}));
    assert_eq!(
        changed(
            &["--realisation", "top", "--edges", "3", "--compat"],
            r#"{"answers":"text"}"#
        )
        .unwrap(),
        json!({"answers": "text", "realisation": "top", "count": 3, "compat": true})
    );
    let rules = r#"{"edges":[{"from":"A","to":"B","logit":1}]}"#;
    assert_eq!(
        changed(&["--realisation", "closed"], rules).unwrap(),
        json!({"answers": "letter", "joining": "closed", "edges": []})
    );
    let error = changed(&["--draws", "2"], r#"{"seed":1}"#).unwrap_err();
    assert!(error.contains("has a seed"), "{error}");
}

/// What `synod graph` would ask of this data, and the figures of the answers.
async fn measured(data: &Path, flags: &[&str], council: Council, fake: &Arc<Fake>) -> Report {
    let args = arguments(data, flags);
    let questions = Questions::load(&args).unwrap();
    let tasks = cli::graph::tasks(&questions.list, &args);
    let parts = ItemParts {
        backends: backends(fake),
        clock: Arc::new(System),
        paths: None,
    };
    let (options, cancel) = (ItemOptions::default(), Cancel::new());
    let end = run_items(&parts, &council, &tasks, &options, &cancel, |_| {});
    let results = end.await.unwrap().results;
    Report::of(&council, &questions, &results, args.draws)
}

#[tokio::test]
async fn a_data_set_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("tiny.csv");
    let rows =
        "One and one?,1,2,3,4,B\nThe sky is?,blue,red,green,black,A\nNobody knows?,w,x,y,z,D\n";
    fs::write(&data, rows).unwrap();
    let fake = Fake::new(|request, _| {
        let question = &request.messages.last().unwrap().content;
        say(match request.model.model.as_str() {
            _ if question.contains("Nobody") => "well",
            "A" if question.contains("sky") => "The answer is A.",
            "A" => "The answer is B.",
            _ => "The answer is C.",
        })
    });
    let agents = r#"{"part":"io","model":"A","count":2},{"part":"io","model":"C"}"#;
    let council = council(agents, r#"{"joining":"closed","answers":"letter"}"#);
    let report = measured(&data, &[], council.clone(), &fake).await;
    assert_eq!((report.questions, report.answers), (3, 3));
    assert_eq!(
        (report.right.count, report.unread, report.failed),
        (2, 1, 0)
    );
    let agents: Vec<(&str, usize, usize)> = report
        .by_agent
        .iter()
        .map(|(name, share)| (name.as_str(), share.count, share.of))
        .collect();
    assert_eq!(agents, [("A 1", 2, 3), ("A 2", 2, 3), ("C", 0, 3)]);
    assert_eq!((report.calls, report.edges.to_the_decision), (3.0, 3.0));
    assert!(
        report.to_string().contains("right       66.7 %"),
        "{report}"
    );
    let twice = measured(&data, &["--draws", "2", "--limit", "1"], council, &fake).await;
    assert_eq!((twice.questions, twice.answers), (1, 2));
    assert_eq!(twice.by_draw.len(), 2);
    assert_eq!(twice.by_question.unwrap().mean, 1.0);
}

#[tokio::test]
async fn crosswords_are_measured_by_letters_words_and_games() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("mini.json");
    fs::write(&data, include_str!("../vectors/crosswords/puzzle.json")).unwrap();
    let proposals = "h1. agend (certain)\nh2. motor (high)\nh2. metal (low)";
    let fake = Fake::new(move |_, _| say(proposals));
    let agents = r#"{"part":"crossword_search","model":"A"}"#;
    let council = council(agents, r#"{"joining":"closed","decision":"fullest"}"#);
    let report = measured(&data, &[], council, &fake).await;
    let crosswords = report.crosswords.unwrap();
    assert_eq!((crosswords.letters, crosswords.words), (0.4, 0.2));
    assert_eq!((crosswords.best_words, crosswords.games), (0.2, 0.0));
    assert_eq!(report.calls, 3.0);
}
