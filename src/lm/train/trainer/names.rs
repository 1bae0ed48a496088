//! A training's numbers by the names that files give them, out and in.

use super::{Adapter, Trained, Trainer};
use crate::lm::config::Config;
use crate::lm::train::error::TrainError;
use crate::lm::train::factors::{FactorName, Factors, Plan, names};
use crate::lm::train::net::{Label, Net, labels};
use crate::lm::train::state::{State, Tensor};
use std::borrow::Cow;
use std::collections::BTreeMap;

impl Trainer {
    /// An adapter under PEFT's names: `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight` of `[rank, inputs]` and
    /// so on. Empty when there is no such adapter.
    #[must_use]
    pub fn adapter(&self, number: usize) -> Vec<Tensor<'_>> {
        match &self.trained {
            Trained::Lora(adapters) => adapters.get(number).map_or_else(Vec::new, |adapter| {
                factors_out(&self.config, &adapter.plan, &adapter.value, "")
            }),
            Trained::Full(_) => Vec::new(),
        }
    }

    /// Every number of the model under transformers' names, as its files hold them.
    #[must_use]
    pub fn parameters(&self) -> Vec<Tensor<'_>> {
        net_out(&labels(&self.config, &self.net), &self.net, "", true)
    }

    /// The gradients since the last step, sums over labels, under the names of [`Trainer::adapter`] or
    /// [`Trainer::parameters`]. For tests and curious users.
    #[must_use]
    pub fn gradients(&self, number: usize) -> Vec<Tensor<'_>> {
        match &self.trained {
            Trained::Full(moments) => net_out(
                &labels(&self.config, &self.net),
                &moments.gradient,
                "",
                false,
            ),
            Trained::Lora(adapters) => adapters.get(number).map_or_else(Vec::new, |adapter| {
                factors_out(&self.config, &adapter.plan, &adapter.moments.gradient, "")
            }),
        }
    }

    /// What decides how the training goes on. Gradients since the last step are not part of it.
    #[must_use]
    pub fn state(&self) -> State<'_> {
        let (mut steps, mut tensors) = (Vec::new(), Vec::new());
        match &self.trained {
            Trained::Full(moments) => {
                steps.push(moments.step);
                let labels = labels(&self.config, &self.net);
                // As they are kept: a norm's offset taken away and added again could change a bit.
                for (kind, net) in [
                    ("value.", &self.net),
                    ("first.", &moments.first),
                    ("second.", &moments.second),
                ] {
                    tensors.extend(net_out(&labels, net, kind, false));
                }
            }
            Trained::Lora(adapters) => {
                for (number, adapter) in adapters.iter().enumerate() {
                    let Adapter {
                        plan,
                        value,
                        moments,
                    } = adapter;
                    steps.push(moments.step);
                    for (kind, factors) in [
                        ("value", value),
                        ("first", &moments.first),
                        ("second", &moments.second),
                    ] {
                        let prefix = format!("{number}.{kind}.");
                        tensors.extend(factors_out(&self.config, plan, factors, &prefix));
                    }
                }
            }
        }
        State { steps, tensors }
    }

    /// Goes on where another training of the same model, settings and seed stood. Gradients since the last step are forgotten.
    ///
    /// # Errors
    /// When the state is of another training: nothing has changed then.
    pub fn restore(&mut self, state: &State<'_>) -> Result<(), TrainError> {
        let known: BTreeMap<&str, &Tensor<'_>> = state
            .tensors
            .iter()
            .map(|tensor| (tensor.name.as_str(), tensor))
            .collect();
        check(&self.state(), state, &known)?;
        self.forget();
        let labels = labels(&self.config, &self.net);
        match &mut self.trained {
            Trained::Full(moments) => {
                moments.step = state.steps[0];
                net_in(&labels, &mut self.net, "value.", &known);
                net_in(&labels, &mut moments.first, "first.", &known);
                net_in(&labels, &mut moments.second, "second.", &known);
            }
            Trained::Lora(adapters) => {
                for (number, adapter) in adapters.iter_mut().enumerate() {
                    let Adapter {
                        plan,
                        value,
                        moments,
                    } = adapter;
                    moments.step = state.steps[number];
                    for (kind, factors) in [
                        ("value", value),
                        ("first", &mut moments.first),
                        ("second", &mut moments.second),
                    ] {
                        let prefix = format!("{number}.{kind}.");
                        factors_in(&self.config, plan, factors, &prefix, &known);
                    }
                }
            }
        }
        Ok(())
    }

    /// Sets an adapter's numbers, to go on from one that was trained before; its moments and steps stay as they are.
    ///
    /// # Errors
    /// When the tensors are not those of [`Trainer::adapter`]: nothing has changed then.
    pub fn set_adapter(&mut self, number: usize, tensors: &[Tensor<'_>]) -> Result<(), TrainError> {
        let known: BTreeMap<&str, &Tensor<'_>> = tensors
            .iter()
            .map(|tensor| (tensor.name.as_str(), tensor))
            .collect();
        for own in self.adapter(number) {
            fitting(&own, &known)?;
        }
        let Trained::Lora(adapters) = &mut self.trained else {
            let what = "there are no adapters in full training".to_owned();
            return Err(TrainError::State(what));
        };
        let Some(adapter) = adapters.get_mut(number) else {
            return Err(TrainError::State(format!("there is no adapter {number}")));
        };
        factors_in(&self.config, &adapter.plan, &mut adapter.value, "", &known);
        Ok(())
    }
}

fn check(
    own: &State<'_>,
    state: &State<'_>,
    known: &BTreeMap<&str, &Tensor<'_>>,
) -> Result<(), TrainError> {
    if own.steps.len() != state.steps.len() || own.tensors.len() != state.tensors.len() {
        let what = format!(
            "it has {} counts of steps and {} tensors, and this training {} and {}",
            state.steps.len(),
            state.tensors.len(),
            own.steps.len(),
            own.tensors.len()
        );
        return Err(TrainError::State(what));
    }
    own.tensors.iter().try_for_each(|own| fitting(own, known))
}

fn fitting(own: &Tensor<'_>, known: &BTreeMap<&str, &Tensor<'_>>) -> Result<(), TrainError> {
    let Some(found) = known.get(own.name.as_str()) else {
        return Err(TrainError::State(format!(
            "tensor \"{}\" is missing",
            own.name
        )));
    };
    if found.shape != own.shape || found.values.len() != own.values.len() {
        return Err(TrainError::State(format!(
            "tensor \"{}\" has the shape {:?} and {} numbers, expected {:?}",
            own.name,
            found.shape,
            found.values.len(),
            own.shape
        )));
    }
    Ok(())
}

fn net_out<'a>(
    labels: &[Label],
    net: &'a Net,
    prefix: &str,
    is_for_files: bool,
) -> Vec<Tensor<'a>> {
    let tensors = labels.iter().zip(net.tensors());
    let all = tensors.flat_map(|(label, values)| {
        label.parts.iter().map(move |part| {
            let values = &values[part.range.clone()];
            let is_moved = is_for_files && label.offset != 0.0;
            Tensor {
                name: format!("{prefix}{}", part.name),
                shape: part.shape.clone(),
                values: if is_moved {
                    values.iter().map(|value| value - label.offset).collect()
                } else {
                    Cow::Borrowed(values)
                },
            }
        })
    });
    all.collect()
}

fn net_in(labels: &[Label], net: &mut Net, prefix: &str, known: &BTreeMap<&str, &Tensor<'_>>) {
    for (label, values) in labels.iter().zip(net.tensors_mut()) {
        for part in &label.parts {
            if let Some(tensor) = known.get(format!("{prefix}{}", part.name).as_str()) {
                values[part.range.clone()].copy_from_slice(&tensor.values);
            }
        }
    }
}

fn factors_out<'a>(
    config: &Config,
    plan: &Plan,
    factors: &'a Factors,
    prefix: &str,
) -> Vec<Tensor<'a>> {
    let names = names(plan, config);
    let all = names
        .into_iter()
        .zip(factors.tensors())
        .flat_map(|(names, values)| {
            names.into_iter().map(
                move |FactorName {
                          named,
                          is_transposed,
                      }| {
                    let values = &values[named.range];
                    let values = if is_transposed {
                        Cow::Owned(transposed(values, named.shape[0]))
                    } else {
                        Cow::Borrowed(values)
                    };
                    Tensor {
                        name: format!("{prefix}{}", named.name),
                        shape: named.shape,
                        values,
                    }
                },
            )
        });
    all.collect()
}

fn factors_in(
    config: &Config,
    plan: &Plan,
    factors: &mut Factors,
    prefix: &str,
    known: &BTreeMap<&str, &Tensor<'_>>,
) {
    for (names, values) in names(plan, config).into_iter().zip(factors.tensors_mut()) {
        for FactorName {
            named,
            is_transposed,
        } in names
        {
            let Some(tensor) = known.get(format!("{prefix}{}", named.name).as_str()) else {
                continue;
            };
            let to = &mut values[named.range];
            if is_transposed {
                to.copy_from_slice(&transposed(&tensor.values, named.shape[1]));
            } else {
                to.copy_from_slice(&tensor.values);
            }
        }
    }
}

/// Rows of `columns` numbers as columns.
fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns.max(1);
    let places = (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column));
    places.map(|at| values[at]).collect()
}
