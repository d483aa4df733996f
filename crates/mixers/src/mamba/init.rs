//! Initial values, as in the original implementation.

use super::config::MambaConfig;
use super::layer::{Mamba, StepProjection};
use crate::error::MixerError;
use crate::layers::{Projection, parameter, uniform};
use crate::mamba2::Conv1dWeights;
use crate::settings::{MixerSettings, Place};
use burn::tensor::Device;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

impl MambaConfig {
    /// A block with fresh weights drawn from `rng`, and from nothing else.
    ///
    /// # Errors
    /// As [`MixerSettings::validate`].
    pub fn init(
        &self,
        place: Place,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Mamba, MixerError> {
        self.validate()?;
        let (inner, rank, taps) = (self.inner(), self.rank(), self.conv_kernel);
        let in_proj = Projection::new(self.hidden_size, 2 * inner, 1.0, rng, device);
        let bound = 1.0 / (taps as f32).sqrt();
        let conv1d = Conv1dWeights {
            weight: parameter(uniform(rng, inner * taps, bound), [inner, 1, taps], device),
            bias: parameter(uniform(rng, inner, bound), [inner], device),
        };
        let x_proj = Projection::new(inner, self.x_rows(), 1.0, rng, device);
        let bound = self.time_step_scale as f32 / (rank as f32).sqrt();
        let dt_proj = StepProjection {
            weight: parameter(uniform(rng, inner * rank, bound), [inner, rank], device),
            bias: parameter(
                (0..inner).map(|_| self.step_size_bias(rng)).collect(),
                [inner],
                device,
            ),
        };
        let rates: Vec<f32> = (1..=self.state_size).map(|n| (n as f32).ln()).collect();
        let scale = place.output_scale();
        Ok(Mamba {
            in_proj,
            conv1d,
            x_proj,
            dt_proj,
            a_log: parameter(rates.repeat(inner), [inner, self.state_size], device),
            d: parameter(vec![1.0; inner], [inner], device),
            out_proj: Projection::new(inner, self.hidden_size, scale, rng, device),
            config: self.clone(),
        })
    }

    /// Inverse softplus of a step size drawn log-uniformly from [time_step_min, time_step_max].
    fn step_size_bias(&self, rng: &mut ChaCha8Rng) -> f32 {
        let (low, high) = (self.time_step_min.ln(), self.time_step_max.ln());
        let drawn = rng.random_range(low..=high).exp();
        let step = drawn.max(self.time_step_floor);
        (step + (-(-step).exp_m1()).ln()) as f32
    }
}
