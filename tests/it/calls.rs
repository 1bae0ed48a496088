//! A planner whose caller is an endpoint with tool calling: what is sent, what is read, and the way back to text.

use crate::support::server::{Act, Reply, Seen as Request, Server};
use crate::support::steps::{Seen, Steps, kit};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use synod::backend::Backend;
use synod::backend::openai::{OpenAi, RetryPolicy};
use synod::domain::endpoint::Endpoint;
use synod::domain::event::Outcome;
use synod::domain::fault::FaultClass;
use synod::domain::id::NodeId;
use synod::society::planner::ANSWER;
use synod::tool::permit::Permissions;

const CALL: (&str, &str) = ("P", "Work it out.\n Next: caller.");
const DONE: (&str, &str) = ("P", "It is known.\n Next: conclusion.");
const FOUR: (&str, &str) = ("S", "It is 4.");
const END: &str = "data: [DONE]\n\n";

fn event(delta: &Value, finish: Option<&str>) -> String {
    let chunk = json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    format!("data: {chunk}\n\n")
}

/// A piece of a call.
fn piece(index: u64, id: &str, name: &str, arguments: &str) -> String {
    let call = json!({"index": index, "id": id, "type": "function",
        "function": {"name": name, "arguments": arguments}});
    event(&json!({"tool_calls": [call]}), None)
}

fn stream(mut events: Vec<String>) -> Reply {
    events.push(event(&json!({}), Some("tool_calls")));
    events.push(END.into());
    Reply::stream(&events)
}

/// A call of the calculator in one piece.
fn sum(arguments: &str) -> Reply {
    stream(vec![piece(0, "a", "calculator", arguments)])
}

fn words(text: &str) -> Reply {
    Reply::stream(&[
        event(&json!({"content": text}), Some("stop")),
        END.to_owned(),
    ])
}

fn endpoint(server: &Server) -> Arc<dyn Backend> {
    let endpoint = Endpoint {
        name: "mock".into(),
        base_url: server.base_url(),
        ..Endpoint::default()
    };
    let quick = RetryPolicy {
        base_ms: 1,
        most: 2,
        jitter: 0.0,
    };
    let backend = OpenAi::new(endpoint, BTreeMap::new()).unwrap();
    Arc::new(backend.with_retries(quick))
}

/// Planner and summarizer play their lines, the caller is the server's model.
async fn ask(settings: &str, lines: &[(&str, &str)], backend: Arc<dyn Backend>) -> Seen {
    let council = format!(
        r#"{{"title":"t","society":"planner","settings":{settings},"agents":[
            {{"part":"planner","model":"P@scripted"}},{{"part":"summarizer","model":"S@scripted"}},
            {{"part":"caller","model":"m@mock"}}]}}"#
    );
    let mut steps = Steps::of(&council, lines).kit(kit(
        r#"{"use":["calculator"]}"#,
        Path::new("/"),
        Permissions::of_person(),
    ));
    steps.more.push(("mock".into(), backend));
    steps.ask("What is 2+2?").await.0
}

async fn play(settings: &str, lines: &[(&str, &str)], replies: Vec<Reply>) -> (Seen, Vec<Value>) {
    let server = Server::script(replies).await;
    let seen = ask(settings, lines, endpoint(&server)).await;
    (seen, bodies(&server.seen()))
}

fn bodies(requests: &[Request]) -> Vec<Value> {
    let body = |request: &Request| serde_json::from_str(&request.body).unwrap();
    requests.iter().map(body).collect()
}

/// The node of the first step's caller.
const CALLER: NodeId = NodeId(3);

#[tokio::test]
async fn a_call_arrives_in_pieces_and_its_result_goes_back_under_its_id() {
    let pieces = vec![
        piece(0, "x", "calculator", ""),
        piece(0, "x", "", r#"{"expr"#),
        piece(0, "y", "", r#"ession": "#),
        piece(0, "", "", r#""2+2"#),
        piece(0, "z", "", r#""}"#),
    ];
    let lines = [CALL, CALL, DONE, FOUR];
    let next = sum(r#"{"expression": "4*1"}"#);
    let (seen, sent) = play("{}", &lines, vec![stream(pieces), next]).await;
    assert_eq!(seen.answer(), "It is 4.");
    let calls = [
        ("calculator", r#"{"expression":"2+2"}"#),
        ("calculator", r#"{"expression":"4*1"}"#),
    ];
    assert_eq!(seen.calls(), calls);
    assert_eq!(
        seen.text(CALLER),
        "Action: calculator\nAction Input: {\"expression\": \"2+2\"}",
        "screens read a call like any other"
    );
    let tool = &sent[0]["tools"][0];
    assert_eq!(
        (tool["type"].as_str(), tool["function"]["name"].as_str()),
        (Some("function"), Some("calculator"))
    );
    assert!(tool["function"]["parameters"]["properties"]["expression"].is_object());
    assert_eq!(sent[0]["tool_choice"], "required");
    assert_eq!(sent[0]["parallel_tool_calls"], false);
    let told = sent[1]["messages"].as_array().unwrap();
    assert_eq!(told[0], json!({"role": "user", "content": "What is 2+2?"}));
    assert_eq!(
        told[1],
        json!({"role": "assistant", "content": "Work it out.", "tool_calls": [{"id": "call_1", "type": "function",
            "function": {"name": "calculator", "arguments": "{\"expression\": \"2+2\"}"}}]})
    );
    assert_eq!(
        told[2],
        json!({"role": "tool", "content": "4", "tool_call_id": "call_1"})
    );
    assert_eq!((told.len(), told[3]["role"].as_str()), (4, Some("user")));
}

#[tokio::test]
async fn of_several_calls_the_first_runs() {
    // Told apart by index, and by id alone.
    for index in [1, 0] {
        let two = vec![
            piece(0, "a", "calculator", r#"{"expression": "2+2"}"#),
            piece(index, "b", "calculator", r#"{"expression": "3+3"}"#),
        ];
        let (seen, _) = play("{}", &[CALL, DONE, FOUR], vec![stream(two)]).await;
        assert_eq!(seen.calls(), [("calculator", r#"{"expression":"2+2"}"#)]);
        assert_eq!(seen.marks("flags"), ["extra_calls"]);
        assert!(seen.text(CALLER).contains("3+3"), "what was asked is shown");
    }
}

#[tokio::test]
async fn arguments_that_cannot_be_read_are_told_and_in_the_end_observed() {
    let bad = || sum(r#"{expression = 2+2}"#);
    let good = sum(r#"{"expression": "2+2"}"#);
    let lines = [CALL, DONE, FOUR];
    let (seen, sent) = play("{}", &lines, vec![bad(), good]).await;
    assert_eq!(seen.observations(), ["4"]);
    assert_eq!(
        sent[1]["tool_choice"],
        json!({"type": "function", "function": {"name": "calculator"}}),
        "a second try holds the server to the tool it chose"
    );
    let why = sent[1]["messages"].as_array().unwrap().last().unwrap();
    assert!(
        why["content"].as_str().unwrap().contains("bad_json"),
        "{why}"
    );
    let (seen, sent) = play("{}", &lines, vec![bad()]).await;
    assert_eq!(sent.len(), 3);
    assert!(seen.calls().is_empty(), "never with empty arguments");
    let observation = &seen.observations()[0];
    assert!(observation.contains("bad_json: "), "{observation}");
    assert_eq!(seen.answer(), "It is 4.", "the planner goes on");
}

#[tokio::test]
async fn a_stream_that_is_cut_in_the_arguments_starts_again() {
    let cut = Reply::stream(&[
        piece(0, "a", "calculator", ""),
        piece(0, "", "", r#"{"expression": "9"#),
    ])
    .then(Act::Cut);
    let good = sum(r#"{"expression": "2+2"}"#);
    let (seen, sent) = play("{}", &[CALL, DONE, FOUR], vec![cut.clone(), good]).await;
    assert_eq!(sent.len(), 2);
    assert_eq!(seen.calls(), [("calculator", r#"{"expression":"2+2"}"#)]);
    assert_eq!(
        seen.text(CALLER),
        "Action: calculator\nAction Input: {\"expression\": \"2+2\"}",
        "nothing of the torn call is left"
    );
    let (seen, _) = play("{}", &[CALL, DONE, FOUR], vec![cut]).await;
    let Outcome::Failed { fault } = &seen.outcome else {
        panic!("{:?}", seen.outcome);
    };
    assert_eq!(fault.class, FaultClass::Transient);
    assert!(seen.calls().is_empty());
}

#[tokio::test]
async fn a_server_that_refuses_tools_is_asked_for_text_from_then_on() {
    let text = "Action: calculator\nAction Input: {\"expression\": \"2+2\"}";
    for (status, why) in [
        (400, "m does not support tools"),
        (404, "No endpoints found that support tool use"),
        (500, "tools param requires --jinja flag"),
        (501, "not implemented"),
    ] {
        let refusal = Reply::json(status, &json!({"error": {"message": why}}).to_string());
        let server = Server::script(vec![refusal, words(text)]).await;
        let backend = endpoint(&server);
        let lines = [CALL, DONE, FOUR];
        let seen = ask("{}", &lines, Arc::clone(&backend)).await;
        assert_eq!(
            (seen.answer(), seen.observations()),
            ("It is 4.", vec!["4".to_owned()])
        );
        assert!(
            seen.notes()
                .iter()
                .any(|note| note.contains("written as text")),
            "{status}: {:?}",
            seen.notes()
        );
        assert!(!backend.takes_tools("m"), "{status} is remembered");
        let again = ask("{}", &lines, backend).await;
        assert!(again.notes().is_empty(), "the next turn does not try");
        let sent = bodies(&server.seen());
        let has_tools: Vec<bool> = sent.iter().map(|body| body["tools"].is_array()).collect();
        assert_eq!(has_tools, [true, false, false], "{status}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_held_to_a_call_is_asked_without() {
    let refusal = Reply::json(
        400,
        r#"{"error":{"message":"tool_choice must be auto","param":"tool_choice"}}"#,
    );
    let good = sum(r#"{"expression": "2+2"}"#);
    let (seen, sent) = play("{}", &[CALL, DONE, FOUR], vec![refusal, good]).await;
    assert_eq!(seen.observations(), ["4"]);
    assert!(sent[1]["tools"].is_array() && sent[1]["tool_choice"].is_null());
}

#[tokio::test]
async fn the_preset_says_how_calls_are_written() {
    let text = "Action: calculator\nAction Input: {\"expression\": \"2+2\"}";
    let lines = [CALL, DONE, FOUR];
    let (seen, sent) = play(r#"{"tools":"text"}"#, &lines, vec![words(text)]).await;
    assert_eq!(seen.observations(), ["4"]);
    assert!(sent[0]["tools"].is_null());
    let refusal = Reply::json(400, r#"{"error":{"message":"m does not support tools"}}"#);
    let (seen, sent) = play(r#"{"tools":"native"}"#, &lines, vec![refusal]).await;
    let Outcome::Failed { fault } = &seen.outcome else {
        panic!("{:?}", seen.outcome);
    };
    assert_eq!((fault.class, sent.len()), (FaultClass::NoToolCalls, 1));
    let local = r#"{"title":"t","society":"planner","settings":{"tools":"native"},
        "agents":[{"part":"backbone","model":"m"}]}"#;
    let council = serde_json::from_str(local).unwrap();
    let error = synod::society::build(&council).err().unwrap().to_string();
    assert!(error.contains("native"), "{error}");
}

#[tokio::test]
async fn words_in_place_of_a_call_are_read_too() {
    let tagged = "<tool_call>\n{\"name\": \"calculator\", \"arguments\": {\"expression\": \"2+2\"}}\n</tool_call>";
    let lines = [CALL, DONE, FOUR];
    let (seen, sent) = play("{}", &lines, vec![words(tagged)]).await;
    assert_eq!((seen.observations(), sent.len()), (vec!["4".to_owned()], 1));
}

#[tokio::test]
async fn a_server_that_takes_tools_and_forgets_them_is_asked_for_text() {
    let text = "Action: calculator\nAction Input: {\"expression\": \"2+2\"}";
    let replies = || vec![words("I would add them."), words(text)];
    let lines = [CALL, DONE, FOUR];
    let (seen, sent) = play("{}", &lines, replies()).await;
    assert_eq!(seen.observations(), ["4"]);
    assert!(sent[0]["tools"].is_array() && sent[1]["tools"].is_null());
    assert!(seen.notes()[0].contains("answered without a call"));
    let (seen, sent) = play(r#"{"tools":"native"}"#, &lines, replies()).await;
    assert_eq!(seen.observations(), ["4"]);
    assert!(
        sent[1]["tools"].is_array(),
        "where the preset insists it is asked again"
    );
}

#[tokio::test]
async fn a_backbone_calls_until_it_answers() {
    let server = Server::script(vec![
        stream(vec![
            event(&json!({"content": "The sum is missing."}), None),
            piece(0, "a", "calculator", r#"{"expression": "2+2"}"#),
        ]),
        words("It is four."),
    ])
    .await;
    let council = r#"{"title":"t","society":"planner","settings":{"mode":"backbone"},
        "agents":[{"part":"backbone","model":"m@mock"}]}"#;
    let mut steps = Steps::of(council, &[]).kit(kit(
        r#"{"use":["calculator"]}"#,
        Path::new("/"),
        Permissions::of_person(),
    ));
    steps.more.push(("mock".into(), endpoint(&server)));
    let (seen, _) = steps.ask("What is 2+2?").await;
    assert_eq!(
        (seen.answer(), seen.text(ANSWER).as_str()),
        ("It is four.", "It is four.")
    );
    assert_eq!(seen.parts(), ["backbone", "tool", "backbone"]);
    let sent = bodies(&server.seen());
    assert!(sent[0]["tool_choice"].is_null(), "it may answer");
    assert_eq!(sent[1]["messages"][2]["content"], "The sum is missing.");
    assert_eq!(sent[1]["messages"][3]["role"], "tool");
}
