//! CPU body of the selective scan: channels are the vector axis, states stay in registers.
//!
//! One task is a tile of up to 128 channels of one batch row and walks the length in pieces of 32
//! positions, sixteen channels (one AVX-512 register) and four states at a time: per piece the step
//! sizes of the sixteen channels are prepared once, and each group of states runs over all positions
//! of the piece without touching memory for its state. Since no task's work depends on how tasks are
//! spread, and lanes never mix, results depend neither on the number of threads nor on the width of
//! the vectors.

mod adjoint;
mod backward;
mod block;
mod forward;
mod plan;
mod reverse;
mod span;
mod step;

use super::SelectiveScanShape;
use super::ops::{
    SelectiveScanBackward, SelectiveScanGradients, SelectiveScanOps, SelectiveScanSaved,
};
use crate::float::Vector;
use crate::host::{Host, tensor};
use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_flex::FlexTensor;

/// Inputs as contiguous slices.
#[derive(Clone, Copy)]
struct Slices<'a, T> {
    x: &'a [T],
    dt: &'a [T],
    a: &'a [T],
    b: &'a [T],
    c: &'a [T],
    d: &'a [T],
    bias: &'a [T],
    /// Empty without a gate.
    z: &'a [T],
    initial: &'a [T],
    seq_idx: &'a [i64],
}

/// Holds the contiguous tensors that [`Slices`] borrows from.
struct Hosts {
    floats: [Host; 9],
    seq_idx: Vec<i64>,
}

impl Hosts {
    fn new(saved: &SelectiveScanSaved<Flex>) -> Self {
        let floats = [
            &saved.x,
            &saved.dt,
            &saved.a,
            &saved.b,
            &saved.c,
            &saved.d,
            &saved.dt_bias,
            &saved.z,
            &saved.initial,
        ];
        Self {
            floats: floats.map(Host::new),
            seq_idx: Host::new(&saved.seq_idx).integers(),
        }
    }

    fn slices<T: Vector>(&self) -> Slices<'_, T> {
        let [x, dt, a, b, c, d, bias, z, initial] = self.floats.each_ref().map(Host::slice::<T>);
        Slices {
            x,
            dt,
            a,
            b,
            c,
            d,
            bias,
            z,
            initial,
            seq_idx: &self.seq_idx,
        }
    }
}

fn run_forward<T: Vector>(saved: &SelectiveScanSaved<Flex>) -> FlexTensor {
    let hosts = Hosts::new(saved);
    let packed = forward::forward(hosts.slices::<T>(), saved.shape);
    tensor(packed, &[saved.shape.packed_elements()])
}

fn run_backward<T: Vector>(
    saved: &SelectiveScanSaved<Flex>,
    grad: &FlexTensor,
) -> SelectiveScanGradients<Flex> {
    let SelectiveScanShape {
        batch,
        len,
        channels,
        groups,
        state,
        gated,
        ..
    } = saved.shape;
    let hosts = Hosts::new(saved);
    let grad = Host::new(grad);
    let g = backward::backward(hosts.slices::<T>(), grad.slice::<T>(), saved.shape);
    let values = [batch, len, channels];
    let projection = [batch, len, groups, state];
    SelectiveScanGradients {
        x: tensor(g.x, &values),
        dt: tensor(g.dt, &values),
        a: tensor(g.a, &[channels, state]),
        b: tensor(g.b, &projection),
        c: tensor(g.c, &projection),
        d: tensor(g.d, &[channels]),
        dt_bias: tensor(g.bias, &[channels]),
        z: tensor(g.z, if gated { &values } else { &[0, 0, 0] }),
        initial: tensor(g.initial, &[batch, channels, state]),
    }
}

impl SelectiveScanOps for Flex {
    fn selective_scan(
        x: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        dt_bias: FloatTensor<Self>,
        z: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: SelectiveScanShape,
    ) -> FloatTensor<Self> {
        let saved = SelectiveScanSaved::<Self> {
            x,
            dt,
            a,
            b,
            c,
            d,
            dt_bias,
            z,
            initial,
            seq_idx,
            shape,
        };
        match saved.x.dtype() {
            DType::F64 => run_forward::<f64>(&saved),
            _ => run_forward::<f32>(&saved),
        }
    }
}

impl SelectiveScanBackward for Flex {
    fn selective_scan_backward(
        saved: SelectiveScanSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> SelectiveScanGradients<Self> {
        match saved.x.dtype() {
            DType::F64 => run_backward::<f64>(&saved, &grad),
            _ => run_backward::<f32>(&saved, &grad),
        }
    }
}
