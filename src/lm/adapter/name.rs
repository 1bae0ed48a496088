//! What a tensor's name in a PEFT file says: which factor of which linear map of which layer.

use super::Target;

/// A tensor by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TensorName {
    /// A factor of an update.
    Factor(FactorName),
    /// Something that changes the model in a way that is not supported; leaving it out would change the answers.
    Refused(&'static str),
    /// Nothing that this decoder has.
    Unknown,
}

/// One of the two factors of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorName {
    /// The map's name in the model, as PEFT matches it: `model.layers.0.self_attn.q_proj`.
    pub module: String,
    pub layer: usize,
    pub map: Map,
    pub factor: Factor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    A,
    B,
}

/// A linear map as the original models have it: alone, or several with their outputs side by side (Phi-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Map {
    Single(Target),
    QueryKeyValue,
    GateUp,
}

impl Map {
    /// Its parts, in the order of their outputs.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        match self {
            Map::Single(target) => std::slice::from_ref(target),
            Map::QueryKeyValue => &[Target::Query, Target::Key, Target::Value],
            Map::GateUp => &[Target::Gate, Target::Up],
        }
    }
}

impl TensorName {
    /// Reads a name such as `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`.
    #[must_use]
    pub fn read(name: &str) -> Self {
        let inner = name.strip_prefix("base_model.model.").unwrap_or(name);
        if inner.contains("lora_magnitude_vector") {
            return Self::Refused("DoRA magnitudes");
        }
        if inner.contains("lora_embedding_") {
            return Self::Refused("an adapter of the embedding");
        }
        if inner.contains(".lora_B.") && inner.ends_with(".bias") {
            return Self::Refused("a bias of a factor");
        }
        let Some((module, factor)) = factor_of(inner) else {
            return match last(inner.strip_suffix(".weight").unwrap_or(inner)) {
                "embed_tokens" | "lm_head" => Self::Refused("whole weights beside the adapter"),
                _ if inner.ends_with(".bias") => Self::Refused("a trained bias"),
                _ => Self::Unknown,
            };
        };
        if matches!(last(module), "embed_tokens" | "lm_head") {
            return Self::Refused("an adapter of the vocabulary");
        }
        match place(module) {
            Some((layer, map)) => Self::Factor(FactorName {
                module: module.to_owned(),
                layer,
                map,
                factor,
            }),
            None => Self::Unknown,
        }
    }
}

/// Splits `M.lora_A.weight` or `M.lora_A.default.weight`.
fn factor_of(name: &str) -> Option<(&str, Factor)> {
    let name = name.strip_suffix(".weight")?;
    let name = name.strip_suffix(".default").unwrap_or(name);
    match name.rsplit_once('.')? {
        (module, "lora_A") => Some((module, Factor::A)),
        (module, "lora_B") => Some((module, Factor::B)),
        _ => None,
    }
}

fn last(module: &str) -> &str {
    module.rsplit('.').next().unwrap_or(module)
}

/// Layer and map of `model.layers.3.mlp.up_proj`. Towers beside the language model have layers too, so what stands before
/// must be known.
fn place(module: &str) -> Option<(usize, Map)> {
    let (before, rest) = module.split_once("layers.")?;
    let mut path = before.split_terminator('.');
    if !path.all(|part| matches!(part, "model" | "language_model")) {
        return None;
    }
    let (number, part) = rest.split_once('.')?;
    let map = match part {
        "self_attn.q_proj" => Map::Single(Target::Query),
        "self_attn.k_proj" => Map::Single(Target::Key),
        "self_attn.v_proj" => Map::Single(Target::Value),
        "self_attn.o_proj" => Map::Single(Target::Output),
        "self_attn.qkv_proj" => Map::QueryKeyValue,
        "mlp.gate_proj" => Map::Single(Target::Gate),
        "mlp.up_proj" => Map::Single(Target::Up),
        "mlp.gate_up_proj" => Map::GateUp,
        "mlp.down_proj" => Map::Single(Target::Down),
        _ => return None,
    };
    Some((number.parse().ok()?, map))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(name: &str) -> Option<(String, usize, Map, Factor)> {
        match TensorName::read(name) {
            TensorName::Factor(f) => Some((f.module, f.layer, f.map, f.factor)),
            _ => None,
        }
    }

    #[test]
    fn factors_are_found_under_the_names_that_peft_and_its_forerunners_write() {
        assert_eq!(
            factor("base_model.model.model.layers.12.self_attn.q_proj.lora_A.weight"),
            Some((
                "model.layers.12.self_attn.q_proj".into(),
                12,
                Map::Single(Target::Query),
                Factor::A
            ))
        );
        for (name, layer, map) in [
            (
                "model.language_model.layers.0.mlp.down_proj.lora_B.default.weight",
                0,
                Map::Single(Target::Down),
            ),
            (
                "base_model.model.layers.7.mlp.gate_up_proj.lora_B.weight",
                7,
                Map::GateUp,
            ),
            (
                "base_model.model.model.layers.1.self_attn.qkv_proj.lora_B.weight",
                1,
                Map::QueryKeyValue,
            ),
        ] {
            let found = factor(name).map(|(_, layer, map, factor)| (layer, map, factor));
            assert_eq!(found, Some((layer, map, Factor::B)), "{name}");
        }
    }

    #[test]
    fn what_would_change_the_answers_is_refused_and_the_rest_is_unknown() {
        for name in [
            "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
            "base_model.model.model.embed_tokens.lora_embedding_A",
            "base_model.model.lm_head.lora_A.weight",
            "base_model.model.lm_head.weight",
            "base_model.model.model.embed_tokens.weight",
            "base_model.model.model.layers.0.self_attn.q_proj.bias",
            "base_model.model.model.layers.0.self_attn.q_proj.lora_B.bias",
        ] {
            let read = TensorName::read(name);
            assert!(matches!(read, TensorName::Refused(_)), "{name}: {read:?}");
        }
        for name in [
            "base_model.model.model.vision_tower.layers.0.self_attn.q_proj.lora_A.weight",
            "base_model.model.model.layers.x.self_attn.q_proj.lora_A.weight",
            "base_model.model.model.layers.0.block_sparse_moe.w1.lora_A.weight",
            "something",
            "",
        ] {
            assert_eq!(TensorName::read(name), TensorName::Unknown, "{name}");
        }
    }
}
