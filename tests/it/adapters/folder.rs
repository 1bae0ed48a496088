//! Writes adapter folders as PEFT would, with random factors.

use crate::support::tiny_model::{FEED, HEADS, KV_HEADS, LAYERS, WIDTH};
use std::path::Path;

pub const MODULES: [&str; 7] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
];

/// Inputs and outputs of a module of the tiny model.
pub fn widths(module: &str) -> (usize, usize) {
    let (width, feed) = (WIDTH as usize, FEED as usize);
    let kv = width / HEADS as usize * KV_HEADS as usize;
    match module {
        "self_attn.k_proj" | "self_attn.v_proj" => (width, kv),
        "mlp.gate_proj" | "mlp.up_proj" => (width, feed),
        "mlp.down_proj" => (feed, width),
        _ => (width, width),
    }
}

/// One factor of one module.
#[derive(Debug, Clone)]
pub struct Tensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// An adapter to be written.
#[derive(Debug, Clone)]
pub struct Made {
    pub rank: usize,
    pub alpha: f64,
    /// More settings, each with a comma before it.
    pub settings: String,
    pub tensors: Vec<Tensor>,
}

impl Made {
    /// Factors for all maps of the tiny model.
    pub fn random(rank: usize, alpha: f64, seed: u64) -> Self {
        let mut state = seed;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32 / 8_388_608.0 - 1.0) * 0.2
        };
        let mut tensors = Vec::new();
        for layer in 0..LAYERS {
            for module in MODULES {
                let (inputs, outputs) = widths(module);
                for (factor, shape) in [("A", [rank, inputs]), ("B", [outputs, rank])] {
                    tensors.push(Tensor {
                        name: name(layer, module, factor),
                        shape: shape.to_vec(),
                        values: (0..shape[0] * shape[1]).map(|_| next()).collect(),
                    });
                }
            }
        }
        Self {
            rank,
            alpha,
            settings: String::new(),
            tensors,
        }
    }

    pub fn tensor(&self, layer: u64, module: &str, factor: &str) -> &Tensor {
        let name = name(layer, module, factor);
        self.tensors.iter().find(|one| one.name == name).unwrap()
    }

    pub fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        let config = format!(
            r#"{{"peft_type":"LORA","target_modules":"all-linear","r":{},"lora_alpha":{}{}}}"#,
            self.rank, self.alpha, self.settings
        );
        std::fs::write(folder.join("adapter_config.json"), config).unwrap();
        let file = folder.join("adapter_model.safetensors");
        std::fs::write(file, safetensors(&self.tensors)).unwrap();
    }
}

pub fn name(layer: u64, module: &str, factor: &str) -> String {
    format!("base_model.model.model.layers.{layer}.{module}.lora_{factor}.weight")
}

fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for tensor in tensors {
        let start = data.len();
        data.extend(tensor.values.iter().flat_map(|x| x.to_le_bytes()));
        let entry = serde_json::json!({
            "dtype": "F32", "shape": tensor.shape, "data_offsets": [start, data.len()],
        });
        header.insert(tensor.name.clone(), entry);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(data);
    bytes
}
