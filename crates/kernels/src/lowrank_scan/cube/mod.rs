//! CubeCL body: a group of units per channel of a row, states across its units, walking the length.
//!
//! Bound by the latency of a step, which sums over the group: by estimate 0.1 to 0.2 us forward, so that
//! 2,048 positions take 0.2 to 0.4 ms, whatever the batch while the device is not full. Backward walks
//! three times.

#![allow(clippy::too_many_arguments)] // a kernel has one argument per tensor

mod backward;
mod forward;
mod plan;
mod state;
mod stretch;
mod system;

use super::LowRankScanShape;
use super::ops::{LowRankScanBackward, LowRankScanGradients, LowRankScanOps, LowRankScanSaved};
use crate::cube::{buffer, contiguous, element, elements, empty, part_sums, zeros};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;
use plan::{Plan, plan};
use system::SizesLaunch;

/// Bytes of shared memory that a state of this size needs and the device has, where it does not fit.
pub(super) fn misfit(
    shape: &LowRankScanShape,
    dtype: DType,
    client: &Client,
) -> Option<[usize; 2]> {
    plan(client, shape, dtype, false).err()
}

/// One call, ready to launch.
struct Call {
    x: CubeTensor,
    /// alpha, beta, kappa, b, c, initial.
    parameters: [CubeTensor; 6],
    seq_idx: CubeTensor,
    shape: LowRankScanShape,
    /// Stands in for tensors without elements.
    spare: CubeTensor,
}

impl Call {
    fn new(saved: LowRankScanSaved<CubeBackend>) -> Self {
        let parameters = [
            saved.alpha,
            saved.beta,
            saved.kappa,
            saved.b,
            saved.c,
            saved.initial,
        ];
        Self {
            spare: empty(&saved.x, &[1], saved.x.dtype),
            x: contiguous(saved.x),
            parameters: parameters.map(contiguous),
            seq_idx: contiguous(saved.seq_idx),
            shape: saved.shape,
        }
    }

    fn plan(&self) -> Plan {
        let packed = elements(&self.seq_idx) > 0;
        plan(&self.x.client, &self.shape, self.x.dtype, packed)
            .expect("the public function has asked `misfit`")
    }

    fn sizes(&self, stretches: usize) -> SizesLaunch {
        let LowRankScanShape {
            batch,
            len,
            channels,
            state,
            ..
        } = self.shape;
        SizesLaunch::new(batch, len, channels, state, stretches)
    }

    fn grid(&self, plan: &Plan) -> (CubeCount, CubeDim) {
        let series = self.shape.batch * self.shape.channels;
        let cubes = series.div_ceil(plan.groups());
        (
            CubeCount::Static(cubes as u32, 1, 1),
            CubeDim::new_1d(plan.units as u32),
        )
    }

    fn types(&self) -> [ElemType; 2] {
        [self.x.dtype, self.seq_idx.dtype].map(element)
    }

    fn argument(&self, tensor: &CubeTensor) -> BufferArg {
        buffer(tensor, &self.spare)
    }

    fn forward(&self) -> CubeTensor {
        let count = self.shape.y_elements() + 2 * self.shape.state_elements();
        if self.shape.state_elements() == 0 {
            return zeros(&self.x, &[count], self.x.dtype);
        }
        let packed = empty(&self.x, &[count], self.x.dtype);
        let plan = self.plan();
        let (cubes, units) = self.grid(&plan);
        let [alpha, beta, kappa, b, c, initial] =
            self.parameters.each_ref().map(|p| self.argument(p));
        forward::forward::launch(
            &self.x.client,
            cubes,
            units,
            self.argument(&self.x),
            alpha,
            beta,
            kappa,
            b,
            c,
            initial,
            self.argument(&self.seq_idx),
            self.argument(&packed),
            self.sizes(0),
            plan,
            self.types(),
        );
        packed
    }

    fn backward(&self, grad: CubeTensor) -> LowRankScanGradients<CubeBackend> {
        let LowRankScanShape {
            batch,
            len,
            channels,
            state,
            rank,
        } = self.shape;
        let dtype = self.x.dtype;
        let (vectors, columns) = ([2, channels, state], [2, rank, channels, state]);
        if self.shape.state_elements() == 0 {
            let zeros = |shape: &[usize]| zeros(&self.x, shape, dtype);
            return LowRankScanGradients {
                x: zeros(&[batch, len, channels]),
                alpha: zeros(&vectors),
                beta: zeros(&columns),
                kappa: zeros(&columns),
                b: zeros(&vectors),
                c: zeros(&vectors),
                initial: zeros(&[2, batch, channels, state]),
            };
        }
        let plan = self.plan();
        let stretches = len.div_ceil(plan.stretch);
        let grad = contiguous(grad);
        let new = |shape: &[usize]| empty(&self.x, shape, dtype);
        let kept = new(&[batch * channels, stretches, plan.width(), plan.lanes]);
        let dx = new(&[batch, len, channels]);
        let of_vectors = [0, 1, 2].map(|_| new(&[batch, 2, channels, state]));
        let of_columns = [0, 1].map(|_| new(&[batch, 2, rank, channels, state]));
        let dinitial = new(&[2, batch, channels, state]);
        let (cubes, units) = self.grid(&plan);
        let [alpha, beta, kappa, b, c, initial] =
            self.parameters.each_ref().map(|p| self.argument(p));
        backward::backward::launch(
            &self.x.client,
            cubes,
            units,
            self.argument(&self.x),
            alpha,
            beta,
            kappa,
            b,
            c,
            initial,
            self.argument(&self.seq_idx),
            self.argument(&grad),
            self.argument(&kept),
            self.argument(&dx),
            self.argument(&of_vectors[0]),
            self.argument(&of_columns[0]),
            self.argument(&of_columns[1]),
            self.argument(&of_vectors[1]),
            self.argument(&of_vectors[2]),
            self.argument(&dinitial),
            self.sizes(stretches),
            plan,
            self.types(),
        );
        let [alpha, b, c] = of_vectors.map(|parts| part_sums(parts, batch, &vectors, dtype));
        let [beta, kappa] = of_columns.map(|parts| part_sums(parts, batch, &columns, dtype));
        LowRankScanGradients {
            x: dx,
            alpha,
            beta,
            kappa,
            b,
            c,
            initial: dinitial,
        }
    }
}

impl LowRankScanOps for CubeBackend {
    fn lowrank_scan(
        x: FloatTensor<Self>,
        alpha: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        kappa: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: LowRankScanShape,
    ) -> FloatTensor<Self> {
        let saved = LowRankScanSaved::<Self> {
            x,
            alpha,
            beta,
            kappa,
            b,
            c,
            initial,
            seq_idx,
            shape,
        };
        Call::new(saved).forward()
    }
}

impl LowRankScanBackward for CubeBackend {
    fn lowrank_scan_backward(
        saved: LowRankScanSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> LowRankScanGradients<Self> {
        Call::new(saved).backward(grad)
    }
}
