//! The form of a new run, made from nothing but the parameters of its kind: what is typed is read at once by the parameter.

use crate::domain::parameter::{Domain, Parameter, Value};
use crate::domain::run::JobCard;
use crate::domain::spec::Spec;
use std::collections::BTreeMap;

/// What a new run shall be, while it is typed.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    pub card: JobCard,
    /// The run's name first, then the parameters, sections together.
    pub fields: Vec<Field>,
    pub focus: usize,
    /// Where the values came from: `preset gsm8k`, `clone of ft-1`.
    pub from: String,
}

/// One line of the form.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// None for the run's name.
    pub parameter: Option<Parameter>,
    pub typed: String,
}

impl Form {
    /// A form with defaults and the values of a spec over them. Keys that the kind does not know come back.
    #[must_use]
    pub fn new(card: JobCard, spec: &Spec, from: String) -> (Form, Vec<String>) {
        let mut fields = vec![Field {
            parameter: None,
            typed: spec.title.clone(),
        }];
        let mut sections: Vec<&str> = Vec::new();
        for parameter in &card.parameters {
            if !sections.contains(&parameter.group.as_str()) {
                sections.push(&parameter.group);
            }
        }
        for section in sections {
            let of_section = card.parameters.iter().filter(|p| p.group == section);
            fields.extend(of_section.map(|parameter| {
                let value = spec.values.get(&parameter.key);
                let value = value.or(parameter.default.as_ref());
                Field {
                    typed: value.map_or_else(String::new, typed),
                    parameter: Some(parameter.clone()),
                }
            }));
        }
        let known = |key: &String| card.parameters.iter().any(|p| p.key == *key);
        let unknown = spec.values.keys().filter(|key| !known(key));
        let unknown = unknown.cloned().collect();
        let form = Form {
            card,
            fields,
            focus: 0,
            from,
        };
        (form, unknown)
    }

    #[must_use]
    pub fn focused(&self) -> Option<&Field> {
        self.fields.get(self.focus)
    }

    /// The run to start.
    ///
    /// # Errors
    /// The place of the first field that cannot be used, and why.
    pub fn spec(&self) -> Result<Spec, (usize, String)> {
        let mut title = String::new();
        let mut values = BTreeMap::new();
        for (at, field) in self.fields.iter().enumerate() {
            match &field.parameter {
                None => field.typed.trim().clone_into(&mut title),
                Some(parameter) => {
                    let value = field.value().map_err(|why| (at, why))?;
                    values.extend(value.map(|value| (parameter.key.clone(), value)));
                }
            }
        }
        Ok(Spec {
            kind: self.card.kind.clone(),
            title,
            values,
        })
    }

    /// Fields that cannot be used as they are.
    #[must_use]
    pub fn problems(&self) -> usize {
        let values = self.fields.iter().map(Field::value);
        values.filter(Result::is_err).count()
    }

    pub(super) fn step(&mut self, step: isize) {
        let last = self.fields.len().saturating_sub(1);
        self.focus = self.focus.saturating_add_signed(step).min(last);
    }

    pub(super) fn change(&mut self, change: impl FnOnce(&mut Field)) {
        if let Some(field) = self.fields.get_mut(self.focus) {
            change(field);
        }
    }
}

impl Field {
    /// What is typed, read; nothing where nothing is typed and the parameter has a default.
    ///
    /// # Errors
    /// A sentence that says what would do.
    pub fn value(&self) -> Result<Option<Value>, String> {
        let Some(parameter) = &self.parameter else {
            return Ok(None);
        };
        if self.typed.trim().is_empty() {
            return match (&parameter.default, &parameter.domain) {
                // An empty text is a value where the default is one.
                (Some(Value::Text(_) | Value::Words(_)), Domain::Text | Domain::Words) => {
                    parameter.read("").map(Some)
                }
                (Some(_), _) => Ok(None),
                (None, _) => Err(format!(
                    "{} must be said: {}",
                    parameter.key, parameter.domain
                )),
            };
        }
        parameter.read(&self.typed).map(Some)
    }

    /// As the parameter's default has it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        let default = self.parameter.as_ref().and_then(|p| p.default.as_ref());
        match (self.value(), default) {
            (Ok(Some(value)), Some(default)) => value == *default,
            (Ok(None), _) => true,
            _ => false,
        }
    }

    /// The values to go through with left and right; none for what is typed.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        match self.parameter.as_ref().map(|parameter| &parameter.domain) {
            Some(Domain::Choice { options }) => options.clone(),
            Some(Domain::Flag) => vec!["yes".into(), "no".into()],
            _ => Vec::new(),
        }
    }

    pub(super) fn choose(&mut self, step: isize) {
        let options = self.options();
        let count = isize::try_from(options.len()).unwrap_or(0);
        if count == 0 {
            return;
        }
        let at = options.iter().position(|option| *option == self.typed);
        let at = at.and_then(|at| isize::try_from(at).ok());
        let next = at.map_or(0, |at| (at + step).rem_euclid(count));
        let next = usize::try_from(next).unwrap_or(0);
        if let Some(option) = options.get(next) {
            self.typed.clone_from(option);
        }
    }

    /// A letter: it goes to the first choice that begins with it, or into the text.
    pub(super) fn insert(&mut self, text: &str) {
        let options = self.options();
        if options.is_empty() {
            self.typed.push_str(text);
            return;
        }
        if text == " " {
            self.choose(1);
            return;
        }
        let at = options.iter().position(|option| *option == self.typed);
        let from = at.map_or(0, |at| at + 1);
        let around = options.iter().cycle().skip(from).take(options.len());
        if let Some(option) = around.into_iter().find(|option| option.starts_with(text)) {
            self.typed.clone_from(option);
        }
    }

    pub(super) fn erase(&mut self) {
        if self.options().is_empty() {
            self.typed.pop();
        }
    }

    pub(super) fn reset(&mut self) {
        let default = self.parameter.as_ref().and_then(|p| p.default.as_ref());
        self.typed = default.map_or_else(String::new, typed);
    }
}

/// A value as a person would type it.
#[must_use]
pub fn typed(value: &Value) -> String {
    match value {
        Value::Flag(true) => "yes".into(),
        Value::Flag(false) => "no".into(),
        Value::Real(number) if *number != 0.0 && number.abs() < 1e-3 => format!("{number:e}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(key: &str, group: &str, domain: Domain, default: Option<Value>) -> Parameter {
        Parameter {
            key: key.into(),
            title: key.into(),
            help: String::new(),
            group: group.into(),
            domain,
            default,
        }
    }

    fn card() -> JobCard {
        let whole = Domain::Whole { least: 1, most: 64 };
        let real = Domain::Real {
            least: 0.0,
            most: 1.0,
        };
        let options = vec!["cosine".into(), "linear".into(), "constant".into()];
        JobCard {
            kind: "finetune".into(),
            title: "fine-tune".into(),
            about: String::new(),
            unit: "step".into(),
            parameters: vec![
                parameter("data", "data", Domain::Path, None),
                parameter("rank", "adapter", whole, Some(Value::Whole(16))),
                parameter("note", "data", Domain::Text, Some(Value::Text("x".into()))),
                parameter("rate", "optimiser", real, Some(Value::Real(2e-4))),
                parameter("packed", "data", Domain::Flag, Some(Value::Flag(true))),
                parameter(
                    "schedule",
                    "optimiser",
                    Domain::Choice { options },
                    Some(Value::Text("cosine".into())),
                ),
            ],
            series: Vec::new(),
            tables: Vec::new(),
        }
    }

    fn spec(values: &[(&str, Value)]) -> Spec {
        let values = values.iter().cloned();
        Spec {
            kind: "finetune".into(),
            title: "try".into(),
            values: values.map(|(key, value)| (key.into(), value)).collect(),
        }
    }

    fn form(spec: &Spec) -> (Form, Vec<String>) {
        Form::new(card(), spec, String::new())
    }

    #[test]
    fn a_form_is_made_from_the_card_alone() {
        let (form, unknown) = form(&spec(&[]));
        assert_eq!(unknown, Vec::<String>::new());
        let keys: Vec<&str> = form
            .fields
            .iter()
            .filter_map(|field| field.parameter.as_ref().map(|p| p.key.as_str()))
            .collect();
        // Sections stay together, in the order in which they first come.
        assert_eq!(keys, ["data", "note", "packed", "rank", "rate", "schedule"]);
        let typed: Vec<&str> = form.fields.iter().map(|f| f.typed.as_str()).collect();
        assert_eq!(typed, ["try", "", "x", "yes", "16", "2e-4", "cosine"]);
        assert_eq!(form.problems(), 1);
        let (at, why) = form.spec().unwrap_err();
        assert_eq!(
            (at, why.as_str()),
            (1, "data must be said: a file or folder")
        );
    }

    #[test]
    fn what_is_typed_is_read_at_once_and_an_order_fills_the_form() {
        let (mut form, unknown) = form(&spec(&[
            ("data", Value::Text("x.jsonl".into())),
            ("rank", Value::Whole(8)),
            ("gone", Value::Flag(true)),
        ]));
        assert_eq!(unknown, ["gone"]);
        form.step(4);
        form.change(|field| field.insert("0"));
        assert_eq!(form.problems(), 1);
        assert!(
            form.focused()
                .unwrap()
                .value()
                .unwrap_err()
                .contains("1 to 64")
        );
        form.change(Field::erase);
        form.step(2);
        form.change(|field| field.choose(-1));
        assert_eq!(form.focused().unwrap().typed, "constant");
        form.change(|field| field.insert("c"));
        assert_eq!(form.focused().unwrap().typed, "cosine");
        form.step(-9);
        form.change(|field| field.insert("!"));
        let made = form.spec().unwrap();
        assert_eq!(made.title, "try!");
        assert_eq!(made.values["rank"], Value::Whole(8));
        assert_eq!(made.values["rate"], Value::Real(2e-4));
        assert_eq!(made.values["packed"], Value::Flag(true));
        assert_eq!(made.values.len(), 6);
        form.step(4);
        form.change(Field::reset);
        assert!(form.focused().unwrap().is_default());
    }
}
