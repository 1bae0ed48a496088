//! What a run is asked to do, before it is one: a kind of job and values for its parameters.

use super::parameter::{Domain, Parameter, Value};
use super::run::JobCard;
use super::spelling::nearest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A job's kind and settings. Equal specs on equal files give equal results, bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The kind's word: `finetune`.
    pub kind: String,
    /// The person's name for it.
    pub title: String,
    /// By the parameter's key.
    pub values: BTreeMap<String, Value>,
}

/// Something wrong with a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The parameter; none when the spec as a whole is meant.
    pub key: Option<String>,
    /// A sentence that names the parameter and what would do.
    pub message: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Spec {
    /// The spec with a value for each parameter of its kind: defaults where nothing was said, whole numbers made real where
    /// real ones are meant.
    ///
    /// # Errors
    /// With all that is wrong: unknown keys, values that do not do, values that a person must say and did not.
    pub fn filled(&self, card: &JobCard) -> Result<Spec, Vec<Flaw>> {
        let mut flaws = Vec::new();
        for key in self.values.keys() {
            if parameter(card, key).is_none() {
                flaws.push(Flaw {
                    key: Some(key.clone()),
                    message: unknown(key, card),
                });
            }
        }
        let mut values = BTreeMap::new();
        for parameter in &card.parameters {
            match value(parameter, self.values.get(&parameter.key)) {
                Ok(value) => {
                    values.insert(parameter.key.clone(), value);
                }
                Err(message) => flaws.push(Flaw {
                    key: Some(parameter.key.clone()),
                    message,
                }),
            }
        }
        if flaws.is_empty() {
            Ok(Spec {
                values,
                ..self.clone()
            })
        } else {
            Err(flaws)
        }
    }

    /// Sets a parameter from what a person typed.
    ///
    /// # Errors
    /// With a sentence that says which parameters there are, or which values this one takes.
    pub fn set(&mut self, card: &JobCard, key: &str, typed: &str) -> Result<(), String> {
        let key = key.replace('-', "_");
        let Some(parameter) = parameter(card, &key) else {
            return Err(unknown(&key, card));
        };
        self.values.insert(key, parameter.read(typed)?);
        Ok(())
    }

    /// A whole number; 0 where there is none, which a filled spec rules out. The same holds for the others.
    #[must_use]
    pub fn whole(&self, key: &str) -> i64 {
        match self.values.get(key) {
            Some(Value::Whole(number)) => *number,
            _ => 0,
        }
    }

    /// A whole number that counts something; 0 for negative ones.
    #[must_use]
    pub fn count(&self, key: &str) -> usize {
        usize::try_from(self.whole(key)).unwrap_or(0)
    }

    /// A whole number of any sign as 64 bits: a seed.
    #[must_use]
    pub fn seed(&self, key: &str) -> u64 {
        self.whole(key).cast_unsigned()
    }

    #[must_use]
    pub fn real(&self, key: &str) -> f64 {
        match self.values.get(key) {
            Some(Value::Real(number)) => *number,
            #[expect(clippy::cast_precision_loss, reason = "settings are small")]
            Some(Value::Whole(number)) => *number as f64,
            _ => 0.0,
        }
    }

    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        self.values.get(key) == Some(&Value::Flag(true))
    }

    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        match self.values.get(key) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    #[must_use]
    pub fn words(&self, key: &str) -> &[String] {
        match self.values.get(key) {
            Some(Value::Words(words)) => words,
            _ => &[],
        }
    }
}

fn parameter<'a>(card: &'a JobCard, key: &str) -> Option<&'a Parameter> {
    card.parameters
        .iter()
        .find(|parameter| parameter.key == key)
}

fn value(parameter: &Parameter, given: Option<&Value>) -> Result<Value, String> {
    let Some(value) = given.or(parameter.default.as_ref()) else {
        return Err(format!(
            "{} is missing; give {}",
            parameter.key, parameter.domain
        ));
    };
    parameter.check(value)?;
    Ok(match (&parameter.domain, value) {
        #[expect(clippy::cast_precision_loss, reason = "settings are small")]
        (Domain::Real { .. }, Value::Whole(number)) => Value::Real(*number as f64),
        _ => value.clone(),
    })
}

fn unknown(key: &str, card: &JobCard) -> String {
    let known = || card.parameters.iter().map(|known| known.key.as_str());
    match nearest(key, known()) {
        Some(meant) => format!(
            "a job \"{}\" has no parameter \"{key}\"; did you mean \"{meant}\"?",
            card.kind
        ),
        None => format!(
            "a job \"{}\" has no parameter \"{key}\"; known: {}",
            card.kind,
            known().collect::<Vec<_>>().join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> JobCard {
        let parameter = |key: &str, domain: Domain, default: Option<Value>| Parameter {
            key: key.into(),
            title: key.into(),
            help: String::new(),
            group: String::new(),
            domain,
            default,
        };
        JobCard {
            kind: "walk".into(),
            title: "walk".into(),
            about: String::new(),
            unit: "step".into(),
            parameters: vec![
                parameter("steps", Domain::Whole { least: 1, most: 9 }, None),
                parameter(
                    "size",
                    Domain::Real {
                        least: 0.0,
                        most: 2.0,
                    },
                    Some(Value::Real(0.5)),
                ),
            ],
            series: Vec::new(),
            tables: Vec::new(),
        }
    }

    fn spec(values: &[(&str, Value)]) -> Spec {
        Spec {
            kind: "walk".into(),
            title: "t".into(),
            values: values
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone()))
                .collect(),
        }
    }

    #[test]
    fn what_was_not_said_has_its_default() {
        let said = spec(&[("steps", Value::Whole(3)), ("size", Value::Whole(1))]);
        let filled = said.filled(&card()).unwrap();
        assert_eq!((filled.whole("steps"), filled.real("size")), (3, 1.0));
        assert_eq!(filled.values["size"], Value::Real(1.0));
    }

    #[test]
    fn all_that_is_wrong_is_named_at_once() {
        let flaws = spec(&[("step", Value::Whole(3)), ("size", Value::Real(9.0))])
            .filled(&card())
            .unwrap_err();
        let said: Vec<String> = flaws.iter().map(Flaw::to_string).collect();
        assert_eq!(
            said,
            [
                "a job \"walk\" has no parameter \"step\"; did you mean \"steps\"?",
                "steps is missing; give a whole number from 1 to 9",
                "size: \"9\" does not do; give a number from 0 to 2",
            ]
        );
        let mut typed = spec(&[]);
        typed.set(&card(), "steps", "4").unwrap();
        assert_eq!(typed.count("steps"), 4);
        assert!(typed.set(&card(), "colour", "red").is_err());
    }
}
