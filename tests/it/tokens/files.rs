//! What the files of a model folder decide, and what is said about those that are broken.

use super::vectors::folder;
use std::path::Path;
use synod::domain::fault::{Fault, FaultClass};
use synod::lm::gguf::Gguf;
use synod::lm::tokenizer::Tokenizer;
use tempfile::TempDir;

/// A copy of the tiny SmolLM folder with other files in it.
fn with(files: &[(&str, &str)]) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(folder("smollm").join(name), copy.path().join(name)).unwrap();
    }
    for (name, content) in files {
        std::fs::write(copy.path().join(name), content).unwrap();
    }
    copy
}

fn read(folder: &Path) -> Result<Tokenizer, Fault> {
    Tokenizer::from_folder(folder).map_err(Fault::from)
}

fn refused(files: &[(&str, &str)]) -> Fault {
    read(with(files).path()).err().expect("it is refused")
}

fn changed(from: &str, to: &str) -> String {
    let whole = std::fs::read_to_string(folder("smollm").join("tokenizer.json")).unwrap();
    assert!(whole.contains(from));
    whole.replacen(from, to, 1)
}

fn number(tokenizer: &Tokenizer, spelling: &str) -> u32 {
    let tokens = tokenizer.encode(spelling).unwrap();
    assert_eq!(tokens.len(), 1, "{spelling}");
    tokens[0]
}

#[test]
fn all_ends_of_an_answer_are_known() {
    let generation = r#"{"eos_token_id": [7, 9]}"#;
    let model = r#"{"eos_token_id": 11}"#;
    let plain = read(with(&[]).path()).unwrap();
    let end = number(&plain, "<|im_end|>");
    assert!(plain.is_end(end) && !plain.is_end(number(&plain, "<|im_start|>")));
    let both = read(
        with(&[
            ("generation_config.json", generation),
            ("config.json", model),
        ])
        .path(),
    );
    let both = both.unwrap();
    assert!(both.is_end(7) && both.is_end(9) && both.is_end(end) && !both.is_end(11));
    let model = read(with(&[("config.json", model)]).path()).unwrap();
    assert!(model.is_end(11) && !model.is_end(7));
}

#[test]
fn the_template_is_the_file_or_the_default_of_several() {
    let source = |files: &[(&str, &str)]| {
        let tokenizer = read(with(files).path()).unwrap();
        tokenizer.template_source().map(str::to_owned)
    };
    assert_eq!(source(&[]), None);
    let several = r#"{"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]}"#;
    assert_eq!(source(&[("tokenizer_config.json", several)]).unwrap(), "D");
    let one = r#"{"chat_template": "one"}"#;
    assert_eq!(source(&[("tokenizer_config.json", one)]).unwrap(), "one");
    assert_eq!(source(&[("chat_template.json", one)]).unwrap(), "one");
    let both = [
        ("tokenizer_config.json", one),
        ("chat_template.jinja", "file"),
    ];
    assert_eq!(source(&both).unwrap(), "file");
}

#[test]
fn beginnings_come_from_the_settings_or_the_rules() {
    let special = r#"{"bos_token": {"content": "<|im_start|>"}, "eos_token": "<|im_end|>"}"#;
    let files = [
        ("tokenizer_config.json", r#"{"add_bos_token": true}"#),
        ("special_tokens_map.json", special),
    ];
    let tokenizer = read(with(&files).path()).unwrap();
    assert_eq!(tokenizer.begin_spelling(), "<|im_start|>");
    assert_eq!(tokenizer.end_spelling(), "<|im_end|>");
    let begin = tokenizer.encode("").unwrap();
    assert_eq!(begin.len(), 1);
    assert_eq!(tokenizer.encode("<|im_start|>").unwrap(), begin);
    assert_eq!(tokenizer.encode("a").unwrap()[0], begin[0]);
}

#[test]
fn broken_folders_are_refused_with_the_file_and_the_place() {
    let empty = tempfile::tempdir().unwrap();
    let fault = read(empty.path()).err().unwrap();
    assert!(fault.message.contains("no tokenizer.json"), "{fault}");
    std::fs::write(empty.path().join("tokenizer.model"), "x").unwrap();
    let fault = read(empty.path()).err().unwrap();
    assert!(
        fault.message.contains("has tokenizer.model") && fault.message.contains("save_pretrained"),
        "{fault}"
    );

    let fault = refused(&[("tokenizer.json", "{\"model\": \n 3]")]);
    assert_eq!(fault.class, FaultClass::BadData);
    assert!(
        fault.message.contains("tokenizer.json") && fault.message.contains("line 2"),
        "{fault}"
    );
    let fault = refused(&[("generation_config.json", "{")]);
    assert!(fault.message.contains("generation_config.json"), "{fault}");
    let decoder = changed(
        r#""decoder":{"type":"ByteLevel""#,
        r#""decoder":{"type":"WordPiece""#,
    );
    let fault = refused(&[("tokenizer.json", &decoder)]);
    assert!(
        fault.message.contains("\"WordPiece\" is not supported"),
        "{fault}"
    );
}

#[test]
fn absurd_numbers_are_refused_without_being_allocated() {
    let far = changed(
        r#""added_tokens":[{"id":"#,
        r#""added_tokens":[{"id":4294967290,"content":"<far>","special":true},{"id":"#,
    );
    let fault = refused(&[("tokenizer.json", &far)]);
    assert!(fault.message.contains("4294967290"), "{fault}");
}

#[test]
fn no_changed_byte_makes_a_tokenizer_panic() {
    let mut random = 1_u64;
    let mut next = |below: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    let sample = "The council <s> met</s>\n 日本 👍 12";
    let mut read = [0, 0];
    for family in ["mistral", "gemma", "llama3", "unigram"] {
        let whole = std::fs::read(folder(family).join("tokenizer.json")).unwrap();
        let files = tempfile::tempdir().unwrap();
        for _ in 0..60 {
            let mut changed = whole.clone();
            let at = next(changed.len());
            changed[at] = b"0129-\"[]{},:xtn"[next(15)];
            std::fs::write(files.path().join("tokenizer.json"), &changed).unwrap();
            if let Ok(tokenizer) = Tokenizer::from_folder(files.path()) {
                // Some changes are harmless; what matters is that it comes back.
                let _ = tokenizer.encode(&tokenizer.shield(sample));
                read[0] += 1;
            }
        }
    }
    for family in ["mistral", "gemma", "llama3"] {
        let whole = std::fs::read(folder(family).join("vocabulary.gguf")).unwrap();
        for _ in 0..150 {
            let mut changed = whole.clone();
            let at = next(changed.len());
            changed[at] = next(256) as u8;
            let Ok(file) = Gguf::read(&changed, Path::new("m.gguf")) else {
                continue;
            };
            if let Ok(tokenizer) = Tokenizer::from_gguf(&file) {
                let _ = tokenizer.encode(&tokenizer.shield(sample));
                read[1] += 1;
            }
        }
    }
    assert!(read.iter().all(|&count| count > 50), "{read:?}");
}
