//! Whole files or none: write to a temporary name in the same folder, force to disk, rename.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::FormatError;

/// Marks our temporary files, so that those a killed process left behind can be told from anybody else's.
const TEMPORARY_MARK: &str = ".resolvent-partial-";

/// Writes `path` so that a reader sees the old content or the whole new content, never anything between.
///
/// The content goes to a temporary file in the same folder (a rename across file systems would be a copy),
/// is flushed and forced to disk, is renamed over `path`, and the folder is forced to disk so that the
/// rename itself survives a power failure.
///
/// # Errors
/// [`FormatError::DiskFull`] or [`FormatError::Write`]; the earlier version of `path` is then intact and the
/// temporary file is gone. A process killed half-way leaves its temporary file behind:
/// [`remove_interrupted_writes`] clears it.
///
/// # Example
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("notes.txt");
/// resolvent_formats::write_atomic(&path, |file| writeln!(file, "all or nothing"))?;
/// assert_eq!(std::fs::read_to_string(&path).unwrap(), "all or nothing\n");
/// # Ok::<(), resolvent_formats::FormatError>(())
/// ```
pub fn write_atomic(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FormatError> {
    try_write(path, write).map_err(|source| FormatError::from_write(path, source))
}

fn try_write(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = folder_of(path);
    let temporary = create_temporary(path, &folder)?;
    let mut buffered = BufWriter::with_capacity(1 << 20, temporary.as_file());
    write(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|failure| failure.error)?;
    sync_folder(&folder)
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn create_temporary(path: &Path, folder: &Path) -> io::Result<NamedTempFile> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"))?;
    let prefix = format!(".{}{TEMPORARY_MARK}", name.to_string_lossy());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    // tempfile's default is a private file; a model should get the ordinary permissions of the user's umask.
    if let Some(permissions) = ordinary_permissions() {
        builder.permissions(permissions);
    }
    builder.tempfile_in(folder)
}

#[cfg(unix)]
fn ordinary_permissions() -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    Some(Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn ordinary_permissions() -> Option<Permissions> {
    None
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some network and user-space file systems cannot force a folder to disk; the rename has happened.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        result => result,
    }
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Removes the temporary files that killed processes left in `folder`; returns how many there were.
///
/// Call it when a run starts or resumes, while no other process writes to that folder.
///
/// # Errors
/// [`FormatError::Read`] when the folder cannot be listed, [`FormatError::Write`] when a file cannot be removed.
pub fn remove_interrupted_writes(folder: &Path) -> Result<usize, FormatError> {
    let entries = fs::read_dir(folder).map_err(|source| FormatError::from_read(folder, source))?;
    let mut removed = 0;
    for entry in entries {
        let entry = entry.map_err(|source| FormatError::from_read(folder, source))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.contains(TEMPORARY_MARK) {
            let path = entry.path();
            fs::remove_file(&path).map_err(|source| FormatError::from_write(&path, source))?;
            removed += 1;
        }
    }
    Ok(removed)
}
