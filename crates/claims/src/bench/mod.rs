//! Speed and memory: ours beside a peer and beside the machine's own limit, in one run.
//!
//! Times on a shared machine mean little by themselves; every row therefore carries what it is
//! compared with, measured in the same minute. The peers run as a process of their own, started from
//! `oracles/*peer_bench.py` in the environment that `oracles/setup.sh` makes; without it their column
//! says so.

mod decode;
mod dplr;
mod lti;
mod machine;
pub(crate) mod memory;
mod peer;
mod selective_scan;
mod ssd;
mod step;
mod train;

use crate::claim::Progress;
use crate::error::ClaimError;
use crate::report::Machine;
use serde::Serialize;
use std::path::PathBuf;

pub use machine::Limits;
pub use memory::{MemoryChild, run_child};

/// One benchmark.
#[derive(Debug, Clone, Copy)]
pub struct Bench {
    /// Name on the command line.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    run: fn(&Options, &Limits) -> Result<Vec<Row>, ClaimError>,
}

/// Every benchmark; one line per file of this folder.
pub const BENCHES: &[Bench] = &[
    Bench {
        name: "ssd",
        about: "the chunked scan, forward and with backward, beside PyTorch and the GEMM floor",
        run: ssd::run,
    },
    Bench {
        name: "dplr",
        about: "the scan of RWKV-7 in both forms, beside flash-linear-attention's references",
        run: dplr::run,
    },
    Bench {
        name: "lti",
        about: "layers of S4 and S4D beside PyTorch; the diagonal scan on one core and on all",
        run: lti::run,
    },
    Bench {
        name: "selective-scan",
        about: "the scan of Mamba-1 and its whole block, forward and with backward, beside PyTorch",
        run: selective_scan::run,
    },
    Bench {
        name: "train",
        about: "training steps of the quickstart's model beside transformers' in PyTorch",
        run: train::run,
    },
    Bench {
        name: "step",
        about: "time and state of one generated token at positions 1 to 100,000",
        run: step::run,
    },
    Bench {
        name: "decode",
        about: "one step of one 768-wide layer of every mixer beside reading its weights once",
        run: decode::run,
    },
    Bench {
        name: "memory",
        about: "peak memory of the scan's forward and backward pass against the length",
        run: memory::run,
    },
];

/// How to run benchmarks.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names of [`BENCHES`]; empty runs all.
    pub names: Vec<String>,
    /// Few repeats, short sequences: a smoke run.
    pub quick: bool,
    /// Folder of `peer_bench.py`.
    pub oracles: PathBuf,
    /// Program and arguments that call [`run_child`] with the length appended; measures memory in a
    /// fresh process.
    pub memory_child: Vec<String>,
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
    /// Measured rates of the machine.
    pub limits: Limits,
    /// Measurements.
    pub rows: Vec<Row>,
}

/// Runs the named benchmarks, or all.
///
/// # Errors
/// An unknown name; an operation or process that fails.
pub fn run(options: &Options, progress: &mut dyn Progress) -> Result<BenchReport, ClaimError> {
    let mut chosen = Vec::new();
    for name in &options.names {
        let bench = BENCHES.iter().find(|bench| bench.name == name);
        chosen.push(bench.ok_or_else(|| ClaimError::Unknown {
            slug: name.clone(),
            known: BENCHES.iter().map(|bench| bench.name).collect(),
        })?);
    }
    if chosen.is_empty() {
        chosen.extend(BENCHES);
    }
    progress.on_plan(chosen.len() + 1);
    progress.on_stage(0, "machine", 1);
    let limits = Limits::measure();
    let mut rows = Vec::new();
    for (index, bench) in chosen.into_iter().enumerate() {
        progress.on_stage(index + 1, bench.name, 1);
        if progress.is_stopped() {
            return Err(ClaimError::Interrupted {
                stage: bench.name.into(),
            });
        }
        rows.extend((bench.run)(options, &limits)?);
        progress.on_step(1, bench.about);
    }
    Ok(BenchReport {
        machine: Machine::this(),
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
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[seconds.len() / 2])
}
