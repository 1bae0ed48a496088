//! What must not change a training, and what must.

use super::checkpoint::{Checkpoint, begin, never};
use synod::lm::train::{LoraSettings, OptimiserSettings, Packed, State, Tensor, Trainer, What};

fn lora() -> What {
    What::Lora(vec![LoraSettings {
        rank: 4,
        ..LoraSettings::default()
    }])
}

fn optimiser() -> OptimiserSettings {
    OptimiserSettings {
        learning_rate: 1e-2,
        ..OptimiserSettings::default()
    }
}

/// A state that borrows nothing.
fn owned(state: &State<'_>) -> State<'static> {
    let tensors = state.tensors.iter().map(|tensor| Tensor {
        name: tensor.name.clone(),
        shape: tensor.shape.clone(),
        values: tensor.values.to_vec().into(),
    });
    State {
        steps: state.steps.clone(),
        tensors: tensors.collect(),
    }
}

fn train(trainer: &mut Trainer, batch: &Packed, steps: usize) -> Vec<f64> {
    let losses = (0..steps).map(|_| {
        trainer.accumulate(batch, &never).unwrap().unwrap();
        trainer.apply().unwrap()[0].loss.mean()
    });
    losses.collect()
}

#[test]
fn threads_and_saved_memory_change_no_bit() {
    for (name, what) in [("llama", lora()), ("gemma3", lora()), ("qwen3", What::Full)] {
        let checkpoint = Checkpoint::open(name);
        let batch = checkpoint.batch();
        let run = |threads, saves_memory| {
            let mut trainer = checkpoint.trainer(checkpoint.folder(), &what, &optimiser(), threads);
            trainer.save_memory(saves_memory);
            train(&mut trainer, &batch, 2);
            owned(&trainer.state())
        };
        let one = run(1, false);
        assert!(one == run(3, false), "{name}: threads");
        assert!(one == run(2, true), "{name}: memory");
    }
}

#[test]
fn a_restored_training_goes_on_with_the_same_bits() {
    let dropping = What::Lora(vec![LoraSettings {
        dropout: 0.25,
        ..LoraSettings::default()
    }]);
    for (name, what) in [("llama", dropping), ("gemma2", What::Full)] {
        let checkpoint = Checkpoint::open(name);
        let batch = checkpoint.batch();
        let new = || checkpoint.trainer(checkpoint.folder(), &what, &optimiser(), 2);
        let mut whole = new();
        train(&mut whole, &batch, 2);
        let state = owned(&whole.state());
        train(&mut whole, &batch, 2);
        let mut resumed = new();
        // What was accumulated before is forgotten.
        resumed.accumulate(&batch, &never).unwrap();
        resumed.restore(&state).unwrap();
        train(&mut resumed, &batch, 2);
        assert!(owned(&whole.state()) == owned(&resumed.state()), "{name}");
        let mut cut = state.clone();
        cut.tensors.pop();
        assert!(resumed.restore(&cut).is_err());
        let mut other = state;
        other.tensors[0].shape = vec![1];
        assert!(resumed.restore(&other).is_err());
    }
}

#[test]
fn giving_up_forgets_the_step_and_nothing_else() {
    let checkpoint = Checkpoint::open("llama");
    let batch = checkpoint.batch();
    let mut trainer = checkpoint.trainer(checkpoint.folder(), &lora(), &optimiser(), 2);
    train(&mut trainer, &batch, 1);
    let before = owned(&trainer.state());
    for patience in 0..5 {
        let asked = std::cell::Cell::new(0);
        let give_up = || {
            asked.set(asked.get() + 1);
            asked.get() > patience
        };
        assert_eq!(trainer.accumulate(&batch, &give_up).unwrap(), None);
        assert!(
            trainer
                .gradients(0)
                .iter()
                .all(|tensor| tensor.values.iter().all(|x| *x == 0.0))
        );
        assert!(trainer.apply().unwrap().is_empty());
    }
    assert!(before == owned(&trainer.state()));
}

#[test]
fn batches_of_a_step_are_one_batch() {
    let checkpoint = Checkpoint::open("qwen3");
    let mut whole = checkpoint.trainer(checkpoint.folder(), &lora(), &optimiser(), 2);
    begin(&mut whole, 0);
    let total = whole
        .accumulate(&checkpoint.batch(), &never)
        .unwrap()
        .unwrap();
    let mut pieces = checkpoint.trainer(checkpoint.folder(), &lora(), &optimiser(), 2);
    begin(&mut pieces, 0);
    let mut sum = 0.0;
    for number in 0..3 {
        let mut batch = Packed::new();
        checkpoint.push(&mut batch, 0, number);
        sum += pieces.accumulate(&batch, &never).unwrap().unwrap().sum;
    }
    assert!((total.sum - sum).abs() < 1e-4);
    for (whole, pieces) in whole.gradients(0).iter().zip(pieces.gradients(0)) {
        let size = whole
            .values
            .iter()
            .fold(0.0_f32, |most, x| most.max(x.abs()));
        for (a, b) in whole.values.iter().zip(pieces.values.iter()) {
            assert!((a - b).abs() <= 1e-4 * size, "{}: {a} {b}", whole.name);
        }
    }
}

#[test]
fn adapters_of_one_batch_train_as_if_alone() {
    let checkpoint = Checkpoint::open("llama");
    let settings = |rank, targets: &[&str]| LoraSettings {
        rank,
        target_modules: targets.iter().map(|&target| target.to_owned()).collect(),
        ..LoraSettings::default()
    };
    let both = [
        settings(4, &["q_proj", "v_proj", "down_proj"]),
        settings(2, &[]),
    ];
    let new = |what: &What| {
        let mut trainer = checkpoint.trainer(checkpoint.folder(), what, &optimiser(), 2);
        begin(&mut trainer, 0);
        trainer
    };
    let mut together = new(&What::Lora(both.to_vec()));
    begin(&mut together, 1);
    let mut batch = Packed::new();
    checkpoint.push(&mut batch, 1, 0);
    checkpoint.push(&mut batch, 0, 1);
    checkpoint.push(&mut batch, 1, 2);
    for _ in 0..2 {
        together.accumulate(&batch, &never).unwrap();
        assert_eq!(together.apply().unwrap().len(), 2);
    }
    for (adapter, numbers) in [(0, vec![1]), (1, vec![0, 2])] {
        let mut alone = new(&What::Lora(vec![both[adapter].clone()]));
        let mut batch = Packed::new();
        for number in numbers {
            checkpoint.push(&mut batch, 0, number);
        }
        train(&mut alone, &batch, 2);
        for (found, expected) in together.adapter(adapter).iter().zip(alone.adapter(0)) {
            assert_eq!(found.name, expected.name);
            for (a, b) in found.values.iter().zip(expected.values.iter()) {
                assert!((a - b).abs() < 1e-4, "{}: {a} {b}", found.name);
            }
        }
    }
    // An adapter without sequences stays as it is.
    let before = owned(&together.state());
    let mut batch = Packed::new();
    checkpoint.push(&mut batch, 1, 0);
    together.accumulate(&batch, &never).unwrap();
    let applied = together.apply().unwrap();
    assert_eq!((applied.len(), applied[0].adapter), (1, 1));
    assert_eq!(together.step(0), 2);
    for (now, then) in together.state().tensors.iter().zip(&before.tensors) {
        let stays = now.name.starts_with("0.");
        assert_eq!(now.values == then.values, stays, "{}", now.name);
    }
}

#[test]
fn dropout_changes_training_and_not_evaluation() {
    let checkpoint = Checkpoint::open("qwen2");
    let batch = checkpoint.batch();
    let run = |dropout| {
        let settings = LoraSettings {
            dropout,
            ..LoraSettings::default()
        };
        let mut trainer = checkpoint.trainer(
            checkpoint.folder(),
            &What::Lora(vec![settings]),
            &optimiser(),
            2,
        );
        begin(&mut trainer, 0);
        let evaluated = trainer.evaluate(&batch, &never).unwrap().unwrap()[0].sum;
        let first = trainer.accumulate(&batch, &never).unwrap().unwrap().sum;
        let second = trainer.accumulate(&batch, &never).unwrap().unwrap().sum;
        (evaluated, first, second)
    };
    let (evaluated, first, second) = run(0.0);
    assert!(evaluated == first && first == second);
    let (dropped, first, second) = run(0.3);
    assert_eq!(dropped, evaluated);
    assert!(first != evaluated && first != second);
    assert!((first - evaluated).abs() < 0.3 * evaluated);
    assert_eq!(run(0.3), (dropped, first, second));
}

#[test]
fn gradients_with_dropout_are_slopes_of_the_loss() {
    let checkpoint = Checkpoint::open("llama-bias");
    let batch = checkpoint.batch();
    let settings = LoraSettings {
        rank: 2,
        dropout: 0.2,
        ..LoraSettings::default()
    };
    let new = || {
        let what = What::Lora(vec![settings.clone()]);
        let mut trainer = checkpoint.trainer(checkpoint.folder(), &what, &optimiser(), 2);
        begin(&mut trainer, 0);
        trainer
    };
    let mut trainer = new();
    trainer.accumulate(&batch, &never).unwrap();
    let gradients = owned(&State {
        steps: Vec::new(),
        tensors: trainer.gradients(0),
    });
    // Along each tensor's gradient, so that the change is far above the rounding of the loss.
    for gradient in &gradients.tensors {
        let squares: f64 = gradient.values.iter().map(|&x| f64::from(x).powi(2)).sum();
        let moved = |by: f64| {
            let mut trainer = new();
            let tensors: Vec<Tensor<'static>> = owned(&State {
                steps: Vec::new(),
                tensors: trainer.adapter(0),
            })
            .tensors
            .into_iter()
            .map(|mut tensor| {
                if tensor.name == gradient.name {
                    let factor = by / squares.sqrt();
                    for (value, slope) in tensor
                        .values
                        .to_mut()
                        .iter_mut()
                        .zip(gradient.values.iter())
                    {
                        *value += (factor * f64::from(*slope)) as f32;
                    }
                }
                tensor
            })
            .collect();
            trainer.set_adapter(0, &tensors).unwrap();
            trainer.accumulate(&batch, &never).unwrap().unwrap().sum
        };
        let slope = (moved(2e-3) - moved(-2e-3)) / 4e-3;
        let expected = squares.sqrt();
        assert!(
            (slope - expected).abs() < 0.02 * expected + 0.02,
            "{}: {slope} {expected}",
            gradient.name
        );
    }
}

#[test]
fn a_new_model_learns_its_batch() {
    let checkpoint = Checkpoint::open("llama");
    let batch = checkpoint.batch();
    let config = checkpoint
        .trainer(checkpoint.folder(), &lora(), &optimiser(), 1)
        .config()
        .clone();
    let new = |seed| Trainer::from_scratch(&config, &optimiser(), seed, 2).unwrap();
    let mut trainer = new(1);
    let losses = train(&mut trainer, &batch, 30);
    assert!((losses[0] - 128_f64.ln()).abs() < 0.3, "{}", losses[0]);
    assert!(losses[29] < 0.5 * losses[0], "{losses:?}");
    assert!(owned(&new(1).state()) == owned(&new(1).state()));
    assert!(owned(&new(1).state()) != owned(&new(2).state()));
}

#[test]
fn what_does_not_fit_is_refused() {
    let checkpoint = Checkpoint::open("llama");
    let mut trainer = checkpoint.trainer(checkpoint.folder(), &lora(), &optimiser(), 1);
    let mut batch = Packed::new();
    batch.push_all(&[1, 128]).unwrap();
    assert!(trainer.accumulate(&batch, &never).is_err());
    let mut batch = Packed::new();
    batch.push_all(&[1; 129]).unwrap();
    assert!(trainer.accumulate(&batch, &never).is_err());
    let mut batch = Packed::new();
    batch.push_for(1, &[1, 2], &[Some(1), Some(2)]).unwrap();
    assert!(trainer.evaluate(&batch, &never).is_err());
    for settings in [
        LoraSettings {
            rank: 0,
            ..LoraSettings::default()
        },
        LoraSettings {
            target_modules: vec!["qkv_proj".into()],
            ..LoraSettings::default()
        },
        LoraSettings {
            dropout: 1.0,
            ..LoraSettings::default()
        },
    ] {
        let Err(error) = Trainer::from_scratch(trainer.config(), &optimiser(), 1, 1)
            .map(|_| ())
            .and_then(|()| {
                let what = What::Lora(vec![settings]);
                let decoder =
                    synod::lm::model::Decoder::open(checkpoint.folder(), Default::default())?;
                Trainer::new(&decoder.config, &decoder.weights, &what, &optimiser(), 1, 1)
                    .map(|_| ())
            })
        else {
            panic!("accepted");
        };
        assert!(
            error.to_string().starts_with("training settings"),
            "{error}"
        );
    }
}
