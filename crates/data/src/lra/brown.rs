//! The Brown corpus as plain text, the documents of the stand-in for LRA Retrieval.

use std::path::Path;

use walkdir::WalkDir;

use super::MAX_TEXT_BYTES;
use crate::corpus::{Corpus, TextFile};
use crate::error::DataError;
use crate::files;

/// Reads the files `ca01` to `cr09` of a folder, and drops the tag behind the last `/` of every token.
///
/// Tokens are joined by spaces, paragraphs by line ends.
///
/// # Errors
/// [`DataError::Unreadable`], [`DataError::Malformed`] for a folder without such files.
pub fn read_brown(folder: &Path) -> Result<Corpus, DataError> {
    let mut documents = Vec::new();
    for entry in WalkDir::new(folder).max_depth(1).sort_by_file_name() {
        let entry = entry.map_err(|error| DataError::Unreadable {
            path: folder.to_path_buf(),
            source: error.into(),
        })?;
        let name = entry.file_name().to_string_lossy();
        if !is_document(&name) || !entry.file_type().is_file() {
            continue;
        }
        let text = files::read_text(entry.path(), MAX_TEXT_BYTES)?;
        documents.push(TextFile::new(name.as_ref(), plain(&text).into_bytes()));
    }
    if documents.is_empty() {
        return Err(DataError::malformed(
            folder,
            "folder",
            "it holds no document such as ca01",
        ));
    }
    Ok(Corpus::new("brown", documents))
}

fn is_document(name: &str) -> bool {
    match name.as_bytes() {
        [b'c', genre, number @ ..] => {
            genre.is_ascii_lowercase() && number.len() == 2 && number.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

fn plain(text: &str) -> String {
    let word = |token: &str| token.rsplit_once('/').map_or(token, |it| it.0).to_owned();
    let line = |line: &str| {
        line.split_whitespace()
            .map(word)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let lines = text.lines().map(line).filter(|line| !line.is_empty());
    lines.map(|line| line + "\n").collect()
}
