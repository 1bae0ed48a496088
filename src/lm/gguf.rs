//! Reads the header of a GGUF file: metadata and the table of tensors.
//!
//! Every length is checked against what is left of the file before anything is allocated by it, so a broken or hostile file
//! gives an error that names the key or tensor and the offset. Knows nothing of what the metadata mean.
//! Format: the GGUF specification, versions 2 and 3, little-endian.

mod reader;

use self::reader::Reader;
use super::error::ModelError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 4] = b"GGUF";
const DEFAULT_ALIGNMENT: u64 = 32;
const MAX_DIMENSIONS: u32 = 4;

/// A metadata value; integers of all widths are one kind, and so are floats.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Integer(i128),
    Float(f64),
    Bool(bool),
    Text(String),
    /// Also of flags, as 0 and 1.
    Integers(Vec<i64>),
    Floats(Vec<f32>),
    Texts(Vec<String>),
    /// An array of a kind that no model here needs (nested, 64-bit floats); skipped.
    Skipped,
}

/// How a tensor's numbers are stored, by ggml's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    F32,
    F16,
    Bf16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
    /// A ggml type this program does not know.
    Other(u32),
}

impl Format {
    #[must_use]
    pub fn from_ggml(number: u32) -> Self {
        match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            10 => Self::Q2K,
            11 => Self::Q3K,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            30 => Self::Bf16,
            other => Self::Other(other),
        }
    }

    /// Numbers in a block and bytes of a block; none for an unknown format.
    #[must_use]
    pub fn block(self) -> Option<(u64, u64)> {
        Some(match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::Q2K => (256, 84),
            Self::Q3K => (256, 110),
            Self::Q4K => (256, 144),
            Self::Q5K => (256, 176),
            Self::Q6K => (256, 210),
            Self::Other(_) => return None,
        })
    }
}

/// Where a tensor's data stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Fastest dimension first, as stored: a matrix is `[columns, rows]`.
    pub dimensions: Vec<u64>,
    pub format: Format,
    /// From the beginning of the file.
    pub offset: usize,
    pub bytes: usize,
}

/// The header of a GGUF file.
#[derive(Debug, Clone)]
pub struct Gguf {
    path: PathBuf,
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, TensorInfo>,
}

impl Gguf {
    /// Reads the header from a whole file's bytes; `path` is for messages only.
    pub fn read(bytes: &[u8], path: &Path) -> Result<Self, ModelError> {
        let mut reader = Reader { bytes, at: 0, path };
        if reader.take(4, "the magic number")? != MAGIC {
            return Err(reader.broken("this is not a GGUF file (its first bytes are not \"GGUF\")"));
        }
        let version = reader.u32("the version")?;
        if !(2..=3).contains(&version) {
            return Err(ModelError::Unsupported {
                path: path.to_owned(),
                what: format!("GGUF version {version} is not supported; supported are 2 and 3"),
            });
        }
        let tensor_count = reader.u64("the number of tensors")?;
        let key_count = reader.u64("the number of metadata keys")?;
        // A key takes at least 8 bytes of length, 4 of type and 1 of value; a tensor at least 8 + 4 + 8 + 4 + 8.
        reader.check_count(key_count, 13, "metadata keys")?;
        reader.check_count(tensor_count, 32, "tensors")?;
        let mut metadata = BTreeMap::new();
        for _ in 0..key_count {
            let key = reader.text("a metadata key")?;
            let kind = reader.u32(&key)?;
            let value = reader.value(kind, &key)?;
            metadata.insert(key, value);
        }
        let mut entries = Vec::new();
        for _ in 0..tensor_count {
            entries.push(reader.tensor()?);
        }
        let alignment = match metadata.get("general.alignment") {
            Some(Value::Integer(n)) => u64::try_from(*n).unwrap_or(0),
            _ => DEFAULT_ALIGNMENT,
        };
        if alignment < 8 || !alignment.is_power_of_two() || alignment > 1 << 20 {
            return Err(reader.broken(&format!("general.alignment is {alignment}")));
        }
        let data = (reader.at as u64).next_multiple_of(alignment);
        let mut tensors = BTreeMap::new();
        for (name, entry) in entries {
            let info = reader::place(&reader, &name, entry, data, alignment)?;
            if tensors.insert(name.clone(), info).is_some() {
                return Err(reader.broken(&format!("tensor \"{name}\" is listed twice")));
            }
        }
        reader::check_overlaps(&tensors).map_err(|what| reader.broken(&what))?;
        Ok(Self {
            path: path.to_owned(),
            metadata,
            tensors,
        })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name)
    }

    /// All tensors' names, in alphabetical order.
    pub fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.metadata.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    #[must_use]
    pub fn integer(&self, key: &str) -> Option<u64> {
        match self.metadata.get(key) {
            Some(Value::Integer(n)) => u64::try_from(*n).ok(),
            _ => None,
        }
    }

    #[must_use]
    pub fn float(&self, key: &str) -> Option<f64> {
        match self.metadata.get(key) {
            Some(Value::Float(x)) => Some(*x),
            _ => None,
        }
    }

    #[must_use]
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.metadata.get(key) {
            Some(Value::Bool(b)) => Some(*b),
            _ => None,
        }
    }

    #[must_use]
    pub fn texts(&self, key: &str) -> Option<&[String]> {
        match self.metadata.get(key) {
            Some(Value::Texts(texts)) => Some(texts),
            _ => None,
        }
    }

    #[must_use]
    pub fn integers(&self, key: &str) -> Option<&[i64]> {
        match self.metadata.get(key) {
            Some(Value::Integers(numbers)) => Some(numbers),
            _ => None,
        }
    }

    #[must_use]
    pub fn floats(&self, key: &str) -> Option<&[f32]> {
        match self.metadata.get(key) {
            Some(Value::Floats(numbers)) => Some(numbers),
            _ => None,
        }
    }

    /// An error about this file's content.
    #[must_use]
    pub fn broken(&self, what: impl Into<String>) -> ModelError {
        ModelError::Broken {
            path: self.path.clone(),
            what: what.into(),
        }
    }

    /// An error about something this program cannot run.
    #[must_use]
    pub fn unsupported(&self, what: impl Into<String>) -> ModelError {
        ModelError::Unsupported {
            path: self.path.clone(),
            what: what.into(),
        }
    }
}
