//! Where a report comes from: commit and machine.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// The machine of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the processor as the system names it, `unknown` where it does not.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Operating system and architecture.
    pub os: String,
}

impl Machine {
    /// This machine.
    pub fn this() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cpu: cpu_model().unwrap_or_else(|| "unknown".to_owned()),
            cores,
            os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

fn cpu_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Processor time of this process so far, over all threads, in seconds; nothing outside Linux.
pub fn cpu_seconds() -> Option<f64> {
    /// Clock ticks per second in `/proc`, fixed by the kernel's interface.
    const TICKS: f64 = 100.0;
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold spaces.
    let fields = text.rsplit_once(')')?.1;
    let field =
        |index: usize| -> Option<f64> { fields.split_whitespace().nth(index)?.parse().ok() };
    Some((field(11)? + field(12)?) / TICKS)
}

/// The commit of the checkout of this project that the working folder lies in, with `-dirty` behind
/// it when tracked files have changed; `unknown` elsewhere.
pub fn commit() -> String {
    describe_checkout().unwrap_or_else(|| "unknown".to_owned())
}

fn describe_checkout() -> Option<String> {
    let root = git(&["rev-parse", "--show-toplevel"])?;
    // The working folder may lie in somebody else's checkout.
    if !Path::new(&root).join("crates/claims/src/mamba").is_dir() {
        return None;
    }
    let commit = git(&["rev-parse", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    let mark = if changed.is_empty() { "" } else { "-dirty" };
    Some(format!("{commit}{mark}"))
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
