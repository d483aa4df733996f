//! Speed and memory: ours beside a peer and beside the machine's own limit, in one run.
//!
//! Times on a shared machine mean little by themselves; every row therefore carries what it is
//! compared with, measured in the same minute. The peers run as a process of their own, started from
//! `oracles/*peer_bench.py` in the environment that `oracles/setup.sh` makes; without it their column
//! says so.

mod course;
mod curves;
mod decode;
mod dplr;
mod gpu_peers;
mod inputs;
mod lengths;
mod lti;
mod machine;
pub(crate) mod memory;
mod peer;
mod plain;
mod plots;
mod profile;
mod selective_scan;
mod ssd;
mod step;
mod train;

use crate::claim::{Progress, device_name};
use crate::error::ClaimError;
use crate::report::Machine;
use burn::tensor::Device;
use course::Course;
use serde::Serialize;
use std::path::PathBuf;

pub use machine::Limits;
pub use memory::{MemoryChild, run_child};
pub use plots::write as write_plots;
pub use profile::{Part, Profile};

/// One benchmark.
#[derive(Clone, Copy)]
pub struct Bench {
    /// Name on the command line.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    elsewhere: Elsewhere,
    run: Run,
}

/// What a benchmark does on a device that is not this CPU.
#[derive(Clone, Copy)]
enum Elsewhere {
    /// The same.
    Same,
    /// Nothing: it compares with peers on this CPU.
    Nothing,
    /// The curves of this operation, which are part of those of [`curves`].
    Curves(&'static lengths::Subject),
}

/// How a benchmark is run.
type Run = fn(&Options, &Limits, &mut Course<'_>) -> Result<Vec<Row>, ClaimError>;

/// Every benchmark; one line per file of this folder.
pub const BENCHES: &[Bench] = &[
    Bench {
        name: "ssd",
        about: "the chunked scan, forward and with backward, beside PyTorch and the GEMM floor",
        elsewhere: Elsewhere::Curves(&ssd::SUBJECT),
        run: ssd::run,
    },
    Bench {
        name: "dplr",
        about: "the scan of RWKV-7 in both forms, beside flash-linear-attention's references",
        elsewhere: Elsewhere::Curves(&dplr::SUBJECT),
        run: dplr::run,
    },
    Bench {
        name: "lti",
        about: "layers of S4 and S4D beside PyTorch; the diagonal scan on one core and on all",
        elsewhere: Elsewhere::Nothing,
        run: lti::run,
    },
    Bench {
        name: "selective-scan",
        about: "the scan of Mamba-1 and its whole block, forward and with backward, beside PyTorch",
        elsewhere: Elsewhere::Curves(&selective_scan::SUBJECT),
        run: selective_scan::run,
    },
    Bench {
        name: "train",
        about: "training steps of the recipes' models beside the same models in PyTorch",
        elsewhere: Elsewhere::Same,
        run: train::run,
    },
    Bench {
        name: "step",
        about: "time and state of one generated token at positions 1 to 100,000",
        elsewhere: Elsewhere::Same,
        run: step::run,
    },
    Bench {
        name: "decode",
        about: "one step of one 768-wide layer of every mixer beside reading its weights once",
        elsewhere: Elsewhere::Same,
        run: decode::run,
    },
    Bench {
        name: "lengths",
        about: "time and peak memory of every scan against the length, beside plain tensors and GPU kernels",
        elsewhere: Elsewhere::Same,
        run: curves::run,
    },
];

/// How to run benchmarks.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names of [`BENCHES`]; empty runs all that are the same on every device, on this CPU all.
    pub names: Vec<String>,
    /// Few repeats, short sequences: a smoke run.
    pub quick: bool,
    /// Folder of `peer_bench.py`.
    pub oracles: PathBuf,
    /// Program and arguments that call [`run_child`] with name, length and, for the backward pass,
    /// `--backward` appended; measures memory in a fresh process.
    pub memory_child: Vec<String>,
    /// What is measured; peers run on this CPU.
    pub device: Device,
}

impl Options {
    /// Whether the device is this CPU.
    fn on_cpu(&self) -> bool {
        lengths::is_cpu(&self.device)
    }

    /// The named benchmarks, or all that the device runs and no other contains.
    fn chosen(&self) -> Result<Vec<&'static Bench>, ClaimError> {
        let alone = |it: &&Bench| self.on_cpu() || matches!(it.elsewhere, Elsewhere::Same);
        if self.names.is_empty() {
            return Ok(BENCHES.iter().filter(alone).collect());
        }
        let here = |it: &&Bench| self.on_cpu() || !matches!(it.elsewhere, Elsewhere::Nothing);
        let find = |name: &String| {
            let found = BENCHES.iter().filter(here).find(|bench| bench.name == name);
            found.ok_or_else(|| ClaimError::Unknown {
                slug: name.clone(),
                known: BENCHES.iter().filter(here).map(|b| b.name).collect(),
            })
        };
        self.names.iter().map(find).collect()
    }
}

/// Where a row lies on a plot against the length.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Curve {
    /// Operation.
    pub op: &'static str,
    /// "forward" or "forward+backward".
    pub pass: &'static str,
    /// Unit of the row.
    pub unit: &'static str,
    /// Positions.
    pub length: usize,
}

impl Curve {
    /// Whether both lie on one plot.
    fn shares_plot(&self, other: &Self) -> bool {
        (self.op, self.pass, self.unit) == (other.op, other.pass, other.unit)
    }
}

/// One measurement and what it is compared with.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Benchmark.
    pub bench: &'static str,
    /// Sizes, in words.
    pub case: String,
    /// Unit of `ours`, `peer` and `limit`.
    pub unit: &'static str,
    /// Ours, median.
    pub ours: f64,
    /// The peer's median in this run.
    pub peer: Option<f64>,
    /// Which peer, or why there is none.
    pub peer_name: String,
    /// What the machine's measured rates allow.
    pub limit: Option<f64>,
    /// Factor by which ours is better than the peer, above 1 meaning better.
    pub ratio: Option<f64>,
    /// Its place on a plot, of rows that have one.
    pub curve: Option<Curve>,
    /// Where the processor time went, of rows that were sampled.
    pub profile: Option<Profile>,
}

impl Row {
    /// A row without peer and limit.
    fn new(bench: &'static str, case: String, unit: &'static str, ours: f64) -> Self {
        Self {
            bench,
            case,
            unit,
            ours,
            peer: None,
            peer_name: String::new(),
            limit: None,
            ratio: None,
            curve: None,
            profile: None,
        }
    }

    /// Adds a peer whose unit is a time: smaller is better.
    fn against_time(mut self, name: &str, peer: Result<f64, String>) -> Self {
        self.set_peer(name, peer, |ours, peer| peer / ours);
        self
    }

    /// Adds a peer whose unit is a rate: larger is better.
    fn against_rate(mut self, name: &str, peer: Result<f64, String>) -> Self {
        self.set_peer(name, peer, |ours, peer| ours / peer);
        self
    }

    /// Which part of what the machine allows ours reaches.
    pub fn of_limit(&self) -> Option<f64> {
        let limit = self.limit?;
        Some(match self.unit.ends_with("/s") {
            true => self.ours / limit,
            false => limit / self.ours,
        })
    }

    fn set_peer(&mut self, name: &str, peer: Result<f64, String>, ratio: fn(f64, f64) -> f64) {
        match peer {
            Ok(value) => {
                self.peer = Some(value);
                self.peer_name = name.to_owned();
                self.ratio = Some(ratio(self.ours, value));
            }
            Err(reason) => self.peer_name = reason,
        }
    }
}

/// All rows of a run, with the machine they were measured on.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// The machine in words.
    pub machine: Machine,
    /// The device, as `--device` calls it.
    pub device: String,
    /// Measured rates of the device.
    pub limits: Limits,
    /// Measurements.
    pub rows: Vec<Row>,
}

/// Runs the named benchmarks, or all.
///
/// # Errors
/// An unknown name; an operation or process that fails.
pub fn run(options: &Options, progress: &mut dyn Progress) -> Result<BenchReport, ClaimError> {
    let chosen = options.chosen()?;
    progress.on_plan(chosen.len() + 1);
    progress.on_stage(0, "machine", 1);
    let limits = Limits::measure(&options.device, &options.oracles)?;
    let mut rows = Vec::new();
    for (index, bench) in chosen.into_iter().enumerate() {
        let mut course = Course::new(progress, index + 1, bench.name);
        rows.extend(match bench.elsewhere {
            Elsewhere::Curves(subject) if !options.on_cpu() => {
                curves::curves(&[subject], options, &limits, &mut course)?
            }
            _ => (bench.run)(options, &limits, &mut course)?,
        });
        course.end(bench.about);
    }
    Ok(BenchReport {
        machine: Machine::this(),
        device: device_name(&options.device).to_owned(),
        limits,
        rows,
    })
}

/// Median seconds of `repeats` calls after one that is not counted.
fn median_seconds(
    repeats: usize,
    mut call: impl FnMut() -> Result<(), ClaimError>,
) -> Result<f64, ClaimError> {
    call()?;
    let mut seconds = Vec::with_capacity(repeats);
    for _ in 0..repeats.max(1) {
        let start = std::time::Instant::now();
        call()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(middle(seconds))
}

/// The median of at least one sample.
fn middle(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
