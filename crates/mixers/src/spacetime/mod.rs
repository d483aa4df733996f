//! SpaceTime: companion state matrices for time series.
//!
//! Source: Zhang, Saab, Poli, Dao, Goel and Re, "Effectively Modeling Time Series with Simple Discrete
//! State Spaces" (arXiv 2303.09489).
//!
//! ```text
//! x_{k+1} = A x_k + b u_k,  y_k = c x_{k+1} + s u_k,   A = shift down + a e_d^T,  |a|_1 = 1
//! kernel f_k = c A^k b
//! out = W gelu(y) + w + y
//! closed loop: the input that a layer predicts for itself is k x, so horizon step j holds
//!   y_j = c (A + b k)^j x,   u_j = k (A + b k)^j x
//! ```
//!
//! |a|_1 = 1 makes the largest column sum of A 1, so A has no eigenvalue beyond the unit circle. Nothing
//! holds A + b k there (nor does the published code, which normalises b and k): trained loops reach radii
//! above 1, and forecasts far beyond the trained horizon explode. [`Feedback::Bounded`] closes the loop
//! in a form that cannot:
//!
//! ```text
//! k = e_d,  b = g - a,  |g|_1 <= 1:   A + b k = shift down + g e_d^T
//! ```
//!
//! so that the loop is a companion matrix under the bound of A. What a free row can express is lost by
//! the bound alone and not by k = e_d: every observable pair (k, A) has coordinates in which k = e_d and
//! A is a companion matrix with a last column (the observer canonical form), and b and c are free in them.
//! As a predictor the layer is u_{t+1} = sum_m b_{d-1-m} u_{t-m} + a_{d-1-m} û_{t-m} with û its own
//! predictions; closed, an autoregression with the coefficients of g.
//!
//! | published | here | shape |
//! |---|---|---|
//! | `ssm.a`, `ssm.b`, `ssm.c` | `kernel.a`, `kernel.b`, `kernel.c` | [n_kernels, d_state] |
//! | `decoder.blocks.ssm.k` | `kernel.k` | [n_kernels, d_state] |
//! | (none) | `kernel.g`, in place of b and k with [`Feedback::Bounded`] | [n_kernels, d_state] |
//! | `ssm.skip` | `skip` | `[channel]` |
//! | `mlp.layers` | `mlp` | weight [channel, channel], bias `[channel]` |
//! | x | state entry `state` | [batch, channel, d_state] |
//! | inputs of the fixed filters | state entry `inputs` | [batch, channel, tap - 1] |
//!
//! n_kernels = channels / n_heads; channel = kernel n_heads + head. The optional first stage is fixed:
//! differences of order 0 to 3 and what is left of four moving averages, in turn over the kernels.
//!
//! Deviations: only `a` is normalised (the published code normalises b, c and k in some places and not
//! in others); windows of the moving averages come from `ma_seed` alone; the block's residual and its
//! dropout are the caller's.

mod block;
mod closed_loop;
mod config;
mod init;
mod kernel;
mod layer;
mod preprocess;

pub use closed_loop::ClosedLoop;
pub use config::{Feedback, SpaceTimeConfig, StateMatrix};
pub use kernel::CompanionKernel;
pub use layer::SpaceTime;
