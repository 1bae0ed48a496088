//! An adapter from the folder that PEFT saves: `adapter_config.json` and `adapter_model.safetensors`.

use super::error::AdapterError;
use super::name::{Factor, Map, TensorName};
use super::peft::PeftConfig;
use super::{Adapter, Target, Update};
use crate::lm::config::{Config, Pairs};
use crate::lm::gguf::Format;
use crate::lm::kernel::lowrank::{Bf16, Half, LowRank, Numbers};
use crate::lm::safetensors::{Safetensors, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) const CONFIG: &str = "adapter_config.json";
pub(super) const TENSORS: &str = "adapter_model.safetensors";
/// What PEFT wrote before safetensors; reading it could run code.
const PICKLED: &str = "adapter_model.bin";

/// The tensors of one module's factors.
#[derive(Default)]
struct Names {
    a: Option<String>,
    b: Option<String>,
}

impl Adapter {
    /// Looks at an adapter's folder without a model: what is said of it, if it could be one.
    ///
    /// # Errors
    /// When a file is missing or broken, or the adapter is of a kind that is not supported.
    pub fn glance(folder: &Path) -> Result<Vec<String>, AdapterError> {
        let peft = PeftConfig::open(&folder.join(CONFIG))?;
        let file = tensors(folder)?;
        let mut warnings = peft.warnings.clone();
        modules(&file, &peft, &mut warnings)?;
        Ok(warnings)
    }

    /// Reads an adapter's folder for a decoder of this shape. Also returns what the user should know: settings that are not
    /// known, tensors that nothing uses.
    ///
    /// # Errors
    /// When a file cannot be read, the adapter is of a kind that is not supported, or it was made for another model.
    pub fn open(folder: &Path, config: &Config) -> Result<(Self, Vec<String>), AdapterError> {
        let peft = PeftConfig::open(&folder.join(CONFIG))?;
        let file = tensors(folder)?;
        let mut warnings = peft.warnings.clone();
        let modules = modules(&file, &peft, &mut warnings)?;
        let mut updates = Vec::new();
        for ((layer, map, module), names) in modules {
            let pair = Pair::read(&file, &module, &names)?;
            for (target, update) in pair.updates(config, layer, map, &peft)? {
                updates.push((layer, target, update));
            }
        }
        if updates.is_empty() {
            warnings.push(format!("{}: it changes nothing", file.path().display()));
        }
        let name = folder.file_name().unwrap_or(folder.as_os_str());
        let adapter = Self::new(name.to_string_lossy(), config, updates)?;
        Ok((adapter, warnings))
    }
}

fn tensors(folder: &Path) -> Result<Safetensors, AdapterError> {
    let path = folder.join(TENSORS);
    let pickled = folder.join(PICKLED);
    if !path.exists() && pickled.exists() {
        let what = format!(
            "pickled tensors are not read; save the adapter again as {TENSORS} (safe_serialization=True)"
        );
        return Err(AdapterError::Unsupported {
            path: pickled,
            what,
        });
    }
    Ok(Safetensors::open(&path)?)
}

/// The modules with factors that the configuration selects, in the order of layers.
fn modules(
    file: &Safetensors,
    peft: &PeftConfig,
    warnings: &mut Vec<String>,
) -> Result<BTreeMap<(usize, Map, String), Names>, AdapterError> {
    let mut modules: BTreeMap<_, Names> = BTreeMap::new();
    for name in file.names() {
        let factor = match TensorName::read(name) {
            TensorName::Factor(factor) => factor,
            TensorName::Refused(what) => {
                return Err(AdapterError::Unsupported {
                    path: file.path().to_owned(),
                    what: format!("tensor \"{name}\": {what} is not supported"),
                });
            }
            TensorName::Unknown => {
                warnings.push(format!(
                    "tensor \"{name}\" is not used: the model has no such part"
                ));
                continue;
            }
        };
        if !peft.selects(&factor.module) {
            warnings.push(format!(
                "tensor \"{name}\" is not used: {CONFIG} does not select \"{}\"",
                factor.module
            ));
            continue;
        }
        let key = (factor.layer, factor.map, factor.module);
        let names = modules.entry(key).or_default();
        let place = match factor.factor {
            Factor::A => &mut names.a,
            Factor::B => &mut names.b,
        };
        if let Some(other) = place.replace(name.to_owned()) {
            return Err(AdapterError::Broken {
                path: file.path().to_owned(),
                what: format!("tensors \"{other}\" and \"{name}\" mean the same"),
            });
        }
    }
    Ok(modules)
}

/// Both factors of one module, as they are stored.
struct Pair<'a> {
    module: &'a str,
    a: Tensor<'a>,
    b: Tensor<'a>,
    path: &'a Path,
}

impl<'a> Pair<'a> {
    fn read(
        file: &'a Safetensors,
        module: &'a str,
        names: &'a Names,
    ) -> Result<Self, AdapterError> {
        let (Some(a), Some(b)) = (&names.a, &names.b) else {
            let (one, other) = match &names.a {
                Some(a) => (a.as_str(), "lora_B"),
                None => (names.b.as_deref().unwrap_or(module), "lora_A"),
            };
            return Err(AdapterError::Broken {
                path: file.path().to_owned(),
                what: format!("tensor \"{one}\" has no {other} beside it"),
            });
        };
        Ok(Self {
            module,
            a: file.tensor(a)?,
            b: file.tensor(b)?,
            path: file.path(),
        })
    }

    /// What it adds to each of its map's parts.
    fn updates(
        &self,
        config: &Config,
        layer: usize,
        map: Map,
        peft: &PeftConfig,
    ) -> Result<Vec<(Target, Update)>, AdapterError> {
        if layer >= config.layers {
            let what = format!("the model has {} layers", config.layers);
            return Err(self.misfit(&self.a, &what));
        }
        let rank = peft.rank(self.module);
        let widths = map.targets().iter().map(|target| target.widths(config));
        let inputs = widths.clone().map(|(inputs, _)| inputs).max().unwrap_or(0);
        let outputs = widths.clone().map(|(_, outputs)| outputs).sum();
        for (tensor, expected) in [(&self.a, [rank, inputs]), (&self.b, [outputs, rank])] {
            if tensor.shape != expected {
                let what = format!(
                    "its shape is {:?}, expected {expected:?} (rank {rank}, {inputs} inputs, {outputs} outputs)",
                    tensor.shape
                );
                return Err(self.misfit(tensor, &what));
            }
        }
        let (a, b) = (self.numbers(&self.a)?, self.numbers(&self.b)?);
        let scale = peft.scale(self.module);
        let mut updates: Vec<(Target, Update)> = Vec::new();
        let mut first = 0;
        for (&target, (_, outputs)) in map.targets().iter().zip(widths) {
            let rows = (0..outputs).map(|row| first + stored_row(config, target, row));
            let places = rows.flat_map(|row| (row * rank..(row + 1) * rank).map(Some));
            let b = b.picked(places);
            let factors = match updates.first() {
                Some((_, update)) => update.factors.with_outputs(outputs, &b),
                None => LowRank::new(rank, inputs, outputs, &a, &b),
            };
            updates.push((target, Update { factors, scale }));
            first += outputs;
        }
        Ok(updates)
    }

    fn numbers(&self, tensor: &Tensor<'_>) -> Result<Numbers, AdapterError> {
        let halves = tensor.bytes.as_chunks().0.iter();
        let halves = halves.map(|&bytes| u16::from_le_bytes(bytes));
        let (numbers, are_finite) = match tensor.format {
            Format::F16 => {
                let are_finite = halves.clone().all(|bits| bits & 0x7c00 != 0x7c00);
                (Numbers::F16(halves.map(Half).collect()), are_finite)
            }
            Format::Bf16 => {
                let are_finite = halves.clone().all(|bits| bits & 0x7f80 != 0x7f80);
                (Numbers::Bf16(halves.map(Bf16).collect()), are_finite)
            }
            _ => {
                let values = tensor.numbers();
                let are_finite = values.iter().all(|value| value.is_finite());
                (Numbers::F32(values), are_finite)
            }
        };
        if are_finite {
            return Ok(numbers);
        }
        Err(AdapterError::Broken {
            path: self.path.to_owned(),
            what: format!("tensor \"{}\" has numbers that are not finite", tensor.name),
        })
    }

    fn misfit(&self, tensor: &Tensor<'_>, what: &str) -> AdapterError {
        AdapterError::Misfit {
            adapter: self.path.display().to_string(),
            what: format!("tensor \"{}\": {what}", tensor.name),
        }
    }
}

/// Which row of PEFT's B belongs to an output of the decoder. GGUF files store Llama's query and key maps with the two halves of
/// each head interleaved, so that neighbours turn together; an adapter was trained on the original order.
fn stored_row(config: &Config, target: Target, row: usize) -> usize {
    let is_turned = matches!(target, Target::Query | Target::Key);
    if !is_turned || config.rotary.pairs != Pairs::Neighbours {
        return row;
    }
    permuted_row(config.head_width, row)
}

/// Which original row stands at a row of such a file.
pub(super) fn permuted_row(head_width: usize, row: usize) -> usize {
    let (head, at) = (row / head_width, row % head_width);
    head * head_width + at % 2 * (head_width / 2) + at / 2
}
