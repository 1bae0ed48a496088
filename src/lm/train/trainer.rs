//! A training: batches in, gradients summed, steps taken.

mod names;

use super::error::TrainError;
use super::factors::{Factors, Plan};
use super::layer::{Gradients, Kept, Pass};
use super::linear::{Chance, Run};
use super::moments::Moments;
use super::net::{Net, labels, with_halves};
use super::packed::Packed;
use super::rotation::{Rotation, Sequences};
use super::settings::{OptimiserSettings, What};
use super::start;
use crate::lm::config::Config;
use crate::lm::kernel::{Instructions, Pool};
use crate::lm::matrix::Compute;
use crate::lm::weights::Weights;

/// The loss over some labels: the mean of `-log p(label)`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Loss {
    /// The sum over labels, in nats.
    pub sum: f64,
    /// Labels.
    pub labels: usize,
    /// Tokens that were computed, those without a label included.
    pub tokens: usize,
}

impl Loss {
    /// Nats for each label; 0 without labels.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52 labels")]
    pub fn mean(&self) -> f64 {
        self.sum / self.labels.max(1) as f64
    }

    fn add(&mut self, other: Loss) {
        self.sum += other.sum;
        self.labels += other.labels;
        self.tokens += other.tokens;
    }
}

/// What a step did to one adapter, or to the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Applied {
    /// The adapter by its place in [`What::Lora`]; 0 in full training.
    pub adapter: usize,
    /// Steps taken, this one included.
    pub step: u64,
    /// Over all batches of the step.
    pub loss: Loss,
    /// Of the mean gradient, before it was cut.
    pub grad_norm: f64,
    pub learning_rate: f64,
}

/// What is trained.
enum Trained {
    Full(Box<Moments<Net>>),
    Lora(Vec<Adapter>),
}

/// An adapter in training.
struct Adapter {
    plan: Plan,
    value: Factors,
    moments: Moments<Factors>,
}

/// A model with what is trained of it.
pub struct Trainer {
    config: Config,
    net: Net,
    trained: Trained,
    optimiser: OptimiserSettings,
    seed: u64,
    saves_memory: bool,
    pool: Pool,
    /// Of each adapter (or the model) since its last step.
    losses: Vec<Loss>,
    /// Batches since the last step.
    batches: u64,
}

impl Trainer {
    /// A training that starts from a model's weights, which are copied as 32-bit floats and not looked at again. `seed` decides
    /// how adapters begin and what drops out; 0 `threads` is one for each processor.
    ///
    /// # Errors
    /// When settings are out of range or mean nothing for this model, or threads cannot be started.
    pub fn new(
        config: &Config,
        weights: &Weights,
        what: &What,
        optimiser: &OptimiserSettings,
        seed: u64,
        threads: usize,
    ) -> Result<Self, TrainError> {
        let pool = Pool::new(threads)?;
        let net = Net::widened(config, weights, &pool)?;
        Self::start(with_halves(config), net, what, optimiser, seed, pool)
    }

    /// A training of every number of a new model of this shape: matrices normal with a deviation of 0.02, those that write to
    /// the stream scaled down by root(2 layers), norms one.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn from_scratch(
        config: &Config,
        optimiser: &OptimiserSettings,
        seed: u64,
        threads: usize,
    ) -> Result<Self, TrainError> {
        let config = with_halves(config);
        let net = start::seeded(&config, seed);
        Self::start(
            config,
            net,
            &What::Full,
            optimiser,
            seed,
            Pool::new(threads)?,
        )
    }

    fn start(
        config: Config,
        net: Net,
        what: &What,
        optimiser: &OptimiserSettings,
        seed: u64,
        pool: Pool,
    ) -> Result<Self, TrainError> {
        optimiser.check()?;
        let (trained, count) = match what {
            What::Full => (Trained::Full(Box::new(Moments::new(net.zeros()))), 1),
            What::Lora(all) => {
                let adapters = all.iter().enumerate().map(|(number, settings)| {
                    let plan = Plan::new(settings, &config)?;
                    Ok(Adapter {
                        value: Factors::start(&plan, &config, seed, number),
                        moments: Moments::new(Factors::zeros(&plan, &config)),
                        plan,
                    })
                });
                let adapters: Vec<Adapter> = adapters.collect::<Result<_, TrainError>>()?;
                if adapters.is_empty() {
                    let what = "there is no adapter to train".to_owned();
                    return Err(TrainError::Settings(what));
                }
                let count = adapters.len();
                (Trained::Lora(adapters), count)
            }
        };
        Ok(Self {
            config,
            net,
            trained,
            optimiser: optimiser.clone(),
            seed,
            saves_memory: false,
            pool,
            losses: vec![Loss::default(); count],
            batches: 0,
        })
    }

    /// Keeps only each layer's input for the backward pass and computes the rest again (gradient checkpointing): a fraction of
    /// the memory, a third more work, the same bits.
    pub fn save_memory(&mut self, saves_memory: bool) {
        self.saves_memory = saves_memory;
    }

    /// The shape of the model, rotations turning halves as in transformers.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Steps that an adapter (or the model) has taken.
    #[must_use]
    pub fn step(&self, adapter: usize) -> u64 {
        match &self.trained {
            Trained::Full(moments) => moments.step,
            Trained::Lora(adapters) => adapters.get(adapter).map_or(0, |one| one.moments.step),
        }
    }

    /// Adds the gradient of a batch's loss, a sum over its labels. `give_up` is asked between layers; when it says so, the
    /// whole step so far is forgotten and the result is none: accumulate its batches again.
    ///
    /// # Errors
    /// When the batch does not fit the model, or the loss is not finite; the step so far is forgotten then.
    pub fn accumulate(
        &mut self,
        batch: &Packed,
        give_up: &dyn Fn() -> bool,
    ) -> Result<Option<Loss>, TrainError> {
        self.check(batch)?;
        let losses = self.run(batch, give_up);
        match losses {
            Some(losses) if losses.iter().all(|loss| loss.sum.is_finite()) => {
                let mut total = Loss::default();
                for (sum, loss) in self.losses.iter_mut().zip(losses) {
                    sum.add(loss);
                    total.add(loss);
                }
                self.batches += 1;
                Ok(Some(total))
            }
            Some(_) => {
                self.forget();
                Err(TrainError::Diverged("the loss is not finite".to_owned()))
            }
            None => {
                self.forget();
                Ok(None)
            }
        }
    }

    /// Forgets the gradients since the last step.
    pub fn forget(&mut self) {
        match &mut self.trained {
            Trained::Full(moments) => moments.forget_gradient(),
            Trained::Lora(adapters) => {
                for adapter in adapters {
                    adapter.moments.forget_gradient();
                }
            }
        }
        self.losses.fill(Loss::default());
        self.batches = 0;
    }

    /// Takes a step by the mean gradient over all labels since the last one: of every adapter that had labels, each on its own
    /// (norm, schedule, count of steps), or of the model. One line for each that moved.
    ///
    /// # Errors
    /// When a gradient is not finite; the step is forgotten then.
    pub fn apply(&mut self) -> Result<Vec<Applied>, TrainError> {
        let compute = Compute {
            instructions: Instructions::detect(),
            pool: &self.pool,
        };
        let mut applied = Vec::new();
        for number in 0..self.losses.len() {
            let loss = self.losses[number];
            if loss.labels == 0 {
                continue;
            }
            let taken = match &mut self.trained {
                Trained::Full(moments) => {
                    let labels = labels(&self.config, &self.net);
                    let decays: Vec<bool> = labels.iter().map(|label| label.decays).collect();
                    moments.step(
                        &mut self.net,
                        &decays,
                        loss.labels,
                        &self.optimiser,
                        compute,
                    )
                }
                Trained::Lora(adapters) => {
                    let Adapter { value, moments, .. } = &mut adapters[number];
                    let decays = vec![true; value.tensors().len()];
                    moments.step(value, &decays, loss.labels, &self.optimiser, compute)
                }
            };
            let taken = match taken {
                Ok(taken) => taken,
                Err(error) => {
                    self.forget();
                    return Err(error);
                }
            };
            applied.push(Applied {
                adapter: number,
                step: self.step(number),
                loss,
                grad_norm: taken.norm,
                learning_rate: taken.learning_rate,
            });
        }
        self.losses.fill(Loss::default());
        self.batches = 0;
        Ok(applied)
    }

    /// The loss of a batch as the model is now, without dropout, for each adapter (or the model); none when `give_up` said so.
    ///
    /// # Errors
    /// When the batch does not fit the model.
    pub fn evaluate(
        &self,
        batch: &Packed,
        give_up: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<Loss>>, TrainError> {
        self.check(batch)?;
        let values: Vec<(&Plan, &Factors)> = match &self.trained {
            Trained::Full(_) => Vec::new(),
            Trained::Lora(adapters) => adapters.iter().map(|one| (&one.plan, &one.value)).collect(),
        };
        let pass = pass(&self.config, &self.net, &values, batch, None, &self.pool);
        let mut x = embedded(&pass, batch);
        for layer in 0..self.config.layers {
            if give_up() {
                return Ok(None);
            }
            drop(pass.forward(layer, &mut x));
        }
        let losses = pass.loss(&x, &batch.targets(), None);
        Ok(Some(self.by_adapter(batch, &losses)))
    }

    fn check(&self, batch: &Packed) -> Result<(), TrainError> {
        let vocabulary = self.config.vocabulary;
        let targets = batch.targets();
        let mut tokens = batch
            .tokens()
            .iter()
            .chain(targets.iter().map(|(_, token)| token));
        if let Some(token) = tokens.find(|&&token| token as usize >= vocabulary) {
            let what = format!("token {token} is none of the model's {vocabulary}");
            return Err(TrainError::Batch(what));
        }
        for segment in batch.segments() {
            if segment.length > self.config.context {
                return Err(TrainError::Batch(format!(
                    "a sequence has {} tokens and the model's context {}; cut it",
                    segment.length, self.config.context
                )));
            }
            if segment.adapter >= self.losses.len() {
                return Err(TrainError::Batch(format!(
                    "a sequence is for adapter {}, and there are {}, counted from 0",
                    segment.adapter,
                    self.losses.len()
                )));
            }
        }
        Ok(())
    }

    /// Forward and backward; the losses of each adapter.
    fn run(&mut self, batch: &Packed, give_up: &dyn Fn() -> bool) -> Option<Vec<Loss>> {
        let chance = Chance {
            seed: self.seed,
            step: (0..self.losses.len()).map(|one| self.step(one)).sum(),
            batch: self.batches,
        };
        // The gradients leave their place while the values beside them are read.
        let mut net_gradient = None;
        let mut factor_gradients = Vec::new();
        let mut values = Vec::new();
        match &mut self.trained {
            Trained::Full(moments) => net_gradient = Some(&mut moments.gradient),
            Trained::Lora(adapters) => {
                for Adapter {
                    plan,
                    value,
                    moments,
                } in adapters
                {
                    values.push((&*plan, &*value));
                    let empty = Factors { layers: Vec::new() };
                    factor_gradients.push(std::mem::replace(&mut moments.gradient, empty));
                }
            }
        }
        let pass = pass(
            &self.config,
            &self.net,
            &values,
            batch,
            Some(chance),
            &self.pool,
        );
        let mut gradients = match net_gradient {
            Some(net) => Gradients::Net(net),
            None => Gradients::Factors(&mut factor_gradients),
        };
        let losses = both_ways(&pass, batch, self.saves_memory, &mut gradients, give_up);
        if let Trained::Lora(adapters) = &mut self.trained {
            for (adapter, gradient) in adapters.iter_mut().zip(factor_gradients) {
                adapter.moments.gradient = gradient;
            }
        }
        losses.map(|losses| self.by_adapter(batch, &losses))
    }

    fn by_adapter(&self, batch: &Packed, losses: &[f32]) -> Vec<Loss> {
        let mut sums = vec![Loss::default(); self.losses.len()];
        let mut targets = batch.targets().into_iter().zip(losses).peekable();
        let mut end = 0;
        for segment in batch.segments() {
            end += segment.length;
            let sum = &mut sums[segment.adapter];
            sum.tokens += segment.length;
            while let Some((_, loss)) = targets.next_if(|((row, _), _)| *row < end) {
                sum.sum += f64::from(*loss);
                sum.labels += 1;
            }
        }
        sums
    }
}

fn pass<'a>(
    config: &'a Config,
    net: &'a Net,
    values: &[(&'a Plan, &'a Factors)],
    batch: &Packed,
    chance: Option<Chance>,
    pool: &'a Pool,
) -> Pass<'a> {
    let lengths: Vec<usize> = batch
        .segments()
        .iter()
        .map(|segment| segment.length)
        .collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let mut runs: Vec<Run<'a>> = Vec::new();
    let mut end = 0;
    for segment in batch.segments() {
        let first = end;
        end += segment.length;
        match runs.last_mut() {
            Some(run) if run.adapter == segment.adapter => run.rows.end = end,
            _ => {
                if let Some(&(plan, factors)) = values.get(segment.adapter) {
                    runs.push(Run {
                        rows: first..end,
                        adapter: segment.adapter,
                        plan,
                        factors,
                    });
                }
            }
        }
    }
    Pass {
        config,
        net,
        runs,
        sequences: Sequences::new(lengths),
        rotation: Rotation::new(&config.rotary, longest),
        rotation_local: config
            .rotary_local
            .as_ref()
            .map(|rotary| Rotation::new(rotary, longest)),
        chance,
        compute: Compute {
            instructions: Instructions::detect(),
            pool,
        },
    }
}

/// The stream before the first layer.
fn embedded(pass: &Pass<'_>, batch: &Packed) -> Vec<f32> {
    let width = pass.config.width;
    let mut x = Vec::with_capacity(batch.len() * width);
    for &token in batch.tokens() {
        let first = token as usize * width;
        x.extend_from_slice(&pass.net.embedding[first..first + width]);
    }
    if let Some(scale) = pass.config.embedding_scale {
        for value in &mut x {
            *value *= scale;
        }
    }
    x
}

/// The loss of every target; its gradient is added to `gradients`.
fn both_ways(
    pass: &Pass<'_>,
    batch: &Packed,
    saves_memory: bool,
    gradients: &mut Gradients<'_>,
    give_up: &dyn Fn() -> bool,
) -> Option<Vec<f32>> {
    let mut x = embedded(pass, batch);
    let mut all: Vec<Kept> = Vec::with_capacity(pass.config.layers);
    for layer in 0..pass.config.layers {
        if give_up() {
            return None;
        }
        let kept = pass.forward(layer, &mut x);
        all.push(if saves_memory {
            kept.inputs_only()
        } else {
            kept
        });
    }
    if give_up() {
        return None;
    }
    let mut change = vec![0.0; x.len()];
    let losses = pass.loss(&x, &batch.targets(), Some((&mut change, gradients)));
    drop(x);
    for (layer, kept) in all.into_iter().enumerate().rev() {
        if give_up() {
            return None;
        }
        pass.backward(layer, kept, &mut change, gradients);
    }
    if let Gradients::Net(net) = gradients {
        let (width, scale) = (
            pass.config.width,
            pass.config.embedding_scale.unwrap_or(1.0),
        );
        for (&token, change) in batch.tokens().iter().zip(change.chunks_exact(width)) {
            let row = &mut net.embedding[token as usize * width..][..width];
            for (sum, value) in row.iter_mut().zip(change) {
                *sum += value * scale;
            }
        }
    }
    Some(losses)
}
