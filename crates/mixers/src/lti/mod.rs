//! What the time-invariant mixers share: the layer around one kernel per channel.
//!
//! Source: Gu, Goel and Re (arXiv 2111.00396), section 3.4, and the block of its published code.
//!
//! ```text
//! y = kernel * u + D u                     convolution along the length, per channel
//! out = (W_v g + b_v) sigmoid(W_g g + b_g),   g = gelu(y)
//! ```
//!
//! | published | here | shape |
//! |---|---|---|
//! | `D` | `d` | `[channel]` |
//! | `output_linear.weight` | `output_linear.weight` | [2 channel, channel]: W_v, then W_g |
//! | `output_linear.bias` | `output_linear.bias` | [2 channel] |
//!
//! A kernel that a [`SisoKernel`] makes gives three forms: the convolution, the convolution from a
//! state (what the state still contributes is added), and the recurrence that proves them.
//! Deviation: the published block has dropout before and behind the activation; mixers have none.

mod complex;
mod layer;
mod output;
pub(crate) mod reference;
mod transform;
mod two_sided;

pub(crate) use complex::{complex_entry, split, take_complex, tile, times};
pub(crate) use layer::layer_cost;
pub use layer::{SisoKernel, SisoLayer};
pub use output::GatedOutput;
pub use transform::Transform;
pub(crate) use transform::{check_steps, draw_steps};
pub use two_sided::TwoSidedLayer;
