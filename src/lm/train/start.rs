//! A model's first numbers, drawn from a seed.

use super::net::{Group, Maps, Net, NetLayer};
use super::random::{Draws, Purpose};
use crate::lm::config::Config;

/// The standard deviation of matrices (Radford et al. 2019).
const DEVIATION: f64 = 0.02;

/// Normal numbers of deviation 0.02, those that write to the stream divided by root(2 layers); norms are one, biases zero where
/// the family has them.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "few layers; weights have 32 bits"
)]
pub(super) fn seeded(config: &Config, seed: u64) -> Net {
    let mut tensors = 0..;
    let mut normal = |count: usize, deviation: f64| -> Vec<f32> {
        let key = [tensors.next().unwrap_or(0)];
        let draws = Draws::new(seed, Purpose::Start, &key);
        (0..count as u64)
            .map(|counter| (draws.normal(counter) * deviation) as f32)
            .collect()
    };
    let written = DEVIATION / (2.0 * config.layers as f64).sqrt();
    let ones = |count: usize| vec![1.0; count];
    let embedding = normal(config.vocabulary * config.width, DEVIATION);
    let has_bias = config.family == crate::lm::config::Family::Qwen2;
    let layers = (0..config.layers).map(|_| {
        let maps = Group::ALL.map(|group| {
            let outputs = group.outputs(config);
            let writes = matches!(group, Group::Output | Group::Down);
            let deviation = if writes { written } else { DEVIATION };
            Maps {
                weight: normal(outputs * group.inputs(config), deviation),
                bias: (has_bias && group == Group::QueryKeyValue).then(|| vec![0.0; outputs]),
            }
        });
        let head_norm = || {
            config
                .family
                .has_head_norms()
                .then(|| ones(config.head_width))
        };
        let post_norm = || config.family.has_post_norms().then(|| ones(config.width));
        NetLayer {
            attention_norm: ones(config.width),
            query_norm: head_norm(),
            key_norm: head_norm(),
            attention_post_norm: post_norm(),
            feed_norm: ones(config.width),
            feed_post_norm: post_norm(),
            maps,
        }
    });
    let layers = layers.collect();
    let head = (config.tied_head == Some(false))
        .then(|| normal(config.vocabulary * config.width, DEVIATION));
    Net {
        embedding,
        layers,
        norm: ones(config.width),
        head,
    }
}
