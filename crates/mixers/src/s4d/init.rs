//! Initial values.

use super::config::{S4dConfig, S4dInit};
use super::kernel::S4dKernel;
use super::{S4d, TwoSidedS4d};
use crate::error::MixerError;
use crate::layers::{normal, parameter};
use crate::lti::{SisoLayer, TwoSidedLayer, draw_steps};
use crate::settings::{MixerSettings, Place};
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::ptd::{self, PtdOptions};
use resolvent_structure::{Complex64, DiagonalInit, ModalBasis, StructuredMatrix};
use std::f32::consts::FRAC_1_SQRT_2;

/// One system before its parameters are stored.
struct System {
    a: Vec<Complex64>,
    b: Vec<Complex64>,
    /// Coordinates of output rows, where they are drawn in others than the modes.
    basis: Option<ModalBasis>,
}

impl S4dConfig {
    fn law(&self) -> Option<DiagonalInit> {
        match self.init {
            S4dInit::Legs => Some(DiagonalInit::LegS),
            S4dInit::Inv => Some(DiagonalInit::Inv),
            S4dInit::Lin => Some(DiagonalInit::Lin),
            S4dInit::Real => Some(DiagonalInit::Real),
            S4dInit::Rand => Some(DiagonalInit::Rand),
            S4dInit::Inv2 => Some(DiagonalInit::Inv2),
            S4dInit::Quad => Some(DiagonalInit::Quad),
            S4dInit::Ptd => None,
        }
    }

    fn system(&self, rng: &mut ChaCha8Rng) -> Result<System, MixerError> {
        if let Some(law) = self.law() {
            return Ok(System {
                a: law.eigenvalues_with(self.d_state, rng)?,
                b: law.input(self.d_state)?,
                basis: None,
            });
        }
        let legs = HippoMatrix::new(Family::LegS, self.d_state)?;
        let basis = ptd::perturb(&legs.dense(), &PtdOptions::default(), rng)?.modes;
        Ok(System {
            a: basis.eigenvalues().to_vec(),
            b: basis.input_vector(&legs.input())?,
            basis: Some(basis),
        })
    }

    /// C of one channel: of unit variance in the modes, or in the state's own coordinates where
    /// there are others; half of it for modes that stand for themselves, because pairs are doubled.
    fn output(&self, system: &System, rng: &mut ChaCha8Rng) -> Result<Vec<Complex64>, MixerError> {
        let Some(basis) = &system.basis else {
            let parts = normal(rng, 2 * self.modes(), FRAC_1_SQRT_2);
            let pairs = parts.chunks_exact(2);
            return Ok(pairs
                .map(|p| Complex64::new(p[0].into(), p[1].into()))
                .collect());
        };
        let row: Vec<f64> = normal(rng, self.d_state, 1.0)
            .iter()
            .map(|&v| v.into())
            .collect();
        let modes = basis.output_vector(&row)?;
        let weighted = modes.iter().zip(basis.weights());
        Ok(weighted.map(|(c, weight)| c * (weight / 2.0)).collect())
    }
}

impl S4dConfig {
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
    ) -> Result<S4d, MixerError> {
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
    ) -> Result<TwoSidedS4d, MixerError> {
        let kernels = [
            self.init_kernel(rng, device)?,
            self.init_kernel(rng, device)?,
        ];
        Ok(TwoSidedLayer::around(kernels, rng, device))
    }

    /// Every system starts alike; C, of unit variance, and the step sizes tell channels apart.
    fn init_kernel(&self, rng: &mut ChaCha8Rng, device: &Device) -> Result<S4dKernel, MixerError> {
        self.validate()?;
        let (channels, systems, modes) = (self.hidden_size, self.n_ssm, self.modes());
        let drawn: Vec<System> = match self.init {
            // One matrix for all: finding it takes eigenvalues of several.
            S4dInit::Ptd => vec![self.system(rng)?],
            _ => (0..systems)
                .map(|_| self.system(rng))
                .collect::<Result<_, _>>()?,
        };
        let of = |system: usize| &drawn[system % drawn.len()];
        let mut c = Vec::with_capacity(channels * modes * 2);
        for channel in 0..channels {
            let system = of(channel % systems);
            for (c_n, b_n) in self.output(system, rng)?.iter().zip(&system.b) {
                let value = if self.train_b { *c_n } else { c_n * b_n };
                c.extend([value.re as f32, value.im as f32]);
            }
        }
        let a: Vec<Complex64> = (0..systems).flat_map(|s| of(s).a.clone()).collect();
        let b: Vec<Complex64> = (0..systems).flat_map(|s| of(s).b.clone()).collect();
        let raw = |values: &mut dyn Iterator<Item = f64>| {
            let values = values.map(|v| v as f32).collect();
            parameter(values, [systems, modes], device)
        };
        let (real, imag) = (self.real_transform, self.imag_transform);
        let steps = (self.dt_min, self.dt_max);
        let b = b.iter().flat_map(|b| [b.re as f32, b.im as f32]).collect();
        Ok(S4dKernel {
            c: parameter(c, [channels, modes, 2], device),
            log_dt: parameter(
                draw_steps(rng, channels, steps, self.dt_transform),
                [channels],
                device,
            ),
            log_a_real: raw(&mut a.iter().map(|a| real.inverse(-a.re))),
            a_imag: (self.init != S4dInit::Real)
                .then(|| raw(&mut a.iter().map(|a| imag.inverse(a.im)))),
            b: self
                .train_b
                .then(|| parameter(b, [systems, modes, 2], device)),
            rate: 1.0,
            config: self.clone(),
        })
    }
}
