//! Equal to merging into the float weights, and a row's bits do not depend on the adapters of others.

use super::folder::{MODULES, Made, widths};
use super::{bits, blend, distance, logits, model, one, plain};
use crate::engine::recorder::prompt;
use crate::support::tiny_model::{HEADS, KV_HEADS, Stored};
use std::sync::Arc;
use synod::lm::adapter::{Adapter, Blend};
use synod::lm::model::Model;

/// What remains: numbers that round to another 16-bit float in the cache.
const CLOSE: f32 = 1e-3;

fn opened(made: &Made, model: &Model) -> Arc<Adapter> {
    let folder = tempfile::tempdir().unwrap();
    made.write(folder.path());
    let (adapter, warnings) = Adapter::open(folder.path(), &model.config).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    Arc::new(adapter)
}

/// The tiny model with the updates added to its weights, each with its factor.
fn merged(parts: &[(&Made, f64)]) -> Model {
    let names = [
        "attn_q",
        "attn_k",
        "attn_v",
        "attn_output",
        "ffn_gate",
        "ffn_up",
        "ffn_down",
    ];
    model(Stored::F32, &mut |name, values| {
        let mut parts_of_name = name.split('.').skip(1);
        let layer: u64 = parts_of_name.next().unwrap().parse().unwrap();
        let part = parts_of_name.next().unwrap();
        let module = MODULES[names.iter().position(|one| *one == part).unwrap()];
        let (inputs, outputs) = widths(module);
        for (row, values) in values.chunks_mut(inputs).enumerate() {
            let original = match module {
                "self_attn.q_proj" => uninterleaved(row, outputs, HEADS as usize),
                "self_attn.k_proj" => uninterleaved(row, outputs, KV_HEADS as usize),
                _ => row,
            };
            for (made, factor) in parts {
                let (a, b) = (
                    made.tensor(layer, module, "A"),
                    made.tensor(layer, module, "B"),
                );
                for (column, value) in values.iter_mut().enumerate() {
                    let products = (0..made.rank).map(|r| {
                        let a = a.values[r * inputs + column];
                        f64::from(b.values[original * made.rank + r]) * f64::from(a)
                    });
                    *value = (f64::from(*value) + factor * products.sum::<f64>()) as f32;
                }
            }
        }
    })
}

/// Which row of the original matrix stands at `row` of a file whose heads have their halves interleaved.
fn uninterleaved(row: usize, rows: usize, heads: usize) -> usize {
    let width = rows / heads;
    let (head, at) = (row / width, row % width);
    let half = if at % 2 == 0 { 0 } else { width / 2 };
    head * width + half + at / 2
}

#[test]
fn an_adapter_is_what_merging_it_would_be() {
    let base = plain(Stored::F32);
    let tokens = prompt(3, 40);
    for (rank, alpha, stabilised) in [
        (4, 8.0, false),
        (8, 16.0, true),
        (16, 16.0, false),
        (5, 7.5, true),
        (1, 1.0, false),
    ] {
        let mut made = Made::random(rank, alpha, 7);
        let mut scale = alpha / rank as f64;
        if stabilised {
            made.settings = r#","use_rslora":true"#.into();
            scale = alpha / (rank as f64).sqrt();
        }
        let adapter = opened(&made, &base);
        let found = one(&base, &tokens, Some(&blend(&[(&adapter, 1.0)])));
        let expected = one(&merged(&[(&made, scale)]), &tokens, None);
        let error = distance(&found, &expected);
        assert!(error < CLOSE, "rank {rank}: relative error {error}");
        assert!(distance(&found, &one(&base, &tokens, None)) > 0.1);
    }
}

#[test]
fn a_stack_and_a_weighted_sum_are_what_merging_them_would_be() {
    let base = plain(Stored::F32);
    let tokens = prompt(5, 33);
    let (one_made, two_made) = (Made::random(4, 4.0, 1), Made::random(6, 6.0, 2));
    let (first, second) = (opened(&one_made, &base), opened(&two_made, &base));
    for (a, b) in [(1.0_f32, 1.0_f32), (0.3, 0.7), (1.5, -0.5)] {
        let found = one(&base, &tokens, Some(&blend(&[(&first, a), (&second, b)])));
        let weights = [(&one_made, f64::from(a)), (&two_made, f64::from(b))];
        let error = distance(&found, &one(&merged(&weights), &tokens, None));
        assert!(error < CLOSE, "{a} and {b}: relative error {error}");
    }
}

#[test]
fn a_row_has_the_same_bits_whatever_adapters_its_neighbours_carry() {
    for stored in [Stored::F32, Stored::Q8_0, Stored::Q4_1] {
        let model = plain(stored);
        let adapters: Vec<_> = (0..4)
            .map(|seed| opened(&Made::random(3 + 5 * seed, 8.0, seed as u64), &model))
            .collect();
        let blends = [
            None,
            Some(blend(&[(&adapters[0], 1.0)])),
            Some(blend(&[(&adapters[1], 1.0)])),
            Some(blend(&[(&adapters[2], 0.5), (&adapters[3], 2.0)])),
            Some(blend(&[(&adapters[3], 1.0)])),
            None,
            Some(blend(&[(&adapters[0], 1.0), (&adapters[1], 1.0)])),
            Some(blend(&[(&adapters[1], 1.0)])),
        ];
        let prompts: Vec<_> = (1..9).map(|seed| prompt(seed, 2 + seed * 4)).collect();
        let rows: Vec<(&[u32], Option<&Blend>)> = prompts
            .iter()
            .zip(&blends)
            .map(|(prompt, blend)| (prompt.as_slice(), blend.as_ref()))
            .collect();
        let together = logits(&model, &rows, 2);
        for (&(prompt, blend), among) in rows.iter().zip(&together) {
            let alone = one(&model, prompt, blend);
            assert_eq!(bits(&alone), bits(among), "{stored:?}");
        }
        let bare = one(&model, rows[1].0, None);
        assert_ne!(bits(&bare), bits(&together[1]));
    }
}

#[test]
fn a_blend_is_named_by_its_adapters_and_weights() {
    let model = plain(Stored::F32);
    let (one, two) = (Made::random(4, 4.0, 1), Made::random(4, 4.0, 2));
    let (first, again, second) = (
        opened(&one, &model),
        opened(&one, &model),
        opened(&two, &model),
    );
    let name = |parts: &[(&Arc<Adapter>, f32)]| blend(parts).identity();
    assert_eq!(
        name(&[(&first, 1.0)]),
        name(&[(&again, 1.0)]),
        "the same twice"
    );
    assert_eq!(
        name(&[(&first, 1.0)]),
        name(&[(&first, 1.0), (&second, 0.0)])
    );
    let different = [
        name(&[]),
        name(&[(&first, 1.0)]),
        name(&[(&second, 1.0)]),
        name(&[(&first, 0.5)]),
        name(&[(&first, 1.0), (&second, 1.0)]),
        name(&[(&second, 1.0), (&first, 1.0)]),
        name(&[(&first, 1.0), (&first, 1.0)]),
    ];
    let distinct: std::collections::BTreeSet<u64> = different.into_iter().collect();
    assert_eq!(distinct.len(), different.len());
    assert_eq!(different[0], 0);
    assert!(different[1..].iter().all(|&identity| identity >= 1 << 63));
    // One number or the scale makes another adapter.
    let mut changed = one.clone();
    changed.tensors[3].values[5] += 0.001;
    let mut scaled = one.clone();
    scaled.alpha = 5.0;
    for other in [changed, scaled] {
        assert_ne!(opened(&other, &model).id(), first.id());
    }
}
