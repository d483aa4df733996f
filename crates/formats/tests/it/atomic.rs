//! A write is whole or has not happened: killed processes, full disks, failing writers.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use resolvent_formats::{
    FormatError, TensorData, TensorMap, remove_interrupted_writes, write_atomic,
};

use crate::children;

fn files_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn write_atomic_when_the_writer_fails_keeps_the_old_file_and_leaves_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    write_atomic(&path, |file| file.write_all(b"old")).unwrap();
    let error = write_atomic(&path, |file| {
        file.write_all(b"half of the new")?;
        Err(io::Error::from(ErrorKind::StorageFull))
    })
    .unwrap_err();
    assert!(matches!(error, FormatError::DiskFull { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(files_in(folder.path()), ["a.txt"]);
}

#[test]
fn write_atomic_when_the_folder_is_missing_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent/a.txt");
    let error = write_atomic(&path, |_| Ok(())).unwrap_err();
    assert!(matches!(error, FormatError::Write { .. }));
    assert!(error.to_string().contains("absent/a.txt"), "{error}");
    assert!(write_atomic(Path::new("/"), |_| Ok(())).is_err());
}

#[cfg(unix)]
#[test]
fn write_atomic_when_the_file_is_new_gives_it_ordinary_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
    write_atomic(&ours, |file| file.write_all(b"x")).unwrap();
    fs::write(&plain, b"x").unwrap();
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&plain));
}

#[test]
fn write_atomic_when_the_disk_is_full_says_so_and_keeps_the_old_file() {
    let Some(disk) = TinyDisk::mount() else {
        println!("skipped: run as root on Linux, where `mount -t tmpfs` is allowed");
        return;
    };
    let path = disk.folder.path().join("model.safetensors");
    let map_of = |elements: usize| {
        let mut map = TensorMap::new();
        let data = TensorData::from_f32(vec![elements], &vec![0.5; elements]).unwrap();
        map.insert("weight", data).unwrap();
        map
    };
    let old = map_of(1000);
    old.write(&path).unwrap();
    let error = map_of(100_000).write(&path).unwrap_err();
    assert!(matches!(error, FormatError::DiskFull { .. }), "{error}");
    assert!(error.to_string().contains("disk full"), "{error}");
    assert_eq!(TensorMap::read(&path).unwrap(), old);
    assert_eq!(files_in(disk.folder.path()), ["model.safetensors"]);
}

/// A file system of 64 KiB, unmounted when dropped.
struct TinyDisk {
    folder: tempfile::TempDir,
}

impl TinyDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self { folder })
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.folder.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[test]
fn write_when_the_process_is_killed_leaves_a_file_that_parses() {
    if let Some(target) = children::role() {
        write_for_ever(Path::new(&target));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    generation(0).write(&path).unwrap();
    let mut interrupted = 0;
    for round in 0..12u64 {
        let mut child = children::spawn(
            "atomic::write_when_the_process_is_killed_leaves_a_file_that_parses",
            path.to_str().unwrap(),
        );
        wait_for_a_new_generation(&path);
        std::thread::sleep(Duration::from_micros(700 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let map = TensorMap::read(&path).unwrap();
        assert_eq!(map, generation(map.i64("generation", &[]).unwrap()[0]));
        interrupted += remove_interrupted_writes(folder.path()).unwrap();
        assert_eq!(files_in(folder.path()), ["model.safetensors"]);
        generation(0).write(&path).unwrap();
    }
    println!("{interrupted} of 12 kills struck in the middle of a write");
}

fn generation(number: i64) -> TensorMap {
    let mut map = TensorMap::new();
    let elements = 200_000;
    let weight = TensorData::from_f32(vec![elements], &vec![number as f32; elements]).unwrap();
    map.insert("weight", weight).unwrap();
    let counter = TensorData::from_i64(vec![], &[number]).unwrap();
    map.insert("generation", counter).unwrap();
    map
}

fn write_for_ever(path: &Path) -> ! {
    for number in 1.. {
        generation(number).write(path).unwrap();
    }
    unreachable!("the parent kills this process")
}

fn wait_for_a_new_generation(path: &Path) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while TensorMap::read(path)
        .unwrap()
        .i64("generation", &[])
        .unwrap()
        == [0]
    {
        assert!(Instant::now() < deadline, "the child never wrote");
        std::thread::sleep(Duration::from_millis(2));
    }
}
