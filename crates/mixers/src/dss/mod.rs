//! DSS: diagonal state spaces whose kernel rows are normalised over the length.
//!
//! Source: Gupta, Gu and Berant, "Diagonal State Spaces are as Effective as Structured State Spaces"
//! (arXiv 2203.14343), the variant called softmax.
//!
//! ```text
//! K_l = Re sum_n (w_n / lambda_n) exp(l dt lambda_n) / sum_{m < L} exp(m dt lambda_n)
//! ```
//!
//! with L = `l_max`. Where Re lambda > 0 the quotient is the same one of -lambda in reverse time, which
//! does not overflow. The system depends on L but not on the length that is run, so it has a
//! recurrence: poles exp(dt lambda), no input gain.
//!
//! | published | here | shape |
//! |---|---|---|
//! | `Lambda` | `lambda_re`, `lambda_im` | `[mode]` |
//! | `W` | `w` | [channel, mode, 2] |
//! | `log_dt` | `log_dt` | `[channel]` |
//! | x | state entries `state_re`, `state_im` | [batch, channel, mode] |
//!
//! mode = d_state; modes are complex and stand for themselves, not for conjugate pairs. Initial
//! eigenvalues are those of HiPPO-LegS of twice the size with positive imaginary part.

mod config;
mod kernel;

pub use config::DssConfig;
pub use kernel::DssKernel;

use crate::lti::SisoLayer;

/// The causal layer.
pub type Dss = SisoLayer<DssKernel>;
