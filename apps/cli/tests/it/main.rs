//! The real binary on tiny models: folders, resumption, bad input, streams.
//!
//! The modules are marked as tests so that clippy allows `unwrap` in their plain functions too.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bad_model;
#[cfg(test)]
mod classify;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod data;
mod forecast;
#[cfg(test)]
#[cfg(test)]
mod matrices;
#[cfg(test)]
mod resuming;
#[cfg(test)]
mod trouble;
#[cfg(test)]
mod world;
