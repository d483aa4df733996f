#![doc = include_str!("../README.md")]

pub mod attention;
mod error;
pub mod layers;
pub mod mamba;
pub mod mamba2;
mod mixer;
pub mod registry;
pub mod rwkv7;
mod settings;
mod state;

pub use error::MixerError;
pub use mixer::{CausalMixer, Cost, Materialised, Mixer, Pass};
pub use registry::{CausalLayer, Settings};
pub use settings::{MixerSettings, Place};
pub use state::State;
