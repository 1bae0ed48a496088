//! Who has a place in the batch: requests that leave, those that come, and those that must go when memory runs out.

use super::batch::Batch;
use super::row::{Row, Work};
use super::stats::Stats;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::request::Finish;
use crate::lm::cache::BLOCK;

impl Batch {
    /// Ends requests that were cancelled or that nobody listens to.
    pub(super) fn end_gone(&mut self) {
        let mut at = 0;
        while at < self.running.len() {
            if self.running[at].is_gone() {
                let row = self.running.remove(at);
                self.cancelled(row);
            } else {
                at += 1;
            }
        }
        for _ in 0..self.waiting.len() {
            if let Some(row) = self.waiting.pop_front() {
                if row.is_gone() {
                    self.cancelled(row);
                } else {
                    self.waiting.push_back(row);
                }
            }
        }
    }

    fn cancelled(&mut self, row: Row) {
        let table = row.finish(Finish::Cancelled);
        self.cache.end(table);
    }

    /// Gives places to waiting requests, in order; those whose beginning is being computed stay.
    pub(super) fn admit(&mut self) {
        let mut at = 0;
        while self.running.len() < self.most_rows {
            let Some(row) = self.waiting.get(at) else {
                return;
            };
            if self.is_being_computed(row) {
                at += 1;
                continue;
            }
            let Some(row) = self.waiting.remove(at) else {
                return;
            };
            if let Err(row) = self.start(row) {
                if self.running.is_empty() {
                    self.give_up(*row);
                } else {
                    self.waiting.insert(at, *row);
                    return;
                }
            }
        }
    }

    /// Whether another row is computing more of this row's beginning than is cached.
    fn is_being_computed(&self, row: &Row) -> bool {
        let mut computing = self
            .running
            .iter()
            .filter(|other| other.table.len() < other.prompt && other.root() == row.root())
            .peekable();
        if computing.peek().is_none() {
            return false;
        }
        let reusable = row.reusable();
        let cached = self.cache.matched(row.root(), reusable);
        computing.any(|other| {
            let prompt = &other.tokens[..other.prompt];
            if row.wants_last_only() && prompt == row.tokens {
                return true;
            }
            let common = prompt
                .iter()
                .zip(&reusable[..reusable.len() - 1])
                .take_while(|(a, b)| a == b)
                .count();
            common / BLOCK * BLOCK > cached
        })
    }

    fn start(&mut self, mut row: Row) -> Result<(), Box<Row>> {
        let mut table = self.cache.begin(row.root(), row.reusable());
        if self.cache.reserve(&mut table, row.tokens.len()).is_err() {
            self.cache.end(table);
            return Err(Box::new(row));
        }
        let cached = table.len().min(row.prompt);
        row.cached.get_or_insert(cached);
        row.table = table;
        self.running.push(row);
        Ok(())
    }

    /// Ends a row that does not fit even alone.
    fn give_up(&mut self, mut row: Row) {
        let capacity = self.cache.capacity();
        let more = "give the local engine more cache memory (cache_mib)";
        let table = match &mut row.work {
            Work::Answer(answer) if row.tokens.len() > row.prompt => {
                answer.listener.note(&format!(
                    "the answer ends here because the engine's cache holds {capacity} tokens: {more}"
                ));
                row.finish(Finish::Length)
            }
            _ => {
                let message = format!(
                    "the engine's cache of {capacity} tokens has no room for {}",
                    row.tokens.len()
                );
                row.fail(Fault::new(FaultClass::Resource, message).with_hint(more))
            }
        };
        self.cache.end(table);
    }

    /// Reserves memory for what the running rows compute next; the youngest lose their place when there is none.
    pub(super) fn make_room(&mut self) {
        let mut at = 0;
        while at < self.running.len() {
            let row = &mut self.running[at];
            let until = row.tokens.len();
            if self.cache.reserve(&mut row.table, until).is_ok() {
                at += 1;
                continue;
            }
            let Some(mut youngest) = self.running.pop() else {
                return;
            };
            self.cache.end(std::mem::take(&mut youngest.table));
            if self.running.is_empty() {
                self.give_up(youngest);
            } else {
                Stats::add(&self.stats.preempted, 1);
                youngest.is_told = false;
                self.waiting.push_front(youngest);
            }
        }
    }

    /// Tells those that wait why, once.
    pub(super) fn tell_waiting(&mut self) {
        let running = self.running.len();
        let reasons: Vec<(usize, String)> = self
            .waiting
            .iter()
            .enumerate()
            .filter(|(_, row)| !row.is_told)
            .map(|(at, row)| {
                let why = if running >= self.most_rows {
                    format!("{running} requests are running")
                } else if self.is_being_computed(row) {
                    "for a prompt that begins alike".to_owned()
                } else {
                    let capacity = self.cache.capacity();
                    format!("for memory: the cache of {capacity} tokens is in use (cache_mib)")
                };
                (at, why)
            })
            .collect();
        for (at, why) in reasons {
            self.waiting[at].tell_waiting(&why);
        }
    }
}
