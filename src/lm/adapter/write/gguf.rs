//! llama.cpp's file of an adapter (`--lora`): GGUF with `general.type` of `adapter`, and each factor beside the name of the
//! tensor that it changes.

use super::Written;
use crate::lm::adapter::Target;
use crate::lm::adapter::load::permuted_row;
use crate::lm::adapter::name::{Factor, Map, TensorName};
use crate::lm::config::{Config, Family};
use crate::lm::file::Atomic;
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

const ALIGNMENT: usize = 32;
/// Types of metadata and tensors, by the format's numbers.
const TEXT: u32 = 8;
const FLOAT: u32 = 6;
const NUMBER: u32 = 4;
const F32: u32 = 0;

/// A tensor under llama.cpp's name.
struct Renamed<'a> {
    name: String,
    /// Slowest dimension first.
    shape: &'a [usize],
    values: Cow<'a, [f32]>,
}

/// Writes the adapter for a model of this shape.
///
/// # Errors
/// When the disk refuses, or a tensor has no name there.
pub fn gguf(path: &Path, adapter: &Written<'_>, config: &Config) -> io::Result<()> {
    let tensors: Vec<Renamed<'_>> = adapter
        .tensors
        .iter()
        .map(|tensor| renamed(tensor.name, tensor.shape, tensor.values, config))
        .collect::<Result<_, _>>()?;
    let mut out = b"GGUF".to_vec();
    out.extend(3_u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    let texts = [
        ("general.type", "adapter"),
        ("general.architecture", config.family.gguf_name()),
        ("general.name", adapter.base),
        ("adapter.type", "lora"),
    ];
    out.extend((texts.len() as u64 + 2).to_le_bytes());
    for (key, value) in texts {
        put_key(&mut out, key, TEXT);
        put_text(&mut out, value);
    }
    put_key(&mut out, "general.alignment", NUMBER);
    out.extend(32_u32.to_le_bytes());
    put_key(&mut out, "adapter.lora.alpha", FLOAT);
    // llama.cpp divides by the rank whatever the adapter was trained with.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "the format has 32 bits"
    )]
    let alpha = (adapter.scale() * adapter.rank as f64) as f32;
    out.extend(alpha.to_le_bytes());
    let mut offset = 0;
    for tensor in &tensors {
        put_text(&mut out, &tensor.name);
        out.extend((tensor.shape.len() as u32).to_le_bytes());
        for &dimension in tensor.shape.iter().rev() {
            out.extend((dimension as u64).to_le_bytes());
        }
        out.extend(F32.to_le_bytes());
        out.extend((offset as u64).to_le_bytes());
        offset += (tensor.values.len() * 4).next_multiple_of(ALIGNMENT);
    }
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    let mut file = Atomic::create(path)?;
    file.write_all(&out)?;
    for tensor in &tensors {
        let mut bytes: Vec<u8> = tensor.values.iter().flat_map(|x| x.to_le_bytes()).collect();
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        file.write_all(&bytes)?;
    }
    file.commit()
}

fn renamed<'a>(
    name: &str,
    shape: &'a [usize],
    values: &'a [f32],
    config: &Config,
) -> io::Result<Renamed<'a>> {
    let (TensorName::Factor(factor), [rows, columns]) = (TensorName::read(name), shape) else {
        let what = format!("tensor \"{name}\" is no factor of an adapter");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    };
    let (part, target) = match factor.map {
        Map::QueryKeyValue => ("attn_qkv", None),
        Map::GateUp => ("ffn_up", None),
        Map::Single(target) => (part(target), Some(target)),
    };
    let ending = match factor.factor {
        Factor::A => "lora_a",
        Factor::B => "lora_b",
    };
    // Files of the Llama family hold the rows of queries and keys in another order.
    let is_turned = matches!(target, Some(Target::Query | Target::Key))
        && matches!(config.family, Family::Llama | Family::Mistral);
    let values = if is_turned && factor.factor == Factor::B {
        let order = (0..*rows).map(|row| permuted_row(config.head_width, row));
        let rows = order.flat_map(|row| values[row * columns..(row + 1) * columns].iter().copied());
        Cow::Owned(rows.collect())
    } else {
        Cow::Borrowed(values)
    };
    Ok(Renamed {
        name: format!("blk.{}.{part}.weight.{ending}", factor.layer),
        shape,
        values,
    })
}

fn part(target: Target) -> &'static str {
    match target {
        Target::Query => "attn_q",
        Target::Key => "attn_k",
        Target::Value => "attn_v",
        Target::Output => "attn_output",
        Target::Gate => "ffn_gate",
        Target::Up => "ffn_up",
        Target::Down => "ffn_down",
    }
}

fn put_key(out: &mut Vec<u8>, key: &str, kind: u32) {
    put_text(out, key);
    out.extend(kind.to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}
