//! Runs a part of a test in a process of its own: the test binary starts itself with one test selected and
//! a variable set, and that test sees the variable and plays the child.

use std::process::{Child, Command, Stdio};

const ROLE: &str = "RESOLVENT_TEST_CHILD";

/// The argument the parent passed, when this process is a child.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Starts `test` (its full path such as `atomic::name`) of this binary as a child with an argument.
pub fn spawn(test: &str, argument: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, argument)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}
