//! `synod runs compare`: what differs between runs, and what came of it.

use super::watch::short;
use crate::cli::progress_line::duration;
use crate::domain::run::Goal;
use crate::job::record::RunRecord;
use crate::runtime::headless::DONE;
use crate::store::run::RunFolder;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// A line of the comparison; one cell for each run, empty where it has none.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    cells: Vec<Option<String>>,
}

#[derive(Debug, Serialize)]
struct Comparison {
    runs: Vec<String>,
    /// Settings that are not the same everywhere.
    settings: Vec<Row>,
    /// Last and best value of each curve.
    results: Vec<Row>,
}

pub(super) fn compare(
    folders: &[RunFolder],
    is_json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<i32> {
    let records: Result<Vec<RunRecord>, _> = folders.iter().map(RunRecord::read).collect();
    let comparison = comparison(&records?);
    if is_json {
        writeln!(out, "{}", serde_json::to_string_pretty(&comparison)?)?;
    } else {
        table(&comparison, out)?;
    }
    Ok(DONE)
}

fn comparison(records: &[RunRecord]) -> Comparison {
    let settings: Vec<BTreeMap<String, String>> = records.iter().map(settings).collect();
    let keys: BTreeSet<&String> = settings.iter().flat_map(BTreeMap::keys).collect();
    let differing = keys
        .into_iter()
        .map(|key| Row {
            name: key.clone(),
            cells: settings.iter().map(|one| one.get(key).cloned()).collect(),
        })
        .filter(|row| row.cells.iter().any(|cell| cell != &row.cells[0]))
        .collect();
    let mut results = vec![
        row("state", records, |record| {
            Some(record.summary.state.to_string())
        }),
        row("at work", records, |record| {
            Some(duration(record.summary.worked))
        }),
        row("done", records, |record| {
            Some(record.summary.done.to_string())
        }),
    ];
    let names: BTreeSet<&String> = records.iter().flat_map(|one| one.curves.keys()).collect();
    for name in names {
        results.push(row(&format!("{name}, last"), records, |record| {
            Some(short(record.curves.get(name)?.last()?.y))
        }));
        if records.iter().any(|record| best(record, name).is_some()) {
            results.push(row(&format!("{name}, best"), records, |record| {
                best(record, name).map(short)
            }));
        }
    }
    Comparison {
        runs: records.iter().map(|one| one.summary.id.0.clone()).collect(),
        settings: differing,
        results,
    }
}

fn row(name: &str, records: &[RunRecord], cell: impl Fn(&RunRecord) -> Option<String>) -> Row {
    Row {
        name: name.to_owned(),
        cells: records.iter().map(cell).collect(),
    }
}

fn settings(record: &RunRecord) -> BTreeMap<String, String> {
    let Some(spec) = &record.spec else {
        return BTreeMap::new();
    };
    let values = spec.parameters.iter();
    let mut all: BTreeMap<String, String> = values
        .map(|(key, value)| (key.clone(), value.to_string()))
        .collect();
    all.insert("kind".into(), spec.kind.clone());
    for (name, hash) in &spec.hashes {
        all.insert(format!("{name} (hash)"), hash.chars().take(12).collect());
    }
    all
}

fn best(record: &RunRecord, series: &str) -> Option<f64> {
    let card = record.card.as_ref()?;
    let goal = card.series.iter().find(|card| card.name == series)?.goal;
    let values = record.curves.get(series)?.iter().map(|point| point.y);
    match goal {
        Goal::Lower => values.reduce(f64::min),
        Goal::Higher => values.reduce(f64::max),
        Goal::Neither => None,
    }
}

fn table(comparison: &Comparison, out: &mut dyn Write) -> anyhow::Result<()> {
    let heading = Row {
        name: String::new(),
        cells: comparison.runs.iter().cloned().map(Some).collect(),
    };
    let rows = || {
        let all = comparison.settings.iter().chain(&comparison.results);
        std::iter::once(&heading).chain(all)
    };
    let first = rows()
        .map(|row| row.name.chars().count())
        .max()
        .unwrap_or(0);
    let text = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "-".into());
    let widths: Vec<usize> = (0..comparison.runs.len())
        .map(|column| {
            let cells = rows().filter_map(|row| row.cells.get(column));
            cells
                .map(|cell| text(cell).chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for row in rows() {
        let mut line = format!("{:<first$}", row.name);
        for (cell, width) in row.cells.iter().zip(&widths) {
            line.push_str(&format!("  {:<width$}", text(cell)));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
