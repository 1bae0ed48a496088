//! `synod runs start`.

use super::watch::{self, Interrupts};
use super::{Desk, StartArgs};
use crate::domain::run::JobCard;
use crate::domain::spec::Spec;
use crate::job::{HIDDEN, cards, orders};
use crate::runtime::headless::{BAD_ARGUMENTS, DONE};
use crate::store::spec_file::{self, MachineSpec};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::Path;

pub(super) fn start(
    args: &StartArgs,
    desk: &Desk,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<i32> {
    let cards = cards();
    let spec = match spec(args, desk, &cards) {
        Ok(spec) => spec,
        Err(lines) => {
            for line in lines {
                writeln!(err, "synod: {line}")?;
            }
            return Ok(BAD_ARGUMENTS);
        }
    };
    let machine = MachineSpec {
        threads: desk.flags.threads.unwrap_or(0),
        device: desk
            .flags
            .device
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
        local_only: desk.flags.local_only,
    };
    let folder = orders::start(&desk.supervisor, &spec, &machine)?;
    if args.detach {
        if args.json {
            let run = json!({ "id": folder.id, "folder": folder.root });
            writeln!(out, "{run}")?;
        } else {
            writeln!(out, "{}", folder.id.0)?;
        }
        return Ok(DONE);
    }
    watch::watch(desk, &folder, Interrupts::Stop, args.json, out, err)
}

/// The spec of a preset, a file, or a kind's own defaults, with what `--set` changes.
fn spec(args: &StartArgs, desk: &Desk, cards: &[JobCard]) -> Result<Spec, Vec<String>> {
    let mut spec = base(&args.spec, desk, cards)?;
    let Some(card) = cards.iter().find(|card| card.kind == spec.kind) else {
        return Err(vec![format!("there is no kind of job \"{}\"", spec.kind)]);
    };
    let mut wrong = Vec::new();
    for set in &args.set {
        match set.split_once('=') {
            Some((key, value)) => wrong.extend(spec.set(card, key.trim(), value).err()),
            None => wrong.push(format!("--set {set}: write KEY=VALUE")),
        }
    }
    if let Some(title) = &args.title {
        spec.title.clone_from(title);
    }
    if wrong.is_empty() {
        Ok(spec)
    } else {
        Err(wrong)
    }
}

fn base(name: &str, desk: &Desk, cards: &[JobCard]) -> Result<Spec, Vec<String>> {
    let path = Path::new(name);
    let is_path = path.extension().is_some_and(|ending| ending == "toml") || path.is_file();
    if is_path {
        let text = fs::read_to_string(path)
            .map_err(|error| vec![format!("cannot read {}: {error}", path.display())])?;
        return spec_file::parse_open(name, &text, cards).map_err(said);
    }
    let presets = spec_file::presets(&desk.supervisor.paths, cards);
    if let Some(preset) = presets.iter().find(|preset| preset.name == name) {
        return preset.spec.clone().map_err(said);
    }
    if let Some(card) = cards.iter().find(|card| card.kind == name) {
        return Ok(Spec {
            kind: card.kind.clone(),
            title: card.title.clone(),
            values: std::collections::BTreeMap::new(),
        });
    }
    let presets = presets.iter().map(|preset| preset.name.as_str());
    let kinds = cards.iter().map(|card| card.kind.as_str());
    let known: Vec<&str> = presets
        .chain(kinds)
        .filter(|known| !HIDDEN.contains(known))
        .collect();
    Err(vec![format!(
        "no job preset, kind of job or spec file \"{name}\"; known: {}",
        known.join(", ")
    )])
}

fn said(problems: Vec<crate::store::preset::Problem>) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}
