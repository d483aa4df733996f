//! What can go wrong in a task.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use thiserror::Error;

/// Every failure, in words that say what to do about it.
#[derive(Debug, Error)]
pub enum XtaskError {
    /// A file, folder or program could not be used.
    #[error("{what}: {source}")]
    Io {
        /// The path or program.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },

    /// A program ran and failed.
    #[error("`{command}` failed with {status}: {said}")]
    CommandFailed {
        /// The program and its arguments.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to standard error, or advice where that went to the terminal.
        said: String,
    },

    /// The output of `cargo metadata` has not the documented form.
    #[error("the output of `cargo metadata` could not be read: {0}")]
    Metadata(#[from] serde_json::Error),

    /// Some dependencies break the layers.
    #[error("{} of the dependencies break the layers:\n  {}", .0.len(), .0.join("\n  "))]
    Layers(Vec<String>),

    /// No pip on this machine.
    #[error(
        "pip is missing: none of {tried} runs. Install Python 3.8 or newer with pip \
         (Debian, Ubuntu: `apt-get install python3-pip`) and run this again"
    )]
    PipMissing {
        /// The commands that were tried.
        tried: String,
    },

    /// The machine has no cache or data folder that could hold the SDK.
    #[error("this user has no {kind} folder: set HOME or {variable}")]
    NoUserFolder {
        /// Cache or data.
        kind: &'static str,
        /// The variable that names it.
        variable: &'static str,
    },

    /// A wheel is missing, doubled, or no zip archive.
    #[error("{}: {problem}", path.display())]
    BadWheel {
        /// The wheel, or the folder that should hold it.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// Something that is not ours stands where the link must be.
    #[error(
        "{} is in the way: it holds no finished LLVM ({sentinel} is missing) and was not made by \
         this task. Remove it and run this again",
        path.display()
    )]
    InTheWay {
        /// The path that must become a link.
        path: PathBuf,
        /// The file that marks a finished LLVM.
        sentinel: &'static str,
    },

    /// Symbolic links are made in the Unix way only.
    #[cfg(not(unix))]
    #[error("llvm-sdk works on Unix only; elsewhere let the bundler download its own LLVM")]
    UnixOnly,
}

impl XtaskError {
    /// Names the path or program that an input/output error belongs to.
    pub fn io(what: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.as_ref().display().to_string();
        move |source| Self::Io { what, source }
    }
}
