//! Dropout whose masks are a function of a seed, so that a resumed run sees the same ones.

use burn::tensor::{Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Sets parts of its inputs to zero with a probability and scales the others up; or does nothing.
///
/// Drawn on the host, so that a run is a function of its seed on every device.
#[derive(Debug, Clone)]
pub struct Dropout {
    rate: f64,
    rng: Option<ChaCha8Rng>,
}

impl Dropout {
    /// For training; `rate` in [0, 1).
    pub fn training(rate: f64, rng: ChaCha8Rng) -> Self {
        let rng = (rate > 0.0).then_some(rng);
        Self { rate, rng }
    }

    /// For everything else: the identity.
    pub fn off() -> Self {
        Self {
            rate: 0.0,
            rng: None,
        }
    }

    /// Every element on its own.
    pub fn elements<const D: usize>(&mut self, input: Tensor<D>) -> Tensor<D> {
        let dims = input.dims();
        self.masked(input, dims)
    }

    /// Whole channels of a sequence [batch, length, channel], as S4's published code does.
    pub fn channels(&mut self, input: Tensor<3>) -> Tensor<3> {
        let [batch, _, channels] = input.dims();
        self.masked(input, [batch, 1, channels])
    }

    /// The next mask, of a shape that spreads over the input's.
    fn masked<const D: usize>(&mut self, input: Tensor<D>, shape: [usize; D]) -> Tensor<D> {
        let Some(rng) = &mut self.rng else {
            return input;
        };
        let (rate, kept) = (self.rate as f32, (1.0 / (1.0 - self.rate)) as f32);
        let count = shape.iter().product::<usize>();
        let drawn = (0..count).map(|_| match rng.random::<f32>() < rate {
            true => 0.0,
            false => kept,
        });
        let mask: Vec<f32> = drawn.collect();
        input.clone() * Tensor::from_data(TensorData::new(mask, shape), &input.device())
    }
}
