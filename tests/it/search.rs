//! The planner's search: where it goes on when a branch leads nowhere, what it costs at most, and what is left on the board.

use crate::support::steps::{Seen, Steps, kit};
use std::path::Path;
use std::sync::Arc;
use synod::backend::scripted::Scripted;
use synod::domain::id::NodeId;
use synod::society::planner::ANSWER;
use synod::tool::kit::Kit;
use synod::tool::permit::Permissions;

const CALL: &str = "Work it out.\n Next: caller.";
const DONE: &str = "It is known.\n Next: conclusion.";
const UP: &str = "This leads nowhere.\n Next: give up.";

fn sum(expression: &str) -> String {
    format!("Action: calculator\nAction Input: {{\"expression\": \"{expression}\"}}")
}

fn calculator() -> Kit {
    kit(
        r#"{"use":["calculator"]}"#,
        Path::new("/"),
        Permissions::of_person(),
    )
}

/// What the planner decides in turn, and the expressions that the caller writes in turn.
async fn ask(settings: &str, plans: &[&str], sums: &[&str]) -> (Seen, Arc<Scripted>) {
    let calls: Vec<String> = sums.iter().map(|one| sum(one)).collect();
    let mut lines: Vec<(&str, &str)> = plans.iter().map(|plan| ("P", *plan)).collect();
    lines.extend(calls.iter().map(|call| ("C", call.as_str())));
    lines.push(("S", "the answer"));
    let steps = Steps::new(settings, &lines).kit(calculator());
    steps.ask("What is it?").await
}

fn prompts(script: &Scripted, model: &str) -> Vec<String> {
    let asked = script.asked();
    let of_model = asked.iter().filter(|one| one.model.model == model);
    of_model
        .map(|one| one.messages[0].content.clone())
        .collect()
}

/// The steps whose planner is marked as abandoned.
fn abandoned(seen: &Seen) -> Vec<u32> {
    let is_lost = |step: &u32| {
        let marks = seen.marks_of(planner(*step));
        marks.get("abandoned").is_some_and(|why| !why.is_empty())
    };
    (1..30).filter(is_lost).collect()
}

/// A step has three nodes, the first of them its planner, the last its tool.
fn planner(step: u32) -> NodeId {
    NodeId(2 + 3 * (step - 1))
}

fn tool(step: u32) -> NodeId {
    NodeId(4 + 3 * (step - 1))
}

#[tokio::test]
async fn a_branch_that_gives_up_is_left_two_levels_up() {
    let plans = [CALL, CALL, UP, CALL, DONE];
    let (seen, script) = ask(r#"{"strategy":"dfs"}"#, &plans, &["1+1", "2+2", "3+3"]).await;
    assert_eq!(seen.answer(), "the answer");
    assert_eq!(seen.observations(), ["2", "4", "6"]);
    assert_eq!(abandoned(&seen), [2, 3], "the first step is gone on from");
    let edges = &seen.plan().edges;
    for edge in [
        (tool(1), planner(2)),
        (tool(2), planner(3)),
        (tool(1), planner(4)),
        (tool(4), planner(5)),
        (planner(5), ANSWER),
    ] {
        assert!(edges.contains(&edge), "{edge:?} in {edges:?}");
    }
    // The new try is told of the old one, the steps after it are not.
    let told = prompts(&script, "P");
    assert!(told[3].contains("led nowhere") && told[3].contains(r#""function_output":"4""#));
    assert!(told[3].contains(r#""score":2"#), "{}", told[3]);
    for index in [0, 1, 2, 4] {
        assert!(!told[index].contains("led nowhere"), "{index}");
    }
    let summed = &prompts(&script, "S")[0];
    assert!(!summed.contains("observation: 4") && summed.contains("observation: 6"));
}

#[tokio::test]
async fn a_branch_at_its_depth_tries_the_sibling() {
    let settings = r#"{"strategy":"dfs","max_steps":2}"#;
    let plans = [CALL, CALL, CALL, CALL, DONE];
    let (seen, _) = ask(settings, &plans, &["1+1", "2+2", "3+3", "4+4"]).await;
    assert_eq!(seen.answer(), "the answer");
    // Steps 2 and 3 are siblings at the limit; 4 is the second try from the root.
    assert_eq!(abandoned(&seen), [1, 2, 3]);
    assert!(seen.plan().edges.contains(&(tool(1), planner(3))));
    assert!(seen.plan().edges.contains(&(tool(4), planner(5))));
    assert!(!seen.plan().edges.iter().any(|(_, to)| *to == planner(4)));
}

#[tokio::test]
async fn when_everything_was_tried_the_best_branch_answers() {
    let settings = r#"{"strategy":"dfs","max_steps":1}"#;
    let (seen, script) = ask(settings, &[CALL, CALL], &["2+2", "1/0"]).await;
    assert_eq!(seen.marks("outcome"), ["partial"]);
    let summed = &prompts(&script, "S")[0];
    assert!(
        summed.contains("observation: 4") && !summed.contains("1/0"),
        "{summed}"
    );
    assert_eq!(abandoned(&seen), [2]);
    assert!(seen.plan().edges.contains(&(tool(1), ANSWER)));
    let said =
        "the limit of 1 steps was reached: the answer is written from the best of 2 branches";
    assert_eq!(seen.notes(), [said]);
    // All gave up: there is no answer to write.
    let (seen, _) = ask(r#"{"strategy":"dfs"}"#, &[CALL, UP], &["2+2"]).await;
    assert_eq!(seen.answer(), "There is no answer: This leads nowhere.");
    assert_eq!(seen.marks("outcome"), ["gave_up"]);
}

#[tokio::test]
async fn the_search_stops_at_its_cap_and_says_so() {
    let sums: Vec<String> = (1..40).map(|number| format!("{number}+0")).collect();
    let sums: Vec<&str> = sums.iter().map(String::as_str).collect();
    let settings = r#"{"strategy":"dfs","max_steps":3,"width":3,"max_calls":8}"#;
    let (seen, script) = ask(settings, &[CALL], &sums).await;
    let searched = script.asked().len() - prompts(&script, "S").len();
    assert_eq!(searched, 8, "planner and caller, four times");
    assert_eq!(seen.answer(), "the answer");
    assert_eq!(seen.marks("outcome"), ["partial"]);
    let said = &seen.notes()[0];
    assert!(
        said.starts_with("the limit of 8 model calls was reached"),
        "{said}"
    );
    assert!(said.ends_with("the best of 3 branches"), "{said}");
    // The first branch that got to the full depth is the best leaf.
    assert!(prompts(&script, "S")[0].contains("observation: 3"));
    assert!(!prompts(&script, "S")[0].contains("observation: 4"));
    // A cap on tokens does the same.
    let settings = r#"{"strategy":"dfs","max_total_tokens":1}"#;
    let (seen, script) = ask(settings, &[CALL], &sums).await;
    assert_eq!(prompts(&script, "P").len(), 1);
    assert!(seen.notes()[0].starts_with("the limit of 1 tokens was reached"));
    // Where nothing is said, a search has a cap and a chain has none.
    let settings = r#"{"strategy":"dfs","max_steps":40}"#;
    let (seen, script) = ask(settings, &[CALL], &sums).await;
    assert_eq!(prompts(&script, "P").len(), 30);
    assert!(seen.notes()[0].starts_with("the limit of 60 model calls"));
    let (_, script) = ask(r#"{"max_steps":35}"#, &[CALL], &sums).await;
    assert_eq!(prompts(&script, "P").len(), 35);
}

#[tokio::test]
async fn giving_up_can_start_another_chain() {
    let settings = r#"{"give_up":"restart","restarts":1}"#;
    let plans = [CALL, UP, CALL, DONE];
    let (seen, script) = ask(settings, &plans, &["1+1", "2+2"]).await;
    assert_eq!(seen.answer(), "the answer");
    assert_eq!(abandoned(&seen), [1, 2]);
    let told = prompts(&script, "P");
    assert!(
        told[2].contains("led nowhere") && told[2].contains("1+1"),
        "{}",
        told[2]
    );
    assert!(!told[3].contains("led nowhere"));
    // So often and no more.
    let (seen, script) = ask(settings, &[CALL, UP, CALL, UP], &["1+1", "2+2"]).await;
    assert_eq!(seen.answer(), "There is no answer: This leads nowhere.");
    assert_eq!(prompts(&script, "P").len(), 4);
    // The limit of steps is not giving up.
    let settings = r#"{"give_up":"restart","max_steps":1}"#;
    let (seen, script) = ask(settings, &[CALL], &["1+1"]).await;
    assert_eq!(
        (seen.marks("outcome"), prompts(&script, "P").len()),
        (vec!["partial"], 1)
    );
}

#[tokio::test]
async fn a_sibling_does_not_make_the_same_call() {
    let settings = r#"{"strategy":"dfs","max_steps":1}"#;
    let (seen, _) = ask(settings, &[CALL, CALL], &["2+2", "2+2"]).await;
    assert_eq!(seen.calls().len(), 1);
    assert_eq!(seen.marks("code"), ["24"]);
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let refused = |settings: &str| {
        let text = format!(
            r#"{{"title":"t","society":"planner","settings":{settings},"agents":[{{"part":"backbone","model":"m"}}]}}"#
        );
        let council = serde_json::from_str(&text).unwrap();
        synod::society::build(&council).err().unwrap().to_string()
    };
    assert!(refused(r#"{"strategy":"dfs","give_up":"restart"}"#).contains("restart"));
    assert!(refused(r#"{"width":0}"#).contains("width"));
    assert!(refused(r#"{"strategy":"bfs"}"#).contains("dfs"));
}
