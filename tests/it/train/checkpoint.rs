//! The tiny checkpoints of the parity tests, with what PyTorch and PEFT computed on them (`tests/reference/train.py`).

use flate2::read::GzDecoder;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use synod::lm::model::{Decoder, Opening};
use synod::lm::safetensors::Safetensors;
use synod::lm::train::{LoraSettings, OptimiserSettings, Packed, Tensor, Trainer, What};

/// Every family, and the variants that compute otherwise.
pub const NAMES: [&str; 11] = [
    "llama",
    "llama-bias",
    "mistral",
    "qwen2",
    "qwen2-window",
    "qwen3",
    "gemma",
    "gemma2",
    "gemma3",
    "phi3",
    "phi3-window",
];

#[derive(Deserialize)]
pub struct Expected {
    rows: Vec<Row>,
    pub lora: LoraSettings,
    /// Loss, norm, learning rate of each step.
    pub lora_steps: Vec<[f64; 3]>,
    pub full_steps: Vec<[f64; 3]>,
    pub full_gradients: BTreeMap<String, Digest>,
    pub full_after: BTreeMap<String, Digest>,
}

#[derive(Deserialize)]
struct Row {
    ids: Vec<u32>,
    labels: Vec<i64>,
}

/// What stands for a whole tensor.
#[derive(Deserialize)]
pub struct Digest {
    pub norm: f64,
    /// With three patterns of signs.
    pub sums: [f64; 3],
    pub places: Vec<usize>,
    pub numbers: Vec<f64>,
}

impl Digest {
    pub fn of(values: &[f32], places: &[usize]) -> Self {
        let squares: f64 = values.iter().map(|&x| f64::from(x).powi(2)).sum();
        let sum = |prime: usize| {
            let signs = (0..values.len()).map(|at| if at * prime % 7 < 3 { 1.0 } else { -1.0 });
            values
                .iter()
                .zip(signs)
                .map(|(&x, sign)| f64::from(x) * sign)
                .sum()
        };
        Self {
            norm: squares.sqrt(),
            sums: [1, 5, 11].map(sum),
            places: places.to_vec(),
            numbers: places.iter().map(|&at| f64::from(values[at])).collect(),
        }
    }
}

/// A checkpoint's files, unpacked.
pub struct Checkpoint {
    folder: tempfile::TempDir,
    pub expected: Expected,
    /// Gradients and numbers of an adapter.
    pub tensors: Safetensors,
}

fn vectors(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(part)
}

impl Checkpoint {
    pub fn open(name: &str) -> Self {
        let from = vectors("parity").join(name);
        let folder = tempfile::tempdir().unwrap();
        for file in ["model.safetensors", "model.gguf"] {
            if let Ok(packed) = std::fs::read(from.join(format!("{file}.gz"))) {
                let mut bytes = Vec::new();
                GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
                std::fs::write(folder.path().join(file), bytes).unwrap();
            }
        }
        std::fs::copy(from.join("config.json"), folder.path().join("config.json")).unwrap();
        let expected = std::fs::read(vectors("train").join(format!("{name}.json"))).unwrap();
        Self {
            folder,
            expected: serde_json::from_slice(&expected).unwrap(),
            tensors: Safetensors::open(&vectors("train").join(format!("{name}.safetensors")))
                .unwrap(),
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn gguf(&self) -> Option<PathBuf> {
        let path = self.folder.path().join("model.gguf");
        path.exists().then_some(path)
    }

    pub fn trainer(
        &self,
        path: &Path,
        what: &What,
        optimiser: &OptimiserSettings,
        threads: usize,
    ) -> Trainer {
        let Decoder { config, weights } = Decoder::open(path, Opening::default()).unwrap();
        Trainer::new(&config, &weights, what, optimiser, 7, threads).unwrap()
    }

    /// All sequences, one behind the other.
    pub fn batch(&self) -> Packed {
        let mut batch = Packed::new();
        for number in 0..self.expected.rows.len() {
            self.push(&mut batch, 0, number);
        }
        batch
    }

    pub fn push(&self, batch: &mut Packed, adapter: usize, number: usize) {
        let row = &self.expected.rows[number];
        let labels: Vec<Option<u32>> = row
            .labels
            .iter()
            .map(|&label| u32::try_from(label).ok())
            .collect();
        batch.push_for(adapter, &row.ids, &labels).unwrap();
    }
}

/// The first numbers of an adapter as the script sets them: by their places, tensors numbered in the order of their names.
pub fn begin(trainer: &mut Trainer, adapter: usize) {
    let mut names: Vec<String> = trainer
        .adapter(adapter)
        .into_iter()
        .map(|tensor| tensor.name)
        .collect();
    names.sort();
    let tensors: Vec<Tensor<'static>> = trainer
        .adapter(adapter)
        .into_iter()
        .map(|tensor| {
            let index = names.iter().position(|name| *name == tensor.name).unwrap();
            let number = |place: usize| {
                let whole = (place * 7919 + index * 104_729) % 2003;
                ((whole as f64 - 1001.0) / 10010.0) as f32
            };
            Tensor {
                values: (0..tensor.values.len()).map(number).collect(),
                name: tensor.name,
                shape: tensor.shape,
            }
        })
        .collect();
    trainer.set_adapter(adapter, &tensors).unwrap();
}

pub fn never() -> bool {
    false
}
