//! RWKV-7: time mix and channel mix.
//!
//! Source: Peng et al., "RWKV-7 Goose" (arXiv 2503.14456), section 4 and appendix; parameter names,
//! shapes and initial values as in BlinkDL/RWKV-LM (Apache-2.0), read for facts.
//!
//! Time mix of an input x, with x' the input of the position before:
//!
//! ```text
//! x_n  = x + (x' - x) o mu_n                    for n in r, w, k, v, a, g
//! r, k, v = W_r x_r, W_k x_k, W_v x_v
//! log w = -e^(-1/2) sigmoid(w0 + tanh(x_w w1) w2)
//! v    <- v + (v_first - v) o sigmoid(v0 + x_v v1 v2)      not in the first layer, whose v is v_first
//! a     = sigmoid(a0 + x_a a1 a2)               in-context learning rate
//! g     = sigmoid(x_g g1) g2                    gate
//! kk    = (k o k_k) / |k o k_k| per head;       k <- k o (1 + (a - 1) o k_a)
//! S_t   = S_{t-1} diag(w_t) - (S_{t-1} kk_t) (kk_t o a_t)^T + v_t k_t^T;   y_t = S_t r_t
//! out   = W_o ((GroupNorm(y) + (sum_head r o k o r_k) v) o g)
//! ```
//!
//! Channel mix: out = W_v relu(W_k (x + (x' - x) o mu_k))^2.
//!
//! | paper | here | shape |
//! |---|---|---|
//! | mu_r .. mu_g | `x_r` .. `x_g` | [1, 1, channel] |
//! | w0, a0, v0, xi, alpha | `w0`, `a0`, `v0`, `k_k`, `k_a` | [1, 1, channel] |
//! | low-rank factors | `w1`, `w2`, ... | [channel, rank], [rank, channel] |
//! | rho | `r_k` | [head, head_dim] |
//! | W_r, W_k, W_v, W_o | `receptance`, `key`, `value`, `output` | [channel, channel] |
//! | S, indexed [value, key] | state entry `S` | [batch, head, value, key] |
//! | x of the last position | state entries `att_x_prev`, `ffn_x_prev` | [batch, channel] |
//!
//! The epsilon of the group norm is 64e-5 whatever the head size, as published. `v0`, `v1`, `v2`
//! exist in every layer and are not read in the first, as in the files of the training code.

mod channel_mix;
mod config;
mod init;
mod materialise;
pub mod reference;
mod shift;
mod time_mix;

pub use channel_mix::Rwkv7ChannelMix;
pub use config::{Rwkv7ChannelConfig, Rwkv7Config};
pub use time_mix::Rwkv7;
