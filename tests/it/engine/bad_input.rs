//! Hostile and broken models of both formats: an error that names file, tensor and place; never a panic, never an allocation
//! by a length that the file merely claims.

use crate::support::tiny_model::{self, Stored};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use synod::lm::model::{Decoder, Opening};

/// One place of a GGUF file, found by a name that stands in it.
fn after(bytes: &[u8], name: &str) -> usize {
    let found = bytes.windows(name.len()).position(|w| w == name.as_bytes());
    found.unwrap() + name.len()
}

fn gguf(bytes: &[u8]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, bytes).unwrap();
    open(&path)
}

fn open(path: &Path) -> Result<(), String> {
    match Decoder::open(path, Opening::default()) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn assert_says(result: Result<(), String>, words: &[&str]) {
    let error = result.expect_err("it is refused");
    for word in words {
        assert!(error.contains(word), "{word:?} is missing in: {error}");
    }
}

/// The tiny file with the 64-bit number at a place replaced.
fn with_number(at: usize, number: u64) -> Vec<u8> {
    let mut bytes = tiny_model::bytes(Stored::F32);
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// Places in a tensor's entry of the tiny file, from the end of its name: rank, then dimensions, type, offset.
fn dimension(name: &str, index: usize) -> usize {
    after(&tiny_model::bytes(Stored::F32), name) + 4 + 8 * index
}

#[test]
fn a_tensor_of_another_shape_is_named_with_its_place() {
    // Exchanged, so that the sizes still fit the file.
    let name = "blk.0.ffn_up.weight";
    let mut bytes = tiny_model::bytes(Stored::F32);
    for (index, size) in [(0, tiny_model::FEED), (1, tiny_model::WIDTH)] {
        let at = dimension(name, index);
        bytes[at..at + 8].copy_from_slice(&size.to_le_bytes());
    }
    let words = ["model.gguf", name, "offset", "[96, 64]", "[64, 96]"];
    assert_says(gguf(&bytes), &words);
}

#[test]
fn sizes_that_no_file_could_hold_are_refused() {
    let name = "blk.1.attn_k.weight";
    for size in [u64::MAX, 1 << 62, 1 << 40, 0] {
        let bytes = with_number(dimension(name, 1), size);
        assert_says(gguf(&bytes), &["model.gguf", name]);
    }
    for offset in [u64::MAX - 31, 1 << 60, 33] {
        let bytes = with_number(dimension(name, 2) + 4, offset);
        assert_says(gguf(&bytes), &["model.gguf", name, "offset"]);
    }
}

#[test]
fn tensors_that_share_bytes_are_refused() {
    let at = dimension("blk.1.attn_k.weight", 2) + 4;
    let bytes = with_number(at, 0);
    assert_says(gguf(&bytes), &["overlaps", "blk.1.attn_k.weight", "offset"]);
}

#[test]
fn absurd_metadata_are_refused() {
    for (key, value) in [
        ("llama.block_count", u32::MAX),
        ("llama.block_count", 0),
        ("llama.block_count", 4096),
        ("llama.embedding_length", 1 << 30),
        ("llama.embedding_length", 128),
        ("llama.attention.head_count", 0),
        ("llama.attention.head_count", 1 << 24),
        ("llama.attention.head_count_kv", 3),
        ("llama.rope.dimension_count", 15),
        ("llama.rope.dimension_count", 64),
        ("llama.context_length", 0),
        ("llama.feed_forward_length", u32::MAX),
        ("llama.rope.freq_base", f32::NAN.to_bits()),
        ("llama.rope.freq_base", 0),
        (
            "llama.attention.layer_norm_rms_epsilon",
            f32::INFINITY.to_bits(),
        ),
    ] {
        let mut bytes = tiny_model::bytes(Stored::F32);
        let at = after(&bytes, key) + 4;
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        assert_says(gguf(&bytes), &["model.gguf"]);
    }
}

#[test]
fn a_list_longer_than_the_file_is_refused() {
    let bytes = tiny_model::bytes(Stored::F32);
    let at = after(&bytes, "tokenizer.ggml.merges") + 8;
    for length in [u64::MAX, 1 << 61, 1 << 32] {
        let bytes = with_number(at, length);
        assert_says(gguf(&bytes), &["tokenizer.ggml.merges", "offset"]);
    }
}

#[test]
fn a_tensor_without_a_place_is_another_kind_of_model() {
    // The same length; what was an optional norm's place is now nobody's.
    let mut bytes = tiny_model::bytes(Stored::F32);
    // With the name's length in front, which no longer name has.
    let end = after(&bytes, "\u{d}\0\0\0\0\0\0\0output.weight");
    bytes[end - 13..end].copy_from_slice(b"cls.out_proj1");
    let words = ["model.gguf", "cls.out_proj1", "another kind of model"];
    assert_says(gguf(&bytes), &words);
}

/// A folder with the tiny shape: one layer of zeros, as Llama in 32-bit floats.
struct Folder {
    folder: tempfile::TempDir,
    config: Value,
    header: Value,
    data: usize,
}

impl Folder {
    fn new() -> Self {
        let mut folder = Self {
            folder: tempfile::tempdir().unwrap(),
            config: json!({
                "architectures": ["LlamaForCausalLM"],
                "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
                "num_key_value_heads": 1, "max_position_embeddings": 64, "hidden_act": "silu",
            }),
            header: json!({}),
            data: 0,
        };
        folder.put("model.embed_tokens.weight", &[10, 8]);
        folder.put("model.norm.weight", &[8]);
        for (name, shape) in [
            ("input_layernorm", &[8][..]),
            ("self_attn.q_proj", &[8, 8]),
            ("self_attn.k_proj", &[4, 8]),
            ("self_attn.v_proj", &[4, 8]),
            ("self_attn.o_proj", &[8, 8]),
            ("post_attention_layernorm", &[8]),
            ("mlp.gate_proj", &[8, 8]),
            ("mlp.up_proj", &[8, 8]),
            ("mlp.down_proj", &[8, 8]),
        ] {
            folder.put(&format!("model.layers.0.{name}.weight"), shape);
        }
        folder
    }

    fn put(&mut self, name: &str, shape: &[usize]) {
        let end = self.data + 4 * shape.iter().product::<usize>();
        self.header[name] =
            json!({"dtype": "F32", "shape": shape, "data_offsets": [self.data, end]});
        self.data = end;
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// The weights' bytes as the header describes them.
    fn weights(&self) -> Vec<u8> {
        let header = self.header.to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + self.data, 0);
        bytes
    }

    fn open_with(&self, weights: &[u8]) -> Result<(), String> {
        std::fs::write(self.path("config.json"), self.config.to_string()).unwrap();
        std::fs::write(self.path("model.safetensors"), weights).unwrap();
        open(self.folder.path())
    }

    fn open(&self) -> Result<(), String> {
        self.open_with(&self.weights())
    }

    fn with_config(key: &str, value: Value) -> Result<(), String> {
        let mut folder = Self::new();
        folder.config[key] = value;
        folder.open()
    }
}

#[test]
fn a_folder_is_opened_by_its_name_and_by_its_file() {
    let folder = Folder::new();
    folder.open().unwrap();
    open(&folder.path("model.safetensors")).unwrap();
    std::fs::remove_file(folder.path("config.json")).unwrap();
    assert_says(open(folder.folder.path()), &["config.json", "GGUF"]);
    let empty = tempfile::tempdir().unwrap();
    std::fs::write(empty.path().join("config.json"), "{}").unwrap();
    assert_says(open(empty.path()), &["model.safetensors"]);
}

#[test]
fn cut_weights_are_refused_wherever_they_are_cut() {
    let folder = Folder::new();
    let weights = folder.weights();
    for length in (0..weights.len()).step_by(13) {
        assert_says(folder.open_with(&weights[..length]), &["model.safetensors"]);
    }
}

#[test]
fn no_changed_byte_of_the_header_makes_it_panic() {
    let folder = Folder::new();
    let weights = folder.weights();
    let header = weights.len() - folder.data;
    for at in (0..header).step_by(3) {
        let mut changed = weights.clone();
        changed[at] = [0, b'"', b'9', b'{', 0xff][at % 5];
        // Some changes are harmless; what matters is that it comes back.
        let _ = folder.open_with(&changed);
    }
}

#[test]
fn wrong_tensors_of_a_folder_are_named_with_their_place() {
    let key = "model.layers.0.self_attn.k_proj.weight";
    let mut folder = Folder::new();
    folder.header[key]["shape"] = json!([8, 4]);
    let words = ["model.safetensors", key, "offset", "[8, 4]", "[4, 8]"];
    assert_says(folder.open(), &words);
    folder.header[key]["shape"] = json!([1_u64 << 40, 1_u64 << 40]);
    assert_says(folder.open(), &[key, "makes no sense"]);
    folder.header[key]["dtype"] = json!("F8_E4M3");
    folder.header[key]["shape"] = json!([4, 32]);
    assert_says(folder.open(), &[key, "F8_E4M3", "supported are F32"]);
    folder.header.as_object_mut().unwrap().remove(key);
    assert_says(folder.open(), &["model.safetensors", key, "missing"]);
    let mut folder = Folder::new();
    folder.put("model.layers.0.self_attn.q_norm.weight", &[4]);
    assert_says(folder.open(), &["q_norm", "another kind of model"]);
    let mut folder = Folder::new();
    folder.put("model.layers.1.mlp.up_proj.weight", &[8, 8]);
    assert_says(folder.open(), &["layers.1", "another kind of model"]);
}

#[test]
fn absurd_shapes_of_a_folder_are_refused() {
    for key in [
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "max_position_embeddings",
        "head_dim",
    ] {
        for value in [
            json!(0),
            json!(-1),
            json!(1_u64 << 40),
            json!("8"),
            json!(0.5),
        ] {
            assert_says(Folder::with_config(key, value), &["config.json"]);
        }
    }
    assert_says(Folder::with_config("head_dim", json!(3)), &["config.json"]);
    assert_says(
        Folder::with_config("rope_theta", json!(0)),
        &["config.json"],
    );
    assert_says(
        Folder::with_config("num_hidden_layers", json!(4096)),
        &["model.layers.1", "missing"],
    );
}

#[test]
fn what_a_folder_asks_for_and_is_not_there_is_named() {
    let unsupported = [
        (
            "architectures",
            json!(["FalconForCausalLM"]),
            "supported are LlamaForCausalLM",
        ),
        ("hidden_act", json!("relu"), "\"relu\""),
        (
            "rope_scaling",
            json!({"type": "dynamic", "factor": 2.0}),
            "supported are default, linear, llama3, longrope",
        ),
        (
            "rope_scaling",
            json!({"rope_type": "llama3", "factor": 2.0}),
            "low_freq_factor",
        ),
        (
            "rope_scaling",
            json!({"type": "linear", "factor": 0.0}),
            "makes no sense",
        ),
        (
            "rope_scaling",
            json!({"type": "longrope", "long_factor": [1.0]}),
            "short_factor",
        ),
        ("rope_scaling", json!([1]), "rope_scaling"),
        ("tie_word_embeddings", json!(false), "lm_head.weight"),
    ];
    for (key, value, word) in unsupported {
        assert_says(Folder::with_config(key, value), &[word]);
    }
    let folder = Folder::new();
    folder.open().unwrap();
    std::fs::write(folder.path("config.json"), "[".repeat(100_000)).unwrap();
    assert_says(open(folder.folder.path()), &["config.json"]);
}

#[test]
fn an_index_cannot_lead_out_of_its_folder() {
    let folder = Folder::new();
    folder.open().unwrap();
    std::fs::rename(
        folder.path("model.safetensors"),
        folder.path("part.safetensors"),
    )
    .unwrap();
    let names: Vec<&String> = folder.header.as_object().unwrap().keys().collect();
    let write = |shard: &str| {
        let map: serde_json::Map<_, _> = names
            .iter()
            .map(|name| ((*name).clone(), json!(shard)))
            .collect();
        let index = json!({ "weight_map": map });
        std::fs::write(
            folder.path("model.safetensors.index.json"),
            index.to_string(),
        )
        .unwrap();
    };
    write("part.safetensors");
    open(folder.folder.path()).unwrap();
    for shard in ["../part.safetensors", "/etc/passwd", "..", "", "a/b"] {
        write(shard);
        assert_says(
            open(folder.folder.path()),
            &["index.json", "not a plain file name"],
        );
    }
}
