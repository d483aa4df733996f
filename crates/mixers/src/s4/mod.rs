//! S4: a diagonal-plus-low-rank state matrix per channel.
//!
//! Source: Gu, Goel and Re, "Efficiently Modeling Long Sequences with Structured State Spaces" (arXiv
//! 2111.00396); tied low-rank part: Goel, Gu, Donahue and Re (arXiv 2202.09729); initial matrices: Gu,
//! Johnson, Timalsina, Rudra and Re (arXiv 2206.12037).
//!
//! ```text
//! A = diag(Lambda) - P P^*,  bilinear rule:  A_d = (I - dt A / 2)^-1 (I + dt A / 2)
//!                                            B_d = (I - dt A / 2)^-1 dt B
//! h_t = A_d h_{t-1} + B_d u_t,   y_t = 2 Re(C h_t) + D u_t,   K_l = 2 Re(C A_d^l B_d)
//! ```
//!
//! Parallel form: the kernel by Cauchy sums ([`resolvent_kernels::cauchy`]) from C (I - A_d^length),
//! then one long convolution; up to length 128 the kernel comes from the recurrence itself, because
//! C (I - A_d^length) cancels there. From a state: the recurrence in O(d_state) per position
//! ([`resolvent_kernels::lowrank_scan`]).
//!
//! | published | here | shape |
//! |---|---|---|
//! | `kernel.C` | `kernel.c` | [channel, mode, 2] |
//! | `kernel.B` | `kernel.b` | [n_ssm, mode, 2] |
//! | `kernel.P` | `kernel.p` | [rank, n_ssm, mode, 2] |
//! | `kernel.A_real`, `kernel.A_imag` | `kernel.a_real`, `kernel.a_imag` | [n_ssm, mode] |
//! | `kernel.inv_dt` | `kernel.inv_dt` | [channel, 1] |
//! | x | state entries `state_re`, `state_im` | [batch, channel, mode] |
//!
//! Lambda = -real(a_real) - i a_imag, mode = d_state / 2, one of each conjugate pair; channel h uses
//! system h mod n_ssm.
//!
//! Deviation: the published parameter is C (I - A_d^l_max) for one length `l_max`; it has to be
//! converted before the layer can be stepped, sampled at another rate or run at another length, and
//! silently is not. Here `c` is C itself, good for every length, and C A_d^length costs one more
//! recurrence; with `l_max` above zero the parameter is the published one, its kernel is cut from
//! that of `l_max`, and [`S4Kernel::solved`] converts it.

mod config;
mod discrete;
mod init;
mod kernel;

pub use config::{Measure, S4Config};
pub use kernel::S4Kernel;

use crate::lti::{SisoLayer, TwoSidedLayer};

/// The causal layer.
pub type S4 = SisoLayer<S4Kernel>;
/// The layer that sees both directions.
pub type TwoSidedS4 = TwoSidedLayer<S4Kernel>;
