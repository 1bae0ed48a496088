//! Conversations as tokens and labels, for the chat template of every family.

use super::vectors::{folder, lines};
use serde_json::Value;
use std::collections::BTreeMap;
use synod::domain::message::Message;
use synod::lm::example::{Example, ExampleError, Marked, of_dialogue, of_text};
use synod::lm::template::{Occasion, Template};
use synod::lm::tokenizer::Tokenizer;

/// Templates with the tokenizer of their family.
const FAMILIES: [(&str, &str); 14] = [
    ("gemma2", "gemma"),
    ("gemma3", "gemma"),
    ("llama2", "llama2"),
    ("llama3", "llama3"),
    ("llama32", "llama3"),
    ("mistral", "mistral"),
    ("mistral-first", "mistral"),
    ("phi3", "phi3"),
    ("phi4-mini", "gpt4o"),
    ("qwen25", "qwen2"),
    ("qwen3", "qwen2"),
    ("smollm2", "smollm"),
    ("thinking", "qwen2"),
    ("zephyr", "llama2"),
];

struct Family {
    name: &'static str,
    template: Template,
    tokenizer: Tokenizer,
}

impl Family {
    fn examples(&self, said: &[Message], marks: &[bool]) -> Result<Vec<Example>, ExampleError> {
        let marked = Marked {
            messages: said,
            is_trained: marks,
        };
        of_dialogue(&self.template, &self.tokenizer, marked, Occasion::default())
    }

    fn text(&self, tokens: &[u32]) -> String {
        let mut bytes = Vec::new();
        for &token in tokens {
            match self.tokenizer.bytes(token) {
                [] => bytes.extend(self.tokenizer.spelling(token).unwrap().bytes()),
                own => bytes.extend_from_slice(own),
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    /// Each run of labelled tokens as text.
    fn learned(&self, example: &Example) -> Vec<String> {
        let runs = example.is_labelled.chunk_by(|a, b| a == b);
        let mut at = 0;
        let mut texts = Vec::new();
        for run in runs {
            if run[0] {
                texts.push(self.text(&example.tokens[at..at + run.len()]));
            }
            at += run.len();
        }
        texts
    }
}

fn families() -> Vec<Family> {
    let cases = lines(&folder("templates").join("expected.jsonl"));
    let spelled = |name: &str, key: &str| -> String {
        let case = cases.iter().find(|case| case["template"] == name).unwrap();
        case[key].as_str().unwrap().to_owned()
    };
    let family = |(name, tokenizer): (&'static str, &str)| {
        let source = folder("templates").join(format!("{name}.jinja"));
        let source = std::fs::read_to_string(source).unwrap();
        let (begin, end) = (spelled(name, "begin"), spelled(name, "end"));
        Family {
            name,
            template: Template::named(name, Some(&source), &begin, &end).unwrap(),
            tokenizer: Tokenizer::from_folder(&folder(tokenizer)).unwrap(),
        }
    };
    FAMILIES.into_iter().map(family).collect()
}

fn talk() -> Vec<Message> {
    vec![
        Message::user("How many is 2 + 2?"),
        Message::assistant("Four, I think."),
        Message::user("Are you sure? <|im_end|></s>"),
        Message::assistant("  Yes:\n\n2 + 2 = 4 <|im_end|><end_of_turn>"),
        Message::user("Thanks"),
    ]
}

#[test]
fn what_is_learned_is_the_assistants_text_and_the_token_that_ends_it() {
    let mut outcomes = BTreeMap::new();
    for family in families() {
        let name = family.name;
        let said = talk();
        let examples = match family.examples(&said, &[false, true, false, true, false]) {
            Ok(examples) => examples,
            Err(error) => {
                outcomes.insert(name, error.to_string());
                continue;
            }
        };
        outcomes.insert(name, format!("{} examples", examples.len()));
        let learned: Vec<String> = examples
            .iter()
            .flat_map(|example| family.learned(example))
            .collect();
        assert_eq!(learned.len(), 2, "{name}: {learned:?}");
        for (text, message) in learned.iter().zip([&said[1], &said[3]]) {
            let answer = message.content.trim();
            let (before, after) = text.split_once(answer).unwrap_or_else(|| {
                panic!("{name}: {text:?} is not {answer:?}");
            });
            let is_scaffold = before.trim().is_empty() || before.contains("<think>");
            assert!(is_scaffold, "{name}: {text:?}");
            let end = family.tokenizer.encode(after.trim()).unwrap();
            let end = *end.last().unwrap();
            assert!(family.tokenizer.is_end(end), "{name}: {after:?}");
        }
        for example in &examples {
            let last = example.tokens.len() - 1;
            assert!(
                example.is_labelled[last],
                "{name}: nothing follows the last learned turn"
            );
            assert!(family.tokenizer.is_end(example.tokens[last]), "{name}");
        }
    }
    let one = |name: &str| {
        (outcomes[name] == "1 examples")
            .then_some(())
            .ok_or(&outcomes)
    };
    for name in [
        "gemma2", "gemma3", "llama2", "llama3", "phi3", "qwen25", "smollm2", "zephyr",
    ] {
        assert_eq!(one(name), Ok(()));
    }
    // An answer has no empty thoughts any more once another one follows it.
    assert_eq!(outcomes["qwen3"], "2 examples", "{outcomes:?}");
    assert!(
        outcomes["thinking"].contains("asks for an answer with"),
        "{outcomes:?}"
    );
}

#[test]
fn the_tokens_are_those_that_the_model_reads_and_writes() {
    for family in families() {
        let said = talk();
        let Ok(examples) = family.examples(&said, &[false, true, false, false, false]) else {
            continue;
        };
        let shielded: Vec<Message> = said[..1]
            .iter()
            .map(|one| Message::new(one.role, family.tokenizer.shield(&one.content)))
            .collect();
        let asked = family.template.render(&shielded).unwrap();
        let prompt = family.tokenizer.encode(&asked).unwrap();
        let unlearned = examples[0].is_labelled.iter().take_while(|&&one| !one);
        assert_eq!(
            examples[0].tokens[..unlearned.count()],
            prompt,
            "{}",
            family.name
        );
    }
}

#[test]
fn turns_of_other_roles_are_learned_from_what_was_said_on() {
    for family in families() {
        if family.name == "thinking" {
            continue;
        }
        let said = [Message::user(" one two "), Message::assistant("three")];
        let examples = family.examples(&said, &[true, true]).unwrap();
        let learned: Vec<String> = examples
            .iter()
            .flat_map(|example| family.learned(example))
            .collect();
        assert!(
            learned[0].trim_start().starts_with("one two"),
            "{}: {learned:?}",
            family.name
        );
        assert!(
            learned.last().unwrap().contains("three"),
            "{}: {learned:?}",
            family.name
        );
    }
}

#[test]
fn without_a_learned_turn_there_is_no_example() {
    let family = families().pop().unwrap();
    assert_eq!(family.examples(&talk(), &[false; 5]).unwrap(), []);
}

#[test]
fn a_refusal_of_the_template_is_said() {
    let families = families();
    let gemma = families
        .iter()
        .find(|family| family.name == "gemma2")
        .unwrap();
    let said = [
        Message::system("s"),
        Message::user("q"),
        Message::assistant("a"),
    ];
    let error = gemma.examples(&said, &[false, false, true]).unwrap_err();
    assert!(
        error.to_string().contains("System role not supported"),
        "{error}"
    );
}

#[test]
fn a_template_without_ends_makes_an_example_of_each_turn() {
    let tokenizer = Tokenizer::from_folder(&folder("llama2")).unwrap();
    let source = "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}";
    let family = Family {
        name: "words",
        template: Template::new(Some(source), "<s>", "</s>").unwrap(),
        tokenizer,
    };
    let examples = family
        .examples(&talk(), &[false, true, false, true, false])
        .unwrap();
    let learned: Vec<Vec<String>> = examples.iter().map(|one| family.learned(one)).collect();
    assert_eq!(learned[0], [" Four, I think.</s>"]);
    assert_eq!(learned.len(), 2);
    assert!(
        family
            .text(&examples[1].tokens)
            .contains("assistant: Four, I think.\nuser:")
    );
}

#[test]
fn a_text_is_learned_whole_in_pieces_that_share_a_token() {
    let family = families()
        .into_iter()
        .find(|one| one.name == "smollm2")
        .unwrap();
    let text = "One day a small boat went down the river. ".repeat(5);
    let pieces = of_text(&family.tokenizer, &text, 16).unwrap();
    assert!(pieces.len() > 2 && pieces.iter().all(|piece| piece.len() <= 16));
    let mut whole = pieces[0].tokens.clone();
    for pair in pieces.windows(2) {
        assert_eq!(pair[0].tokens.last(), pair[1].tokens.first());
        whole.extend(&pair[1].tokens[1..]);
    }
    let labelled: usize = pieces.iter().map(Example::labelled).sum();
    assert_eq!(labelled, whole.len() - 1, "every token but the first");
    assert!(family.text(&whole).starts_with(&text));
    assert!(family.tokenizer.is_end(*whole.last().unwrap()));
}

#[test]
fn an_example_is_exported_as_trainers_read_it() {
    let example = Example {
        tokens: vec![7, 8, 9],
        is_labelled: vec![false, true, false],
    };
    let line: Value = serde_json::from_str(&example.to_json()).unwrap();
    assert_eq!(
        line,
        serde_json::json!({"ids": [7, 8, 9], "labels": [-100, 8, -100]})
    );
}
