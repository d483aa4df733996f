//! Mamba-1: the S6 block, with one decay per channel and state.
//!
//! Source: Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces"
//! (arXiv 2312.00752), section 3.4 and figure 3; parameter names and layouts as in state-spaces/mamba
//! and in Hugging Face `MambaForCausalLM`.
//!
//! ```text
//! (x, z)        = W_in u                        one projection, rows in this order
//! x             = silu(conv1d(x))               depthwise, causal, width K
//! (r, B, C)     = W_x x                         one projection, rows in this order
//! Delta         = softplus(W_dt r + b_dt)       one per channel, through rank R
//! h_t,n = exp(Delta_t A_n) h_t-1,n + Delta_t B_t,n x_t      per channel; A = -exp(A_log)
//! y_t   = sum_n C_t,n h_t,n + D x_t
//! out   = W_out (y silu(z))
//! ```
//!
//! | paper | here | shape |
//! |---|---|---|
//! | D | `hidden_size` | |
//! | E = expand D | `inner` | |
//! | N | `state_size` | |
//! | R | `time_step_rank` | |
//! | h | state entry `ssm` | [batch, channel, state] |
//! | last K - 1 inputs of the convolution | state entry `conv` | [batch, channel, tap] |
//!
//! Initialisation as published: A_log = log(1..N) for every channel, D = 1, Delta log-uniform in
//! [time_step_min, time_step_max] through b_dt, W_dt ~ U(-R^-1/2, R^-1/2). `W_out` is scaled by
//! layers^-1/2 as in the original; Hugging Face does so only when asked.

mod config;
mod init;
mod layer;
mod materialise;
pub mod reference;

pub use config::MambaConfig;
pub use layer::{Mamba, StepProjection};
