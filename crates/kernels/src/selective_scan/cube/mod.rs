//! CubeCL body: neighbouring units are neighbouring channels, states in registers.
//!
//! Forward, a unit has up to sixteen states of a channel; where channels are too few for the device,
//! several units share a channel's states, and then the length is cut into segments: what each makes
//! out of a zero state, what enters each (a short walk over segments), then the scan itself. Backward,
//! the state before every sixteenth position is written once and read once; a unit has four states,
//! which it keeps, with their decays, for such a run of positions. Sums over channels (dB, dC) run
//! through shared memory; every cube's contribution is written and added up in a fixed order.
//!
//! Floor at batch 8, channels 4096, state 16, len T: an exponential per (position, channel, state),
//! of which a multiprocessor of an H100 makes 16 a clock; at T = 16384 that is 8.6e9, 2.3 ms. Device
//! memory, in bf16 with a gate: 4.3 GB, 1.4 ms at 3 TB/s. Backward: two exponentials, 4.6 ms; 9.7 GB
//! of inputs and gradients, 4.3 GB of checkpoints and 4.3 GB of contributions to dB and dC, 6 ms.
//! In f16 and bf16 decays come from the device's instruction for 2^x; an f32 exponential of full
//! precision costs some six further operations. The sums over channels take as much time in shared
//! memory as the exponentials.

#![allow(clippy::too_many_arguments)] // a kernel has one argument per tensor

mod carry;
mod forward;
mod launch;
mod plan;
mod reverse;
mod task;

use super::SelectiveScanShape;
use super::ops::{
    SelectiveScanBackward, SelectiveScanGradients, SelectiveScanOps, SelectiveScanSaved,
};
use crate::cube::{accumulator, contiguous, empty, vector_width};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use plan::Plan;

/// One call, ready to launch.
struct Call {
    x: CubeTensor,
    dt: CubeTensor,
    a: CubeTensor,
    b: CubeTensor,
    c: CubeTensor,
    d: CubeTensor,
    bias: CubeTensor,
    z: CubeTensor,
    initial: CubeTensor,
    seq_idx: CubeTensor,
    /// Stands in for tensors without elements.
    spare: CubeTensor,
    shape: SelectiveScanShape,
    /// States of a vector.
    vector: usize,
}

/// How the work of one walk is cut.
struct Work {
    plan: Plan,
    /// Runs of one row.
    runs: usize,
    /// Runs of one segment.
    segment_runs: usize,
    /// Segments of one row, none of them empty unless the row is.
    segments: usize,
    /// Cubes of one group.
    tiles: usize,
}

impl Call {
    fn new(saved: SelectiveScanSaved<CubeBackend>) -> Self {
        let x = contiguous(saved.x);
        let wide = accumulator(x.dtype);
        let vector = vector_width(saved.shape.state, wide);
        Self {
            dt: contiguous(saved.dt),
            a: contiguous(saved.a),
            b: contiguous(saved.b),
            c: contiguous(saved.c),
            d: contiguous(saved.d),
            bias: contiguous(saved.dt_bias),
            z: contiguous(saved.z),
            initial: contiguous(saved.initial),
            seq_idx: contiguous(saved.seq_idx),
            spare: empty(&x, &[vector], wide),
            x,
            shape: saved.shape,
            vector,
        }
    }
}

impl SelectiveScanOps for CubeBackend {
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
        Call::new(saved).forward()
    }
}

impl SelectiveScanBackward for CubeBackend {
    fn selective_scan_backward(
        saved: SelectiveScanSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> SelectiveScanGradients<Self> {
        Call::new(saved).backward(grad)
    }
}
