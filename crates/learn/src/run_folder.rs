//! The one folder that a run writes, and the names inside it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::LearnError;

/// The files whose presence shows that a folder holds a run.
const MARKS: [&str; 5] = [
    "config.json",
    "model.safetensors",
    "recipe.toml",
    "metrics.jsonl",
    "checkpoints",
];

/// An output folder. Everything that a run writes lies inside it.
///
/// | name | content |
/// |---|---|
/// | `config.json`, `model.safetensors` | the trained model in the published layout |
/// | `recipe.toml` | the recipe, every field written out |
/// | `metrics.jsonl` | one record per line, see [`metrics`](crate::metrics) |
/// | `report.html` | the page for people |
/// | `checkpoints/` | resumable states, see [`checkpoint`](crate::checkpoint) |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// Creates the folder, or takes an existing one that holds no run.
    ///
    /// # Errors
    /// [`LearnError::RunExists`] when it does, [`LearnError::Io`] when it cannot be created.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self, LearnError> {
        let root = root.into();
        if let Some(found) = MARKS.iter().find(|name| root.join(name).exists()) {
            return Err(LearnError::RunExists {
                path: root,
                found: (*found).to_owned(),
            });
        }
        let folder = Self { root };
        folder.create_inner()?;
        Ok(folder)
    }

    /// Takes the folder of an interrupted run.
    ///
    /// # Errors
    /// [`LearnError::NoCheckpoint`] when it has no `checkpoints` folder, [`LearnError::Format`] when
    /// an interrupted write cannot be cleared away.
    pub fn resume(root: impl Into<PathBuf>) -> Result<Self, LearnError> {
        let folder = Self { root: root.into() };
        if !folder.checkpoints().is_dir() {
            return Err(LearnError::NoCheckpoint {
                path: folder.checkpoints(),
            });
        }
        resolvent_formats::remove_interrupted_writes(&folder.root)?;
        Ok(folder)
    }

    fn create_inner(&self) -> Result<(), LearnError> {
        let checkpoints = self.checkpoints();
        fs::create_dir_all(&checkpoints).map_err(|source| LearnError::Io {
            action: "create the folder",
            path: checkpoints,
            source,
        })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `config.json`.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.json")
    }

    /// `model.safetensors`.
    pub fn model(&self) -> PathBuf {
        self.root.join("model.safetensors")
    }

    /// `recipe.toml`.
    pub fn recipe(&self) -> PathBuf {
        self.root.join("recipe.toml")
    }

    /// `metrics.jsonl`.
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    /// `report.html`.
    pub fn report(&self) -> PathBuf {
        self.root.join("report.html")
    }

    /// `checkpoints`.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }
}

/// Writes a text file of ours, whole or not at all.
///
/// # Errors
/// [`LearnError::Format`].
pub fn write_text(path: &Path, text: &str) -> Result<(), LearnError> {
    let write = |file: &mut dyn std::io::Write| file.write_all(text.as_bytes());
    Ok(resolvent_formats::write_atomic(path, write)?)
}
