//! The numbers of a low-rank adapter, or numbers of the same shape: gradients, an optimiser's moments.

use super::error::TrainError;
use super::net::{Group, Named};
use super::random::{Draws, Purpose};
use super::settings::LoraSettings;
use crate::lm::config::Config;
use std::ops::Range;

/// A module that an adapter changes.
#[derive(Debug, Clone)]
pub(super) struct Module {
    /// By transformers' name within the layer.
    pub name: &'static str,
    /// Its outputs among the group's.
    pub rows: Range<usize>,
    /// Its place in the group's stacked A.
    pub hidden: Range<usize>,
}

/// Which modules of each group an adapter changes, and how.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub rank: usize,
    pub scale: f32,
    pub dropout: f32,
    /// In the order of [`Group::ALL`].
    pub modules: [Vec<Module>; 4],
}

/// The factors of a group's modules.
#[derive(Debug, Clone, Default)]
pub(super) struct Pair {
    /// A of all modules, one below the other: rows of inputs.
    pub a: Vec<f32>,
    /// For each module B transposed: `rank` rows of its outputs.
    pub b: Vec<Vec<f32>>,
}

/// An adapter's numbers: layer by layer, in the order of [`Group::ALL`].
#[derive(Debug, Clone)]
pub(super) struct Factors {
    pub layers: Vec<[Pair; 4]>,
}

impl Plan {
    pub fn new(settings: &LoraSettings, config: &Config) -> Result<Self, TrainError> {
        settings.check()?;
        let mut known = Vec::new();
        let mut modules: [Vec<Module>; 4] = Default::default();
        for group in Group::ALL {
            for (name, rows) in group.modules(config) {
                let last = name.rsplit('.').next().unwrap_or(name);
                known.push(last);
                let wanted = &settings.target_modules;
                let is_wanted = |wanted: &String| wanted == last || wanted == name;
                if !wanted.is_empty() && !wanted.iter().any(is_wanted) {
                    continue;
                }
                let own = &mut modules[group as usize];
                let first = own.len() * settings.rank;
                own.push(Module {
                    name,
                    rows,
                    hidden: first..first + settings.rank,
                });
            }
        }
        let is_unknown = |wanted: &&String| {
            let last = wanted.rsplit('.').next().unwrap_or(wanted);
            !known.contains(&last)
        };
        if let Some(unknown) = settings.target_modules.iter().find(is_unknown) {
            let what = format!(
                "target_modules: the model has no module \"{unknown}\"; it has {}",
                known.join(", ")
            );
            return Err(TrainError::Settings(what));
        }
        #[allow(clippy::cast_possible_truncation, reason = "a probability")]
        let dropout = settings.dropout as f32;
        Ok(Self {
            rank: settings.rank,
            scale: settings.scale(),
            dropout,
            modules,
        })
    }

    pub fn of(&self, group: Group) -> &[Module] {
        &self.modules[group as usize]
    }
}

impl Factors {
    /// Zeros.
    pub fn zeros(plan: &Plan, config: &Config) -> Self {
        let layer = || {
            Group::ALL.map(|group| {
                let modules = plan.of(group);
                let b = modules
                    .iter()
                    .map(|module| vec![0.0; plan.rank * module.rows.len()]);
                Pair {
                    a: vec![0.0; modules.len() * plan.rank * group.inputs(config)],
                    b: b.collect(),
                }
            })
        };
        Self {
            layers: (0..config.layers).map(|_| layer()).collect(),
        }
    }

    /// As PEFT begins: B is zero, A uniform in ±1/root(inputs) (Kaiming with a slope of root 5).
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "widths are small; factors have 32 bits"
    )]
    pub fn start(plan: &Plan, config: &Config, seed: u64, adapter: usize) -> Self {
        let mut factors = Self::zeros(plan, config);
        for (layer, pairs) in factors.layers.iter_mut().enumerate() {
            for (group, pair) in Group::ALL.into_iter().zip(pairs) {
                let bound = 1.0 / (group.inputs(config) as f64).sqrt();
                let key = [adapter as u64, layer as u64, group as u64];
                let draws = Draws::new(seed, Purpose::Start, &key);
                for (counter, value) in (0..).zip(&mut pair.a) {
                    *value = ((2.0 * draws.unit(counter) - 1.0) * bound) as f32;
                }
            }
        }
        factors
    }

    /// All tensors, in one order.
    pub fn tensors(&self) -> Vec<&Vec<f32>> {
        let pairs = self.layers.iter().flatten();
        pairs
            .flat_map(|pair| std::iter::once(&pair.a).chain(&pair.b))
            .collect()
    }

    /// The same to be changed.
    pub fn tensors_mut(&mut self) -> Vec<&mut Vec<f32>> {
        let pairs = self.layers.iter_mut().flatten();
        pairs
            .flat_map(|pair| std::iter::once(&mut pair.a).chain(&mut pair.b))
            .collect()
    }
}

/// A tensor as PEFT names it, in one of [`Factors::tensors`].
#[derive(Debug, Clone)]
pub(super) struct FactorName {
    pub named: Named,
    /// Whether files hold its transpose.
    pub is_transposed: bool,
}

/// The names of [`Factors::tensors`].
pub(super) fn names(plan: &Plan, config: &Config) -> Vec<Vec<FactorName>> {
    let mut all = Vec::new();
    for layer in 0..config.layers {
        for group in Group::ALL {
            let modules = plan.of(group);
            let name = |module: &Module, factor| {
                format!(
                    "base_model.model.model.layers.{layer}.{}.{factor}.weight",
                    module.name
                )
            };
            let inputs = group.inputs(config);
            let a = modules.iter().map(|module| FactorName {
                named: Named {
                    name: name(module, "lora_A"),
                    shape: vec![plan.rank, inputs],
                    range: module.hidden.start * inputs..module.hidden.end * inputs,
                },
                is_transposed: false,
            });
            all.push(a.collect());
            all.extend(modules.iter().map(|module| {
                vec![FactorName {
                    named: Named {
                        name: name(module, "lora_B"),
                        shape: vec![module.rows.len(), plan.rank],
                        range: 0..module.rows.len() * plan.rank,
                    },
                    is_transposed: true,
                }]
            }));
        }
    }
    all
}
