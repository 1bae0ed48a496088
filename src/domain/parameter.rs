//! Settings that describe themselves: one table makes the form, the flags of the command line, the checks and the help.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One setting of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// As in spec files (`lora_rank`); the flag is the same with hyphens.
    pub key: String,
    /// Heading in forms, at most 24 columns.
    pub title: String,
    /// What it does and what other values do, one or two sentences.
    pub help: String,
    /// Section of the form it stands in: `data`, `adapter`, `optimiser`.
    pub group: String,
    pub domain: Domain,
    /// None: the person must say it.
    pub default: Option<Value>,
}

/// Which values a parameter takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "domain", rename_all = "snake_case")]
pub enum Domain {
    Text,
    /// A file or folder that must be there.
    Path,
    /// Where a file or folder is to be made.
    NewPath,
    /// A model of the catalog, a file, or a folder.
    Model,
    Flag,
    /// Whole numbers, both ends included.
    Whole {
        least: i64,
        most: i64,
    },
    /// Real numbers, both ends included.
    Real {
        least: f64,
        most: f64,
    },
    Choice {
        options: Vec<String>,
    },
    /// Any number of words.
    Words,
}

/// A value of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Flag(bool),
    Whole(i64),
    Real(f64),
    Text(String),
    Words(Vec<String>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Flag(value) => write!(f, "{value}"),
            Value::Whole(value) => write!(f, "{value}"),
            Value::Real(value) => write!(f, "{value}"),
            Value::Text(text) => f.write_str(text),
            Value::Words(words) => f.write_str(&words.join(", ")),
        }
    }
}

impl Parameter {
    /// Reads what a person typed.
    ///
    /// # Errors
    /// With a sentence that names the parameter, what was typed and what would do.
    pub fn read(&self, typed: &str) -> Result<Value, String> {
        let typed = typed.trim();
        let value = match &self.domain {
            Domain::Text
            | Domain::Path
            | Domain::NewPath
            | Domain::Model
            | Domain::Choice { .. } => Value::Text(typed.to_owned()),
            Domain::Flag => match typed {
                "true" | "yes" | "on" => Value::Flag(true),
                "false" | "no" | "off" => Value::Flag(false),
                _ => return Err(self.refusal(typed, "yes or no")),
            },
            Domain::Whole { .. } => Value::Whole(
                typed
                    .replace('_', "")
                    .parse()
                    .map_err(|_| self.refusal(typed, "a whole number"))?,
            ),
            Domain::Real { .. } => Value::Real(
                typed
                    .parse()
                    .map_err(|_| self.refusal(typed, "a number, such as 0.0002 or 2e-4"))?,
            ),
            Domain::Words => Value::Words(
                typed
                    .split(',')
                    .map(|word| word.trim().to_owned())
                    .filter(|word| !word.is_empty())
                    .collect(),
            ),
        };
        self.check(&value)?;
        Ok(value)
    }

    /// Whether a value (of a spec file, say) is one that this parameter takes. Files are not looked at.
    ///
    /// # Errors
    /// With a sentence that names the parameter, the value and what would do.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let fits = match (&self.domain, value) {
            (Domain::Text | Domain::Path | Domain::NewPath | Domain::Model, Value::Text(_))
            | (Domain::Flag, Value::Flag(_))
            | (Domain::Words, Value::Words(_)) => true,
            (Domain::Choice { options }, Value::Text(text)) => options.contains(text),
            (Domain::Whole { least, most }, Value::Whole(number)) => {
                (least..=most).contains(&number)
            }
            (Domain::Real { least, most }, Value::Real(number)) => (least..=most).contains(&number),
            #[expect(clippy::cast_precision_loss, reason = "settings are small")]
            (Domain::Real { least, most }, Value::Whole(number)) => {
                (least..=most).contains(&&(*number as f64))
            }
            _ => false,
        };
        if fits {
            Ok(())
        } else {
            Err(self.refusal(&value.to_string(), &self.domain.to_string()))
        }
    }

    fn refusal(&self, typed: &str, wanted: &str) -> String {
        format!("{}: \"{typed}\" does not do; give {wanted}", self.key)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Domain::Text => f.write_str("text"),
            Domain::Path => f.write_str("a file or folder"),
            Domain::NewPath => f.write_str("a place for a file or folder"),
            Domain::Model => f.write_str("a model"),
            Domain::Flag => f.write_str("yes or no"),
            Domain::Whole { least, most } => write!(f, "a whole number from {least} to {most}"),
            Domain::Real { least, most } => write!(f, "a number from {least} to {most}"),
            Domain::Choice { options } => write!(f, "one of {}", options.join(", ")),
            Domain::Words => f.write_str("words, separated by commas"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(domain: Domain) -> Parameter {
        Parameter {
            key: "rank".into(),
            title: "rank".into(),
            help: String::new(),
            group: String::new(),
            domain,
            default: None,
        }
    }

    #[test]
    fn what_is_typed_is_read_or_refused_with_what_would_do() {
        let rank = parameter(Domain::Whole { least: 1, most: 64 });
        assert_eq!(rank.read(" 16 "), Ok(Value::Whole(16)));
        assert_eq!(
            rank.read("65").unwrap_err(),
            "rank: \"65\" does not do; give a whole number from 1 to 64"
        );
        assert!(rank.read("x").unwrap_err().contains("a whole number"));
        let rate = parameter(Domain::Real {
            least: 0.0,
            most: 1.0,
        });
        assert_eq!(rate.read("2e-4"), Ok(Value::Real(2e-4)));
        assert!(rate.read("nan").is_err());
        assert!(rate.check(&Value::Whole(1)).is_ok());
        let words = parameter(Domain::Words);
        assert_eq!(
            words.read("q_proj, ,v_proj"),
            Ok(Value::Words(vec!["q_proj".into(), "v_proj".into()]))
        );
    }
}
