//! Integration tests of model families.

#[cfg(test)]
mod classifier;
#[cfg(test)]
mod forecaster;
#[cfg(test)]
mod language;
#[cfg(test)]
mod rwkv7;
#[cfg(test)]
mod state_space;
