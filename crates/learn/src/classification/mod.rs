//! Training a classifier of series, images as pixel sequences, or tokens.
//!
//! ```text
//! Source -> Cases -> Task (training, validation, test) -> Job::train -> Job::finish: Summary, page
//! ```
//! Without a command line: [`Task::new`] from [`Cases`] of any origin, [`ClassifySettings`], and
//! [`train`], which trains in a folder and returns the accuracy on the test cases.
//!
//! Cases of 256 positions and more whose lengths differ by a quarter or more are batched by length: within
//! sixteen batches of an epoch's order.
//!
//! | cases | used for |
//! |---|---|
//! | training | gradients, standardisation, the baselines |
//! | validation | the choice of the checkpoint; a tenth of what was given for training, by class and seed |
//! | test | the figures, once; a fifth of what was given, by class and seed, when there is none |

mod baselines;
mod cases;
mod experiment;
mod job;
mod page;
mod scores;
mod settings;
mod source;
mod subsets;
mod task;

pub use baselines::{Baseline, baselines};
pub use cases::{Cases, Content};
pub use experiment::CaseExperiment;
pub use job::{Job, Summary, predict_file, predictions_csv, train};
pub use page::confusion_plot;
pub use scores::{Predictions, Scores, predict, wilson};
pub use settings::{ClassifySettings, ModelSettings};
pub use source::{Loaded, Source};
pub use task::Task;

use crate::error::LearnError;

fn bad(field: &str, value: impl ToString, remedy: impl Into<String>) -> LearnError {
    LearnError::BadValue {
        field: field.to_owned(),
        value: value.to_string(),
        remedy: remedy.into(),
    }
}
