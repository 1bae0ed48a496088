//! Losses, gradients and ten steps of every family are those of PyTorch and PEFT.

use super::checkpoint::{Checkpoint, Digest, NAMES, begin, never};
use std::collections::BTreeMap;
use std::path::Path;
use synod::lm::train::{OptimiserSettings, Schedule, Shape, Tensor, Trainer, What};

/// The greatest difference of a loss, and of a gradient's norm as a part of it.
const LOSS: f64 = 2e-5;
/// The greatest difference within a tensor, as a part of its root mean square: several hundred roundings of 32-bit floats.
const GRADIENT: f64 = 2e-4;
/// The greatest difference of a number after ten steps, as a part of the way that a step can go. Where a gradient is all
/// rounding, so is the direction of the first steps.
const MOVED: f64 = 2e-2;

fn lora() -> OptimiserSettings {
    OptimiserSettings {
        learning_rate: 2e-3,
        beta1: 0.9,
        beta2: 0.95,
        epsilon: 1e-7,
        weight_decay: 0.05,
        max_grad_norm: Some(0.2),
        schedule: Schedule {
            shape: Shape::Linear,
            warmup: 2,
            steps: 12,
        },
    }
}

fn full() -> OptimiserSettings {
    OptimiserSettings {
        learning_rate: 1e-3,
        weight_decay: 0.1,
        max_grad_norm: Some(1.5),
        schedule: Schedule {
            shape: Shape::Cosine,
            warmup: 3,
            steps: 15,
        },
        ..OptimiserSettings::default()
    }
}

fn near(found: f64, expected: f64, allowed: f64, what: &str) {
    let difference = (found - expected).abs();
    assert!(
        difference <= allowed,
        "{what}: {found}, expected {expected} within {allowed}"
    );
}

/// Takes ten steps and compares each.
fn steps(trainer: &mut Trainer, checkpoint: &Checkpoint, expected: &[[f64; 3]], what: &str) {
    let batch = checkpoint.batch();
    for (number, [loss, norm, rate]) in expected.iter().enumerate() {
        // The first batch has been accumulated.
        if number > 0 {
            trainer.accumulate(&batch, &never).unwrap().unwrap();
        }
        let applied = trainer.apply().unwrap()[0];
        let what = format!("{what} step {number}");
        near(
            applied.loss.mean(),
            *loss,
            LOSS * 10.0,
            &format!("{what} loss"),
        );
        near(
            applied.grad_norm,
            *norm,
            norm * 1e-4,
            &format!("{what} norm"),
        );
        near(applied.learning_rate, *rate, 1e-12, &format!("{what} rate"));
    }
}

fn numbers(checkpoint: &Checkpoint, name: &str) -> Vec<f32> {
    checkpoint.tensors.tensor(name).unwrap().numbers()
}

fn adapter_is_pefts(name: &str, checkpoint: &Checkpoint, path: &Path) {
    let expected = &checkpoint.expected;
    let what = What::Lora(vec![expected.lora.clone()]);
    let mut trainer = checkpoint.trainer(path, &what, &lora(), 2);
    begin(&mut trainer, 0);
    let batch = checkpoint.batch();
    let loss = trainer.evaluate(&batch, &never).unwrap().unwrap()[0];
    near(
        loss.mean(),
        expected.lora_steps[0][0],
        LOSS,
        &format!("{name} loss"),
    );
    trainer.accumulate(&batch, &never).unwrap().unwrap();
    let labels = batch.labelled() as f64;
    let gradients = trainer.gradients(0);
    assert_eq!(gradients.len() * 2, checkpoint.tensors.names().count());
    for Tensor {
        name: tensor,
        values,
        ..
    } in gradients
    {
        let expected = numbers(checkpoint, &format!("gradient.{tensor}"));
        let squares: f64 = expected.iter().map(|&x| f64::from(x).powi(2)).sum();
        let size = (squares / expected.len() as f64).sqrt();
        assert!(size > 0.0, "{name} {tensor}: no gradient arrived");
        for (at, (found, expected)) in values.iter().zip(&expected).enumerate() {
            let what = format!("{name} {tensor} at {at}");
            near(
                f64::from(*found) / labels,
                f64::from(*expected),
                GRADIENT * size,
                &what,
            );
        }
    }
    steps(&mut trainer, checkpoint, &expected.lora_steps, name);
    for Tensor {
        name: tensor,
        values,
        ..
    } in trainer.adapter(0)
    {
        let expected = numbers(checkpoint, &format!("after.{tensor}"));
        for (at, (found, expected)) in values.iter().zip(&expected).enumerate() {
            let what = format!("{name} {tensor} after, at {at}");
            near(
                f64::from(*found),
                f64::from(*expected),
                MOVED * lora().learning_rate,
                &what,
            );
        }
    }
}

#[test]
fn adapters_of_every_family_train_as_with_peft() {
    for name in NAMES {
        let checkpoint = Checkpoint::open(name);
        adapter_is_pefts(name, &checkpoint, checkpoint.folder());
    }
}

#[test]
fn adapters_beside_gguf_weights_train_as_with_peft() {
    for name in ["llama", "mistral", "gemma2", "phi3"] {
        let checkpoint = Checkpoint::open(name);
        let path = checkpoint.gguf().unwrap();
        adapter_is_pefts(name, &checkpoint, &path);
    }
}

fn digests(
    name: &str,
    found: &[Tensor<'_>],
    expected: &BTreeMap<String, Digest>,
    factor: f64,
    allowed: impl Fn(&Digest, usize) -> f64,
) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for Tensor {
        name: tensor,
        values,
        ..
    } in found
    {
        let what = format!("{name} {tensor}");
        let expected = expected.get(tensor.as_str()).expect(&what);
        let values: Vec<f32> = values
            .iter()
            .map(|x| (f64::from(*x) * factor) as f32)
            .collect();
        let found = Digest::of(&values, &expected.places);
        let each = allowed(expected, values.len());
        let whole = each * (values.len() as f64).sqrt() * 3.0;
        near(found.norm, expected.norm, whole, &format!("{what} norm"));
        for (found, expected) in found.sums.iter().zip(expected.sums) {
            near(*found, expected, whole, &format!("{what} sum"));
        }
        for (found, expected) in found.numbers.iter().zip(&expected.numbers) {
            near(*found, *expected, each, &what);
        }
    }
}

#[test]
fn models_of_every_family_train_as_with_torch() {
    for name in NAMES {
        let checkpoint = Checkpoint::open(name);
        let expected = &checkpoint.expected;
        let mut trainer = checkpoint.trainer(checkpoint.folder(), &What::Full, &full(), 2);
        let batch = checkpoint.batch();
        trainer.accumulate(&batch, &never).unwrap().unwrap();
        let factor = 1.0 / batch.labelled() as f64;
        let of_size =
            |digest: &Digest, count: usize| GRADIENT * digest.norm / (count as f64).sqrt();
        digests(
            name,
            &trainer.gradients(0),
            &expected.full_gradients,
            factor,
            of_size,
        );
        steps(&mut trainer, &checkpoint, &expected.full_steps, name);
        let of_step = |_: &Digest, _| MOVED * full().learning_rate;
        digests(
            name,
            &trainer.parameters(),
            &expected.full_after,
            1.0,
            of_step,
        );
    }
}
