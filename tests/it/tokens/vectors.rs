//! Tokens of every family, as `tokenizers` and `sentencepiece` cut the same texts.

use serde_json::Value;
use std::path::{Path, PathBuf};
use synod::lm::gguf::Gguf;
use synod::lm::tokenizer::Tokenizer;

pub const FAMILIES: [&str; 11] = [
    "gemma", "gpt2", "gpt4o", "llama2", "llama3", "mistral", "phi3", "qwen2", "smollm", "tekken",
    "unigram",
];

pub fn folder(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors/tokens")
        .join(family)
}

pub fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.split('\n').filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The tokenizer of a family from its folder, and from its GGUF file where it has one.
pub fn both(family: &str) -> Vec<(&'static str, Tokenizer)> {
    let folder = folder(family);
    let mut both = vec![("folder", Tokenizer::from_folder(&folder).unwrap())];
    let path = folder.join("vocabulary.gguf");
    if path.exists() {
        both.push(("gguf", from_gguf(&path)));
    }
    both
}

pub fn from_gguf(path: &Path) -> Tokenizer {
    let bytes = std::fs::read(path).unwrap();
    Tokenizer::from_gguf(&Gguf::read(&bytes, path).unwrap()).unwrap()
}

/// The texts, the last of them with a family's own special spellings.
pub fn texts(spellings: &Value) -> Vec<String> {
    let fill = |text: &str| {
        ["b", "e", "t", "u"]
            .iter()
            .fold(text.to_owned(), |text, key| {
                text.replace(&format!("{{{key}}}"), spellings[key].as_str().unwrap())
            })
    };
    let text = |line: &Value| match (&line["text"], &line["bytes"], &line["special"]) {
        (Value::String(text), _, _) => text.clone(),
        (_, Value::String(hex), _) => String::from_utf8_lossy(&from_hex(hex)).into_owned(),
        (_, _, Value::String(text)) => fill(text),
        _ => panic!("{line}"),
    };
    lines(&folder("texts.jsonl")).iter().map(text).collect()
}

fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn numbers(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Compares a tokenizer with a list of expected tokens.
fn compare(name: &str, tokenizer: &Tokenizer, expected: &[Value], own: &str) {
    let begins = numbers(&expected[0]["begins"]);
    let texts = texts(&expected[0]);
    assert_eq!(texts.len(), expected.len() - 1, "{name}");
    for (text, case) in texts.iter().zip(&expected[1..]) {
        let plain = case.get(own).unwrap_or(&case["tokens"]);
        let plain = numbers(plain);
        // A template that writes the beginning token itself does not get a second one.
        let written = !begins.is_empty() && plain.starts_with(&begins);
        let tokens = if written {
            plain
        } else {
            [begins.clone(), plain].concat()
        };
        assert_eq!(tokenizer.encode(text).unwrap(), tokens, "{name}: {text:?}");
    }
}

#[test]
fn every_family_cuts_texts_as_its_own_library_does() {
    for family in FAMILIES {
        let expected = lines(&folder(family).join("expected.jsonl"));
        for (source, tokenizer) in both(family) {
            compare(&format!("{family} {source}"), &tokenizer, &expected, source);
        }
    }
}

#[test]
fn every_family_puts_texts_together_as_its_own_library_does() {
    for family in FAMILIES {
        let expected = lines(&folder(family).join("expected.jsonl"));
        for (source, tokenizer) in both(family) {
            for (text, case) in texts(&expected[0]).iter().zip(&expected[1..]) {
                let said = case["said"].as_str().unwrap_or(text);
                let tokens = numbers(&case["tokens"]);
                // Control tokens say nothing, so the first that says something begins the text.
                let mut spoken = tokens.iter().filter(|&&t| !tokenizer.bytes(t).is_empty());
                let first = spoken.next().map_or(&[][..], |&t| tokenizer.first_bytes(t));
                let rest = spoken.flat_map(|&t| tokenizer.bytes(t));
                let bytes: Vec<u8> = first.iter().chain(rest).copied().collect();
                assert_eq!(
                    String::from_utf8_lossy(&bytes),
                    said,
                    "{family} {source}: {text:?}"
                );
            }
        }
    }
}

#[test]
#[ignore = "needs SYNOD_TEST_MODEL: the default model's file"]
fn real_model_cuts_texts_as_its_own_tokenizer_does() {
    let path = PathBuf::from(std::env::var("SYNOD_TEST_MODEL").expect("SYNOD_TEST_MODEL"));
    let expected = lines(&folder("smollm2-135m.jsonl"));
    compare("SmolLM2", &from_gguf(&path), &expected, "tokens");
}
