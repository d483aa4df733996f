//! The scans as subjects of a measurement at any length on any device, and how one pass is timed.

use super::inputs::refused;
use super::{dplr, middle, selective_scan, ssd};
use crate::error::ClaimError;
use burn::tensor::{DType, Device, FloatDType, Tensor};
use std::time::Instant;

/// An operation that can be timed at any length.
pub(crate) struct Subject {
    /// Name on the command line of the memory child and in the rows.
    pub name: &'static str,
    /// Makes one set of random inputs.
    pub inputs: fn(Scale, usize, &Device) -> Box<dyn Work>,
    /// Least work of a forward pass.
    pub least: fn(Scale, usize) -> Least,
    /// Longest sequence at which the plain-tensor path is run, which may loop over time.
    pub plain_to: usize,
    /// Peers of `oracles/gpu_peer_bench.py` that compute the same.
    pub gpu_peers: &'static [&'static str],
}

/// Every scan with a curve of its own.
pub(crate) const SUBJECTS: &[Subject] = &[ssd::SUBJECT, selective_scan::SUBJECT, dplr::SUBJECT];

/// Sizes that fit a device: those of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// One row of a model of 768 channels, f32.
    Cpu,
    /// Batch 8 with 32 heads of 128 channels, bf16.
    Gpu,
}

impl Scale {
    pub(super) fn of(device: &Device) -> Self {
        match is_cpu(device) {
            true => Self::Cpu,
            false => Self::Gpu,
        }
    }

    pub(super) fn format(self) -> &'static str {
        match self {
            Self::Cpu => "f32",
            Self::Gpu => "bf16",
        }
    }

    /// A random tensor in the format of the scale's large inputs.
    pub(super) fn stored<const D: usize>(self, tensor: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Cpu => tensor,
            Self::Gpu => tensor.cast(FloatDType::BF16),
        }
    }

    /// Bytes of an element of the large inputs.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Cpu => DType::F32.size(),
            Self::Gpu => DType::BF16.size(),
        }
    }
}

/// Whether the device is this CPU, through ordinary code.
pub(super) fn is_cpu(device: &Device) -> bool {
    device.clone().inner() == Device::flex()
}

/// One set of inputs, ready to run.
pub(crate) trait Work: Send + Sync {
    /// The sizes in words, without the length.
    fn sizes(&self) -> String;

    /// The fused operation.
    ///
    /// # Errors
    /// What the operation refuses.
    fn run(&self) -> Result<Tensor<1>, ClaimError>;

    /// The same result by tensor operations, as somebody without the fused one would write it.
    fn plain(&self) -> Tensor<1>;
}

/// Operations and traffic of a forward pass that no implementation avoids.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Least {
    /// A multiply-add counts two.
    pub flops: usize,
    /// Bytes of the inputs.
    pub read: usize,
    /// Bytes of the result.
    pub written: usize,
}

impl Least {
    /// A backward pass has twice the products of a forward pass.
    pub(super) fn operations(self, backward: bool) -> usize {
        self.flops * if backward { 3 } else { 1 }
    }

    /// Bytes read and written: inputs and result; backward the inputs once more, the gradient of the
    /// result, and those of the inputs.
    pub(super) fn traffic(self, backward: bool) -> usize {
        let back = 2 * self.read + self.written;
        self.read + self.written + if backward { back } else { 0 }
    }

    /// Bytes that a pass leaves: the result, or the gradients of the inputs.
    pub(super) fn left(self, backward: bool) -> usize {
        match backward {
            true => self.read,
            false => self.written,
        }
    }
}

/// The way through an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    Fused,
    Plain,
}

/// Runs one pass; `backward`, from a cotangent of ones, needs inputs that are leaves of the graph.
pub(super) fn pass(work: &dyn Work, path: Path, backward: bool) -> Result<(), ClaimError> {
    let y = match path {
        Path::Fused => work.run()?,
        Path::Plain => work.plain(),
    };
    if backward {
        drop(y.backward());
    }
    Ok(())
}

/// Inputs that are timed in turn, so that none lies in a cache from the call before.
pub(super) const SETS: usize = 2;
/// Calls of one sample on a device that answers later.
const CALLS: usize = 5;

/// Milliseconds of a pass from which a sample is one call: the device answering later is nothing beside it.
const PATIENCE: f64 = 500.0;

/// Median milliseconds of a pass over rotated inputs.
pub(super) fn median(
    works: &[Box<dyn Work>],
    path: Path,
    backward: bool,
    device: &Device,
    samples: usize,
) -> Result<f64, ClaimError> {
    let mut turn = works.iter().cycle();
    let mut sample = |calls: usize| -> Result<f64, ClaimError> {
        device.sync().map_err(refused("lengths"))?;
        let began = Instant::now();
        for work in turn.by_ref().take(calls) {
            pass(work.as_ref(), path, backward)?;
        }
        device.sync().map_err(refused("lengths"))?;
        Ok(1e3 * began.elapsed().as_secs_f64() / calls as f64)
    };
    for _ in 0..SETS {
        sample(1)?;
    }
    let is_slow = sample(1)? > PATIENCE;
    let calls = if is_cpu(device) || is_slow { 1 } else { CALLS };
    let taken = (0..samples).map(|_| sample(calls));
    Ok(middle(taken.collect::<Result<_, _>>()?))
}
