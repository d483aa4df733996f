//! The LLVM that CUDA builds link against, from wheels.
//!
//! The GPU compiler under burn's `cuda` feature links LLVM 23. The build script of its bundler
//! downloads an archive from the project's own forge, unless it finds a finished installation in
//! the user's data folder. Two published wheels hold the same LLVM as static libraries, with
//! headers and a working `llvm-config`; this task unpacks them into one folder and puts a link to
//! it where the bundler looks.

mod install;
mod wheels;

use std::path::PathBuf;

use crate::error::XtaskError;

/// The wheels, both from one build: the second adds the targets that the first leaves out (NVPTX).
const WHEELS: [&str; 2] = [
    "mlc-llvm-static==23.1.1.post0",
    "mlc-llvm-static-extra-targets==23.1.1.post0",
];

/// Names the folder of this SDK under the user's cache; change it together with [`WHEELS`].
const SDK_VERSION: &str = "23.1.1.post0";

/// The folder that the bundler of burn 0.22.1 looks for under the user's data folder.
const BUNDLE: &str = "tracel-llvm-23.1.0-4";

/// The empty file by which the bundler knows a finished installation.
const SENTINEL: &str = ".tracel-llvm-installed";

/// Where the parts of an installation belong.
#[derive(Debug)]
struct Places {
    /// The unpacked wheels.
    sdk: PathBuf,
    /// The link that the bundler follows.
    link: PathBuf,
}

impl Places {
    /// The places for the current user.
    fn of_user() -> Result<Self, XtaskError> {
        let cache = dirs::cache_dir().ok_or(XtaskError::NoUserFolder {
            kind: "cache",
            variable: "XDG_CACHE_HOME",
        })?;
        // The bundler asks the same crate for the same folder, so the two cannot disagree.
        let data = dirs::data_local_dir().ok_or(XtaskError::NoUserFolder {
            kind: "data",
            variable: "XDG_DATA_HOME",
        })?;
        Ok(Self {
            sdk: cache.join("resolvent").join("llvm-sdk").join(SDK_VERSION),
            link: data.join("tracel").join(BUNDLE),
        })
    }

    /// The LLVM installation inside the unpacked wheels.
    fn root(&self) -> PathBuf {
        self.sdk.join("mlc_llvm_static").join("static")
    }
}

/// Installs the SDK unless it is there, and says what to export.
///
/// Running it again does nothing; an interrupted run leaves nothing half-finished behind.
///
/// # Errors
/// When pip is missing or cannot download the wheels, when a wheel is damaged, or when something
/// else stands where the link belongs.
pub fn install() -> Result<(), XtaskError> {
    let places = Places::of_user()?;
    if install::is_served_by_others(&places)? {
        println!("{} already holds a finished LLVM", places.link.display());
    } else {
        install::ensure_sdk(&places, wheels::download)?;
        install::ensure_link(&places)?;
        println!("{} -> {}", places.link.display(), places.root().display());
    }
    println!("LLVM {}", install::llvm_version(&places.link)?);
    println!("For builds with `--features cuda` also run:");
    println!("  export CUDARC_CUDA_VERSION=13000");
    Ok(())
}
