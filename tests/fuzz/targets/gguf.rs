//! A GGUF file: header, shape, tokenizer, weights, and a few tokens through the decoder.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use synod::lm::config::Config;
use synod::lm::gguf::Gguf;
use synod::lm::tokenizer::Tokenizer;
use synod::lm::weights::gguf::GgufSource;
use synod::lm::weights::{Floats, Weights};

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = Gguf::read(bytes, Path::new("fuzz.gguf")) else {
        return;
    };
    if let Ok(tokenizer) = Tokenizer::from_gguf(&file) {
        let _ = tokenizer.encode(&tokenizer.shield("a b\u{e9} <|x|>"));
    }
    let Ok(config) = Config::from_gguf(&file, bytes, None) else {
        return;
    };
    let source = GgufSource { file: &file, bytes };
    if let Ok(weights) = Weights::load(&source, &config, Floats::Keep) {
        synod_fuzz::think(&config, &weights);
    }
});
