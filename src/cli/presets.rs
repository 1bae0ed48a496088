//! `synod presets`: which presets there are, what is in them, and what is wrong with them.

use crate::domain::council::Council;
use crate::lm::adapter::Adapter;
use crate::society;
use crate::store::layer;
use crate::store::paths::Paths;
use crate::store::preset::{self, Preset, Problem};
use clap::Subcommand;
use serde_json::json;
use std::io::Write;
use std::path::Path;

/// List, show and check presets
#[derive(Debug, Clone, Subcommand)]
pub enum PresetsCommand {
    /// Show all presets, built-in ones first, broken ones with their line
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a preset: the commented file, or the council it comes to
    Show {
        /// Name from `synod presets list`
        name: String,
        /// Print the merged council as JSON
        #[arg(long)]
        json: bool,
    },
    /// Check presets: TOML, fields, agents, the society's settings
    #[command(
        after_help = "Exit codes: 0 all can be used, 2 no such preset, 3 one cannot be used."
    )]
    Check {
        /// Names or .toml files; all presets when none is given
        names: Vec<String>,
    },
    /// Print the folder of your presets, or the file of one
    Path { name: Option<String> },
}

/// Does what was asked, with answers to `out` and what went wrong to `err`; the result is the exit code.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(
    command: &PresetsCommand,
    paths: &Paths,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<i32> {
    match command {
        PresetsCommand::List { json } => list(paths, *json, out),
        PresetsCommand::Show { name, json } => show(paths, name, *json, out, err),
        PresetsCommand::Check { names } => check(paths, names, out, err),
        PresetsCommand::Path { name } => {
            let path = match name {
                Some(name) => preset::user_path(paths, name),
                None => paths.presets(),
            };
            writeln!(out, "{}", path.display())?;
            Ok(0)
        }
    }
}

fn list(paths: &Paths, as_json: bool, out: &mut dyn Write) -> anyhow::Result<i32> {
    let presets = preset::load_all(paths);
    if as_json {
        let rows: Vec<_> = presets
            .iter()
            .map(|preset| {
                let council = preset.council.as_ref();
                json!({
                    "name": preset.name,
                    "title": council.map(|council| council.title.as_str()).ok(),
                    "society": council.map(|council| council.society.as_str()).ok(),
                    "agents": council.map(|council| council.agents.len()).ok(),
                    "providers": council.map(|council| council.providers()).ok(),
                    "built_in": preset.is_builtin,
                    "path": preset.path,
                    "problem": preset.council.as_ref().err().map(ToString::to_string),
                })
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?;
        return Ok(0);
    }
    let width = presets
        .iter()
        .map(|preset| preset.name.len())
        .max()
        .unwrap_or(0);
    for (at, preset) in presets.iter().enumerate() {
        let number = if at < 9 {
            (at + 1).to_string()
        } else {
            String::new()
        };
        let mark = match (&preset.council, preset.is_builtin, &preset.path) {
            (Err(_), _, _) => '!',
            (Ok(_), true, Some(_)) => '*',
            (Ok(_), false, _) => '+',
            (Ok(_), true, None) => ' ',
        };
        let text = match &preset.council {
            Ok(council) => council.title.clone(),
            Err(problem) => problem.to_string(),
        };
        writeln!(out, "{number:>2} {mark} {:<width$}  {text}", preset.name)?;
    }
    writeln!(
        out,
        "\n+ yours   * built in, changed by yours   ! broken   (Alt+number switches in the program)"
    )?;
    Ok(0)
}

fn show(
    paths: &Paths,
    name: &str,
    as_json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<i32> {
    let preset = match preset::find(paths, name) {
        Ok(preset) => preset,
        Err(error) => {
            writeln!(err, "{error}")?;
            return Ok(2);
        }
    };
    if as_json {
        return match &preset.council {
            Ok(council) => {
                writeln!(out, "{}", serde_json::to_string_pretty(council)?)?;
                Ok(0)
            }
            Err(problem) => {
                writeln!(err, "{problem}")?;
                Ok(3)
            }
        };
    }
    if let Some(text) = preset::builtin_text(name) {
        write!(out, "{text}")?;
    }
    if let Some(path) = &preset.path {
        writeln!(out, "# {}", path.display())?;
        match std::fs::read_to_string(path) {
            Ok(text) => write!(out, "{text}")?,
            Err(error) => writeln!(out, "# it cannot be read: {error}")?,
        }
    }
    Ok(0)
}

fn check(
    paths: &Paths,
    names: &[String],
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<i32> {
    let presets = if names.is_empty() {
        preset::load_all(paths)
    } else {
        let mut named = Vec::new();
        for name in names {
            match one(paths, name) {
                Ok(preset) => named.push(preset),
                Err(message) => {
                    writeln!(err, "{message}")?;
                    return Ok(2);
                }
            }
        }
        named
    };
    let mut code = 0;
    for preset in &presets {
        for warning in &preset.warnings {
            writeln!(out, "warning  {warning}")?;
        }
        match problem(preset) {
            None => writeln!(out, "ok       {}", preset.name)?,
            Some(problem) => {
                writeln!(out, "broken   {problem}")?;
                code = 3;
            }
        }
    }
    Ok(code)
}

/// A preset by name, or a file that stands anywhere.
fn one(paths: &Paths, name: &str) -> Result<Preset, String> {
    let path = Path::new(name);
    if path.extension().is_some_and(|ending| ending == "toml") {
        return preset::load_file(path).map_err(|problem| problem.to_string());
    }
    preset::find(paths, name).map_err(|error| error.to_string())
}

/// Whether a file of an adapter is missing or of a kind that is not supported. Whether it fits its model is seen when it is used.
fn adapter_problem(council: &Council) -> Option<String> {
    let agents = council.agents.iter();
    agents
        .flat_map(|agent| &agent.adapters)
        .find_map(|adapter| {
            let error = Adapter::glance(&adapter.path).err()?;
            Some(format!("preset \"{}\", agents: {error}", council.name))
        })
}

/// Why a preset cannot be used, by its file, by its society or by the adapters it names.
fn problem(preset: &Preset) -> Option<String> {
    match &preset.council {
        Err(problem) => Some(problem.to_string()),
        Ok(council) => {
            let error = match society::build(council) {
                Err(error) => error.to_string(),
                Ok(_) => adapter_problem(council)?,
            };
            let place = preset.path.as_ref().and_then(|path| {
                let text = std::fs::read_to_string(path).ok()?;
                let root = layer::parse(&path.display().to_string(), &text).ok()?;
                let field = if error.contains("settings:") {
                    "settings"
                } else {
                    "agents"
                };
                Some(root.field(field)?.place.problem(error.clone()))
            });
            Some(place.map_or(error, |problem: Problem| problem.to_string()))
        }
    }
}
