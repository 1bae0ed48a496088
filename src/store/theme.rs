//! Themes: TOML files that give each role of the interface a colour. Names and values only; `ui::theme` makes styles of them.
//!
//! A theme may inherit another (`inherits = "dark"`) and name colours in a `[palette]`. A user's file of a built-in name is laid
//! over that one field by field. A broken file falls back to the default theme and says why.

use super::builtin;
use super::colour::Rgb;
use super::layer::{self, Node, Value};
use super::paths::Paths;
use super::preset::Problem;
use super::source;
use std::collections::BTreeMap;

/// The theme that every problem falls back to.
pub const DEFAULT: &str = "dark";

/// Every role that the interface uses. A dotted role without an entry of its own looks like its parent.
pub const ROLES: &[&str] = &[
    "text",
    "text.dim",
    "text.strong",
    "background",
    "border",
    "border.focus",
    "title",
    "prompt",
    "prompt.mark",
    "accent",
    "ok",
    "running",
    "waiting",
    "warning",
    "error",
    "selection",
    "badge",
    "code",
    "code.inline",
    "heading",
    "link",
    "quote",
    "list.mark",
    "table",
    "thinking",
    "user",
    "answer",
    "hint.key",
    "hint.text",
    "meter",
    "meter.empty",
    "status",
];

/// Names of the terminal's own colours that a theme may use; `default` is the terminal's foreground or background.
pub const COLOUR_NAMES: &[&str] = &[
    "default",
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

/// What a look may add to its colours.
pub const MODIFIERS: &[&str] = &["bold", "dim", "italic", "underline", "reverse", "crossed"];

/// A theme after inheritance and palette are resolved.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThemeSpec {
    pub name: String,
    pub title: String,
    /// `dark` or `light`.
    pub is_light: bool,
    /// Role (dotted, `text.dim` falls back to `text`) to its look.
    pub roles: BTreeMap<String, Look>,
    /// Syntect theme for code, by name.
    pub code: String,
}

/// How a role looks. Colours are `#rrggbb`, a name of the 16 terminal colours, or `default`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    pub fg: Option<String>,
    pub bg: Option<String>,
    /// `bold`, `dim`, `italic`, `underline`, `reverse`, `crossed`.
    pub modifiers: Vec<String>,
}

impl ThemeSpec {
    /// The look of a role: its own, else its parent's (`text.dim` to `text`), else plain.
    #[must_use]
    pub fn look(&self, role: &str) -> Look {
        let mut name = role;
        loop {
            if let Some(look) = self.roles.get(name) {
                return look.clone();
            }
            match name.rsplit_once('.') {
                Some((parent, _)) => name = parent,
                None => return Look::default(),
            }
        }
    }
}

/// Names of all themes: the built-in ones in their order, then the user's, alphabetically.
#[must_use]
pub fn names(paths: &Paths) -> Vec<String> {
    let mut names: Vec<String> = builtin::THEMES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    for (name, _) in source::toml_files(&paths.themes()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A theme by name, with what is wrong in its files. One that is missing or broken becomes the default theme.
#[must_use]
pub fn load(paths: &Paths, name: &str) -> (ThemeSpec, Vec<Problem>) {
    let mut problems = Vec::new();
    match inherited(Some(paths), name, &mut Vec::new(), &mut problems) {
        Ok(node) => {
            let spec = resolve(name, &node, &mut problems);
            (spec, problems)
        }
        Err(problem) => {
            problems.push(problem);
            let (spec, _) = builtin_theme(DEFAULT);
            (spec, problems)
        }
    }
}

/// A theme as compiled in, for places that have no files (tests, the first frame).
#[must_use]
pub fn builtin_theme(name: &str) -> (ThemeSpec, Vec<Problem>) {
    let mut problems = Vec::new();
    match inherited(None, name, &mut Vec::new(), &mut problems) {
        Ok(node) => (resolve(name, &node, &mut problems), problems),
        Err(problem) => (ThemeSpec::default(), vec![problem]),
    }
}

/// The theme's tree over those it inherits from.
fn inherited(
    paths: Option<&Paths>,
    name: &str,
    seen: &mut Vec<String>,
    problems: &mut Vec<Problem>,
) -> Result<Node, Problem> {
    seen.push(name.to_owned());
    let node = merged(paths, name)?;
    let Some(parent) = node.field("inherits") else {
        return Ok(node);
    };
    let Some(parent_name) = parent.text() else {
        return Err(parent.place.problem("\"inherits\" is the name of a theme"));
    };
    if seen.iter().any(|known| known == parent_name) {
        let message = format!("\"{parent_name}\" inherits from itself");
        return Err(parent.place.problem(message));
    }
    match inherited(paths, parent_name, seen, problems) {
        Ok(base) => Ok(node.over(base)),
        Err(problem) => {
            problems.push(problem);
            Ok(node)
        }
    }
}

/// The user's file, if there is a folder to look in, over the built-in one of the same name.
fn merged(paths: Option<&Paths>, name: &str) -> Result<Node, Problem> {
    let path = paths.map(|paths| paths.themes().join(format!("{name}.toml")));
    let user = match path {
        Some(path) => source::read_optional(&path)?
            .map(|text| layer::parse(&path.display().to_string(), &text)),
        None => None,
    };
    let built_in = builtin::THEMES.iter().find(|(known, _)| *known == name);
    let built_in = built_in.map(|(_, text)| layer::parse(&format!("{name}.toml (built in)"), text));
    match (user.transpose()?, built_in.transpose()?) {
        (Some(user), Some(built_in)) => Ok(user.over(built_in)),
        (Some(node), None) | (None, Some(node)) => Ok(node),
        (None, None) => Err(Problem {
            file: format!("theme \"{name}\""),
            line: None,
            message: "there is none of that name; /theme lists them".into(),
        }),
    }
}

fn resolve(name: &str, root: &Node, problems: &mut Vec<Problem>) -> ThemeSpec {
    let mut spec = ThemeSpec {
        name: name.to_owned(),
        title: name.to_owned(),
        code: "base16-ocean.dark".into(),
        ..ThemeSpec::default()
    };
    let empty = BTreeMap::new();
    let palette = root
        .field("palette")
        .and_then(Node::table)
        .unwrap_or(&empty);
    for (key, node) in root.table().unwrap_or(&empty) {
        match (key.as_str(), &node.value) {
            ("title", Value::Text(text)) => spec.title.clone_from(text),
            ("code", Value::Text(text)) => spec.code.clone_from(text),
            ("light", Value::Bool(light)) => spec.is_light = *light,
            ("inherits", Value::Text(_)) => {}
            ("palette", Value::Table(colours)) => check_palette(colours, problems),
            ("roles", Value::Table(roles)) => {
                for (role, node) in roles {
                    let look = look(role, node, palette, problems);
                    spec.roles.insert(role.clone(), look);
                }
            }
            ("title" | "code" | "light" | "inherits" | "palette" | "roles", _) => problems.push(
                node.place
                    .problem(format!("\"{key}\" has a value of the wrong kind")),
            ),
            _ => problems.push(node.place.problem(format!(
                "unknown field \"{key}\" is ignored; known: title, inherits, light, code, palette, roles"
            ))),
        }
    }
    spec
}

fn check_palette(colours: &BTreeMap<String, Node>, problems: &mut Vec<Problem>) {
    for (name, node) in colours {
        let is_colour = node.text().is_some_and(is_colour);
        if !is_colour {
            let message = format!("palette colour \"{name}\" is not #rrggbb or a colour's name");
            problems.push(node.place.problem(message));
        }
    }
}

fn look(
    role: &str,
    node: &Node,
    palette: &BTreeMap<String, Node>,
    problems: &mut Vec<Problem>,
) -> Look {
    if !ROLES.contains(&role) {
        let message = format!("unknown role \"{role}\"; known: {}", ROLES.join(", "));
        problems.push(node.place.problem(message));
    }
    let mut look = Look::default();
    match &node.value {
        Value::Text(_) => look.fg = colour(node, palette, problems),
        Value::Table(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    "fg" => look.fg = colour(value, palette, problems),
                    "bg" => look.bg = colour(value, palette, problems),
                    "modifiers" => look.modifiers = modifiers(value, problems),
                    _ => problems.push(value.place.problem(format!(
                        "unknown field \"{key}\" is ignored; known: fg, bg, modifiers"
                    ))),
                }
            }
        }
        _ => problems.push(node.place.problem(format!(
            "role \"{role}\" is a colour or {{ fg, bg, modifiers }}"
        ))),
    }
    look
}

fn colour(
    node: &Node,
    palette: &BTreeMap<String, Node>,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let given = node.text().unwrap_or_default();
    let value = palette.get(given).and_then(Node::text).unwrap_or(given);
    if is_colour(value) {
        return Some(value.to_owned());
    }
    if palette.contains_key(given) {
        // Told once, where the palette says it.
        return None;
    }
    let message =
        format!("\"{given}\" is not #rrggbb, a colour of the palette or a terminal colour's name");
    problems.push(node.place.problem(message));
    None
}

fn modifiers(node: &Node, problems: &mut Vec<Problem>) -> Vec<String> {
    let Value::List(items) = &node.value else {
        let message = format!("modifiers is a list of: {}", MODIFIERS.join(", "));
        problems.push(node.place.problem(message));
        return Vec::new();
    };
    let mut known = Vec::new();
    for item in items {
        match item.text().filter(|name| MODIFIERS.contains(name)) {
            Some(name) => known.push(name.to_owned()),
            None => problems.push(
                item.place
                    .problem(format!("unknown modifier; known: {}", MODIFIERS.join(", "))),
            ),
        }
    }
    known
}

fn is_colour(text: &str) -> bool {
    COLOUR_NAMES.contains(&text) || text.parse::<Rgb>().is_ok()
}
