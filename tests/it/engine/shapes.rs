//! Answers that must have a shape, from a model that knows nothing.

use super::recorder::{Bench, Heard, options, prompt, seeded};
use serde_json::{Value, json};
use synod::domain::fault::FaultClass;
use synod::domain::request::{Finish, ResponseFormat, Sampling};

fn shaped(seed: u64, max_tokens: u32, format: ResponseFormat) -> Sampling {
    Sampling {
        response_format: Some(format),
        ..seeded(seed, max_tokens)
    }
}

/// The answers of twenty seeds in one batch.
fn answers(max_tokens: u32, format: &ResponseFormat) -> Vec<Heard> {
    let mut bench = Bench::new(&options());
    let all = (0..20)
        .map(|seed| bench.ask(&prompt(1, 10), shaped(seed, max_tokens, format.clone())))
        .collect();
    bench.run();
    all
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "maxLength": 8 },
            "age": { "type": "integer", "minimum": 0, "maximum": 150 },
            "tags": { "type": "array", "items": { "$ref": "#/$defs/tag" }, "maxItems": 3 },
            "seat": { "anyOf": [{ "type": "null" }, { "type": "boolean" }] }
        },
        "required": ["name", "age", "tags", "seat"],
        "additionalProperties": false,
        "$defs": { "tag": { "enum": ["red", "green", "blue \"sky\""] } }
    })
}

fn is_valid(value: &Value) -> bool {
    let tags = ["red", "green", "blue \"sky\""];
    let is_tag = |tag: &Value| tag.as_str().is_some_and(|tag| tags.contains(&tag));
    let fields = value.as_object().expect("an object");
    fields.len() == 4
        && fields["name"]
            .as_str()
            .is_some_and(|n| n.chars().count() <= 8)
        && fields["age"].as_u64().is_some_and(|age| age <= 150)
        && fields["tags"]
            .as_array()
            .is_some_and(|t| t.len() <= 3 && t.iter().all(is_tag))
        && (fields["seat"].is_null() || fields["seat"].is_boolean())
}

#[test]
fn a_schema_always_gives_json_that_it_allows() {
    let all = answers(2000, &ResponseFormat::JsonSchema(schema()));
    for heard in &all {
        assert_eq!(heard.end().unwrap().finish, Finish::Stop);
        let text = heard.text();
        let value: Value = serde_json::from_str(&text).expect(&text);
        assert!(is_valid(&value), "{text}");
    }
    let distinct: std::collections::BTreeSet<_> = all.iter().map(Heard::text).collect();
    assert!(distinct.len() > 15, "seeds differ: {distinct:?}");
}

#[test]
fn any_json_object_is_one() {
    let bias = [("}".to_owned(), 4.0)].into();
    let mut bench = Bench::new(&options());
    let all: Vec<_> = (0..20)
        .map(|seed| {
            let mut sampling = shaped(seed, 3000, ResponseFormat::JsonObject);
            // A model that knows nothing would open brackets for ever.
            sampling.logit_bias.clone_from(&bias);
            bench.ask(&prompt(2, 10), sampling)
        })
        .collect();
    bench.run();
    let ended: Vec<_> = all
        .iter()
        .filter(|heard| heard.end().unwrap().finish == Finish::Stop)
        .collect();
    assert!(ended.len() > 10, "{} of 20 ended", ended.len());
    for heard in ended {
        let value: Value =
            serde_json::from_str(&heard.text()).unwrap_or_else(|_| panic!("{}", heard.text()));
        assert!(value.is_object());
    }
}

#[test]
fn a_regular_expression_is_matched_as_a_whole() {
    let expression = "(yes|no), [A-F][0-9]{2,4}!";
    for heard in answers(60, &ResponseFormat::Regex(expression.into())) {
        assert_eq!(heard.end().unwrap().finish, Finish::Stop);
        let text = heard.text();
        let rest = text.strip_prefix("yes, ").or(text.strip_prefix("no, "));
        let rest = rest.and_then(|rest| rest.strip_suffix('!')).expect(&text);
        let (letter, digits) = rest.split_at(1);
        assert!(letter.chars().all(|c| ('A'..='F').contains(&c)), "{text}");
        assert!((2..=4).contains(&digits.len()), "{text}");
        assert!(digits.bytes().all(|b| b.is_ascii_digit()), "{text}");
    }
}

#[test]
fn a_grammar_says_what_may_be_said() {
    let grammar = "start: sum \"=\" NUMBER\nsum: NUMBER (\"+\" NUMBER)*\nNUMBER: /[1-9][0-9]?/\n";
    let all = answers(400, &ResponseFormat::Lark(grammar.into()));
    let is_whole = |heard: &&Heard| heard.end().unwrap().finish == Finish::Stop;
    assert!(all.iter().filter(is_whole).count() > 10);
    for text in all.iter().filter(is_whole).map(Heard::text) {
        let (sum, result) = text.split_once('=').expect(&text);
        for number in sum.split('+').chain([result]) {
            let value: u32 = number.parse().expect(&text);
            assert!(
                (1..100).contains(&value) && !number.starts_with('0'),
                "{text}"
            );
        }
    }
}

#[test]
fn a_shape_changes_nobody_else() {
    let mut bench = Bench::new(&options());
    let before = bench.ask(&prompt(1, 10), seeded(5, 30));
    bench.ask(
        &prompt(1, 10),
        shaped(5, 300, ResponseFormat::JsonSchema(schema())),
    );
    let after = bench.ask(&prompt(1, 10), seeded(6, 30));
    bench.run();
    for (heard, seed) in [(before, 5), (after, 6)] {
        let expected = Bench::new(&options()).alone(&prompt(1, 10), seeded(seed, 30));
        assert_eq!(heard.tokens(), expected);
    }
}

#[test]
fn an_answer_that_is_whole_ends_though_the_model_would_go_on() {
    let heard = &answers(50, &ResponseFormat::Regex("ab?".into()))[0];
    assert!(["a", "ab"].contains(&heard.text().as_str()));
    assert_eq!(heard.end().unwrap().finish, Finish::Stop);
    // One token: it is allowed nowhere else that the model ends its answer.
    let one = &answers(50, &ResponseFormat::Regex("z".into()))[0];
    assert_eq!(one.tokens().len(), 1);
    assert_eq!(one.text(), "z");
}

#[test]
fn nobody_waits_while_a_vocabulary_is_sorted() {
    let mut bench = Bench::new(&options());
    let cancelled = bench.ask(&prompt(1, 10), shaped(1, 9, ResponseFormat::JsonObject));
    cancelled.cancel.cancel();
    let first = bench.ask(&prompt(1, 10), shaped(1, 9, ResponseFormat::JsonObject));
    let talking = bench.ask(&prompt(2, 10), seeded(1, 30));
    assert!(first.waits()[0].contains("vocabulary"));
    bench.batch.step();
    assert_eq!(talking.tokens().len(), 1);
    bench.run();
    assert!(!first.tokens().is_empty());
    assert_eq!(cancelled.end().unwrap().finish, Finish::Cancelled);
    let second = bench.ask(&prompt(1, 10), shaped(1, 9, ResponseFormat::JsonObject));
    assert!(second.waits().is_empty(), "it is sorted once");
    bench.run();
    assert_eq!(second.tokens(), first.tokens());
}

#[test]
fn a_limit_cuts_a_shaped_answer_and_says_so() {
    let heard = &answers(3, &ResponseFormat::JsonSchema(schema()))[0];
    assert_eq!(heard.end().unwrap().finish, Finish::Length);
}

#[test]
fn what_is_wrong_with_a_shape_is_said_before_anything_is_computed() {
    let mut bench = Bench::new(&options());
    for (format, part) in [
        (
            ResponseFormat::JsonSchema(json!({ "type": "goblin" })),
            "goblin",
        ),
        (
            ResponseFormat::JsonSchema(json!(["type"])),
            "a schema is a JSON object",
        ),
        (
            ResponseFormat::JsonSchema(json!({ "$ref": "#/$defs/none" })),
            "none",
        ),
        (
            ResponseFormat::JsonSchema(json!({ "type": "string", "minLength": 5, "maxLength": 2 })),
            "minLength",
        ),
        (ResponseFormat::Regex("(unclosed".into()), "regex"),
        (ResponseFormat::Lark("begin: \"a\"".into()), "start"),
        (ResponseFormat::Lark("start: missing".into()), "missing"),
    ] {
        let heard = bench.ask(&prompt(1, 10), shaped(1, 5, format));
        bench.run();
        let fault = heard.end().unwrap_err();
        assert_eq!(fault.class, FaultClass::BadRequest, "{fault}");
        assert!(fault.message.starts_with("response_format."), "{fault}");
        assert!(fault.message.contains(part), "{fault}");
        assert!(!fault.message.contains('\n'), "{fault}");
    }
    assert_eq!(bench.stats().passes, 0);
}
