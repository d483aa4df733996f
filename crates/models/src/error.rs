//! What can go wrong between a model and its files.

use resolvent_formats::FormatError;
use resolvent_mixers::MixerError;

/// Errors of models: weights that do not fit, configurations that cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file is broken or a tensor is missing; the message names the most similar tensor.
    #[error(transparent)]
    Format(#[from] FormatError),

    /// A tensor that the model has no place for.
    #[error(
        "tensor `{name}` does not belong to this model{}; the file belongs to another configuration",
        closest_hint(closest)
    )]
    UnexpectedTensor {
        /// The tensor's published name.
        name: String,
        /// The parameter whose name resembles it most, when one does.
        closest: Option<String>,
    },

    /// A tensor of another shape than the parameter's.
    #[error(
        "tensor `{name}` has shape {found:?}, but the model's parameter has {expected:?}; the file belongs to another configuration"
    )]
    WrongShape {
        /// The tensor's published name.
        name: String,
        /// The parameter's shape.
        expected: Vec<usize>,
        /// The tensor's shape.
        found: Vec<usize>,
    },

    /// A tensor with a value that is not finite.
    #[error(
        "tensor `{name}` holds {value} at index {index:?}; a model with such a weight cannot compute, use an earlier checkpoint"
    )]
    NotFinite {
        /// The tensor's published name.
        name: String,
        /// The index along each axis.
        index: Vec<usize>,
        /// NaN or an infinity.
        value: f32,
    },

    /// A configuration field has a value that cannot work.
    #[error("config: `{field}` is {got}, expected {expected}")]
    Config {
        /// Published key.
        field: String,
        /// Value that was given.
        got: String,
        /// What would be right.
        expected: String,
    },

    /// A token outside the vocabulary.
    #[error("token {token} at position {position} is outside the vocabulary of {vocabulary}")]
    Token {
        /// The token.
        token: i64,
        /// Where it stands.
        position: usize,
        /// Size of the vocabulary.
        vocabulary: usize,
    },

    /// A sampling option has a value that cannot work.
    #[error("sampling: `{option}` is {got}, expected {expected}")]
    Sampling {
        /// The option.
        option: &'static str,
        /// Value that was given.
        got: String,
        /// What would be right.
        expected: &'static str,
    },

    /// A mixer refused its configuration, input or state.
    #[error(transparent)]
    Mixer(#[from] MixerError),

    /// Two parameters would be stored under one name.
    #[error("two parameters are both published as `{name}`; the renaming must keep names apart")]
    DuplicateName {
        /// The name.
        name: String,
    },

    /// A parameter whose kind the files cannot hold.
    #[error("parameter `{path}` holds {kind} values; only floating-point parameters are stored")]
    UnsupportedParameter {
        /// The path inside the module.
        path: String,
        /// `integer` or `boolean`.
        kind: &'static str,
    },

    /// A parameter could not be read from its device.
    #[error("parameter `{path}` could not be read from its device: {reason}")]
    Device {
        /// The path inside the module.
        path: String,
        /// The backend's reason.
        reason: String,
    },
}

/// A configuration field whose value cannot work: its published key, what it is, what would be right.
pub(crate) fn refused(
    field: &str,
    got: impl std::fmt::Display,
    expected: impl Into<String>,
) -> ModelError {
    ModelError::Config {
        field: field.to_owned(),
        got: got.to_string(),
        expected: expected.into(),
    }
}

fn closest_hint(closest: &Option<String>) -> String {
    match closest {
        Some(name) => format!("; the nearest parameter is `{name}`"),
        None => String::new(),
    }
}
