//! What becomes of a pass: rows learn what is computed, use their logits, and end.

use super::batch::{Batch, Share};
use super::row::{Outcome, Row, Work};
use super::stats::Stats;
use crate::domain::fault::Fault;
use crate::domain::request::Finish;
use std::sync::atomic::Ordering;

/// The logits of each running row: of its last computed tokens, none for most rows in most passes.
type Logits = Vec<Vec<Vec<f32>>>;

/// A row that uses its logits.
struct Turn<'a> {
    at: usize,
    row: &'a mut Row,
    logits: Vec<Vec<f32>>,
    outcome: Option<Outcome>,
}

/// How a row leaves.
enum End {
    Finish(Finish),
    /// A prompt that others go on from.
    Branch,
    Fail(Fault),
}

impl Batch {
    pub(super) fn take_results(&mut self, shares: &[Share], logits: Vec<Vec<f32>>) {
        Stats::add(&self.stats.passes, 1);
        let widest = shares.len() as u64;
        self.stats.widest.fetch_max(widest, Ordering::Relaxed);
        let mut logits = logits.into_iter();
        let mut by_row: Logits = Vec::new();
        by_row.resize_with(self.running.len(), Vec::new);
        for share in shares {
            let row = &mut self.running[share.row];
            let before = row.table.len();
            let until = before + share.tokens;
            by_row[share.row].extend(logits.by_ref().take(row.wanted(before, until)));
            self.cache.commit(&mut row.table, &row.tokens, until);
            Stats::add(&self.stats.rows, share.tokens);
            if before < row.prompt {
                let done = until.min(row.prompt);
                Stats::add(&self.stats.prompt_tokens, done - before);
                row.tell_prefill(done);
            }
        }
        self.fork(&mut by_row);
        self.use_logits(by_row);
    }

    /// Waiting requests with a prompt that is just complete get a copy of everything.
    fn fork(&mut self, logits: &mut Logits) {
        for leader in 0..logits.len() {
            if logits[leader].is_empty() || !self.running[leader].wants_last_only() {
                continue;
            }
            while self.running.len() < self.most_rows {
                let leading = &self.running[leader];
                let same = |row: &Row| {
                    row.wants_last_only()
                        && row.tokens == leading.tokens
                        && row.root() == leading.root()
                };
                let Some(at) = self.waiting.iter().position(same) else {
                    break;
                };
                let table = self.cache.fork(&leading.table);
                let Some(mut row) = self.waiting.remove(at) else {
                    break;
                };
                row.table = table;
                row.cached.get_or_insert(row.prompt);
                row.tell_prefill(row.prompt);
                logits.push(logits[leader].clone());
                self.running.push(row);
            }
        }
    }

    /// All rows with logits draw or look up side by side; then those concerned are told, in order.
    fn use_logits(&mut self, logits: Logits) {
        let mut turns: Vec<Turn<'_>> = self
            .running
            .iter_mut()
            .zip(logits)
            .enumerate()
            .filter(|(_, (_, logits))| !logits.is_empty())
            .map(|(at, (row, logits))| Turn {
                at,
                row,
                logits,
                outcome: None,
            })
            .collect();
        self.pool.chunks(&mut turns, 1, &|_, turns| {
            for turn in turns {
                turn.outcome = Some(turn.row.use_logits(&mut turn.logits));
            }
        });
        let outcomes: Vec<(usize, Outcome)> = turns
            .into_iter()
            .filter_map(|turn| Some((turn.at, turn.outcome?)))
            .collect();
        let mut ends = Vec::new();
        for (at, outcome) in outcomes {
            ends.extend(self.settle(at, outcome).map(|end| (at, end)));
        }
        // From the last on, so that places stay true.
        for (at, end) in ends.into_iter().rev() {
            let row = self.running.remove(at);
            self.end(row, end);
        }
    }

    fn settle(&mut self, at: usize, outcome: Outcome) -> Option<End> {
        let row = &mut self.running[at];
        match (outcome, &mut row.work) {
            (Outcome::Drawn { drawn, is_whole }, Work::Answer(answer)) => {
                Stats::add(&self.stats.drawn_tokens, 1);
                row.tokens.push(drawn.token);
                let length = row.tokens.len();
                let tokenizer = &self.model.tokenizer;
                answer
                    .accept(drawn, is_whole, length, tokenizer)
                    .map(End::Finish)
            }
            (Outcome::Scored { is_done }, _) => is_done.then_some(End::Branch),
            (Outcome::Failed(fault), _) => Some(End::Fail(fault)),
            (Outcome::Drawn { .. }, Work::Score(_)) => None,
        }
    }

    fn end(&mut self, row: Row, end: End) {
        let table = match end {
            End::Finish(finish) => row.finish(finish),
            End::Fail(fault) => row.fail(fault),
            End::Branch => {
                self.branch(&row);
                row.finish(Finish::Stop)
            }
        };
        self.cache.end(table);
    }

    /// Rows that go on from the end of a scoring's prompt. Those that find no place wait, and start from whole blocks.
    fn branch(&mut self, prompt: &Row) {
        let Work::Score(part) = &prompt.work else {
            return;
        };
        for mut row in part.others(&prompt.tokens, &prompt.cancel) {
            row.cached = Some(row.prompt);
            row.adapter.clone_from(&prompt.adapter);
            if self.running.len() < self.most_rows {
                row.table = self.cache.fork(&prompt.table);
                self.running.push(row);
            } else {
                self.waiting.push_back(row);
            }
        }
    }
}
