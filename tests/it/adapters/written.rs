//! Adapters as they are written here: the same as PEFT's own files, and llama.cpp's file by its names and order of rows.

use std::path::{Path, PathBuf};
use synod::lm::adapter::write::{Written, gguf, peft};
use synod::lm::adapter::{Adapter, Target};
use synod::lm::gguf::Gguf;
use synod::lm::model::{Decoder, Opening};
use synod::lm::safetensors::Safetensors;
use synod::lm::safetensors::write::Floats;

fn vectors(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(part)
}

/// Names, shapes and numbers of an adapter's file.
fn tensors(folder: &Path) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let file = Safetensors::open(&folder.join("adapter_model.safetensors")).unwrap();
    let names: Vec<String> = file.names().map(str::to_owned).collect();
    let read = |name: String| {
        let tensor = file.tensor(&name).unwrap();
        (name.clone(), tensor.shape.to_vec(), tensor.numbers())
    };
    names.into_iter().map(read).collect()
}

fn floats(tensors: &[(String, Vec<usize>, Vec<f32>)]) -> Vec<Floats<'_>> {
    let all = tensors.iter();
    all.map(|(name, shape, values)| Floats {
        name,
        shape,
        values,
    })
    .collect()
}

fn written<'a>(rank: usize, tensors: &'a [Floats<'a>]) -> Written<'a> {
    Written {
        rank,
        alpha: 8.0,
        dropout: 0.05,
        is_rank_stabilised: false,
        base: "tiny",
        tensors,
    }
}

/// The tiny model of a family, unpacked.
fn decoder(family: &str) -> Decoder {
    let packed = std::fs::read(vectors("parity").join(family).join("model.gguf.gz")).unwrap();
    let mut bytes = Vec::new();
    let mut unpacked = flate2::read::GzDecoder::new(packed.as_slice());
    std::io::Read::read_to_end(&mut unpacked, &mut bytes).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    std::fs::write(&path, bytes).unwrap();
    Decoder::open(&path, Opening::default()).unwrap()
}

#[test]
fn a_folder_written_here_is_the_adapter_that_peft_wrote() {
    for family in ["llama", "mistral", "phi3"] {
        let config = decoder(family).config;
        let original = vectors("adapters").join(family);
        let (expected, _) = Adapter::open(&original, &config).unwrap();
        let shape = |adapter: &Adapter| -> Vec<_> {
            let places =
                (0..config.layers).flat_map(|layer| Target::ALL.map(|target| (layer, target)));
            places
                .map(|(layer, target)| adapter.update(layer, target))
                .map(|update| update.map(|update| (update.scale, update.factors.shape())))
                .collect()
        };
        let own = tensors(&original);
        let floats = floats(&own);
        let folder = tempfile::tempdir().unwrap();
        peft(folder.path(), &written(4, &floats)).unwrap();
        let (found, notes) = Adapter::open(folder.path(), &config).unwrap();
        // The original holds 16-bit numbers, the copy the same in 32 bits.
        assert_eq!(tensors(folder.path()), own, "{family}");
        assert_eq!(shape(&found), shape(&expected), "{family}");
        assert_eq!(notes, [""; 0], "{family}");
    }
}

#[test]
fn llama_cpps_file_has_its_names_and_its_order_of_rows() {
    let config = decoder("llama").config;
    let own = tensors(&vectors("adapters/llama"));
    let floats = floats(&own);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter.gguf");
    gguf(&path, &written(4, &floats), &config).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let file = Gguf::read(&bytes, &path).unwrap();
    assert_eq!(file.text("general.type"), Some("adapter"));
    assert_eq!(file.text("general.architecture"), Some("llama"));
    assert_eq!(file.text("adapter.type"), Some("lora"));
    assert_eq!(file.tensor_names().count(), own.len());
    let numbers = |name: &str| -> Vec<f32> {
        let tensor = file.tensor(name).unwrap();
        let bytes = &bytes[tensor.offset..tensor.offset + tensor.bytes];
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|&four| f32::from_le_bytes(four))
            .collect()
    };
    let original = |module: &str, factor: &str| {
        let name = format!("base_model.model.model.layers.1.{module}.{factor}.weight");
        &own.iter().find(|(own, ..)| *own == name).unwrap().2
    };
    assert_eq!(
        &numbers("blk.1.attn_q.weight.lora_a"),
        original("self_attn.q_proj", "lora_A")
    );
    assert_eq!(
        &numbers("blk.1.ffn_down.weight.lora_b"),
        original("mlp.down_proj", "lora_B")
    );
    // The halves of each head lie interleaved.
    let (turned, plain) = (
        numbers("blk.1.attn_q.weight.lora_b"),
        original("self_attn.q_proj", "lora_B"),
    );
    let (rank, half) = (4, config.head_width / 2);
    assert_eq!(turned[..rank], plain[..rank]);
    assert_eq!(
        turned[rank..2 * rank],
        plain[half * rank..(half + 1) * rank]
    );
    assert_eq!(turned[2 * rank..3 * rank], plain[rank..2 * rank]);
}
