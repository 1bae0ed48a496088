//! Reads the catalog: the built-in file, and the user's `models.toml` over it by field.
//!
//! A mistake in the user's file is named with its line and costs that model only.

use super::entry::{Entry, built_in, parse};
use crate::store::preset::Problem;
use std::collections::BTreeMap;
use std::path::Path;

/// Fields a model may have.
const FIELDS: [&str; 13] = [
    "title",
    "file",
    "bytes",
    "sha256",
    "memory",
    "architecture",
    "tokenizer",
    "context",
    "license",
    "terms",
    "consent",
    "note",
    "sources",
];

/// All models by name, and what is wrong with the user's file.
#[must_use]
pub fn read(user_file: &Path) -> (BTreeMap<String, Entry>, Vec<Problem>) {
    let mut tables = models(built_in()).unwrap_or_default();
    let mut reader = Reader {
        file: user_file.display().to_string(),
        text: String::new(),
        problems: Vec::new(),
    };
    match std::fs::read_to_string(user_file) {
        Ok(text) => {
            reader.text = text;
            reader.merge_into(&mut tables);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => reader.problem(None, format!("cannot be read: {error}")),
    }
    let mut entries = BTreeMap::new();
    for (name, table) in tables {
        match parse(&name, table) {
            Ok(entry) => {
                entries.insert(name, entry);
            }
            Err(message) => {
                let line = reader.line_of_model(&name);
                reader.problem(line, message);
            }
        }
    }
    (entries, reader.problems)
}

/// The tables under `models` of a catalog file.
fn models(text: &str) -> Result<BTreeMap<String, toml::Table>, toml::de::Error> {
    #[derive(serde::Deserialize)]
    struct File {
        #[serde(default)]
        models: BTreeMap<String, toml::Table>,
    }
    toml::from_str::<File>(text).map(|file| file.models)
}

struct Reader {
    file: String,
    text: String,
    problems: Vec<Problem>,
}

impl Reader {
    fn merge_into(&mut self, tables: &mut BTreeMap<String, toml::Table>) {
        let user = match models(&self.text) {
            Ok(user) => user,
            Err(error) => {
                let line = error.span().map(|span| self.line_at(span.start));
                self.problem(line, error.message().to_owned());
                return;
            }
        };
        for (name, fields) in user {
            for field in fields.keys().filter(|key| !FIELDS.contains(&key.as_str())) {
                let line = self.line_of_field(&name, field);
                self.problem(
                    line,
                    format!(
                        "model \"{name}\": unknown field \"{field}\"; known: {}",
                        FIELDS.join(", ")
                    ),
                );
            }
            tables.entry(name).or_default().extend(fields);
        }
    }

    fn problem(&mut self, line: Option<usize>, message: String) {
        self.problems.push(Problem {
            file: self.file.clone(),
            line,
            message,
        });
    }

    fn line_at(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        before.matches('\n').count() + 1
    }

    /// The line of a model's table header, from 1.
    fn line_of_model(&self, name: &str) -> Option<usize> {
        let plain = format!("[models.{name}]");
        let quoted = format!("[models.\"{name}\"]");
        self.text
            .lines()
            .position(|line| [plain.as_str(), quoted.as_str()].contains(&line.trim()))
            .map(|index| index + 1)
    }

    fn line_of_field(&self, name: &str, field: &str) -> Option<usize> {
        let header = self.line_of_model(name)?;
        self.text
            .lines()
            .skip(header)
            .position(|line| {
                line.split('=')
                    .next()
                    .is_some_and(|key| key.trim().trim_matches('"') == field)
            })
            .map(|index| header + index + 1)
            .or(Some(header))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (BTreeMap<String, Entry>, Vec<Problem>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("models.toml");
        std::fs::write(&file, text).unwrap();
        read(&file)
    }

    #[test]
    fn every_built_in_model_is_valid() {
        let (entries, problems) = read(Path::new("/nonexistent/models.toml"));
        assert_eq!(problems, []);
        assert_eq!(entries.len(), models(built_in()).unwrap().len());
        let default = &entries[super::super::DEFAULT_MODEL];
        assert!(!default.consent && default.obstacle().is_none());
        assert_eq!(default.bytes, Some(98_362_432));
        for entry in entries.values() {
            assert!(
                !entry.title.is_empty() && !entry.note.is_empty(),
                "{}",
                entry.name
            );
            assert!(
                entry.memory() > 0 && entry.context.is_some(),
                "{}",
                entry.name
            );
            assert!(!entry.sources.is_empty(), "{}", entry.name);
        }
        for table in models(built_in()).unwrap().values() {
            assert!(table.keys().all(|key| FIELDS.contains(&key.as_str())));
        }
    }

    #[test]
    fn a_user_changes_one_field_and_adds_a_model() {
        let (entries, problems) = read_text(
            "[models.smollm2-135m]\nnote = \"mine\"\n[models.own]\nfile = \"own.gguf\"\nsources = [{ kind = \"file\", path = \"/x/own.gguf\" }]\n",
        );
        assert_eq!(problems, []);
        assert_eq!(entries["smollm2-135m"].note, "mine");
        assert_eq!(entries["smollm2-135m"].bytes, Some(98_362_432));
        assert_eq!(entries["own"].title, "own");
    }

    #[test]
    fn a_mistake_is_named_with_its_line_and_costs_one_model() {
        let (entries, problems) =
            read_text("[models.own]\nfiel = \"x\"\n\n[models.bad]\nfile = \"../x.gguf\"\n");
        let lines: Vec<Option<usize>> = problems.iter().map(|p| p.line).collect();
        assert_eq!(lines, [Some(2), Some(4), Some(1)]);
        assert!(
            problems[0].message.contains("unknown field \"fiel\""),
            "{}",
            problems[0]
        );
        assert!(problems[1].message.contains("../x.gguf"), "{}", problems[1]);
        assert!(problems[2].message.contains("file"), "{}", problems[2]);
        assert!(entries.contains_key("smollm2-135m") && !entries.contains_key("bad"));
    }

    #[test]
    fn a_file_that_is_not_toml_leaves_the_built_in_models() {
        let (entries, problems) = read_text("[models.own]\nfile = \n");
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].line, Some(2));
        assert!(entries.contains_key("smollm2-135m"));
    }
}
