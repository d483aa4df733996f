//! Integration tests of the claims.

mod mamba;
mod report;
mod state_matrices;
mod systems;
