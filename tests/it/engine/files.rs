//! Broken and foreign model files: an error that names the place, never a panic.

use crate::support::tiny_model::{self, Stored};
use synod::domain::fault::{Fault, FaultClass};
use synod::lm::model::Model;

fn open(bytes: &[u8]) -> Result<Model, Fault> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, bytes).unwrap();
    Model::open(&path)
}

fn refused(bytes: &[u8]) -> Fault {
    open(bytes).err().expect("a broken file is refused")
}

/// The tiny file with one metadata text replaced by another of the same length.
fn with(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = tiny_model::bytes(Stored::F32);
    let at = bytes
        .windows(from.len())
        .position(|w| w == from.as_bytes())
        .unwrap();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

#[test]
fn a_cut_file_is_refused_wherever_it_is_cut() {
    let bytes = tiny_model::bytes(Stored::Q8_0);
    for length in (0..9000)
        .step_by(97)
        .chain([bytes.len() - 1, bytes.len() - 5000])
    {
        let fault = refused(&bytes[..length]);
        assert_eq!(fault.class, FaultClass::BadData, "at {length}: {fault}");
        assert!(fault.message.contains("model.gguf"), "{fault}");
    }
    let fault = refused(&bytes[..bytes.len() - 1]);
    assert!(fault.message.contains("output.weight"), "{fault}");
}

#[test]
fn no_changed_byte_of_the_header_makes_it_panic() {
    let bytes = tiny_model::bytes(Stored::F32);
    let mut random = 1_u64;
    for _ in 0..400 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mut changed = bytes.clone();
        let at = (random >> 33) as usize % 7000;
        changed[at] = (random >> 24) as u8;
        // Some changes are harmless; what matters is that it comes back.
        let _ = open(&changed);
    }
}

#[test]
fn absurd_lengths_are_refused_without_being_allocated() {
    let mut bytes = tiny_model::bytes(Stored::F32);
    bytes[8..16].fill(0xff);
    assert!(refused(&bytes).message.contains("tensors"));
    let mut bytes = tiny_model::bytes(Stored::F32);
    bytes[16..24].fill(0x7f);
    assert!(refused(&bytes).message.contains("metadata keys"));
    let mut bytes = tiny_model::bytes(Stored::F32);
    bytes[24..32].fill(0xff);
    assert!(refused(&bytes).message.contains("offset"));
}

#[test]
fn what_is_not_supported_is_named() {
    let fault = refused(&with("llama", "gpt99"));
    assert!(
        fault.message.contains("\"gpt99\"") && fault.message.contains("supported are llama"),
        "{fault}"
    );
    let fault = refused(&with("smollm", "viking"));
    assert!(fault.message.contains("viking"), "{fault}");
    let fault = refused(&with("llama.block_count", "llama.block_coins"));
    assert!(fault.message.contains("llama.block_count"), "{fault}");
    let fault = refused(&with("blk.1.attn_k", "blk.1.attn_x"));
    assert!(fault.message.contains("blk.1.attn_k"), "{fault}");
    assert!(
        refused(b"PK\x03\x04 something else")
            .message
            .contains("not a GGUF file")
    );
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let fault = Model::open(&folder.path().join("none.gguf")).err().unwrap();
    assert_eq!(fault.class, FaultClass::ModelUnavailable);
    assert!(fault.message.contains("none.gguf"), "{fault}");
    assert!(Model::open(folder.path()).is_err());
}
