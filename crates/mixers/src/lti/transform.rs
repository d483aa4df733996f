//! From an unconstrained parameter to a positive number, and the step sizes made that way.

use crate::error::MixerError;
use crate::layers::softplus;
use crate::settings::Checks;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// What published code adds to a rectified parameter, and the least value it inverts.
const FLOOR: f64 = 1e-4;

/// How a positive number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Transform {
    /// exp(p).
    #[default]
    Exp,
    /// max(p, 0) + 1e-4.
    Relu,
    /// log(1 + exp(p)).
    Softplus,
    /// p itself, which may become negative.
    None,
}

impl Transform {
    /// The numbers from the parameters.
    pub fn apply<const D: usize>(self, raw: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Exp => raw.exp(),
            Self::Relu => relu(raw) + FLOOR,
            Self::Softplus => softplus(raw),
            Self::None => raw,
        }
    }

    /// The same for one number.
    pub fn value(self, raw: f64) -> f64 {
        match self {
            Self::Exp => raw.exp(),
            Self::Relu => raw.max(0.0) + FLOOR,
            Self::Softplus => raw.max(0.0) + (-raw.abs()).exp().ln_1p(),
            Self::None => raw,
        }
    }

    /// The parameter of a number; numbers below 1e-4 are raised to it where a transform asks for
    /// positive ones.
    pub fn inverse(self, value: f64) -> f64 {
        let positive = value.max(FLOOR);
        match self {
            Self::Exp => positive.ln(),
            Self::Relu => positive - FLOOR,
            Self::Softplus => positive + (-(-positive).exp_m1()).ln(),
            Self::None => value,
        }
    }
}

/// Parameters of `count` step sizes drawn log-uniformly between the bounds.
pub(crate) fn draw_steps(
    rng: &mut ChaCha8Rng,
    count: usize,
    (low, high): (f64, f64),
    transform: Transform,
) -> Vec<f32> {
    let (low, high) = (low.ln(), high.ln());
    let mut draw = || transform.inverse(rng.random_range(low..=high).exp()) as f32;
    (0..count).map(|_| draw()).collect()
}

/// Both bounds are positive and in order, and the transform keeps step sizes positive.
pub(crate) fn check_steps(
    checks: Checks,
    (low, high): (f64, f64),
    transform: Transform,
) -> Result<(), MixerError> {
    checks.positive("dt_min", low)?;
    checks.positive("dt_max", high)?;
    if low > high {
        return Err(checks.refuse("dt_min", low, format!("at most dt_max = {high}")));
    }
    if transform == Transform::None {
        let expected = "exp, softplus or relu, which keep step sizes positive";
        return Err(checks.refuse("dt_transform", "none", expected));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Transform;

    #[test]
    fn transform_when_inverted_gives_the_value_back() {
        for transform in [
            Transform::Exp,
            Transform::Relu,
            Transform::Softplus,
            Transform::None,
        ] {
            for value in [2e-4, 0.5, 30.0] {
                let back = transform.value(transform.inverse(value));
                assert!(
                    (back - value).abs() < 1e-12 * value.max(1.0),
                    "{transform:?}"
                );
            }
        }
    }
}
