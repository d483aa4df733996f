//! Checkpoints: everything a run needs to go on, in one folder that is either whole or absent.
//!
//! ```text
//! checkpoints/step-00000120/model.safetensors       weights by published name
//!                           optimiser.safetensors   moments by parameter path
//!                           progress.json           step, plan, tokens, time, recipe
//! ```
//! A checkpoint is written under a temporary name, forced to disk, renamed, and the parent folder
//! forced to disk; only then are older ones removed. A process killed at any moment leaves the
//! newest complete checkpoint untouched.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use resolvent_formats::{TensorMap, read_json, write_json_atomic};
use serde::{Deserialize, Serialize};

use crate::error::LearnError;
use crate::schedule::Plan;

/// Prefix of a finished checkpoint's folder name; the step follows, eight digits or more.
const PREFIX: &str = "step-";
/// Prefix of a folder that is still being written.
const PARTIAL: &str = ".partial-step-";
const MODEL: &str = "model.safetensors";
const OPTIMISER: &str = "optimiser.safetensors";
const PROGRESS: &str = "progress.json";

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// The plan that every later step follows.
    pub plan: Plan,
    /// Tokens seen.
    pub tokens: u64,
    /// Seconds of training so far, over all processes.
    pub seconds: f64,
    /// What a resumed run must agree with, as a tree of named values.
    pub identity: serde_json::Value,
}

/// A checkpoint in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Where the run stands.
    pub progress: Progress,
    /// Weights by published name.
    pub model: TensorMap,
    /// Optimiser state by parameter path.
    pub optimiser: TensorMap,
}

impl Checkpoint {
    /// Writes the checkpoint under `folder`, then keeps only the newest `keep` and that of step
    /// `best`.
    ///
    /// The folder is made where it is missing. A readable checkpoint of the same step is left as it is:
    /// with the same identity it has the same content.
    ///
    /// # Errors
    /// [`LearnError::Format`] (disk full, for instance) and [`LearnError::Io`]; the older checkpoints
    /// are then untouched.
    pub fn write(
        &self,
        folder: &Path,
        keep: usize,
        best: Option<usize>,
    ) -> Result<PathBuf, LearnError> {
        let step = self.progress.step;
        let target = folder.join(format!("{PREFIX}{step:08}"));
        if Self::read(&target).is_ok() {
            return Ok(target);
        }
        fs::create_dir_all(folder).map_err(io_error("create", folder))?;
        remove_partial(folder)?;
        let partial = folder.join(format!("{PARTIAL}{step:08}"));
        fs::create_dir_all(&partial).map_err(io_error("create", &partial))?;
        if let Err(error) = self.fill(&partial) {
            // Best effort: the error that matters is the first, and the next write clears up too.
            let _ = fs::remove_dir_all(&partial);
            return Err(error);
        }
        if target.exists() {
            fs::remove_dir_all(&target).map_err(io_error("replace", &target))?;
        }
        fs::rename(&partial, &target).map_err(io_error("finish", &target))?;
        sync_folder(folder)?;
        prune(folder, keep, best)?;
        Ok(target)
    }

    fn fill(&self, partial: &Path) -> Result<(), LearnError> {
        // Every write forces its file to disk; the JSON comes last as the mark of completeness.
        self.model.write(&partial.join(MODEL))?;
        self.optimiser.write(&partial.join(OPTIMISER))?;
        write_json_atomic(&partial.join(PROGRESS), &self.progress)?;
        sync_folder(partial)
    }

    /// Reads the checkpoint in the folder `path`.
    ///
    /// # Errors
    /// [`LearnError::Format`] for a missing, truncated or corrupt part, [`LearnError::Progress`].
    pub fn read(path: &Path) -> Result<Self, LearnError> {
        let progress: Progress = read_json(&path.join(PROGRESS))?;
        if !(progress.seconds.is_finite() && progress.step <= progress.plan.steps) {
            return Err(LearnError::Progress {
                path: path.join(PROGRESS),
                step: progress.step,
                planned: progress.plan.steps,
                seconds: progress.seconds,
            });
        }
        Ok(Self {
            progress,
            model: TensorMap::read(&path.join(MODEL))?,
            optimiser: TensorMap::read(&path.join(OPTIMISER))?,
        })
    }

    /// The newest readable checkpoint under `folder`, with its path; unreadable ones are skipped
    /// with a warning.
    ///
    /// # Errors
    /// [`LearnError::Io`] when the folder cannot be listed.
    pub fn latest(folder: &Path) -> Result<Option<(PathBuf, Self)>, LearnError> {
        let mut found = list(folder)?;
        while let Some((_, path)) = found.pop() {
            match Self::read(&path) {
                Ok(checkpoint) => return Ok(Some((path, checkpoint))),
                Err(error) => {
                    tracing::warn!("skipping the checkpoint {}: {error}", path.display());
                }
            }
        }
        Ok(None)
    }

    /// Checks that the checkpoint at `path` belongs to a run with this identity.
    ///
    /// # Errors
    /// [`LearnError::OtherRecipe`] with the first field that differs and both values.
    pub fn require_identity(
        &self,
        path: &Path,
        identity: &serde_json::Value,
    ) -> Result<(), LearnError> {
        match first_difference(&self.progress.identity, &through_text(identity), "") {
            None => Ok(()),
            Some((field, stored, requested)) => Err(LearnError::OtherRecipe {
                path: path.to_owned(),
                field,
                stored,
                requested,
            }),
        }
    }
}

/// Steps and folders of the finished checkpoints, oldest first.
///
/// # Errors
/// [`LearnError::Io`] when the folder cannot be listed.
pub fn list(folder: &Path) -> Result<Vec<(usize, PathBuf)>, LearnError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io_error("list", folder))? {
        let path = entry.map_err(io_error("list", folder))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy());
        let step = name.and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
        if let Some(step) = step {
            found.push((step, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Removes all but the newest `keep` checkpoints and the one of step `best`.
fn prune(folder: &Path, keep: usize, best: Option<usize>) -> Result<(), LearnError> {
    let found = list(folder)?;
    let surplus = found.len().saturating_sub(keep.max(1));
    for (step, path) in &found[..surplus] {
        if Some(*step) != best {
            fs::remove_dir_all(path).map_err(io_error("remove", path))?;
        }
    }
    Ok(())
}

/// Removes what killed processes left half-written.
fn remove_partial(folder: &Path) -> Result<(), LearnError> {
    for entry in fs::read_dir(folder).map_err(io_error("list", folder))? {
        let path = entry.map_err(io_error("list", folder))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy());
        if name.is_some_and(|name| name.starts_with(PARTIAL)) {
            fs::remove_dir_all(&path).map_err(io_error("remove", &path))?;
        }
    }
    Ok(())
}

/// The tree as it would come back from a file: JSON readers may miss a number's last bit.
fn through_text(tree: &serde_json::Value) -> serde_json::Value {
    serde_json::from_str(&tree.to_string()).expect("a JSON tree prints as JSON")
}

/// The first leaf in which two trees differ: its dotted name and both values.
fn first_difference(
    stored: &serde_json::Value,
    requested: &serde_json::Value,
    name: &str,
) -> Option<(String, String, String)> {
    use serde_json::Value::Object;
    let (Object(left), Object(right)) = (stored, requested) else {
        let field = if name.is_empty() { "recipe" } else { name };
        return (stored != requested)
            .then(|| (field.to_owned(), stored.to_string(), requested.to_string()));
    };
    let absent = serde_json::Value::Null;
    let keys = left
        .keys()
        .chain(right.keys().filter(|key| !left.contains_key(*key)));
    keys.into_iter().find_map(|key| {
        let field = match name {
            "" => key.clone(),
            section => format!("{section}.{key}"),
        };
        first_difference(
            left.get(key).unwrap_or(&absent),
            right.get(key).unwrap_or(&absent),
            &field,
        )
    })
}

/// Forces the names inside a folder to disk.
fn sync_folder(folder: &Path) -> Result<(), LearnError> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    match File::open(folder).and_then(|file| file.sync_all()) {
        // Some file systems of the network or of user space cannot; the rename has happened.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        result => result.map_err(io_error("force to disk", folder)),
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LearnError {
    let path = path.to_owned();
    move |source| LearnError::Io {
        action,
        path,
        source,
    }
}
