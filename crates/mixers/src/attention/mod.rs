//! Causal softmax attention with rotary positions: the baseline that every table needs.
//!
//! Sources: Vaswani et al. (arXiv 1706.03762); rotary positions, Su et al. (arXiv 2104.09864), in
//! the half-split convention of Llama checkpoints: channel i is paired with i + head_dim / 2 and
//! turned by position * base^(-2 i / head_dim).
//!
//! ```text
//! (q, k, v) = (W_q u, W_k u, W_v u);   q, k turned by their positions
//! out = W_o softmax(q k^T / sqrt(head_dim), masked above the diagonal) v
//! ```
//!
//! | here | shape |
//! |---|---|
//! | `q_proj`, `k_proj`, `v_proj`, `o_proj` | [hidden, hidden] |
//! | state entries `key`, `value` | [batch, position, head, head_dim], growing |
//!
//! Cost: O(len^2 hidden) time; queries go in blocks of 512, so that memory is O(512 len) per head.

mod layer;
pub mod reference;
mod rotary;

pub use layer::{Attention, AttentionConfig};
