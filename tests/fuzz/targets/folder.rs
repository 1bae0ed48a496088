//! A model's folder: `config.json`, a zero byte, the header of `model.safetensors`, a zero byte, its data.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use synod::lm::model::{Decoder, Opening};
use synod_fuzz::{parts, think, write_tensors};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a folder"));

fuzz_target!(|input: &[u8]| {
    let Some((config, header, data)) = parts(input) else {
        return;
    };
    let folder = FOLDER.path();
    std::fs::write(folder.join("config.json"), config).expect("a file is written");
    write_tensors(&folder.join("model.safetensors"), header, data);
    if let Ok(decoder) = Decoder::open(folder, Opening::default()) {
        think(&decoder.config, &decoder.weights);
    }
});
