//! Readers of what Long Range Arena publishes as files, and the packaged sets that stand in for them.
//!
//! | task | reader | stand-in, never reported under the task's name |
//! |---|---|---|
//! | ListOps | [`crate::benchmarks::listops::read_listops`], or generated | |
//! | Text | [`read_imdb`] | [`read_spam_assassin`]: real e-mails |
//! | Retrieval | [`read_aan`] | [`same_document_pairs`]: are two windows from one document? |
//! | Image | [`crate::images::read_cifar10_grey`] | Fashion-MNIST by [`crate::images::read_idx_images`] |
//! | Pathfinder, Path-X | [`crate::benchmarks::pathfinder::PathfinderFolder`], or generated | |
//!
//! Texts stay bytes here. [`crate::sequences::byte_tokens`] makes LRA's tokens of them and
//! [`crate::sequences::CharacterVocabulary`], fitted on the training part alone, those of the S4 line.

mod aan;
mod brown;
mod imdb;
mod same_document;
mod spam_assassin;

pub use aan::{parse_aan, read_aan};
pub use brown::read_brown;
pub use imdb::read_imdb;
pub use same_document::{PairOptions, same_document_pairs};
pub use spam_assassin::{message_body, read_spam_assassin};

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::error::DataError;
use crate::files;
use crate::sequences::LabelledSequences;

/// The longest single text accepted, in bytes.
const MAX_TEXT_BYTES: u64 = 16 << 20;

/// The `.txt` files of a folder in the order of their names.
fn texts_in(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut paths = Vec::new();
    for entry in WalkDir::new(folder)
        .min_depth(1)
        .max_depth(1)
        .sort_by_file_name()
    {
        let entry = entry.map_err(|error| DataError::Unreadable {
            path: folder.to_path_buf(),
            source: error.into(),
        })?;
        let is_text = entry.path().extension().is_some_and(|it| it == "txt");
        if is_text && entry.file_type().is_file() {
            paths.push(entry.into_path());
        }
    }
    if paths.is_empty() {
        return Err(DataError::malformed(
            folder,
            "folder",
            "it holds no .txt file",
        ));
    }
    Ok(paths)
}

/// Appends the `.txt` files of a folder under one label.
fn append_texts(
    set: &mut LabelledSequences,
    folder: &Path,
    label: u32,
    part_of: fn(&[u8]) -> &[u8],
) -> Result<(), DataError> {
    for path in texts_in(folder)? {
        let bytes = files::read_bytes(&path, MAX_TEXT_BYTES)?;
        set.push(part_of(&bytes), label)?;
    }
    Ok(())
}
