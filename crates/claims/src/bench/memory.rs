//! Peak memory of forward + backward against the length, each in a fresh process.

use super::machine::Limits;
use super::ssd::{Size, forward_backward, inputs};
use super::{Options, Row};
use crate::error::ClaimError;
use std::process::Command;

/// What [`run_child`] prints, as JSON.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct MemoryChild {
    /// Bytes resident when the inputs were made.
    pub before: u64,
    /// Most bytes resident during forward and backward.
    pub peak: u64,
}

/// Measures one forward and backward pass of the scan of `length` positions in this process.
///
/// # Errors
/// Systems without `/proc` cannot say how much memory was used.
pub fn run_child(length: usize) -> Result<MemoryChild, ClaimError> {
    let input = inputs(Size {
        batch: 1,
        length,
        heads: 24,
        state: 128,
    });
    let before = status("VmRSS:")?;
    forward_backward(&input)?;
    Ok(MemoryChild {
        before,
        peak: status("VmHWM:")?,
    })
}

/// A field of this process's status, in bytes.
pub(crate) fn status(key: &str) -> Result<u64, ClaimError> {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes
        .map(|kb| kb * 1024)
        .ok_or_else(|| failed("/proc/self/status does not tell"))
}

fn failed(reason: impl Into<String>) -> ClaimError {
    ClaimError::Device {
        stage: "bench memory".into(),
        reason: reason.into(),
    }
}

pub(super) fn run(options: &Options, _limits: &Limits) -> Result<Vec<Row>, ClaimError> {
    let lengths: &[usize] = if options.quick {
        &[256, 1024]
    } else {
        &[1024, 4096, 16_384]
    };
    let Some((program, arguments)) = options.memory_child.split_first() else {
        return Err(failed("no program to measure in"));
    };
    let mut rows = Vec::new();
    for &length in lengths {
        let output = Command::new(program)
            .args(arguments)
            .arg(length.to_string())
            .output()
            .map_err(|error| failed(error.to_string()))?;
        let child: MemoryChild = serde_json::from_slice(&output.stdout)
            .map_err(|_| failed(String::from_utf8_lossy(&output.stderr)))?;
        let used = child.peak.saturating_sub(child.before) as f64 / (1 << 20) as f64;
        let case = format!("forward+backward beyond the inputs, B1 L{length} H24 P64 N128, f32");
        let mut row = Row::new("memory", case, "MiB", used);
        row.limit = Some(outputs_mib(length));
        row.peer_name = "limit: y, its gradient, and the gradients of the inputs".into();
        rows.push(row);
    }
    Ok(rows)
}

/// What any implementation must hold at the end: y, dy, and one gradient per input.
fn outputs_mib(length: usize) -> f64 {
    let values = length * (3 * 24 * 64 + 24 + 2 * 128);
    (4 * values) as f64 / (1 << 20) as f64
}
