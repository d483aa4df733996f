//! Every failure of a command, its exit code, and how it is shown.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use miette::{Diagnostic, MietteHandlerOpts, Report};
use resolvent_claims::ClaimError;
use resolvent_data::DataError;
use resolvent_formats::FormatError;
use resolvent_learn::LearnError;
use resolvent_models::ModelError;
use resolvent_structure::StructureError;

/// Exit code when the work failed or was stopped.
pub const FAILED: u8 = 1;
/// Exit code for wrong usage or bad input.
const BAD_INPUT: u8 = 2;

/// What stopped a command.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A recipe, a run, a checkpoint.
    #[error(transparent)]
    Learn(#[from] LearnError),

    /// A training run that failed after its folder was made.
    #[error("{source}")]
    Training {
        /// What happened.
        source: Box<LearnError>,
        /// The command that goes on from the last checkpoint.
        resume: String,
    },

    /// A model's files.
    #[error("{}: {source}", folder.display())]
    Model {
        /// The model's folder, or the file at fault.
        folder: PathBuf,
        /// What is wrong.
        source: ModelError,
    },

    /// Generation.
    #[error(transparent)]
    Generate(ModelError),

    /// A state matrix by name.
    #[error("--matrix {spec}: {source}")]
    Matrix {
        /// The name.
        spec: String,
        /// What is wrong.
        source: StructureError,
    },

    /// A folder that cannot be made.
    #[error("--out {}: cannot make this folder: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// Data.
    #[error(transparent)]
    Data(#[from] DataError),

    /// An experiment.
    #[error(transparent)]
    Claim(#[from] ClaimError),

    /// A file of ours.
    #[error(transparent)]
    Format(#[from] FormatError),

    /// A recipe that cannot be read.
    #[error("cannot read the recipe {}: {source}; give the path of a TOML file such as recipes/quickstart.toml", path.display())]
    Recipe {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// A flag with a value that cannot work.
    #[error("{flag} is {value}: {remedy}")]
    Flag {
        /// The flag.
        flag: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        remedy: String,
    },

    /// The user stopped the command; what is left is in the message.
    #[error("{message}")]
    Stopped {
        /// What was stopped and how to go on.
        message: String,
    },

    /// Standard output could not be written.
    #[error("could not write to standard output: {source}")]
    Output {
        /// The system's reason.
        source: io::Error,
    },

    /// The signal handler could not be set.
    #[error("Ctrl-C cannot be taken over: {reason}")]
    Signals {
        /// The system's reason.
        reason: String,
    },
}

impl CliError {
    /// Whether whoever read standard output has had enough, as `head` has: no error of the command.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output { source } if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        let bad_input = match self {
            Self::Learn(error) => learn(error),
            Self::Training { source, .. } => learn(source),
            Self::Model { source, .. } | Self::Generate(source) => model(source),
            Self::Data(error) => error.is_bad_input(),
            Self::Claim(error) => claim(error),
            Self::Format(error) => format(error),
            Self::Recipe { .. } | Self::Flag { .. } | Self::Folder { .. } => true,
            Self::Matrix { source, .. } => !matches!(source, StructureError::NoConvergence { .. }),
            Self::Stopped { .. } | Self::Output { .. } | Self::Signals { .. } => false,
        };
        if bad_input { BAD_INPUT } else { FAILED }
    }
}

impl Diagnostic for CliError {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        match self {
            Self::Training { source, resume } => after_training(source, resume),
            _ => None,
        }
    }
}

/// What to do about a run that failed after its folder was made.
fn after_training<'a>(
    error: &LearnError,
    resume: &'a str,
) -> Option<Box<dyn std::fmt::Display + 'a>> {
    match error {
        // On resuming it would take the same steps to the same end.
        LearnError::NotFinite { .. } => Some(Box::new(
            "the same run would end the same way; start another with, for instance, `--set optimiser.learning_rate=0.001`",
        )),
        error if learn(error) => None,
        _ => Some(Box::new(format!(
            "everything up to the last checkpoint is kept; once the cause is gone, go on with `{resume}`"
        ))),
    }
}

fn learn(error: &LearnError) -> bool {
    match error {
        LearnError::Format(error) => format(error),
        LearnError::Model(error) => model(error),
        LearnError::Experiment(source) => match source.downcast_ref::<DataError>() {
            Some(error) => error.is_bad_input(),
            None => source.downcast_ref::<ModelError>().is_some_and(model),
        },
        LearnError::Progress { .. }
        | LearnError::OptimiserState { .. }
        | LearnError::Metrics { .. } => true,
        other => other.is_bad_input(),
    }
}

fn model(error: &ModelError) -> bool {
    match error {
        ModelError::Format(error) => format(error),
        ModelError::Device { .. } => false,
        _ => true,
    }
}

fn format(error: &FormatError) -> bool {
    !matches!(
        error,
        FormatError::Write { .. } | FormatError::DiskFull { .. } | FormatError::NotJson { .. }
    )
}

fn claim(error: &ClaimError) -> bool {
    match error {
        ClaimError::Unknown { .. } | ClaimError::Options { .. } => true,
        ClaimError::Learn(error) => learn(error),
        _ => false,
    }
}

/// Writes the error as one paragraph to standard error.
pub fn print(error: CliError) {
    let stderr = io::stderr();
    let text = match stderr.is_terminal() {
        true => drawn(error),
        false => plain(&error),
    };
    // Nobody is left to tell when standard error is gone.
    let _ = writeln!(stderr.lock(), "{}", text.trim_end());
}

/// Wrapped to the terminal's width.
fn drawn(error: CliError) -> String {
    // Causes are part of the messages already. Setting the hook fails only when it is set.
    let _ = miette::set_hook(Box::new(|_| {
        Box::new(MietteHandlerOpts::new().without_cause_chain().build())
    }));
    format!("{:?}", Report::new(error))
}

/// One line, for files and pipes: a line break in the middle of a path helps nobody.
fn plain(error: &CliError) -> String {
    match error.help() {
        None => format!("error: {error}"),
        Some(help) => format!("error: {error}\nhelp: {help}"),
    }
}
