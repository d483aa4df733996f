//! What models over whole sequences share: a residual stack of mixers on [batch, length, hidden].
//!
//! ```text
//! before (default):  h += dropout(mixer(norm(h)))   per block, then norm(h)
//! after:             h = norm(h + dropout(mixer(h)))  per block
//! ```
//! The second form is the one that S4 used for several tasks of Long Range Arena (arXiv 2111.00396,
//! appendix D). The norm is one over the channels of a position (layer, the default) or over the positions
//! of a batch (batch, which the published models have on most of those tasks). Any mixer of the registry goes into the causal form; those of
//! [`TWO_SIDED`](resolvent_mixers::two_sided::TWO_SIDED) have one that sees both directions.

mod backbone;
mod config;
mod dropout;
mod norm;

pub use backbone::{Backbone, BackboneBlock};
pub use config::{BackboneConfig, NormKind, NormPlace};
pub use dropout::Dropout;
pub use norm::{BatchNorm, Norm, Padding};

use resolvent_mixers::AnyLayer;

/// Published name of the parameter at `path`: the names of enum variants are dropped, and `d` gets the
/// capital of the papers.
pub fn published_name(path: &str) -> String {
    let parts = path.split('.').filter_map(|part| match part {
        variant if AnyLayer::is_variant(variant) => None,
        variant if Norm::VARIANTS.contains(&variant) => None,
        "a_log" => Some("A_log"),
        "d" => Some("D"),
        other => Some(other),
    });
    parts.collect::<Vec<_>>().join(".")
}
