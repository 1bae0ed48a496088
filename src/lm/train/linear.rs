//! Linear maps with what adapters add to them, forward and backward.
//!
//! An adapter's part is a second term of the same product: `[x | s x A^T] · [W | B]^T`. Rows of different adapters are
//! different runs of rows.

use super::factors::{Factors, Module, Pair, Plan};
use super::net::{Group, Maps};
use super::random::{Draws, Purpose};
use crate::lm::kernel::gemm::{Term, View, ViewMut, multiply_fast};
use crate::lm::matrix::Compute;
use std::ops::Range;

/// Rows that are computed with one adapter.
#[derive(Clone)]
pub(super) struct Run<'a> {
    pub rows: Range<usize>,
    pub adapter: usize,
    pub plan: &'a Plan,
    pub factors: &'a Factors,
}

/// What draws of dropout depend on besides their place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance {
    pub seed: u64,
    pub step: u64,
    /// Batches of this step before.
    pub batch: u64,
}

/// One group of maps in one layer.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub layer: usize,
    pub group: Group,
    pub maps: &'a Maps,
    pub runs: &'a [Run<'a>],
    /// None where nothing drops out.
    pub chance: Option<Chance>,
    pub compute: Compute<'a>,
}

/// Where gradients are added.
pub(super) enum Gradient<'a> {
    /// By the maps themselves.
    Maps(&'a mut Maps),
    /// By the factors of each adapter.
    Factors(&'a mut [Factors]),
}

/// What the adapters' first factors made of the input, scaled: for each run, rows of the modules' ranks.
pub(super) type Hidden = Vec<Vec<f32>>;

impl<'a> Place<'a> {
    /// `W x + b` for rows of `inputs` numbers, and what the backward pass needs of the adapters.
    pub fn forward(&self, x: &[f32], inputs: usize) -> (Vec<f32>, Hidden) {
        let rows = x.len() / inputs;
        let outputs = self.maps.weight.len() / inputs;
        let mut out = vec![0.0; rows * outputs];
        let weight = View::new(&self.maps.weight, inputs);
        let view = View::new(x, inputs);
        if self
            .runs
            .iter()
            .all(|run| run.plan.of(self.group).is_empty())
        {
            let terms = [(view, weight.transposed())];
            self.product(ViewMut::new(&mut out, outputs), &terms, false);
            self.add_bias(&mut out, outputs);
            return (out, vec![Vec::new(); self.runs.len()]);
        }
        let hidden: Hidden = self
            .runs
            .iter()
            .map(|run| self.hidden(run, x, inputs))
            .collect();
        for (run, hidden) in self.runs.iter().zip(&hidden) {
            let own = view.row_range(run.rows.clone());
            let pair = self.pair(run);
            let modules = run.plan.of(self.group);
            let numbers = &mut out[run.rows.start * outputs..run.rows.end * outputs];
            for (columns, module) in covered(modules, outputs) {
                let base = (own, weight.row_range(columns.clone()).transposed());
                let to = ViewMut::new(numbers, outputs).column_range(columns);
                match module {
                    Some(index) => {
                        let module = &modules[index];
                        let hidden = View::new(hidden, total(run.plan, modules));
                        let b = View::new(&pair.b[index], module.rows.len());
                        let added = (hidden.column_range(module.hidden.clone()), b);
                        self.product(to, &[base, added], false);
                    }
                    None => self.product(to, &[base], false),
                }
            }
        }
        self.add_bias(&mut out, outputs);
        (out, hidden)
    }

    /// Adds gradients from `change`, that by the result; returns that by the input where it is wanted.
    pub fn backward(
        &self,
        x: &[f32],
        inputs: usize,
        hidden: &Hidden,
        change: &[f32],
        gradient: Gradient<'_>,
        is_input_wanted: bool,
    ) -> Vec<f32> {
        let outputs = self.maps.weight.len() / inputs;
        let rows = x.len() / inputs;
        let mut out = if is_input_wanted {
            vec![0.0; rows * inputs]
        } else {
            Vec::new()
        };
        let weight = View::new(&self.maps.weight, inputs);
        let all = View::new(change, outputs);
        match gradient {
            Gradient::Maps(maps) => {
                let to = ViewMut::new(&mut maps.weight, inputs);
                self.product(to, &[(all.transposed(), View::new(x, inputs))], true);
                if let Some(bias) = &mut maps.bias {
                    add_columns(change, bias, self.compute);
                }
                if is_input_wanted {
                    self.product(ViewMut::new(&mut out, inputs), &[(all, weight)], false);
                }
            }
            Gradient::Factors(factors) => {
                for (run, hidden) in self.runs.iter().zip(hidden) {
                    let own = all.row_range(run.rows.clone());
                    let modules = run.plan.of(self.group);
                    let added = self.factors_backward(
                        run,
                        x,
                        inputs,
                        hidden,
                        own,
                        &mut factors[run.adapter],
                    );
                    if !is_input_wanted {
                        continue;
                    }
                    let numbers = &mut out[run.rows.start * inputs..run.rows.end * inputs];
                    let mut terms = vec![(own, weight)];
                    if !modules.is_empty() && !self.drops(run) {
                        let width = total(run.plan, modules);
                        terms.push((
                            View::new(&added, width),
                            View::new(&self.pair(run).a, inputs),
                        ));
                    }
                    self.product(ViewMut::new(numbers, inputs), &terms, false);
                    if !modules.is_empty() && self.drops(run) {
                        self.add_dropped(run, &added, inputs, numbers);
                    }
                }
            }
        }
        out
    }

    /// Adds the gradients by a run's factors; returns that by what A makes of the input.
    fn factors_backward(
        &self,
        run: &Run<'_>,
        x: &[f32],
        inputs: usize,
        hidden: &[f32],
        change: View<'_>,
        gradient: &mut Factors,
    ) -> Vec<f32> {
        let modules = run.plan.of(self.group);
        if modules.is_empty() {
            return Vec::new();
        }
        let width = total(run.plan, modules);
        let pair = self.pair(run);
        let gradient = &mut gradient.layers[self.layer][self.group as usize];
        let mut added = vec![0.0; hidden.len()];
        for (index, module) in modules.iter().enumerate() {
            let own = change.column_range(module.rows.clone());
            let b = View::new(&pair.b[index], module.rows.len());
            let to = ViewMut::new(&mut added, width).column_range(module.hidden.clone());
            self.product(to, &[(own, b.transposed())], false);
            let hidden = View::new(hidden, width).column_range(module.hidden.clone());
            let to = ViewMut::new(&mut gradient.b[index], module.rows.len());
            self.product(to, &[(hidden.transposed(), own)], true);
        }
        scale(&mut added, run.plan.scale);
        let x = &x[run.rows.start * inputs..run.rows.end * inputs];
        if self.drops(run) {
            for (index, module) in modules.iter().enumerate() {
                let dropped = self.dropped(run, index, x, inputs);
                let own = View::new(&added, width).column_range(module.hidden.clone());
                let a = &mut gradient.a[module.hidden.start * inputs..module.hidden.end * inputs];
                let terms = [(own.transposed(), View::new(&dropped, inputs))];
                self.product(ViewMut::new(a, inputs), &terms, true);
            }
        } else {
            let terms = [(View::new(&added, width).transposed(), View::new(x, inputs))];
            self.product(ViewMut::new(&mut gradient.a, inputs), &terms, true);
        }
        added
    }

    /// `s x A^T` for all modules of a run.
    fn hidden(&self, run: &Run<'_>, x: &[f32], inputs: usize) -> Vec<f32> {
        let modules = run.plan.of(self.group);
        if modules.is_empty() {
            return Vec::new();
        }
        let width = total(run.plan, modules);
        let mut out = vec![0.0; run.rows.len() * width];
        let a = View::new(&self.pair(run).a, inputs);
        let x = &x[run.rows.start * inputs..run.rows.end * inputs];
        if self.drops(run) {
            for (index, module) in modules.iter().enumerate() {
                let dropped = self.dropped(run, index, x, inputs);
                let to = ViewMut::new(&mut out, width).column_range(module.hidden.clone());
                let a = a.row_range(module.hidden.clone()).transposed();
                self.product(to, &[(View::new(&dropped, inputs), a)], false);
            }
        } else {
            let terms = [(View::new(x, inputs), a.transposed())];
            self.product(ViewMut::new(&mut out, width), &terms, false);
        }
        scale(&mut out, run.plan.scale);
        out
    }

    fn pair(&self, run: &Run<'a>) -> &'a Pair {
        &run.factors.layers[self.layer][self.group as usize]
    }

    fn drops(&self, run: &Run<'_>) -> bool {
        self.chance.is_some() && run.plan.dropout > 0.0
    }

    /// A run's input without what drops out for a module, the rest enlarged.
    fn dropped(&self, run: &Run<'_>, module: usize, x: &[f32], inputs: usize) -> Vec<f32> {
        let mut out = x.to_vec();
        self.drop_out(run, module, inputs, &mut out);
        out
    }

    fn drop_out(&self, run: &Run<'_>, module: usize, inputs: usize, values: &mut [f32]) {
        let Some(chance) = self.chance else { return };
        let key = [
            chance.step,
            chance.batch,
            self.layer as u64,
            self.group as u64,
            module as u64,
        ];
        let draws = Draws::new(chance.seed, Purpose::Dropout, &key);
        let (dropout, kept) = (run.plan.dropout, 1.0 / (1.0 - run.plan.dropout));
        let pairs = inputs.div_ceil(2) as u64;
        self.compute.pool.chunks(values, inputs, &|number, row| {
            let first = (run.rows.start + number) as u64 * pairs;
            for (counter, two) in (first..).zip(row.chunks_mut(2)) {
                for (value, draw) in two.iter_mut().zip(draws.two_units(counter)) {
                    *value *= if draw < dropout { 0.0 } else { kept };
                }
            }
        });
    }

    /// Adds what comes back through the factors of a run whose input dropped out.
    fn add_dropped(&self, run: &Run<'_>, added: &[f32], inputs: usize, out: &mut [f32]) {
        let modules = run.plan.of(self.group);
        let width = total(run.plan, modules);
        let a = View::new(&self.pair(run).a, inputs);
        let mut part = vec![0.0; out.len()];
        for (index, module) in modules.iter().enumerate() {
            let own = View::new(added, width).column_range(module.hidden.clone());
            let terms = [(own, a.row_range(module.hidden.clone()))];
            self.product(ViewMut::new(&mut part, inputs), &terms, false);
            self.drop_out(run, index, inputs, &mut part);
            for (sum, value) in out.iter_mut().zip(&part) {
                *sum += value;
            }
        }
    }

    fn product(&self, out: ViewMut<'_>, terms: &[Term<'_>], is_added: bool) {
        let Compute { instructions, pool } = self.compute;
        multiply_fast(out, terms, is_added, instructions, Some(pool));
    }

    fn add_bias(&self, out: &mut [f32], outputs: usize) {
        if let Some(bias) = &self.maps.bias {
            self.compute.pool.chunks(out, 16 * outputs, &|_, out| {
                for row in out.chunks_exact_mut(outputs) {
                    for (value, bias) in row.iter_mut().zip(bias) {
                        *value += bias;
                    }
                }
            });
        }
    }
}

fn total(plan: &Plan, modules: &[Module]) -> usize {
    plan.rank * modules.len()
}

/// All outputs in order: those of a module with its number, and those between modules.
fn covered(modules: &[Module], outputs: usize) -> Vec<(Range<usize>, Option<usize>)> {
    let mut all = Vec::new();
    let mut end = 0;
    for (index, module) in modules.iter().enumerate() {
        if end < module.rows.start {
            all.push((end..module.rows.start, None));
        }
        all.push((module.rows.clone(), Some(index)));
        end = module.rows.end;
    }
    if end < outputs {
        all.push((end..outputs, None));
    }
    all
}

fn scale(values: &mut [f32], factor: f32) {
    for value in values {
        *value *= factor;
    }
}

/// `sums[i] += sum over rows of rows[i]`.
fn add_columns(rows: &[f32], sums: &mut [f32], compute: Compute<'_>) {
    const COLUMNS: usize = 64;
    let width = sums.len();
    compute.pool.chunks(sums, COLUMNS, &|number, sums| {
        for row in rows.chunks_exact(width) {
            for (sum, value) in sums.iter_mut().zip(&row[number * COLUMNS..]) {
                *sum += value;
            }
        }
    });
}
