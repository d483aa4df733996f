//! Activation and gate behind the system.

use super::config::Activation;
use crate::layers::Affine;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use resolvent_kernels::activation::sigmoid;

/// The gate, in one of its published forms.
#[derive(Module, Debug)]
pub struct S5Gate {
    /// W1; only the full form has it.
    pub out1: Option<Affine>,
    /// W2.
    pub out2: Affine,
    /// Which form.
    #[module(skip)]
    pub activation: Activation,
}

/// The tanh form of GELU; (1 + tanh(z)) / 2 is the logistic function of 2 z.
fn gelu_tensor(x: Tensor<2>) -> Tensor<2> {
    let cube = x.clone() * x.clone() * x.clone();
    let inner = (x.clone() + cube * 0.044_715) * (8.0 / std::f64::consts::PI).sqrt();
    x * sigmoid(inner)
}

/// The same in f64.
fn gelu(x: f64) -> f64 {
    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
    0.5 * x * (1.0 + inner.tanh())
}

impl S5Gate {
    pub(super) fn new(
        activation: Activation,
        width: usize,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Self {
        let full = activation == Activation::FullGlu;
        Self {
            out1: full.then(|| Affine::square(width, rng, device)),
            out2: Affine::square(width, rng, device),
            activation,
        }
    }

    /// [row, channel] -> [row, channel].
    pub fn forward(&self, y: Tensor<2>) -> Tensor<2> {
        let g = gelu_tensor(y.clone());
        let gate = sigmoid(self.out2.forward(g.clone()));
        match (&self.out1, self.activation) {
            (Some(out1), _) => out1.forward(g) * gate,
            (None, Activation::HalfGlu2) => y * gate,
            (None, _) => g * gate,
        }
    }

    /// One row in f64.
    pub(super) fn exact(&self, y: &[f64]) -> Vec<f64> {
        let g: Vec<f64> = y.iter().map(|&y| gelu(y)).collect();
        let gate = self.out2.exact(&g);
        let value = match (&self.out1, self.activation) {
            (Some(out1), _) => out1.exact(&g),
            (None, Activation::HalfGlu2) => y.to_vec(),
            (None, _) => g,
        };
        let pairs = value.iter().zip(&gate);
        pairs.map(|(v, g)| v / (1.0 + (-g).exp())).collect()
    }
}
