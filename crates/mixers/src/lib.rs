#![doc = include_str!("../README.md")]

pub mod attention;
pub mod dss;
mod error;
pub mod layers;
pub mod lti;
pub mod mamba;
pub mod mamba2;
mod mixer;
pub mod registry;
pub mod rwkv7;
pub mod s4;
pub mod s4d;
pub mod s5;
mod settings;
pub mod spacetime;
mod state;
pub mod two_sided;

pub use error::MixerError;
pub use mixer::{CausalMixer, Cost, Materialised, Mixer, Pass};
pub use registry::{CausalLayer, Settings};
pub use settings::{MixerSettings, Place};
pub use state::State;
pub use two_sided::{AnyLayer, TwoSided};
