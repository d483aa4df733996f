//! A corpus from the user's own file or folder.

use std::fs;
use std::path::Path;

use walkdir::{DirEntry, WalkDir};

use super::{Corpus, MAX_CORPUS_BYTES, Omissions, TextFile};
use crate::error::DataError;

impl Corpus {
    /// The text of one file, or of all files under a folder.
    ///
    /// A folder is searched recursively; hidden entries (names starting with a dot) and symbolic links are
    /// passed over, binary files (with a zero byte) and unreadable ones are left out and counted. A single
    /// file must be readable text. Any encoding will do: the models read bytes.
    ///
    /// # Errors
    /// [`DataError::Unreadable`], [`DataError::NotText`], [`DataError::EmptyCorpus`], and
    /// [`DataError::TooLarge`] above [`MAX_CORPUS_BYTES`].
    pub fn from_path(path: &Path) -> Result<Self, DataError> {
        let unreadable = |source| DataError::Unreadable {
            path: path.to_path_buf(),
            source,
        };
        let metadata = fs::metadata(path).map_err(unreadable)?;
        let name = path.display().to_string();
        if metadata.is_dir() {
            return read_folder(path, name)?.not_empty();
        }
        if !metadata.is_file() {
            let source = std::io::Error::other("it is neither a regular file nor a folder");
            return Err(unreadable(source));
        }
        check_total(metadata.len(), &name)?;
        let bytes = fs::read(path).map_err(unreadable)?;
        if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
            return Err(DataError::NotText {
                path: path.to_path_buf(),
                offset,
            });
        }
        let file_name = path.file_name().unwrap_or(path.as_os_str());
        let file = TextFile::new(file_name.to_string_lossy(), bytes);
        Self::new(name, vec![file]).not_empty()
    }
}

fn read_folder(root: &Path, name: String) -> Result<Corpus, DataError> {
    let mut omissions = Omissions::default();
    let mut files = Vec::new();
    let mut total = 0;
    let walk = WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry));
    for entry in walk {
        let Ok(entry) = entry else {
            omissions.unreadable += 1;
            continue;
        };
        if !entry.file_type().is_file() {
            continue;
        }
        // The size is checked before the content is read, so that a huge file costs nothing.
        total += entry.metadata().map_or(0, |metadata| metadata.len());
        check_total(total, &name)?;
        match fs::read(entry.path()) {
            Ok(bytes) => files.push(TextFile::new(relative_name(root, entry.path()), bytes)),
            Err(_) => omissions.unreadable += 1,
        }
    }
    Ok(Corpus::with_omissions(name, files, omissions))
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with('.')
}

fn check_total(bytes: u64, name: &str) -> Result<(), DataError> {
    if bytes > MAX_CORPUS_BYTES {
        return Err(DataError::TooLarge {
            name: name.to_owned(),
            limit: MAX_CORPUS_BYTES,
        });
    }
    Ok(())
}

/// The path below `root` with `/` between folders on every system.
pub(super) fn relative_name(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = relative
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}
