//! Classifiers of whole sequences: a case in, one logit per class out.
//!
//! ```text
//! h = W x + b  (series)   or   h = embedding[token]  (tokens)
//! h = stack(h);   pooled = mean of h over the case's own length;   logits = W pooled + b
//! ```
//! The encoder, the mean over the valid length and the linear head are those of S4's published code.
//! Cases of unequal length are padded on the right; padding changes no logit beyond rounding. Series
//! are standardised per channel by constants that the model carries; a missing value counts as the
//! channel's mean.

mod config;
mod folder;
mod model;

pub use config::{ClassifierConfig, InputKind};
pub use folder::{load, save};
pub use model::{CaseBatch, Classifier, Values};

pub use crate::sequence::published_name;
