//! Sizes, constants and initial values.

use super::Dss;
use super::kernel::DssKernel;
use crate::error::MixerError;
use crate::layers::{normal, parameter};
use crate::lti::{SisoLayer, Transform, check_steps, draw_steps, layer_cost};
use crate::mixer::Cost;
use crate::settings::{Checks, MixerSettings, Place};
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use resolvent_structure::DiagonalInit;
use serde::{Deserialize, Serialize};

pub(super) const NAME: &str = "dss";

/// Sizes and constants of a DSS layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DssConfig {
    /// Channels of input and output.
    pub hidden_size: usize,
    /// Complex modes.
    pub d_state: usize,
    /// Length over which kernel rows are normalised; longer sequences are refused.
    pub l_max: usize,
    /// Least initial step size.
    pub dt_min: f64,
    /// Largest initial step size.
    pub dt_max: f64,
}

impl Default for DssConfig {
    fn default() -> Self {
        Self {
            hidden_size: 256,
            d_state: 64,
            l_max: 1024,
            dt_min: 1e-3,
            dt_max: 1e-1,
        }
    }
}

impl MixerSettings for DssConfig {
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
            ("l_max", self.l_max),
        ])?;
        check_steps(checks, (self.dt_min, self.dt_max), Transform::Exp)
    }

    fn cost(&self, length: usize) -> Cost {
        layer_cost(self.hidden_size, length) + self.kernel_cost(length)
    }
}

impl DssConfig {
    /// What the kernel and the state cost.
    pub(super) fn kernel_cost(&self, length: usize) -> Cost {
        let (width, modes) = (self.hidden_size as u64, self.d_state as u64);
        Cost {
            // Two sums, for eigenvalues on either side of the axis.
            parallel_flops: 8 * width * modes * length as u64,
            step_flops: 16 * width * modes,
            state_bytes: 8 * width * modes,
            parameters: 2 * width * modes + 2 * modes + width,
        }
    }

    /// A layer with fresh weights drawn from `rng`; they do not depend on the depth, so that `place` is not
    /// read.
    ///
    /// # Errors
    /// As [`MixerSettings::validate`].
    pub fn init(
        &self,
        _place: Place,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Dss, MixerError> {
        self.validate()?;
        let (channels, modes) = (self.hidden_size, self.d_state);
        let lambda = DiagonalInit::LegS.eigenvalues(2 * modes)?;
        let part = |values: Vec<f32>| parameter(values, [modes], device);
        let steps = (self.dt_min, self.dt_max);
        let kernel = DssKernel {
            lambda_re: part(lambda.iter().map(|z| z.re as f32).collect()),
            lambda_im: part(lambda.iter().map(|z| z.im as f32).collect()),
            w: parameter(
                normal(rng, channels * modes * 2, 1.0),
                [channels, modes, 2],
                device,
            ),
            log_dt: parameter(
                draw_steps(rng, channels, steps, Transform::Exp),
                [channels],
                device,
            ),
            config: self.clone(),
        };
        Ok(SisoLayer::around(kernel, rng, device))
    }
}
