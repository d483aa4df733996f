//! CubeCL body: a unit per channel of a row; where these are too few for the device, the length is
//! cut into segments and scanned twice (local ends, their carries, then every segment from its carry).
//!
//! Memory-bound: forward reads x and writes h, backward reads the gradient and h and writes dx. At
//! batch 64, len 4096, 256 complex channels, f32, that is 1.07 and 1.6 GB: 0.36 and 0.54 ms at 3 TB/s,
//! and a half more where the length is cut.

#![allow(clippy::too_many_arguments)] // a kernel has one argument per tensor

mod adjoint;
mod kernels;
mod launch;
mod task;

use super::DiagonalScanShape;
use super::ops::{DiagonalScanBackward, DiagonalScanGradients, DiagonalScanOps, DiagonalScanSaved};
use crate::cube::{accumulator, contiguous, element, elements, empty, grid, unrolls};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;
use task::{Plan, SizesLaunch};

/// Steps of a run: loads in flight at once.
const RUN: usize = 8;

/// What a scan in either direction reads, ready to launch.
struct Call {
    a: [CubeTensor; 2],
    initial: [CubeTensor; 2],
    seq_idx: CubeTensor,
    shape: DiagonalScanShape,
    /// The format of x, h and their gradients.
    stored: DType,
    /// Stands in for tensors without elements.
    spare: CubeTensor,
    segments: usize,
    segment_runs: usize,
}

impl Call {
    fn new(
        a: [CubeTensor; 2],
        initial: [CubeTensor; 2],
        seq_idx: CubeTensor,
        shape: DiagonalScanShape,
        stored: DType,
    ) -> Self {
        let runs = shape.len.div_ceil(RUN);
        let segment_runs = runs.div_ceil(segments(&a[0].client, shape));
        Self {
            spare: empty(&a[0], &[1], accumulator(stored)),
            segments: runs.div_ceil(segment_runs.max(1)).max(1),
            segment_runs,
            a: a.map(contiguous),
            initial: initial.map(contiguous),
            seq_idx: contiguous(seq_idx),
            shape,
            stored,
        }
    }

    fn client(&self) -> &Client {
        &self.a[0].client
    }

    fn work(&self) -> DType {
        accumulator(self.stored)
    }

    fn types(&self) -> [ElemType; 4] {
        [
            self.stored,
            self.a[0].dtype,
            self.work(),
            self.seq_idx.dtype,
        ]
        .map(element)
    }

    fn plan(&self, adjoint: bool) -> Plan {
        Plan {
            run: RUN,
            varying: self.shape.varying,
            backwards: self.shape.reverse != adjoint,
            adjoint,
            packed: elements(&self.seq_idx) > 0,
            unroll: unrolls(self.client()),
        }
    }

    /// Units with work, none where there are no positions.
    fn total(&self) -> usize {
        match self.shape.len {
            0 => 0,
            _ => self.shape.batch * self.segments * self.shape.channels,
        }
    }

    fn sizes(&self) -> SizesLaunch {
        SizesLaunch::new(
            self.shape.len,
            self.shape.channels,
            self.segments,
            self.segment_runs,
            self.total(),
        )
    }

    fn grid(&self, total: usize) -> (CubeCount, CubeDim) {
        grid(self.client(), total)
    }

    /// [batch, segment, part, channel].
    fn parts(&self, parts: usize) -> CubeTensor {
        let dims = [self.shape.batch, self.segments, parts, self.shape.channels];
        empty(&self.a[0], &dims, self.work())
    }
}

/// Into how many segments the length is cut, so that the device has enough loads in flight.
fn segments(client: &Client, shape: DiagonalScanShape) -> usize {
    let hardware = &client.properties().hardware;
    // On a CPU, a place for tests, little work must already be cut.
    let (wanted, least) = match hardware.num_cpu_cores {
        Some(_) => (64, 32),
        None => {
            let processors = hardware.num_streaming_multiprocessors.unwrap_or(64) as usize;
            (processors * 1024, 64)
        }
    };
    let busy = (shape.batch * shape.channels).max(1);
    (wanted / busy).clamp(1, shape.len.div_ceil(least).max(1))
}

impl DiagonalScanOps for CubeBackend {
    fn diagonal_scan(
        x: FloatTensor<Self>,
        a_re: FloatTensor<Self>,
        a_im: FloatTensor<Self>,
        initial_re: FloatTensor<Self>,
        initial_im: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: DiagonalScanShape,
    ) -> FloatTensor<Self> {
        let initial = [initial_re, initial_im];
        Call::new([a_re, a_im], initial, seq_idx, shape, x.dtype).forward(x)
    }
}

impl DiagonalScanBackward for CubeBackend {
    fn diagonal_scan_backward(
        saved: DiagonalScanSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> DiagonalScanGradients<Self> {
        let DiagonalScanSaved {
            a_re,
            a_im,
            initial_re,
            initial_im,
            seq_idx,
            h,
            shape,
        } = saved;
        let initial = [initial_re, initial_im];
        Call::new([a_re, a_im], initial, seq_idx, shape, h.dtype).backward(h, grad)
    }
}
