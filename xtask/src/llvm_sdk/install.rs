//! Putting the unpacked wheels in place: folder by rename, link by rename.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::XtaskError;
use crate::llvm_sdk::{Places, SENTINEL, wheels};

/// Whether an LLVM that is not ours already stands where the bundler looks.
///
/// # Errors
/// [`XtaskError::InTheWay`] when something unfinished stands there.
pub fn is_served_by_others(places: &Places) -> Result<bool, XtaskError> {
    let link = &places.link;
    let Ok(metadata) = fs::symlink_metadata(link) else {
        return Ok(false);
    };
    let is_ours = fs::read_link(link).is_ok_and(|target| target == places.root());
    if is_ours {
        return Ok(false);
    }
    if link.join(SENTINEL).exists() {
        return Ok(true);
    }
    // A link that leads nowhere useful costs nothing to replace; a folder is somebody's work.
    if metadata.is_symlink() {
        return Ok(false);
    }
    Err(XtaskError::InTheWay {
        path: link.clone(),
        sentinel: SENTINEL,
    })
}

/// Makes the SDK folder, with wheels from `download`, unless it is complete.
pub fn ensure_sdk(
    places: &Places,
    download: impl FnOnce(&Path) -> Result<(), XtaskError>,
) -> Result<(), XtaskError> {
    if is_complete(places) {
        return Ok(());
    }
    let parent = places.sdk.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(XtaskError::io(parent))?;
    // On the same file system as the final folder, so that the last step is one rename; removed
    // with everything in it when any step fails.
    let workshop = tempfile::Builder::new()
        .prefix(".unfinished-")
        .tempdir_in(parent)
        .map_err(XtaskError::io(parent))?;
    let downloads = workshop.path().join("wheels");
    fs::create_dir(&downloads).map_err(XtaskError::io(&downloads))?;
    download(&downloads)?;

    let draft = Places {
        sdk: workshop.path().join("sdk"),
        link: places.link.clone(),
    };
    wheels::unpack_all(&downloads, &draft.sdk)?;
    finish(&draft.root())?;

    // Only a folder that somebody has damaged can stand here now.
    if places.sdk.exists() {
        fs::remove_dir_all(&places.sdk).map_err(XtaskError::io(&places.sdk))?;
    }
    match fs::rename(&draft.sdk, &places.sdk) {
        // Another run was faster and its folder is as good.
        Err(_) if is_complete(places) => Ok(()),
        result => result.map_err(XtaskError::io(&places.sdk)),
    }
}

/// Whether the SDK folder holds all that the bundler asks for.
fn is_complete(places: &Places) -> bool {
    let root = places.root();
    root.join(SENTINEL).exists() && root.join("bin").join("llvm-config").exists()
}

/// Makes `llvm-config` executable, which wheels do not record, and marks the folder as finished.
fn finish(root: &Path) -> Result<(), XtaskError> {
    let llvm_config = root.join("bin").join("llvm-config");
    make_executable(&llvm_config)?;
    let sentinel = root.join(SENTINEL);
    fs::write(&sentinel, b"").map_err(XtaskError::io(&sentinel))
}

/// Points the link at the SDK, replacing an older link in one step.
pub fn ensure_link(places: &Places) -> Result<(), XtaskError> {
    let (link, root) = (&places.link, places.root());
    if fs::read_link(link).is_ok_and(|target| target == root) {
        return Ok(());
    }
    let parent = link.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(XtaskError::io(parent))?;
    let workshop = tempfile::tempdir_in(parent).map_err(XtaskError::io(parent))?;
    let draft = workshop.path().join("link");
    make_link(&root, &draft)?;
    fs::rename(&draft, link).map_err(XtaskError::io(link))
}

/// The version that the installed `llvm-config` reports.
pub fn llvm_version(installation: &Path) -> Result<String, XtaskError> {
    let program = installation.join("bin").join("llvm-config");
    let output = Command::new(&program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(XtaskError::io(&program))?;
    if !output.status.success() {
        return Err(XtaskError::CommandFailed {
            command: format!("{} --version", program.display()),
            status: output.status,
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(unix)]
fn make_executable(file: &Path) -> Result<(), XtaskError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).map_err(XtaskError::io(file))
}

#[cfg(unix)]
fn make_link(target: &Path, link: &Path) -> Result<(), XtaskError> {
    std::os::unix::fs::symlink(target, link).map_err(XtaskError::io(link))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> Result<(), XtaskError> {
    Err(XtaskError::UnixOnly)
}

#[cfg(not(unix))]
fn make_link(_: &Path, _: &Path) -> Result<(), XtaskError> {
    Err(XtaskError::UnixOnly)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::cell::Cell;
    use std::io::Write;
    use std::path::PathBuf;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// A user's folders inside a temporary one.
    fn places(home: &Path) -> Places {
        Places {
            sdk: home.join("cache/sdk/1"),
            link: home.join("data/tracel/bundle"),
        }
    }

    /// Writes a wheel of the given files.
    fn write_wheel(path: &Path, files: &[(&str, &str)]) {
        let mut archive = ZipWriter::new(fs::File::create(path).unwrap());
        for (name, content) in files {
            archive
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            archive.write_all(content.as_bytes()).unwrap();
        }
        archive.finish().unwrap();
    }

    /// Stands in for pip: two small wheels that fill one folder, as the real ones do.
    fn download(folder: &Path) -> Result<(), XtaskError> {
        let script = "#!/bin/sh\necho 99.0.0\n";
        let main = [("mlc_llvm_static/static/bin/llvm-config", script)];
        let extra = [("mlc_llvm_static/static/lib/libLLVMNVPTX.a", "archive")];
        write_wheel(&folder.join("main.whl"), &main);
        write_wheel(&folder.join("extra.whl"), &extra);
        Ok(())
    }

    /// The entries of a folder, by name.
    fn entries(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn install_when_nothing_is_there_gives_a_working_sdk() {
        let home = tempfile::tempdir().unwrap();
        let places = places(home.path());
        assert!(!is_served_by_others(&places).unwrap());
        ensure_sdk(&places, download).unwrap();
        ensure_link(&places).unwrap();

        assert_eq!(llvm_version(&places.link).unwrap(), "99.0.0");
        assert_eq!(fs::read(places.link.join(SENTINEL)).unwrap(), b"");
        assert!(places.link.join("lib/libLLVMNVPTX.a").exists());
        assert_eq!(
            entries(&home.path().join("cache/sdk")),
            [places.sdk.as_path()]
        );
        assert_eq!(
            entries(&home.path().join("data/tracel")),
            [places.link.as_path()]
        );
    }

    #[test]
    fn install_when_repeated_downloads_nothing() {
        let home = tempfile::tempdir().unwrap();
        let places = places(home.path());
        let downloads = Cell::new(0);
        for _ in 0..2 {
            assert!(!is_served_by_others(&places).unwrap());
            ensure_sdk(&places, |folder| {
                downloads.set(downloads.get() + 1);
                download(folder)
            })
            .unwrap();
            ensure_link(&places).unwrap();
        }
        assert_eq!(downloads.get(), 1);
    }

    #[test]
    fn install_when_download_fails_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        let places = places(home.path());
        let one_wheel = |folder: &Path| {
            write_wheel(&folder.join("main.whl"), &[("a", "b")]);
            Ok(())
        };
        let error = ensure_sdk(&places, one_wheel).unwrap_err();
        assert!(error.to_string().contains("holds 1 wheels, expected 2"));
        assert!(entries(&home.path().join("cache/sdk")).is_empty());
    }

    #[test]
    fn install_when_sdk_is_damaged_makes_it_anew() {
        let home = tempfile::tempdir().unwrap();
        let places = places(home.path());
        fs::create_dir_all(places.root()).unwrap();
        fs::write(places.root().join(SENTINEL), b"").unwrap();
        ensure_sdk(&places, download).unwrap();
        assert!(is_complete(&places));
    }

    #[test]
    fn wheel_when_an_entry_leaves_the_folder_writes_nothing_outside() {
        let home = tempfile::tempdir().unwrap();
        let places = places(home.path());
        let hostile = |folder: &Path| {
            write_wheel(&folder.join("a.whl"), &[("../../../../escaped", "x")]);
            download(folder)?;
            fs::remove_file(folder.join("extra.whl")).map_err(XtaskError::io(folder))
        };
        assert!(ensure_sdk(&places, hostile).is_err());
        let escaped = walkdir::WalkDir::new(home.path()).into_iter();
        assert!(
            escaped
                .flatten()
                .all(|entry| entry.file_name() != "escaped")
        );
    }

    #[test]
    fn link_when_stale_is_replaced_and_others_work_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let places = places(home.path());
        let parent = places.link.parent().unwrap();
        fs::create_dir_all(parent).unwrap();
        make_link(Path::new("/no/such/place"), &places.link).unwrap();
        assert!(!is_served_by_others(&places).unwrap());
        ensure_link(&places).unwrap();
        assert_eq!(fs::read_link(&places.link).unwrap(), places.root());

        fs::remove_file(&places.link).unwrap();
        fs::create_dir(&places.link).unwrap();
        let error = is_served_by_others(&places).unwrap_err();
        assert!(error.to_string().contains("is in the way"), "{error}");
        fs::write(places.link.join(SENTINEL), b"").unwrap();
        assert!(is_served_by_others(&places).unwrap());
    }
}
