#![doc = include_str!("../README.md")]

pub mod classifier;
pub mod error;
pub mod forecaster;
pub mod language;
pub mod sequence;
pub mod state_space;
pub mod weights;

pub use error::ModelError;
