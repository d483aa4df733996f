//! Interrupted and resumed equals uninterrupted.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::world::{World, finished, metrics, tiny};

/// Longest wait for something that takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until the run has recorded `lines` lines; false when it ended before.
fn wait_for_lines(run: &Path, lines: usize, child: &mut Child) -> bool {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
        if text.lines().count() >= lines {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(began.elapsed() < PATIENCE, "no {lines} lines of metrics");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn interrupt(child: &Child, signal: &str) {
    let status = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// Long enough that a signal arrives before the end.
const LONG: &[&str] = &[
    "--steps",
    "60",
    "--set",
    "train.length=128",
    "--set",
    "train.batch=8",
];

fn long(out: &str) -> Vec<&str> {
    tiny(&[LONG, &["--out", out]].concat())
}

#[test]
fn run_when_interrupted_and_resumed_equals_the_uninterrupted_one() {
    if cfg!(not(unix)) {
        println!("skipped: signals are sent with the Unix command kill");
        return;
    }
    let world = World::new();
    let whole = world.run(&long("whole"));
    assert_eq!(whole.code, Some(0), "{whole:?}");

    let mut child = world.command(&long("parts")).spawn().unwrap();
    let run = world.path("parts");
    assert!(wait_for_lines(&run, 3, &mut child), "ended too early");
    interrupt(&child, "-INT");
    let stopped = finished(child.wait_with_output().unwrap());
    stopped.fails(1, &["stopped behind step", "--resume --out parts"]);

    let done = world.run(&["quickstart", "--resume", "--out", "parts"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.err.contains("going on behind step"), "{done:?}");
    assert_eq!(metrics(&world.path("whole")), metrics(&run));
    let model = |name: &str| std::fs::read(world.path(name).join("model.safetensors")).unwrap();
    assert_eq!(model("whole"), model("parts"));
}

#[test]
fn run_when_interrupted_before_its_first_step_can_be_resumed() {
    if cfg!(not(unix)) {
        println!("skipped: signals are sent with the Unix command kill");
        return;
    }
    let world = World::new();
    let flags = tiny(&["--minutes", "0.02", "--out", "parts"]);
    let mut child = world.command(&flags).spawn().unwrap();
    let run = world.path("parts");
    while !run.join("metrics.jsonl").exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    interrupt(&child, "-TERM");
    let stopped = finished(child.wait_with_output().unwrap());
    stopped.fails(1, &["stopped behind step", "--resume --out parts"]);
    let done = world.run(&["quickstart", "--resume", "--out", "parts"]);
    assert_eq!(done.code, Some(0), "{done:?}");
}

#[test]
fn run_when_killed_and_resumed_equals_the_uninterrupted_one() {
    if cfg!(not(unix)) {
        println!("skipped: signals are sent with the Unix command kill");
        return;
    }
    let world = World::new();
    let whole = world.run(&long("whole"));
    assert_eq!(whole.code, Some(0), "{whole:?}");
    let mut child = world.command(&long("parts")).spawn().unwrap();
    let run = world.path("parts");
    assert!(wait_for_lines(&run, 9, &mut child), "ended too early");
    interrupt(&child, "-KILL");
    child.wait().unwrap();
    let done = world.run(&["quickstart", "--resume", "--out", "parts"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(metrics(&world.path("whole")), metrics(&run));
}

#[test]
fn run_when_finished_and_resumed_makes_its_page_again() {
    let world = World::new();
    let run = world.trained();
    let before = metrics(&run);
    std::fs::remove_file(run.join("report.html")).unwrap();
    let done = world.run(&["quickstart", "--resume", "--out", "run"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(run.join("report.html").is_file());
    assert_eq!(before, metrics(&run));
}

#[test]
fn resuming_when_a_flag_contradicts_the_run_names_both_values() {
    let world = World::new();
    world.trained();
    let resume = |flags: &[&str]| {
        let base = ["quickstart", "--resume", "--out", "run"];
        world.run(&[&base, flags].concat())
    };
    resume(&["--seed", "5"]).fails(2, &["train.seed", "= 0", "5"]);
    resume(&["--set", "model.state_size=16"]).fails(2, &["model.state_size", "8", "16"]);
    world.write("text/0.rs", "something else entirely\n");
    resume(&[]).fails(2, &["text.fingerprint"]);
}

#[test]
fn resuming_when_there_is_nothing_says_so() {
    let world = World::new();
    world
        .run(&["quickstart", "--resume"])
        .fails(2, &["--resume", "quickstart-1", "--out"]);
    let nowhere = world.run(&["quickstart", "--resume", "--out", "nowhere"]);
    nowhere.fails(2, &["nowhere", "--resume"]);
}
