//! The header of a safetensors file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let _ = synod::lm::safetensors::header(bytes, Path::new("fuzz.safetensors"));
});
