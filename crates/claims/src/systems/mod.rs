//! The systems that the project is about, and what works of each.

mod table;

use std::fmt;

use serde::Serialize;

pub use table::SYSTEMS;

/// A published system, or a base that several of them stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct System {
    /// Short name; also that of its claim and report.
    pub slug: &'static str,
    /// Title of the paper, or what the base is.
    pub title: &'static str,
    /// Which part of the project it belongs to.
    pub home: Home,
    /// Whether it is a base that comes on top of the published systems.
    pub base: bool,
    /// What works.
    pub status: Status,
}

/// The parts of the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Home {
    /// State matrices and time-invariant models.
    StateMatrices,
    /// Selective mixers and language.
    Language,
    /// Vision.
    Vision,
    /// Signals and series.
    Series,
    /// Structured weights, compression.
    Compression,
    /// Adaptation and optimisation.
    Adaptation,
    /// Kernels and compilers.
    Kernels,
    /// Generative models.
    Generative,
    /// Reasoning and agents.
    Reasoning,
}

impl fmt::Display for Home {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::StateMatrices => "state matrices and time-invariant models",
            Self::Language => "selective mixers and language",
            Self::Vision => "vision",
            Self::Series => "signals and series",
            Self::Compression => "structured weights, compression",
            Self::Adaptation => "adaptation and optimisation",
            Self::Kernels => "kernels and compilers",
            Self::Generative => "generative",
            Self::Reasoning => "reasoning and agents",
        })
    }
}

/// What works of a system: never more than a run has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Status {
    /// The named part works, as the report of `command` shows.
    Works {
        /// What works, and what of the system is still missing.
        what: &'static str,
        /// The command whose committed report shows it.
        command: &'static str,
    },
    /// Nothing yet.
    Absent,
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works { what, .. } => formatter.write_str(what),
            Self::Absent => formatter.write_str("not yet"),
        }
    }
}
