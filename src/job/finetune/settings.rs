//! What a fine-tuning does, read from the values of its parameters.

use super::parameters::{AUTO, parameters};
use crate::domain::parameter::Value;
use crate::lm::example::OverLength;
use crate::task::dialogue::{Format, TrainOn};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Checked settings. The meaning of each stands in the table of [`parameters`].
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub data: PathBuf,
    pub format: Option<Format>,
    pub train_on: TrainOn,
    pub validation: Option<PathBuf>,
    pub validation_share: f64,
    pub limit: usize,
    pub max_tokens: usize,
    pub over_length: OverLength,
    pub model: String,
    pub is_full: bool,
    pub start: Option<PathBuf>,
    pub lora_rank: usize,
    pub lora_alpha: f64,
    pub lora_dropout: f64,
    pub use_rslora: bool,
    pub target_modules: Vec<String>,
    pub epochs: f64,
    pub max_steps: u64,
    pub learning_rate: f64,
    pub schedule: String,
    pub warmup_share: f64,
    pub batch_tokens: usize,
    pub accumulation: usize,
    pub weight_decay: f64,
    pub max_grad_norm: f64,
    pub seed: u64,
    pub validate_every: u64,
    pub patience: u64,
    pub samples: usize,
    pub sample_tokens: usize,
    pub checkpoint_every: u64,
    pub out: Option<PathBuf>,
    pub merged: bool,
    pub gguf: bool,
}

impl Settings {
    /// Reads values by their keys; what is not given has its default.
    ///
    /// # Errors
    /// With a sentence that names the parameter, what was given and what would do.
    pub fn read(values: &BTreeMap<String, Value>) -> Result<Self, String> {
        let reader = Reader::new(values)?;
        Ok(Self {
            data: PathBuf::from(reader.text("data")),
            format: match reader.text("format").as_str() {
                AUTO => None,
                name => Some(name.parse()?),
            },
            train_on: reader
                .text("train_on")
                .parse()
                .map_err(|what| format!("train_on: {what}"))?,
            validation: reader.path("validation"),
            validation_share: reader.real("validation_share"),
            limit: reader.count("limit"),
            max_tokens: reader.count("max_tokens"),
            over_length: reader.text("over_length").parse()?,
            model: reader.text("model"),
            is_full: reader.text("method") == "full",
            start: reader.path("start"),
            lora_rank: reader.count("lora_rank"),
            lora_alpha: reader.real("lora_alpha"),
            lora_dropout: reader.real("lora_dropout"),
            use_rslora: reader.flag("use_rslora"),
            target_modules: reader.words("target_modules"),
            epochs: reader.real("epochs"),
            max_steps: reader.number("max_steps"),
            learning_rate: reader.real("learning_rate"),
            schedule: reader.text("schedule"),
            warmup_share: reader.real("warmup_share"),
            batch_tokens: reader.count("batch_tokens"),
            accumulation: reader.count("accumulation"),
            weight_decay: reader.real("weight_decay"),
            max_grad_norm: reader.real("max_grad_norm"),
            seed: reader.number("seed"),
            validate_every: reader.number("validate_every"),
            patience: reader.number("patience"),
            samples: reader.count("samples"),
            sample_tokens: reader.count("sample_tokens"),
            checkpoint_every: reader.number("checkpoint_every"),
            out: reader.path("out"),
            merged: reader.flag("merged"),
            gguf: reader.flag("gguf"),
        })
    }
}

/// Every parameter's value, given or by default.
struct Reader(BTreeMap<String, Value>);

impl Reader {
    fn new(given: &BTreeMap<String, Value>) -> Result<Self, String> {
        let table = parameters();
        if let Some(key) = given
            .keys()
            .find(|key| !table.iter().any(|one| one.key == **key))
        {
            let known: Vec<&str> = table.iter().map(|one| one.key.as_str()).collect();
            return Err(format!(
                "\"{key}\" is no parameter of a fine-tuning; known: {}",
                known.join(", ")
            ));
        }
        let mut values = BTreeMap::new();
        for parameter in table {
            let value = match given.get(&parameter.key) {
                Some(value) => {
                    parameter.check(value)?;
                    value.clone()
                }
                None => parameter.default.clone().ok_or_else(|| {
                    format!("{} is missing; give {}", parameter.key, parameter.domain)
                })?,
            };
            values.insert(parameter.key, value);
        }
        Ok(Self(values))
    }

    fn text(&self, key: &str) -> String {
        match self.0.get(key) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        let text = self.text(key);
        (!text.is_empty()).then(|| PathBuf::from(text))
    }

    fn number(&self, key: &str) -> u64 {
        match self.0.get(key) {
            Some(Value::Whole(number)) => u64::try_from(*number).unwrap_or_default(),
            _ => 0,
        }
    }

    fn count(&self, key: &str) -> usize {
        usize::try_from(self.number(key)).unwrap_or(usize::MAX)
    }

    #[allow(clippy::cast_precision_loss, reason = "settings are small")]
    fn real(&self, key: &str) -> f64 {
        match self.0.get(key) {
            Some(Value::Real(number)) => *number,
            Some(Value::Whole(number)) => *number as f64,
            _ => 0.0,
        }
    }

    fn flag(&self, key: &str) -> bool {
        self.0.get(key) == Some(&Value::Flag(true))
    }

    fn words(&self, key: &str) -> Vec<String> {
        match self.0.get(key) {
            Some(Value::Words(words)) => words.clone(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, Value)]) -> BTreeMap<String, Value> {
        let pairs = pairs.iter().cloned();
        pairs.map(|(key, value)| (key.to_owned(), value)).collect()
    }

    fn least() -> BTreeMap<String, Value> {
        let text = |text: &str| Value::Text(text.to_owned());
        given(&[("data", text("d.jsonl")), ("model", text("m"))])
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let settings = Settings::read(&least()).unwrap();
        assert_eq!((settings.lora_rank, settings.max_tokens), (16, 2048));
        assert_eq!((settings.format, settings.out), (None, None));
        assert_eq!(settings.train_on, TrainOn::All);
        let mut more = least();
        more.insert("epochs".into(), Value::Whole(3));
        assert_eq!(Settings::read(&more).unwrap().epochs, 3.0);
    }

    #[test]
    fn what_does_not_do_is_named() {
        let refused = |key: &str, value: Value| {
            let mut values = least();
            values.insert(key.to_owned(), value);
            Settings::read(&values).unwrap_err()
        };
        assert!(refused("lora_rank", Value::Whole(0)).contains("from 1 to"));
        assert!(refused("rank", Value::Whole(8)).contains("no parameter of a fine-tuning"));
        let unknown = refused("train_on", Value::Text("most".into()));
        assert!(unknown.starts_with("train_on: \"most\""), "{unknown}");
        assert!(
            Settings::read(&BTreeMap::new())
                .unwrap_err()
                .starts_with("data is missing")
        );
    }
}
