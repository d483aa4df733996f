//! Sizes and constants.

use crate::error::MixerError;
use crate::lti::{Transform, check_steps};
use crate::mixer::Cost;
use crate::s4d::Discretisation;
use crate::settings::{Checks, MixerSettings};
use serde::{Deserialize, Serialize};

pub(super) const NAME: &str = "s5";

/// Which matrix the system starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum S5Init {
    /// Blocks of the normal part of HiPPO-LegS.
    #[default]
    Legs,
    /// Blocks of HiPPO-LegS, perturbed and diagonalised (S5-PTD): modes that stand for themselves.
    Ptd,
}

/// How the output matrix starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum OutputInit {
    /// Variance 1 / d_state in real coordinates, turned into modes.
    TruncStandardNormal,
    /// Variance 1 / (channels d_state) in real coordinates, turned into modes.
    #[default]
    LecunNormal,
    /// Complex of unit variance, as it is.
    ComplexNormal,
}

/// How the outputs are gated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// g sigmoid(W2 g).
    #[default]
    HalfGlu1,
    /// y sigmoid(W2 g).
    HalfGlu2,
    /// (W1 g) sigmoid(W2 g).
    FullGlu,
}

/// Sizes and constants of an S5 layer, under the key names of the published configurations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct S5Config {
    /// Channels of input and output.
    pub hidden_size: usize,
    /// Real state elements of the layer: two for each mode.
    pub d_state: usize,
    /// Equal blocks on the diagonal at the start; divides `d_state` into even parts.
    pub blocks: usize,
    /// Which matrix the system starts from.
    pub init: S5Init,
    /// How the output matrix starts.
    pub c_init: OutputInit,
    /// How the system is discretised.
    pub disc: Discretisation,
    /// How the outputs are gated.
    pub activation: Activation,
    /// Whether real parts are kept at -1e-4 or below.
    pub clip_eigs: bool,
    /// Least initial step size.
    pub dt_min: f64,
    /// Largest initial step size.
    pub dt_max: f64,
}

impl Default for S5Config {
    fn default() -> Self {
        Self {
            hidden_size: 128,
            d_state: 64,
            blocks: 1,
            init: S5Init::Legs,
            c_init: OutputInit::LecunNormal,
            disc: Discretisation::Zoh,
            activation: Activation::HalfGlu1,
            clip_eigs: false,
            dt_min: 1e-3,
            dt_max: 1e-1,
        }
    }
}

impl S5Config {
    /// Modes: one of each conjugate pair, or all of a matrix that is not real.
    pub fn modes(&self) -> usize {
        match self.init {
            S5Init::Legs => self.d_state / 2,
            S5Init::Ptd => self.d_state,
        }
    }

    /// Real state elements of one block.
    pub fn block(&self) -> usize {
        self.d_state / self.blocks.max(1)
    }
}

impl MixerSettings for S5Config {
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
            ("blocks", self.blocks),
        ])?;
        checks.divides(("blocks", self.blocks), self.d_state, "d_state")?;
        if !self.block().is_multiple_of(2) {
            let expected = format!(
                "even blocks, d_state / blocks = {}: modes come in conjugate pairs",
                self.block()
            );
            return Err(checks.refuse("d_state", self.d_state, expected));
        }
        check_steps(checks, (self.dt_min, self.dt_max), Transform::Exp)
    }

    fn cost(&self, length: usize) -> Cost {
        let (width, modes) = (self.hidden_size as u64, self.modes() as u64);
        let maps = match self.activation {
            Activation::FullGlu => 2,
            Activation::HalfGlu1 | Activation::HalfGlu2 => 1,
        };
        let gate = maps * (width * width + width);
        // Two real products of 2 mode x channel, the scan, direct term, activation and gate.
        let per_token = 8 * width * modes + 8 * modes + 14 * width + 2 * gate;
        Cost {
            parallel_flops: per_token * length as u64,
            step_flops: per_token,
            state_bytes: 8 * modes,
            parameters: 3 * modes + 4 * width * modes + width + gate,
        }
    }
}
