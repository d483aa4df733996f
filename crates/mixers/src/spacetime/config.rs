//! Sizes and constants.

use crate::error::MixerError;
use crate::mixer::Cost;
use crate::settings::{Checks, MixerSettings};
use serde::{Deserialize, Serialize};

pub(super) const NAME: &str = "spacetime";

/// Which state matrix the kernels have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum StateMatrix {
    /// Shift with a learned last column.
    #[default]
    Companion,
    /// Shift alone: a filter with `d_state` taps c.
    Shift,
}

/// How a layer that predicts its own inputs closes the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Feedback {
    /// By a row k of its own, as in the published code: A + b k may be unstable.
    #[default]
    Free,
    /// By the last state element, with a loop that is a companion matrix of 1-norm at most 1; see the
    /// text of [`crate::spacetime`].
    Bounded,
}

/// Sizes and constants of a SpaceTime layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpaceTimeConfig {
    /// Channels of input and output.
    pub hidden_size: usize,
    /// State elements per kernel.
    pub d_state: usize,
    /// Channels that share a kernel; divides `hidden_size`.
    pub n_heads: usize,
    /// Which state matrix.
    pub ssm: StateMatrix,
    /// Whether the fixed filters come first.
    pub preprocess: bool,
    /// What the windows of the moving averages are drawn from.
    pub ma_seed: u64,
    /// Whether the layer predicts its own inputs, for forecasts.
    pub closed_loop: bool,
    /// How it does so; without meaning where it does not.
    pub feedback: Feedback,
}

impl Default for SpaceTimeConfig {
    fn default() -> Self {
        Self {
            hidden_size: 128,
            d_state: 64,
            n_heads: 1,
            ssm: StateMatrix::Companion,
            preprocess: false,
            ma_seed: 0,
            closed_loop: false,
            feedback: Feedback::Free,
        }
    }
}

impl SpaceTimeConfig {
    /// Kernels of the layer.
    pub fn n_kernels(&self) -> usize {
        self.hidden_size / self.n_heads.max(1)
    }

    /// Whether the loop is closed by the bounded companion matrix.
    pub(super) fn is_bounded(&self) -> bool {
        self.closed_loop && self.feedback == Feedback::Bounded
    }
}

impl MixerSettings for SpaceTimeConfig {
    fn mixer(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.hidden_size
    }

    fn validate(&self) -> Result<(), MixerError> {
        let checks = Checks(NAME);
        checks.sizes(&[
            ("hidden_size", self.hidden_size),
            ("d_state", self.d_state),
            ("n_heads", self.n_heads),
        ])?;
        checks.divides(("n_heads", self.n_heads), self.hidden_size, "hidden_size")
    }

    fn cost(&self, length: usize) -> Cost {
        let (width, state) = (self.hidden_size as u64, self.d_state as u64);
        let (kernels, len) = (self.n_kernels() as u64, length as u64);
        let size = 2 * len.max(1).next_power_of_two();
        let transforms = 3 * 5 * size * u64::from(size.ilog2()) / 2 + 6 * size;
        let dense = 2 * width * width + 12 * width;
        // c, and a where the matrix has one; then g, or b (again with a) and k.
        let companion = u64::from(self.ssm == StateMatrix::Companion);
        let trained = match self.is_bounded() {
            true => 2 + companion,
            false => 1 + 2 * companion + u64::from(self.closed_loop),
        };
        let taps = super::preprocess::TAPS as u64;
        let filters = if self.preprocess {
            width * (taps - 1)
        } else {
            0
        };
        Cost {
            // About four products of power series for the kernel.
            parallel_flops: width * transforms + 4 * kernels * transforms + len * dense,
            step_flops: dense + 4 * width * state + 2 * filters,
            state_bytes: 4 * (width * state + filters),
            parameters: trained * kernels * state + width + width * width + width,
        }
    }
}
