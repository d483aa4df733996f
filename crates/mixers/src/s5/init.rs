//! Initial values, in f64 up to the last step: entries of the input matrix may be large.

use super::config::{OutputInit, S5Config, S5Init};
use super::gate::S5Gate;
use super::layer::S5;
use super::system::S5System;
use super::two_sided::TwoSidedS5;
use crate::error::MixerError;
use crate::layers::{normal, parameter};
use crate::lti::{Transform, draw_steps};
use crate::settings::{MixerSettings, Place};
use burn::module::Param;
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::ptd::{self, PtdOptions};
use resolvent_structure::{Complex64, ModalBasis, StructuredMatrix, s5_modes};

impl S5Config {
    /// A layer with fresh weights drawn from `rng`. S5 does not scale by depth, so `place` is not
    /// read.
    ///
    /// # Errors
    /// As [`MixerSettings::validate`].
    pub fn init(
        &self,
        _place: Place,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<S5, MixerError> {
        self.validate()?;
        let modes = self.basis(rng)?;
        let width = self.hidden_size;
        Ok(S5 {
            system: self.init_system(&modes, rng, device),
            c: self.init_output(&modes, 1, rng, device),
            d: parameter(normal(rng, width, 1.0), [width], device),
            gate: S5Gate::new(self.activation, width, rng, device),
        })
    }

    /// A layer that sees both directions: one system, scanned both ways, and twice the outputs.
    ///
    /// # Errors
    /// As [`MixerSettings::validate`].
    pub fn init_two_sided(
        &self,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<TwoSidedS5, MixerError> {
        self.validate()?;
        let modes = self.basis(rng)?;
        let width = self.hidden_size;
        Ok(TwoSidedS5 {
            system: self.init_system(&modes, rng, device),
            c: self.init_output(&modes, 2, rng, device),
            d: parameter(normal(rng, width, 1.0), [width], device),
            gate: S5Gate::new(self.activation, width, rng, device),
        })
    }

    fn basis(&self, rng: &mut ChaCha8Rng) -> Result<ModalBasis, MixerError> {
        if self.init == S5Init::Legs {
            return Ok(s5_modes(self.d_state, self.blocks)?);
        }
        let legs = HippoMatrix::new(Family::LegS, self.block())?;
        let perturbed = ptd::perturb(&legs.dense(), &PtdOptions::default(), rng)?;
        Ok(perturbed.block_diagonal(self.blocks)?)
    }

    /// B = V^-1 B_0 with B_0 of variance 1 / d_state.
    fn init_system(&self, basis: &ModalBasis, rng: &mut ChaCha8Rng, device: &Device) -> S5System {
        let (state, modes, width) = (self.d_state, self.modes(), self.hidden_size);
        let real = normal(rng, state * width, 1.0 / (state as f32).sqrt());
        let mut b = Vec::with_capacity(modes * width * 2);
        for n in 0..modes {
            let mut row = vec![Complex64::new(0.0, 0.0); width];
            let inverse = &basis.inverse().as_slice()[n * state..(n + 1) * state];
            for (v, real) in inverse.iter().zip(real.chunks(width)) {
                for (sum, &x) in row.iter_mut().zip(real) {
                    *sum += v * f64::from(x);
                }
            }
            b.extend(row.iter().flat_map(|v| [v.re as f32, v.im as f32]));
        }
        let steps = draw_steps(rng, modes, (self.dt_min, self.dt_max), Transform::Exp);
        let part = |part: fn(&Complex64) -> f64| {
            let values = basis.eigenvalues().iter().map(|z| part(z) as f32);
            parameter(values.collect(), [modes], device)
        };
        S5System {
            lambda_re: part(|z| z.re),
            lambda_im: part(|z| z.im),
            b: parameter(b, [modes, width, 2], device),
            log_step: parameter(steps, [modes, 1], device),
            rate: 1.0,
            config: self.clone(),
        }
    }

    /// C = C_0 V for every direction, side by side.
    fn init_output(
        &self,
        basis: &ModalBasis,
        directions: usize,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Param<Tensor<3>> {
        let (state, modes, width) = (self.d_state, self.modes(), self.hidden_size);
        let wide = directions * modes;
        let mut c = vec![0.0; width * wide * 2];
        for direction in 0..directions {
            for channel in 0..width {
                let row = self.output_row(basis, rng);
                for (n, value) in row.iter().enumerate() {
                    let at = (channel * wide + direction * modes + n) * 2;
                    (c[at], c[at + 1]) = (value.re as f32, value.im as f32);
                }
            }
        }
        debug_assert_eq!(basis.state_size(), state);
        parameter(c, [width, wide, 2], device)
    }

    fn output_row(&self, basis: &ModalBasis, rng: &mut ChaCha8Rng) -> Vec<Complex64> {
        let (state, modes) = (self.d_state, self.modes());
        let mut draw = |count: usize, std: f32| -> Vec<Complex64> {
            let parts = normal(rng, 2 * count, std);
            let pairs = parts.chunks_exact(2);
            pairs
                .map(|p| Complex64::new(p[0].into(), p[1].into()))
                .collect()
        };
        let std = match self.c_init {
            OutputInit::ComplexNormal => return draw(modes, std::f32::consts::FRAC_1_SQRT_2),
            OutputInit::TruncStandardNormal => 1.0 / (state as f32).sqrt(),
            OutputInit::LecunNormal => 1.0 / ((self.hidden_size * state) as f32).sqrt(),
        };
        let row = draw(state, std);
        let mut out = vec![Complex64::new(0.0, 0.0); modes];
        for (i, c) in row.iter().enumerate() {
            let vectors = &basis.vectors().as_slice()[i * modes..(i + 1) * modes];
            for (sum, v) in out.iter_mut().zip(vectors) {
                *sum += c * v;
            }
        }
        // Pairs are doubled when they are read out; modes that stand for themselves are not pairs.
        for (c, weight) in out.iter_mut().zip(basis.weights()) {
            *c *= weight / 2.0;
        }
        out
    }
}
