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
mod members;
mod plan;
mod product;
mod reverse;
mod tiles;

use super::SsdShape;
use super::ops::{SsdBackward, SsdGradients, SsdOps, SsdSaved};
use crate::cube::{
    accumulator, buffer, column_sums, contiguous, cube_units, element, elements, empty, unrolls,
    zeros,
};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeBackend;
use burn_cubecl::ops::reshape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::ir::features::MmaConfig;
use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::*;
use forward::{Output, SizesLaunch};
use plan::{Need, Offer, Plan, choose};

/// Most channels of a head in one cube, and its units with matrix units: forward, where a narrower
/// block leaves registers for a second cube on a multiprocessor, and backward, where every block
/// adds a contribution to dB and dC.
const FORWARD: (usize, usize) = (64, 256);
const REVERSE: (usize, usize) = (128, 512);

/// Exponents summed inside chunks, and step sizes, [batch, head, chunk, position].
struct Exponents {
    sums: CubeTensor,
    steps: CubeTensor,
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
    fn plan(&self, (block, units): (usize, usize), bytes: fn(Plan, usize) -> usize) -> Plan {
        let need = Need {
            packed: elements(&self.seq_idx) > 0,
            block,
            matrix_units: units,
            stored: self.x.dtype.size(),
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

    fn sizes(&self, plan: Plan) -> SizesLaunch {
        let shape = self.shape;
        SizesLaunch::new(
            shape.len,
            shape.heads,
            shape.head_dim,
            shape.groups,
            shape.state,
            self.chunks(plan),
            self.blocks(plan),
            elements(&self.dt),
            shape.y_elements(),
        )
    }

    fn cubes(&self, plan: Plan) -> usize {
        self.shape.batch * self.shape.heads * self.blocks(plan)
    }

    fn exponents(&self, plan: Plan) -> Exponents {
        let chunks = self.chunks(plan);
        let dims = [self.shape.batch, self.shape.heads, chunks, plan.chunk];
        let exponents = Exponents {
            sums: empty(&self.x, &dims, self.wide()),
            steps: empty(&self.x, &dims, self.work()),
        };
        let total = self.shape.batch * self.shape.heads * chunks;
        if total > 0 {
            let client = &self.x.client;
            let dim = CubeDim::new(client, total);
            decay::chunk_sums::launch(
                client,
                calculate_cube_count_elemwise(client, total, dim),
                dim,
                buffer(&self.dt, &self.dt),
                buffer(&self.a, &self.a),
                buffer(&exponents.sums, &exponents.sums),
                buffer(&exponents.steps, &exponents.steps),
                self.shape.len,
                self.shape.heads,
                chunks,
                total,
                plan.chunk,
                [self.work(), self.wide()].map(element),
            );
        }
        exponents
    }

    /// Runs the forward kernel; returns (packed result, checkpoints), of which one is a stand-in.
    fn run(&self, output: Output, plan: Plan, exponents: &Exponents) -> [CubeTensor; 2] {
        let shape = self.shape;
        let dims = [
            shape.batch,
            self.chunks(plan),
            shape.heads,
            shape.head_dim,
            shape.state,
        ];
        let spare = empty(&self.x, &[1], self.work());
        let [packed, checkpoints] = match output {
            Output::Checkpoints => [
                empty(&self.x, &[1], self.x.dtype),
                empty(&self.x, &dims, self.tiles(plan)),
            ],
            _ => [
                empty(&self.x, &[shape.packed_elements()], self.x.dtype),
                spare.clone(),
            ],
        };
        if self.cubes(plan) > 0 {
            forward::forward::launch(
                &self.x.client,
                CubeCount::Static(self.cubes(plan) as u32, 1, 1),
                CubeDim::new_1d(plan.units as u32),
                buffer(&self.x, &spare),
                buffer(&self.b, &spare),
                buffer(&self.c, &spare),
                buffer(&self.d, &spare),
                buffer(&self.initial, &spare),
                buffer(&self.seq_idx, &spare),
                buffer(&exponents.sums, &spare),
                buffer(&exponents.steps, &spare),
                buffer(&packed, &spare),
                buffer(&checkpoints, &spare),
                self.sizes(plan),
                output,
                plan,
                self.types(plan),
            );
        }
        [packed, checkpoints]
    }

    fn forward(&self) -> CubeTensor {
        let plan = self.plan(FORWARD, Plan::forward_bytes);
        let output = match self.shape.final_state {
            true => Output::ValuesAndState,
            false => Output::Values,
        };
        let [packed, _] = self.run(output, plan, &self.exponents(plan));
        packed
    }

    fn backward(&self, grad: CubeTensor) -> SsdGradients<CubeBackend> {
        let shape = self.shape;
        let plan = self.plan(REVERSE, Plan::reverse_bytes);
        let blocks = self.blocks(plan);
        let exponents = self.exponents(plan);
        let [_, checkpoints] = self.run(Output::Checkpoints, plan, &exponents);
        let grad = contiguous(grad);
        let work = self.work();
        let members = [shape.batch, shape.len, shape.heads, blocks, shape.state];
        let dx = empty(
            &self.x,
            &[shape.batch, shape.len, shape.heads, shape.head_dim],
            self.x.dtype,
        );
        let share = self.contribution(plan);
        let [db, dc] = [0, 1].map(|_| empty(&self.x, &members, share));
        let ddt = empty(&self.x, &[blocks, elements(&self.dt)], work);
        let [da, dd] = [0, 1].map(|_| empty(&self.x, &[shape.batch * blocks, shape.heads], work));
        let initial = empty(
            &self.x,
            &[shape.batch, shape.heads, shape.head_dim, shape.state],
            work,
        );
        if self.cubes(plan) > 0 {
            let spare = empty(&self.x, &[1], work);
            reverse::reverse::launch(
                &self.x.client,
                CubeCount::Static(self.cubes(plan) as u32, 1, 1),
                CubeDim::new_1d(plan.units as u32),
                buffer(&self.x, &spare),
                buffer(&self.a, &spare),
                buffer(&self.b, &spare),
                buffer(&self.c, &spare),
                buffer(&self.d, &spare),
                buffer(&self.seq_idx, &spare),
                buffer(&exponents.sums, &spare),
                buffer(&exponents.steps, &spare),
                buffer(&checkpoints, &spare),
                buffer(&grad, &spare),
                buffer(&dx, &spare),
                buffer(&db, &spare),
                buffer(&dc, &spare),
                buffer(&ddt, &spare),
                buffer(&da, &spare),
                buffer(&dd, &spare),
                buffer(&initial, &spare),
                self.sizes(plan),
                shape.final_state,
                plan,
                {
                    let [x, tile, work, wide, index] = self.types(plan);
                    [x, tile, work, wide, index, element(share)]
                },
            );
        }
        let heads = shape.batch * blocks;
        SsdGradients {
            x: dx,
            dt: reshape(
                column_sums(ddt, blocks, elements(&self.dt)),
                Shape::from(vec![shape.batch, shape.len, shape.heads]),
            ),
            a: column_sums(da, heads, shape.heads),
            b: self.sum_members(db, shape.heads_per_group() * blocks),
            c: self.sum_members(dc, shape.heads_per_group() * blocks),
            d: column_sums(dd, heads, shape.heads),
            initial,
        }
    }

    /// The format of one head's contribution to dB and dC: that of B where it is the whole
    /// gradient, or where products were rounded to it anyway; sums are taken in f32.
    fn contribution(&self, plan: Plan) -> DType {
        match plan.matrix || self.shape.heads_per_group() * self.blocks(plan) == 1 {
            true => self.b.dtype,
            false => self.work(),
        }
    }

    /// [batch, len, group, state] in the format of B from [batch, len, group, member, state].
    fn sum_members(&self, values: CubeTensor, members: usize) -> CubeTensor {
        let shape = self.shape;
        let dims = [shape.batch, shape.len, shape.groups, shape.state];
        let total = dims.iter().product::<usize>();
        if members == 0 {
            return zeros(&self.x, &dims, self.b.dtype);
        }
        if members == 1 {
            return reshape(values, Shape::from(dims.to_vec()));
        }
        let sums = empty(&self.x, &dims, self.b.dtype);
        if total > 0 {
            let client = &self.x.client;
            let dim = CubeDim::new(client, total);
            members::member_sums::launch(
                client,
                calculate_cube_count_elemwise(client, total, dim),
                dim,
                buffer(&values, &values),
                buffer(&sums, &sums),
                members,
                shape.state,
                total,
                [values.dtype, self.work(), self.b.dtype].map(element),
            );
        }
        sums
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
