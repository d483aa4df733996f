//! What can go wrong with a file, in words that say what would be right.

use std::io;
use std::path::{Path, PathBuf};

use crate::tensors::Dtype;

/// An error of this crate. Every variant names the file or the tensor, the offending value, and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// A file could not be opened or read.
    #[error("cannot read {}: {source}; check that the path exists, is a regular file and is readable", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// A file could not be written; what stood there before is untouched.
    #[error("cannot write {}: {source}; check that its folder exists and is writable (any earlier version of the file is intact)", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// The disk or the quota is full; what stood there before is untouched.
    #[error("disk full while writing {}: {source}; free some space or choose another folder (any earlier version of the file is intact)", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// A file is larger than this reader accepts.
    #[error("{} holds {bytes} bytes, more than the limit of {limit} bytes for this kind of file; is it the right file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        bytes: u64,
        /// The largest size accepted, in bytes.
        limit: u64,
    },

    /// A JSON document is malformed or does not hold what is expected.
    #[error("{}: field `{field}`: {problem}; correct that field in the file", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The field, as a path from the root such as `layers[3].width`; `.` is the whole document.
        field: String,
        /// The value found and what was expected instead, with line and column.
        problem: String,
    },

    /// A value has no JSON form (for example a map whose keys are not strings).
    #[error("cannot express the content of {} as JSON: {problem}; map keys must be strings", path.display())]
    NotJson {
        /// The file that was to be written.
        path: PathBuf,
        /// What the serialiser said.
        problem: String,
    },

    /// A safetensors file is truncated, corrupt or lies about its content.
    #[error("{} is not a valid safetensors file: {reason}; copy or download it again", path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the offending tensor or numbers.
        reason: String,
    },

    /// A tensor is stored in an element type that this crate does not read.
    #[error("{}: tensor `{tensor}` is stored as {dtype}, which is not read here; convert it to F32, F16 or BF16", path.display())]
    UnsupportedDtype {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// Its element type, as the file spells it.
        dtype: String,
    },

    /// A tensor was asked for that is not there.
    #[error("no tensor `{tensor}` among the {available} of {}{}", path.display(), closest_hint(closest))]
    MissingTensor {
        /// The file the map was read from.
        path: PathBuf,
        /// The name asked for.
        tensor: String,
        /// The most similar existing name, when one is similar at all.
        closest: Option<String>,
        /// How many tensors there are.
        available: usize,
    },

    /// A tensor has another shape than the caller needs.
    #[error(
        "tensor `{tensor}` has shape {found:?} where {expected:?} is expected; the file belongs to another configuration"
    )]
    WrongShape {
        /// The tensor's name.
        tensor: String,
        /// The shape expected.
        expected: Vec<usize>,
        /// The shape found.
        found: Vec<usize>,
    },

    /// A tensor has an element type that cannot give the values asked for.
    #[error(
        "tensor `{tensor}` holds {found} values where {expected} values are expected; convert the file or ask for another type"
    )]
    WrongDtype {
        /// The tensor's name, or `(unnamed)`.
        tensor: String,
        /// The element type found.
        found: Dtype,
        /// What was asked for.
        expected: &'static str,
    },

    /// A tensor's data do not fill its shape.
    #[error("a {dtype} tensor of shape {shape:?} was given {bytes} bytes; it takes the product of its axes times {} bytes", dtype.size())]
    SizeMismatch {
        /// The element type.
        dtype: Dtype,
        /// The shape.
        shape: Vec<usize>,
        /// The bytes given.
        bytes: usize,
    },

    /// A tensor name cannot be stored.
    #[error("`{tensor}` cannot name a tensor: {reason}; choose another name")]
    InvalidName {
        /// The name.
        tensor: String,
        /// Why not.
        reason: &'static str,
    },
}

impl FormatError {
    /// Sorts an I/O error of a write into [`FormatError::DiskFull`] or [`FormatError::Write`].
    pub(crate) fn from_write(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::DiskFull { path, source },
            _ => Self::Write { path, source },
        }
    }

    pub(crate) fn from_read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_path_buf(),
            source,
        }
    }
}

fn closest_hint(closest: &Option<String>) -> String {
    match closest {
        Some(name) => format!("; did you mean `{name}`?"),
        None => "; no name is similar, so this is probably another model's file".to_owned(),
    }
}
