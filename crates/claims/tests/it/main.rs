//! Integration tests of the claims.

mod mamba;
mod report;
mod spacetime;
mod state_matrices;
mod systems;
