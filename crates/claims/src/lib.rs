#![doc = include_str!("../README.md")]

pub mod bench;
mod claim;
mod error;
pub mod mamba;
pub mod report;
pub mod spacetime;
pub mod systems;

pub use claim::{CLAIMS, Claim, Options, Progress, find};
pub use error::ClaimError;
pub use report::Report;
