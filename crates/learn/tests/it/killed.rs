//! A process killed at any moment leaves a readable newest checkpoint.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use resolvent_learn::checkpoint::{self, Checkpoint};
use tempfile::tempdir;

use crate::checkpoints::sample;

/// Set for the child process: the folder in which it writes checkpoints until it is killed.
const FOLDER: &str = "RESOLVENT_TEST_CHECKPOINTS";

#[test]
fn newest_checkpoint_when_the_process_is_killed_is_readable() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        write_without_end(PathBuf::from(folder));
    }
    let folder = tempdir().unwrap();
    for round in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "killed::newest_checkpoint_when_the_process_is_killed_is_readable",
            ])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while checkpoint::list(folder.path()).unwrap().is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(5_000 + 1_700 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let (step, path) = checkpoint::list(folder.path()).unwrap().pop().unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), sample(step));
    }
}

fn write_without_end(folder: PathBuf) -> ! {
    let newest = checkpoint::list(&folder).unwrap().pop();
    let mut step = newest.map_or(0, |(step, _)| step);
    loop {
        step = (step + 1) % 10_000;
        sample(step).write(&folder, 1, None).unwrap();
    }
}
