//! The backward pass: batch rows go backward in passes, of which each fills the device.

use super::forward::Output;
use super::launch::Exponents;
use super::plan::Plan;
use super::{Call, REVERSE, members, reverse};
use crate::cube::{buffer, column_sums, contiguous, element, elements, empty, grid, zeros};
use crate::ssd::ops::SsdGradients;
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeBackend;
use burn_cubecl::ops::reshape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use std::ops::Range;

/// What a pass of the reverse kernel reads besides the inputs.
struct Reads<'a> {
    exponents: &'a Exponents,
    scores: Option<&'a CubeTensor>,
    /// Of this pass alone.
    checkpoints: CubeTensor,
    grad: &'a CubeTensor,
}

/// What the reverse kernel writes; of dt, a and d contributions of blocks and rows.
struct Gradients {
    x: CubeTensor,
    dt: CubeTensor,
    a: CubeTensor,
    b: CubeTensor,
    c: CubeTensor,
    d: CubeTensor,
    initial: CubeTensor,
}

impl Gradients {
    fn empty(call: &Call, plan: Plan) -> Self {
        let (shape, work) = (call.shape, call.work());
        let new = |dims: &[usize], dtype| empty(&call.x, dims, dtype);
        let blocks = call.blocks(plan);
        let projections = [shape.batch, shape.len, shape.groups, shape.state];
        let of_b = || match call.contributors(plan) {
            // Without heads nobody writes it.
            0 => zeros(&call.x, &projections, call.b.dtype),
            _ => new(&projections, call.b.dtype),
        };
        let per_head = [shape.batch * blocks, shape.heads];
        Self {
            x: new(
                &[shape.batch, shape.len, shape.heads, shape.head_dim],
                call.x.dtype,
            ),
            dt: new(&[blocks, elements(&call.dt)], work),
            a: new(&per_head, work),
            b: of_b(),
            c: of_b(),
            d: new(&per_head, work),
            initial: new(
                &[shape.batch, shape.heads, shape.head_dim, shape.state],
                work,
            ),
        }
    }

    /// The gradients, contributions added in a fixed order.
    fn summed(self, call: &Call, plan: Plan) -> SsdGradients<CubeBackend> {
        let shape = call.shape;
        let blocks = call.blocks(plan);
        let dt = column_sums(self.dt, blocks, elements(&call.dt));
        SsdGradients {
            x: self.x,
            dt: reshape(dt, Shape::from(vec![shape.batch, shape.len, shape.heads])),
            a: column_sums(self.a, shape.batch * blocks, shape.heads),
            b: self.b,
            c: self.c,
            d: column_sums(self.d, shape.batch * blocks, shape.heads),
            initial: self.initial,
        }
    }
}

impl Call {
    /// Batch rows that go backward together: checkpoints and contributions of fewer rows take less memory.
    /// As few as take no more waves of the reverse kernel, of which one cube fills a multiprocessor; of the
    /// walk that leaves checkpoints two may fit, so that it can lose a little.
    fn pass_rows(&self, plan: Plan) -> usize {
        let hardware = &self.x.client.properties().hardware;
        let processors = hardware.num_streaming_multiprocessors.unwrap_or(1) as usize;
        let waves = |rows: usize| self.cubes(plan, rows).div_ceil(processors);
        let batch = self.shape.batch.max(1);
        let together = |rows: &usize| batch.div_ceil(*rows) * waves(*rows) <= waves(batch);
        (1..=batch).find(together).unwrap_or(batch)
    }

    pub(super) fn backward(&self, grad: CubeTensor) -> SsdGradients<CubeBackend> {
        let plan = self.plan(REVERSE, Plan::reverse_bytes);
        let (exponents, scores) = (self.exponents(plan), self.scores(plan));
        let grad = contiguous(grad);
        let gradients = Gradients::empty(self, plan);
        let rows = self.pass_rows(plan);
        for first in (0..self.shape.batch).step_by(rows) {
            let rows = first..(first + rows).min(self.shape.batch);
            let [_, checkpoints] =
                self.run(Output::Checkpoints, plan, &exponents, None, rows.clone());
            let reads = Reads {
                exponents: &exponents,
                scores: scores.as_ref(),
                checkpoints,
                grad: &grad,
            };
            self.reverse(plan, &reads, &gradients, rows);
        }
        gradients.summed(self, plan)
    }

    /// Heads, and blocks of them, that contribute to one row of dB and dC.
    fn contributors(&self, plan: Plan) -> usize {
        self.shape.heads_per_group() * self.blocks(plan)
    }

    /// Runs the reverse kernel on batch rows.
    fn reverse(&self, plan: Plan, reads: &Reads<'_>, into: &Gradients, rows: Range<usize>) {
        let shape = self.shape;
        let cubes = self.cubes(plan, rows.len());
        if cubes == 0 {
            return;
        }
        let members = self.contributors(plan);
        // A sole contribution is the whole gradient and written where that lies.
        let (parts, contributed) = match members {
            1 => ([into.b.clone(), into.c.clone()], 0),
            _ => {
                let dims = [rows.len(), shape.len, shape.groups, members, shape.state];
                let share = self.contribution(plan);
                ([0, 1].map(|_| empty(&self.x, &dims, share)), rows.start)
            }
        };
        let [db, dc] = &parts;
        let spare = empty(&self.x, &[1], self.work());
        let [x, tile, work, wide, index] = self.types(plan);
        reverse::reverse::launch(
            &self.x.client,
            CubeCount::Static(cubes as u32, 1, 1),
            CubeDim::new_1d(plan.units as u32),
            buffer(&self.x, &spare),
            buffer(&self.a, &spare),
            buffer(&self.b, &spare),
            buffer(&self.c, &spare),
            buffer(&self.d, &spare),
            buffer(&self.seq_idx, &spare),
            buffer(&reads.exponents.sums, &spare),
            buffer(&reads.exponents.steps, &spare),
            buffer(reads.scores.unwrap_or(&spare), &spare),
            buffer(&reads.checkpoints, &spare),
            buffer(reads.grad, &spare),
            buffer(&into.x, &spare),
            buffer(db, &spare),
            buffer(dc, &spare),
            buffer(&into.dt, &spare),
            buffer(&into.a, &spare),
            buffer(&into.d, &spare),
            buffer(&into.initial, &spare),
            self.sizes(plan, [rows.start, contributed]),
            shape.final_state,
            reads.scores.is_some(),
            plan,
            [x, tile, work, wide, index, element(db.dtype)],
        );
        if members > 1 {
            let start = rows.start * shape.len * shape.groups * shape.state;
            for (part, sum) in parts.iter().zip([&into.b, &into.c]) {
                self.sum_members(part, sum, members, start);
            }
        }
    }

    /// Adds [row, len, group, member, state] over members, into `sums` from element `start` on.
    fn sum_members(&self, values: &CubeTensor, sums: &CubeTensor, members: usize, start: usize) {
        let total = elements(values) / members;
        if total == 0 {
            return;
        }
        let client = &self.x.client;
        let (count, dim) = grid(client, total);
        members::member_sums::launch(
            client,
            count,
            dim,
            buffer(values, values),
            buffer(sums, sums),
            members,
            self.shape.state,
            start,
            total,
            [values.dtype, self.work(), sums.dtype].map(element),
        );
    }

    /// The format of one head's contribution to dB and dC: that of B where it is the whole
    /// gradient, or where products were rounded to it anyway; sums are taken in f32.
    fn contribution(&self, plan: Plan) -> DType {
        match plan.matrix || self.shape.heads_per_group() * self.blocks(plan) == 1 {
            true => self.b.dtype,
            false => self.work(),
        }
    }
}
