//! `synod doctor`: looks at everything a chat needs and says, line by line, what is there and what to do about the rest.
//!
//! It changes nothing: no folder is created, no model fetched. Keys are named by their variable and never shown.

mod endpoints;
mod local;
mod surroundings;

use crate::catalog::Catalog;
use crate::runtime::keyboard;
use crate::store::paths::Paths;
use crate::store::preset::{Preset, Problem};
use crate::store::settings::Settings;
use crate::store::theme;
use clap::Args;
use serde::Serialize;
use std::io::{self, Write};

/// Flags of `synod doctor`.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(
    after_help = "Servers with a key (or that need none) are asked for their models once, with a short time limit, unless \
    `local_only` is on.\nExit codes: 0 the starting preset would work, 1 something is missing for it."
)]
pub struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Ask no server and no network
    #[arg(long)]
    pub offline: bool,
}

/// What the caller has read already.
#[derive(Clone, Copy)]
pub struct DoctorContext<'a> {
    pub paths: &'a Paths,
    pub settings: &'a Settings,
    pub presets: &'a [Preset],
    pub catalog: &'a Catalog,
    /// What is wrong with config.toml and models.toml.
    pub problems: &'a [Problem],
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    Ok,
    /// A fact, neither good nor bad.
    Info,
    /// Worth a look; a chat works all the same.
    Warning,
    /// A chat would not work.
    Missing,
}

impl Grade {
    fn glyph(self) -> char {
        match self {
            Grade::Ok => '✓',
            Grade::Info => '·',
            Grade::Warning => '!',
            Grade::Missing => '✗',
        }
    }

    fn word(self) -> &'static str {
        match self {
            Grade::Ok => "ok",
            Grade::Info => "info",
            Grade::Warning => "look",
            Grade::Missing => "missing",
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub area: &'static str,
    pub grade: Grade,
    pub what: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    fn new(area: &'static str, grade: Grade, what: impl Into<String>) -> Self {
        Self {
            area,
            grade,
            what: what.into(),
            advice: None,
        }
    }

    fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// Looks, prints, and returns the exit code: 0 if a chat with the starting preset would work.
///
/// # Errors
/// When standard output cannot be written.
pub async fn run(args: DoctorArgs, context: DoctorContext<'_>) -> anyhow::Result<i32> {
    let findings = examine(args, context).await;
    let would_work = findings
        .iter()
        .all(|finding| finding.grade != Grade::Missing);
    let text = if args.json {
        serde_json::to_string_pretty(&serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "would_work": would_work,
            "findings": findings,
        }))?
    } else {
        report(&findings, would_work, &context.settings.preset)
    };
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    Ok(i32::from(!would_work))
}

/// All findings, in the order of the report.
async fn examine(args: DoctorArgs, context: DoctorContext<'_>) -> Vec<Finding> {
    let asks_network = !args.offline && !context.settings.local_only;
    let mut problems = context.problems.to_vec();
    problems.extend(themes(context.paths));
    problems.extend(keyboard::load(context.paths).1);
    let starting = context
        .presets
        .iter()
        .find(|preset| preset.name == context.settings.preset);
    let council = starting.and_then(|preset| preset.council.as_ref().ok());

    let mut findings = surroundings::terminal();
    findings.extend(surroundings::folders(context.paths));
    findings.extend(files(context.presets, &problems, context.paths));
    findings.push(preset(context.settings, starting));
    findings.extend(local::models(context.catalog, council, asks_network).await);
    findings.extend(endpoints::ask(context.settings, council, asks_network).await);
    findings.extend(local::machine());
    findings
}

/// The user's files that have mistakes.
fn files(presets: &[Preset], problems: &[Problem], paths: &Paths) -> Vec<Finding> {
    let broken = presets
        .iter()
        .filter_map(|preset| preset.council.as_ref().err());
    let warned = presets.iter().flat_map(|preset| &preset.warnings);
    let mut found: Vec<Finding> = problems
        .iter()
        .chain(broken)
        .chain(warned)
        .map(|problem| Finding::new("files", Grade::Warning, problem.to_string()))
        .collect();
    if found.is_empty() {
        let what = format!("no mistakes in {}", paths.config.display());
        found.push(Finding::new("files", Grade::Ok, what));
    }
    found
}

/// What is wrong with any theme.
fn themes(paths: &Paths) -> Vec<Problem> {
    let names = theme::names(paths);
    names
        .iter()
        .flat_map(|name| theme::load(paths, name).1)
        .collect()
}

fn preset(settings: &Settings, starting: Option<&Preset>) -> Finding {
    let name = &settings.preset;
    match starting {
        Some(Preset {
            council: Ok(council),
            ..
        }) => Finding::new(
            "preset",
            Grade::Ok,
            format!("starts with {name}: {}", council.title),
        ),
        Some(_) => Finding::new(
            "preset",
            Grade::Missing,
            format!("preset \"{name}\" is broken"),
        )
        .advise(format!("synod presets check {name}")),
        None => Finding::new(
            "preset",
            Grade::Missing,
            format!("preset \"{name}\" is not known"),
        )
        .advise("set preset in config.toml to one of `synod presets list`"),
    }
}

fn report(findings: &[Finding], would_work: bool, preset: &str) -> String {
    let mut text = String::new();
    let mut area = "";
    for finding in findings {
        let label = if finding.area == area {
            ""
        } else {
            finding.area
        };
        area = finding.area;
        let (glyph, word) = (finding.grade.glyph(), finding.grade.word());
        let what = crate::domain::text::strip_controls(&finding.what);
        text.push_str(&format!("{glyph} {word:<8}{label:<10}{what}\n"));
        if let Some(advice) = &finding.advice {
            text.push_str(&format!("{:20}→ {advice}\n", ""));
        }
    }
    text.push('\n');
    text.push_str(&if would_work {
        format!("A chat with preset {preset} would work.")
    } else {
        format!("A chat with preset {preset} would not work yet: see the lines with ✗.")
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_a_glyph_a_word_and_what_to_do() {
        let findings = [
            Finding::new("paths", Grade::Ok, "fine"),
            Finding::new("paths", Grade::Missing, "not \x1b[31mwritable").advise("chmod"),
        ];
        assert_eq!(
            report(&findings, false, "p"),
            "✓ ok      paths     fine\n✗ missing           not [31mwritable\n                    → chmod\n\nA chat with preset p would not work yet: see the lines with ✗."
        );
    }

    #[test]
    fn a_broken_starting_preset_is_missing() {
        let settings = Settings {
            preset: "gone".into(),
            ..Settings::builtin()
        };
        assert_eq!(preset(&settings, None).grade, Grade::Missing);
    }
}
