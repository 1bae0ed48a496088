//! An adapter added to the weights that it was trained beside.

use super::Written;
use std::collections::BTreeMap;

/// Behind the names of a pair's tensors.
const A: &str = ".lora_A.weight";
const B: &str = ".lora_B.weight";
/// Before them, and not before the model's own.
const PREFIX: &str = "base_model.model.";

/// Adds `scale * B A` to a weight, rows of inputs, if the adapter changes it; `name` is the tensor's in the model.
///
/// # Errors
/// With a sentence when the adapter's factors do not fit the weight.
pub fn add(weight: &mut [f32], name: &str, adapter: &Written<'_>) -> Result<(), String> {
    let Some(module) = name.strip_suffix(".weight") else {
        return Ok(());
    };
    let tensors: BTreeMap<&str, _> = adapter.tensors.iter().map(|one| (one.name, one)).collect();
    let factor = |ending: &str| tensors.get(format!("{PREFIX}{module}{ending}").as_str());
    let (Some(a), Some(b)) = (factor(A), factor(B)) else {
        return Ok(());
    };
    let ([rank, inputs], [outputs, same]) = (a.shape, b.shape) else {
        return Err(format!("the factors of {module} are no matrices"));
    };
    if rank != same || inputs * outputs != weight.len() {
        return Err(format!(
            "the factors of {module} have the shapes {:?} and {:?}, which do not fit its {} numbers",
            a.shape,
            b.shape,
            weight.len()
        ));
    }
    #[allow(clippy::cast_possible_truncation, reason = "weights have 32 bits")]
    let scale = adapter.scale() as f32;
    for (row, b) in weight
        .chunks_exact_mut(*inputs)
        .zip(b.values.chunks_exact(*rank))
    {
        for (a, b) in a.values.chunks_exact(*inputs).zip(b) {
            let factor = scale * b;
            for (value, a) in row.iter_mut().zip(a) {
                *value += factor * a;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lm::safetensors::write::Floats;

    #[test]
    fn a_weight_gains_the_scaled_product() {
        let tensors = [
            Floats {
                name: "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight",
                shape: &[1, 2],
                values: &[1.0, 2.0],
            },
            Floats {
                name: "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight",
                shape: &[3, 1],
                values: &[1.0, 0.0, -1.0],
            },
        ];
        let adapter = Written {
            rank: 1,
            alpha: 2.0,
            dropout: 0.0,
            is_rank_stabilised: false,
            base: "m",
            tensors: &tensors,
        };
        let mut weight = [1.0; 6];
        add(&mut weight, "model.layers.0.mlp.up_proj.weight", &adapter).unwrap();
        assert_eq!(weight, [3.0, 5.0, 1.0, 1.0, -1.0, -3.0]);
        add(&mut weight, "model.layers.0.mlp.down_proj.weight", &adapter).unwrap();
        assert_eq!(weight[0], 3.0, "another weight stays as it is");
        let error = add(&mut [0.0; 4], "model.layers.0.mlp.up_proj.weight", &adapter);
        assert!(error.unwrap_err().contains("do not fit its 4 numbers"));
    }
}
