//! Adapters: what PEFT computes with them, what merging them into the weights would give, and what is refused.

mod carried;
mod folder;
mod merged;
mod presets;
mod reference;
mod refused;
mod written;

use crate::support::tiny_model::{self, Stored};
use std::sync::Arc;
use synod::lm::adapter::{Adapter, Blend};
use synod::lm::cache::{Cache, Table};
use synod::lm::config::Config;
use synod::lm::decoder::{Pass, Span, forward};
use synod::lm::kernel::Pool;
use synod::lm::model::Model;
use synod::lm::weights::Weights;

/// The tiny model, its layers' matrices changed.
fn model(stored: Stored, change: &mut dyn FnMut(&str, &mut [f32])) -> Model {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    std::fs::write(&path, tiny_model::changed(stored, change)).unwrap();
    Model::open(&path).unwrap()
}

fn plain(stored: Stored) -> Model {
    model(stored, &mut |_, _| {})
}

/// Logits after each prompt, each with its own adapters, all in one pass.
fn logits(model: &Model, rows: &[(&[u32], Option<&Blend>)], threads: usize) -> Vec<Vec<f32>> {
    pass(&model.config, &model.weights, rows, threads)
}

fn pass(
    config: &Config,
    weights: &Weights,
    rows: &[(&[u32], Option<&Blend>)],
    threads: usize,
) -> Vec<Vec<f32>> {
    let mut cache = Cache::new(config.layers, config.kv_width(), 1 << 24);
    let mut tables: Vec<Table> = Vec::new();
    for (tokens, _) in rows {
        let mut table = Table::default();
        cache.reserve(&mut table, tokens.len()).unwrap();
        tables.push(table);
    }
    let spans: Vec<Span<'_>> = rows
        .iter()
        .zip(&tables)
        .map(|(&(tokens, adapter), table)| Span {
            table,
            start: 0,
            tokens,
            wanted: 1,
            adapter,
        })
        .collect();
    let pool = Pool::new(threads).unwrap();
    let pass = forward(config, weights, &mut cache, &pool, &spans, &|| false);
    match pass.unwrap() {
        Pass::Done(logits) => logits,
        Pass::GivenUp => panic!("nobody gave up"),
    }
}

fn one(model: &Model, tokens: &[u32], blend: Option<&Blend>) -> Vec<f32> {
    logits(model, &[(tokens, blend)], 1).remove(0)
}

fn blend(parts: &[(&Arc<Adapter>, f32)]) -> Blend {
    let part = |&(adapter, weight): &(&Arc<Adapter>, f32)| (Arc::clone(adapter), weight);
    Blend::new(parts.iter().map(part).collect())
}

/// How far `found` is from `expected`, as a part of its size.
fn distance(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let square = |values: &mut dyn Iterator<Item = f32>| values.map(|x| x * x).sum::<f32>().sqrt();
    let error = square(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    error / square(&mut expected.iter().copied())
}

fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|x| x.to_bits()).collect()
}
