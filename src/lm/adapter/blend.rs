//! What one row adds to the frozen weights.

use super::{Adapter, Target};
use crate::lm::kernel::Instructions;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// A weighted sum of adapters: `y = W x + sum of w_i * scale_i * B_i (A_i x)`. Several stacked ones are a sum of weights 1.
#[derive(Debug, Clone)]
pub struct Blend {
    parts: Vec<(Arc<Adapter>, f32)>,
    identity: u64,
    instructions: Instructions,
}

/// Set in every identity, so that none is the serial number of a cached block, or the 0 of bare weights.
const MARK: u64 = 1 << 63;

impl Blend {
    /// Adapters with their weights, added in this order. A part of weight 0 is left out.
    #[must_use]
    pub fn new(mut parts: Vec<(Arc<Adapter>, f32)>) -> Self {
        parts.retain(|(_, weight)| *weight != 0.0);
        let mut hasher = DefaultHasher::new();
        for (adapter, weight) in &parts {
            (adapter.id(), weight.to_bits()).hash(&mut hasher);
        }
        let identity = if parts.is_empty() {
            0
        } else {
            hasher.finish() | MARK
        };
        Self {
            parts,
            identity,
            instructions: Instructions::detect(),
        }
    }

    /// One adapter as it is.
    #[must_use]
    pub fn of(adapter: Arc<Adapter>) -> Self {
        Self::new(vec![(adapter, 1.0)])
    }

    /// Names the exact adapters and weights, in order: rows with the same identity compute the same. 0 when nothing is added.
    #[must_use]
    pub fn identity(&self) -> u64 {
        self.identity
    }

    #[must_use]
    pub fn parts(&self) -> &[(Arc<Adapter>, f32)] {
        &self.parts
    }

    /// Whether anything is added to this linear map.
    #[must_use]
    pub fn touches(&self, layer: usize, target: Target) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|(adapter, _)| adapter.update(layer, target).is_some())
    }

    /// Adds its part of a linear map to `out`, for all rows of `x` (`inputs` numbers each). A row's sum has a fixed order and
    /// does not depend on the other rows. `scratch` is memory to work in.
    ///
    /// # Panics
    /// When `x` and `out` do not have the map's widths: a programming error.
    pub fn add(
        &self,
        layer: usize,
        target: Target,
        x: &[f32],
        inputs: usize,
        out: &mut [f32],
        scratch: &mut Vec<f32>,
    ) {
        for (adapter, weight) in &self.parts {
            if let Some(update) = adapter.update(layer, target) {
                debug_assert_eq!(update.factors.shape().1, inputs, "rows of another width");
                let factor = weight * update.scale;
                update
                    .factors
                    .add(x, factor, out, scratch, self.instructions);
            }
        }
    }
}
