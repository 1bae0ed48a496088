//! Reads the header of a GGUF file: metadata and the table of tensors.
//!
//! Every length is checked against what is left of the file before anything is allocated by it, so a broken or hostile file
//! gives an error that names the key or tensor and the offset. Knows nothing of what the metadata mean.
//! Format: the GGUF specification, versions 2 and 3, little-endian.

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
            let info = place(&reader, &name, entry, data, alignment)?;
            if tensors.insert(name.clone(), info).is_some() {
                return Err(reader.broken(&format!("tensor \"{name}\" is listed twice")));
            }
        }
        check_overlaps(&tensors).map_err(|what| reader.broken(&what))?;
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

/// A tensor as listed, before its place is checked.
struct Entry {
    dimensions: Vec<u64>,
    kind: u32,
    offset: u64,
}

fn place(
    reader: &Reader<'_>,
    name: &str,
    entry: Entry,
    data: u64,
    alignment: u64,
) -> Result<TensorInfo, ModelError> {
    let format = Format::from_ggml(entry.kind);
    let wrong = |what: String| reader.broken(&format!("tensor \"{name}\": {what}"));
    let mut elements = 1_u64;
    for &dimension in &entry.dimensions {
        elements = elements
            .checked_mul(dimension)
            .filter(|&n| n > 0)
            .ok_or_else(|| {
                wrong(format!(
                    "its dimensions {:?} make no sense",
                    entry.dimensions
                ))
            })?;
    }
    let bytes = match format.block() {
        None => 0,
        Some((numbers, bytes)) => {
            let columns = entry.dimensions.first().copied().unwrap_or(1);
            if !columns.is_multiple_of(numbers) {
                return Err(wrong(format!(
                    "rows of {columns} numbers are not whole blocks of {numbers}"
                )));
            }
            (elements / numbers).checked_mul(bytes).ok_or_else(|| {
                wrong(format!(
                    "its dimensions {:?} are too large",
                    entry.dimensions
                ))
            })?
        }
    };
    if !entry.offset.is_multiple_of(alignment) {
        return Err(wrong(format!(
            "its offset {} is not a multiple of {alignment}",
            entry.offset
        )));
    }
    let start = data.checked_add(entry.offset);
    let end = start.and_then(|start| start.checked_add(bytes));
    match (start, end) {
        (Some(start), Some(end)) if end <= reader.bytes.len() as u64 => Ok(TensorInfo {
            dimensions: entry.dimensions,
            format,
            offset: usize::try_from(start).unwrap_or(usize::MAX),
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        }),
        _ => Err(wrong(format!(
            "its {bytes} bytes from offset {} reach beyond the end of the file ({} bytes); the file is cut or broken",
            data.saturating_add(entry.offset),
            reader.bytes.len()
        ))),
    }
}

/// Refuses tensors that share bytes: a small file could otherwise stand for any amount of memory.
fn check_overlaps(tensors: &BTreeMap<String, TensorInfo>) -> Result<(), String> {
    let mut order: Vec<(&String, &TensorInfo)> = tensors.iter().collect();
    order.sort_by_key(|(_, info)| (info.offset, info.bytes));
    for pair in order.windows(2) {
        if let [(before, first), (name, second)] = pair
            && second.offset < first.offset.saturating_add(first.bytes)
        {
            return Err(format!(
                "tensor \"{name}\" at offset {} overlaps tensor \"{before}\", which ends at {}",
                second.offset,
                first.offset.saturating_add(first.bytes)
            ));
        }
    }
    Ok(())
}

/// A checked walk over the header.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    path: &'a Path,
}

impl<'a> Reader<'a> {
    fn broken(&self, what: &str) -> ModelError {
        ModelError::Broken {
            path: self.path.to_owned(),
            what: what.to_owned(),
        }
    }

    fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8], ModelError> {
        let end = self.at.checked_add(count);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(slice) => {
                self.at += count;
                Ok(slice)
            }
            None => Err(self.broken(&format!(
                "{what} at offset {} needs {count} bytes and {} are left; the file is cut or broken",
                self.at,
                self.left()
            ))),
        }
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], ModelError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, what)?);
        Ok(out)
    }

    fn u32(&mut self, what: &str) -> Result<u32, ModelError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    fn u64(&mut self, what: &str) -> Result<u64, ModelError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// Refuses a count of items that cannot fit into the rest of the file.
    fn check_count(&self, count: u64, least_bytes: u64, what: &str) -> Result<usize, ModelError> {
        let fits = count
            .checked_mul(least_bytes)
            .is_some_and(|bytes| bytes <= self.left() as u64);
        match usize::try_from(count) {
            Ok(count) if fits => Ok(count),
            _ => Err(self.broken(&format!(
                "{what} at offset {}: {count} of them cannot stand in the {} bytes left; the file is cut or broken",
                self.at,
                self.left()
            ))),
        }
    }

    fn text(&mut self, what: &str) -> Result<String, ModelError> {
        let length = self.u64(what)?;
        let length = self.check_count(length, 1, what)?;
        let bytes = self.take(length, what)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    fn value(&mut self, kind: u32, key: &str) -> Result<Value, ModelError> {
        Ok(match kind {
            6 => Value::Float(f64::from(f32::from_le_bytes(self.array(key)?))),
            7 => Value::Bool(self.array::<1>(key)? != [0]),
            8 => Value::Text(self.text(key)?),
            9 => self.values(key)?,
            12 => Value::Float(f64::from_le_bytes(self.array(key)?)),
            10 => Value::Integer(i128::from(self.u64(key)?)),
            _ => Value::Integer(i128::from(self.small(kind, key)?)),
        })
    }

    fn small(&mut self, kind: u32, key: &str) -> Result<i64, ModelError> {
        Ok(match kind {
            0 => i64::from(u8::from_le_bytes(self.array(key)?)),
            1 => i64::from(i8::from_le_bytes(self.array(key)?)),
            7 => i64::from(self.array::<1>(key)? != [0]),
            2 => i64::from(u16::from_le_bytes(self.array(key)?)),
            3 => i64::from(i16::from_le_bytes(self.array(key)?)),
            4 => i64::from(self.u32(key)?),
            5 => i64::from(i32::from_le_bytes(self.array(key)?)),
            11 => i64::from_le_bytes(self.array(key)?),
            _ => {
                return Err(self.broken(&format!(
                    "key \"{key}\" at offset {} has the unknown type {kind}",
                    self.at
                )));
            }
        })
    }

    fn values(&mut self, key: &str) -> Result<Value, ModelError> {
        let kind = self.u32(key)?;
        let count = self.u64(key)?;
        let width = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            _ => {
                return Err(self.broken(&format!(
                    "key \"{key}\" at offset {} is an array of the unknown type {kind}",
                    self.at
                )));
            }
        };
        let count = self.check_count(count, width, key)?;
        match kind {
            6 => {
                let bytes = self.take(count * 4, key)?;
                let numbers = bytes
                    .chunks_exact(4)
                    .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                Ok(Value::Floats(numbers.collect()))
            }
            8 => {
                let mut texts = Vec::with_capacity(count);
                for _ in 0..count {
                    texts.push(self.text(key)?);
                }
                Ok(Value::Texts(texts))
            }
            10 | 12 => {
                self.take(count * 8, key)?;
                Ok(Value::Skipped)
            }
            // Flags (kind 7) are read as the numbers 0 and 1.
            _ => {
                let mut numbers = Vec::with_capacity(count);
                for _ in 0..count {
                    numbers.push(self.small(kind, key)?);
                }
                Ok(Value::Integers(numbers))
            }
        }
    }

    fn tensor(&mut self) -> Result<(String, Entry), ModelError> {
        let name = self.text("a tensor's name")?;
        let rank = self.u32(&name)?;
        if rank == 0 || rank > MAX_DIMENSIONS {
            return Err(self.broken(&format!(
                "tensor \"{name}\" at offset {} has {rank} dimensions",
                self.at
            )));
        }
        let mut dimensions = Vec::with_capacity(rank as usize);
        for _ in 0..rank {
            dimensions.push(self.u64(&name)?);
        }
        let kind = self.u32(&name)?;
        let offset = self.u64(&name)?;
        Ok((
            name,
            Entry {
                dimensions,
                kind,
                offset,
            },
        ))
    }
}
