//! Time and memory of the scans against the length, on any device: the curves behind the plots.

use super::gpu_peers::GpuPeer;
use super::inputs::{device_of, refused};
use super::machine::Limits;
use super::memory::peak_mib;
use super::{Curve, Options, Row, dplr, middle, selective_scan, ssd};
use crate::claim::Progress;
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

    fn format(self) -> &'static str {
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

/// Operations and traffic that no implementation avoids.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Least {
    /// A multiply-add counts two.
    pub flops: usize,
    /// Inputs read once and results written once.
    pub bytes: usize,
}

/// The way through an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    Fused,
    Plain,
}

/// Runs one pass; `backward` needs inputs that are leaves of the graph.
pub(super) fn pass(work: &dyn Work, path: Path, backward: bool) -> Result<(), ClaimError> {
    let y = match path {
        Path::Fused => work.run()?,
        Path::Plain => work.plain(),
    };
    if backward {
        drop(y.sum().backward());
    }
    Ok(())
}

/// Inputs that are timed in turn, so that none lies in a cache from the call before.
const SETS: usize = 2;
/// Calls of one sample on a device that answers later.
const CALLS: usize = 5;

/// Milliseconds of a pass from which a sample is one call: the device answering later is nothing beside it.
const PATIENCE: f64 = 500.0;

/// Median milliseconds of a pass over rotated inputs.
fn median(
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

/// The curves of every operation.
pub(super) fn run(
    options: &Options,
    limits: &Limits,
    progress: &mut dyn Progress,
) -> Result<Vec<Row>, ClaimError> {
    let mut rows = Vec::new();
    for subject in SUBJECTS {
        rows.extend(curves(subject, options, limits, progress)?);
    }
    Ok(rows)
}

/// The curves of one operation.
pub(super) fn curves(
    subject: &Subject,
    options: &Options,
    limits: &Limits,
    progress: &mut dyn Progress,
) -> Result<Vec<Row>, ClaimError> {
    let lengths: &[usize] = match (options.quick, Scale::of(&options.device)) {
        (true, _) => &[128, 256],
        (false, Scale::Cpu) => &[256, 1024, 4096, 16_384],
        (false, Scale::Gpu) => &[1024, 2048, 4096, 8192, 16_384],
    };
    let mut peers = Vec::new();
    if Scale::of(&options.device) == Scale::Gpu {
        for &name in subject.gpu_peers {
            let what = format!("{}, {name}: compiles and tunes for minutes", subject.name);
            progress.on_step(0, &what);
            peers.push(GpuPeer::timed(name, subject, lengths, &options.oracles));
        }
    }
    let mut rows = Vec::new();
    for &length in lengths {
        if progress.is_stopped() {
            return Err(ClaimError::Interrupted {
                stage: subject.name.into(),
            });
        }
        progress.on_step(0, &format!("{}, length {length}", subject.name));
        rows.extend(at(subject, length, &peers, options, limits)?);
    }
    Ok(rows)
}

/// Times, and memory, of one operation at one length.
fn at(
    subject: &Subject,
    length: usize,
    peers: &[GpuPeer],
    options: &Options,
    limits: &Limits,
) -> Result<Vec<Row>, ClaimError> {
    let scale = Scale::of(&options.device);
    let samples = if options.quick { 2 } else { 9 };
    let mut rows = Vec::new();
    for backward in [false, true] {
        let words = if backward {
            "forward+backward"
        } else {
            "forward"
        };
        let device = device_of(&options.device, backward);
        let works: Vec<Box<dyn Work>> = (0..SETS)
            .map(|_| (subject.inputs)(scale, length, &device))
            .collect();
        let sizes = works[0].sizes();
        let case = format!(
            "{} {words}, L{length} {sizes}, {}",
            subject.name,
            scale.format()
        );
        let curve = |unit| Curve {
            op: subject.name,
            pass: words,
            unit,
            length,
        };
        let milliseconds = median(&works, Path::Fused, backward, &options.device, samples)?;
        let mut row = Row::new("lengths", case.clone(), "ms", milliseconds);
        row.curve = Some(curve("ms"));
        let least = (subject.least)(scale, length);
        if !backward {
            row.limit = Some(limits.least_milliseconds(least));
        }
        let plain = match length <= subject.plain_to {
            true => median(&works, Path::Plain, backward, &options.device, 3)
                .map_err(|error| error.to_string()),
            false => Err(format!("plain tensors: run to length {}", subject.plain_to)),
        };
        rows.extend(peers.iter().map(|peer| peer.beside(&row, length, backward)));
        rows.push(row.against_time("plain tensors", plain));
        drop(works);
        let mut row = Row::new(
            "lengths",
            case,
            "MiB",
            peak_mib(subject, length, backward, options)?,
        );
        row.peer_name =
            "peak beyond the inputs; limit: what is read and written, of a forward pass".into();
        row.limit = (!backward).then_some(least.bytes as f64 / f64::from(1 << 20));
        row.curve = Some(curve("MiB"));
        rows.extend(peers.iter().map(|peer| peer.beside(&row, length, backward)));
        rows.push(row);
    }
    Ok(rows)
}
