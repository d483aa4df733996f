//! Packages as archives: wheels (zip), npm's packages (gzipped tar), Debian's (through dpkg-deb), folders.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::bufread::GzDecoder;
use walkdir::WalkDir;

use super::{Client, relative};
use crate::error::DataError;

/// Members of an archive that are looked at before it is given up.
const MAX_MEMBERS: usize = 1_000_000;

/// Called with a member's path and its content.
pub(super) type Visit<'a> = dyn FnMut(&str, &mut dyn Read) -> Result<(), DataError> + 'a;

/// Calls `visit` with every regular member for which `wanted` holds.
///
/// # Errors
/// [`DataError::Unreadable`], [`DataError::Malformed`] for a damaged archive, and those of `visit`.
pub(super) fn visit(
    archive: &Path,
    client: Client,
    wanted: &dyn Fn(&str) -> bool,
    visit: &mut Visit<'_>,
) -> Result<(), DataError> {
    match client {
        Client::Pip => visit_zip(archive, wanted, visit),
        Client::Npm => {
            let file = File::open(archive).map_err(DataError::unreadable(archive))?;
            visit_tar(GzDecoder::new(BufReader::new(file)), archive, wanted, visit)
        }
        Client::Apt => visit_deb(archive, wanted, visit),
        Client::Cargo => visit_folder(archive, wanted, visit),
    }
}

fn visit_zip(
    archive: &Path,
    wanted: &dyn Fn(&str) -> bool,
    visit: &mut Visit<'_>,
) -> Result<(), DataError> {
    let damaged =
        |error: zip::result::ZipError| DataError::malformed(archive, "archive", error.to_string());
    let file = File::open(archive).map_err(DataError::unreadable(archive))?;
    let mut zip = zip::ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    for index in 0..zip.len().min(MAX_MEMBERS) {
        let mut member = zip.by_index(index).map_err(damaged)?;
        let name = member.name().map_err(damaged)?.into_owned();
        if member.is_file() && wanted(&name) {
            visit(&name, &mut member)?;
        }
    }
    Ok(())
}

fn visit_tar(
    stream: impl Read,
    archive: &Path,
    wanted: &dyn Fn(&str) -> bool,
    visit: &mut Visit<'_>,
) -> Result<(), DataError> {
    let damaged = |error: io::Error| DataError::malformed(archive, "archive", error.to_string());
    let mut tar = tar::Archive::new(stream);
    for member in tar.entries().map_err(damaged)?.take(MAX_MEMBERS) {
        let mut member = member.map_err(damaged)?;
        if member.header().entry_type().is_file() {
            let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
            let name = name.trim_start_matches("./");
            if wanted(name) {
                visit(name, &mut member)?;
            }
        }
    }
    Ok(())
}

fn visit_deb(
    archive: &Path,
    wanted: &dyn Fn(&str) -> bool,
    visit: &mut Visit<'_>,
) -> Result<(), DataError> {
    let failed = |reason: String| DataError::ClientFailed {
        command: format!("dpkg-deb --fsys-tarfile {}", archive.display()),
        status: "not finished".into(),
        said: reason,
    };
    let mut command = Command::new("dpkg-deb");
    command
        .arg("--fsys-tarfile")
        .arg(archive)
        .stdin(Stdio::null());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let result = match child.stdout.take() {
        Some(stdout) => visit_tar(BufReader::new(stdout), archive, wanted, visit),
        None => Err(failed("it has no output".into())),
    };
    // It may still have more to say than was wanted; what counts is checked by hash.
    let _ = child.kill();
    let _ = child.wait();
    result
}

fn visit_folder(
    folder: &Path,
    wanted: &dyn Fn(&str) -> bool,
    visit: &mut Visit<'_>,
) -> Result<(), DataError> {
    for entry in WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .take(MAX_MEMBERS)
    {
        let entry = entry.map_err(|error| DataError::Unreadable {
            path: folder.to_path_buf(),
            source: error.into(),
        })?;
        let name = relative(folder, entry.path());
        if entry.file_type().is_file() && wanted(&name) {
            let mut file = File::open(entry.path()).map_err(DataError::unreadable(entry.path()))?;
            visit(&name, &mut file)?;
        }
    }
    Ok(())
}
