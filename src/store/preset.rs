//! Presets: TOML files that describe councils; built-in ones are compiled in, the user's are merged over them by field.
//!
//! A broken file is listed with its line and hides no other. What a society's own settings mean is the society's business.

use super::builtin;
use super::error::StoreError;
use super::layer::{self, Node, Value};
use super::paths::Paths;
use super::source;
use super::write;
use crate::domain::council::Council;
use std::path::{Path, PathBuf};

/// A preset file as lists show it, broken ones included.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// The file's stem.
    pub name: String,
    /// The user's file, if there is one (a new preset, or fields over a built-in one).
    pub path: Option<PathBuf>,
    pub is_builtin: bool,
    /// The council, or why it cannot be used.
    pub council: Result<Council, Problem>,
    /// Unknown fields and the like.
    pub warnings: Vec<Problem>,
}

impl Preset {
    /// It stands in no file and is not built in: it was made while the program runs.
    #[must_use]
    pub fn is_made(&self) -> bool {
        self.path.is_none() && !self.is_builtin
    }
}

/// Something wrong with a user's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as a person would name it.
    pub file: String,
    /// From 1; none when the file as a whole is meant.
    pub line: Option<usize>,
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, line {line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// All presets: the built-in ones in their order (the user's fields merged in), then the user's own, alphabetically.
#[must_use]
pub fn load_all(paths: &Paths) -> Vec<Preset> {
    let mut users = source::toml_files(&paths.presets());
    let mut presets = Vec::new();
    for (name, text) in builtin::PRESETS {
        let own = users.iter().position(|(user, _)| user == name);
        let path = own.map(|at| users.remove(at).1);
        presets.push(load(name, Some(text), path));
    }
    presets.extend(
        users
            .into_iter()
            .map(|(name, path)| load(&name, None, Some(path))),
    );
    presets
}

/// One preset by name.
///
/// # Errors
/// When there is none of that name; a broken one is found, with its problem inside.
pub fn find(paths: &Paths, name: &str) -> Result<Preset, StoreError> {
    let mut all = load_all(paths);
    match all.iter().position(|preset| preset.name == name) {
        Some(at) => Ok(all.swap_remove(at)),
        None => Err(StoreError::Missing {
            what: "preset",
            name: name.to_owned(),
            known: all.into_iter().map(|preset| preset.name).collect(),
        }),
    }
}

/// A preset from text alone; its file is called `NAME.toml` in problems.
#[must_use]
pub fn parse(name: &str, text: &str) -> Preset {
    let node = layer::parse(&format!("{name}.toml"), text);
    assembled(name, None, false, node)
}

/// A preset from a file that stands anywhere; its name is the file's stem.
///
/// # Errors
/// When there is no such file; a broken one is a preset with its problem inside.
pub fn load_file(path: &Path) -> Result<Preset, Problem> {
    let file = path.display().to_string();
    let Some(text) = source::read_optional(path)? else {
        return Err(Problem {
            file,
            line: None,
            message: "there is no such file".into(),
        });
    };
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let node = layer::parse(&file, &text);
    Ok(assembled(&name, Some(path.to_path_buf()), false, node))
}

/// Where the user's file of this name is or would be.
#[must_use]
pub fn user_path(paths: &Paths, name: &str) -> PathBuf {
    paths.presets().join(format!("{name}.toml"))
}

/// The user's file to open in an editor. For a built-in preset without one, it is made first: the built-in text, every line a
/// comment, so that nothing changes until a line is uncommented.
pub fn editable(paths: &Paths, name: &str) -> Result<PathBuf, StoreError> {
    let preset = find(paths, name)?;
    let path = user_path(paths, name);
    if preset.path.is_some() {
        return Ok(path);
    }
    let mut text = format!(
        "# Fields of this file win over the built-in preset \"{name}\", which follows as comments.\n# A list is replaced as a whole: to change one agent, uncomment all of them.\n\n"
    );
    for line in builtin_text(name).unwrap_or_default().lines() {
        let mark = if line.is_empty() || line.starts_with('#') {
            ""
        } else {
            "#"
        };
        text.push_str(mark);
        text.push_str(line);
        text.push('\n');
    }
    write::atomically(&path, text.as_bytes())?;
    Ok(path)
}

/// Copies a preset to a new file of the user's and returns its name: `NAME-copy`, `NAME-copy-2`, … Comments are kept, except
/// where the preset is fields over a built-in one: then the merged whole is written.
pub fn duplicate(paths: &Paths, name: &str) -> Result<String, StoreError> {
    let preset = find(paths, name)?;
    let text = match (&preset.path, builtin_text(name)) {
        (None, Some(text)) => text.to_owned(),
        (Some(path), None) => {
            std::fs::read_to_string(path).map_err(StoreError::io("read", path))?
        }
        _ => merged_text(&preset)?,
    };
    let taken: Vec<String> = load_all(paths)
        .into_iter()
        .map(|preset| preset.name)
        .collect();
    let copy = free_name(name, &taken);
    write::atomically(&user_path(paths, &copy), text.as_bytes())?;
    Ok(copy)
}

fn free_name(name: &str, taken: &[String]) -> String {
    let mut copy = format!("{name}-copy");
    let mut number = 2;
    while taken.contains(&copy) {
        copy = format!("{name}-copy-{number}");
        number += 1;
    }
    copy
}

fn merged_text(preset: &Preset) -> Result<String, StoreError> {
    let council = preset.council.as_ref().map_err(|problem| {
        StoreError::Invalid(format!("{problem}; correct it first, then copy it"))
    })?;
    toml::to_string_pretty(council).map_err(|error| {
        StoreError::Invalid(format!(
            "preset \"{}\" cannot be written as TOML: {error}",
            preset.name
        ))
    })
}

/// The commented text of a built-in preset.
#[must_use]
pub fn builtin_text(name: &str) -> Option<&'static str> {
    let found = builtin::PRESETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}

fn load(name: &str, builtin: Option<&str>, path: Option<PathBuf>) -> Preset {
    let node = merged(name, builtin, path.as_ref());
    assembled(name, path, builtin.is_some(), node)
}

fn merged(name: &str, builtin: Option<&str>, path: Option<&PathBuf>) -> Result<Node, Problem> {
    let under = builtin.map(|text| layer::parse(&format!("{name}.toml (built in)"), text));
    let over = match path {
        Some(path) => {
            let text = source::read_optional(path)?.unwrap_or_default();
            Some(layer::parse(&path.display().to_string(), &text)?)
        }
        None => None,
    };
    match (over, under.transpose()?) {
        (Some(over), Some(under)) => Ok(over.over(under)),
        (Some(node), None) | (None, Some(node)) => Ok(node),
        (None, None) => Err(Problem {
            file: format!("{name}.toml"),
            line: None,
            message: "there is no such file".into(),
        }),
    }
}

fn assembled(
    name: &str,
    path: Option<PathBuf>,
    is_builtin: bool,
    node: Result<Node, Problem>,
) -> Preset {
    let folder = path.as_deref().and_then(Path::parent);
    let node = node.and_then(|node| with_texts(node, folder));
    let node = node.map(|node| with_adapter_paths(node, folder));
    let (council, warnings) = match node {
        Ok(node) => layer::read::<Council>(&node),
        Err(problem) => (Err(problem), Vec::new()),
    };
    let council = council.map(|mut council| {
        name.clone_into(&mut council.name);
        council
    });
    Preset {
        name: name.to_owned(),
        path,
        is_builtin,
        council,
        warnings,
    }
}

/// Makes an agent's adapters' relative paths start at the preset's folder.
fn with_adapter_paths(mut root: Node, folder: Option<&Path>) -> Node {
    fn items<'a>(node: &'a mut Node, key: &str) -> &'a mut [Node] {
        let Value::Table(fields) = &mut node.value else {
            return &mut [];
        };
        match fields.get_mut(key).map(|node| &mut node.value) {
            Some(Value::List(items)) => items,
            _ => &mut [],
        }
    }
    let folder = folder.unwrap_or(Path::new(""));
    for agent in items(&mut root, "agents") {
        for adapter in items(agent, "adapters") {
            let Value::Table(fields) = &mut adapter.value else {
                continue;
            };
            if let Some(Value::Text(path)) = fields.get_mut("path").map(|node| &mut node.value) {
                *path = folder.join(&*path).to_string_lossy().into_owned();
            }
        }
    }
    root
}

/// Puts the text of a file in place of each setting `WORD_file`, as `WORD`. A relative path starts at the preset's folder.
fn with_texts(mut root: Node, folder: Option<&Path>) -> Result<Node, Problem> {
    let Value::Table(fields) = &mut root.value else {
        return Ok(root);
    };
    let Some(Value::Table(settings)) = fields.get_mut("settings").map(|node| &mut node.value)
    else {
        return Ok(root);
    };
    let named: Vec<String> = settings
        .keys()
        .filter(|key| key.ends_with("_file"))
        .cloned()
        .collect();
    for key in named {
        let Some(node) = settings.remove(&key) else {
            continue;
        };
        let file = node.text().unwrap_or_default();
        let path = folder.unwrap_or(Path::new("")).join(file);
        let text = match source::read_optional(&path) {
            Ok(Some(text)) => text.trim_end().to_owned(),
            Ok(None) => {
                let message = format!("{key}: there is no file {}", path.display());
                return Err(node.place.problem(message));
            }
            Err(problem) => return Err(node.place.problem(format!("{key}: {problem}"))),
        };
        let word = key.trim_end_matches("_file").to_owned();
        let value = Value::Text(text);
        settings.insert(
            word,
            Node {
                place: node.place,
                value,
            },
        );
    }
    Ok(root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::request::{Overflow, ResponseFormat, Sampling};
    use serde_json::json;

    fn sampling(lines: &str) -> Result<Sampling, Problem> {
        let text = format!(
            "title = \"t\"\nsociety = \"single\"\n[sampling]\n{lines}\n[[agents]]\npart = \"agent\"\nmodel = \"m\"\n"
        );
        let preset = parse("test", &text);
        assert_eq!(preset.warnings, []);
        preset.council.map(|council| council.sampling)
    }

    #[test]
    fn sampling_takes_biases_shapes_and_what_to_do_with_long_talks() {
        let found = sampling(
            "frequency_penalty = 0.5\npresence_penalty = 0.25\nlogit_bias = { 42 = -100, \" yes\" = 1.5 }\nlogprobs = 5\n\
             response_format = { json_schema = { type = \"object\", required = [\"a\"] } }\noverflow = \"drop_oldest\"",
        );
        let schema = json!({ "type": "object", "required": ["a"] });
        let expected = Sampling {
            frequency_penalty: Some(0.5),
            presence_penalty: Some(0.25),
            logit_bias: [("42".into(), -100.0), (" yes".into(), 1.5)].into(),
            logprobs: Some(5),
            response_format: Some(ResponseFormat::JsonSchema(schema)),
            overflow: Some(Overflow::DropOldest),
            ..Sampling::default()
        };
        assert_eq!(found, Ok(expected));
        for (line, format) in [
            ("\"json_object\"", ResponseFormat::JsonObject),
            ("{ regex = \"a+\" }", ResponseFormat::Regex("a+".into())),
            (
                "{ lark = \"start: A\" }",
                ResponseFormat::Lark("start: A".into()),
            ),
        ] {
            let found = sampling(&format!("response_format = {line}"));
            assert_eq!(found.unwrap().response_format, Some(format));
        }
    }

    #[test]
    fn a_wrong_choice_is_named_with_its_line_and_the_right_ones() {
        for (line, words) in [
            ("overflow = \"drop\"", ["overflow", "refuse", "drop_oldest"]),
            (
                "response_format = \"yaml\"",
                ["response_format", "json_schema", "regex"],
            ),
            ("logit_bias = { 42 = \"much\" }", ["42", "much", "expected"]),
        ] {
            let problem = sampling(line).unwrap_err();
            assert_eq!(problem.line, Some(4), "{problem}");
            for word in words {
                assert!(problem.message.contains(word), "{problem}");
            }
        }
    }
}
