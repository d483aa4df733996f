#![doc = include_str!("../README.md")]

pub mod bench;
mod claim;
mod error;
pub mod fixed_states;
pub mod hippo;
pub mod mamba;
pub mod ptd;
pub mod report;
pub mod s4;
pub mod s4d;
pub mod spacetime;
pub mod systems;
pub mod trained;

pub use claim::{CLAIMS, Claim, Options, Progress, find};
pub use error::ClaimError;
pub use report::Report;
