//! Folders that cannot be used: the message names the file, the tensor, what is wrong and what to do.

use super::folder::{Made, Tensor, name};
use super::plain;
use crate::support::tiny_model::Stored;
use std::path::Path;
use synod::domain::fault::{Fault, FaultClass};
use synod::lm::adapter::Adapter;

fn open(folder: &Path) -> Result<Vec<String>, Fault> {
    let model = plain(Stored::F32);
    let (_, warnings) = Adapter::open(folder, &model.config)?;
    Ok(warnings)
}

/// Opens an adapter after a change.
fn changed(change: impl FnOnce(&mut Made)) -> Result<Vec<String>, Fault> {
    let folder = tempfile::tempdir().unwrap();
    let mut made = Made::random(4, 8.0, 1);
    change(&mut made);
    made.write(folder.path());
    open(folder.path())
}

fn extra(name: &str) -> Tensor {
    Tensor {
        name: name.to_owned(),
        shape: vec![1],
        values: vec![0.0],
    }
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let query = name(1, "self_attn.q_proj", "A");
    type Change = Box<dyn FnOnce(&mut Made)>;
    let cases: Vec<(Change, &str, &str)> = vec![
        (
            Box::new(|made| made.rank = 5),
            "layers.0.self_attn.q_proj.lora_A",
            "[4, 64], expected [5, 64]",
        ),
        (
            Box::new(|made| {
                let wide = made
                    .tensors
                    .iter_mut()
                    .find(|t| t.name.contains("down_proj.lora_B"));
                wide.unwrap().shape = vec![32, 8];
            }),
            "layers.0.mlp.down_proj.lora_B",
            "[32, 8], expected [64, 4]",
        ),
        (
            Box::new(|made| {
                for tensor in &mut made.tensors {
                    tensor.name = tensor.name.replace("layers.1", "layers.2");
                }
            }),
            "layers.2.self_attn.q_proj.lora_A",
            "the model has 2 layers",
        ),
        (
            Box::new(|made| {
                made.tensors
                    .retain(|t| !t.name.ends_with("1.mlp.up_proj.lora_B.weight"))
            }),
            "layers.1.mlp.up_proj.lora_A",
            "no lora_B beside it",
        ),
        (
            Box::new({
                let query = query.clone();
                move |made| {
                    let tensor = made.tensors.iter_mut().find(|t| t.name == query).unwrap();
                    tensor.values[9] = f32::NAN;
                }
            }),
            "layers.1.self_attn.q_proj.lora_A",
            "not finite",
        ),
        (
            Box::new({
                let twin = query.replace(".weight", ".default.weight");
                move |made| {
                    let mut tensor = made
                        .tensors
                        .iter()
                        .find(|t| t.name == query)
                        .unwrap()
                        .clone();
                    tensor.name = twin;
                    made.tensors.push(tensor);
                }
            }),
            "layers.1.self_attn.q_proj.lora_A",
            "mean the same",
        ),
    ];
    for (change, tensor, what) in cases {
        let fault = changed(change).unwrap_err();
        assert_eq!(fault.class, FaultClass::BadData, "{fault}");
        assert!(
            fault.message.contains("adapter_model.safetensors"),
            "{fault}"
        );
        assert!(
            fault.message.contains(tensor) && fault.message.contains(what),
            "{fault}"
        );
        assert!(fault.hint.is_some(), "{fault}");
    }
}

#[test]
fn other_kinds_of_adapters_are_refused_with_what_to_do() {
    for (name, what) in [
        ("base_model.model.lm_head.lora_A.weight", "vocabulary"),
        (
            "base_model.model.model.embed_tokens.lora_embedding_A",
            "embedding",
        ),
        (
            "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
            "DoRA",
        ),
        ("base_model.model.lm_head.weight", "whole weights"),
        ("base_model.model.model.layers.0.mlp.up_proj.bias", "bias"),
    ] {
        let fault = changed(|made| made.tensors.push(extra(name))).unwrap_err();
        assert!(
            fault.message.contains(name) && fault.message.contains(what),
            "{fault}"
        );
        assert!(fault.hint.unwrap().contains("merge"));
    }
    let fault = changed(|made| made.settings = r#","use_dora":true"#.into()).unwrap_err();
    assert!(fault.message.contains("adapter_config.json") && fault.message.contains("DoRA"));
}

#[test]
fn what_nothing_uses_is_a_warning() {
    let warnings = changed(|made| {
        made.settings = r#","exclude_modules":["down_proj"],"new_setting":3"#.into();
        made.tensors.push(extra(
            "base_model.model.model.vision.layers.0.fc.lora_A.weight",
        ));
    })
    .unwrap();
    let has = |word: &str| warnings.iter().filter(|line| line.contains(word)).count();
    assert_eq!(has("down_proj"), 4, "{warnings:?}");
    assert_eq!(has("vision"), 1, "{warnings:?}");
    assert_eq!(has("new_setting"), 1, "{warnings:?}");
    assert_eq!(warnings.len(), 6, "{warnings:?}");
    let warnings = changed(|made| made.tensors.clear()).unwrap();
    assert!(warnings[0].contains("changes nothing"), "{warnings:?}");
}

#[test]
fn folders_without_the_files_say_which() {
    let folder = tempfile::tempdir().unwrap();
    let fault = open(folder.path()).unwrap_err();
    assert_eq!(fault.class, FaultClass::ModelUnavailable);
    assert!(fault.message.contains("adapter_config.json"), "{fault}");
    Made::random(4, 8.0, 1).write(folder.path());
    let tensors = folder.path().join("adapter_model.safetensors");
    let whole = std::fs::read(&tensors).unwrap();
    std::fs::write(&tensors, &whole[..whole.len() / 2]).unwrap();
    let fault = open(folder.path()).unwrap_err();
    assert_eq!(fault.class, FaultClass::BadData);
    assert!(
        fault.message.contains("adapter_model.safetensors"),
        "{fault}"
    );
    std::fs::remove_file(&tensors).unwrap();
    let fault = open(folder.path()).unwrap_err();
    assert!(
        fault.message.contains("adapter_model.safetensors"),
        "{fault}"
    );
    std::fs::write(folder.path().join("adapter_model.bin"), "pickle").unwrap();
    let fault = open(folder.path()).unwrap_err();
    assert!(fault.message.contains("safe_serialization"), "{fault}");
    let huge = format!("{{{}", " ".repeat(2 << 20));
    std::fs::write(folder.path().join("adapter_config.json"), huge).unwrap();
    let fault = open(folder.path()).unwrap_err();
    assert!(fault.message.contains("at most"), "{fault}");
}
