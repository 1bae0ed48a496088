//! Low-rank adapters (LoRA, Hu et al. 2021): what one request adds to weights that all requests share.
//!
//! An [`Adapter`] is one trained set of factors; a [`Blend`] is what a row carries, one adapter or a weighted sum of several.
//! The weights themselves stay as they are, quantised or not, so rows of one batch may carry different blends.
//!
//! Invariant: an adapter's factors fit the decoder it was made for, and all its numbers are finite.

mod blend;
mod error;
mod load;
mod name;
mod peft;
pub mod write;

pub use blend::Blend;
pub use error::AdapterError;
pub use peft::PeftConfig;

use super::config::Config;
use super::kernel::lowrank::{LowRank, Numbers};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The linear maps of a layer that an adapter can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    Query,
    Key,
    Value,
    Output,
    Gate,
    Up,
    Down,
}

impl Target {
    pub const ALL: [Target; 7] = [
        Target::Query,
        Target::Key,
        Target::Value,
        Target::Output,
        Target::Gate,
        Target::Up,
        Target::Down,
    ];

    /// Numbers that go in and come out.
    #[must_use]
    pub fn widths(self, config: &Config) -> (usize, usize) {
        let width = config.width;
        match self {
            Target::Query => (width, config.query_width()),
            Target::Key | Target::Value => (width, config.kv_width()),
            Target::Output => (config.query_width(), width),
            Target::Gate | Target::Up => (width, config.feed_forward),
            Target::Down => (config.feed_forward, width),
        }
    }
}

/// One adapter, ready for use with one decoder.
#[derive(Debug)]
pub struct Adapter {
    id: u64,
    name: String,
    /// Layer by layer, in the order of [`Target::ALL`].
    layers: Vec<[Option<Update>; Target::ALL.len()]>,
}

/// What is added to one linear map: `scale * B A`.
#[derive(Debug, Clone)]
pub struct Update {
    pub factors: LowRank,
    /// alpha / rank, or alpha / sqrt(rank) (Kalajdzievski 2023).
    pub scale: f32,
}

impl Adapter {
    /// An adapter of these updates for a decoder; maps without one stay as they are.
    ///
    /// # Errors
    /// When an update does not fit the decoder, or a map has two.
    pub fn new(
        name: impl Into<String>,
        config: &Config,
        updates: impl IntoIterator<Item = (usize, Target, Update)>,
    ) -> Result<Self, AdapterError> {
        let name = name.into();
        let mut layers = Vec::new();
        layers.resize_with(config.layers, Default::default);
        for (layer, target, update) in updates {
            let misfit = |what: String| AdapterError::Misfit {
                adapter: name.clone(),
                what: format!("layer {layer}, {target:?}: {what}"),
            };
            let (_, inputs, outputs) = update.factors.shape();
            let expected = target.widths(config);
            if (inputs, outputs) != expected {
                return Err(misfit(format!(
                    "maps {inputs} numbers to {outputs}, and the model {} to {}",
                    expected.0, expected.1
                )));
            }
            let place: &mut Option<Update> = layers
                .get_mut(layer)
                .map(|layer: &mut [Option<Update>; 7]| &mut layer[target as usize])
                .ok_or_else(|| misfit(format!("the model has {} layers", config.layers)))?;
            if place.replace(update).is_some() {
                return Err(misfit("there are two updates of it".to_owned()));
            }
        }
        let id = digest(&layers);
        Ok(Self { id, name, layers })
    }

    /// Names what it adds: the same for adapters with the same factors and scales in the same places, and for no others that
    /// will ever meet (64 bits of a hash).
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// For messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is added to one linear map.
    #[must_use]
    pub fn update(&self, layer: usize, target: Target) -> Option<&Update> {
        self.layers.get(layer)?[target as usize].as_ref()
    }

    /// Bytes of memory its factors take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let updates = self.layers.iter().flatten().flatten();
        updates.map(|update| update.factors.bytes()).sum()
    }

    /// Sums the factors of several adapters, each coefficient on A and on B: `A = sum c_i A_i` and `B = sum c_i B_i`, in 32
    /// bits. That is how positions in the weight space of adapters are added (Feng et al. 2024, Model Swarms), and what PEFT
    /// calls a linear merge of state dictionaries; it is not the sum of what they do, which is a [`Blend`]. A map that an
    /// adapter leaves alone counts as zeros.
    ///
    /// # Errors
    /// When there are none, or they differ in their layers, or in the shape or scale of a map.
    pub fn combine(
        name: impl Into<String>,
        parts: &[(&Adapter, f32)],
    ) -> Result<Self, AdapterError> {
        let name = name.into();
        let misfit = |what: String| AdapterError::Misfit {
            adapter: name.clone(),
            what,
        };
        let Some(((first, _), rest)) = parts.split_first() else {
            return Err(misfit("there is nothing to combine".to_owned()));
        };
        for (other, _) in rest {
            if other.layers.len() != first.layers.len() {
                return Err(misfit(format!(
                    "\"{}\" has {} layers and \"{}\" {}",
                    first.name,
                    first.layers.len(),
                    other.name,
                    other.layers.len()
                )));
            }
        }
        let mut layers = Vec::with_capacity(first.layers.len());
        for layer in 0..first.layers.len() {
            let mut updates: [Option<Update>; Target::ALL.len()] = Default::default();
            for target in Target::ALL {
                updates[target as usize] = combined(parts, layer, target)
                    .map_err(|what| misfit(format!("layer {layer}, {target:?}: {what}")))?;
            }
            layers.push(updates);
        }
        let id = digest(&layers);
        Ok(Self { id, name, layers })
    }
}

fn combined(
    parts: &[(&Adapter, f32)],
    layer: usize,
    target: Target,
) -> Result<Option<Update>, String> {
    let mut factors = Vec::new();
    let mut scale = None;
    for (adapter, coefficient) in parts {
        let Some(update) = adapter.update(layer, target) else {
            continue;
        };
        let scale = *scale.get_or_insert(update.scale);
        if scale.to_bits() != update.scale.to_bits() {
            return Err(format!(
                "the adapters are scaled by {scale} and {}",
                update.scale
            ));
        }
        factors.push((&update.factors, *coefficient));
    }
    let Some(scale) = scale else {
        return Ok(None);
    };
    let factors = LowRank::combined(&factors)
        .ok_or_else(|| "the adapters have different ranks".to_owned())?;
    Ok(Some(Update { factors, scale }))
}

/// A hash of everything that computing with it depends on.
fn digest(layers: &[[Option<Update>; Target::ALL.len()]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (place, update) in layers.iter().flatten().enumerate() {
        let Some(update) = update else { continue };
        (place, update.scale.to_bits(), update.factors.shape()).hash(&mut hasher);
        for numbers in update.factors.numbers() {
            hash_numbers(numbers, &mut hasher);
        }
    }
    hasher.finish()
}

fn hash_numbers(numbers: &Numbers, hasher: &mut DefaultHasher) {
    // Eight bytes at a time: hashing is most of the time of making an adapter.
    match numbers {
        Numbers::F32(values) => {
            for pair in values.chunks(2) {
                let bits = |at| pair.get(at).map_or(0, |x: &f32| u64::from(x.to_bits()));
                hasher.write_u64(bits(0) << 32 | bits(1));
            }
        }
        Numbers::Bf16(values) => hash_halves(values, |x| x.0, hasher),
        Numbers::F16(values) => hash_halves(values, |x| x.0, hasher),
    }
}

fn hash_halves<T>(values: &[T], bits: impl Fn(&T) -> u16, hasher: &mut DefaultHasher) {
    for four in values.chunks(4) {
        let join = |all: u64, x: &T| all << 16 | u64::from(bits(x));
        hasher.write_u64(four.iter().fold(0, join));
    }
}
