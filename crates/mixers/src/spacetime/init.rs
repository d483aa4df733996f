//! Initial values: everything normal, as in the published code.

use super::config::{SpaceTimeConfig, StateMatrix};
use super::kernel::CompanionKernel;
use super::layer::SpaceTime;
use crate::error::MixerError;
use crate::layers::{Affine, normal, parameter};
use crate::settings::{MixerSettings, Place};
use burn::module::Param;
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;

impl SpaceTimeConfig {
    /// A layer with fresh weights drawn from `rng`. SpaceTime does not scale by depth, so `place` is
    /// not read.
    ///
    /// # Errors
    /// As [`MixerSettings::validate`].
    pub fn init(
        &self,
        _place: Place,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<SpaceTime, MixerError> {
        self.validate()?;
        let (kernels, state) = (self.n_kernels(), self.d_state);
        let mut vector = || -> Param<Tensor<2>> {
            parameter(normal(rng, kernels * state, 1.0), [kernels, state], device)
        };
        let companion = self.ssm == StateMatrix::Companion;
        let bounded = self.is_bounded();
        let kernel = CompanionKernel {
            a: companion.then(&mut vector),
            b: (companion && !bounded).then(&mut vector),
            c: vector(),
            k: (self.closed_loop && !bounded).then(&mut vector),
            g: bounded.then(&mut vector),
            config: self.clone(),
        };
        let width = self.hidden_size;
        Ok(SpaceTime {
            kernel,
            skip: parameter(normal(rng, width, 1.0), [width], device),
            mlp: Affine::square(width, rng, device),
        })
    }
}
