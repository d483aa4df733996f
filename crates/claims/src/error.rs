//! What can go wrong in an experiment.

use std::path::PathBuf;

use resolvent_data::DataError;
use resolvent_formats::FormatError;
use resolvent_learn::LearnError;
use resolvent_mixers::MixerError;
use resolvent_models::ModelError;
use resolvent_structure::StructureError;

/// Errors of claims and reports. A claim that does not hold is not among them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// No experiment of that name.
    #[error("there is no experiment for `{slug}`; there is one for: {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        slug: String,
        /// What there is.
        known: Vec<&'static str>,
    },

    /// An option that makes no sense.
    #[error("option `{field}` is {value}, but it must be {expected}")]
    Options {
        /// Name of the option.
        field: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        expected: String,
    },

    /// A training loss that is not a number.
    #[error(
        "{stage}: the loss of step {step} is {loss}; the learning rate is too large for this model"
    )]
    NotFinite {
        /// Which training.
        stage: String,
        /// Step, from 1.
        step: usize,
        /// NaN or an infinity.
        loss: f64,
    },

    /// A tensor could not be read back from the device.
    #[error("{stage}: reading a result from the device failed: {reason}")]
    Device {
        /// What was being measured.
        stage: String,
        /// The device's message.
        reason: String,
    },

    /// The user stopped the experiment.
    #[error("stopped by the user during {stage}; nothing was written")]
    Interrupted {
        /// What was going on.
        stage: String,
    },

    /// A task cannot make the batch.
    #[error(transparent)]
    Data(#[from] DataError),

    /// A state matrix cannot be built or solved with.
    #[error(transparent)]
    Structure(#[from] StructureError),

    /// A model cannot be built or run.
    #[error(transparent)]
    Model(#[from] ModelError),

    /// A layer on its own cannot be built or run.
    #[error(transparent)]
    Mixer(#[from] MixerError),

    /// Optimiser or plot.
    #[error(transparent)]
    Learn(#[from] LearnError),

    /// The folder of a report cannot be made.
    #[error("{}: cannot make this folder: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },

    /// A report cannot be written.
    #[error(transparent)]
    Format(#[from] FormatError),
}
