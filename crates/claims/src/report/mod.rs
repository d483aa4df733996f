//! What an experiment found: claims with figures and verdicts, and where and how they were made.

mod draft;
mod figure;
mod origin;
mod verdict;

use std::path::{Path, PathBuf};

use resolvent_formats::{write_atomic, write_json_atomic};
use resolvent_learn::plot::{LinePlot, line_plot};
use serde::{Deserialize, Serialize};

pub use draft::{Bound, Draft, not_run};
pub use figure::{Figure, Spread};
pub use origin::{Machine, commit, cpu_seconds};
pub use verdict::Verdict;

use crate::claim::Options;
use crate::error::ClaimError;

/// One sentence of a paper, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The sentence, at our scale.
    pub claim: String,
    /// The paper's figure.
    pub paper: String,
    /// What stands beside ours: the same measure of the other models.
    pub baseline: Vec<Figure>,
    /// Our figure: the mean over seeds.
    pub ours: Figure,
    /// Our figure for every seed.
    pub spread: Spread,
    /// When the claim counts as supported.
    pub criterion: String,
    /// The criterion applied to the figures.
    pub verdict: Verdict,
    /// The command that makes these figures.
    pub command: String,
}

/// The report of one experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the system.
    pub slug: String,
    /// The paper's title.
    pub title: String,
    /// The command that makes this report.
    pub command: String,
    /// The commit it was made from, with `-dirty` behind it when files had changed; `unknown`
    /// outside a checkout.
    pub commit: String,
    /// Where it was made.
    pub machine: Machine,
    /// The repetitions.
    pub seeds: Vec<u64>,
    /// A smoke run, which decides nothing.
    pub quick: bool,
    /// Wall-clock minutes of the whole experiment.
    pub minutes: f64,
    /// Minutes of processor time over all cores, where the system tells.
    pub cpu_minutes: Option<f64>,
    /// The findings.
    pub claims: Vec<Finding>,
    /// What a reader must know: deviations from the paper, limits of the experiment.
    pub notes: Vec<String>,
    /// Everything that was measured, in the experiment's own form.
    pub measurements: serde_json::Value,
    /// Drawn as `<slug>.svg`.
    #[serde(skip)]
    pub plot: Option<LinePlot>,
}

impl Report {
    /// A report without findings yet, with commit and machine filled in.
    pub fn new(slug: &str, title: &str, options: &Options) -> Self {
        Self {
            slug: slug.to_owned(),
            title: title.to_owned(),
            command: options.command(slug),
            commit: commit(),
            machine: Machine::this(),
            seeds: options.seeds.clone(),
            quick: options.quick,
            minutes: 0.0,
            cpu_minutes: None,
            claims: Vec::new(),
            notes: Vec::new(),
            measurements: serde_json::Value::Null,
            plot: None,
        }
    }

    /// Writes `<slug>.json`, and `<slug>.svg` when there is a plot, into `folder`; returns their
    /// paths. Each file is whole or absent.
    ///
    /// # Errors
    /// [`ClaimError::Folder`], [`ClaimError::Format`] when a file cannot be written, and
    /// [`ClaimError::Learn`] when the plot cannot be drawn.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, ClaimError> {
        std::fs::create_dir_all(folder).map_err(|source| ClaimError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        let mut paths = Vec::new();
        if let Some(plot) = &self.plot {
            let svg = line_plot(plot)?;
            let path = folder.join(format!("{}.svg", self.slug));
            write_atomic(&path, |file| file.write_all(svg.as_bytes()))?;
            paths.push(path);
        }
        let path = folder.join(format!("{}.json", self.slug));
        write_json_atomic(&path, self)?;
        paths.insert(0, path);
        Ok(paths)
    }
}
