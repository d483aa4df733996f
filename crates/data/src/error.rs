//! What can go wrong with data, in words that say what would be right.

use std::io;
use std::path::{Path, PathBuf};

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

    /// A file is not what its form says.
    #[error("{}: {place}: {problem}", path.display())]
    Malformed {
        /// The file or folder.
        path: PathBuf,
        /// Where in it: a line, a column, a byte.
        place: String,
        /// What is wrong, and what would be right.
        problem: String,
    },

    /// A file or folder could not be written.
    #[error("cannot write {}: {source}; check the permissions and the room on the disk", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// What would be written exists already.
    #[error("{} exists already; remove it or choose another folder", path.display())]
    InTheWay {
        /// The file or folder.
        path: PathBuf,
    },

    /// Nothing was drawn that satisfies the parameters.
    #[error(
        "{task}: none of {attempts} attempts in a row satisfied the parameters; leave more room"
    )]
    Unplaceable {
        /// The generator.
        task: &'static str,
        /// The number of attempts.
        attempts: usize,
    },

    /// The caller asked to stop.
    #[error("stopped; nothing incomplete was left behind")]
    Interrupted,

    /// The manifest has no data set of this name.
    #[error("no data set is called {id:?}; {hint}")]
    UnknownDataSet {
        /// The name asked for.
        id: String,
        /// The nearest name, or how to list them.
        hint: String,
    },

    /// The package client is not on this machine.
    #[error(
        "{data_set} comes in the {ecosystem} package {package}, but `{program}` does not run here ({reason}); {remedy}"
    )]
    NoClient {
        /// The data set.
        data_set: &'static str,
        /// Whose packages.
        ecosystem: &'static str,
        /// The package.
        package: String,
        /// The program that is missing.
        program: String,
        /// What the system said.
        reason: String,
        /// What to install.
        remedy: &'static str,
    },

    /// The package client failed.
    #[error(
        "`{command}` failed ({status}): {said}; it needs the network, or the index that it is set up for, once"
    )]
    ClientFailed {
        /// The command.
        command: String,
        /// How it ended.
        status: String,
        /// The end of what it wrote to standard error.
        said: String,
    },

    /// What a client brought is no package with the listed content.
    #[error("the package {package} cannot be used: {problem}")]
    BadPackage {
        /// Name and version.
        package: String,
        /// What is wrong with it.
        problem: String,
    },

    /// A file is not the one that the manifest lists.
    #[error(
        "{name}: expected {expected}, found {found}; the file was not kept (another release of the package may hold other data)"
    )]
    Mismatch {
        /// The file.
        name: String,
        /// Length and hash listed.
        expected: String,
        /// Length and hash found.
        found: String,
    },

    /// The user has no cache folder.
    #[error("no cache folder is known for this user; set HOME or XDG_CACHE_HOME, or name a folder")]
    NoCacheFolder,

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
    pub(crate) fn malformed(
        path: &Path,
        place: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self::Malformed {
            path: path.to_path_buf(),
            place: place.into(),
            problem: problem.into(),
        }
    }

    /// Names the file that could not be read.
    pub(crate) fn unreadable(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Unreadable {
            path: path.clone(),
            source,
        }
    }

    /// Names the file that could not be written.
    pub(crate) fn unwritable(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Unwritable {
            path: path.clone(),
            source,
        }
    }

    /// Whether the input was wrong, and not the machine, the network or the user's patience.
    pub fn is_bad_input(&self) -> bool {
        !matches!(
            self,
            Self::Compressor { .. }
                | Self::Unwritable { .. }
                | Self::Unplaceable { .. }
                | Self::Interrupted
                | Self::NoClient { .. }
                | Self::ClientFailed { .. }
                | Self::BadPackage { .. }
                | Self::Mismatch { .. }
                | Self::NoCacheFolder
        )
    }

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
