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

mod decay;
mod forward;
mod launch;
mod lines;
mod members;
mod plan;
mod product;
mod reverse;
mod task;
mod tiles;

use super::SsdShape;
use super::ops::{SsdBackward, SsdGradients, SsdOps, SsdSaved};
use crate::cube::{accumulator, contiguous, cube_units, element, elements, unrolls};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::features::MmaConfig;
use cubecl::ir::{ElemType, FloatKind};
use plan::{ElementBytes, Need, Offer, Plan, choose};

/// Most channels of a head in one cube, and its units with matrix units: forward, where a narrower
/// block leaves registers for a second cube on a multiprocessor, and backward, where every block
/// adds a contribution to dB and dC.
const FORWARD: (usize, usize) = (64, 256);
const REVERSE: (usize, usize) = (128, 256);

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

    /// Whether matrix units multiply the inputs' format and `ldmatrix` loads it.
    fn has_matrix_units(&self) -> bool {
        let kind = element(self.x.dtype);
        let matmul = &self.x.client.properties().features.matmul;
        let wanted = MmaConfig {
            a_type: kind,
            b_type: kind,
            cd_type: element(DType::F32),
            m: 16,
            n: 8,
            k: 16,
        };
        matmul.mma.contains(&wanted) && matmul.ldmatrix.contains(&kind)
    }

    fn offer(&self) -> Offer {
        let hardware = &self.x.client.properties().hardware;
        Offer {
            shared: hardware
                .num_cpu_cores
                .is_none()
                .then_some(hardware.max_shared_memory_size),
            units: cube_units(&self.x.client, 256),
            unroll: unrolls(&self.x.client),
            matrix: self.has_matrix_units(),
        }
    }

    /// # Panics
    /// When shared memory does not hold the smallest chunk, at state sizes beyond a thousand.
    fn plan(&self, (block, units): (usize, usize), bytes: fn(Plan, ElementBytes) -> usize) -> Plan {
        let need = Need {
            packed: elements(&self.seq_idx) > 0,
            block,
            matrix_units: units,
            stored: self.x.dtype.size(),
            work: self.work().size(),
            bytes,
        };
        choose(self.shape, self.offer(), need).unwrap_or_else(|| {
            panic!(
                "ssd: a state of {} per channel does not fit into this device's shared memory",
                self.shape.state
            )
        })
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
