//! `synod runs list`, `show` and `presets`.

use super::Desk;
use super::watch::{progress, short};
use crate::cli::progress_line::duration;
use crate::domain::clock::Millis;
use crate::domain::run::{RunState, RunSummary};
use crate::job::record::RunRecord;
use crate::job::{HIDDEN, cards, settle};
use crate::runtime::headless::{BAD_ARGUMENTS, DONE};
use crate::store::run::RunFolder;
use crate::store::session_id::readable;
use crate::store::spec_file;
use serde_json::{Value, json};
use std::io::Write;

pub(super) fn list(desk: &Desk, is_json: bool, out: &mut dyn Write) -> anyhow::Result<i32> {
    let clock = desk.supervisor.clock.as_ref();
    let runs = settle::list(&desk.supervisor.paths, clock);
    if is_json {
        let rows: Vec<Value> = runs.iter().map(|run| row(run, clock.now())).collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?;
        return Ok(DONE);
    }
    for run in &runs {
        writeln!(
            out,
            "{}  {}  {:<9}  {}  {}",
            run.id.0,
            readable(run.created),
            run.kind,
            progress(run, clock.now(), false),
            run.title,
        )?;
    }
    if runs.is_empty() {
        writeln!(
            out,
            "no runs; \"synod runs presets\" shows what can be started"
        )?;
    }
    Ok(DONE)
}

/// A run for scripts: what is folded, and what depends on the time.
fn row(run: &RunSummary, now: Millis) -> Value {
    let mut value = json!(run);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("elapsed".into(), json!(run.elapsed(now)));
        fields.insert("remaining".into(), json!(run.remaining(now)));
    }
    value
}

pub(super) fn show(
    desk: &Desk,
    folder: &RunFolder,
    is_json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<i32> {
    let clock = desk.supervisor.clock.as_ref();
    let summary = settle::summary(folder, clock);
    let record = RunRecord::read(folder)?;
    if is_json {
        let value = json!({
            "run": row(&summary, clock.now()),
            "folder": folder.root,
            "bytes": folder.bytes(),
            "spec": record.spec,
            "last": record.curves.iter().filter_map(|(name, points)| {
                Some((name.clone(), points.last()?.y))
            }).collect::<std::collections::BTreeMap<String, f64>>(),
            "states": record.states,
            "tables": record.tables,
            "notes": record.notes,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&value)?)?;
        return Ok(DONE);
    }
    writeln!(out, "{}  {}", summary.kind, summary.title)?;
    writeln!(out, "{}", progress(&summary, clock.now(), false))?;
    if let Some(why) = &summary.why {
        writeln!(out, "{why}")?;
    }
    if summary.state == RunState::Queued {
        let (waiting, working) = desk.supervisor.before(folder);
        writeln!(out, "{waiting} before it in the queue, {working} at work")?;
    }
    let elapsed = duration(summary.elapsed(clock.now()));
    writeln!(out, "at work for {elapsed}, in {}", folder.root.display())?;
    if let Some(spec) = &record.spec {
        writeln!(out)?;
        for (key, value) in &spec.parameters {
            writeln!(out, "  {key} = {value}")?;
        }
        for (name, hash) in &spec.hashes {
            writeln!(out, "  {name}: {hash}")?;
        }
    }
    if !record.curves.is_empty() {
        writeln!(out)?;
    }
    for (name, points) in &record.curves {
        if let Some(last) = points.last() {
            writeln!(out, "  {name}: {} at {}", short(last.y), last.x)?;
        }
    }
    for product in &summary.products {
        writeln!(out, "\nmade {}: {}", product.title, product.path)?;
    }
    Ok(DONE)
}

pub(super) fn presets(
    desk: &Desk,
    name: Option<&str>,
    is_json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<i32> {
    let cards = cards();
    let presets = spec_file::presets(&desk.supervisor.paths, &cards);
    let chosen = presets
        .iter()
        .filter(|preset| name.is_none_or(|name| preset.name == name));
    if let Some(name) = name
        && presets.iter().all(|preset| preset.name != name)
    {
        // A kind without a preset is shown by its parameters.
        let Some(card) = cards.iter().find(|card| card.kind == name) else {
            let known: Vec<&str> = presets.iter().map(|one| one.name.as_str()).collect();
            writeln!(
                err,
                "synod: no job preset \"{name}\"; known: {}",
                known.join(", ")
            )?;
            return Ok(BAD_ARGUMENTS);
        };
        return parameters(card, is_json, out);
    }
    if is_json {
        let rows: Vec<Value> = chosen
            .map(|preset| {
                let problems: Vec<String> = match &preset.spec {
                    Ok(_) => Vec::new(),
                    Err(problems) => problems.iter().map(ToString::to_string).collect(),
                };
                json!({
                    "name": preset.name,
                    "about": preset.about,
                    "builtin": preset.is_builtin,
                    "path": preset.path,
                    "spec": preset.spec.as_ref().ok(),
                    "problems": problems,
                })
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?;
        return Ok(DONE);
    }
    for preset in chosen {
        match &preset.spec {
            Ok(spec) => writeln!(
                out,
                "{:<20}  {:<9}  {}",
                preset.name, spec.kind, preset.about
            )?,
            Err(problems) => {
                for problem in problems {
                    writeln!(out, "{:<20}  broken: {problem}", preset.name)?;
                }
            }
        }
        if name.is_some()
            && let Ok(spec) = &preset.spec
        {
            for (key, value) in &spec.values {
                writeln!(out, "  {key} = {value}")?;
            }
        }
    }
    if name.is_none() {
        for card in cards
            .iter()
            .filter(|card| !HIDDEN.contains(&card.kind.as_str()))
        {
            writeln!(out, "{:<20}  {:<9}  {}", "", card.kind, card.about)?;
        }
    }
    Ok(DONE)
}

fn parameters(
    card: &crate::domain::run::JobCard,
    is_json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<i32> {
    if is_json {
        writeln!(out, "{}", serde_json::to_string_pretty(card)?)?;
        return Ok(DONE);
    }
    writeln!(out, "{}: {}", card.kind, card.about)?;
    for parameter in &card.parameters {
        let default = match &parameter.default {
            Some(value) => format!("{value}"),
            None => "must be given".to_owned(),
        };
        writeln!(
            out,
            "  {} = {default}\n      {} ({})",
            parameter.key, parameter.help, parameter.domain
        )?;
    }
    Ok(DONE)
}
