//! Peak memory of a pass: on this CPU in a process of its own, on other devices by counting what it allocates.

use super::Options;
use super::inputs::{device_of, refused};
use super::lengths::{Path, SUBJECTS, Scale, Subject, is_cpu, pass};
use crate::error::ClaimError;
use burn::tensor::Device;
use resolvent_kernels::peak_beyond;
use std::process::Command;

/// Part of what errors name.
const STAGE: &str = "memory";

/// Makes the allocator return freed pages at once: what was freed while the inputs were made would hide
/// what a pass allocates.
const AT_ONCE: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "0");

/// What [`run_child`] prints, as JSON.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct MemoryChild {
    /// Bytes resident when the inputs were made.
    pub before: u64,
    /// Most bytes resident during the pass.
    pub peak: u64,
}

/// Measures one pass of the scan called `name` over `length` positions in this process, on the CPU.
///
/// # Errors
/// An unknown name; systems without `/proc` cannot say how much memory was used.
pub fn run_child(name: &str, length: usize, backward: bool) -> Result<MemoryChild, ClaimError> {
    let subject = SUBJECTS.iter().find(|subject| subject.name == name);
    let subject = subject.ok_or_else(|| ClaimError::Unknown {
        slug: name.to_owned(),
        known: SUBJECTS.iter().map(|subject| subject.name).collect(),
    })?;
    let device = device_of(&Device::flex(), backward);
    let work = (subject.inputs)(Scale::Cpu, length, &device);
    let before = status("VmRSS:")?;
    pass(work.as_ref(), Path::Fused, backward)?;
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

fn failed(reason: impl std::fmt::Display) -> ClaimError {
    refused(STAGE)(reason)
}

/// Most memory of a pass beyond its inputs, in MiB.
pub(super) fn peak_mib(
    subject: &Subject,
    length: usize,
    backward: bool,
    options: &Options,
) -> Result<f64, ClaimError> {
    let bytes = match is_cpu(&options.device) {
        true => {
            let child = in_child(subject, length, backward, options)?;
            child.peak.saturating_sub(child.before)
        }
        false => on_device(subject, length, backward, &options.device)?,
    };
    Ok(mib(bytes))
}

/// Bytes in MiB.
pub(super) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn in_child(
    subject: &Subject,
    length: usize,
    backward: bool,
    options: &Options,
) -> Result<MemoryChild, ClaimError> {
    let Some((program, arguments)) = options.memory_child.split_first() else {
        return Err(failed("no program to measure in"));
    };
    let mut command = Command::new(program);
    command
        .env(AT_ONCE.0, AT_ONCE.1)
        .args(arguments)
        .arg(subject.name)
        .arg(length.to_string());
    if backward {
        command.arg("--backward");
    }
    let output = command.output().map_err(refused(STAGE))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| failed(String::from_utf8_lossy(&output.stderr)))
}

fn on_device(
    subject: &Subject,
    length: usize,
    backward: bool,
    device: &Device,
) -> Result<u64, ClaimError> {
    let work = (subject.inputs)(Scale::Gpu, length, &device_of(device, backward));
    let (done, beyond) = peak_beyond(device, || pass(work.as_ref(), Path::Fused, backward));
    done?;
    beyond.ok_or_else(|| failed("the device does not tell"))
}
