//! The texts of a debate. Files under `data/prompts/debate/`, compiled in, replaceable one by one.

use super::settings::Kind;
use serde::Deserialize;

const SOLVE: &str = include_str!("../../../data/prompts/debate/solve.txt");
const REVIEW: &str = include_str!("../../../data/prompts/debate/review.txt");
const REVIEW_SUMMARY: &str = include_str!("../../../data/prompts/debate/review-summary.txt");
const REVIEW_ALONE: &str = include_str!("../../../data/prompts/debate/review-alone.txt");
const SUMMARIZE: &str = include_str!("../../../data/prompts/debate/summarize.txt");
const JUDGE: &str = include_str!("../../../data/prompts/debate/judge.txt");
const FORM_AUTO: &str = include_str!("../../../data/prompts/debate/form-auto.txt");
const FORM_MATHS: &str = include_str!("../../../data/prompts/debate/form-maths.txt");
const FORM_NUMBER: &str = include_str!("../../../data/prompts/debate/form-number.txt");
const FORM_CHOICE: &str = include_str!("../../../data/prompts/debate/form-choice.txt");

/// Texts in place of the built-in ones. Places: `{question}`, `{answers}`, `{summary}`, `{form}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prompts {
    /// The first round.
    pub solve: Option<String>,
    /// Later rounds, the others' answers as they are.
    pub review: Option<String>,
    /// Later rounds, the others' answers summarised.
    pub review_summary: Option<String>,
    /// Later rounds without any answer of another agent.
    pub review_alone: Option<String>,
    /// To the summariser.
    pub summarize: Option<String>,
    /// To the judge.
    pub judge: Option<String>,
    /// In which form the answer is to end.
    pub form: Option<String>,
}

/// What goes into the places of a prompt.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filling<'a> {
    pub question: &'a str,
    pub answers: &'a str,
    pub summary: &'a str,
}

impl Prompts {
    /// The question as the agents first get it.
    #[must_use]
    pub fn solve(&self, kind: Kind, filling: Filling<'_>) -> String {
        self.fill(self.solve.as_deref().unwrap_or(SOLVE), kind, filling)
    }

    /// The question again, with what the others said: summarised, as it is, or nothing.
    #[must_use]
    pub fn review(&self, kind: Kind, filling: Filling<'_>) -> String {
        let (own, built_in) = if !filling.summary.is_empty() {
            (&self.review_summary, REVIEW_SUMMARY)
        } else if !filling.answers.is_empty() {
            (&self.review, REVIEW)
        } else {
            (&self.review_alone, REVIEW_ALONE)
        };
        self.fill(own.as_deref().unwrap_or(built_in), kind, filling)
    }

    #[must_use]
    pub fn summarize(&self, kind: Kind, filling: Filling<'_>) -> String {
        let text = self.summarize.as_deref().unwrap_or(SUMMARIZE);
        self.fill(text, kind, filling)
    }

    #[must_use]
    pub fn judge(&self, kind: Kind, filling: Filling<'_>) -> String {
        self.fill(self.judge.as_deref().unwrap_or(JUDGE), kind, filling)
    }

    /// One pass, so that what is filled in is never filled itself.
    fn fill(&self, prompt: &str, kind: Kind, filling: Filling<'_>) -> String {
        let form = self.form.as_deref().unwrap_or(form(kind)).trim_end();
        let places = [
            ("{question}", filling.question),
            ("{answers}", filling.answers),
            ("{summary}", filling.summary),
            ("{form}", form),
        ];
        let mut text = String::new();
        let mut rest = prompt;
        while let Some(at) = rest.find('{') {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            let place = places.iter().find(|(place, _)| rest.starts_with(place));
            let (place, filled) = place.copied().unwrap_or(("{", "{"));
            text.push_str(filled);
            rest = &rest[place.len()..];
        }
        text.push_str(rest);
        text.trim_end().to_owned()
    }
}

fn form(kind: Kind) -> &'static str {
    match kind {
        Kind::Auto => FORM_AUTO,
        Kind::Maths => FORM_MATHS,
        Kind::Number => FORM_NUMBER,
        Kind::Choice => FORM_CHOICE,
        Kind::Free => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_not_filled_itself() {
        let prompts = Prompts::default();
        let filling = Filling {
            question: "What is {form}?",
            answers: "{question}",
            ..Filling::default()
        };
        let text = prompts.review(Kind::Free, filling);
        assert!(text.contains("What is {form}?"), "{text}");
        assert!(text.contains("\n\n{question}\n\n"), "{text}");
        let solve = prompts.solve(Kind::Free, filling);
        assert_eq!(solve, "What is {form}?");
    }

    #[test]
    fn each_kind_says_in_which_form_the_answer_ends() {
        let filling = Filling {
            question: "Q",
            ..Filling::default()
        };
        for (kind, words) in [
            (Kind::Maths, "\\boxed{answer}"),
            (Kind::Auto, "\\boxed{answer}"),
            (Kind::Number, "The answer is N."),
            (Kind::Choice, "The answer is (X)."),
        ] {
            let prompts = Prompts::default();
            assert!(prompts.solve(kind, filling).contains(words));
            assert!(prompts.review(kind, filling).contains(words));
        }
        let own = Prompts {
            solve: Some("{question} {x} {form}".into()),
            form: Some("Be brief.".into()),
            ..Prompts::default()
        };
        assert_eq!(own.solve(Kind::Maths, filling), "Q {x} Be brief.");
    }
}
