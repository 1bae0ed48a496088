//! An adapter's folder: `adapter_config.json`, a zero byte, the header of `adapter_model.safetensors`, a zero byte, its data.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::LazyLock;
use synod::lm::adapter::Adapter;
use synod::lm::config::Config;
use synod_fuzz::{parts, write_tensors};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a folder"));
static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let json = br#"{"architectures":["LlamaForCausalLM"],"hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,
        "num_attention_heads":2,"num_key_value_heads":1,"max_position_embeddings":64}"#;
    Config::from_json(json, Path::new("config.json"), 10, None).expect("a shape")
});

fuzz_target!(|input: &[u8]| {
    let Some((config, header, data)) = parts(input) else {
        return;
    };
    let folder = FOLDER.path();
    std::fs::write(folder.join("adapter_config.json"), config).expect("a file is written");
    write_tensors(&folder.join("adapter_model.safetensors"), header, data);
    let _ = Adapter::open(folder, &CONFIG);
});
