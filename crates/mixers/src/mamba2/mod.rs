//! Mamba-2, and its time-invariant twin.
//!
//! Source: Dao and Gu, "Transformers are SSMs" (arXiv 2405.21060), section 7 and listing 1;
//! parameter names and layouts as in state-spaces/mamba and in Hugging Face `Mamba2ForCausalLM`.
//!
//! ```text
//! (z, x, B, C, dt) = W_in u                    one projection, rows in this order
//! x, B, C          = silu(conv1d(x, B, C))     depthwise, causal, width K
//! Delta            = softplus(dt + dt_bias)    one per head, clamped to time_step_limit
//! S_t = exp(Delta_t A) S_{t-1} + Delta_t x_t B_t^T;  y_t = S_t C_t + D x_t     A = -exp(A_log)
//! out = W_out RMSNorm(y silu(z))               norm per group, after the gate
//! ```
//!
//! | paper | here | shape |
//! |---|---|---|
//! | d_model | `hidden_size` | |
//! | E = expand d_model | `inner` | heads x head_dim |
//! | N, G, H, P | `state_size`, `n_groups`, `num_heads`, `head_dim` | |
//! | S | state entry `ssm` | [batch, head, head_dim, state] |
//! | last K - 1 inputs of the convolution | state entry `conv` | [batch, channel, tap] |
//!
//! The *time-invariant twin* (`selective = false`, registry name `mamba2-lti`) is the same block
//! with Delta, B and C learned constants instead of functions of the input: what selection adds is
//! the difference between the two. Its convolution covers x only.
//!
//! Initialisation as in the original (A ~ U(1, 16), Delta log-uniform in [time_step_min,
//! time_step_max]); the Hugging Face port starts from A_log = log(1..H), which is not what the paper
//! trained.

mod config;
mod init;
mod layer;
mod materialise;
pub mod reference;

pub use config::Mamba2Config;
pub use layer::{Conv1dWeights, Mamba2};
