//! Writes .safetensors files.

use super::LENGTH_BYTES;
use crate::lm::file::Atomic;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// A tensor of 32-bit floats to be written.
#[derive(Debug, Clone, Copy)]
pub struct Floats<'a> {
    pub name: &'a str,
    /// Slowest dimension first.
    pub shape: &'a [usize],
    pub values: &'a [f32],
}

/// How numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Width {
    #[default]
    F32,
    /// Rounded to the nearest, ties to even.
    Bf16,
}

/// Writes tensors into one file, in the order of their names: the same tensors make the same bytes.
///
/// # Errors
/// When the disk refuses, or a tensor has another number of values than its shape says.
pub fn write(
    path: &Path,
    tensors: &[Floats<'_>],
    width: Width,
    metadata: &BTreeMap<String, String>,
) -> io::Result<()> {
    let (dtype, bytes) = match width {
        Width::F32 => ("F32", 4),
        Width::Bf16 => ("BF16", 2),
    };
    let mut sorted: Vec<&Floats<'_>> = tensors.iter().collect();
    sorted.sort_by_key(|tensor| tensor.name);
    let mut header = Map::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".to_owned(), json!(metadata));
    }
    let mut start = 0;
    for tensor in &sorted {
        if tensor.shape.iter().product::<usize>() != tensor.values.len() {
            let what = format!(
                "tensor \"{}\" has {} values and the shape {:?}",
                tensor.name,
                tensor.values.len(),
                tensor.shape
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let end = start + tensor.values.len() * bytes;
        let entry = json!({"dtype": dtype, "shape": tensor.shape, "data_offsets": [start, end]});
        header.insert(tensor.name.to_owned(), entry);
        start = end;
    }
    let mut header = serde_json::to_vec(&Value::Object(header))?;
    // The data begin at a multiple of eight, as the format's own writer has it.
    header.resize(header.len().next_multiple_of(LENGTH_BYTES), b' ');
    let mut file = Atomic::create(path)?;
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    for tensor in sorted {
        for value in tensor.values {
            match width {
                Width::F32 => file.write_all(&value.to_le_bytes())?,
                Width::Bf16 => file.write_all(&upper_half(*value).to_le_bytes())?,
            }
        }
    }
    file.commit()
}

/// The nearest bfloat16, ties to even.
fn upper_half(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    let odd = (bits >> 16) & 1;
    (bits.wrapping_add(0x7fff + odd) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lm::safetensors::Safetensors;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let (b, a) = ([1.0_f32, -2.5, 3.25e-9, 0.0, 7.0, 8.0], [9.5_f32]);
        let tensors = [
            Floats {
                name: "b",
                shape: &[2, 3],
                values: &b,
            },
            Floats {
                name: "a",
                shape: &[1],
                values: &a,
            },
        ];
        let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
        write(&path, &tensors, Width::F32, &metadata).unwrap();
        let file = Safetensors::open(&path).unwrap();
        assert_eq!(file.names().collect::<Vec<_>>(), ["a", "b"]);
        let tensor = file.tensor("b").unwrap();
        assert_eq!((tensor.shape, tensor.numbers()), (&[2, 3][..], b.to_vec()));
        write(&path, &tensors, Width::Bf16, &metadata).unwrap();
        let file = Safetensors::open(&path).unwrap();
        assert_eq!(file.tensor("a").unwrap().numbers(), [9.5]);
        let wrong = [Floats {
            name: "c",
            shape: &[2],
            values: &a,
        }];
        let error = write(&path, &wrong, Width::F32, &metadata).unwrap_err();
        assert!(
            error.to_string().contains("tensor \"c\" has 1 values"),
            "{error}"
        );
    }

    #[test]
    fn halves_are_the_nearest() {
        for (value, expected) in [
            (1.0_f32, 0x3f80),
            (f32::from_bits(0x3f80_8000), 0x3f80),
            (f32::from_bits(0x3f81_8000), 0x3f82),
            (f32::from_bits(0x3f80_8001), 0x3f81),
            (f32::INFINITY, 0x7f80),
        ] {
            assert_eq!(upper_half(value), expected, "{value}");
        }
        assert_eq!(upper_half(f32::NAN) & 0x7fc0, 0x7fc0);
    }
}
