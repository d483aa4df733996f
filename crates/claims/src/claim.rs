//! What a claim is, how it is run, and the list of all that can be run.

use std::path::PathBuf;

use burn::tensor::Device;

use crate::error::ClaimError;
use crate::report::Report;

/// Every claim that can be run; one line per folder of this crate.
pub const CLAIMS: &[Claim] = &[
    crate::hippo::CLAIM,
    crate::s4::CLAIM,
    crate::s4d::CLAIM,
    crate::ptd::CLAIM,
    crate::spacetime::CLAIM,
    crate::mamba::CLAIM,
];

/// A system's claims as one experiment.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// Name of the system in [`SYSTEMS`](crate::systems::SYSTEMS), and of its report.
    pub slug: &'static str,
    /// One sentence: what the experiment does.
    pub about: &'static str,
    /// Runs the experiment. Deterministic in its options on a CPU, apart from times.
    ///
    /// # Errors
    /// [`ClaimError::Options`] for options that make no sense, [`ClaimError::Interrupted`], and
    /// whatever training and evaluation return. A claim that does not hold is no error: it is a
    /// verdict.
    pub run: fn(&Options, &mut dyn Progress) -> Result<Report, ClaimError>,
}

/// The claim of the system `slug`.
///
/// # Errors
/// [`ClaimError::Unknown`], which lists the known ones.
///
/// # Example
/// ```
/// assert_eq!(resolvent_claims::find("mamba")?.slug, "mamba");
/// assert!(resolvent_claims::find("mambo").is_err());
/// # Ok::<(), resolvent_claims::ClaimError>(())
/// ```
pub fn find(slug: &str) -> Result<&'static Claim, ClaimError> {
    CLAIMS
        .iter()
        .find(|claim| claim.slug == slug)
        .ok_or_else(|| ClaimError::Unknown {
            slug: slug.to_owned(),
            known: CLAIMS.iter().map(|claim| claim.slug).collect(),
        })
}

/// How to run a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// A smoke run of seconds, whose verdicts are all "not run".
    pub quick: bool,
    /// One repetition per seed; data and initial weights follow from it alone.
    pub seeds: Vec<u64>,
    /// Where language models and the model of ListOps are trained; everything else computes on the CPU
    /// whatever it says.
    pub device: Device,
    /// Folder of trainings that take hours of processor time, which go on from their checkpoints when it
    /// holds some; none leaves them out.
    pub long: Option<PathBuf>,
}

/// The seeds of the reports under `reports/`.
pub const DEFAULT_SEEDS: [u64; 3] = [1, 2, 3];

impl Default for Options {
    fn default() -> Self {
        Self {
            quick: false,
            seeds: DEFAULT_SEEDS.to_vec(),
            device: Device::flex(),
            long: None,
        }
    }
}

impl Options {
    /// Checks that there is at least one seed, and none twice.
    ///
    /// # Errors
    /// [`ClaimError::Options`].
    pub fn validate(&self) -> Result<(), ClaimError> {
        let refused = |value: String, expected: &str| ClaimError::Options {
            field: "seeds",
            value,
            expected: expected.to_owned(),
        };
        if self.seeds.is_empty() {
            return Err(refused("empty".to_owned(), "at least one seed"));
        }
        for (index, seed) in self.seeds.iter().enumerate() {
            if self.seeds[..index].contains(seed) {
                return Err(refused(seed.to_string(), "every seed once"));
            }
        }
        Ok(())
    }

    /// The command line that runs `slug` with these options; a folder is `DIR`, because reports go to machines
    /// that have other folders.
    pub fn command(&self, slug: &str) -> String {
        let mut command = format!("resolvent reproduce {slug}");
        if self.quick {
            command.push_str(" --quick");
        }
        if self.seeds != DEFAULT_SEEDS {
            let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
            command.push_str(" --seeds ");
            command.push_str(&seeds.join(","));
        }
        if self.device != Device::flex() {
            command.push_str(" --device ");
            command.push_str(device_name(&self.device));
        }
        if self.long.is_some() {
            command.push_str(" --long DIR");
        }
        command
    }
}

/// What `--device` calls a device.
pub(crate) fn device_name(device: &Device) -> &'static str {
    // Which variants the type has depends on burn's features, which this crate does not choose.
    let words = format!("{device:?}");
    let names = [("Flex", "flex"), ("Cuda", "cuda")];
    let found = names.iter().find(|(word, _)| words.contains(word));
    found.map_or("cpu", |(_, name)| name)
}

/// Told how far an experiment is; draws progress bars, for instance.
///
/// An experiment is a row of stages (one training, one evaluation), each of them a row of steps.
pub trait Progress {
    /// The experiment has `stages` stages.
    fn on_plan(&mut self, stages: usize) {
        let _ = stages;
    }

    /// Stage `index` (from 0) begins: `name` for people, and its number of steps at most.
    fn on_stage(&mut self, index: usize, name: &str, steps: usize) {
        let _ = (index, name, steps);
    }

    /// `done` steps of the stage are done; `note` says how it goes ("loss 0.31, accuracy 88 %").
    fn on_step(&mut self, done: usize, note: &str) {
        let _ = (done, note);
    }

    /// Whether the user wants to stop; asked after every step.
    fn is_stopped(&self) -> bool {
        false
    }
}

/// Nobody watches.
impl Progress for () {}
