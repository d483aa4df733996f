//! Work that fails half-way: nothing that was good is lost.

use std::fs;
use std::process::Command;

use crate::world::{World, finished, metrics, tiny};

#[test]
fn loss_when_no_longer_a_number_stops_and_keeps_the_last_checkpoint() {
    let world = World::new();
    let flags = [
        "--steps",
        "40",
        "--out",
        "run",
        "--set",
        "optimiser.learning_rate=1e30",
        "--set",
        "train.checkpoint_every=1",
    ];
    let done = world.quickstart(&flags);
    done.fails(
        1,
        &[
            "step ",
            "so training stopped",
            "checkpoint of step",
            "learning_rate",
        ],
    );
    assert!(done.err.contains("help: "), "{done:?}");
    let run = world.path("run");
    // JSON has no NaN, so a record of one would not even have been written as a number.
    assert!(
        metrics(&run)
            .iter()
            .all(|it| it["kind"] != "step" || it["loss"].is_number())
    );
    let kept = fs::read_dir(run.join("checkpoints")).unwrap().count();
    assert!(kept >= 1);
}

#[test]
fn reader_when_it_goes_away_does_not_break_generation() {
    let world = World::new();
    world.trained();
    let mut command = world.command(&[
        "generate",
        "--model",
        "run",
        "--tokens",
        "100000",
        "--temperature",
        "0",
    ]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let done = finished(child.wait_with_output().unwrap());
    assert_eq!(done.code, Some(0), "{done:?}");
}

#[test]
fn reader_when_it_has_had_enough_is_no_error() {
    let world = World::new();
    let mut child = world.command(&["systems", "--json"]).spawn().unwrap();
    drop(child.stdout.take());
    let done = finished(child.wait_with_output().unwrap());
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(done.err, "");
}

/// A file system of its own with the given size, unmounted when dropped.
struct Tiny {
    folder: std::path::PathBuf,
}

impl Tiny {
    fn mount(folder: std::path::PathBuf, size: &str) -> Option<Self> {
        fs::create_dir(&folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]);
        let mounted = mount.arg(&folder).output().ok()?.status.success();
        mounted.then_some(Self { folder })
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.folder).status();
    }
}

#[test]
fn disk_when_full_fails_with_the_file_and_resumes_elsewhere() {
    let world = World::new();
    // The first checkpoint fits, later ones do not.
    let Some(disk) = Tiny::mount(world.path("disk"), "400k") else {
        println!("skipped: run as a user who may mount a tmpfs");
        return;
    };
    let flags = [
        "--steps",
        "40",
        "--out",
        "disk/run",
        "--set",
        "train.keep_checkpoints=9",
    ];
    let done = finished(world.command(&tiny(&flags)).output().unwrap());
    done.fails(1, &["disk"]);
    assert!(
        done.err
            .contains("resolvent quickstart --resume --out disk/run"),
        "{done:?}"
    );
    let mut copy = Command::new("cp");
    copy.arg("-r")
        .args([disk.folder.join("run"), world.path("moved")]);
    let copied = copy.status().unwrap();
    assert!(copied.success());
    let done = world.run(&["quickstart", "--resume", "--out", "moved"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let whole = world.quickstart(&[
        "--steps",
        "40",
        "--out",
        "whole",
        "--set",
        "train.keep_checkpoints=9",
    ]);
    assert_eq!(whole.code, Some(0), "{whole:?}");
    assert_eq!(metrics(&world.path("whole")), metrics(&world.path("moved")));
}
