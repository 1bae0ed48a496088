//! A checked walk over a GGUF file's header: nothing is taken or allocated before it is known to be there.

use super::{Format, MAX_DIMENSIONS, TensorInfo, Value};
use crate::lm::error::ModelError;
use std::collections::BTreeMap;
use std::path::Path;

/// A tensor as listed, before its place is checked.
pub(super) struct Entry {
    dimensions: Vec<u64>,
    kind: u32,
    offset: u64,
}

/// Where a listed tensor's data stand in the file.
pub(super) fn place(
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
pub(super) fn check_overlaps(tensors: &BTreeMap<String, TensorInfo>) -> Result<(), String> {
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
pub(super) struct Reader<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
    pub path: &'a Path,
}

impl<'a> Reader<'a> {
    pub(super) fn broken(&self, what: &str) -> ModelError {
        ModelError::Broken {
            path: self.path.to_owned(),
            what: what.to_owned(),
        }
    }

    fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    pub(super) fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8], ModelError> {
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

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, ModelError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64, ModelError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// Refuses a count of items that cannot fit into the rest of the file.
    pub(super) fn check_count(
        &self,
        count: u64,
        least_bytes: u64,
        what: &str,
    ) -> Result<usize, ModelError> {
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

    pub(super) fn text(&mut self, what: &str) -> Result<String, ModelError> {
        let length = self.u64(what)?;
        let length = self.check_count(length, 1, what)?;
        let bytes = self.take(length, what)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    pub(super) fn value(&mut self, kind: u32, key: &str) -> Result<Value, ModelError> {
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

    pub(super) fn tensor(&mut self) -> Result<(String, Entry), ModelError> {
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
