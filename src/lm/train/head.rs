//! The loss: the vocabulary head at rows that have a label, a piece at a time, so that logits never exist whole.

use super::layer::{Gradients, Pass};
use crate::lm::kernel::gemm::{View, ViewMut, multiply_fast};
use crate::lm::kernel::gradient::cross_entropy;
use crate::lm::matrix::Compute;

/// Logits that exist at once.
const LOGITS: usize = 1 << 24;
/// Rows of a piece are a multiple of this.
const ROWS: usize = 64;

impl Pass<'_> {
    /// The sum of losses of rows with their targets, one number for each of them. With gradients, also adds those by the head
    /// and the last norm, and by the stream to `change`.
    pub fn loss(
        &self,
        x: &[f32],
        targets: &[(usize, u32)],
        mut backward: Option<(&mut [f32], &mut Gradients<'_>)>,
    ) -> Vec<f32> {
        let (config, width) = (self.config, self.config.width);
        let Compute { instructions, pool } = self.compute;
        let head = View::new(self.net.head.as_ref().unwrap_or(&self.net.embedding), width);
        let piece = (LOGITS / config.vocabulary).max(ROWS) / ROWS * ROWS;
        let mut losses = Vec::with_capacity(targets.len());
        let mut logits = Vec::new();
        for targets in targets.chunks(piece) {
            let mut rows = Vec::with_capacity(targets.len() * width);
            for &(row, _) in targets {
                rows.extend_from_slice(&x[row * width..(row + 1) * width]);
            }
            let normed = self.normed(&rows, &self.net.norm);
            logits.resize(targets.len() * config.vocabulary, 0.0);
            let product = |out: &mut [f32], columns, term, is_added| {
                let out = ViewMut::new(out, columns);
                multiply_fast(out, &[term], is_added, instructions, Some(pool));
            };
            let term = (View::new(&normed, width), head.transposed());
            product(&mut logits, config.vocabulary, term, false);
            let is_wanted = backward.is_some();
            let mut rows_and_losses: Vec<(&mut [f32], f32)> = logits
                .chunks_exact_mut(config.vocabulary)
                .map(|row| (row, 0.0))
                .collect();
            pool.chunks(&mut rows_and_losses, 1, &|number, one| {
                let target = targets[number].1 as usize;
                for (logits, loss) in one {
                    *loss =
                        cross_entropy(logits, target, config.logit_cap, is_wanted, instructions);
                }
            });
            losses.extend(rows_and_losses.iter().map(|(_, loss)| loss));
            let Some((change, gradients)) = &mut backward else {
                continue;
            };
            let by_logits = View::new(&logits, config.vocabulary);
            let mut by_normed = vec![0.0; normed.len()];
            product(&mut by_normed, width, (by_logits, head), false);
            let mut own = None;
            if let Gradients::Net(net) = gradients {
                let to = net.head.as_mut().unwrap_or(&mut net.embedding);
                let term = (by_logits.transposed(), View::new(&normed, width));
                product(to, width, term, true);
                own = Some(&mut net.norm);
            }
            let mut by_rows = vec![0.0; rows.len()];
            self.norm_backward(&rows, &self.net.norm, &by_normed, &mut by_rows, own);
            for (&(row, _), values) in targets.iter().zip(by_rows.chunks_exact(width)) {
                let change = &mut change[row * width..(row + 1) * width];
                for (sum, value) in change.iter_mut().zip(values) {
                    *sum += value;
                }
            }
        }
        losses
    }
}
