//! Configuration with the published key names of Hugging Face `MambaConfig`.

use crate::error::MixerError;
use crate::mixer::Cost;
use crate::settings::{Checks, MixerSettings};
use serde::{Deserialize, Serialize};

/// Operations of the scan per (position, channel, state): dt A, its exponential, two for the decay
/// and the input's product, one for the sum with it, two for C h.
const SCAN: u64 = 7;

/// Sizes and constants of one Mamba block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MambaConfig {
    /// Channels of input and output.
    pub hidden_size: usize,
    /// State size N.
    pub state_size: usize,
    /// Inner width over hidden size.
    pub expand: usize,
    /// Taps of the short convolution.
    pub conv_kernel: usize,
    /// Rank R of the step size's projection; 0 is the published "auto", a sixteenth of the hidden
    /// size, rounded up.
    pub time_step_rank: usize,
    /// Smallest initial step size.
    pub time_step_min: f64,
    /// Largest initial step size.
    pub time_step_max: f64,
    /// Initial step sizes are raised to this.
    pub time_step_floor: f64,
    /// Initial step-size weights lie within this over sqrt(R).
    pub time_step_scale: f64,
}

impl Default for MambaConfig {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            state_size: 16,
            expand: 2,
            conv_kernel: 4,
            time_step_rank: 0,
            time_step_min: 1e-3,
            time_step_max: 1e-1,
            time_step_floor: 1e-4,
            time_step_scale: 1.0,
        }
    }
}

impl MambaConfig {
    /// Inner width E.
    pub fn inner(&self) -> usize {
        self.hidden_size * self.expand
    }

    /// Rank R.
    pub fn rank(&self) -> usize {
        match self.time_step_rank {
            0 => self.hidden_size.div_ceil(16),
            rank => rank,
        }
    }

    /// Rows of the projection to (r, B, C).
    pub fn x_rows(&self) -> usize {
        self.rank() + 2 * self.state_size
    }
}

impl MixerSettings for MambaConfig {
    fn mixer(&self) -> &'static str {
        "mamba"
    }

    fn width(&self) -> usize {
        self.hidden_size
    }

    fn validate(&self) -> Result<(), MixerError> {
        let checks = Checks(self.mixer());
        checks.sizes(&[
            ("hidden_size", self.hidden_size),
            ("state_size", self.state_size),
            ("expand", self.expand),
            ("conv_kernel", self.conv_kernel),
            ("time_step_rank", self.rank()),
        ])?;
        // Products of these are counted in 64 bits.
        checks.sizes(&[("expand", self.inner()), ("state_size", self.x_rows())])?;
        let steps = [self.time_step_min, self.time_step_max, self.time_step_floor];
        if steps.iter().any(|v| !(v.is_finite() && *v > 0.0)) || steps[0] > steps[1] {
            let expected = "0 < min <= max, floor > 0";
            return Err(checks.refuse("time_step_min", format!("{steps:?}"), expected));
        }
        checks.positive("time_step_scale", self.time_step_scale)
    }

    fn cost(&self, length: usize) -> Cost {
        let (hidden, inner) = (self.hidden_size as u64, self.inner() as u64);
        let (state, taps) = (self.state_size as u64, self.conv_kernel as u64);
        let (rank, x_rows) = (self.rank() as u64, self.x_rows() as u64);
        let weights = 3 * hidden * inner + inner * (x_rows + rank);
        // Per channel: convolution, dt x, D x, gate.
        let step = 2 * weights + inner * (2 * taps + SCAN * state + 6);
        Cost {
            parallel_flops: (length as u64).saturating_mul(step),
            step_flops: step,
            state_bytes: 4 * inner * (taps - 1 + state),
            // Taps and bias of the convolution, A_log, b_dt and D.
            parameters: weights + inner * (taps + 1 + state + 2),
        }
    }
}
