//! One run as its page shows it: folded from its events and from nothing else, in bounded memory.

use super::curve::Curve;
use super::log::{LogLine, RunLog};
use super::table::Table;
use crate::domain::clock::Millis;
use crate::domain::event::{Event, Kind, Level, Outcome};
use crate::domain::id::RunId;
use crate::domain::parameter::Value;
use crate::domain::reading::Reading;
use crate::domain::run::{JobCard, RunSummary, SeriesCard};
use std::collections::{BTreeMap, VecDeque};

/// Readings kept: ten minutes at one a second.
const MOST_READINGS: usize = 600;

/// A run's page.
#[derive(Debug, Clone, PartialEq)]
pub struct RunView {
    pub summary: RunSummary,
    /// None until its first event was read.
    pub card: Option<JobCard>,
    pub curves: BTreeMap<String, Curve>,
    pub tables: Vec<Table>,
    pub log: RunLog,
    pub readings: Readings,
    /// The newest state that is safe on disk.
    pub checkpoint: Option<Checkpoint>,
    /// What it was started with, as its spec says.
    pub values: BTreeMap<String, Value>,
    /// Its log was read to the end once.
    pub is_read: bool,
}

/// A state on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    pub at: Millis,
    pub done: u64,
    pub bytes: u64,
}

/// The newest samples of a machine.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Readings(VecDeque<(Millis, Reading)>);

impl Readings {
    pub fn push(&mut self, at: Millis, reading: Reading) {
        if self.0.len() >= MOST_READINGS {
            self.0.pop_front();
        }
        self.0.push_back((at, reading));
    }

    #[must_use]
    pub fn last(&self) -> Option<&Reading> {
        self.0.back().map(|(_, reading)| reading)
    }

    pub fn iter(&self) -> impl Iterator<Item = &(Millis, Reading)> {
        self.0.iter()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Curves that share a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub name: String,
    pub series: Vec<SeriesCard>,
}

impl RunView {
    #[must_use]
    pub fn new(id: RunId) -> Self {
        Self {
            summary: RunSummary::new(id),
            card: None,
            curves: BTreeMap::new(),
            tables: Vec::new(),
            log: RunLog::default(),
            readings: Readings::default(),
            checkpoint: None,
            values: BTreeMap::new(),
            is_read: false,
        }
    }

    /// Takes one event in; order is that of the log.
    pub fn fold(&mut self, event: &Event) {
        self.summary.fold(event);
        let note = |level, text: String| Some((level, text));
        let line = match &event.kind {
            Kind::Opened { card, .. } => {
                let tables = card.tables.iter();
                self.tables = tables
                    .map(|table| Table::new(&table.name, &table.title, &table.columns))
                    .collect();
                self.card = Some((**card).clone());
                None
            }
            Kind::State { state, why } => {
                let why = why.as_ref().map(|why| format!(": {why}"));
                let level = match state {
                    crate::domain::run::RunState::Failed => Level::Error,
                    _ => Level::Info,
                };
                note(level, format!("{state}{}", why.unwrap_or_default()))
            }
            Kind::Metric { series, x, y } => {
                let curve = self.curves.entry(series.clone()).or_default();
                curve.push(*x, *y);
                None
            }
            Kind::Row { table, key, cells } => {
                self.table(table).put(key, cells);
                None
            }
            Kind::Sampled { reading } => {
                self.readings.push(event.at, reading.clone());
                None
            }
            Kind::Checkpointed { done, bytes } => {
                self.checkpoint = Some(Checkpoint {
                    at: event.at,
                    done: *done,
                    bytes: *bytes,
                });
                None
            }
            Kind::Made { product } => note(Level::Info, format!("made {}", product.title)),
            Kind::Note { level, text } => note(*level, text.clone()),
            Kind::Finished {
                outcome: Outcome::Failed { fault },
            } => note(Level::Error, fault.to_string()),
            _ => None,
        };
        if let Some((level, text)) = line {
            self.log.push(LogLine {
                at: event.at,
                level,
                text,
            });
        }
    }

    fn table(&mut self, name: &str) -> &mut Table {
        let at = self.tables.iter().position(|table| table.name == name);
        let at = at.unwrap_or_else(|| {
            self.tables.push(Table::new(name, name, &[]));
            self.tables.len() - 1
        });
        &mut self.tables[at]
    }

    /// Charts of the run: groups of its card in their order, then each curve that the card does not name.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        let known = self.card.iter().flat_map(|card| &card.series);
        for series in known {
            match groups.iter_mut().find(|group| group.name == series.group) {
                Some(group) => group.series.push(series.clone()),
                None => groups.push(Group {
                    name: series.group.clone(),
                    series: vec![series.clone()],
                }),
            }
        }
        let is_known = |name: &str| {
            let all = groups.iter().flat_map(|group| &group.series);
            all.clone().any(|series| series.name == name)
        };
        let strays: Vec<Group> = self
            .curves
            .keys()
            .filter(|name| !is_known(name))
            .map(|name| Group {
                name: name.clone(),
                series: vec![stray(name)],
            })
            .collect();
        groups.extend(strays);
        groups
    }

    /// The newest value of a rate in tokens a second, when the run draws one.
    #[must_use]
    pub fn tokens_per_second(&self) -> Option<f64> {
        let series = &self.card.as_ref()?.series;
        let rate = series.iter().find(|series| series.unit == "tokens/s")?;
        self.curves.get(&rate.name)?.last()
    }
}

fn stray(name: &str) -> SeriesCard {
    SeriesCard {
        name: name.to_owned(),
        title: name.to_owned(),
        unit: String::new(),
        goal: crate::domain::run::Goal::Neither,
        group: name.to_owned(),
    }
}
