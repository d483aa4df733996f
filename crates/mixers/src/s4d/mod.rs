//! S4D: a diagonal state matrix per channel, its kernel by Vandermonde sums.
//!
//! Source: Gu, Gupta, Goel and Re, "On the Parameterization and Initialization of Diagonal State Space
//! Models" (arXiv 2206.11893); the perturbed initialisation (S4-PTD) is that of Yu, Nigmetov, Morozov,
//! Mahoney and Erichson, "Robustifying State-space Models for Long Sequences via Approximate
//! Diagonalization" (arXiv 2310.01698).
//!
//! ```text
//! h_t = z h_{t-1} + gain u_t,   y_t = 2 Re sum_n C_n B_n h_t,n + D u_t
//! K_l = 2 Re sum_n C_n B_n gain_n z_n^l
//! z, gain = exp(dt A), (exp(dt A) - 1) / A   or   (1 + dt A / 2) / (1 - dt A / 2), dt / (1 - dt A / 2)
//! A = -real(log_a_real) + i a_imag
//! ```
//!
//! | published | here | shape |
//! |---|---|---|
//! | `kernel.C` | `kernel.c` | [channel, mode, 2] |
//! | `kernel.log_dt` | `kernel.log_dt` | `[channel]` |
//! | `kernel.log_A_real` | `kernel.log_a_real` | [n_ssm, mode] |
//! | `kernel.A_imag` | `kernel.a_imag` | [n_ssm, mode]; absent for real eigenvalues |
//! | `kernel.B` | `kernel.b` | [n_ssm, mode, 2]; absent when not trained: then it is part of C |
//! | x | state entries `state_re`, `state_im` | [batch, channel, mode], without the factor B |
//!
//! mode = d_state / 2, one of each conjugate pair; channel h uses system h mod n_ssm. A mode that
//! stands alone (a real eigenvalue of the perturbed matrix) starts with half its C, because pairs are
//! doubled.

mod config;
mod init;
mod kernel;

pub use config::{Discretisation, S4dConfig, S4dInit};
pub use kernel::S4dKernel;

use crate::lti::{SisoLayer, TwoSidedLayer};

/// The causal layer.
pub type S4d = SisoLayer<S4dKernel>;
/// The layer that sees both directions.
pub type TwoSidedS4d = TwoSidedLayer<S4dKernel>;
