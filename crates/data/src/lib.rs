#![doc = include_str!("../README.md")]

pub mod baselines;
pub mod benchmarks;
pub mod corpus;
mod error;
mod files;
pub mod hashing;
pub mod images;
pub mod labelled_table;
pub mod lra;
pub mod packages;
pub mod rng;
pub mod sequences;
pub mod series;
pub mod tasks;
pub mod ts_file;
pub mod windows;

pub use error::DataError;
