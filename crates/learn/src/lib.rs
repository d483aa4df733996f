#![doc = include_str!("../README.md")]

pub mod checkpoint;
pub mod classification;
pub mod clip;
mod error;
pub mod forecast;
pub mod language;
pub mod metrics;
pub mod optimiser;
pub mod plot;
pub mod recipe;
pub mod report;
pub mod run_folder;
pub mod schedule;
pub mod trainer;

pub use error::{LearnError, Place};
