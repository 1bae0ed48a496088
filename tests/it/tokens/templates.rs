//! Chat templates, as transformers renders them.

use super::vectors::{folder, lines};
use serde_json::Value;
use std::collections::BTreeMap;
use synod::domain::fault::FaultClass;
use synod::domain::message::Message;
use synod::lm::template::{Occasion, Template};

fn template(case: &Value) -> Template {
    let name = case["template"].as_str().unwrap();
    let path = folder("templates").join(format!("{name}.jinja"));
    let source = std::fs::read_to_string(path).unwrap();
    let spelled = |key: &str| case[key].as_str().unwrap();
    Template::named(name, Some(&source), spelled("begin"), spelled("end")).unwrap()
}

#[test]
fn conversations_are_rendered_as_transformers_renders_them() {
    let lines = lines(&folder("templates").join("expected.jsonl"));
    let conversations: Vec<Vec<Message>> = serde_json::from_value(lines[0].clone()).unwrap();
    let mut seen: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for case in &lines[1..] {
        let number = case["conversation"].as_u64().unwrap() as usize;
        let occasion = Occasion {
            now: case["now"].as_i64(),
            thinking: case["thinking"].as_bool(),
            is_closed: case["is_closed"] == true,
        };
        let rendered = template(case).render_for(&conversations[number], occasion);
        let name = format!(
            "{} of conversation {number}, {occasion:?}",
            case["template"]
        );
        let counts = seen.entry(case["template"].to_string()).or_default();
        match case["error"].as_str() {
            None => {
                counts[0] += 1;
                assert_eq!(rendered.unwrap(), case["text"].as_str().unwrap(), "{name}");
            }
            Some(error) => {
                counts[1] += 1;
                let fault = rendered.unwrap_err();
                assert_eq!(fault.class, FaultClass::BadRequest, "{name}: {fault}");
                assert!(fault.message.contains(error), "{name}: {fault}");
                let expected = format!("{}, line ", case["template"].as_str().unwrap());
                assert!(
                    fault.message.starts_with(&expected) && fault.hint.is_some(),
                    "{fault}"
                );
            }
        }
    }
    assert_eq!(seen.len(), 14);
    assert!(seen.values().all(|counts| counts[0] >= 3), "{seen:?}");
}

#[test]
fn templates_that_open_thoughts_are_told_from_those_that_do_not() {
    let lines = lines(&folder("templates").join("expected.jsonl"));
    let conversations: Vec<Vec<Message>> = serde_json::from_value(lines[0].clone()).unwrap();
    let opening = |name: &str| {
        let case = lines.iter().find(|case| case["template"] == name).unwrap();
        Template::ends_in_thought(&template(case).render(&conversations[0]).unwrap())
    };
    assert!(opening("thinking"));
    assert!(!opening("qwen3") && !opening("smollm2"));
}
