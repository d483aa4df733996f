//! CPU body: channels are the vector axis, rayon over batch rows and blocks of positions.

mod passes;
mod window;

use super::Conv1dShape;
use super::ops::{Conv1dBackward, Conv1dGradients, Conv1dOps, Conv1dSaved};
use crate::float::Real;
use crate::host::Host;
use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use passes::{backward, forward};

/// Inputs in the orders that the passes want.
struct Inputs<'a, T> {
    shape: Conv1dShape,
    x: &'a [T],
    /// [tap, channel]: transposed, so that the channel is contiguous.
    weight: Vec<T>,
    bias: &'a [T],
    /// [batch, tap - 1, channel], transposed likewise.
    initial: Vec<T>,
    seq_idx: &'a [i64],
    /// One row of zeros: what a tap reads where there is nothing.
    zeros: Vec<T>,
}

/// [row, col] to [col, row].
fn transpose<T: Real>(values: &[T], rows: usize, cols: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(values.len());
    for col in 0..cols {
        out.extend((0..rows).map(|row| values[row * cols + col]));
    }
    out
}

/// Holds the contiguous tensors that [`Inputs`] borrows from.
struct Hosts {
    floats: [Host; 4],
    seq_idx: Vec<i64>,
    shape: Conv1dShape,
}

impl Hosts {
    fn new(saved: &Conv1dSaved<Flex>) -> Self {
        Self {
            floats: [&saved.x, &saved.weight, &saved.bias, &saved.initial].map(Host::new),
            seq_idx: Host::new(&saved.seq_idx).integers(),
            shape: saved.shape,
        }
    }

    fn inputs<T: Real>(&self) -> Inputs<'_, T> {
        let shape = self.shape;
        let [x, weight, bias, initial] = self.floats.each_ref().map(Host::slice::<T>);
        let keep = shape.taps - 1;
        let initial = initial
            .chunks((shape.channels * keep).max(1))
            .flat_map(|row| transpose(row, shape.channels, keep))
            .collect();
        Inputs {
            shape,
            x,
            weight: transpose(weight, shape.channels, shape.taps),
            bias,
            initial,
            seq_idx: &self.seq_idx,
            zeros: vec![T::zero(); shape.channels],
        }
    }
}

impl Conv1dOps for Flex {
    fn depthwise_conv1d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: Conv1dShape,
    ) -> FloatTensor<Self> {
        let saved = Conv1dSaved::<Self> {
            x,
            weight,
            bias,
            initial,
            seq_idx,
            shape,
        };
        match saved.x.dtype() {
            DType::F64 => forward::<f64>(&saved),
            _ => forward::<f32>(&saved),
        }
    }
}

impl Conv1dBackward for Flex {
    fn depthwise_conv1d_backward(
        saved: Conv1dSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> Conv1dGradients<Self> {
        match saved.x.dtype() {
            DType::F64 => backward::<f64>(&saved, &grad),
            _ => backward::<f32>(&saved, &grad),
        }
    }
}
