//! Integration tests of the claims.

mod mamba;
mod report;
mod spacetime;
mod systems;
