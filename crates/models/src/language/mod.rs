//! Language models: tokens in, logits of the next token out.
//!
//! ```text
//! h = embedding[tokens];   h += mixer(RMSNorm(h)) per block;   logits = W_head RMSNorm(h)
//! ```
//!
//! The blocks hold any causal mixer of the registry. With `mamba2` everything, from key names to
//! tensor layouts, is that of Hugging Face's `Mamba2ForCausalLM` (arXiv 2405.21060); the head is
//! tied to the embedding unless the configuration says otherwise. With `rwkv7` it is RWKV-7
//! (arXiv 2503.14456): layer norms, one behind the embedding too, a channel mix behind every time
//! mix, a head of its own, and the tensors under their published names.
//!
//! | here | shape |
//! |---|---|
//! | tokens | [batch, length] |
//! | hidden | [batch, length, hidden_size] |
//! | logits | [batch, length, vocab_size] |

mod architecture;
mod block;
mod config;
mod folder;
mod generate;
mod layouts;
mod loss;
mod model;

pub use architecture::Norm;
pub use block::Block;
pub use config::LanguageConfig;
pub use folder::{CONFIG_FILE, WEIGHTS_FILE, load, published_name, save};
pub use generate::{Continuation, Sampler, Sampling};
pub use loss::{cross_entropy, token_losses};
pub use model::{Backbone, Embedding, LanguageModel};
