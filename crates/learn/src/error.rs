//! What can go wrong between a recipe and a trained model.

use std::path::PathBuf;

use resolvent_data::DataError;
use resolvent_formats::FormatError;
use resolvent_models::ModelError;

/// Where in its text a recipe is wrong: `recipes/quickstart.toml, line 12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// A file name, or the override as the user typed it.
    pub origin: String,
    /// Line, counted from 1; absent where the text is one line.
    pub line: Option<usize>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}, line {line}", self.origin),
            None => formatter.write_str(&self.origin),
        }
    }
}

/// Errors of recipes, training runs, checkpoints, plots and reports.
///
/// Every variant says which value is at fault and what would be right; none is raised by a panic.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// The recipe is not TOML.
    #[error("{place}: the recipe is not valid TOML: {message}")]
    RecipeSyntax {
        /// Where reading stopped.
        place: Place,
        /// What the TOML reader expected.
        message: String,
    },
    /// A key that no section has.
    #[error("{place}: unknown key `{key}`; {}", suggestion(.nearest, .known))]
    UnknownKey {
        /// Where the key stands.
        place: Place,
        /// The key with its section, as in `train.bacth`.
        key: String,
        /// The known key that resembles it most, when one does.
        nearest: Option<String>,
        /// Every key that the section has.
        known: Vec<String>,
    },
    /// A value of another kind than the field's.
    #[error("{place}: `{field}` is {value}, but it must be {expected}")]
    WrongType {
        /// Where the value stands.
        place: Place,
        /// The field with its section.
        field: String,
        /// The value as written.
        value: String,
        /// The kind that the field has, with an example.
        expected: String,
    },
    /// A value of the right kind that makes no sense.
    #[error("`{field}` is {value}: {remedy}")]
    BadValue {
        /// The field with its section.
        field: String,
        /// The value as it was read.
        value: String,
        /// What would be right.
        remedy: String,
    },
    /// An override that is not `key=value`.
    #[error("the override `{text}` is not of the form section.key=value, as in train.batch=8")]
    BadOverride {
        /// The override as typed.
        text: String,
    },
    /// A file or folder operation failed.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was attempted, as in `create the folder`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file could not be written, read or understood; the message names it.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The progress file of a checkpoint contradicts itself.
    #[error(
        "{}: step {step} of a plan of {planned} steps after {seconds} seconds is not possible",
        path.display()
    )]
    Progress {
        /// The file.
        path: PathBuf,
        /// Steps done, as stored.
        step: usize,
        /// Steps planned, as stored.
        planned: usize,
        /// Seconds of training, as stored.
        seconds: f64,
    },
    /// The output folder already holds a run.
    #[error(
        "the folder {} already holds a run (it contains {found}); resume it with --resume, or choose another folder with --out",
        path.display()
    )]
    RunExists {
        /// The folder.
        path: PathBuf,
        /// The file that shows it.
        found: String,
    },
    /// There is nothing to resume.
    #[error(
        "there is no readable checkpoint under {}; start the run without --resume",
        path.display()
    )]
    NoCheckpoint {
        /// The folder that was searched.
        path: PathBuf,
    },
    /// The checkpoint comes from another recipe.
    #[error(
        "the checkpoint {} was written with `{field}` = {stored}, but this run has {requested}; resume with the stored value, or train into another folder",
        path.display()
    )]
    OtherRecipe {
        /// The checkpoint's folder.
        path: PathBuf,
        /// The first field that differs.
        field: String,
        /// The value in the checkpoint.
        stored: String,
        /// The value asked for now.
        requested: String,
    },
    /// A stored tensor does not fit the optimiser or the model.
    #[error("optimiser state `{name}`: {problem}")]
    OptimiserState {
        /// The tensor or scalar.
        name: String,
        /// What is wrong with it, with both shapes where shapes differ.
        problem: String,
    },
    /// The loss or the gradient is no longer a number.
    #[error(
        "step {step}: the {quantity} is {value}, so training stopped; {}. A smaller `optimiser.learning_rate`, a longer warm-up or a smaller `train.clip` usually helps",
        kept(.last_checkpoint)
    )]
    NotFinite {
        /// The step that failed, counted from 1.
        step: usize,
        /// `loss`, `gradient norm` or the name of an evaluation's measure.
        quantity: String,
        /// The value: NaN or an infinity.
        value: f64,
        /// The step of the newest checkpoint, which is untouched.
        last_checkpoint: Option<usize>,
    },
    /// A metrics file with a line that is not a record.
    #[error("{}, line {line}: not a metrics record: {message}", path.display())]
    Metrics {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// The reader's reason.
        message: String,
    },
    /// A plot that cannot be drawn.
    #[error("the plot `{title}` cannot be drawn: {problem}")]
    Plot {
        /// The plot's title.
        title: String,
        /// What is missing or wrong.
        problem: String,
    },
    /// The experiment's loss is not one differentiable number.
    #[error("step {step}: the loss {problem}")]
    Loss {
        /// The step, counted from 1.
        step: usize,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The device could not be read.
    #[error("step {step}: the loss could not be read from the device: {reason}")]
    Device {
        /// The step, counted from 1.
        step: usize,
        /// The backend's reason.
        reason: String,
    },
    /// The weights do not fit the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The experiment itself failed, for instance because its data ended.
    #[error("{0}")]
    Experiment(Box<dyn std::error::Error + Send + Sync>),
}

impl From<DataError> for LearnError {
    fn from(error: DataError) -> Self {
        Self::experiment(error)
    }
}

impl LearnError {
    /// Wraps a failure of an experiment's own (reading data, building a batch).
    pub fn experiment(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Experiment(source.into())
    }

    /// Whether the input was wrong (exit code 2) rather than the work (exit code 1).
    pub fn is_bad_input(&self) -> bool {
        matches!(
            self,
            Self::RecipeSyntax { .. }
                | Self::UnknownKey { .. }
                | Self::WrongType { .. }
                | Self::BadValue { .. }
                | Self::BadOverride { .. }
                | Self::RunExists { .. }
                | Self::NoCheckpoint { .. }
                | Self::OtherRecipe { .. }
        )
    }
}

/// The half sentence after an unknown key.
fn suggestion(nearest: &Option<String>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// What is left when a run stops on a value that is not finite.
fn kept(last_checkpoint: &Option<usize>) -> String {
    match last_checkpoint {
        Some(step) => format!("the checkpoint of step {step} is kept"),
        None => "no checkpoint had been written yet".to_owned(),
    }
}
