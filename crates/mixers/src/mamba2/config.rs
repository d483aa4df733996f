//! Configuration with the published key names of Hugging Face `Mamba2Config`.

use crate::error::MixerError;
use crate::mixer::Cost;
use crate::settings::{Checks, MixerSettings};
use serde::{Deserialize, Serialize};

/// Longest chunk of the CPU body: longer ones spend more on the quadratic part than they save.
const CHUNK: usize = 64;

/// Sizes and constants of one Mamba-2 block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mamba2Config {
    /// Channels of input and output.
    pub hidden_size: usize,
    /// State size N.
    pub state_size: usize,
    /// Inner width over hidden size.
    pub expand: usize,
    /// Channels per head P; divides `hidden_size * expand`.
    pub head_dim: usize,
    /// Groups G that share B and C; divides the number of heads.
    pub n_groups: usize,
    /// Taps of the short convolution.
    pub conv_kernel: usize,
    /// Positions per chunk that the published model suggests. Changes no result; the CPU body uses
    /// at most 64.
    pub chunk_size: usize,
    /// Smallest initial step size.
    pub time_step_min: f64,
    /// Largest initial step size.
    pub time_step_max: f64,
    /// Initial step sizes are raised to this.
    pub time_step_floor: f64,
    /// Bounds of the step size after softplus; not written when there are none, since neither JSON
    /// nor a recipe has infinity.
    #[serde(skip_serializing_if = "is_unlimited")]
    pub time_step_limit: (f64, f64),
    /// Epsilon of the gated norm.
    pub layer_norm_epsilon: f64,
    /// Whether Delta, B and C depend on the input; `false` is the time-invariant twin.
    pub selective: bool,
}

fn is_unlimited(limit: &(f64, f64)) -> bool {
    *limit == (0.0, f64::INFINITY)
}

impl Default for Mamba2Config {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            state_size: 128,
            expand: 2,
            head_dim: 64,
            n_groups: 1,
            conv_kernel: 4,
            chunk_size: 256,
            time_step_min: 1e-3,
            time_step_max: 1e-1,
            time_step_floor: 1e-4,
            time_step_limit: (0.0, f64::INFINITY),
            layer_norm_epsilon: 1e-5,
            selective: true,
        }
    }
}

impl Mamba2Config {
    /// The time-invariant twin: step size, B and C do not depend on the input.
    pub fn time_invariant() -> Self {
        Self {
            selective: false,
            ..Self::default()
        }
    }

    /// Inner width E.
    pub fn inner(&self) -> usize {
        self.hidden_size * self.expand
    }

    /// Heads H.
    pub fn num_heads(&self) -> usize {
        self.inner() / self.head_dim.max(1)
    }

    /// Channels of B (or C): groups times state size.
    pub fn projection(&self) -> usize {
        self.n_groups * self.state_size
    }

    /// Channels that the short convolution covers.
    pub fn conv_channels(&self) -> usize {
        self.inner()
            + if self.selective {
                2 * self.projection()
            } else {
                0
            }
    }

    /// Rows of the input projection.
    pub fn in_rows(&self) -> usize {
        match self.selective {
            true => self.inner() + self.conv_channels() + self.num_heads(),
            false => 2 * self.inner(),
        }
    }

    /// Positions per chunk on the CPU.
    pub(super) fn chunk(&self) -> usize {
        self.chunk_size.min(CHUNK)
    }
}

impl MixerSettings for Mamba2Config {
    fn mixer(&self) -> &'static str {
        if self.selective {
            "mamba2"
        } else {
            "mamba2-lti"
        }
    }

    fn width(&self) -> usize {
        self.hidden_size
    }

    fn cost(&self, length: usize) -> Cost {
        let len = length as u64;
        let chunk = self.chunk().min(length.max(1)) as u64;
        let (inner, state) = (self.inner() as u64, self.state_size as u64);
        let (hidden, channels) = (self.hidden_size as u64, self.conv_channels() as u64);
        let taps = self.conv_kernel as u64;
        let dense = 2 * hidden * (self.in_rows() as u64 + inner);
        let scores = 2 * chunk * state * self.n_groups as u64;
        let per_token = dense + 2 * taps * channels + scores + 2 * inner * (chunk + 2 * state);
        let constants = if self.selective {
            0
        } else {
            2 * self.projection() as u64
        };
        Cost {
            parallel_flops: len.saturating_mul(per_token),
            step_flops: dense + 2 * taps * channels + 5 * inner * state,
            state_bytes: 4 * (channels * (taps - 1) + inner * state),
            parameters: hidden * (self.in_rows() as u64 + inner)
                + channels * (taps + 1)
                + 3 * self.num_heads() as u64
                + inner
                + constants,
        }
    }

    fn validate(&self) -> Result<(), MixerError> {
        let checks = Checks(self.mixer());
        checks.sizes(&[
            ("hidden_size", self.hidden_size),
            ("state_size", self.state_size),
            ("expand", self.expand),
            ("head_dim", self.head_dim),
            ("n_groups", self.n_groups),
            ("conv_kernel", self.conv_kernel),
            ("chunk_size", self.chunk_size),
        ])?;
        let formula = format!(
            "hidden_size * expand = {} * {}",
            self.hidden_size, self.expand
        );
        checks.divides(("head_dim", self.head_dim), self.inner(), &formula)?;
        let formula = "the number of heads, hidden_size * expand / head_dim";
        checks.divides(("n_groups", self.n_groups), self.num_heads(), formula)?;
        // Products of these are counted in 64 bits.
        checks.sizes(&[("expand", self.inner()), ("state_size", self.projection())])?;
        let (low, high) = self.time_step_limit;
        if low.is_nan() || high.is_nan() || low < 0.0 || low > high {
            let got = format!("({low}, {high})");
            return Err(checks.refuse("time_step_limit", got, "0 <= low <= high"));
        }
        let steps = [self.time_step_min, self.time_step_max, self.time_step_floor];
        if steps.iter().any(|v| !(v.is_finite() && *v > 0.0)) || steps[0] > steps[1] {
            let expected = "0 < min <= max, floor > 0";
            return Err(checks.refuse("time_step_min", format!("{steps:?}"), expected));
        }
        checks.positive("layer_norm_epsilon", self.layer_norm_epsilon)
    }
}
