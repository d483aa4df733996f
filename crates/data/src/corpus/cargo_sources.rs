//! A corpus that is always there: the Rust sources of the crates that the lock file pins.
//!
//! Cargo unpacked them to build this very program, so they need no network, and the lock file fixes their
//! content to the byte.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::folder::relative_name;
use super::lock::{LockedPackage, parse_lock};
use super::{Corpus, MAX_CORPUS_BYTES, Omissions, TextFile, choose};
use crate::error::DataError;

/// Sources above this size are left out, in bytes: they are tables written by machines.
pub const MAX_SOURCE_BYTES: u64 = 256 << 10;

/// Crates whose name starts with one of these are bindings written by machines: hundreds of megabytes of
/// declarations that repeat with every version and would drown what people wrote.
const BINDINGS: &[&str] = &["windows", "winapi", "linux-raw-sys", "web-sys"];

/// The Rust sources of a lock file's packages, listed but not yet read.
#[derive(Clone, Debug)]
pub struct CargoSources {
    files: Vec<SourceFile>,
    omissions: Omissions,
}

#[derive(Clone, Debug)]
struct SourceFile {
    path: PathBuf,
    name: String,
    split_key: String,
    bytes: usize,
}

/// Cargo's home folder: `CARGO_HOME`, else `.cargo` in the user's home.
///
/// # Errors
/// [`DataError::NoCargoHome`] when the environment names neither.
pub fn cargo_home() -> Result<PathBuf, DataError> {
    std::env::var_os("CARGO_HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .ok_or(DataError::NoCargoHome)
}

impl Corpus {
    /// All Rust sources of the packages that a lock file pins, read from cargo's home.
    ///
    /// The same as [`CargoSources::list`] followed by [`CargoSources::read`]; several hundred megabytes for
    /// a large lock file, so a caller with a byte budget uses [`CargoSources::take_bytes`] in between.
    ///
    /// # Errors
    /// As for these two.
    pub fn from_cargo_sources(lock: &str, cargo_home: &Path) -> Result<Self, DataError> {
        CargoSources::list(lock, cargo_home)?.read()
    }
}

impl CargoSources {
    /// Finds `registry/src/*/NAME-VERSION/**/*.rs` for every registry package of a lock file.
    ///
    /// Files are ordered by package and path. Sources above [`MAX_SOURCE_BYTES`] and packages of
    /// operating-system bindings are left out and counted; packages that are not unpacked here (those of
    /// other platforms, mostly) are listed in [`Omissions::missing_packages`].
    ///
    /// # Errors
    /// [`DataError::InvalidLock`]; [`DataError::Unreadable`] when cargo's home has no unpacked registry;
    /// [`DataError::NoSources`] when none of the packages is in it.
    pub fn list(lock: &str, cargo_home: &Path) -> Result<Self, DataError> {
        let packages = parse_lock(lock)?;
        let root = cargo_home.join("registry").join("src");
        let registries = subfolders(&root)?;
        let mut omissions = Omissions::default();
        let mut files = Vec::new();
        for package in &packages {
            if BINDINGS
                .iter()
                .any(|prefix| package.name.starts_with(prefix))
            {
                omissions.binding_packages += 1;
                continue;
            }
            let folder = package.folder();
            let unpacked = registries.iter().map(|registry| registry.join(&folder));
            match unpacked.into_iter().find(|folder| folder.is_dir()) {
                Some(unpacked) => list_package(package, &unpacked, &mut files, &mut omissions),
                None => omissions.missing_packages.push(folder),
            }
        }
        if files.is_empty() {
            return Err(DataError::NoSources {
                path: root,
                packages: packages.len(),
            });
        }
        Ok(Self { files, omissions })
    }

    /// The total length of the listed files in bytes.
    pub fn bytes(&self) -> usize {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// What was left out while listing.
    pub fn omissions(&self) -> &Omissions {
        &self.omissions
    }

    /// Keeps whole files of at most `limit` bytes, chosen as [`Corpus::take_bytes`] does.
    pub fn take_bytes(mut self, limit: usize, seed: u64) -> Self {
        let sizes = self
            .files
            .iter()
            .map(|file| (file.split_key.as_str(), file.name.as_str(), file.bytes));
        let chosen = choose(sizes, limit, seed);
        self.files = chosen.iter().map(|&i| self.files[i].clone()).collect();
        self
    }

    /// Reads the listed files; those that are unreadable or not UTF-8 are left out and counted.
    ///
    /// # Errors
    /// [`DataError::TooLarge`] above [`MAX_CORPUS_BYTES`], [`DataError::EmptyCorpus`].
    pub fn read(self) -> Result<Corpus, DataError> {
        let name = "the Rust sources that the lock file pins".to_owned();
        if self.bytes() as u64 > MAX_CORPUS_BYTES {
            let limit = MAX_CORPUS_BYTES;
            return Err(DataError::TooLarge { name, limit });
        }
        let mut omissions = self.omissions;
        let mut files = Vec::with_capacity(self.files.len());
        for file in self.files {
            match fs::read(&file.path).map(String::from_utf8) {
                Ok(Ok(text)) => files.push(TextFile {
                    name: file.name,
                    split_key: file.split_key,
                    bytes: text.into_bytes(),
                }),
                Ok(Err(_)) => omissions.binary += 1,
                Err(_) => omissions.unreadable += 1,
            }
        }
        Corpus::with_omissions(name, files, omissions).not_empty()
    }
}

/// The folders directly under `root`, sorted: one for each registry that cargo has used.
fn subfolders(root: &Path) -> Result<Vec<PathBuf>, DataError> {
    let unreadable = |source| DataError::Unreadable {
        path: root.to_path_buf(),
        source,
    };
    let mut folders = Vec::new();
    for entry in fs::read_dir(root).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn list_package(
    package: &LockedPackage,
    unpacked: &Path,
    files: &mut Vec<SourceFile>,
    omissions: &mut Omissions,
) {
    for entry in WalkDir::new(unpacked).sort_by_file_name() {
        let Ok(entry) = entry else {
            omissions.unreadable += 1;
            continue;
        };
        if !entry.file_type().is_file() || entry.path().extension().is_none_or(|e| e != "rs") {
            continue;
        }
        let Ok(metadata) = entry.metadata() else {
            omissions.unreadable += 1;
            continue;
        };
        if metadata.len() > MAX_SOURCE_BYTES {
            omissions.oversized += 1;
            continue;
        }
        let inside = relative_name(unpacked, entry.path());
        files.push(SourceFile {
            path: entry.path().to_path_buf(),
            name: format!("{}/{inside}", package.folder()),
            // Without the version: the next version's file is nearly the same text.
            split_key: format!("{}/{inside}", package.name),
            bytes: usize::try_from(metadata.len()).unwrap_or(usize::MAX),
        });
    }
}
