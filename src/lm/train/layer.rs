//! One layer, forward and backward.
//!
//! What a layer keeps for its backward pass are results of products; what norms and gates make of them is computed again.

use super::factors::Factors;
use super::linear::{Chance, Gradient, Hidden, Place, Run};
use super::net::{Group, Net, NetLayer};
use super::rotation::{Layout, Rotation, Sequences};
use crate::lm::config::Config;
use crate::lm::kernel::causal::Grouped;
use crate::lm::kernel::{gradient, stream};
use crate::lm::matrix::Compute;
use std::ops::Range;

/// What all layers of a pass share.
pub(super) struct Pass<'a> {
    pub config: &'a Config,
    pub net: &'a Net,
    pub runs: Vec<Run<'a>>,
    pub sequences: Sequences,
    pub rotation: Rotation,
    /// Of layers with a window, where it differs.
    pub rotation_local: Option<Rotation>,
    pub chance: Option<Chance>,
    pub compute: Compute<'a>,
}

/// Where the gradients of a pass are added.
pub(super) enum Gradients<'a> {
    /// By every number of the model.
    Net(&'a mut Net),
    /// By the factors of each adapter.
    Factors(&'a mut [Factors]),
}

impl Gradients<'_> {
    fn maps(&mut self, layer: usize, group: Group) -> Gradient<'_> {
        match self {
            Self::Net(net) => Gradient::Maps(net.layers[layer].maps_mut(group)),
            Self::Factors(factors) => Gradient::Factors(factors),
        }
    }
}

/// What the backward pass of a layer needs.
pub(super) struct Kept {
    /// The stream before the layer.
    pub x: Vec<f32>,
    rest: Option<Rest>,
}

/// What is not kept when memory is to be saved.
struct Rest {
    /// Queries, keys and values before the norms of heads, where there are such.
    unnormed: Vec<f32>,
    /// The same as groups of heads, turned.
    grouped: Vec<f32>,
    /// The logarithms of attention's sums.
    sums: Vec<f32>,
    mixed: Vec<f32>,
    /// What attention adds, before its norm, where there is one.
    attended: Vec<f32>,
    /// The stream between the two parts.
    middle: Vec<f32>,
    gates_ups: Vec<f32>,
    /// What the feed-forward part adds, before its norm, where there is one.
    fed: Vec<f32>,
    hidden: [Hidden; 4],
}

impl Kept {
    /// Forgets what can be computed again.
    pub fn inputs_only(mut self) -> Self {
        self.rest = None;
        self
    }
}

impl Pass<'_> {
    /// Replaces the stream by that behind a layer.
    pub fn forward(&self, layer: usize, x: &mut Vec<f32>) -> Kept {
        let (rest, out) = self.compute_layer(layer, x);
        Kept {
            x: std::mem::replace(x, out),
            rest: Some(rest),
        }
    }

    fn compute_layer(&self, index: usize, x: &[f32]) -> (Rest, Vec<f32>) {
        let (config, layer) = (self.config, &self.net.layers[index]);
        let normed = self.normed(x, &layer.attention_norm);
        let (mut rows, in_attention) = self
            .place(index, Group::QueryKeyValue)
            .forward(&normed, config.width);
        let unnormed = self.norm_heads(layer, &mut rows);
        let layout = Layout::of(config);
        let grouped = layout.grouped(
            &rows,
            &self.sequences,
            self.rotation(index),
            self.compute.pool,
        );
        let (results, sums) = self
            .attention(index, &grouped)
            .attend(self.compute.instructions, self.compute.pool);
        let mixed = layout.mixed(&results, &self.sequences, self.compute.pool);
        let (attended, in_output) = self
            .place(index, Group::Output)
            .forward(&mixed, config.query_width());
        let mut middle = x.to_vec();
        let attended = self.add(&mut middle, attended, layer.attention_post_norm.as_deref());
        let normed = self.normed(&middle, &layer.feed_norm);
        let (gates_ups, in_gate) = self
            .place(index, Group::GateUp)
            .forward(&normed, config.width);
        let gated = self.gated(&gates_ups);
        let (fed, in_down) = self
            .place(index, Group::Down)
            .forward(&gated, config.feed_forward);
        let mut out = middle.clone();
        let fed = self.add(&mut out, fed, layer.feed_post_norm.as_deref());
        let rest = Rest {
            unnormed,
            grouped,
            sums,
            mixed,
            attended,
            middle,
            gates_ups,
            fed,
            hidden: [in_attention, in_output, in_gate, in_down],
        };
        (rest, out)
    }

    /// Replaces the gradient by the stream behind a layer by that before it, and adds those by the layer's numbers.
    pub fn backward(
        &self,
        index: usize,
        kept: Kept,
        change: &mut [f32],
        gradients: &mut Gradients<'_>,
    ) {
        let (config, layer) = (self.config, &self.net.layers[index]);
        let Compute { instructions, pool } = self.compute;
        let Kept { x, rest } = kept;
        let mut rest = rest.unwrap_or_else(|| self.compute_layer(index, &x).0);
        let [in_attention, in_output, in_gate, in_down] = &rest.hidden;

        // The feed-forward part.
        let own = norms(gradients, index, |layer| layer.feed_post_norm.as_mut());
        let fed = self.behind_norm(change, &rest.fed, layer.feed_post_norm.as_deref(), own);
        let gated = self.gated(&rest.gates_ups);
        let by_gated = self.place(index, Group::Down).backward(
            &gated,
            config.feed_forward,
            in_down,
            &fed,
            gradients.maps(index, Group::Down),
            true,
        );
        drop((gated, fed));
        let width = config.feed_forward;
        gradient::gated_backward(
            config.activation,
            &mut rest.gates_ups,
            width,
            &by_gated,
            instructions,
            pool,
        );
        drop(by_gated);
        let normed = self.normed(&rest.middle, &layer.feed_norm);
        let by_normed = self.place(index, Group::GateUp).backward(
            &normed,
            config.width,
            in_gate,
            &rest.gates_ups,
            gradients.maps(index, Group::GateUp),
            true,
        );
        drop(normed);
        let own = norms(gradients, index, |layer| Some(&mut layer.feed_norm));
        self.norm_backward(&rest.middle, &layer.feed_norm, &by_normed, change, own);

        // Attention.
        let own = norms(gradients, index, |layer| layer.attention_post_norm.as_mut());
        let norm = layer.attention_post_norm.as_deref();
        let attended = self.behind_norm(change, &rest.attended, norm, own);
        let by_mixed = self.place(index, Group::Output).backward(
            &rest.mixed,
            config.query_width(),
            in_output,
            &attended,
            gradients.maps(index, Group::Output),
            true,
        );
        drop(attended);
        let layout = Layout::of(config);
        let by_results = layout.unmixed(&by_mixed, &self.sequences, pool);
        let results = layout.unmixed(&rest.mixed, &self.sequences, pool);
        let by_groups = self.attention(index, &rest.grouped).backward(
            &results,
            &rest.sums,
            &by_results,
            instructions,
            pool,
        );
        let mut by_rows = layout.ungrouped(&by_groups, &self.sequences, self.rotation(index), pool);
        drop((by_mixed, by_results, results, by_groups));
        self.heads_backward(index, &rest.unnormed, &mut by_rows, gradients);
        let normed = self.normed(&x, &layer.attention_norm);
        // Nothing is trained below the first layer but the embedding.
        let is_wanted = index > 0 || matches!(gradients, Gradients::Net(_));
        let by_normed = self.place(index, Group::QueryKeyValue).backward(
            &normed,
            config.width,
            in_attention,
            &by_rows,
            gradients.maps(index, Group::QueryKeyValue),
            is_wanted,
        );
        if is_wanted {
            let own = norms(gradients, index, |layer| Some(&mut layer.attention_norm));
            self.norm_backward(&x, &layer.attention_norm, &by_normed, change, own);
        }
    }

    fn place(&self, layer: usize, group: Group) -> Place<'_> {
        Place {
            layer,
            group,
            maps: self.net.layers[layer].maps(group),
            runs: &self.runs,
            chance: self.chance,
            compute: self.compute,
        }
    }

    fn rotation(&self, layer: usize) -> &Rotation {
        match (&self.rotation_local, self.config.window.of(layer)) {
            (Some(local), Some(_)) => local,
            _ => &self.rotation,
        }
    }

    fn attention<'b>(&'b self, layer: usize, numbers: &'b [f32]) -> Grouped<'b> {
        Grouped {
            shape: Layout::of(self.config).shape(self.config, layer),
            lengths: &self.sequences.lengths,
            queries_keys_values: numbers,
        }
    }

    pub fn normed(&self, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        let Compute { instructions, pool } = self.compute;
        stream::normalise(
            x,
            weight,
            self.config.norm_epsilon,
            &mut out,
            instructions,
            pool,
        );
        out
    }

    fn gated(&self, gates_ups: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; gates_ups.len() / 2];
        let Compute { instructions, pool } = self.compute;
        let config = self.config;
        gradient::gated(
            config.activation,
            gates_ups,
            config.feed_forward,
            &mut out,
            instructions,
            pool,
        );
        out
    }

    /// Adds to the stream, normalised first where the family does so; what was added before its norm comes back then.
    fn add(&self, stream: &mut [f32], values: Vec<f32>, norm: Option<&[f32]>) -> Vec<f32> {
        match norm {
            Some(norm) => {
                stream::add(stream, &self.normed(&values, norm), self.compute.pool);
                values
            }
            None => {
                stream::add(stream, &values, self.compute.pool);
                Vec::new()
            }
        }
    }

    /// The gradient by what a part adds, from that by the stream.
    fn behind_norm(
        &self,
        change: &[f32],
        values: &[f32],
        norm: Option<&[f32]>,
        own: Option<&mut Vec<f32>>,
    ) -> Vec<f32> {
        let Some(norm) = norm else {
            return change.to_vec();
        };
        let mut out = vec![0.0; values.len()];
        self.norm_backward(values, norm, change, &mut out, own);
        out
    }

    /// Adds the gradient by a norm's input to `out`, and by its weight to `own`.
    pub fn norm_backward(
        &self,
        x: &[f32],
        weight: &[f32],
        change: &[f32],
        out: &mut [f32],
        own: Option<&mut Vec<f32>>,
    ) {
        let Compute { instructions, pool } = self.compute;
        let epsilon = self.config.norm_epsilon;
        gradient::norm_backward(x, weight, epsilon, change, out, instructions, pool);
        if let Some(own) = own {
            gradient::norm_weight_backward(x, epsilon, change, own, instructions, pool);
        }
    }

    /// Normalises the heads of queries and keys where the family does so; returns what they were then.
    fn norm_heads(&self, layer: &NetLayer, rows: &mut [f32]) -> Vec<f32> {
        let (Some(query_norm), Some(key_norm)) = (&layer.query_norm, &layer.key_norm) else {
            return Vec::new();
        };
        let unnormed = rows.to_vec();
        for (range, norm) in self.normed_columns(query_norm, key_norm) {
            let taken = self.columns(&unnormed, &range);
            self.put_columns(rows, &range, &self.normed(&taken, norm));
        }
        unnormed
    }

    fn heads_backward(
        &self,
        index: usize,
        unnormed: &[f32],
        rows: &mut [f32],
        gradients: &mut Gradients<'_>,
    ) {
        let layer = &self.net.layers[index];
        let (Some(query_norm), Some(key_norm)) = (&layer.query_norm, &layer.key_norm) else {
            return;
        };
        for (number, (range, norm)) in self
            .normed_columns(query_norm, key_norm)
            .into_iter()
            .enumerate()
        {
            let (x, change) = (self.columns(unnormed, &range), self.columns(rows, &range));
            let mut out = vec![0.0; x.len()];
            let own = norms(gradients, index, |layer| match number {
                0 => layer.query_norm.as_mut(),
                _ => layer.key_norm.as_mut(),
            });
            self.norm_backward(&x, norm, &change, &mut out, own);
            self.put_columns(rows, &range, &out);
        }
    }

    fn normed_columns<'n>(
        &self,
        query: &'n [f32],
        key: &'n [f32],
    ) -> [(Range<usize>, &'n [f32]); 2] {
        let (queries, keys) = (self.config.query_width(), self.config.kv_width());
        [(0..queries, query), (queries..queries + keys, key)]
    }

    fn row(&self) -> usize {
        self.config.query_width() + 2 * self.config.kv_width()
    }

    fn columns(&self, rows: &[f32], range: &Range<usize>) -> Vec<f32> {
        let rows = rows.chunks_exact(self.row());
        rows.flat_map(|row| &row[range.clone()]).copied().collect()
    }

    fn put_columns(&self, rows: &mut [f32], range: &Range<usize>, values: &[f32]) {
        let rows = rows.chunks_exact_mut(self.row());
        for (row, values) in rows.zip(values.chunks_exact(range.len())) {
            row[range.clone()].copy_from_slice(values);
        }
    }
}

/// The gradient by a norm of a layer, in full training.
fn norms<'g>(
    gradients: &'g mut Gradients<'_>,
    layer: usize,
    norm: impl FnOnce(&'g mut NetLayer) -> Option<&'g mut Vec<f32>>,
) -> Option<&'g mut Vec<f32>> {
    match gradients {
        Gradients::Net(net) => norm(&mut net.layers[layer]),
        Gradients::Factors(_) => None,
    }
}
