//! Text as a list of named files.

mod cargo_sources;
mod folder;
mod lock;
mod split;

use std::collections::BTreeSet;
use std::fmt;

use sha2::{Digest, Sha256};

pub use cargo_sources::{CargoSources, MAX_SOURCE_BYTES, cargo_home};
pub use lock::{LockedPackage, parse_lock};
pub use split::{Split, SplitMethod};

use crate::error::DataError;
use crate::rng;

/// The most text that a corpus may hold, in bytes.
pub const MAX_CORPUS_BYTES: u64 = 1 << 30;

/// One file of a corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFile {
    /// The path inside the corpus, with `/` between folders.
    pub name: String,
    /// What decides on the side of the split: the name, but without the version for a crate's file.
    pub split_key: String,
    /// The content; no zero byte, which separates files in a stream.
    pub bytes: Vec<u8>,
}

impl TextFile {
    /// A file whose name decides on its side of the split.
    pub fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        let name = name.into();
        Self {
            split_key: name.clone(),
            name,
            bytes,
        }
    }
}

/// What was found but left out of a corpus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Omissions {
    /// Files that could not be read.
    pub unreadable: usize,
    /// Files with a zero byte or, among sources, that are not UTF-8.
    pub binary: usize,
    /// Files above the size limit of sources.
    pub oversized: usize,
    /// Files with the same content as another one.
    pub duplicates: usize,
    /// Empty files.
    pub empty: usize,
    /// Packages of machine-written bindings to an operating system.
    pub binding_packages: usize,
    /// Packages of the lock file that are not unpacked on this machine, as `name-version`.
    pub missing_packages: Vec<String>,
}

impl fmt::Display for Omissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.unreadable, "unreadable files"),
            (self.binary, "binary files"),
            (self.oversized, "oversized files"),
            (self.duplicates, "duplicate files"),
            (self.empty, "empty files"),
            (self.binding_packages, "packages of bindings"),
            (self.missing_packages.len(), "packages not unpacked"),
        ];
        let parts: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if parts.is_empty() {
            f.write_str("nothing left out")
        } else {
            write!(f, "left out: {}", parts.join(", "))
        }
    }
}

/// Text as a list of files in ascending order of their names, each content once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corpus {
    /// What it is called in reports.
    pub name: String,
    /// The files, in ascending order of their names.
    pub files: Vec<TextFile>,
    /// What was left out.
    pub omissions: Omissions,
}

impl Corpus {
    /// A corpus of the given files: sorted by name, empty files, files with a zero byte, and repetitions of
    /// the same content dropped and counted.
    pub fn new(name: impl Into<String>, files: Vec<TextFile>) -> Self {
        Self::with_omissions(name.into(), files, Omissions::default())
    }

    fn with_omissions(name: String, mut files: Vec<TextFile>, mut omissions: Omissions) -> Self {
        files.sort_by(|left, right| left.name.cmp(&right.name));
        let mut seen = BTreeSet::new();
        files.retain(|file| {
            let dropped = if file.bytes.is_empty() {
                &mut omissions.empty
            } else if file.bytes.contains(&0) {
                &mut omissions.binary
            } else if !seen.insert(<[u8; 32]>::from(Sha256::digest(&file.bytes))) {
                &mut omissions.duplicates
            } else {
                return true;
            };
            *dropped += 1;
            false
        });
        Self {
            name,
            files,
            omissions,
        }
    }

    /// The total length of the files in bytes.
    pub fn bytes(&self) -> usize {
        self.files.iter().map(|file| file.bytes.len()).sum()
    }

    /// The files' content one after the other, with nothing in between.
    pub fn concatenated(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.bytes());
        for file in &self.files {
            all.extend_from_slice(&file.bytes);
        }
        all
    }

    /// SHA-256 over the names and contents, in hexadecimal: two corpora with the same one are the same text.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for file in &self.files {
            // The lengths first, so that no two lists of files run together into the same input.
            hash.update((file.name.len() as u64).to_le_bytes());
            hash.update(file.name.as_bytes());
            hash.update((file.bytes.len() as u64).to_le_bytes());
            hash.update(&file.bytes);
        }
        let digest = hash.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A subset of whole files of at most `limit` bytes, the same for the same seed on every machine.
    ///
    /// Files are taken in the order of a hash of (seed, split key); one that would exceed the limit is left
    /// out and the next is tried. [`Corpus::split`] hashes the same keys: give it another seed, or what
    /// this keeps is what that holds out.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] when not even one file fits.
    pub fn take_bytes(&self, limit: usize, seed: u64) -> Result<Self, DataError> {
        let sizes = self.files.iter().map(|file| {
            (
                file.split_key.as_str(),
                file.name.as_str(),
                file.bytes.len(),
            )
        });
        let chosen = choose(sizes, limit, seed);
        if chosen.is_empty() && !self.files.is_empty() {
            let smallest = self.files.iter().map(|file| file.bytes.len()).min();
            return Err(DataError::out_of_range(
                "byte limit",
                limit,
                format!("at least {} to hold one file", smallest.unwrap_or(0)),
            ));
        }
        Ok(Self {
            name: self.name.clone(),
            files: chosen.iter().map(|&i| self.files[i].clone()).collect(),
            omissions: self.omissions.clone(),
        })
    }

    /// `Ok(self)` unless there is no text.
    fn not_empty(self) -> Result<Self, DataError> {
        if self.files.is_empty() {
            return Err(DataError::EmptyCorpus {
                name: self.name,
                omitted: self.omissions.to_string(),
            });
        }
        Ok(self)
    }
}

/// The positions, ascending, of the `(split key, name, bytes)` entries that fit into `limit` bytes.
fn choose<'a>(
    files: impl Iterator<Item = (&'a str, &'a str, usize)>,
    limit: usize,
    seed: u64,
) -> Vec<usize> {
    let mut order: Vec<(f64, &str, usize, usize)> = files
        .enumerate()
        .map(|(i, (key, name, bytes))| (rng::unit_hash(seed, key), name, i, bytes))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)));
    let mut left = limit;
    let mut chosen = Vec::new();
    for (_, _, position, bytes) in order {
        if bytes <= left {
            left -= bytes;
            chosen.push(position);
        }
    }
    chosen.sort_unstable();
    chosen
}
