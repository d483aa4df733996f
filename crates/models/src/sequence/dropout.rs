//! Dropout whose masks are a function of a seed, so that a resumed run sees the same ones.

use burn::tensor::{Tensor, TensorData};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Sets elements to zero with a probability and scales the others up; or does nothing.
#[derive(Debug, Clone)]
pub struct Dropout {
    rate: f64,
    rng: Option<ChaCha8Rng>,
}

impl Dropout {
    /// For training; `rate` in [0, 1).
    pub fn training(rate: f64, seed: u64) -> Self {
        let rng = (rate > 0.0).then(|| ChaCha8Rng::seed_from_u64(seed));
        Self { rate, rng }
    }

    /// For everything else: the identity.
    pub fn off() -> Self {
        Self {
            rate: 0.0,
            rng: None,
        }
    }

    /// The next mask on `input`.
    pub fn apply<const D: usize>(&mut self, input: Tensor<D>) -> Tensor<D> {
        let Some(rng) = &mut self.rng else {
            return input;
        };
        let limit = (self.rate * f64::from(u32::MAX)) as u32;
        let kept = (1.0 / (1.0 - self.rate)) as f32;
        let count = input.dims().iter().product::<usize>();
        let mask = (0..count).map(|_| if rng.next_u32() < limit { 0.0 } else { kept });
        let mask: Vec<f32> = mask.collect();
        let mask = Tensor::from_data(TensorData::new(mask, input.dims()), &input.device());
        input * mask
    }
}
