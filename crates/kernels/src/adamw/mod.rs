//! One update of AdamW in a single pass over parameter, gradient and moments.
//!
//! Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (arXiv 1711.05101),
//! algorithm 2. With gradient g, step number t, rate r, decay w:
//!
//! ```text
//! m = beta_1 m + (1 - beta_1) g            v = beta_2 v + (1 - beta_2) g^2
//! p = (1 - r w) p - r (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + eps)
//! ```
//!
//! As a chain of tensor operations this reads and writes every value a dozen times, which took a
//! seventh of a training step; here each is read once and written once. Not differentiable: it is
//! what happens after the gradient.
//!
//! Cost: four reads and three writes per parameter; on a CPU in place where nothing else holds the
//! tensors.

#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::AdamwOps;

use crate::device::{has_body, require_body};
use crate::error::{KernelError, expect_axis};
use burn::backend::Dispatch;
use burn::tensor::{DType, Tensor};

const OP: &str = "adamw";

/// A parameter with what the update reads and replaces; all of one shape.
#[derive(Debug, Clone)]
pub struct AdamwState<const D: usize> {
    /// p.
    pub parameter: Tensor<D>,
    /// Mean m of the gradients; zeros before the first step.
    pub moment_1: Tensor<D>,
    /// Mean v of their squares; zeros before the first step.
    pub moment_2: Tensor<D>,
}

/// Constants of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamwStep {
    /// Learning rate r.
    pub rate: f64,
    /// Decay of the first moment, in [0, 1).
    pub beta_1: f64,
    /// Decay of the second moment, in [0, 1).
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled decay w.
    pub weight_decay: f64,
    /// Number t of this step, from 1.
    pub time: usize,
}

/// What the constants of a step come to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Factors {
    /// 1 - r w.
    pub keep: f64,
    /// r / (1 - beta_1^t).
    pub rate: f64,
    /// 1 / (1 - beta_2^t).
    pub correction_2: f64,
}

impl AdamwStep {
    pub(crate) fn factors(&self) -> Factors {
        let power = |beta: f64| beta.powf(self.time as f64);
        Factors {
            keep: 1.0 - self.rate * self.weight_decay,
            rate: self.rate / (1.0 - power(self.beta_1)),
            correction_2: 1.0 / (1.0 - power(self.beta_2)),
        }
    }
}

/// Whether [`adamw`] takes tensors like this one: plain (no autodiff graph), f32 or f64, on a device
/// with a body.
pub fn is_supported<const D: usize>(tensor: &Tensor<D>) -> bool {
    has_body(&tensor.device()) && matches!(tensor.dtype(), DType::F32 | DType::F64)
}

/// The state after one step with `gradient`.
///
/// # Errors
/// Shapes or formats that differ, a step number of zero, a device without a body.
pub fn adamw<const D: usize>(
    state: AdamwState<D>,
    gradient: Tensor<D>,
    step: AdamwStep,
) -> Result<AdamwState<D>, KernelError> {
    let device = state.parameter.device();
    require_body(OP, &device)?;
    let dtype = state.parameter.dtype();
    for (name, tensor) in [
        ("gradient", &gradient),
        ("moment_1", &state.moment_1),
        ("moment_2", &state.moment_2),
    ] {
        for (got, expected) in tensor.dims().into_iter().zip(state.parameter.dims()) {
            expect_axis(OP, (name, "parameter"), got, expected, "parameter sets it")?;
        }
        if tensor.dtype() != dtype || !is_supported(tensor) {
            return Err(KernelError::Dtype {
                op: OP,
                tensor: name,
                got: format!("{:?}", tensor.dtype()),
            });
        }
    }
    if step.time == 0 {
        return Err(KernelError::Option {
            op: OP,
            option: "time",
            got: "0".into(),
            expected: "at least 1",
        });
    }
    let (parameter, moment_1, moment_2) = <Dispatch as AdamwOps>::adamw(
        state.parameter.into_dispatch(),
        gradient.into_dispatch(),
        state.moment_1.into_dispatch(),
        state.moment_2.into_dispatch(),
        step,
    );
    Ok(AdamwState {
        parameter: Tensor::from_dispatch(parameter),
        moment_1: Tensor::from_dispatch(moment_1),
        moment_2: Tensor::from_dispatch(moment_2),
    })
}
