//! Sizes and constants.

use crate::error::MixerError;
use crate::lti::{Transform, check_steps, layer_cost};
use crate::mixer::Cost;
use crate::settings::{Checks, MixerSettings};
use resolvent_kernels::vandermonde::Rule;
use serde::{Deserialize, Serialize};

pub(super) const NAME: &str = "s4d";

/// How the eigenvalues start; the formulas are in [`resolvent_structure::DiagonalInit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum S4dInit {
    /// The normal part of HiPPO-LegS.
    #[default]
    Legs,
    /// The inverse law that approximates it.
    Inv,
    /// Equally spaced frequencies.
    Lin,
    /// Real eigenvalues.
    Real,
    /// Random frequencies: the control.
    Rand,
    /// The inverse law with another constant.
    Inv2,
    /// Quadratically spaced frequencies.
    Quad,
    /// HiPPO-LegS, perturbed and diagonalised (S4-PTD): `d_state` modes that stand for themselves.
    Ptd,
}

/// How a continuous-time system becomes one with steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Discretisation {
    /// Zero-order hold.
    #[default]
    Zoh,
    /// Trapezoidal rule.
    Bilinear,
}

impl Discretisation {
    /// The rule of the operations.
    pub fn rule(self) -> Rule {
        match self {
            Self::Zoh => Rule::ZeroOrderHold,
            Self::Bilinear => Rule::Bilinear,
        }
    }
}

/// Sizes and constants of an S4D layer, under the key names of the published configurations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct S4dConfig {
    /// Channels of input and output.
    pub hidden_size: usize,
    /// Real state elements per channel, even: two for each mode.
    pub d_state: usize,
    /// State matrices; divides `hidden_size`.
    pub n_ssm: usize,
    /// How the eigenvalues start.
    pub init: S4dInit,
    /// How the system is discretised.
    pub disc: Discretisation,
    /// How the real parts, negative, are stored.
    pub real_transform: Transform,
    /// How the imaginary parts are stored.
    pub imag_transform: Transform,
    /// How the step sizes are stored.
    pub dt_transform: Transform,
    /// Least initial step size.
    pub dt_min: f64,
    /// Largest initial step size.
    pub dt_max: f64,
    /// Whether the input vector B is a parameter of its own instead of a part of C.
    pub train_b: bool,
}

impl Default for S4dConfig {
    fn default() -> Self {
        Self {
            hidden_size: 256,
            d_state: 64,
            n_ssm: 1,
            init: S4dInit::Legs,
            disc: Discretisation::Zoh,
            real_transform: Transform::Exp,
            imag_transform: Transform::None,
            dt_transform: Transform::Exp,
            dt_min: 1e-3,
            dt_max: 1e-1,
            train_b: false,
        }
    }
}

impl S4dConfig {
    /// Modes: one of each conjugate pair, or all of a matrix that is not real.
    pub fn modes(&self) -> usize {
        match self.init {
            S4dInit::Ptd => self.d_state,
            _ => self.d_state / 2,
        }
    }
}

impl MixerSettings for S4dConfig {
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

impl S4dConfig {
    /// What the kernel and the state cost.
    pub(super) fn kernel_cost(&self, length: usize) -> Cost {
        let (width, modes) = (self.hidden_size as u64, self.modes() as u64);
        let systems = self.n_ssm as u64;
        let parts = 1 + u64::from(self.init != S4dInit::Real) + 2 * u64::from(self.train_b);
        Cost {
            // Two real multiply-adds per mode and position for the kernel, eight for the recurrence.
            parallel_flops: 4 * width * modes * length as u64,
            step_flops: 16 * width * modes,
            state_bytes: 8 * width * modes,
            parameters: 2 * width * modes + width + parts * systems * modes,
        }
    }
}
