//! What can go wrong with data, in words that say what would be right.

use std::io;
use std::path::PathBuf;

/// An error of this crate. Every variant names the file or the numbers, and what would be right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}; check that the path exists and is readable", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// A single file was given and it is not text.
    #[error("{} is not text: byte {offset} is zero; give a text file", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The place of the first zero byte.
        offset: usize,
    },

    /// There is no text to train on.
    #[error("{name} holds no text ({omitted}); give a file or folder with text")]
    EmptyCorpus {
        /// The corpus or path.
        name: String,
        /// What was left out, in words.
        omitted: String,
    },

    /// The text does not fit the bound on memory.
    #[error("{name} holds more than the limit of {limit} bytes; give a smaller folder")]
    TooLarge {
        /// The corpus or path.
        name: String,
        /// The limit in bytes.
        limit: u64,
    },

    /// The lock file is not one that cargo wrote.
    #[error(
        "the lock file is not valid: {problem}; let cargo write it again (`cargo generate-lockfile`)"
    )]
    InvalidLock {
        /// What is wrong, with the offending entry.
        problem: String,
    },

    /// None of the locked packages lies unpacked in cargo's home.
    #[error("none of the {packages} registry packages of the lock file is unpacked under {}; run `cargo fetch`, or give text of your own", path.display())]
    NoSources {
        /// The folder searched.
        path: PathBuf,
        /// The number of registry packages in the lock file.
        packages: usize,
    },

    /// Neither `CARGO_HOME` nor a home folder is known.
    #[error("cargo's home is unknown: neither CARGO_HOME nor HOME is set; set one of them")]
    NoCargoHome,

    /// A stream is shorter than one window.
    #[error("the {side} text has {found} bytes (with separators), but one window takes {needed}; give more text or a window of at most {} bytes", found.saturating_sub(1))]
    TooShort {
        /// `training` or `held-out`.
        side: &'static str,
        /// The length of the stream in bytes.
        found: usize,
        /// The length of one window with its last target, in bytes.
        needed: usize,
    },

    /// A number is outside its range.
    #[error("{name} is {found}, but must be {expected}")]
    OutOfRange {
        /// The argument.
        name: &'static str,
        /// Its value.
        found: String,
        /// What is accepted.
        expected: String,
    },

    /// The compressor failed.
    #[error(
        "the xz baseline failed on {bytes} bytes: {source}; it needs about twelve bytes of memory per byte of text, so give less text"
    )]
    Compressor {
        /// The bytes to compress.
        bytes: usize,
        /// What the library said.
        source: io::Error,
    },
}

impl DataError {
    pub(crate) fn out_of_range(
        name: &'static str,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self::OutOfRange {
            name,
            found: found.to_string(),
            expected: expected.into(),
        }
    }
}
