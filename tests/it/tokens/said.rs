//! What people and models say stays what they said.

use super::vectors::{FAMILIES, both, folder, lines, texts};
use std::collections::BTreeSet;
use synod::domain::message::Message;
use synod::lm::template::Template;
use synod::lm::text::TextFlow;
use synod::lm::tokenizer::Tokenizer;

fn said(tokenizer: &Tokenizer, tokens: &[u32]) -> String {
    let bytes: Vec<u8> = tokens
        .iter()
        .flat_map(|&t| tokenizer.bytes(t))
        .copied()
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn control_tokens_that_are_said_stay_plain_text_in_every_family() {
    for family in FAMILIES {
        let spellings = &lines(&folder(family).join("expected.jsonl"))[0];
        let spelled = |key: &str| spellings[key].as_str().unwrap().to_owned();
        let control = [spelled("b"), spelled("e"), spelled("t")];
        for (source, tokenizer) in both(family) {
            let number = |spelling: &String| tokenizer.encode(spelling).unwrap().pop().unwrap();
            let forbidden: BTreeSet<u32> = control.iter().map(number).collect();
            for inside in [
                control.concat(),
                format!("a {} b\n{}{}c", control[0], control[1], control[1]),
                format!("<{}>", control[1]),
                format!("{}\u{fdd0}{}", &control[1][..1], &control[1][1..]),
            ] {
                let tokens = tokenizer.encode(&tokenizer.shield(&inside)).unwrap();
                let tokens = &tokens[usize::from(tokens.first() == Some(&number(&control[0])))..];
                let name = format!("{family} {source}: {inside:?} {tokens:?}");
                assert!(tokens.iter().all(|t| !forbidden.contains(t)), "{name}");
                let plain = inside.replace('\u{fdd0}', "");
                assert_eq!(said(&tokenizer, tokens).trim_start(), plain, "{name}");
            }
        }
    }
}

#[test]
fn a_shield_does_not_change_how_plain_text_is_cut() {
    for family in FAMILIES {
        let spellings = &lines(&folder(family).join("expected.jsonl"))[0];
        for (source, tokenizer) in both(family) {
            for text in texts(spellings).iter().filter(|text| !text.contains('<')) {
                let shielded = tokenizer.encode(&tokenizer.shield(text)).unwrap();
                let is_plain = !text.contains("[INST]");
                if is_plain {
                    assert_eq!(
                        shielded,
                        tokenizer.encode(text).unwrap(),
                        "{family} {source}: {text:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn no_character_is_shown_before_it_is_whole() {
    let answer = "né 日本 👩‍👩‍👧 नमस्ते 🏴󠁧󠁢󠁥󠁮󠁧󠁿 end";
    for family in FAMILIES {
        for (source, tokenizer) in both(family) {
            let tokens = tokenizer.encode(answer).unwrap();
            let mut spoken = tokens.iter().filter(|&&t| !tokenizer.bytes(t).is_empty());
            let mut flow = TextFlow::default();
            let mut shown = flow.push(tokenizer.first_bytes(*spoken.next().unwrap()));
            let mut pieces = 1;
            for &token in spoken {
                shown += &flow.push(tokenizer.bytes(token));
                pieces += 1;
                let name = format!("{family} {source}: {shown:?}");
                assert!(
                    answer.starts_with(&shown) && !shown.contains('\u{fffd}'),
                    "{name}"
                );
            }
            shown += &flow.finish();
            assert_eq!(shown, answer, "{family} {source}");
            assert!(
                pieces > answer.chars().count(),
                "characters were cut into bytes"
            );
        }
    }
}

#[test]
fn an_answer_said_again_is_cut_into_the_same_tokens() {
    // These templates put a space before an answer; the model begins it with a token that has the space in it.
    for family in ["llama2", "mistral"] {
        let path = folder("templates").join(format!("{family}.jinja"));
        let source = std::fs::read_to_string(path).unwrap();
        let template = Template::new(Some(&source), "<s>", "</s>").unwrap();
        let encode = |tokenizer: &Tokenizer, turns: &[Message]| {
            tokenizer.encode(&template.render(turns).unwrap()).unwrap()
        };
        for (_, tokenizer) in both(family) {
            let asked = encode(&tokenizer, &[Message::user("why?")]);
            let drawn = tokenizer.encode("The council").unwrap().split_off(1);
            assert_eq!(tokenizer.bytes(drawn[0]).first(), Some(&b' '));
            let mut answer = tokenizer.first_bytes(drawn[0]).to_vec();
            answer.extend(drawn[1..].iter().flat_map(|&t| tokenizer.bytes(t)));
            let answer = String::from_utf8(answer).unwrap();
            assert_eq!(answer, "The council");
            let turns = [
                Message::user("why?"),
                Message::assistant(answer),
                Message::user("and?"),
            ];
            let again = encode(&tokenizer, &turns);
            let length = asked.len() + drawn.len();
            assert_eq!(again[..length], [asked, drawn].concat(), "{family}");
        }
    }
}

#[test]
fn gemma_does_not_lose_the_space_that_an_answer_begins_with() {
    for (_, tokenizer) in both("gemma") {
        let tokens = tokenizer.encode(" the").unwrap().split_off(1);
        let bytes: Vec<u8> = tokenizer.first_bytes(tokens[0]).to_vec();
        assert_eq!(bytes.first(), Some(&b' '), "{tokens:?}");
    }
}

#[test]
fn a_long_text_is_cut_in_one_go() {
    // 200 kB without a single break: pairwise searching would take minutes.
    let long = "ab".repeat(100_000);
    for family in ["gemma", "llama2", "qwen2"] {
        for (source, tokenizer) in both(family) {
            let tokens = tokenizer.encode(&long).unwrap();
            assert!(
                said(&tokenizer, &tokens).trim_start() == long,
                "{family} {source}"
            );
        }
    }
}
