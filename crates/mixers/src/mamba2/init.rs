//! Initial values, as in the original implementation.

use super::config::Mamba2Config;
use super::layer::{Conv1dWeights, Mamba2};
use crate::error::MixerError;
use crate::layers::{Projection, RmsNorm, parameter, uniform};
use crate::settings::{MixerSettings, Place};
use burn::tensor::Device;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

impl Mamba2Config {
    /// A block with fresh weights drawn from `rng`, and from nothing else.
    ///
    /// # Errors
    /// As [`MixerSettings::validate`].
    pub fn init(
        &self,
        place: Place,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Mamba2, MixerError> {
        self.validate()?;
        let heads = self.num_heads();
        let in_proj = Projection::new(self.hidden_size, self.in_rows(), 1.0, rng, device);
        let taps = self.conv_kernel;
        let bound = 1.0 / (taps as f32).sqrt();
        let channels = self.conv_channels();
        let conv1d = Conv1dWeights {
            weight: parameter(
                uniform(rng, channels * taps, bound),
                [channels, 1, taps],
                device,
            ),
            bias: parameter(uniform(rng, channels, bound), [channels], device),
        };
        let dt_bias = (0..heads).map(|_| self.step_size_bias(rng)).collect();
        let a_log = (0..heads)
            .map(|_| rng.random_range(1.0_f32..16.0).ln())
            .collect();
        let constant = |rng: &mut ChaCha8Rng| {
            let bound = 1.0 / (self.state_size as f32).sqrt();
            let values = uniform(rng, self.projection(), bound);
            parameter(values, [self.n_groups, self.state_size], device)
        };
        let b = (!self.selective).then(|| constant(rng));
        let c = (!self.selective).then(|| constant(rng));
        let scale = place.output_scale();
        Ok(Mamba2 {
            in_proj,
            conv1d,
            dt_bias: parameter(dt_bias, [heads], device),
            a_log: parameter(a_log, [heads], device),
            d: parameter(vec![1.0; heads], [heads], device),
            norm: RmsNorm::new(self.inner(), device),
            out_proj: Projection::new(self.inner(), self.hidden_size, scale, rng, device),
            b,
            c,
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
