//! From a package to the cache.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Client, Content, DataSet, Listing, PackedFile, PackedFolder, archive, remove};
use crate::error::DataError;
use crate::hashing::copy_hashed;

/// What [`fetch`] is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchEvent<'a> {
    /// A client is running this command; said again while it runs.
    Running(&'a str),
    /// Bytes taken out of the package so far, and in all.
    Unpacked(u64, u64),
}

/// Fetches a data set into a cache unless it is there, and returns its folder with every hash checked.
///
/// A folder that is there with other content is replaced. Nothing stands under the final name before it
/// is complete and checked. When `go_on` returns false the fetch ends with [`DataError::Interrupted`].
///
/// # Errors
/// [`DataError::NoClient`], [`DataError::ClientFailed`] (no network, no such package),
/// [`DataError::Mismatch`], [`DataError::BadPackage`] for a package without the file,
/// [`DataError::Unwritable`], [`DataError::Interrupted`].
pub fn fetch(
    data_set: &DataSet,
    cache: &Path,
    go_on: &mut dyn FnMut(FetchEvent<'_>) -> bool,
) -> Result<PathBuf, DataError> {
    let target = data_set.folder(cache);
    if data_set.is_cached(cache) && data_set.verify(cache).is_ok() {
        return Ok(target);
    }
    fs::create_dir_all(cache).map_err(DataError::unwritable(cache))?;
    let work = tempfile::Builder::new()
        .prefix(".fetch-")
        .tempdir_in(cache)
        .map_err(DataError::unwritable(cache))?;
    let (download, unpacked) = (work.path().join("download"), work.path().join("unpacked"));
    for folder in [&download, &unpacked] {
        fs::create_dir(folder).map_err(DataError::unwritable(folder))?;
    }
    if !installed(data_set, &unpacked) {
        let running = &mut |command: &str| go_on(FetchEvent::Running(command));
        let archive = data_set.client.download(data_set, &download, running)?;
        let folder = unpacked.as_path();
        let unpacking = Unpacking {
            data_set,
            folder,
            done: 0,
            go_on,
        };
        unpacking
            .run(&archive)
            .map_err(|error| not_input(error, data_set))?;
    }
    remove(&target)?;
    fs::rename(&unpacked, &target).map_err(DataError::unwritable(&target))?;
    Ok(target)
}

/// A damaged package is nothing that the user gave.
fn not_input(error: DataError, data_set: &DataSet) -> DataError {
    match error {
        error @ DataError::Malformed { .. } => DataError::BadPackage {
            package: format!("{} {}", data_set.package, data_set.version),
            problem: error.to_string(),
        },
        error => error,
    }
}

/// Copies what an installed Debian package has put in place; false when it is not the listed content.
fn installed(data_set: &DataSet, folder: &Path) -> bool {
    let (Client::Apt, Content::Files(files)) = (data_set.client, data_set.content) else {
        return false;
    };
    files.iter().all(|file| {
        let Ok(mut source) = File::open(Path::new("/").join(file.member)) else {
            return false;
        };
        unpack_file(file, &mut source, folder).is_ok()
    })
}

fn unpack_file(file: &PackedFile, content: &mut dyn Read, folder: &Path) -> Result<u64, DataError> {
    let found = write(content, &folder.join(file.name()), file.bytes)?;
    file.check(&found)?;
    Ok(found.0)
}

fn write(content: &mut dyn Read, path: &Path, limit: u64) -> Result<(u64, String), DataError> {
    let mut file = File::create(path).map_err(DataError::unwritable(path))?;
    let found = copy_hashed(content, &mut file, limit).map_err(DataError::unwritable(path))?;
    file.sync_all().map_err(DataError::unwritable(path))?;
    Ok(found)
}

/// The members of a package on their way into a folder.
struct Unpacking<'a> {
    data_set: &'a DataSet,
    folder: &'a Path,
    done: u64,
    go_on: &'a mut dyn FnMut(FetchEvent<'_>) -> bool,
}

impl Unpacking<'_> {
    fn run(mut self, archive: &Path) -> Result<(), DataError> {
        match self.data_set.content {
            Content::Files(files) => self.files(files, archive),
            Content::Folder(folder) => self.all(&folder, archive),
        }
    }

    fn advance(&mut self, bytes: u64) -> Result<(), DataError> {
        self.done += bytes;
        let event = FetchEvent::Unpacked(self.done, self.data_set.bytes());
        if (self.go_on)(event) {
            Ok(())
        } else {
            Err(DataError::Interrupted)
        }
    }

    fn files(&mut self, files: &[PackedFile], archive: &Path) -> Result<(), DataError> {
        let mut left: Vec<&PackedFile> = files.iter().collect();
        let wanted = |name: &str| files.iter().any(|it| it.member == name);
        archive::visit(
            archive,
            self.data_set.client,
            &wanted,
            &mut |name, content| {
                let Some(place) = left.iter().position(|it| it.member == name) else {
                    return Ok(());
                };
                let file = left.swap_remove(place);
                self.advance(unpack_file(file, content, self.folder)?)
            },
        )?;
        match left.first() {
            None => Ok(()),
            Some(file) => Err(DataError::malformed(
                archive,
                file.member,
                "the package does not hold this file",
            )),
        }
    }

    fn all(&mut self, packed: &PackedFolder, archive: &Path) -> Result<(), DataError> {
        let mut listing = Listing::default();
        let wanted = |name: &str| packed.name_of(name).is_some();
        archive::visit(
            archive,
            self.data_set.client,
            &wanted,
            &mut |member, content| {
                let Some(name) = packed.name_of(member) else {
                    return Ok(());
                };
                let path = self.folder.join(name);
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent).map_err(DataError::unwritable(parent))?;
                }
                // More files or bytes than listed end here, and the check below says so.
                let room = packed.bytes.saturating_sub(listing.bytes());
                if listing.files.len() > packed.files || room == 0 {
                    return Ok(());
                }
                let found = write(content, &path, room)?;
                let bytes = found.0;
                listing.add(name.to_owned(), found);
                self.advance(bytes)
            },
        )?;
        listing.check(packed)
    }
}
