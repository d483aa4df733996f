//! Integration tests of the claims.

mod mamba;
mod report;
mod spacetime;
#[cfg(test)]
mod state_matrices;
#[cfg(test)]
mod stopping;
mod systems;
