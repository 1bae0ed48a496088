//! Soft-max attention over blocks of sixteen tokens with 16-bit keys and values.
//!
//! Keys lie number by number with sixteen tokens side by side, so sixteen scores are computed at once without a horizontal
//! sum. Query heads that share a head of keys, and neighbouring rows, are computed together, so keys are widened once for
//! several. Every sum has a fixed order: a row's result depends on its own tokens alone.

use super::Instructions;
use super::gate::{exponential_lanes, tanh_lanes};
use super::lanes::{LANES, Lanes, by_instructions};
use super::pool::{Pool, Shards};
use std::cell::RefCell;

/// Tokens of a block.
pub const TOKENS: usize = LANES;

/// Queries that are computed together.
const QUERIES: usize = 6;

/// One layer's part of a block: keys (`kv_heads * head_width` rows of sixteen tokens) and values (sixteen rows of
/// `kv_heads * head_width`), as binary16.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    pub keys: &'a [u16],
    pub values: &'a [u16],
}

/// Consecutive rows of a pass that belong to one sequence.
#[derive(Debug)]
pub struct Sequence<'a> {
    /// Blocks from token `first` on, up to the last row's token.
    pub blocks: Vec<Block<'a>>,
    /// The position of the first block's first token.
    pub first: usize,
    /// The number of the first row in the pass.
    pub row: usize,
    /// The position of the first row.
    pub position: usize,
    pub rows: usize,
}

/// What all heads have in common.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub heads: usize,
    pub kv_heads: usize,
    /// Even; a multiple of sixteen is fastest.
    pub head_width: usize,
    /// What products of queries and keys are multiplied by.
    pub scale: f32,
    /// Scores become `cap * tanh(score / cap)`.
    pub cap: Option<f32>,
    /// Tokens that a row sees, its own included; none is all.
    pub window: Option<usize>,
}

impl Shape {
    /// The first token that a row at `position` sees.
    #[must_use]
    pub fn begin(&self, position: usize) -> usize {
        self.window
            .map_or(0, |window| (position + 1).saturating_sub(window))
    }
}

/// `out = sum of softmax(scale q k) v` for every head of every row. `queries` and `out` hold rows of `heads * head_width`.
///
/// # Panics
/// When blocks or rows have another shape: a programming error.
pub fn attend(
    shape: &Shape,
    sequences: &[Sequence<'_>],
    queries: &[f32],
    out: &mut [f32],
    instructions: Instructions,
    pool: &Pool,
) {
    let width = shape.heads * shape.head_width;
    assert!(
        shape.head_width.is_multiple_of(2)
            && queries.len() == out.len()
            && queries.len().is_multiple_of(width),
        "rows of another shape"
    );
    let shared = shape.heads / shape.kv_heads;
    let height = (QUERIES / shared).max(1);
    let mut units = Vec::new();
    for sequence in sequences {
        assert!(
            (sequence.row + sequence.rows) * width <= out.len(),
            "more rows than the pass has"
        );
        for first in (0..sequence.rows).step_by(height) {
            let rows = height.min(sequence.rows - first);
            units.extend((0..shape.kv_heads).map(|head| (sequence, first, rows, head)));
        }
    }
    let out = Shards(out.as_mut_ptr());
    pool.run(units.len(), &|unit| {
        let (sequence, first, rows, head) = units[unit];
        let unit = Unit {
            shape,
            sequence,
            first,
            rows,
            head,
            queries,
            out: &out,
        };
        SCORES.with_borrow_mut(|scores| {
            by_instructions!(instructions, mix(unit: Unit<'_>, scores: &mut Vec<f32>));
        });
    });
}

thread_local! {
    /// Memory to work in.
    static SCORES: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// The query heads of some rows that share one head of keys and values.
struct Unit<'a> {
    shape: &'a Shape,
    sequence: &'a Sequence<'a>,
    first: usize,
    rows: usize,
    head: usize,
    queries: &'a [f32],
    out: &'a Shards<f32>,
}

/// One query: where it stands in the pass, and the tokens it sees counted from the first block.
#[derive(Clone, Copy, Default)]
struct Query {
    at: usize,
    begin: usize,
    end: usize,
}

#[inline(always)]
unsafe fn mix<L: Lanes>(unit: Unit<'_>, scores: &mut Vec<f32>) {
    let shape = unit.shape;
    let shared = shape.heads / shape.kv_heads;
    let total = unit.rows * shared;
    let mut done = 0;
    while done < total {
        let count = (total - done).div_ceil((total - done).div_ceil(QUERIES));
        let mut queries = [Query::default(); QUERIES];
        for (number, query) in queries.iter_mut().enumerate().take(count) {
            let (row, head) = ((done + number) / shared, (done + number) % shared);
            let row = unit.first + row;
            let position = unit.sequence.position + row;
            *query = Query {
                at: ((unit.sequence.row + row) * shape.heads + unit.head * shared + head)
                    * shape.head_width,
                begin: shape.begin(position).max(unit.sequence.first) - unit.sequence.first,
                end: position + 1 - unit.sequence.first,
            };
        }
        // SAFETY: as this function's.
        unsafe {
            match count {
                1 => some::<L, 1>(&unit, &queries, scores),
                2 => some::<L, 2>(&unit, &queries, scores),
                3 => some::<L, 3>(&unit, &queries, scores),
                4 => some::<L, 4>(&unit, &queries, scores),
                5 => some::<L, 5>(&unit, &queries, scores),
                _ => some::<L, 6>(&unit, &queries, scores),
            }
        }
        done += count;
    }
}

#[inline(always)]
unsafe fn some<L: Lanes, const Q: usize>(
    unit: &Unit<'_>,
    queries: &[Query; QUERIES],
    scores: &mut Vec<f32>,
) {
    let (shape, width) = (unit.shape, unit.shape.head_width);
    let begin = (0..Q).map(|q| queries[q].begin).min().unwrap_or(0) / TOKENS;
    let end = (0..Q)
        .map(|q| queries[q].end)
        .max()
        .unwrap_or(0)
        .div_ceil(TOKENS);
    let blocks = &unit.sequence.blocks[begin..end];
    let length = blocks.len() * TOKENS;
    scores.clear();
    scores.resize(Q * length, 0.0);
    let kv_width = shape.kv_heads * width;
    // SAFETY: blocks hold `kv_width` rows of sixteen keys and sixteen rows of `kv_width` values; queries and results are inside
    // the pass (checked by `attend`); each head of each row is written by one unit.
    unsafe {
        let query: [*const f32; Q] =
            std::array::from_fn(|q| unit.queries[queries[q].at..][..width].as_ptr());
        let scale = L::splat(shape.scale);
        for (number, block) in blocks.iter().enumerate() {
            let keys = block.keys[unit.head * width * TOKENS..][..width * TOKENS].as_ptr();
            // Even and odd numbers apart: two chains of sums that do not wait for each other.
            let mut even = [L::splat(0.0); Q];
            let mut odd = [L::splat(0.0); Q];
            for d in (0..width).step_by(2) {
                let pair = [
                    L::load_half(keys.add(d * TOKENS)),
                    L::load_half(keys.add((d + 1) * TOKENS)),
                ];
                for q in 0..Q {
                    let from = query[q].add(d);
                    even[q] = L::splat(*from).mul_add(pair[0], even[q]);
                    odd[q] = L::splat(*from.add(1)).mul_add(pair[1], odd[q]);
                }
            }
            for q in 0..Q {
                let mut score = even[q].add(odd[q]).mul(scale);
                if let Some(cap) = shape.cap {
                    let cap = L::splat(cap);
                    score = tanh_lanes(score.div(cap)).mul(cap);
                }
                score.store(scores.as_mut_ptr().add(q * length + number * TOKENS));
            }
        }
        let mut shares = [0.0; Q];
        for q in 0..Q {
            let seen = queries[q].begin - begin * TOKENS..queries[q].end - begin * TOKENS;
            shares[q] = soft_max::<L>(&mut scores[q * length..(q + 1) * length], seen);
        }
        let mut at = 0;
        while at < width {
            let left = width - at;
            let place = unit.head * width + at;
            if left >= 4 * LANES {
                weigh::<L, Q, 4>(blocks, scores, place, kv_width, &shares, unit, queries, at);
                at += 4 * LANES;
            } else if left >= LANES {
                weigh::<L, Q, 1>(blocks, scores, place, kv_width, &shares, unit, queries, at);
                at += LANES;
            } else {
                weigh_one::<Q>(blocks, scores, place, kv_width, &shares, unit, queries, at);
                at += 1;
            }
        }
    }
}

/// Turns the scores of `seen` into weights and the others into zeros; returns the inverse of the weights' sum.
#[inline(always)]
unsafe fn soft_max<L: Lanes>(scores: &mut [f32], seen: std::ops::Range<usize>) -> f32 {
    scores[..seen.start].fill(f32::NEG_INFINITY);
    scores[seen.end..].fill(f32::NEG_INFINITY);
    // SAFETY: whole blocks of sixteen.
    unsafe {
        let mut highest = L::splat(f32::NEG_INFINITY);
        for block in scores.chunks_exact(LANES) {
            highest = L::load(block.as_ptr()).max(highest);
        }
        let highest = L::splat(highest.largest());
        for block in scores.chunks_exact_mut(LANES) {
            exponential_lanes(L::load(block.as_ptr()).sub(highest)).store(block.as_mut_ptr());
        }
        scores[..seen.start].fill(0.0);
        scores[seen.end..].fill(0.0);
        let mut sum = L::splat(0.0);
        for block in scores.chunks_exact(LANES) {
            sum = sum.add(L::load(block.as_ptr()));
        }
        1.0 / sum.sum()
    }
}

/// `16 * C` numbers of the weighted sums of values, from number `place` of the tokens' values on.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "the state of one loop")]
unsafe fn weigh<L: Lanes, const Q: usize, const C: usize>(
    blocks: &[Block<'_>],
    scores: &[f32],
    place: usize,
    kv_width: usize,
    shares: &[f32; Q],
    unit: &Unit<'_>,
    queries: &[Query; QUERIES],
    at: usize,
) {
    let length = blocks.len() * TOKENS;
    // SAFETY: as `some`.
    unsafe {
        let mut sums = [[L::splat(0.0); C]; Q];
        for (number, block) in blocks.iter().enumerate() {
            let values = block.values[..TOKENS * kv_width].as_ptr().add(place);
            for token in 0..TOKENS {
                let values: [L; C] =
                    std::array::from_fn(|c| L::load_half(values.add(token * kv_width + c * LANES)));
                for q in 0..Q {
                    let weight = *scores.get_unchecked(q * length + number * TOKENS + token);
                    let weight = L::splat(weight);
                    for c in 0..C {
                        sums[q][c] = weight.mul_add(values[c], sums[q][c]);
                    }
                }
            }
        }
        for q in 0..Q {
            for c in 0..C {
                let to = unit.out.at(queries[q].at + at + c * LANES);
                sums[q][c].mul(L::splat(shares[q])).store(to);
            }
        }
    }
}

/// The same for one number, where a head's width is no multiple of sixteen.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "the state of one loop")]
unsafe fn weigh_one<const Q: usize>(
    blocks: &[Block<'_>],
    scores: &[f32],
    place: usize,
    kv_width: usize,
    shares: &[f32; Q],
    unit: &Unit<'_>,
    queries: &[Query; QUERIES],
    at: usize,
) {
    let length = blocks.len() * TOKENS;
    for q in 0..Q {
        let mut sum = 0.0_f32;
        for (number, block) in blocks.iter().enumerate() {
            for token in 0..TOKENS {
                let value = crate::lm::float::from_half(block.values[token * kv_width + place]);
                sum = scores[q * length + number * TOKENS + token].mul_add(value, sum);
            }
        }
        // SAFETY: as `some`.
        unsafe { *unit.out.at(queries[q].at + at) = sum * shares[q] };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lm::float::{from_half, to_half};

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn halves(count: usize, seed: u32) -> Vec<u16> {
        numbers(count, seed).into_iter().map(to_half).collect()
    }

    struct Case {
        shape: Shape,
        position: usize,
        rows: usize,
        keys: Vec<u16>,
        values: Vec<u16>,
        queries: Vec<f32>,
    }

    impl Case {
        fn new(shape: Shape, position: usize, rows: usize) -> Self {
            let kv = shape.kv_heads * shape.head_width;
            let blocks = (position + rows).div_ceil(TOKENS);
            Self {
                shape,
                position,
                rows,
                keys: halves(blocks * TOKENS * kv, 2),
                values: halves(blocks * TOKENS * kv, 3),
                queries: numbers(rows * shape.heads * shape.head_width, 1),
            }
        }

        /// Rows `first..first + count` in one call.
        fn run(
            &self,
            first: usize,
            count: usize,
            instructions: Instructions,
            threads: usize,
        ) -> Vec<f32> {
            let size = TOKENS * self.shape.kv_heads * self.shape.head_width;
            let begin = self.shape.begin(self.position + first) / TOKENS;
            let end = (self.position + first + count).div_ceil(TOKENS);
            let blocks = (begin..end)
                .map(|block| Block {
                    keys: &self.keys[block * size..(block + 1) * size],
                    values: &self.values[block * size..(block + 1) * size],
                })
                .collect();
            let sequence = Sequence {
                blocks,
                first: begin * TOKENS,
                row: 0,
                position: self.position + first,
                rows: count,
            };
            let width = self.shape.heads * self.shape.head_width;
            let mut out = vec![9.0; count * width];
            let queries = &self.queries[first * width..(first + count) * width];
            let pool = Pool::new(threads).unwrap();
            attend(
                &self.shape,
                &[sequence],
                queries,
                &mut out,
                instructions,
                &pool,
            );
            out
        }

        fn exact(&self, row: usize, head: usize) -> Vec<f64> {
            let Shape {
                heads,
                kv_heads,
                head_width,
                scale,
                cap,
                ..
            } = self.shape;
            let kv = kv_heads * head_width;
            let group = head / (heads / kv_heads);
            let query = &self.queries[(row * heads + head) * head_width..][..head_width];
            let position = self.position + row;
            let seen = self.shape.begin(position)..position + 1;
            let score = |t: usize| {
                let (block, token) = (t / TOKENS, t % TOKENS);
                let dot: f64 = (0..head_width)
                    .map(|d| {
                        let at = (block * kv + group * head_width + d) * TOKENS + token;
                        f64::from(query[d]) * f64::from(from_half(self.keys[at]))
                    })
                    .sum();
                let score = dot * f64::from(scale);
                cap.map_or(score, |cap| {
                    f64::from(cap) * (score / f64::from(cap)).tanh()
                })
                .exp()
            };
            let total: f64 = seen.clone().map(score).sum();
            (0..head_width)
                .map(|d| {
                    let value = |t: usize| {
                        f64::from(from_half(self.values[t * kv + group * head_width + d]))
                    };
                    seen.clone().map(|t| score(t) / total * value(t)).sum()
                })
                .collect()
        }
    }

    #[test]
    fn the_numbers_are_right_and_the_same_however_the_work_is_cut() {
        let shape = |heads, kv_heads, head_width, cap, window| Shape {
            heads,
            kv_heads,
            head_width,
            scale: 0.3,
            cap,
            window,
        };
        for case in [
            Case::new(shape(1, 1, 16, None, None), 0, 1),
            Case::new(shape(9, 3, 64, None, None), 37, 9),
            Case::new(shape(4, 2, 20, None, None), 90, 3),
            Case::new(shape(8, 1, 32, Some(2.0), Some(17)), 60, 5),
            Case::new(shape(2, 2, 80, None, Some(16)), 0, 40),
        ] {
            let width = case.shape.heads * case.shape.head_width;
            let plain = case.run(0, case.rows, Instructions::Portable, 1);
            for instructions in Instructions::available() {
                for threads in [1, 2] {
                    assert_eq!(
                        plain,
                        case.run(0, case.rows, instructions, threads),
                        "{instructions:?}"
                    );
                    for row in 0..case.rows {
                        let alone = case.run(row, 1, instructions, threads);
                        assert_eq!(plain[row * width..(row + 1) * width], alone, "row {row}");
                    }
                }
            }
            for row in 0..case.rows {
                for head in 0..case.shape.heads {
                    let found = &plain[row * width + head * case.shape.head_width..];
                    for (found, exact) in found.iter().zip(case.exact(row, head)) {
                        assert!((f64::from(*found) - exact).abs() < 2e-5, "{found} {exact}");
                    }
                }
            }
        }
    }
}
