//! Getting wheels with pip, and unpacking them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use walkdir::WalkDir;
use zip::ZipArchive;

use crate::error::XtaskError;
use crate::llvm_sdk::WHEELS;

/// The ways to call pip, best first.
const PIP_COMMANDS: [&[&str]; 4] = [
    &["python3", "-m", "pip"],
    &["python", "-m", "pip"],
    &["pip3"],
    &["pip"],
];

/// Downloads the wheels of the SDK into a folder.
pub fn download(folder: &Path) -> Result<(), XtaskError> {
    let pip = find_pip(&PIP_COMMANDS)?;
    let options = ["download", "--no-deps", "--only-binary=:all:"];
    let mut command = Command::new(pip[0]);
    command
        .args(&pip[1..])
        .args(options)
        .arg("--dest")
        .arg(folder);
    command.args(WHEELS).stdin(Stdio::null());
    eprintln!(
        "downloading {} with {}",
        WHEELS.join(" and "),
        pip.join(" ")
    );
    let status = command.status().map_err(XtaskError::io(pip[0]))?;
    if status.success() {
        return Ok(());
    }
    Err(XtaskError::CommandFailed {
        command: format!("{} download {}", pip.join(" "), WHEELS.join(" ")),
        status,
        said: "its own message stands above; it needs the network or a local index once, pip \
               20.3 or newer, and a platform for which these wheels exist"
            .to_owned(),
    })
}

/// The first of the commands that runs.
fn find_pip<'a>(commands: &[&'a [&'a str]]) -> Result<&'a [&'a str], XtaskError> {
    let runs = |pip: &&&[&str]| {
        let mut command = Command::new(pip[0]);
        command.args(&pip[1..]).arg("--version");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let found = commands.iter().find(runs).copied();
    found.ok_or_else(|| XtaskError::PipMissing {
        tried: commands
            .iter()
            .map(|pip| format!("`{}`", pip.join(" ")))
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// Unpacks every wheel of a folder into another one.
///
/// # Errors
/// [`XtaskError::BadWheel`] when there are not as many wheels as the SDK has, or one is damaged.
pub fn unpack_all(folder: &Path, target: &Path) -> Result<(), XtaskError> {
    let wheels: Vec<PathBuf> = WalkDir::new(folder)
        .max_depth(1)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .collect();
    if wheels.len() != WHEELS.len() {
        return Err(XtaskError::BadWheel {
            path: folder.to_owned(),
            problem: format!("holds {} wheels, expected {}", wheels.len(), WHEELS.len()),
        });
    }
    wheels.iter().try_for_each(|wheel| unpack(wheel, target))
}

/// Unpacks one wheel; entries that would leave the folder are refused by the archive reader.
fn unpack(wheel: &Path, target: &Path) -> Result<(), XtaskError> {
    let file = File::open(wheel).map_err(XtaskError::io(wheel))?;
    let bad = |error: zip::result::ZipError| XtaskError::BadWheel {
        path: wheel.to_owned(),
        problem: format!("cannot be unpacked: {error}"),
    };
    ZipArchive::new(file)
        .and_then(|mut archive| archive.extract(target))
        .map_err(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_pip_when_no_command_runs_says_what_was_tried() {
        let error = find_pip(&[&["no-such-program-7"], &["nor-this-8", "-m"]]).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("`no-such-program-7`, `nor-this-8 -m`"),
            "{message}"
        );
    }

    #[test]
    fn find_pip_when_a_later_command_runs_takes_it() {
        // Cargo is there whenever these tests are, and knows `--version`.
        let pip = find_pip(&[&["no-such-program-7"], &["cargo"]]).unwrap();
        assert_eq!(pip, ["cargo"]);
    }

    #[test]
    fn unpack_when_file_is_no_archive_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("broken.whl");
        std::fs::write(&wheel, b"not a zip archive").unwrap();
        let error = unpack(&wheel, folder.path()).unwrap_err();
        assert!(error.to_string().contains("broken.whl: cannot be unpacked"));
    }
}
