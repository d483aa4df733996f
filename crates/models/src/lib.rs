#![doc = include_str!("../README.md")]

pub mod error;
pub mod forecaster;
pub mod language;
pub mod weights;

pub use error::ModelError;
