//! What models over whole sequences share: a residual stack of mixers on [batch, length, hidden].
//!
//! ```text
//! before (default):  h += dropout(mixer(LayerNorm(h)))   per block, then LayerNorm(h)
//! after:             h = LayerNorm(h + dropout(mixer(h)))  per block
//! ```
//! The second form is the one that S4 used for several tasks of Long Range Arena (arXiv 2111.00396,
//! appendix D). Any mixer of the registry goes into the causal form; those of
//! [`TWO_SIDED`](resolvent_mixers::two_sided::TWO_SIDED) have one that sees both directions.

mod backbone;
mod config;
mod dropout;

pub use backbone::{Backbone, BackboneBlock};
pub use config::{BackboneConfig, NormPlace};
pub use dropout::Dropout;

use resolvent_mixers::AnyLayer;

/// Published name of the parameter at `path`: the names of enum variants are dropped, and `d` gets the
/// capital of the papers.
pub fn published_name(path: &str) -> String {
    let parts = path.split('.').filter_map(|part| match part {
        variant if AnyLayer::is_variant(variant) => None,
        "a_log" => Some("A_log"),
        "d" => Some("D"),
        other => Some(other),
    });
    parts.collect::<Vec<_>>().join(".")
}
