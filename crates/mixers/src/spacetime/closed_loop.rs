//! Forecasts: the layer feeds its own predictions of its inputs back.

use super::config::NAME;
use super::kernel::{convolve, delayed};
use super::layer::SpaceTime;
use crate::error::MixerError;
use crate::lti::SisoKernel;
use crate::mixer::{expect_width, host};
use crate::settings::Checks;
use burn::module::Param;
use burn::tensor::Tensor;
use resolvent_kernels::feedback::feedback;
use resolvent_structure::{Matrix, spectral_radius};

/// What a layer says about a lag window and the horizon behind it, all without skip and MLP, as the
/// published decoder has neither.
#[derive(Debug, Clone)]
pub struct ClosedLoop {
    /// Outputs of the horizon, c (A + b k)^j x: [batch, horizon, channel].
    pub outputs: Tensor<3>,
    /// Inputs that the layer predicted for the horizon and lived on: [batch, horizon, channel].
    pub inputs: Tensor<3>,
    /// Outputs of the lag window from the true inputs; position t predicts target t + 1.
    pub open_outputs: Tensor<3>,
    /// Predictions of the next input over the lag window; position t predicts input t + 1.
    pub open_inputs: Tensor<3>,
}

impl SpaceTime {
    /// Largest spectral radius of A + b k over the kernels, in f64: above 1, forecasts grow with the
    /// horizon, for training does not hold the loop stable.
    ///
    /// # Errors
    /// A layer without `closed_loop`; parameters that are not finite.
    pub fn closed_loop_radius(&self) -> Result<f64, MixerError> {
        let k = host(&self.feedback_row()?.val());
        let [a, b, _] = self.kernel.exact();
        let state = self.config().d_state;
        let rows = a.chunks(state).zip(b.chunks(state)).zip(k.chunks(state));
        let radius = |((a, b), k): ((&[f64], &[f64]), &[f64])| {
            let entry = |i: usize, j: usize| {
                let shift = f64::from(u8::from(i == j + 1));
                let last = if j + 1 == state { a[i] } else { 0.0 };
                shift + last + b[i] * k[j]
            };
            spectral_radius(&Matrix::from_fn(state, state, entry)?)
        };
        rows.map(radius)
            .try_fold(0.0, |most: f64, radius| Ok(most.max(radius?)))
    }

    fn feedback_row(&self) -> Result<&Param<Tensor<2>>, MixerError> {
        let refused = || Checks(NAME).refuse("closed_loop", "false", "true for forecasts");
        self.kernel.k.as_ref().ok_or_else(refused)
    }

    /// Runs over `lag` [batch, length, channel] and closes the loop for `horizon` positions.
    ///
    /// By power series and not by running the loop: O(horizon log horizon) per channel.
    ///
    /// # Numerics
    /// A + b k is not held stable: forecasts may grow.
    ///
    /// # Errors
    /// Wrong width, no lag, no horizon, a layer without `closed_loop`.
    pub fn forecast(&self, lag: Tensor<3>, horizon: usize) -> Result<ClosedLoop, MixerError> {
        let [batch, len, channels] = lag.dims();
        expect_width(NAME, channels, self.config().hidden_size)?;
        let checks = Checks(NAME);
        let k = self.feedback_row()?;
        if len == 0 || horizon == 0 || batch == 0 {
            let got = format!("{horizon} behind {batch} windows of {len}");
            return Err(checks.refuse("horizon", got, "at least 1, behind windows of at least 1"));
        }
        let kernel = &self.kernel;
        let (k, c) = (k.val(), kernel.c.val());
        let x = self.preprocess(lag, None)?;
        let dims = [batch, channels, self.config().d_state];
        let start = Tensor::zeros(dims, (&x.device(), x.dtype()));
        let state = kernel.behind(&x, start)?;

        let flat = |values: Tensor<3>| values.swap_dims(1, 2).reshape([batch * channels, horizon]);
        let fed_back = kernel.response(k.clone(), horizon)?;
        let free = kernel.free(k.clone(), &state, horizon)?;
        let inputs = feedback(flat(free), fed_back)?;
        let inputs = inputs.reshape([batch, channels, horizon]).swap_dims(1, 2);
        let forced = convolve(inputs.clone(), kernel.response(c.clone(), horizon)?, None)?;
        Ok(ClosedLoop {
            outputs: kernel.free(c, &state, horizon)? + delayed(forced),
            inputs,
            open_outputs: convolve(x.clone(), kernel.kernel(len)?, None)?,
            open_inputs: convolve(x, kernel.response(k, len)?, None)?,
        })
    }
}
