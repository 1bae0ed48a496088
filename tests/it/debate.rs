//! The debate: what each agent is really sent, who counts, and when it ends.

use crate::support::council::{Fake, Run, Step, say};
use std::collections::BTreeMap;
use std::sync::Arc;
use synod::domain::council::Council;
use synod::domain::event::{Kind, Outcome};
use synod::domain::fault::FaultClass;
use synod::domain::id::NodeId;
use synod::domain::message::{Message, Role};
use synod::domain::plan::{Hint, Plan};
use synod::domain::request::{Request, TOOL};
use synod::society;

const THREE: &str =
    r#"{"part":"agent","model":"A"},{"part":"agent","model":"B"},{"part":"agent","model":"C"}"#;
/// Prompts so short that whole messages can be compared.
const PROMPTS: &str = r#""prompts":{"solve":"Q:{question}","review":"R:{answers}|{question}","review_summary":"S:{summary}|{question}",
    "review_alone":"ALONE","summarize":"SUM:{answers}","judge":"J:{answers}"}"#;

fn council(agents: &str, settings: &str) -> Council {
    let comma = if settings.is_empty() { "" } else { "," };
    let text = format!(
        r#"{{"title":"t","society":"debate","agents":[{agents}],"settings":{{{PROMPTS}{comma}{settings}}}}}"#
    );
    let mut council: Council = serde_json::from_str(&text).unwrap();
    council.name = "test".into();
    council
}

/// Answers by model and how often it was asked.
fn script(answers: &'static [(&'static str, &'static [&'static str])]) -> Arc<Fake> {
    Fake::new(move |request: &Request, earlier| {
        let (_, texts) = answers
            .iter()
            .find(|(model, _)| *model == request.model.model)
            .expect("a scripted model");
        match texts[earlier.min(texts.len() - 1)] {
            "FAIL" => vec![Step::Fail(FaultClass::BadRequest)],
            text => say(text),
        }
    })
}

fn user(text: &str) -> (Role, String) {
    (Role::User, text.into())
}

fn assistant(text: &str) -> (Role, String) {
    (Role::Assistant, text.into())
}

fn text_of(outcome: Outcome) -> String {
    match outcome {
        Outcome::Answered { text } => text,
        other => panic!("{other:?}"),
    }
}

fn last_plan(run: &Run) -> Plan {
    let plans = run.seen.iter().rev();
    plans
        .filter_map(|kind| match kind {
            Kind::Planned { plan } => Some(plan.clone()),
            _ => None,
        })
        .next()
        .unwrap()
}

fn node(plan: &Plan, round: u16, lane: u16) -> u32 {
    let fits = |node: &&synod::domain::plan::Node| node.round == round && node.lane == lane;
    plan.nodes.iter().find(fits).unwrap().id.0
}

fn mark(run: &Run, node: u32, key: &str) -> Option<String> {
    run.seen.iter().rev().find_map(|kind| match kind {
        Kind::Mark {
            node: one,
            key: name,
            value,
        } if *one == NodeId(node) && name == key => Some(value.clone()),
        _ => None,
    })
}

fn ballots(run: &Run) -> Vec<(u32, String)> {
    run.seen
        .iter()
        .filter_map(|kind| match kind {
            Kind::Ballot { voter, choice, .. } => Some((voter.0, choice.clone())),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn every_agent_reads_the_others_of_the_round_before_and_remembers_itself() {
    let fake = script(&[
        ("A", &["a1 \\boxed{1}", "a2 \\boxed{2}"]),
        ("B", &["b1 \\boxed{2}", "b2 \\boxed{2.0}"]),
        ("C", &["c1", "c2 \\boxed{3}"]),
    ]);
    let mut run = Run::ask(&fake, council(THREE, r#""summarize":false"#), "q");
    let text = text_of(run.end().await);
    assert_eq!(text, "2 — 2 of 3 (A, B); 3: C\n\na2 \\boxed{2}");
    let review =
        |first: &str, second: &str| user(&format!("R:Answer 1:\n{first}\n\nAnswer 2:\n{second}|q"));
    let (a, b, c) = ("a1 \\boxed{1}", "b1 \\boxed{2}", "c1");
    for (model, own, others) in [("A", a, (b, c)), ("B", b, (a, c)), ("C", c, (a, b))] {
        assert_eq!(
            fake.messages_to(model),
            [
                vec![user("Q:q")],
                vec![user("Q:q"), assistant(own), review(others.0, others.1)],
            ]
        );
    }
    let plan = last_plan(&run);
    assert_eq!(plan.hint, Hint::Grid);
    let at = |round, lane| node(&plan, round, lane);
    assert_eq!(mark(&run, at(1, 1), "answer").as_deref(), Some("1"));
    assert_eq!(mark(&run, at(1, 1), "agreement").as_deref(), Some("1 of 3"));
    assert_eq!(mark(&run, at(1, 3), "answer"), None);
    assert_eq!(mark(&run, at(2, 1), "changed").as_deref(), Some("yes"));
    assert_eq!(mark(&run, at(2, 2), "changed").as_deref(), Some("no"));
    assert_eq!(mark(&run, at(2, 3), "changed").as_deref(), Some("yes"));
    assert_eq!(mark(&run, at(2, 2), "agreement").as_deref(), Some("2 of 3"));
    let answer = plan.answer().unwrap();
    assert_eq!(answer.model.endpoint, TOOL);
    assert_eq!(mark(&run, answer.id.0, "answer").as_deref(), Some("2"));
    assert_eq!(
        mark(&run, answer.id.0, "confidence").as_deref(),
        Some("0.67")
    );
    assert_eq!(
        ballots(&run),
        [
            (at(2, 1), "2".to_owned()),
            (at(2, 2), "2".to_owned()),
            (at(2, 3), "3".to_owned())
        ]
    );
}

#[tokio::test]
async fn summaries_are_made_of_one_round_for_everybody() {
    let agents = format!(r#"{THREE},{{"part":"summarizer","model":"SUM"}}"#);
    let fake = script(&[
        ("A", &["a1", "a2", "a3"]),
        ("B", &["b1", "b2", "b3"]),
        ("C", &["c1", "c2", "c3"]),
        ("SUM", &["s1", "s2", "s3", "s4", "s5", "s6"]),
    ]);
    let mut run = Run::ask(&fake, council(&agents, r#""rounds":3"#), "q");
    assert_eq!(
        text_of(run.end().await),
        "a3",
        "nothing to vote on: the first one's words"
    );
    // 3 × 3 answers and 3 × 2 summaries.
    assert_eq!(fake.asked().len(), 15);
    let sum = |first: &str, second: &str| {
        vec![user(&format!(
            "SUM:Answer 1:\n{first}\n\nAnswer 2:\n{second}"
        ))]
    };
    let asked = fake.messages_to("SUM");
    assert_eq!(
        asked[..3],
        [sum("b1", "c1"), sum("a1", "c1"), sum("a1", "b1")]
    );
    assert_eq!(
        asked[3..],
        [sum("b2", "c2"), sum("a2", "c2"), sum("a2", "b2")]
    );
    assert_eq!(
        fake.messages_to("B")[2],
        [
            user("Q:q"),
            assistant("b1"),
            user("S:s2|q"),
            assistant("b2"),
            user("S:s5|q")
        ]
    );
}

#[tokio::test]
async fn a_debate_ends_when_all_agree() {
    let fake = script(&[
        ("A", &["\\boxed{\\frac12}"]),
        ("B", &["\\boxed{0.5}"]),
        ("C", &["\\boxed{1/2}"]),
    ]);
    let settings = r#""rounds":4,"summarize":false,"stop_when_unanimous":true"#;
    let mut run = Run::ask(&fake, council(THREE, settings), "q");
    let text = text_of(run.end().await);
    assert!(text.starts_with("\\frac12 — 3 of 3 (A, B, C)"), "{text}");
    assert_eq!(fake.asked().len(), 3);
    assert_eq!(run.notes(), ["all agents agree after round 1 of 4"]);
    let plan = last_plan(&run);
    assert_eq!(plan.rounds(), 1, "rounds that will not come are not shown");
    assert_eq!(plan.nodes.len(), 4);
}

#[tokio::test]
async fn ties_are_decided_as_the_preset_says() {
    for (ties, begins) in [
        ("first", "5 — 1 of 2 (A, a tie); 7: B"),
        ("greatest", "7 — 1 of 2 (B, a tie); 5: A"),
        ("earlier", "7 — 1 of 2 (B, a tie); 5: A"),
        ("abstain", "No majority; 5: A; 7: B"),
    ] {
        let fake = script(&[
            ("A", &["\\boxed{7}", "\\boxed{5}"]),
            ("B", &["\\boxed{7}", "\\boxed{7}"]),
        ]);
        let agents = r#"{"part":"agent","model":"A"},{"part":"agent","model":"B"}"#;
        let settings = format!(r#""summarize":false,"ties":"{ties}""#);
        let mut run = Run::ask(&fake, council(agents, &settings), "q");
        let text = text_of(run.end().await);
        assert!(text.starts_with(begins), "{ties}: {text}");
        let answer = last_plan(&run).answer().unwrap().id.0;
        assert_eq!(mark(&run, answer, "tie").as_deref(), Some("yes"));
        assert_eq!(mark(&run, answer, "answer").is_none(), ties == "abstain");
    }
}

#[tokio::test]
async fn who_fails_is_left_out_and_named_and_comes_back() {
    let fake = script(&[
        ("A", &["a1", "FAIL", "a3 \\boxed{1}"]),
        ("B", &["FAIL", "b2", "b3 \\boxed{2}"]),
        ("C", &["c1", "c2", "FAIL"]),
    ]);
    let mut run = Run::ask(
        &fake,
        council(THREE, r#""summarize":false,"rounds":3"#),
        "q",
    );
    let text = text_of(run.end().await);
    assert!(text.starts_with("1 — 1 of 2 (A, a tie); 2: B"), "{text}");
    assert_eq!(
        run.notes(),
        [
            "round 1 goes on without B (request refused)",
            "round 2 goes on without A (request refused)",
            "round 3 goes on without C (request refused)",
        ]
    );
    let sent = fake.messages_to("B");
    let both = "R:Answer 1:\na1\n\nAnswer 2:\nc1|q";
    assert_eq!(
        sent[1],
        [user(&format!("Q:q\n\n{both}"))],
        "one message, not two of a user"
    );
    assert_eq!(
        fake.messages_to("A")[2],
        [
            user("Q:q"),
            assistant("a1"),
            user("R:Answer 1:\nb2\n\nAnswer 2:\nc2|q")
        ],
        "what it was told in the round it failed is told anew"
    );
    assert_eq!(fake.messages_to("C")[1][2], user("R:Answer 1:\na1|q"));
}

#[tokio::test]
async fn a_debate_without_any_answer_fails_with_the_reason() {
    let fake = script(&[("A", &["FAIL"]), ("B", &["FAIL"]), ("C", &["FAIL"])]);
    let mut run = Run::ask(&fake, council(THREE, ""), "q");
    match run.end().await {
        Outcome::Failed { fault } => assert_eq!(fault.class, FaultClass::BadRequest),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn critics_follow_generators_and_a_judge_answers_what_cannot_be_counted() {
    let agents = r#"{"part":"generator","model":"G","count":2,"system":"Be bold."},
        {"part":"critic","model":"K","count":2,"system":"Be hard."},{"part":"judge","model":"J"}"#;
    let fake = script(&[
        ("G", &["g1", "g2"]),
        ("K", &["k1", "k2"]),
        ("J", &["verdict"]),
    ]);
    let talk = vec![
        Message::user("before"),
        Message::assistant("yes"),
        Message::user("q"),
    ];
    let council = council(agents, r#""summarize":false"#);
    let mut run = Run::start(&fake, council, talk, BTreeMap::new());
    assert_eq!(text_of(run.end().await), "verdict");
    let (bold, hard) = (
        (Role::System, "Be bold.".into()),
        (Role::System, "Be hard.".into()),
    );
    let history = [user("before"), assistant("yes"), user("Q:q")];
    assert_eq!(fake.messages_to("G")[1], [&[bold][..], &history].concat());
    let review = [assistant("g2"), user("R:Answer 1:\ng1|q")];
    assert_eq!(
        fake.messages_to("K")[1],
        [&[hard][..], &history, &review].concat()
    );
    assert_eq!(
        fake.messages_to("J"),
        [[
            user("before"),
            assistant("yes"),
            user("q\n\nJ:Answer 1:\nk1\n\nAnswer 2:\nk2")
        ]]
    );
    let plan = last_plan(&run);
    assert_eq!(
        plan.answer().unwrap().part,
        "judge",
        "announced anew with who really answers"
    );
}

#[tokio::test]
async fn an_agent_on_its_own_checks_itself() {
    let fake = script(&[("A", &["a1", "a2 \\boxed{4}"])]);
    let mut run = Run::ask(&fake, council(r#"{"part":"agent","model":"A"}"#, ""), "q");
    assert!(text_of(run.end().await).starts_with("4 — 1 of 1 (A)"));
    assert_eq!(
        fake.messages_to("A")[1],
        [user("Q:q"), assistant("a1"), user("ALONE")]
    );
}

#[tokio::test]
async fn what_is_kept_of_an_earlier_attempt_is_not_asked_again() {
    let fake = script(&[
        ("A", &["new"]),
        ("B", &["\\boxed{8}"]),
        ("C", &["\\boxed{8}"]),
    ]);
    let council = council(THREE, r#""summarize":false"#);
    let reuse = BTreeMap::from([(NodeId(1), "kept \\boxed{7}".to_owned())]);
    let mut run = Run::start(&fake, council, vec![Message::user("q")], reuse);
    run.end().await;
    let sent = fake.messages_to("A");
    assert_eq!(sent.len(), 1, "asked in round 2 alone");
    assert_eq!(sent[0][1], assistant("kept \\boxed{7}"));
}

#[test]
fn a_council_that_cannot_debate_says_why() {
    let uneven =
        r#"{"part":"generator","model":"G","count":3},{"part":"critic","model":"K","count":2}"#;
    for (agents, settings, words) in [
        (uneven, "", "2 speak in round 2 of 2, and 3 in round 1"),
        (THREE, r#""rounds":0"#, "at least 1"),
        (
            THREE,
            r#""answer":"judge""#,
            "needs one with part \"judge\"",
        ),
        (
            r#"{"part":"boss","model":"A"}"#,
            "",
            "part \"boss\" is not known",
        ),
        (THREE, r#""round":2"#, "unknown field `round`"),
    ] {
        let message = society::build(&council(agents, settings))
            .err()
            .unwrap()
            .to_string();
        assert!(message.contains(words), "{message}");
        assert!(message.contains("preset \"test\""), "{message}");
    }
}
