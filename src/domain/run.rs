//! Long work: a run's states, what its kind promises to draw, and what it has come to.
//!
//! A *run* is one job at work: a folder with a spec, an event log, checkpoints and results. Its log speaks [`Kind`]s with
//! [`Source::Run`](super::event::Source::Run); a [`RunSummary`] is folded from them and from nothing else.

use super::clock::Millis;
use super::event::{Event, Kind};
use super::id::RunId;
use super::parameter::Parameter;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Waits for a device slot.
    Queued,
    /// Loads models and data, checks hashes.
    Preparing,
    Running,
    /// Holds its state in memory and computes nothing.
    Paused,
    /// Was asked to stop and writes its checkpoint, or its results.
    Stopping,
    /// Ended by a person; it can be resumed.
    Stopped,
    /// Ended by a fault; it can be resumed from its last checkpoint.
    Failed,
    Done,
}

impl RunState {
    /// No process works on it any more.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Stopped | Self::Failed | Self::Done)
    }

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Preparing => "preparing",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Done => "done",
        }
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a person may ask of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunControl {
    Pause,
    /// Goes on after a pause; a run that is over is started again from its last checkpoint.
    Resume,
    /// Ends with a checkpoint; results are not made.
    Stop,
    /// Ends the search or training here and makes the results of what there is.
    Finish,
}

/// Which direction of a series is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    Lower,
    Higher,
    Neither,
}

/// A curve that a kind of job draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesCard {
    /// The `series` of its [`Kind::Metric`] events.
    pub name: String,
    pub title: String,
    /// Of y: `nats`, `tokens/s`, `%`; empty for pure numbers.
    pub unit: String,
    pub goal: Goal,
    /// Curves of one group share one chart: training and validation loss.
    pub group: String,
}

/// A table that a kind of job fills with [`Kind::Row`] events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableCard {
    pub name: String,
    pub title: String,
    /// Headings; a row's key is the first column.
    pub columns: Vec<String>,
}

/// What a kind of job is, before it does anything: forms, help and screens are made from it alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobCard {
    /// The word in spec files and on the command line: `finetune`.
    pub kind: String,
    /// At most 14 columns: `fine-tune`.
    pub title: String,
    /// One sentence.
    pub about: String,
    /// What `done` and `total` count: `step`, `iteration`.
    pub unit: String,
    pub parameters: Vec<Parameter>,
    /// The first one is the headline of lists; its best value by its goal is the run's best value.
    pub series: Vec<SeriesCard>,
    pub tables: Vec<TableCard>,
}

/// What a run made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    pub kind: ProductKind,
    pub title: String,
    /// Relative to the run's folder, or absolute when the spec said where.
    pub path: String,
    /// The model that it belongs to, as in presets; what "chat with the result" opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProductKind {
    /// A folder that PEFT loads.
    Adapter,
    /// A whole model: a folder with weights and tokenizer, or a GGUF file.
    Model,
    /// A preset file.
    Preset,
    /// Anything to read.
    Report,
}

/// A run in a line, folded from its events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    pub id: RunId,
    /// The job's kind, its title in lists, and the person's name for the run.
    pub kind: String,
    pub title: String,
    pub state: RunState,
    /// Why it waits, stopped or failed, in one line.
    pub why: Option<String>,
    pub created: Millis,
    /// When it last began to work, and when it ended.
    pub started: Option<Millis>,
    pub ended: Option<Millis>,
    /// Milliseconds spent at work in all earlier spells (pauses and waits are not work).
    pub worked: Millis,
    pub done: u64,
    /// 0: unknown.
    pub total: u64,
    pub unit: String,
    /// Steps already done when the present spell of work began; the estimate counts from there.
    pub spell_from: u64,
    /// The headline series and its best value by its goal.
    pub best: Option<Best>,
    pub products: Vec<Product>,
    /// Seq of the last event that was folded in.
    pub seq: u64,
}

/// The best point of a series; values that are no numbers are skipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Best {
    pub series: String,
    pub goal: Goal,
    /// Where it was reached and the value; none before the first finite one.
    pub at: Option<(f64, f64)>,
}

impl RunSummary {
    #[must_use]
    pub fn new(id: RunId) -> Self {
        Self {
            id,
            kind: String::new(),
            title: String::new(),
            state: RunState::Queued,
            why: None,
            created: 0,
            started: None,
            ended: None,
            worked: 0,
            done: 0,
            total: 0,
            unit: String::new(),
            spell_from: 0,
            best: None,
            products: Vec::new(),
            seq: 0,
        }
    }

    /// Takes one event in; order is that of the log.
    pub fn fold(&mut self, event: &Event) {
        self.seq = event.seq;
        match &event.kind {
            Kind::Opened { card, title } => {
                self.kind.clone_from(&card.kind);
                self.title.clone_from(title);
                self.unit.clone_from(&card.unit);
                self.created = event.at;
                self.best = card.series.first().map(|series| Best {
                    series: series.name.clone(),
                    goal: series.goal,
                    at: None,
                });
            }
            Kind::State { state, why } => self.enter(*state, why.as_deref(), event.at),
            Kind::Advanced { done, total } => {
                self.done = *done;
                self.total = *total;
            }
            Kind::Metric { series, x, y } => {
                if let Some(best) = self.best.as_mut().filter(|best| best.series == *series) {
                    best.take(*x, *y);
                }
            }
            Kind::Made { product } => {
                self.products.retain(|old| old.path != product.path);
                self.products.push(product.clone());
            }
            _ => {}
        }
    }

    fn enter(&mut self, state: RunState, why: Option<&str>, at: Millis) {
        let was_at_work = is_work(self.state);
        if was_at_work && !is_work(state) {
            self.worked += self.started.map_or(0, |from| at.saturating_sub(from));
        }
        if is_work(state) && !was_at_work {
            self.started = Some(at);
            self.spell_from = self.done;
        }
        self.ended = state.is_over().then_some(at);
        self.state = state;
        self.why = why.map(str::to_owned);
    }

    /// The best value of the headline series, once there is one.
    #[must_use]
    pub fn best_value(&self) -> Option<f64> {
        self.best.as_ref()?.at.map(|(_, y)| y)
    }

    /// Milliseconds at work in all, pauses and waits left out.
    #[must_use]
    pub fn elapsed(&self, now: Millis) -> Millis {
        let spell = if is_work(self.state) {
            self.started.map_or(0, |from| now.saturating_sub(from))
        } else {
            0
        };
        self.worked + spell
    }

    /// Milliseconds until the end at the pace of the present spell of work; none before a step is done.
    #[must_use]
    pub fn remaining(&self, now: Millis) -> Option<Millis> {
        let done = self.done.checked_sub(self.spell_from).filter(|d| *d > 0)?;
        let left = self.total.checked_sub(self.done)?;
        let from = self.started.filter(|_| is_work(self.state))?;
        let spent = u128::from(now.saturating_sub(from));
        u64::try_from(spent * u128::from(left) / u128::from(done)).ok()
    }
}

impl Best {
    fn take(&mut self, x: f64, y: f64) {
        let is_better = self.at.is_none_or(|(_, best)| match self.goal {
            Goal::Lower => y < best,
            Goal::Higher => y > best,
            Goal::Neither => true,
        });
        if y.is_finite() && is_better {
            self.at = Some((x, y));
        }
    }
}

fn is_work(state: RunState) -> bool {
    matches!(
        state,
        RunState::Preparing | RunState::Running | RunState::Stopping
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Source;

    fn told(at: Millis, kind: Kind) -> Event {
        Event {
            source: Source::Run(RunId("r".into())),
            seq: at,
            at,
            kind,
        }
    }

    fn state(state: RunState) -> Kind {
        Kind::State { state, why: None }
    }

    #[test]
    fn pauses_are_not_work_and_the_estimate_counts_from_the_present_spell() {
        let mut run = RunSummary::new(RunId("r".into()));
        for event in [
            told(0, state(RunState::Running)),
            told(10, Kind::Advanced { done: 5, total: 20 }),
            told(10, state(RunState::Paused)),
            told(1_010, state(RunState::Running)),
            told(
                1_030,
                Kind::Advanced {
                    done: 10,
                    total: 20,
                },
            ),
        ] {
            run.fold(&event);
        }
        assert_eq!(run.elapsed(1_030), 30);
        assert_eq!(run.remaining(1_030), Some(40));
        run.fold(&told(1_040, state(RunState::Stopped)));
        assert_eq!((run.elapsed(9_999), run.remaining(9_999)), (40, None));
        assert_eq!(run.ended, Some(1_040));
    }

    #[test]
    fn the_best_value_follows_the_goal_and_skips_what_is_no_number() {
        let mut best = Best {
            series: "loss".into(),
            goal: Goal::Lower,
            at: None,
        };
        for (x, y) in [(1.0, 3.0), (2.0, f64::NAN), (3.0, 2.0), (4.0, 2.5)] {
            best.take(x, y);
        }
        assert_eq!(best.at, Some((3.0, 2.0)));
    }
}
