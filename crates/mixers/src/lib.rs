#![doc = include_str!("../README.md")]

pub mod attention;
mod error;
pub mod layers;
pub mod mamba2;
mod mixer;
pub mod registry;
mod state;

pub use error::MixerError;
pub use mixer::{CausalMixer, Cost, Materialised, Mixer};
pub use registry::CausalLayer;
pub use state::State;
