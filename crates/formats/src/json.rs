//! JSON files with errors that name file, field, value and what is expected.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atomic::write_atomic;
use crate::error::FormatError;

/// The largest JSON file that [`read_json`] accepts, in bytes. Configurations take kilobytes.
pub const MAX_JSON_BYTES: u64 = 16 << 20;

/// Reads a JSON file into `T`.
///
/// # Errors
/// [`FormatError::Read`], [`FormatError::TooLarge`] above [`MAX_JSON_BYTES`], [`FormatError::Json`] when the
/// text is not JSON or a field is missing, unknown or of another type.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, FormatError> {
    let bytes = read_bounded(path, MAX_JSON_BYTES)?;
    parse_json(&bytes, path)
}

/// Parses JSON bytes into `T`; `path` only serves to name the source in errors.
///
/// # Errors
/// [`FormatError::Json`] as for [`read_json`].
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T, FormatError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value =
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| FormatError::Json {
            path: path.to_path_buf(),
            field: error.path().to_string(),
            problem: error.inner().to_string(),
        })?;
    deserializer.end().map_err(|error| FormatError::Json {
        path: path.to_path_buf(),
        field: ".".to_owned(),
        problem: error.to_string(),
    })?;
    Ok(value)
}

/// Writes `value` as indented JSON with a final newline, atomically (see [`write_atomic`]).
///
/// # Errors
/// [`FormatError::NotJson`] when the value has no JSON form (nothing is written), and those of
/// [`write_atomic`].
pub fn write_json_atomic(path: &Path, value: &impl Serialize) -> Result<(), FormatError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| FormatError::NotJson {
        path: path.to_path_buf(),
        problem: error.to_string(),
    })?;
    text.push(b'\n');
    write_atomic(path, |file| file.write_all(&text))
}

/// Reads a regular file of at most `limit` bytes; a device, pipe or folder is refused before it is read.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, FormatError> {
    let fail = |source| FormatError::from_read(path, source);
    // Looked at before opening, because opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(fail)?;
    if !metadata.is_file() {
        return Err(fail(std::io::Error::other("it is not a regular file")));
    }
    let bytes = metadata.len();
    if bytes > limit {
        return Err(FormatError::TooLarge {
            path: path.to_path_buf(),
            bytes,
            limit,
        });
    }
    let file = File::open(path).map_err(fail)?;
    let mut content = Vec::new();
    let capacity = usize::try_from(bytes).unwrap_or(usize::MAX);
    content
        .try_reserve_exact(capacity)
        .map_err(|error| fail(std::io::Error::other(error)))?;
    // `take`: a file that grows while it is read stays within its announced size.
    file.take(bytes).read_to_end(&mut content).map_err(fail)?;
    Ok(content)
}
