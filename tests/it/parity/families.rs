//! Each family on a tiny random checkpoint against Hugging Face transformers, from both file formats.
//!
//! `tests/reference/parity.py` made the checkpoints and the answers. The tolerance is wide enough for keys and values kept in
//! 16 bits and far below what leaving out any feature of a family does.

use flate2::read::GzDecoder;
use serde::Deserialize;
use std::io::Read;
use std::path::{Path, PathBuf};
use synod::lm::cache::{Cache, Table};
use synod::lm::decoder::{Pass, Span, forward};
use synod::lm::kernel::Pool;
use synod::lm::model::{Decoder, Opening};
use synod::lm::weights::Floats;

/// The greatest difference of a logit, in standard deviations of all logits.
const TOLERANCE: f32 = 2e-2;

#[derive(Deserialize)]
struct Expected {
    prompt: Vec<u32>,
    /// Of the logits of all positions.
    deviation: f32,
    /// Logits of the last position.
    last: Vec<f32>,
    /// Tokens whose logits are given at every position.
    columns: Vec<usize>,
    samples: Vec<Vec<f32>>,
    greedy: Vec<u32>,
    short: Option<Short>,
}

/// A prompt within the original context.
#[derive(Deserialize)]
struct Short {
    prompt: Vec<u32>,
    last: Vec<f32>,
}

/// A checkpoint's files, unpacked.
struct Checkpoint {
    folder: tempfile::TempDir,
    expected: Expected,
}

fn vectors(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors/parity")
        .join(name)
}

impl Checkpoint {
    fn unpack(name: &str) -> Self {
        let from = vectors(name);
        let folder = tempfile::tempdir().unwrap();
        for file in ["model.safetensors", "model.gguf"] {
            if let Ok(packed) = std::fs::read(from.join(format!("{file}.gz"))) {
                let mut bytes = Vec::new();
                GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
                std::fs::write(folder.path().join(file), bytes).unwrap();
            }
        }
        std::fs::copy(from.join("config.json"), folder.path().join("config.json")).unwrap();
        let expected = std::fs::read(from.join("expected.json")).unwrap();
        Self {
            folder,
            expected: serde_json::from_slice(&expected).unwrap(),
        }
    }

    fn gguf(&self) -> PathBuf {
        self.folder.path().join("model.gguf")
    }

    fn open(&self, path: &Path) -> Runner {
        Runner::new(Decoder::open(path, Opening::default()).unwrap())
    }

    fn check(&self, path: &Path) {
        let expected = &self.expected;
        let allowed = TOLERANCE * expected.deviation;
        let logits = self
            .open(path)
            .feed(&expected.prompt, expected.prompt.len());
        for (position, (logits, samples)) in logits.iter().zip(&expected.samples).enumerate() {
            for (&column, expected) in expected.columns.iter().zip(samples) {
                let what = format!("{} position {position} token {column}", path.display());
                near(logits[column], *expected, allowed, &what);
            }
        }
        all_near(
            &logits[expected.prompt.len() - 1],
            &expected.last,
            allowed,
            path,
        );
        assert_eq!(self.greedy(path), expected.greedy, "{}", path.display());
    }

    /// Greedy tokens after the prompt, which is fed in pieces.
    fn greedy(&self, path: &Path) -> Vec<u32> {
        let mut runner = self.open(path);
        let mut last = Vec::new();
        for piece in self.expected.prompt.chunks(11) {
            last = runner.feed(piece, 1).remove(0);
        }
        let mut tokens = Vec::new();
        for _ in 0..self.expected.greedy.len() {
            let best = (0..last.len()).max_by(|&a, &b| last[a].total_cmp(&last[b]));
            tokens.push(u32::try_from(best.unwrap()).unwrap());
            last = runner.feed(&tokens[tokens.len() - 1..], 1).remove(0);
        }
        tokens
    }
}

fn near(found: f32, expected: f32, allowed: f32, what: &str) {
    assert!(
        (found - expected).abs() <= allowed,
        "{what}: {found}, expected {expected} within {allowed}"
    );
}

fn all_near(found: &[f32], expected: &[f32], allowed: f32, path: &Path) {
    assert_eq!(found.len(), expected.len());
    for (token, (found, expected)) in found.iter().zip(expected).enumerate() {
        let what = format!("{} last position token {token}", path.display());
        near(*found, *expected, allowed, &what);
    }
}

/// A decoder with one growing sequence.
struct Runner {
    decoder: Decoder,
    cache: Cache,
    pool: Pool,
    table: Table,
    length: usize,
}

impl Runner {
    fn new(decoder: Decoder) -> Self {
        let config = &decoder.config;
        Self {
            cache: Cache::new(config.layers, config.kv_width(), 1 << 24),
            pool: Pool::new(2).unwrap(),
            table: Table::default(),
            length: 0,
            decoder,
        }
    }

    /// Logits of the last `wanted` of `tokens`.
    fn feed(&mut self, tokens: &[u32], wanted: usize) -> Vec<Vec<f32>> {
        let start = self.length;
        self.length += tokens.len();
        self.cache.reserve(&mut self.table, self.length).unwrap();
        let span = Span {
            table: &self.table,
            start,
            tokens,
            adapter: None,
            wanted,
        };
        let Decoder { config, weights } = &self.decoder;
        match forward(
            config,
            weights,
            &mut self.cache,
            &self.pool,
            &[span],
            &|| false,
        )
        .unwrap()
        {
            Pass::Done(logits) => logits,
            Pass::GivenUp => panic!("nobody gave up"),
        }
    }
}

fn both_formats(name: &str) {
    let checkpoint = Checkpoint::unpack(name);
    checkpoint.check(checkpoint.folder.path());
    checkpoint.check(&checkpoint.gguf());
}

#[test]
fn llama_with_blended_rotations_and_a_head_of_its_own() {
    both_formats("llama");
}

#[test]
fn llama_with_biases_stretched_rotations_and_a_tied_head() {
    both_formats("llama-bias");
}

#[test]
fn mistral_with_a_window_and_narrow_heads() {
    both_formats("mistral");
}

#[test]
fn qwen2_with_biases() {
    both_formats("qwen2");
}

#[test]
fn qwen2_with_a_window_in_its_last_layer() {
    let checkpoint = Checkpoint::unpack("qwen2-window");
    checkpoint.check(checkpoint.folder.path());
}

#[test]
fn qwen3_with_norms_of_heads() {
    both_formats("qwen3");
}

#[test]
fn gemma_with_scaled_embeddings_and_one_head_of_keys() {
    both_formats("gemma");
}

#[test]
fn gemma2_with_caps_and_alternating_windows() {
    both_formats("gemma2");
}

#[test]
fn gemma3_with_two_rotations() {
    both_formats("gemma3");
}

#[test]
fn phi3_beyond_its_original_context() {
    both_formats("phi3");
}

#[test]
fn phi3_within_its_original_context() {
    let checkpoint = Checkpoint::unpack("phi3");
    let short = checkpoint.expected.short.as_ref().unwrap();
    for path in [checkpoint.folder.path(), &checkpoint.gguf()] {
        let opening = Opening {
            context: Some(24),
            ..Opening::default()
        };
        let mut runner = Runner::new(Decoder::open(path, opening).unwrap());
        let last = runner.feed(&short.prompt, 1).remove(0);
        let allowed = TOLERANCE * checkpoint.expected.deviation;
        all_near(&last, &short.last, allowed, path);
    }
}

#[test]
fn phi3_with_a_window() {
    both_formats("phi3-window");
}

/// The same tensors under the names of a model that also sees images, its shape in a table of its own.
#[test]
fn gemma3_inside_a_model_that_sees() {
    let checkpoint = Checkpoint::unpack("gemma3");
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::read(checkpoint.folder.path().join("model.safetensors")).unwrap();
    let config = std::fs::read_to_string(checkpoint.folder.path().join("config.json")).unwrap();
    let (length, rest) = file.split_first_chunk::<8>().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header = String::from_utf8(header.to_vec()).unwrap();
    for prefix in ["language_model.model.", "model.language_model."] {
        let renamed = header.replace("\"model.", &format!("\"{prefix}"));
        // A tensor of the other part, without numbers.
        let other = r#"{"vision_tower.x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"#;
        let renamed = renamed.replacen('{', other, 1);
        let mut bytes = (renamed.len() as u64).to_le_bytes().to_vec();
        bytes.extend(renamed.as_bytes());
        bytes.extend(data);
        std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
        let whole = format!(
            r#"{{"architectures":["Gemma3ForConditionalGeneration"],"text_config":{config}}}"#
        );
        std::fs::write(folder.path().join("config.json"), whole).unwrap();
        let mut runner = checkpoint.open(folder.path());
        let last = runner.feed(&checkpoint.expected.prompt, 1).remove(0);
        let allowed = TOLERANCE * checkpoint.expected.deviation;
        all_near(&last, &checkpoint.expected.last, allowed, folder.path());
    }
}

#[test]
fn floats_in_eight_bits_stay_close() {
    let checkpoint = Checkpoint::unpack("llama");
    let opening = Opening {
        floats: Floats::EightBits,
        ..Opening::default()
    };
    let decoder = Decoder::open(checkpoint.folder.path(), opening).unwrap();
    let last = Runner::new(decoder)
        .feed(&checkpoint.expected.prompt, 1)
        .remove(0);
    let expected = &checkpoint.expected;
    let squares: f32 = last
        .iter()
        .zip(&expected.last)
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    #[allow(clippy::cast_precision_loss)]
    let error = (squares / last.len() as f32).sqrt() / expected.deviation;
    assert!(error < 0.1, "relative error {error}");
    assert!(error > 0.0, "nothing was quantised");
}
