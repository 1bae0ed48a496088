//! Equal to PEFT: its own folders, its own logits (`tests/reference/adapters.py`).

use super::{blend, distance, one, pass, plain};
use crate::support::tiny_model::Stored;
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use synod::lm::adapter::Adapter;
use synod::lm::model::{Decoder, Model, Opening};

/// What remains: keys and values are kept as 16-bit floats here and not there. The bare model is as far from the reference.
const CLOSE: f32 = 5e-3;

#[derive(serde::Deserialize)]
struct Reference {
    prompt: Vec<u32>,
    cases: BTreeMap<String, Vec<f32>>,
}

pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors/adapters")
        .join(name)
}

fn reference() -> Reference {
    let text = std::fs::read_to_string(folder("logits.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn open(model: &Model, name: &str) -> Arc<Adapter> {
    let (adapter, warnings) = Adapter::open(&folder(name), &model.config).unwrap();
    assert_eq!(warnings, Vec::<String>::new(), "{name}");
    assert_eq!(adapter.name(), name);
    Arc::new(adapter)
}

#[test]
fn one_several_and_weighted_adapters_give_the_logits_of_peft() {
    let reference = reference();
    let model = plain(Stored::F32);
    let adapters = ["attention", "everywhere", "patterns", "second"];
    let [attention, everywhere, patterns, second] = adapters.map(|name| open(&model, name));
    let cases = [
        ("base", blend(&[])),
        ("attention", blend(&[(&attention, 1.0)])),
        ("everywhere", blend(&[(&everywhere, 1.0)])),
        ("patterns", blend(&[(&patterns, 1.0)])),
        ("second", blend(&[(&second, 1.0)])),
        (
            "attention + everywhere",
            blend(&[(&attention, 1.0), (&everywhere, 1.0)]),
        ),
        (
            "0.75 attention + 1.5 everywhere - 0.5 patterns",
            blend(&[(&attention, 0.75), (&everywhere, 1.5), (&patterns, -0.5)]),
        ),
    ];
    let bare = &reference.cases["base"];
    for (name, blend) in &cases {
        let found = one(&model, &reference.prompt, Some(blend));
        let error = distance(&found, &reference.cases[*name]);
        assert!(error < CLOSE, "{name}: relative error {error}");
        if *name != "base" {
            assert!(distance(&found, bare) > 0.05, "{name} changes little");
        }
    }
}

/// A checkpoint of the parity tests, unpacked, and its prompt.
fn checkpoint(name: &str) -> (tempfile::TempDir, Vec<u32>) {
    #[derive(serde::Deserialize)]
    struct Expected {
        prompt: Vec<u32>,
    }
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors/parity")
        .join(name);
    let to = tempfile::tempdir().unwrap();
    for file in ["model.safetensors", "model.gguf"] {
        let packed = std::fs::read(from.join(format!("{file}.gz"))).unwrap();
        let mut bytes = Vec::new();
        GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
        std::fs::write(to.path().join(file), bytes).unwrap();
    }
    std::fs::copy(from.join("config.json"), to.path().join("config.json")).unwrap();
    let expected = std::fs::read(from.join("expected.json")).unwrap();
    let expected: Expected = serde_json::from_slice(&expected).unwrap();
    (to, expected.prompt)
}

/// Llama's queries and keys stand in another order in GGUF files, Mistral's heads here are narrower than its stream, and
/// Phi-3's adapters are of fused maps.
#[test]
fn both_file_formats_of_a_family_carry_the_same_adapter() {
    let reference = reference();
    for name in ["llama", "mistral", "phi3"] {
        let (files, prompt) = checkpoint(name);
        for path in [files.path().to_owned(), files.path().join("model.gguf")] {
            let base = Decoder::open(&path, Opening::default()).unwrap();
            let (adapter, warnings) = Adapter::open(&folder(name), &base.config).unwrap();
            assert_eq!(warnings, Vec::<String>::new(), "{name}");
            let carried = blend(&[(&Arc::new(adapter), 1.0)]);
            let rows = [(prompt.as_slice(), Some(&carried))];
            let found = pass(&base.config, &base.weights, &rows, 1).remove(0);
            let error = distance(&found, &reference.cases[name]);
            assert!(error < CLOSE, "{}: relative error {error}", path.display());
        }
    }
}

#[test]
fn factors_are_summed_as_model_swarms_sums_positions() {
    let reference = reference();
    let model = plain(Stored::F32);
    let (first, second) = (open(&model, "attention"), open(&model, "second"));
    let sum = Adapter::combine("sum", &[(&first, 1.5), (&second, -0.5)]).unwrap();
    let found = one(
        &model,
        &reference.prompt,
        Some(&blend(&[(&Arc::new(sum), 1.0)])),
    );
    let expected = &reference.cases["factors 1.5 attention - 0.5 second"];
    let error = distance(&found, expected);
    assert!(error < CLOSE, "relative error {error}");
    // The sum of what they do is something else.
    let blended = one(
        &model,
        &reference.prompt,
        Some(&blend(&[(&first, 1.5), (&second, -0.5)])),
    );
    assert!(distance(&blended, expected) > 0.01);
    let everywhere = open(&model, "everywhere");
    let error = Adapter::combine("sum", &[(&first, 1.0), (&everywhere, 1.0)]).unwrap_err();
    assert!(error.to_string().contains("layer 0, Query"), "{error}");
}

#[test]
fn eight_bit_bases_carry_adapters_as_well() {
    let reference = reference();
    let model = plain(Stored::Q8_0);
    for name in ["attention", "everywhere", "patterns"] {
        let adapter = open(&model, name);
        let found = one(&model, &reference.prompt, Some(&blend(&[(&adapter, 1.0)])));
        let error = distance(&found, &reference.cases[name]);
        assert!(error < 0.05, "{name}: relative error {error}");
        assert!(distance(&found, &reference.cases["base"]) > 0.1);
    }
}
