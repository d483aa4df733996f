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
use resolvent_structure::hippo::HippoMatrix;
use resolvent_structure::{Complex64, DiagonalInit};
use std::f32::consts::FRAC_1_SQRT_2;

/// One system before its parameters are stored.
#[derive(Clone)]
struct System {
    lambda: Vec<Complex64>,
    /// One for each column.
    p: Vec<Vec<Complex64>>,
    b: Vec<Complex64>,
}

impl S4Config {
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
    ) -> Result<S4, MixerError> {
        let kernel = self.init_kernel(rng, device)?;
        Ok(SisoLayer::around(kernel, rng, device))
    }

    /// A layer that sees both directions, with two kernels.
    ///
    /// # Errors
    /// As [`MixerSettings::validate`].
    pub fn init_two_sided(
        &self,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<TwoSidedS4, MixerError> {
        let kernels = [
            self.init_kernel(rng, device)?,
            self.init_kernel(rng, device)?,
        ];
        Ok(TwoSidedLayer::around(kernels, rng, device))
    }

    /// The state matrices: a HiPPO matrix for all, or a draw for each.
    fn systems(&self, rng: &mut ChaCha8Rng) -> Result<Vec<System>, MixerError> {
        if let Some(family) = self.measure.family() {
            let hippo = HippoMatrix::new(family, self.d_state)?.diagonalise()?;
            let system = System {
                lambda: hippo.modes.eigenvalues().to_vec(),
                p: hippo.low_rank,
                b: hippo.input,
            };
            return Ok(vec![system; self.n_ssm]);
        }
        let one = |_| {
            let lambda = DiagonalInit::Rand.eigenvalues_with(self.d_state, rng)?;
            let mut column = || -> Vec<Complex64> {
                let parts = normal(rng, 2 * self.modes(), FRAC_1_SQRT_2);
                let pairs = parts.chunks_exact(2);
                pairs
                    .map(|v| Complex64::new(v[0].into(), v[1].into()))
                    .collect()
            };
            Ok(System {
                lambda,
                p: vec![column()],
                b: column(),
            })
        };
        (0..self.n_ssm).map(one).collect()
    }

    /// Every system starts as the chosen matrix; C, of unit variance, and the step sizes tell channels
    /// apart. With `l_max` the drawn values are taken for the published form of C, as its code does
    /// when it starts from a given length.
    fn init_kernel(&self, rng: &mut ChaCha8Rng, device: &Device) -> Result<S4Kernel, MixerError> {
        self.validate()?;
        let (channels, systems, modes) = (self.hidden_size, self.n_ssm, self.modes());
        let drawn = self.systems(rng)?;
        let each = |part: &dyn Fn(&Complex64) -> f64| {
            let values = drawn.iter().flat_map(|it| it.lambda.iter());
            let values: Vec<f32> = values.map(|z| part(z) as f32).collect();
            parameter(values, [systems, modes], device)
        };
        let pairs = |values: &[Complex64]| -> Vec<f32> {
            let pairs = values.iter().flat_map(|v| [v.re as f32, v.im as f32]);
            pairs.collect()
        };
        let rank = self.measure.rank();
        let p = (0..rank).flat_map(|i| drawn.iter().flat_map(move |it| pairs(&it.p[i])));
        let p = p.collect();
        let b = drawn.iter().flat_map(|it| pairs(&it.b)).collect();
        let steps = (self.dt_min, self.dt_max);
        Ok(S4Kernel {
            c: parameter(
                normal(rng, channels * modes * 2, FRAC_1_SQRT_2),
                [channels, modes, 2],
                device,
            ),
            b: parameter(b, [systems, modes, 2], device),
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
