//! Forecasters: a lag window of one column in, the values behind it out.
//!
//! ```text
//! m = mean(lag),  forecast = m + network(lag - m)        values standardised per column
//!
//! spacetime:  z = copy(lag), z = block(z) ...;  closed loop over z;  W drop(gelu(.)) + w
//! any other:  h = W_in [value, marker] over lag and horizon, h += mixer(norm(h)) ...;  W norm(h) + w
//! ```
//!
//! SpaceTime is the network of Zhang, Saab, Poli, Dao, Goel and Re, "Effectively Modeling Time Series
//! with Simple Discrete State Spaces" (arXiv 2303.09489): the first encoder block has the fixed filters,
//! the decoder feeds its own predictions back, so that any horizon can be asked for. With any other
//! causal mixer the window is followed by the horizon as zeros with a marker, and the outputs are read
//! there; any horizon again.
//!
//! Columns are independent: each is a series of its own, and all share the weights (as in DLinear and in
//! SpaceTime's univariate runs).
//!
//! | here | shape |
//! |---|---|
//! | lag | [window, context] |
//! | forecast | [window, horizon] |
//! | `encoder.N.*` | see [`resolvent_mixers::spacetime`] |
//! | `decoder.*` | the same; its `skip` and `mlp` take no part, as in the published decoder |
//! | `output.weight`, `output.bias` | [1, hidden], `[1]` |
//!
//! Deviations: the vectors b and c of the encoder start with deviation 1 / sqrt(d_state) (the published
//! option `xavier`) instead of 1; b and k of the decoder, or a and g, start with 1-norm 1, without which
//! A + b k has a spectral radius far above 1 and long horizons overflow (the published code normalises in
//! its forward pass instead, which does not hold the loop stable either); later encoder blocks have one
//! head per kernel. With `feedback = "bounded"`, the default of `resolvent forecast`, the loop cannot grow,
//! whatever the weights; see [`resolvent_mixers::spacetime`].

mod config;
mod folder;
mod model;
mod spacetime;
mod stack;

pub use config::{Column, ForecasterConfig};
pub use folder::{KIND, load, published_name, save};
pub use model::{Forecaster, Network, Trace};
pub use spacetime::SpaceTimeNetwork;
pub use stack::StackNetwork;
