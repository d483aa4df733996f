//! Launching the kernels of one call.

use super::forward::Output;
use super::plan::Plan;
use super::task::SizesLaunch;
use super::{Call, FORWARD, REVERSE, decay, forward, members, reverse};
use crate::cube::{buffer, column_sums, contiguous, element, elements, empty, grid, zeros};
use crate::ssd::ops::SsdGradients;
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeBackend;
use burn_cubecl::ops::reshape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Exponents summed inside chunks, and step sizes, [batch, head, chunk, position].
struct Exponents {
    sums: CubeTensor,
    steps: CubeTensor,
}

impl Call {
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
            let (count, dim) = grid(client, total);
            decay::chunk_sums::launch(
                client,
                count,
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

    pub(super) fn forward(&self) -> CubeTensor {
        let plan = self.plan(FORWARD, Plan::forward_bytes);
        let output = match self.shape.final_state {
            true => Output::ValuesAndState,
            false => Output::Values,
        };
        let [packed, _] = self.run(output, plan, &self.exponents(plan));
        packed
    }

    pub(super) fn backward(&self, grad: CubeTensor) -> SsdGradients<CubeBackend> {
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
            let (count, dim) = grid(client, total);
            members::member_sums::launch(
                client,
                count,
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
