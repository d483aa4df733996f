//! Bounded reading of whole files.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

use crate::error::DataError;

/// A whole file of at most `limit` bytes.
///
/// # Errors
/// [`DataError::Unreadable`], [`DataError::TooLarge`].
pub(crate) fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    let file = File::open(path).map_err(DataError::unreadable(path))?;
    read_all(file, path, limit)
}

/// As [`read_bytes`], as text; bytes that are not UTF-8 are read as Latin-1.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, DataError> {
    Ok(decode(read_bytes(path, limit)?))
}

/// Reads to the end of a stream that may be longer than it looks (a decompressor's, for one).
pub(crate) fn read_all(stream: impl Read, path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    let mut bounded = stream.take(limit.saturating_add(1));
    bounded
        .read_to_end(&mut bytes)
        .map_err(DataError::unreadable(path))?;
    if bytes.len() as u64 > limit {
        let name = path.display().to_string();
        return Err(DataError::TooLarge { name, limit });
    }
    Ok(bytes)
}

/// UTF-8, or else Latin-1, in which every byte is a character.
pub(crate) fn decode(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => error
            .as_bytes()
            .iter()
            .map(|&byte| char::from(byte))
            .collect(),
    }
}

/// The content of a file that may be packed with gzip or xz, which its first bytes tell.
///
/// # Errors
/// As for [`read_bytes`]; `limit` counts unpacked bytes.
pub(crate) fn read_unpacked(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    let file = File::open(path).map_err(DataError::unreadable(path))?;
    let mut file = std::io::BufReader::new(file);
    let start = std::io::BufRead::fill_buf(&mut file).map_err(DataError::unreadable(path))?;
    if start.starts_with(&[0x1f, 0x8b]) {
        read_all(flate2::bufread::MultiGzDecoder::new(file), path, limit)
    } else if start.starts_with(b"\xfd7zXZ\0") {
        read_all(
            liblzma::bufread::XzDecoder::new_multi_decoder(file),
            path,
            limit,
        )
    } else {
        read_all(file, path, limit)
    }
}

/// Writes a file under a temporary name in the same folder, and renames it once it is complete.
///
/// # Errors
/// Those of `write`; [`DataError::Unwritable`].
pub(crate) fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let file = tempfile::NamedTempFile::new_in(folder).map_err(DataError::unwritable(folder))?;
    let mut buffered = BufWriter::new(file);
    write(&mut buffered)?;
    let file = buffered
        .into_inner()
        .map_err(|error| DataError::Unwritable {
            path: path.to_path_buf(),
            source: error.into_error(),
        })?;
    file.as_file()
        .sync_all()
        .map_err(DataError::unwritable(path))?;
    make_readable(file.as_file()).map_err(DataError::unwritable(path))?;
    file.persist(path).map_err(|error| DataError::Unwritable {
        path: path.to_path_buf(),
        source: error.error,
    })?;
    Ok(())
}

/// Temporary files are for their owner alone; results are for everyone whom the folder admits.
#[cfg(unix)]
fn make_readable(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &File) -> std::io::Result<()> {
    Ok(())
}
