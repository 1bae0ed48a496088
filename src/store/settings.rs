//! `config.toml`: the user's settings over the commented defaults.

use super::builtin;
use super::error::StoreError;
use super::layer::{self, Node, Place, Value};
use super::paths::Paths;
use super::preset::Problem;
use super::source;
use super::write;
use crate::domain::device::Device;
use crate::domain::endpoint::{Endpoint, Price};
use crate::domain::request::ModelRef;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings of the program. `data/config.toml` is the commented default and the documentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name of the preset a new session starts with.
    pub preset: String,
    /// Name of a theme; `auto` follows the terminal's background.
    pub theme: String,
    /// No request leaves this machine's process while set.
    pub local_only: bool,
    /// `full` (the clock of a running turn ticks) or `none` (a frame only when something arrived or a key was pressed).
    pub motion: Motion,
    /// Most frames per second for streamed output.
    pub frames_per_second: u16,
    /// Capture the mouse (wheel scrolls, click focuses).
    pub mouse: bool,
    /// Ring the bell when a turn ends while the window is not focused.
    pub bell: bool,
    /// `unicode` or `ascii` borders and glyphs.
    pub borders: Borders,
    /// Threads of the local engine; 0 takes all cores.
    pub threads: usize,
    /// Where local models run.
    pub device: Device,
    /// Runs of jobs that compute at once on each device; further ones wait.
    pub job_slots: usize,
    /// Memory for the key-value cache, in MiB.
    pub cache_mib: usize,
    /// Folders or files with further GGUF models.
    pub model_paths: Vec<String>,
    /// Servers by name.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Prices by model name as the endpoint spells it, or `endpoint/model`.
    pub prices: BTreeMap<String, Price>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Motion {
    Full,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Borders {
    Unicode,
    Ascii,
}

impl Settings {
    /// The user's settings over the built-in ones. A wrong value costs only the field it stands in (the default counts), a file
    /// that is not TOML costs the file; each is named.
    #[must_use]
    pub fn load(paths: &Paths) -> (Settings, Vec<Problem>) {
        match source::read_optional(&paths.settings_file()) {
            Ok(Some(text)) => Self::merged(&paths.settings_file().display().to_string(), &text),
            Ok(None) => (Self::builtin(), Vec::new()),
            Err(problem) => (Self::builtin(), vec![problem]),
        }
    }

    /// The settings that are compiled in.
    #[must_use]
    pub fn builtin() -> Settings {
        Self::merged("config.toml", "").0
    }

    /// `text` over the built-in settings.
    #[must_use]
    pub fn merged(file: &str, text: &str) -> (Settings, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut root = defaults();
        match layer::parse(file, text) {
            Ok(user) => {
                for field in single_fields(user) {
                    let tried = field.clone().over(root.clone());
                    match layer::read::<Settings>(&tried) {
                        (Ok(_), _) => root = tried,
                        (Err(problem), _) => problems.push(problem),
                    }
                }
            }
            Err(problem) => problems.push(problem),
        }
        let (settings, unknown) = layer::read::<Settings>(&root);
        problems.extend(unknown);
        problems.sort_by_key(|problem| problem.line);
        let mut settings = match settings {
            Ok(settings) => settings,
            // Cannot happen while the built-in files parse, which a test holds them to.
            Err(problem) => {
                problems.push(problem);
                bare()
            }
        };
        for (name, endpoint) in &mut settings.endpoints {
            endpoint.name.clone_from(name);
        }
        (settings, problems)
    }

    /// What a model costs, looked up as `endpoint/model`, then as the model's name alone.
    #[must_use]
    pub fn price(&self, model: &ModelRef) -> Option<Price> {
        let exact = format!("{}/{}", model.endpoint, model.model);
        let found = self
            .prices
            .get(&exact)
            .or_else(|| self.prices.get(&model.model));
        found.copied()
    }
}

/// Writes one top-level field of the user's `config.toml`, keeping everything else in it, comments too. `value` is text as a
/// person types it: quotes are added where the field holds text.
///
/// # Errors
/// When the field does not exist, the value does not fit it, the file is not TOML, or it cannot be written.
pub fn save(paths: &Paths, key: &str, value: &str) -> Result<(), StoreError> {
    let file = paths.settings_file();
    let name = file.display().to_string();
    let text = match source::read_optional(&file) {
        Ok(text) => text.unwrap_or_default(),
        Err(problem) => return Err(StoreError::Invalid(problem.to_string())),
    };
    layer::parse(&name, &text).map_err(|problem| {
        StoreError::Invalid(format!(
            "{problem}; correct that line, then change settings here"
        ))
    })?;
    let literal = match defaults().field(key).map(|node| &node.value) {
        Some(Value::Text(_)) => toml::Value::String(value.to_owned()).to_string(),
        Some(Value::Table(_)) | None => {
            return Err(StoreError::Invalid(format!(
                "there is no single setting \"{key}\"; see config.toml"
            )));
        }
        Some(_) => value.to_owned(),
    };
    let changed = with_line(&text, key, &literal);
    let before = Settings::merged(&name, &text).1;
    let after = Settings::merged(&name, &changed).1;
    if let Some(problem) = after
        .iter()
        .find(|problem| before.iter().all(|known| known.message != problem.message))
    {
        return Err(StoreError::Invalid(format!(
            "\"{value}\" does not fit the setting \"{key}\": {}",
            problem.message
        )));
    }
    write::atomically(&file, changed.as_bytes())
}

/// The text with a top-level `key = literal`: in its old place, else before the first table.
fn with_line(text: &str, key: &str, literal: &str) -> String {
    let line = format!("{key} = {literal}");
    let mut lines: Vec<&str> = text.lines().collect();
    let head = lines
        .iter()
        .position(|line| line.trim_start().starts_with('['))
        .unwrap_or(lines.len());
    let is_key = |line: &&str| {
        let rest = line.trim_start().strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let comment;
    match lines.iter().take(head).position(is_key) {
        Some(at) => {
            comment = format!("{line}{}", comment_of(lines[at]));
            lines[at] = &comment;
        }
        None => {
            let end = lines[..head]
                .iter()
                .rposition(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
                .map_or(0, |at| at + 1);
            lines.insert(end, &line);
        }
    }
    lines.join("\n") + "\n"
}

/// The comment at a line's end, with the space before it; only where no quote could hide a `#`.
fn comment_of(line: &str) -> &str {
    let value_end = line.rfind(['"', '\'']).map_or(0, |at| at + 1);
    match line[value_end..].find('#') {
        Some(at) => {
            let start = line[..value_end + at].trim_end().len();
            &line[start..]
        }
        None => "",
    }
}

fn defaults() -> Node {
    let empty = Node {
        place: Place {
            file: "config.toml".into(),
            line: 0,
        },
        value: Value::Table(BTreeMap::new()),
    };
    // The built-in files parse; a test holds them to it.
    let layers = builtin::CONFIG
        .iter()
        .filter_map(|(file, text)| layer::parse(file, text).ok());
    layers.fold(empty, |under, over| over.over(under))
}

/// One tree for each field that stands on its own: a top-level field, an endpoint, a price.
fn single_fields(root: Node) -> Vec<Node> {
    let Value::Table(fields) = root.value else {
        return Vec::new();
    };
    let mut single = Vec::new();
    for (key, node) in fields {
        match node.value {
            Value::Table(inner) if key == "endpoints" || key == "prices" => {
                for (name, entry) in inner {
                    let table = wrapped(&name, entry, &node.place);
                    single.push(wrapped(&key, table, &root.place));
                }
            }
            _ => single.push(wrapped(&key, node, &root.place)),
        }
    }
    single
}

fn wrapped(key: &str, node: Node, place: &Place) -> Node {
    Node {
        place: place.clone(),
        value: Value::Table(BTreeMap::from([(key.to_owned(), node)])),
    }
}

/// What is left when even the built-in file could not be read: enough to show the problem on screen.
fn bare() -> Settings {
    Settings {
        preset: "moa-local".into(),
        theme: "auto".into(),
        local_only: false,
        motion: Motion::Full,
        frames_per_second: 30,
        mouse: true,
        bell: false,
        borders: Borders::Unicode,
        threads: 0,
        device: Device::Auto,
        job_slots: 1,
        cache_mib: 1024,
        model_paths: Vec::new(),
        endpoints: BTreeMap::new(),
        prices: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_settings_are_whole_and_clean() {
        let (settings, problems) = Settings::merged("config.toml", "");
        assert_eq!(problems, []);
        for name in [
            "together",
            "openai",
            "openrouter",
            "groq",
            "vllm",
            "ollama",
            "llamacpp",
            "lmstudio",
        ] {
            assert_eq!(settings.endpoints[name].name, name);
            assert!(settings.endpoints[name].base_url.ends_with("/v1"), "{name}");
        }
        let mini = "gpt-4o-mini@openai".parse().unwrap();
        assert_eq!(settings.price(&mini).unwrap().prompt, 0.15);
    }

    #[test]
    fn each_built_in_file_says_what_the_fallback_says() {
        let mut settings = Settings::builtin();
        settings.endpoints.clear();
        settings.prices.clear();
        assert_eq!(settings, bare());
    }

    /// Indented lines of comments are examples to copy: uncommented, all of them together are a clean file.
    #[test]
    fn the_examples_in_the_comments_are_clean() {
        let examples: Vec<&str> = builtin::CONFIG
            .iter()
            .flat_map(|(_, text)| text.lines())
            .filter_map(|line| line.strip_prefix("#   "))
            .filter(|line| line.starts_with('[') || line.contains(" = "))
            .collect();
        let (settings, problems) = Settings::merged("c", &examples.join("\n"));
        assert_eq!(problems, []);
        assert_eq!(
            settings.endpoints["lab"].key_env.as_deref(),
            Some("LAB_KEY")
        );
        assert_eq!(settings.endpoints["openai"].concurrency, Some(2));
    }

    #[test]
    fn what_the_user_says_wins_field_by_field() {
        let text = "theme = \"ember\"\n[endpoints.openai]\nconcurrency = 2\n[endpoints.lab]\nbase_url = \"http://lab/v1\"\n";
        let (settings, problems) = Settings::merged("c", text);
        assert_eq!(problems, []);
        assert_eq!(settings.theme, "ember");
        assert_eq!(settings.endpoints["openai"].concurrency, Some(2));
        assert_eq!(
            settings.endpoints["openai"].key_env.as_deref(),
            Some("OPENAI_API_KEY")
        );
        assert_eq!(settings.endpoints["lab"].base_url, "http://lab/v1");
    }

    #[test]
    fn a_wrong_field_costs_only_itself() {
        let text = "motion = \"wild\"\ntheme = \"ember\"\nnonsense = 1\n[endpoints.openai]\nconcurrency = \"many\"\n";
        let (settings, problems) = Settings::merged("c", text);
        assert_eq!(
            (settings.motion, settings.theme.as_str()),
            (Motion::Full, "ember")
        );
        assert_eq!(settings.endpoints["openai"].concurrency, Some(8));
        let lines: Vec<_> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [Some(1), Some(3), Some(5)], "{problems:?}");
    }

    #[test]
    fn saving_changes_one_line_and_keeps_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(Some(folder.path()));
        save(&paths, "theme", "fjord").unwrap();
        let read = || std::fs::read_to_string(paths.settings_file()).unwrap();
        assert_eq!(read(), "theme = \"fjord\"\n");
        let mine = "# mine\ntheme = 'x' # why\n\n[endpoints.lab]\nbase_url = \"http://l/v1\"\n";
        std::fs::write(paths.settings_file(), mine).unwrap();
        save(&paths, "theme", "ember").unwrap();
        save(&paths, "bell", "true").unwrap();
        assert_eq!(
            read(),
            "# mine\ntheme = \"ember\" # why\nbell = true\n\n[endpoints.lab]\nbase_url = \"http://l/v1\"\n"
        );
        for (key, value) in [
            ("bell", "loud"),
            ("motion", "wild"),
            ("colour", "red"),
            ("prices", "{}"),
        ] {
            assert!(save(&paths, key, value).is_err(), "{key}");
        }
        assert!(Settings::load(&paths).0.bell);
    }
}
