//! From the rows of queries, keys and values to groups of heads and back, with rotary positions (Su et al. 2021) on the way.

use crate::lm::config::{Config, Rotary};
use crate::lm::kernel::Pool;
use crate::lm::kernel::causal::Shape;
use std::ops::Range;

/// Rows of one part of the pool's work.
const ROWS: usize = 16;

/// Where the sequences of a batch lie.
#[derive(Debug, Clone)]
pub(super) struct Sequences {
    /// Tokens of each.
    pub lengths: Vec<usize>,
    /// For each row: the first row of its sequence, and which sequence that is.
    rows: Vec<(usize, usize)>,
}

impl Sequences {
    pub fn new(lengths: Vec<usize>) -> Self {
        let mut rows = Vec::new();
        for (number, &length) in lengths.iter().enumerate() {
            let first = rows.len();
            rows.extend((0..length).map(|_| (first, number)));
        }
        Self { lengths, rows }
    }

    fn position(&self, row: usize) -> usize {
        row - self.rows[row].0
    }
}

/// Sines and cosines of all positions of a batch.
#[derive(Debug, Clone)]
pub(super) struct Rotation {
    /// For each position, a cosine and a sine for each pair.
    turns: Vec<(f32, f32)>,
    pairs: usize,
}

impl Rotation {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "positions stay far below 2^52; the tables are f32"
    )]
    pub fn new(rotary: &Rotary, positions: usize) -> Self {
        let frequencies = rotary.frequencies();
        let turn = |angle: f64| {
            let (sine, cosine) = angle.sin_cos();
            (
                cosine as f32 * rotary.magnitude,
                sine as f32 * rotary.magnitude,
            )
        };
        let turns = (0..positions)
            .flat_map(|position| frequencies.iter().map(move |f| position as f64 * f))
            .map(turn)
            .collect();
        Self {
            turns,
            pairs: frequencies.len(),
        }
    }

    /// Turns a head forward into `to`.
    fn turn(&self, position: usize, from: &[f32], to: &mut [f32]) {
        self.apply(position, 1.0, from, to);
    }

    /// The gradient by a head from that by the turned one.
    fn turn_back(&self, position: usize, from: &[f32], to: &mut [f32]) {
        self.apply(position, -1.0, from, to);
    }

    fn apply(&self, position: usize, sign: f32, from: &[f32], to: &mut [f32]) {
        let turns = &self.turns[position * self.pairs..(position + 1) * self.pairs];
        let (first, rest) = from.split_at(self.pairs);
        let (second, rest) = rest.split_at(self.pairs);
        let (to_first, to_rest) = to.split_at_mut(self.pairs);
        let (to_second, to_rest) = to_rest.split_at_mut(self.pairs);
        for (at, &(cosine, sine)) in turns.iter().enumerate() {
            let (a, b, sine) = (first[at], second[at], sine * sign);
            to_first[at] = a * cosine - b * sine;
            to_second[at] = a * sine + b * cosine;
        }
        to_rest.copy_from_slice(rest);
    }
}

/// How heads lie in rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub groups: usize,
    /// Query heads of a group.
    pub heads: usize,
    pub width: usize,
}

impl Layout {
    pub fn of(config: &Config) -> Self {
        Self {
            groups: config.kv_heads,
            heads: config.heads / config.kv_heads,
            width: config.head_width,
        }
    }

    pub fn shape(self, config: &Config, layer: usize) -> Shape {
        Shape {
            groups: self.groups,
            heads: self.heads,
            head_width: self.width,
            scale: config.attention_scale,
            cap: config.attention_cap,
            window: config.window.of(layer),
        }
    }

    /// Numbers of a row of queries, keys and values.
    fn row(self) -> usize {
        self.groups * (self.heads + 2) * self.width
    }

    /// Where in a row the `head`-th piece of a group lies: its queries, then its keys, then its values.
    fn place(self, group: usize, head: usize) -> Range<usize> {
        let queries = self.groups * self.heads;
        let at = match head {
            _ if head < self.heads => group * self.heads + head,
            _ if head == self.heads => queries + group,
            _ => queries + self.groups + group,
        };
        at * self.width..(at + 1) * self.width
    }

    /// Rows become groups, queries and keys turned.
    pub fn grouped(
        self,
        rows: &[f32],
        sequences: &Sequences,
        rotation: &Rotation,
        pool: &Pool,
    ) -> Vec<f32> {
        let mut out = vec![0.0; rows.len()];
        let (mut ranges, mut units) = (Vec::new(), Vec::new());
        let (mut end, mut first) = (0, 0);
        for &length in &sequences.lengths {
            for group in 0..self.groups {
                let size = (self.heads + 2) * length * self.width;
                ranges.push(end..end + size);
                units.push((first, length, group));
                end += size;
            }
            first += length;
        }
        pool.ranges(&mut out, &ranges, &|number, out| {
            let (first, length, group) = units[number];
            for (head, out) in out.chunks_exact_mut(length * self.width).enumerate() {
                let place = self.place(group, head);
                for (position, out) in out.chunks_exact_mut(self.width).enumerate() {
                    let row = &rows[(first + position) * self.row()..][place.clone()];
                    if head <= self.heads {
                        rotation.turn(position, row, out);
                    } else {
                        out.copy_from_slice(row);
                    }
                }
            }
        });
        out
    }

    /// The gradient by rows from that by groups.
    pub fn ungrouped(
        self,
        groups: &[f32],
        sequences: &Sequences,
        rotation: &Rotation,
        pool: &Pool,
    ) -> Vec<f32> {
        let mut out = vec![0.0; groups.len()];
        pool.chunks(&mut out, ROWS * self.row(), &|part, out| {
            for (row, out) in (part * ROWS..).zip(out.chunks_exact_mut(self.row())) {
                let (first, number) = sequences.rows[row];
                let (length, position) = (sequences.lengths[number], sequences.position(row));
                for group in 0..self.groups {
                    for head in 0..self.heads + 2 {
                        let before = first * self.groups * (self.heads + 2);
                        let matrix = group * (self.heads + 2) + head;
                        let at = (before + matrix * length + position) * self.width;
                        let from = &groups[at..at + self.width];
                        let to = &mut out[self.place(group, head)];
                        if head <= self.heads {
                            rotation.turn_back(position, from, to);
                        } else {
                            to.copy_from_slice(from);
                        }
                    }
                }
            }
        });
        out
    }

    /// Where the result of a query head lies among the groups' results.
    fn result(self, sequences: &Sequences, row: usize, head: usize) -> usize {
        let (first, number) = sequences.rows[row];
        let before = first * self.groups * self.heads;
        (before + head * sequences.lengths[number] + sequences.position(row)) * self.width
    }

    /// Results of groups of heads become rows.
    pub fn mixed(self, results: &[f32], sequences: &Sequences, pool: &Pool) -> Vec<f32> {
        let mut out = vec![0.0; results.len()];
        let width = self.groups * self.heads * self.width;
        pool.chunks(&mut out, ROWS * width, &|part, out| {
            for (row, out) in (part * ROWS..).zip(out.chunks_exact_mut(width)) {
                for (head, out) in out.chunks_exact_mut(self.width).enumerate() {
                    let at = self.result(sequences, row, head);
                    out.copy_from_slice(&results[at..at + self.width]);
                }
            }
        });
        out
    }

    /// The opposite of [`Layout::mixed`].
    pub fn unmixed(self, rows: &[f32], sequences: &Sequences, pool: &Pool) -> Vec<f32> {
        let mut out = vec![0.0; rows.len()];
        let width = self.groups * self.heads * self.width;
        let (mut ranges, mut heads) = (Vec::new(), Vec::new());
        let (mut end, mut first) = (0, 0);
        for &length in &sequences.lengths {
            for head in 0..self.groups * self.heads {
                ranges.push(end..end + length * self.width);
                heads.push((first, head));
                end += length * self.width;
            }
            first += length;
        }
        pool.ranges(&mut out, &ranges, &|number, out| {
            let (first, head) = heads[number];
            for (position, out) in out.chunks_exact_mut(self.width).enumerate() {
                let at = (first + position) * width + head * self.width;
                out.copy_from_slice(&rows[at..at + self.width]);
            }
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lm::config::Pairs;

    #[test]
    fn heads_come_back_where_they_were_and_turns_are_undone() {
        let layout = Layout {
            groups: 2,
            heads: 3,
            width: 8,
        };
        let sequences = Sequences::new(vec![3, 1, 20]);
        let rotary = Rotary {
            width: 6,
            base: 100.0,
            pairs: Pairs::Halves,
            factors: Vec::new(),
            magnitude: 1.0,
        };
        let rotation = Rotation::new(&rotary, 20);
        let pool = Pool::new(2).unwrap();
        let rows: Vec<f32> = (0..24 * layout.row()).map(|i| (i % 997) as f32).collect();
        let groups = layout.grouped(&rows, &sequences, &rotation, &pool);
        assert!(groups != rows);
        // Values stand behind queries and keys, and are not turned.
        assert_eq!(
            groups[4 * 3 * 8..5 * 3 * 8][8..16],
            rows[layout.row()..][8 * 8..9 * 8]
        );
        let again = layout.ungrouped(&groups, &sequences, &rotation, &pool);
        for (found, expected) in again.iter().zip(&rows) {
            assert!((found - expected).abs() < 1e-3, "{found} {expected}");
        }
        let results: Vec<f32> = (0..24 * 6 * 8).map(|i| i as f32).collect();
        let mixed = layout.mixed(&results, &sequences, &pool);
        assert!(mixed != results);
        assert_eq!(mixed[8..16], results[3 * 8..4 * 8]);
        assert_eq!(layout.unmixed(&mixed, &sequences, &pool), results);
    }
}
