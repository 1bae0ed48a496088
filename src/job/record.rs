//! A run's log as its readers want it: curves, tables, notes, the way it went.

use crate::domain::clock::Millis;
use crate::domain::event::{Cell, Event, Kind, Level};
use crate::domain::id::RunId;
use crate::domain::run::{JobCard, Product, RunState, RunSummary};
use crate::store::error::StoreError;
use crate::store::run::{RunFolder, log};
use crate::store::spec_file::RunSpec;
use serde::Serialize;
use std::collections::BTreeMap;

/// A point of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    pub x: f64,
    pub y: f64,
    pub at: Millis,
}

/// A sentence for a person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Note {
    pub at: Millis,
    pub level: Level,
    pub text: String,
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    pub at: Millis,
    pub state: RunState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Everything that a run told, machine readings left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRecord {
    pub summary: RunSummary,
    pub card: Option<JobCard>,
    pub spec: Option<RunSpec>,
    pub states: Vec<Change>,
    pub curves: BTreeMap<String, Vec<Point>>,
    /// By table and row.
    pub tables: BTreeMap<String, BTreeMap<String, Vec<Cell>>>,
    pub notes: Vec<Note>,
    pub products: Vec<Product>,
}

impl RunRecord {
    /// Reads a run as it stands.
    ///
    /// # Errors
    /// When a newer program wrote it, or it cannot be read.
    pub fn read(folder: &RunFolder) -> Result<RunRecord, StoreError> {
        let events = log::read(folder)?.events;
        let mut record = Self::of(&folder.id, &events);
        record.spec = RunSpec::read(&folder.spec()).ok();
        Ok(record)
    }

    /// What these events tell.
    #[must_use]
    pub fn of(id: &RunId, events: &[Event]) -> RunRecord {
        let mut record = RunRecord {
            summary: RunSummary::new(id.clone()),
            card: None,
            spec: None,
            states: Vec::new(),
            curves: BTreeMap::new(),
            tables: BTreeMap::new(),
            notes: Vec::new(),
            products: Vec::new(),
        };
        for event in events {
            record.take(event);
        }
        record.products.clone_from(&record.summary.products);
        record
    }

    fn take(&mut self, event: &Event) {
        self.summary.fold(event);
        let at = event.at;
        match &event.kind {
            Kind::Opened { card, .. } => self.card = Some(card.as_ref().clone()),
            Kind::State { state, why } => self.states.push(Change {
                at,
                state: *state,
                why: why.clone(),
            }),
            Kind::Metric { series, x, y } => {
                let curve = self.curves.entry(series.clone()).or_default();
                // A resumed run tells again what it did after its checkpoint.
                let kept = curve.partition_point(|point| point.x < *x);
                curve.truncate(kept);
                curve.push(Point { x: *x, y: *y, at });
            }
            Kind::Row { table, key, cells } => {
                let rows = self.tables.entry(table.clone()).or_default();
                rows.insert(key.clone(), cells.clone());
            }
            Kind::Note { level, text } => self.notes.push(Note {
                at,
                level: *level,
                text: text.clone(),
            }),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Source;

    #[test]
    fn what_a_resumed_run_tells_again_replaces_what_it_told() {
        let id = RunId("r".into());
        let metric = |x: f64, y: f64| Event {
            source: Source::Run(RunId("r".into())),
            seq: 0,
            at: 0,
            kind: Kind::Metric {
                series: "loss".into(),
                x,
                y,
            },
        };
        let told = [(1.0, 9.0), (2.0, 8.0), (3.0, 7.0), (2.0, 8.5), (4.0, 6.0)];
        let events: Vec<Event> = told.iter().map(|(x, y)| metric(*x, *y)).collect();
        let record = RunRecord::of(&id, &events);
        let points: Vec<(f64, f64)> = record.curves["loss"]
            .iter()
            .map(|point| (point.x, point.y))
            .collect();
        assert_eq!(points, [(1.0, 9.0), (2.0, 8.5), (4.0, 6.0)]);
    }
}
