//! Named tensors, and the safetensors file that holds them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::{Map, Value, json};

use super::bounds;
use super::data::TensorData;
use super::dtype::Dtype;
use crate::atomic::write_atomic;
use crate::error::FormatError;
use crate::json::read_bounded;

/// The header key that the format keeps for string metadata.
const METADATA_KEY: &str = "__metadata__";

/// The longest header that readers of the format accept, in bytes.
const MAX_HEADER_BYTES: usize = 100_000_000;

/// Below this similarity (Jaro-Winkler, 0 to 1) a name is not worth suggesting.
const SIMILAR: f64 = 0.6;

/// Named tensors in the order of their names, with string metadata; the content of a safetensors file.
///
/// Two maps are equal when tensors and metadata are; where they were read from does not count.
#[derive(Clone, Debug, Default)]
pub struct TensorMap {
    tensors: BTreeMap<String, TensorData>,
    metadata: BTreeMap<String, String>,
    /// Where the map was read from, to name it in errors.
    source: PathBuf,
}

impl PartialEq for TensorMap {
    fn eq(&self, other: &Self) -> bool {
        self.tensors == other.tensors && self.metadata == other.metadata
    }
}

impl Eq for TensorMap {}

impl TensorMap {
    /// An empty map.
    pub fn new() -> Self {
        Self {
            source: PathBuf::from("(tensors in memory)"),
            ..Self::default()
        }
    }

    /// Reads a safetensors file.
    ///
    /// # Errors
    /// [`FormatError::Read`], [`FormatError::Safetensors`] when the file is truncated, corrupt or lies about
    /// its content, [`FormatError::UnsupportedDtype`].
    ///
    /// # Cost
    /// Twice the file's size in memory while reading, once afterwards.
    pub fn read(path: &Path) -> Result<Self, FormatError> {
        let bytes = read_bounded(path, u64::MAX)?;
        Self::parse_from(&bytes, path)
    }

    /// Parses the bytes of a safetensors file.
    ///
    /// # Errors
    /// As for [`TensorMap::read`]; errors name the source `(bytes in memory)`.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        Self::parse_from(bytes, Path::new("(bytes in memory)"))
    }

    fn parse_from(bytes: &[u8], path: &Path) -> Result<Self, FormatError> {
        let corrupt = |reason: String| FormatError::Safetensors {
            path: path.to_path_buf(),
            reason,
        };
        bounds::check_header(bytes).map_err(corrupt)?;
        let (header_bytes, header) = SafeTensors::read_metadata(bytes)
            .map_err(|error| corrupt(explain(&error, bytes.len())))?;
        let payload = &bytes[size_of::<u64>() + header_bytes..];
        let mut map = Self {
            source: path.to_path_buf(),
            ..Self::default()
        };
        if let Some(metadata) = header.metadata() {
            map.metadata.extend(metadata.clone());
        }
        for (name, info) in header.tensors() {
            let Some(dtype) = Dtype::from_stored(info.dtype) else {
                return Err(FormatError::UnsupportedDtype {
                    path: path.to_path_buf(),
                    tensor: name,
                    dtype: info.dtype.to_string(),
                });
            };
            let (start, end) = info.data_offsets;
            let content = payload
                .get(start..end)
                .ok_or_else(|| corrupt(format!("tensor `{name}` lies outside the file")))?;
            let data = TensorData::from_bytes(dtype, info.shape.clone(), content.to_vec())?;
            map.tensors.insert(name, data);
        }
        Ok(map)
    }

    /// Writes the map as a safetensors file, atomically (see [`write_atomic`]).
    ///
    /// # Errors
    /// Those of [`write_atomic`].
    pub fn write(&self, path: &Path) -> Result<(), FormatError> {
        write_atomic(path, |file| self.write_to(file))
    }

    /// The bytes of the safetensors file that [`TensorMap::write`] writes.
    ///
    /// # Errors
    /// [`FormatError::Write`] when the header would exceed the format's limit of 100 MB.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FormatError> {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes)
            .map_err(|source| FormatError::from_write(&self.source, source))?;
        Ok(bytes)
    }

    /// The safetensors crate takes metadata in a hash map, whose order changes from run to run; the header is
    /// therefore laid out here, in the crate's own order (widest element type first, then by name), so that
    /// equal content gives equal bytes.
    fn write_to(&self, file: &mut dyn Write) -> io::Result<()> {
        let mut order: Vec<(&String, &TensorData)> = self.tensors.iter().collect();
        order.sort_by(|(left_name, left), (right_name, right)| {
            let by_type = right.dtype().stored().cmp(&left.dtype().stored());
            by_type.then_with(|| left_name.cmp(right_name))
        });
        let header = self.header(&order)?;
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        order
            .iter()
            .try_for_each(|(_, tensor)| file.write_all(tensor.bytes()))
    }

    fn header(&self, order: &[(&String, &TensorData)]) -> io::Result<Vec<u8>> {
        let mut header = Map::new();
        if !self.metadata.is_empty() {
            header.insert(METADATA_KEY.to_owned(), json!(self.metadata));
        }
        let mut start = 0;
        for (name, tensor) in order {
            let end = start + tensor.bytes().len();
            let entry = json!({
                "dtype": tensor.dtype().to_string(),
                "shape": tensor.shape(),
                "data_offsets": [start, end],
            });
            header.insert((*name).clone(), entry);
            start = end;
        }
        let mut text = serde_json::to_vec(&Value::Object(header))?;
        // Spaces up to a multiple of eight keep the data aligned for readers that map the file.
        text.resize(text.len().next_multiple_of(8), b' ');
        if text.len() > MAX_HEADER_BYTES {
            return Err(io::Error::other(format!(
                "the safetensors header would take {} bytes, the format allows {MAX_HEADER_BYTES}",
                text.len()
            )));
        }
        Ok(text)
    }

    /// Adds a tensor, or replaces the one of that name.
    ///
    /// # Errors
    /// [`FormatError::InvalidName`] for the empty name and for the one key the format reserves.
    pub fn insert(&mut self, name: impl Into<String>, data: TensorData) -> Result<(), FormatError> {
        let tensor = name.into();
        let reason = match tensor.as_str() {
            "" => "it is empty",
            METADATA_KEY => "the format keeps it for metadata",
            _ => {
                self.tensors.insert(tensor, data);
                return Ok(());
            }
        };
        Err(FormatError::InvalidName { tensor, reason })
    }

    /// The tensor of that name.
    ///
    /// # Errors
    /// [`FormatError::MissingTensor`], which names the most similar existing tensor.
    pub fn get(&self, name: &str) -> Result<&TensorData, FormatError> {
        self.tensors.get(name).ok_or_else(|| self.missing(name))
    }

    /// Takes the tensor of that name out of the map.
    ///
    /// # Errors
    /// As for [`TensorMap::get`].
    pub fn take(&mut self, name: &str) -> Result<TensorData, FormatError> {
        match self.tensors.remove(name) {
            Some(tensor) => Ok(tensor),
            None => Err(self.missing(name)),
        }
    }

    /// The elements of a tensor as binary32 (see [`TensorData::to_f32`]), its shape checked.
    ///
    /// # Errors
    /// [`FormatError::MissingTensor`], [`FormatError::WrongShape`].
    pub fn f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, FormatError> {
        Ok(self.get_shaped(name, shape)?.to_f32())
    }

    /// The elements of an integer tensor (see [`TensorData::to_i64`]), its shape checked.
    ///
    /// # Errors
    /// [`FormatError::MissingTensor`], [`FormatError::WrongShape`], [`FormatError::WrongDtype`].
    pub fn i64(&self, name: &str, shape: &[usize]) -> Result<Vec<i64>, FormatError> {
        let tensor = self.get_shaped(name, shape)?;
        tensor.to_i64().map_err(|_| FormatError::WrongDtype {
            tensor: name.to_owned(),
            found: tensor.dtype(),
            expected: "signed integer",
        })
    }

    fn get_shaped(&self, name: &str, shape: &[usize]) -> Result<&TensorData, FormatError> {
        let tensor = self.get(name)?;
        if tensor.shape() == shape {
            return Ok(tensor);
        }
        Err(FormatError::WrongShape {
            tensor: name.to_owned(),
            expected: shape.to_vec(),
            found: tensor.shape().to_vec(),
        })
    }

    fn missing(&self, name: &str) -> FormatError {
        let closest = self
            .names()
            .map(|candidate| (strsim::jaro_winkler(candidate, name), candidate))
            .filter(|(similarity, _)| *similarity >= SIMILAR)
            .max_by(|left, right| left.0.total_cmp(&right.0))
            .map(|(_, candidate)| candidate.to_owned());
        FormatError::MissingTensor {
            path: self.source.clone(),
            tensor: name.to_owned(),
            closest,
            available: self.len(),
        }
    }

    /// The names in ascending order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Names and tensors in ascending order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TensorData)> {
        self.tensors
            .iter()
            .map(|(name, data)| (name.as_str(), data))
    }

    /// The number of tensors.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// True when there is no tensor (there may be metadata).
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// The string metadata.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Sets one entry of the string metadata.
    pub fn set_metadata(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.metadata.insert(key.into(), value.into());
    }
}

/// The crate's messages with the numbers they lack.
fn explain(error: &safetensors::SafeTensorError, bytes: usize) -> String {
    use safetensors::SafeTensorError as E;
    match error {
        E::HeaderTooSmall => {
            format!("it holds {bytes} bytes, fewer than the 8 of the header's length")
        }
        E::HeaderTooLarge => format!("its header announces more than {MAX_HEADER_BYTES} bytes"),
        E::InvalidHeaderLength => {
            format!(
                "its header announces more bytes than the {bytes} of the file, which looks truncated"
            )
        }
        E::MetadataIncompleteBuffer => {
            format!(
                "its header describes another amount of data than the {bytes} bytes of the file, which looks truncated"
            )
        }
        other => other.to_string(),
    }
}
