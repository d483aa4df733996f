//! Launching the kernels of one call.

use super::carry::{carry, final_gradient, gradient_ends};
use super::forward::{Output, scan};
use super::plan::{Need, choose};
use super::reverse::reverse;
use super::task::SizesLaunch;
use super::{Call, Work};
use crate::cube::{accumulator, buffer, column_sums, contiguous, element, elements, empty};
use crate::cube::{grid, part_sums, zeros};
use crate::selective_scan::ops::SelectiveScanGradients;
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::ops::reshape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

impl Call {
    /// The work, cut for the walk forth or back.
    pub(super) fn work(&self, reverse: bool) -> Work {
        let shape = self.shape;
        let need = Need {
            vector: self.vector,
            size: accumulator(self.x.dtype).size(),
            packed: elements(&self.seq_idx) > 0,
            coarse: self.x.dtype.size() < 4,
            reverse,
        };
        let (plan, segments) = choose(&self.x.client, shape, &need);
        let runs = shape.len.div_ceil(plan.run);
        let segment_runs = runs.div_ceil(segments);
        Work {
            plan,
            runs,
            segment_runs,
            segments: runs.div_ceil(segment_runs.max(1)).max(1),
            tiles: shape.channels_per_group().div_ceil(plan.lanes),
        }
    }

    fn sizes(&self, work: &Work) -> SizesLaunch {
        let shape = self.shape;
        SizesLaunch::new(
            shape.batch,
            shape.len,
            shape.channels,
            shape.groups,
            shape.state / self.vector,
            self.vector,
            work.tiles,
            work.segments,
            work.segment_runs,
            work.runs,
            shape.y_elements(),
        )
    }

    fn cubes(&self, work: &Work) -> usize {
        self.shape.batch * self.shape.groups * work.tiles * work.segments
    }

    fn types(&self) -> [ElemType; 4] {
        let work = accumulator(self.x.dtype);
        [self.x.dtype, self.dt.dtype, work, self.seq_idx.dtype].map(element)
    }

    /// [batch, segment, channel, state].
    fn segment_states(&self, work: &Work) -> CubeTensor {
        let shape = self.shape;
        let dims = [shape.batch, work.segments, shape.channels, shape.state];
        empty(&self.x, &dims, accumulator(self.x.dtype))
    }

    /// [batch, segment, channel].
    fn segment_sums(&self, work: &Work) -> CubeTensor {
        let shape = self.shape;
        let dims = [shape.batch, work.segments, shape.channels];
        empty(&self.x, &dims, accumulator(self.x.dtype))
    }

    /// One walk along the length. Of `out`, `states` and `sums` it writes what `output` says.
    fn scan(&self, output: Output, work: &Work, start: &CubeTensor, to: [&CubeTensor; 3]) {
        if self.cubes(work) == 0 {
            return;
        }
        let [out, states, sums] = to.map(|tensor| buffer(tensor, &self.spare));
        scan::launch(
            &self.x.client,
            CubeCount::Static(self.cubes(work) as u32, 1, 1),
            CubeDim::new_1d(work.plan.units() as u32),
            self.vector,
            buffer(&self.x, &self.spare),
            buffer(&self.dt, &self.spare),
            buffer(&self.a, &self.spare),
            buffer(&self.b, &self.spare),
            buffer(&self.c, &self.spare),
            buffer(&self.d, &self.spare),
            buffer(&self.bias, &self.spare),
            buffer(&self.z, &self.spare),
            buffer(start, &self.spare),
            buffer(&self.seq_idx, &self.spare),
            out,
            states,
            sums,
            self.sizes(work),
            output,
            work.plan,
            self.types(),
        );
    }

    /// What enters each segment, given what enters the first (or, back, the last).
    fn carry(
        &self,
        work: &Work,
        from: [&CubeTensor; 2],
        outer: &CubeTensor,
        back: bool,
    ) -> CubeTensor {
        let entering = self.segment_states(work);
        let total = self.shape.state_elements() / self.vector;
        if total > 0 {
            let client = &self.x.client;
            let (count, dim) = grid(client, total);
            let [_, _, wide, index] = self.types();
            carry::launch(
                client,
                count,
                dim,
                self.vector,
                buffer(from[0], &self.spare),
                buffer(from[1], &self.spare),
                buffer(&self.a, &self.spare),
                buffer(outer, &self.spare),
                buffer(&self.seq_idx, &self.spare),
                buffer(&entering, &self.spare),
                self.sizes(work),
                total,
                back,
                work.plan,
                [wide, index],
            );
        }
        entering
    }

    /// The state before each segment, and the sums of their step sizes where there are several.
    fn starts(&self, work: &Work) -> (CubeTensor, CubeTensor) {
        if work.segments == 1 {
            return (self.initial.clone(), self.spare.clone());
        }
        let (ends, sums) = (self.segment_states(work), self.segment_sums(work));
        let to = [&self.spare, &ends, &sums];
        self.scan(Output::Ends, work, &self.spare, to);
        let starts = self.carry(work, [&ends, &sums], &self.initial, false);
        (starts, sums)
    }

    pub(super) fn forward(&self) -> CubeTensor {
        let work = self.work(false);
        let (starts, _) = self.starts(&work);
        let packed = empty(&self.x, &[self.shape.packed_elements()], self.x.dtype);
        let output = match self.shape.final_state {
            true => Output::ValuesAndState,
            false => Output::Values,
        };
        self.scan(output, &work, &starts, [&packed, &self.spare, &self.spare]);
        packed
    }

    /// The gradient of the final state, [batch, channel, state].
    fn outer_gradient(&self, grad: &CubeTensor) -> CubeTensor {
        let shape = self.shape;
        let dims = [shape.batch, shape.channels, shape.state];
        let wide = accumulator(self.x.dtype);
        let total = shape.state_elements();
        if !shape.final_state || total == 0 {
            return zeros(&self.x, &dims, wide);
        }
        let outer = empty(&self.x, &dims, wide);
        let client = &self.x.client;
        let (count, dim) = grid(client, total);
        final_gradient::launch(
            client,
            count,
            dim,
            buffer(grad, grad),
            buffer(&outer, &outer),
            shape.y_elements(),
            total,
            [grad.dtype, wide].map(element),
        );
        outer
    }

    /// The gradient of the state behind each segment.
    fn entering_gradients(&self, work: &Work, sums: &CubeTensor, grad: &CubeTensor) -> CubeTensor {
        let outer = self.outer_gradient(grad);
        if work.segments == 1 {
            return outer;
        }
        let ends = self.segment_states(work);
        if self.cubes(work) > 0 {
            gradient_ends::launch(
                &self.x.client,
                CubeCount::Static(self.cubes(work) as u32, 1, 1),
                CubeDim::new_1d(work.plan.units() as u32),
                self.vector,
                buffer(&self.x, &self.spare),
                buffer(&self.dt, &self.spare),
                buffer(&self.a, &self.spare),
                buffer(&self.c, &self.spare),
                buffer(&self.bias, &self.spare),
                buffer(&self.z, &self.spare),
                buffer(&self.seq_idx, &self.spare),
                buffer(grad, &self.spare),
                buffer(&ends, &self.spare),
                self.sizes(work),
                work.plan,
                self.types(),
            );
        }
        self.carry(work, [&ends, sums], &outer, true)
    }

    pub(super) fn backward(&self, grad: CubeTensor) -> SelectiveScanGradients<CubeBackend> {
        let shape = self.shape;
        let work = self.work(true);
        let wide = accumulator(self.x.dtype);
        let grad = contiguous(grad);
        let grid = [shape.batch, shape.len, shape.channels];
        let dx = empty(&self.x, &grid, self.x.dtype);
        let ddt = empty(&self.x, &grid, self.dt.dtype);
        let dz = empty(
            &self.x,
            if shape.gated { &grid } else { &[0, 0, 0] },
            self.x.dtype,
        );
        let projection = [shape.batch, shape.len, shape.groups, shape.state];
        let contributions = [work.tiles, projection.iter().product()];
        let [db, dc] = [0, 1].map(|_| empty(&self.x, &contributions, wide));
        let da = self.segment_states(&work);
        let [dd, dbias] = [0, 1].map(|_| self.segment_sums(&work));
        let initial = empty(&self.x, &[shape.batch, shape.channels, shape.state], wide);
        if self.cubes(&work) > 0 {
            let (starts, sums) = self.starts(&work);
            let dims = [shape.batch, work.runs, shape.state, shape.channels];
            let checkpoints = empty(&self.x, &dims, wide);
            let to = [&self.spare, &checkpoints, &self.spare];
            self.scan(Output::Checkpoints, &work, &starts, to);
            let entering = self.entering_gradients(&work, &sums, &grad);
            reverse::launch(
                &self.x.client,
                CubeCount::Static(self.cubes(&work) as u32, 1, 1),
                CubeDim::new_1d(work.plan.units() as u32),
                self.vector,
                buffer(&self.x, &self.spare),
                buffer(&self.dt, &self.spare),
                buffer(&self.a, &self.spare),
                buffer(&self.b, &self.spare),
                buffer(&self.c, &self.spare),
                buffer(&self.d, &self.spare),
                buffer(&self.bias, &self.spare),
                buffer(&self.z, &self.spare),
                buffer(&self.seq_idx, &self.spare),
                buffer(&checkpoints, &self.spare),
                buffer(&entering, &self.spare),
                buffer(&grad, &self.spare),
                buffer(&dx, &self.spare),
                buffer(&ddt, &self.spare),
                buffer(&dz, &self.spare),
                buffer(&db, &self.spare),
                buffer(&dc, &self.spare),
                buffer(&da, &self.spare),
                buffer(&dd, &self.spare),
                buffer(&dbias, &self.spare),
                buffer(&initial, &self.spare),
                self.sizes(&work),
                work.plan,
                self.types(),
            );
        }
        let segments = shape.batch * work.segments;
        let rates = column_sums(da, segments, shape.channels * shape.state);
        SelectiveScanGradients {
            x: dx,
            dt: ddt,
            a: reshape(rates, Shape::from(vec![shape.channels, shape.state])),
            b: part_sums(db, work.tiles, &projection, self.b.dtype),
            c: part_sums(dc, work.tiles, &projection, self.c.dtype),
            d: column_sums(dd, segments, shape.channels),
            dt_bias: column_sums(dbias, segments, shape.channels),
            z: dz,
            initial,
        }
    }
}
