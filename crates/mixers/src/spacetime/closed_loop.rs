//! Forecasts: the layer feeds its own predictions of its inputs back.

use super::config::NAME;
use super::kernel::{convolve, delayed};
use super::layer::SpaceTime;
use crate::error::MixerError;
use crate::lti::SisoKernel;
use crate::mixer::{expect_width, host};
use crate::settings::Checks;
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
    /// horizon. With [`Feedback::Bounded`](super::Feedback::Bounded) it is at most 1, up to rounding.
    ///
    /// # Errors
    /// A layer without `closed_loop`; parameters that are not finite.
    pub fn closed_loop_radius(&self) -> Result<f64, MixerError> {
        let k = host(&self.feedback_row()?);
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

    /// k, [n_kernels, d_state].
    fn feedback_row(&self) -> Result<Tensor<2>, MixerError> {
        match &self.kernel.k {
            Some(k) => Ok(k.val()),
            None if self.kernel.g.is_some() => Ok(self.kernel.unit(self.config().d_state - 1)),
            None => Err(Checks(NAME).refuse("closed_loop", "false", "true for forecasts")),
        }
    }

    /// Runs over `lag` [batch, length, channel] and closes the loop for `horizon` positions.
    ///
    /// By power series and not by running the loop: O(horizon log horizon) per channel.
    ///
    /// # Numerics
    /// With [`Feedback::Free`](super::Feedback::Free) A + b k is not held stable: forecasts may grow.
    /// With [`Feedback::Bounded`](super::Feedback::Bounded) no input of the horizon is larger than the
    /// sum of magnitudes of the state x behind the window, and no output larger than that times the
    /// largest magnitude in c, for every horizon.
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
        let x = self.preprocess(lag, None)?;
        let dims = [batch, channels, self.config().d_state];
        let start = Tensor::zeros(dims, (&x.device(), x.dtype()));
        let state = kernel.behind(&x, start)?;
        let (outputs, inputs) = match kernel.g() {
            Some(g) => (
                kernel.run(g.clone(), kernel.c.val(), &state, horizon)?,
                kernel.run(g, k.clone(), &state, horizon)?,
            ),
            None => self.fed_back(k.clone(), &state, horizon)?,
        };
        Ok(ClosedLoop {
            outputs,
            inputs,
            open_outputs: convolve(x.clone(), kernel.kernel(len)?, None)?,
            open_inputs: convolve(x, kernel.response(k, len)?, None)?,
        })
    }

    /// Outputs and inputs of the horizon for any row k: the inputs solve a triangular Toeplitz system.
    fn fed_back(
        &self,
        k: Tensor<2>,
        state: &Tensor<3>,
        horizon: usize,
    ) -> Result<(Tensor<3>, Tensor<3>), MixerError> {
        let [batch, channels, _] = state.dims();
        let kernel = &self.kernel;
        let c = kernel.c.val();
        let free = kernel.free(k.clone(), state, horizon)?.swap_dims(1, 2);
        let free = free.reshape([batch * channels, horizon]);
        let inputs = feedback(free, kernel.response(k, horizon)?)?;
        let inputs = inputs.reshape([batch, channels, horizon]).swap_dims(1, 2);
        let forced = convolve(inputs.clone(), kernel.response(c.clone(), horizon)?, None)?;
        Ok((kernel.free(c, state, horizon)? + delayed(forced), inputs))
    }
}
