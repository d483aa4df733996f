//! What can go wrong in a mixer.

use resolvent_formats::FormatError;
use resolvent_kernels::KernelError;
use resolvent_structure::StructureError;
use thiserror::Error;

/// Error of a mixer, its configuration or its state.
#[derive(Debug, Error)]
pub enum MixerError {
    /// A configuration field has a value that cannot work.
    #[error("{mixer}: `{field}` is {got}, expected {expected}")]
    Config {
        /// Mixer.
        mixer: &'static str,
        /// Field of its configuration.
        field: &'static str,
        /// Value that was given.
        got: String,
        /// What would be right.
        expected: String,
    },
    /// A setting is of the wrong kind.
    #[error("{mixer}: `{field}` cannot be read: {reason}")]
    Setting {
        /// Mixer.
        mixer: &'static str,
        /// Field of its settings.
        field: String,
        /// What the reader said.
        reason: String,
    },
    /// An input does not have the mixer's width or the expected length.
    #[error("{mixer}: input has {got} along its {axis} axis, expected {expected}")]
    Input {
        /// Mixer.
        mixer: &'static str,
        /// Named axis.
        axis: &'static str,
        /// Length that was given.
        got: usize,
        /// Length that would be right.
        expected: String,
    },
    /// A state lacks an entry that the mixer carries.
    #[error("state: no entry `{name}`; it has {present:?}")]
    StateMissing {
        /// Entry.
        name: String,
        /// Entries that are there.
        present: Vec<String>,
    },
    /// A state entry has another layout or shape than the mixer carries.
    #[error("state: entry `{name}` is {got}, expected {expected}")]
    StateShape {
        /// Entry.
        name: String,
        /// Layout and shape that were given.
        got: String,
        /// Layout and shape that would be right.
        expected: String,
    },
    /// A batch row was asked for that the state does not have.
    #[error("state: row {row} asked of a state of {rows} rows")]
    StateRow {
        /// Row.
        row: usize,
        /// Rows of the state.
        rows: usize,
    },
    /// No mixer has this name.
    #[error("no mixer is called `{name}`; there are {known:?}")]
    Unknown {
        /// Name that was given.
        name: String,
        /// Names in the registry.
        known: Vec<&'static str>,
    },
    /// An operation refused its inputs.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// A state file could not be read or written.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A matrix could not be formed.
    #[error(transparent)]
    Structure(#[from] StructureError),
}
