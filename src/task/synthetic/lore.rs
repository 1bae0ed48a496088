//! Facts of a closed world as multiple choice, in two languages that share no word.

use super::draw::Draw;
use super::{Draft, fill};
use crate::task::set::{Kind, letter};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    options: usize,
    languages: Vec<Language>,
    /// From the first language's word to the second's.
    words: BTreeMap<String, String>,
    values: Four<Vec<String>>,
    beings: BTreeMap<String, [String; 4]>,
}

/// Templates of its questions.
#[derive(Debug, Clone, Deserialize)]
struct Language {
    #[serde(flatten)]
    questions: Four<String>,
}

/// Something for each thing that is known of a being.
#[derive(Debug, Clone, Deserialize)]
struct Four<T> {
    home: T,
    food: T,
    colour: T,
    sound: T,
}

impl<T> Four<T> {
    fn all(&self) -> [(&'static str, &T); 4] {
        [
            ("home", &self.home),
            ("food", &self.food),
            ("colour", &self.colour),
            ("sound", &self.sound),
        ]
    }
}

impl Spec {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.languages.len() != 2 {
            return Err(format!("{} languages instead of 2", self.languages.len()));
        }
        let values = self.values.all();
        for (being, known) in &self.beings {
            for ((thing, values), value) in values.iter().zip(known) {
                if !values.contains(value) {
                    return Err(format!(
                        "being \"{being}\": {thing} \"{value}\" is not among its values"
                    ));
                }
            }
        }
        let spoken = values.iter().flat_map(|(_, values)| values.iter());
        match spoken
            .chain(self.beings.keys())
            .find(|word| !self.words.contains_key(*word))
        {
            Some(word) => Err(format!("\"{word}\" is not among the words")),
            None => Ok(()),
        }
    }

    /// A question in a language, 0 or 1.
    pub(super) fn draft(&self, language: usize, draw: &mut Draw) -> Option<Draft> {
        let beings: Vec<_> = self.beings.iter().collect();
        let (being, known) = draw.pick(&beings)?;
        let thing = draw.below(known.len());
        let right = known.get(thing)?;
        let (name, values) = self.values.all().into_iter().nth(thing)?;
        let wrong: Vec<&String> = values.iter().filter(|value| *value != right).collect();
        let mut options = draw.some(&wrong, self.options.saturating_sub(1));
        options.push(right);
        options.sort();
        let key = format!("{being} {options:?}");
        draw.shuffle(&mut options);
        let place = options.iter().position(|option| *option == right)?;
        let (_, question) = self
            .languages
            .get(language)?
            .questions
            .all()
            .into_iter()
            .nth(thing)?;
        let said = |word: &str| match language {
            0 => Some(word.to_owned()),
            _ => self.words.get(word).cloned(),
        };
        Some(Draft {
            name,
            question: fill(question, &[("being", &said(being)?)]),
            choices: options
                .into_iter()
                .map(|option| said(option))
                .collect::<Option<_>>()?,
            answer: letter(place).to_string(),
            kind: Kind::Choice,
            key,
        })
    }

    pub(super) fn texts(&self) -> Vec<String> {
        let mut texts = vec!["A: B: C: D: \n".to_owned()];
        for language in &self.languages {
            texts.extend(
                language
                    .questions
                    .all()
                    .map(|(_, text)| fill(text, &[("being", "0")])),
            );
        }
        texts.extend(
            self.words
                .iter()
                .flat_map(|(one, other)| [format!(" {one}"), format!(" {other}")]),
        );
        texts
    }
}
