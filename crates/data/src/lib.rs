#![doc = include_str!("../README.md")]

pub mod baselines;
pub mod corpus;
mod error;
pub mod rng;
pub mod tasks;
pub mod windows;

pub use error::DataError;
