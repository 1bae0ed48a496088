//! Reads .safetensors files: one alone, or the shards that an index names.
//!
//! Every length and offset is checked against the file before anything is allocated or sliced by it; tensors may not overlap.
//! Files stay mapped, tensors are slices of them. Knows nothing of what the tensors mean.
//! Format: eight bytes of length, a JSON object of that length, data; offsets count from the end of the JSON.

pub mod write;

use super::error::ModelError;
use super::gguf::Format;
use super::map::Mapped;
use super::matrix;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Bytes before the JSON.
const LENGTH_BYTES: usize = 8;
/// The longest header that the format's own reader takes.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// The file of a folder with one file.
const SINGLE: &str = "model.safetensors";
/// The file that says which shard holds which tensor.
const INDEX: &str = "model.safetensors.index.json";
/// Types that can be read here, by the format's names.
const SUPPORTED: &str = "F32, F16, BF16";

/// The tensors of a file or of a folder's shards.
#[derive(Debug)]
pub struct Safetensors {
    path: PathBuf,
    files: Vec<Mapped>,
    /// By name: which file, and where in it.
    tensors: BTreeMap<String, (usize, Place)>,
}

/// A tensor's numbers as they stand in the file.
#[derive(Debug, Clone, Copy)]
pub struct Tensor<'a> {
    pub name: &'a str,
    /// Slowest dimension first, as stored: a matrix is `[rows, columns]`.
    pub shape: &'a [usize],
    /// One of `F32`, `F16`, `Bf16`.
    pub format: Format,
    /// Exactly as many as shape and format ask for.
    pub bytes: &'a [u8],
    path: &'a Path,
    offset: usize,
}

/// Where a tensor's data stand in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The type by the format's name.
    dtype: String,
    shape: Vec<usize>,
    /// From the beginning of the file.
    start: usize,
    end: usize,
}

impl Safetensors {
    /// Opens a .safetensors file, or a folder with `model.safetensors` or with shards and their index.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        if !path.is_dir() {
            return Self::open_file(path);
        }
        let single = path.join(SINGLE);
        let index = path.join(INDEX);
        if !single.exists() && index.exists() {
            return Self::open_shards(path, &index);
        }
        Self::open_file(&single)
    }

    /// What errors about the whole are said of: the file or the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All tensors' names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A tensor by its name; an error when it is missing or its type cannot be read.
    pub fn tensor(&self, name: &str) -> Result<Tensor<'_>, ModelError> {
        let Some((name, (file, place))) = self.tensors.get_key_value(name) else {
            return Err(ModelError::broken(
                &self.path,
                format!("tensor \"{name}\" is missing"),
            ));
        };
        let cut = || ModelError::broken(&self.path, format!("tensor \"{name}\" is cut"));
        let mapped = self.files.get(*file).ok_or_else(cut)?;
        let bytes = mapped.bytes().get(place.start..place.end).ok_or_else(cut)?;
        let format = format_of(&place.dtype).ok_or_else(|| {
            ModelError::unsupported(
                mapped.path(),
                format!(
                    "tensor \"{name}\" at offset {} has the type {}; supported are {SUPPORTED}",
                    place.start, place.dtype
                ),
            )
        })?;
        Ok(Tensor {
            name,
            shape: &place.shape,
            format,
            bytes,
            path: mapped.path(),
            offset: place.start,
        })
    }

    fn open_file(path: &Path) -> Result<Self, ModelError> {
        let mapped = Mapped::open(path)?;
        let tensors = header(mapped.bytes(), path)?
            .into_iter()
            .map(|(name, place)| (name, (0, place)))
            .collect();
        Ok(Self {
            path: path.to_owned(),
            files: vec![mapped],
            tensors,
        })
    }

    fn open_shards(folder: &Path, index: &Path) -> Result<Self, ModelError> {
        let mapped = Mapped::open(index)?;
        let mut files = Vec::new();
        let mut tensors = BTreeMap::new();
        for (shard, names) in shards(mapped.bytes(), index)? {
            let path = folder.join(&shard);
            let file = Mapped::open(&path)?;
            let mut places = header(file.bytes(), &path)?;
            for name in names {
                let place = places.remove(&name).ok_or_else(|| {
                    ModelError::broken(
                        &path,
                        format!("tensor \"{name}\" is missing; {INDEX} says it is here"),
                    )
                })?;
                tensors.insert(name, (files.len(), place));
            }
            files.push(file);
        }
        Ok(Self {
            path: folder.to_owned(),
            files,
            tensors,
        })
    }
}

impl Tensor<'_> {
    /// The numbers, in the order of the file.
    #[must_use]
    pub fn numbers(&self) -> Vec<f32> {
        matrix::numbers(self.format, self.bytes).unwrap_or_default()
    }

    /// Refuses another shape than `expected`.
    pub fn check_shape(&self, expected: &[usize]) -> Result<(), ModelError> {
        if self.shape == expected {
            return Ok(());
        }
        Err(ModelError::broken(
            self.path,
            format!(
                "tensor \"{}\" at offset {} has the shape {:?}, expected {expected:?}",
                self.name, self.offset, self.shape
            ),
        ))
    }
}

/// Reads the header of a whole file's bytes; `path` is for messages only.
pub fn header(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, Place>, ModelError> {
    let broken = |what: String| ModelError::broken(path, what);
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(broken(format!(
            "the length of the header at offset 0 needs {LENGTH_BYTES} bytes and the file has {}",
            bytes.len()
        )));
    };
    let length = u64::from_le_bytes(*length);
    let json = usize::try_from(length)
        .ok()
        .filter(|_| length <= MAX_HEADER_BYTES)
        .and_then(|length| rest.get(..length))
        .ok_or_else(|| {
            broken(format!(
                "its header at offset {LENGTH_BYTES} has {length} bytes; {} are left in the file and {MAX_HEADER_BYTES} allowed: it is cut, or not a safetensors file",
                rest.len()
            ))
        })?;
    let listed: Listed = serde_json::from_slice(json)
        .map_err(|error| broken(format!("its header at offset {LENGTH_BYTES}: {error}")))?;
    let data = LENGTH_BYTES + json.len();
    let mut places = BTreeMap::new();
    for (name, entry) in listed.0 {
        let place = place(entry, data, bytes.len())
            .map_err(|why| broken(format!("tensor \"{name}\": {why}")))?;
        if places.insert(name.clone(), place).is_some() {
            return Err(broken(format!("tensor \"{name}\" is listed twice")));
        }
    }
    check_overlaps(&places).map_err(broken)?;
    Ok(places)
}

fn place(entry: Entry, data: usize, file_bytes: usize) -> Result<Place, String> {
    let [begin, end] = entry.data_offsets;
    let from_data = |offset: u64| usize::try_from(offset).ok()?.checked_add(data);
    let (start, end) = match (from_data(begin), from_data(end)) {
        (Some(start), Some(end)) if start <= end && end <= file_bytes => (start, end),
        _ => {
            return Err(format!(
                "its bytes {begin}..{end} from offset {data} do not lie in the file ({file_bytes} bytes); it is cut or broken"
            ));
        }
    };
    let shape = entry
        .shape
        .iter()
        .map(|&n| usize::try_from(n).ok())
        .collect::<Option<Vec<_>>>();
    let count = shape
        .iter()
        .flatten()
        .try_fold(1_usize, |count, &n| count.checked_mul(n));
    let (Some(shape), Some(count)) = (shape, count) else {
        return Err(format!(
            "at offset {start}: its shape {:?} makes no sense",
            entry.shape
        ));
    };
    let width = format_of(&entry.dtype).and_then(Format::block);
    if let Some((_, bytes)) = width
        && Some(end - start)
            != usize::try_from(bytes)
                .ok()
                .and_then(|n| n.checked_mul(count))
    {
        return Err(format!(
            "at offset {start}: its shape {shape:?} in {} needs {bytes} bytes a number, and {} stand there",
            entry.dtype,
            end - start
        ));
    }
    Ok(Place {
        dtype: entry.dtype,
        shape,
        start,
        end,
    })
}

fn check_overlaps(places: &BTreeMap<String, Place>) -> Result<(), String> {
    let mut order: Vec<(&String, &Place)> = places.iter().collect();
    order.sort_by_key(|(_, place)| (place.start, place.end));
    for pair in order.windows(2) {
        if let [(before, first), (name, second)] = pair
            && second.start < first.end
        {
            return Err(format!(
                "tensor \"{name}\" at offset {} overlaps tensor \"{before}\", which ends at {}",
                second.start, first.end
            ));
        }
    }
    Ok(())
}

fn format_of(dtype: &str) -> Option<Format> {
    Some(match dtype {
        "F32" => Format::F32,
        "F16" => Format::F16,
        "BF16" => Format::Bf16,
        _ => return None,
    })
}

/// The shards of an index with the tensors of each.
fn shards(json: &[u8], path: &Path) -> Result<BTreeMap<String, Vec<String>>, ModelError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let broken = |what: String| ModelError::broken(path, what);
    let index: Index = serde_json::from_slice(json).map_err(|error| broken(error.to_string()))?;
    let mut shards: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (tensor, shard) in index.weight_map {
        // A shard stands beside its index: no path may lead elsewhere.
        if Path::new(&shard).file_name() != Some(shard.as_ref()) {
            return Err(broken(format!(
                "tensor \"{tensor}\": \"{shard}\" is not a plain file name"
            )));
        }
        shards.entry(shard).or_default().push(tensor);
    }
    if shards.is_empty() {
        return Err(broken("it names no tensors".to_owned()));
    }
    Ok(shards)
}

/// One tensor of the header.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// The header in its own order, so that a name listed twice can be seen.
struct Listed(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Listed;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Listed, A::Error> {
                let mut entries = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        entries.push((name, map.next_value()?));
                    }
                }
                Ok(Listed(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests;
