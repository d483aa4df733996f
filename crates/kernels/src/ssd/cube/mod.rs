//! CubeCL body of SSD: one cube per batch row, head and block of its channels, sequential in chunks.
//!
//! The state stays in registers from the first chunk to the last, so that device memory sees every
//! input once and every output once. The backward pass writes the state before each chunk once
//! (checkpoints) and reads it once.
//!
//! Floor of the forward pass at batch 8, heads 32, head_dim 128, state 128, len T, chunk 64, bf16:
//! per head and position 2 (64 (128 + 128) + 2 * 128 * 128) = 98 kFLOP and 2 (2 + 2 G / 32) * 128
//! bytes. At T = 16384 that is 412 GFLOP (0.5 ms at 800 TFLOP/s) and, with a group per head, 4.3 GB
//! (1.4 ms at 3 TB/s), with one group 2.2 GB (0.7 ms): bound by memory, once the matrix units are
//! used, as they are for f16 and bf16 inputs (m16n8k16, f32 sums). f32 inputs run on the ordinary
//! units: 412 GFLOP at 60 TFLOP/s is 7 ms.

#![allow(clippy::too_many_arguments)] // a kernel has one argument per tensor

mod backward;
mod decay;
mod forward;
mod launch;
mod lines;
mod members;
mod plan;
mod reverse;
mod scores;
mod task;

use super::SsdShape;
use super::ops::{SsdBackward, SsdGradients, SsdOps, SsdSaved};
use crate::cube::{ElementBytes, Offer, accumulator, contiguous, element, elements};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::Client;
use plan::{Need, Plan, choose};

/// Most channels of a head in one cube, and its units with matrix units: forward, where a narrower
/// block leaves registers for a second cube on a multiprocessor, and backward, where every block
/// adds a contribution to dB and dC.
const FORWARD: (usize, usize) = (64, 256);
const REVERSE: (usize, usize) = (128, 256);

/// Bytes of shared memory that the smallest plan needs and the device has, where it does not fit.
pub(super) fn misfit(shape: SsdShape, dtype: DType, client: &Client) -> Option<[usize; 2]> {
    let offer = Offer::new(client, dtype);
    let needed = choose(
        shape,
        offer,
        Need::new(dtype, false, REVERSE, Plan::reverse_bytes),
    )
    .err()?;
    Some([needed, offer.shared.unwrap_or(usize::MAX)])
}

/// One call, ready to launch.
struct Call {
    x: CubeTensor,
    dt: CubeTensor,
    a: CubeTensor,
    b: CubeTensor,
    c: CubeTensor,
    d: CubeTensor,
    initial: CubeTensor,
    seq_idx: CubeTensor,
    shape: SsdShape,
}

impl Call {
    fn new(saved: SsdSaved<CubeBackend>) -> Self {
        Self {
            x: contiguous(saved.x),
            dt: contiguous(saved.dt),
            a: contiguous(saved.a),
            b: contiguous(saved.b),
            c: contiguous(saved.c),
            d: contiguous(saved.d),
            initial: contiguous(saved.initial),
            seq_idx: contiguous(saved.seq_idx),
            shape: saved.shape,
        }
    }

    /// The format accumulated in.
    fn work(&self) -> DType {
        accumulator(self.x.dtype)
    }

    /// The format of exponent sums: f64 where the device has it.
    fn wide(&self) -> DType {
        let kind = ElemType::Float(FloatKind::F64);
        match self.x.client.properties().supports_type(kind) {
            true => DType::F64,
            false => DType::F32,
        }
    }

    /// The format of tiles in shared memory: that of the inputs where matrix units take it.
    fn tiles(&self, plan: Plan) -> DType {
        match plan.matrix {
            true => self.x.dtype,
            false => self.work(),
        }
    }

    fn types(&self, plan: Plan) -> [ElemType; 5] {
        [
            self.x.dtype,
            self.tiles(plan),
            self.work(),
            self.wide(),
            self.seq_idx.dtype,
        ]
        .map(element)
    }

    /// # Panics
    /// When the state does not fit, which [`super::ssd`] has checked.
    fn plan(&self, (block, units): (usize, usize), bytes: fn(Plan, ElementBytes) -> usize) -> Plan {
        let need = Need::new(
            self.x.dtype,
            elements(&self.seq_idx) > 0,
            (block, units),
            bytes,
        );
        choose(self.shape, Offer::new(&self.x.client, self.x.dtype), need)
            .unwrap_or_else(|needed| panic!("ssd: {needed} bytes of shared memory needed"))
    }

    fn chunks(&self, plan: Plan) -> usize {
        self.shape.len.div_ceil(plan.chunk)
    }

    fn blocks(&self, plan: Plan) -> usize {
        self.shape.head_dim.div_ceil(plan.block)
    }
}

impl SsdOps for CubeBackend {
    fn ssd(
        x: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: SsdShape,
    ) -> FloatTensor<Self> {
        let saved = SsdSaved::<Self> {
            kept: initial.clone(),
            x,
            dt,
            a,
            b,
            c,
            d,
            initial,
            seq_idx,
            shape,
        };
        Call::new(saved).forward()
    }
}

impl SsdBackward for CubeBackend {
    fn ssd_backward(saved: SsdSaved<Self>, grad: FloatTensor<Self>) -> SsdGradients<Self> {
        Call::new(saved).backward(grad)
    }
}
