//! The registry packages that a `Cargo.lock` pins.

use serde::Deserialize;

use crate::error::DataError;

/// The longest lock file accepted, in bytes; large workspaces take a few hundred kilobytes.
const MAX_LOCK_BYTES: usize = 16 << 20;

/// A registry package of a lock file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedPackage {
    /// The crate's name.
    pub name: String,
    /// The exact version.
    pub version: String,
}

impl LockedPackage {
    /// The name of the folder that cargo unpacks the package into.
    pub fn folder(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

#[derive(Deserialize)]
struct LockFile {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
}

/// The registry packages of a lock file in ascending order; path and git packages are passed over.
///
/// # Errors
/// [`DataError::InvalidLock`] when the text is not TOML of that form, and when a name or version holds
/// anything but letters, digits, `-`, `_`, `.` and `+` (it becomes part of a path).
pub fn parse_lock(text: &str) -> Result<Vec<LockedPackage>, DataError> {
    let invalid = |problem| DataError::InvalidLock { problem };
    if text.len() > MAX_LOCK_BYTES {
        let found = text.len();
        return Err(invalid(format!(
            "it holds {found} bytes, over {MAX_LOCK_BYTES}"
        )));
    }
    let lock: LockFile = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
    let mut packages = Vec::new();
    for package in lock.package {
        for part in [&package.name, &package.version] {
            if !is_plain(part) {
                return Err(invalid(format!(
                    "package {:?} {:?} is not a crate's name and version",
                    package.name, package.version
                )));
            }
        }
        if package.source.is_some_and(|source| is_registry(&source)) {
            packages.push(LockedPackage {
                name: package.name,
                version: package.version,
            });
        }
    }
    packages.sort();
    packages.dedup();
    Ok(packages)
}

fn is_registry(source: &str) -> bool {
    source.starts_with("registry+") || source.starts_with("sparse+")
}

fn is_plain(part: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && part.chars().all(allowed)
}
