//! How an item is put to a model. Every prompt says in which form the answer is read.

use super::set::{Item, Kind, letter};

const CHOICE: &str = include_str!("../../data/prompts/eval/choice.txt");
const CHOICE_ZH: &str = include_str!("../../data/prompts/eval/choice-zh.txt");
const NUMBER: &str = include_str!("../../data/prompts/eval/number.txt");
const MATHS: &str = include_str!("../../data/prompts/eval/maths.txt");
const EXACT: &str = include_str!("../../data/prompts/eval/exact.txt");

/// The place of the question in a prompt.
pub const QUESTION: &str = "{question}";
/// The place of the options, one a line.
const OPTIONS: &str = "{options}";

/// The text that asks for an item's answer; `own` stands in for the built-in prompt.
#[must_use]
pub fn ask(item: &Item, own: Option<&str>) -> String {
    let prompt = own.unwrap_or_else(|| built_in(item)).trim_end();
    let options = options(item);
    let mut text = String::with_capacity(prompt.len() + item.question.len() + options.len());
    let mut rest = prompt;
    // One pass: a question that names a place is text like any other.
    while let Some(at) = rest.find('{') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let (place, filling) = if rest.starts_with(QUESTION) {
            (QUESTION, item.question.trim_end())
        } else if rest.starts_with(OPTIONS) {
            (OPTIONS, options.as_str())
        } else {
            ("{", "{")
        };
        text.push_str(filling);
        rest = &rest[place.len()..];
    }
    text + rest
}

/// The question alone, with its options below it: how the items of models that read no instructions are put.
#[must_use]
pub fn bare(item: &Item) -> String {
    if item.choices.is_empty() {
        return item.question.clone();
    }
    format!("{}\n{}", item.question, options(item))
}

/// How an answer in the form that the built-in prompt asks for begins, up to the letter.
#[must_use]
pub fn begin(item: &Item) -> &'static str {
    if is_chinese(&item.question) {
        "答案是"
    } else {
        "The answer is "
    }
}

/// An answer in the form that the built-in prompt asks for, as an example of it.
#[must_use]
pub fn solved(item: &Item) -> String {
    match item.kind {
        Kind::Maths => format!("\\boxed{{{}}}", item.answer),
        Kind::Free => item.answer.clone(),
        Kind::Choice | Kind::Number | Kind::Exact => format!("{}{}.", begin(item), item.answer),
    }
}

/// `A: Paris`, one option a line.
fn options(item: &Item) -> String {
    let lines: Vec<String> = item
        .choices
        .iter()
        .enumerate()
        .map(|(index, choice)| format!("{}: {choice}", letter(index)))
        .collect();
    lines.join("\n")
}

fn built_in(item: &Item) -> &'static str {
    match item.kind {
        Kind::Choice if is_chinese(&item.question) => CHOICE_ZH,
        Kind::Choice => CHOICE,
        Kind::Number => NUMBER,
        Kind::Maths => MATHS,
        Kind::Exact => EXACT,
        Kind::Free => QUESTION,
    }
}

fn is_chinese(text: &str) -> bool {
    text.chars()
        .any(|character| ('\u{4e00}'..='\u{9fff}').contains(&character))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(question: &str, kind: Kind) -> Item {
        Item {
            id: "a".into(),
            domain: "d".into(),
            question: question.into(),
            choices: vec!["Paris".into(), "{question}".into()],
            answer: "A".into(),
            kind,
        }
    }

    #[test]
    fn places_are_filled_once() {
        let text = ask(&item("Where is {options}?", Kind::Choice), None);
        assert!(
            text.contains("Question: Where is {options}?\nA: Paris\nB: {question}\n"),
            "{text}"
        );
        let own = ask(&item("q", Kind::Choice), Some("{x} {question}|{options}"));
        assert_eq!(own, "{x} q|A: Paris\nB: {question}");
    }

    #[test]
    fn each_kind_asks_for_the_form_that_is_read() {
        for (kind, form) in [
            (Kind::Number, "The answer is N."),
            (Kind::Maths, "\\boxed{}"),
            (Kind::Exact, "The answer is"),
        ] {
            assert!(ask(&item("q", kind), None).contains(form));
        }
        assert!(ask(&item("孔子是谁", Kind::Choice), None).contains("题目：孔子是谁\nA: Paris"));
        assert_eq!(ask(&item("q", Kind::Free), None), "q");
    }
}
