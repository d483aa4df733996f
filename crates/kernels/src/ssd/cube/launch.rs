//! Launching the kernels that both directions share, and the forward one.

use super::forward::Output;
use super::plan::Plan;
use super::task::SizesLaunch;
use super::{Call, FORWARD, decay, forward, scores};
use crate::cube::{buffer, element, elements, empty, grid};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use std::ops::Range;

/// Exponents summed inside chunks, and step sizes, [batch, head, chunk, position].
pub(super) struct Exponents {
    pub(super) sums: CubeTensor,
    pub(super) steps: CubeTensor,
}

impl Call {
    /// Sizes of a pass that begins at batch row `first`, with contributions from row `contributed` on.
    pub(super) fn sizes(&self, plan: Plan, [first, contributed]: [usize; 2]) -> SizesLaunch {
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
            first,
            contributed,
        )
    }

    /// Cubes for so many batch rows.
    pub(super) fn cubes(&self, plan: Plan, rows: usize) -> usize {
        rows * self.shape.heads * self.blocks(plan)
    }

    pub(super) fn exponents(&self, plan: Plan) -> Exponents {
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

    /// C B^T of every chunk and group, where heads share it.
    pub(super) fn scores(&self, plan: Plan) -> Option<CubeTensor> {
        let shape = self.shape;
        let squares = shape.batch * self.chunks(plan) * shape.groups;
        if squares == 0 || !plan.shares_scores(shape.heads_per_group()) {
            return None;
        }
        let scores = empty(&self.x, &[squares * plan.score_elements()], self.work());
        let [x, tile, work, ..] = self.types(plan);
        scores::group_scores::launch(
            &self.x.client,
            CubeCount::Static(squares as u32, 1, 1),
            CubeDim::new_1d(plan.units as u32),
            buffer(&self.b, &scores),
            buffer(&self.c, &scores),
            buffer(&scores, &scores),
            self.sizes(plan, [0, 0]),
            plan,
            [x, tile, work],
        );
        Some(scores)
    }

    /// Runs the forward kernel on batch rows; returns (packed result, checkpoints), of which one is a
    /// stand-in.
    pub(super) fn run(
        &self,
        output: Output,
        plan: Plan,
        exponents: &Exponents,
        scores: Option<&CubeTensor>,
        rows: Range<usize>,
    ) -> [CubeTensor; 2] {
        let shape = self.shape;
        let dims = [
            rows.len(),
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
        let cubes = self.cubes(plan, rows.len());
        if cubes > 0 {
            forward::forward::launch(
                &self.x.client,
                CubeCount::Static(cubes as u32, 1, 1),
                CubeDim::new_1d(plan.units as u32),
                buffer(&self.x, &spare),
                buffer(&self.b, &spare),
                buffer(&self.c, &spare),
                buffer(&self.d, &spare),
                buffer(&self.initial, &spare),
                buffer(&self.seq_idx, &spare),
                buffer(&exponents.sums, &spare),
                buffer(&exponents.steps, &spare),
                buffer(scores.unwrap_or(&spare), &spare),
                buffer(&packed, &spare),
                buffer(&checkpoints, &spare),
                self.sizes(plan, [rows.start, 0]),
                output,
                scores.is_some(),
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
        let scores = self.scores(plan);
        let rows = 0..self.shape.batch;
        let [packed, _] = self.run(output, plan, &self.exponents(plan), scores.as_ref(), rows);
        packed
    }
}
