//! Initial values.

use super::config::S4Config;
use super::kernel::S4Kernel;
use super::{S4, TwoSidedS4};
use crate::error::MixerError;
use crate::layers::{normal, parameter};
use crate::lti::{SisoLayer, TwoSidedLayer, draw_steps};
use crate::settings::{MixerSettings, Place};
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use resolvent_structure::Complex64;
use resolvent_structure::hippo::HippoMatrix;
use std::f32::consts::FRAC_1_SQRT_2;

impl S4Config {
    /// A layer with fresh weights drawn from `rng`.
    ///
    /// # Errors
    /// As [`MixerSettings::validate`].
    pub fn init(
        &self,
        place: Place,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<S4, MixerError> {
        let kernel = self.init_kernel(rng, device)?;
        Ok(SisoLayer::around(kernel, place, rng, device))
    }

    /// A layer that sees both directions, with two kernels.
    ///
    /// # Errors
    /// As [`MixerSettings::validate`].
    pub fn init_two_sided(
        &self,
        place: Place,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<TwoSidedS4, MixerError> {
        let kernels = [
            self.init_kernel(rng, device)?,
            self.init_kernel(rng, device)?,
        ];
        Ok(TwoSidedLayer::around(kernels, place, rng, device))
    }

    /// Every system starts as the HiPPO matrix; C, of unit variance, and the step sizes tell channels
    /// apart. With `l_max` the drawn values are taken for the published form of C, as its code does
    /// when it starts from a given length.
    fn init_kernel(&self, rng: &mut ChaCha8Rng, device: &Device) -> Result<S4Kernel, MixerError> {
        self.validate()?;
        let (channels, systems, modes) = (self.hidden_size, self.n_ssm, self.modes());
        let hippo = HippoMatrix::new(self.measure.family(), self.d_state)?.diagonalise()?;
        let eigenvalues = hippo.modes.eigenvalues();
        let each = |part: &dyn Fn(&Complex64) -> f64| {
            let one: Vec<f32> = eigenvalues.iter().map(|z| part(z) as f32).collect();
            parameter(one.repeat(systems), [systems, modes], device)
        };
        let flat = |values: &[Complex64]| -> Vec<f32> {
            let pairs = values.iter().flat_map(|v| [v.re as f32, v.im as f32]);
            pairs.collect::<Vec<_>>().repeat(systems)
        };
        let rank = hippo.low_rank.len();
        let p = hippo.low_rank.iter().flat_map(|p| flat(p)).collect();
        let steps = (self.dt_min, self.dt_max);
        Ok(S4Kernel {
            c: parameter(
                normal(rng, channels * modes * 2, FRAC_1_SQRT_2),
                [channels, modes, 2],
                device,
            ),
            b: parameter(flat(&hippo.input), [systems, modes, 2], device),
            p: parameter(p, [rank, systems, modes, 2], device),
            a_real: each(&|z| self.real_transform.inverse(-z.re)),
            a_imag: each(&|z| -z.im),
            inv_dt: parameter(
                draw_steps(rng, channels, steps, self.dt_transform),
                [channels, 1],
                device,
            ),
            rate: 1.0,
            config: self.clone(),
        })
    }
}
