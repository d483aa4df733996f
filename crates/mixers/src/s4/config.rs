//! Sizes and constants.

use crate::error::MixerError;
use crate::lti::{Transform, check_steps, layer_cost};
use crate::mixer::Cost;
use crate::settings::{Checks, MixerSettings};
use resolvent_structure::hippo::Family;
use serde::{Deserialize, Serialize};

pub(super) const NAME: &str = "s4";

/// Which matrix the systems start from; see [`resolvent_structure::hippo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Scaled Legendre: exponentially decaying memory.
    #[default]
    Legs,
    /// Legendre polynomials on a window; rank 2.
    Legt,
    /// Truncated Fourier series on a window.
    Fout,
    /// No HiPPO matrix: eigenvalues by the law `rand` of S4D, P and B complex normal of unit variance,
    /// another draw for each system. The control of the paper's ablation.
    Random,
}

impl Measure {
    /// The HiPPO family, if it is one.
    pub(super) fn family(self) -> Option<Family> {
        match self {
            Self::Legs => Some(Family::LegS),
            Self::Legt => Some(Family::LegT),
            Self::Fout => Some(Family::FouT),
            Self::Random => None,
        }
    }

    /// Columns of the low-rank part.
    pub fn rank(self) -> usize {
        match self {
            Self::Legs | Self::Fout | Self::Random => 1,
            Self::Legt => 2,
        }
    }
}

/// Sizes and constants of an S4 layer, under the key names of the published configurations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct S4Config {
    /// Channels of input and output.
    pub hidden_size: usize,
    /// Real state elements per channel, even: two for each mode.
    pub d_state: usize,
    /// State matrices; divides `hidden_size`.
    pub n_ssm: usize,
    /// Which matrix the systems start from.
    pub measure: Measure,
    /// How the real parts, negative, are stored.
    pub real_transform: Transform,
    /// How the step sizes are stored.
    pub dt_transform: Transform,
    /// Least initial step size.
    pub dt_min: f64,
    /// Largest initial step size.
    pub dt_max: f64,
    /// Length that the published form of C belongs to; 0 for C itself.
    pub l_max: usize,
}

impl Default for S4Config {
    fn default() -> Self {
        Self {
            hidden_size: 256,
            d_state: 64,
            n_ssm: 1,
            measure: Measure::Legs,
            real_transform: Transform::Exp,
            dt_transform: Transform::Exp,
            dt_min: 1e-3,
            dt_max: 1e-1,
            l_max: 0,
        }
    }
}

impl S4Config {
    /// Modes: one of each conjugate pair.
    pub fn modes(&self) -> usize {
        self.d_state / 2
    }

    /// What the kernel and the state cost.
    pub(super) fn kernel_cost(&self, length: usize) -> Cost {
        let (width, modes) = (self.hidden_size as u64, self.modes() as u64);
        let (systems, rank) = (self.n_ssm as u64, self.measure.rank() as u64);
        let nodes = length as u64 / 2 + 1;
        let sums = (rank + 1) * (rank + 1);
        let step = modes * (16 + 8 * rank);
        let power = if self.l_max == 0 {
            length as u64 * step
        } else {
            0
        };
        Cost {
            // A reciprocal and four multiply-adds per sum for every node and mode; C A_d^length.
            parallel_flops: width * (nodes * modes * (10 + 8 * sums) + power),
            step_flops: width * step,
            state_bytes: 8 * width * modes,
            parameters: 2 * width * modes + width + (4 + 2 * rank) * systems * modes,
        }
    }
}

impl MixerSettings for S4Config {
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
            ("n_ssm", self.n_ssm),
            ("l_max", self.l_max.max(1)),
        ])?;
        checks.divides(("n_ssm", self.n_ssm), self.hidden_size, "hidden_size")?;
        if !self.d_state.is_multiple_of(2) {
            let expected = "an even number: modes come in conjugate pairs";
            return Err(checks.refuse("d_state", self.d_state, expected));
        }
        check_steps(checks, (self.dt_min, self.dt_max), self.dt_transform)
    }

    fn cost(&self, length: usize) -> Cost {
        layer_cost(self.hidden_size, length) + self.kernel_cost(length)
    }
}
