//! Integration tests of the claims.

mod mamba;
mod report;
mod spacetime;
#[cfg(test)]
mod state_matrices;
mod systems;
