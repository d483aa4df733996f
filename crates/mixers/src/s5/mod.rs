//! S5: one complex diagonal system with many inputs and outputs, run as a scan.
//!
//! Source: Smith, Warrington and Linderman, "Simplified State Space Layers for Sequence Modeling"
//! (arXiv 2208.04933); S5-PTD is the same layer started from a perturbed matrix (arXiv 2310.01698).
//!
//! ```text
//! h_t = exp(dt Lambda) h_{t-1} + gain B u_t,   gain = (exp(dt Lambda) - 1) / Lambda   (or bilinear)
//! y_t = 2 Re(C h_t) + D u_t,   g = gelu(y)
//! half_glu1: out = g sigmoid(W2 g)   half_glu2: out = y sigmoid(W2 g)   full_glu: out = (W1 g) sigmoid(W2 g)
//! ```
//!
//! | published | here | shape |
//! |---|---|---|
//! | `Lambda_re`, `Lambda_im` | `lambda_re`, `lambda_im` | `[mode]` |
//! | `B` | `b` | [mode, channel, 2] |
//! | `C` | `c` | [channel, mode, 2] ([channel, 2 mode, 2] for both directions) |
//! | `D` | `d` | `[channel]` |
//! | `log_step` | `log_step` | [mode, 1] |
//! | `out1`, `out2` | `out1`, `out2` | W1, W2 with bias; weights [out, in] |
//! | x | state entries `state_re`, `state_im` | [batch, mode] |
//!
//! mode = d_state / 2, one of each conjugate pair. The activation is the tanh form of GELU, which is
//! what the published code's library means by that name.

mod config;
mod gate;
mod init;
mod layer;
mod reference;
mod system;
mod two_sided;

pub use config::{Activation, OutputInit, S5Config, S5Init};
pub use gate::S5Gate;
pub use layer::S5;
pub use system::S5System;
pub use two_sided::TwoSidedS5;
