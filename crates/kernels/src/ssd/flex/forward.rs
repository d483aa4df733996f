//! Forward pass: y of each chunk from the state before it and from the chunk itself.

use super::super::SsdShape;
use super::Slices;
use super::decay::Decay;
use super::plan::Plan;
use super::states::{SpanStates, from_lanes, into_lanes, span_states};
use crate::float::{Real, vectorised};
use crate::gemm::{Into, Mat, gemm};
use crate::host::zeros;
use crate::segments::Row;
use rayon::prelude::*;
use std::ops::Range;

/// Returns the packed result [y, final state, kept states].
pub(super) fn forward<T: Real>(input: Slices<'_, T>, shape: SsdShape) -> Vec<T> {
    let plan = Plan::new(shape);
    let mut packed = zeros(shape.packed_elements());
    let mut running = into_lanes(&plan, input.initial);
    if shape.packed_elements() > 0 {
        let (y, rest) = packed.split_at_mut(shape.y_elements());
        let (_, kept) = rest.split_at_mut(shape.result_elements() - shape.y_elements());
        let mut kept = kept.chunks_mut(running.len().max(1));
        let parts = plan.parts();
        let mut states = SpanStates::room(&plan, &parts);
        for span in parts {
            if plan.starts_span(span.start)
                && let Some(kept) = kept.next()
            {
                kept.copy_from_slice(&running);
            }
            span_states(&plan, &input, &span, &mut running, &mut states);
            let mut tasks = Vec::new();
            for (row, y) in y.chunks_mut((shape.len * plan.width).max(1)).enumerate() {
                let y = &mut y[span.start * plan.width..span.end * plan.width];
                let parts = y.chunks_mut((shape.chunk.saturating_mul(plan.width)).max(1));
                tasks.extend(parts.enumerate().map(|(index, y)| (row, index, y)));
            }
            tasks
                .into_par_iter()
                .for_each_init(Vec::new, |scratch, (row, index, y)| {
                    let chunk = Chunk {
                        plan: &plan,
                        input: &input,
                        row,
                        range: span.range(index),
                    };
                    chunk.output(&states, index, y, scratch);
                });
        }
    }
    if shape.final_state {
        let place = shape.y_elements()..shape.result_elements();
        packed[place].copy_from_slice(&from_lanes(&plan, &running));
    }
    packed
}

/// One chunk of one batch row.
pub(super) struct Chunk<'a, T> {
    pub plan: &'a Plan,
    pub input: &'a Slices<'a, T>,
    pub row: usize,
    pub range: Range<usize>,
}

impl<'a, T: Real> Chunk<'a, T> {
    /// Position of this chunk in [batch, len].
    pub(super) fn at(&self) -> usize {
        self.row * self.plan.shape.len + self.range.start
    }

    /// B or C of `group`: [chunk, state].
    pub(super) fn projection(&self, all: &'a [T], group: usize) -> Mat<'a, T> {
        let stride = self.plan.shape.groups * self.plan.shape.state;
        let start = self.at() * stride + group * self.plan.shape.state;
        Mat::rows(
            &all[start.min(all.len())..],
            self.range.len(),
            self.plan.shape.state,
            stride,
        )
    }

    /// x, y or their gradients of one head: [chunk, head_dim].
    pub(super) fn head_values(&self, all: &'a [T], head: usize) -> Mat<'a, T> {
        let start = self.at() * self.plan.width + head * self.plan.shape.head_dim;
        Mat::rows(
            &all[start..],
            self.range.len(),
            self.plan.shape.head_dim,
            self.plan.width,
        )
    }

    /// Step size at local position `i`.
    #[inline(always)]
    pub(super) fn step_size(&self, head: usize, i: usize) -> T {
        self.input.dt[(self.at() + i) * self.plan.shape.heads + head]
    }

    /// First local position that belongs to the same sequence as local position `i`.
    #[inline(always)]
    pub(super) fn run_start(&self, i: usize) -> usize {
        let indices = Row::new(self.input.seq_idx, self.row, self.plan.shape.len);
        indices.start_of_run(self.range.start, self.range.start + i) - self.range.start
    }

    /// Where each local position's sequence starts inside the chunk.
    pub(super) fn run_starts(&self) -> Vec<usize> {
        if self.input.seq_idx.is_empty() {
            return vec![0; self.range.len()];
        }
        (0..self.range.len()).map(|i| self.run_start(i)).collect()
    }

    /// C B^T of one group: [chunk, chunk].
    pub(super) fn scores(&self, group: usize, out: &mut [T]) {
        let (b, c) = (self.input.b, self.input.c);
        let c = self.projection(c, group);
        gemm(
            out,
            self.range.len(),
            Into::Store,
            c,
            self.projection(b, group).t(),
        );
    }

    /// Writes y [chunk, head, head_dim]; the chunk is number `index` of the span.
    fn output(&self, states: &SpanStates<T>, index: usize, y: &mut [T], scratch: &mut Vec<T>) {
        let Plan {
            shape,
            width,
            block,
            ..
        } = *self.plan;
        let len = self.range.len();
        let block_width = self.plan.block_width();
        scratch.resize(2 * len * len + len * block_width, T::zero());
        let (scores, rest) = scratch.split_at_mut(len * len);
        let (weights, carried) = rest.split_at_mut(len * len);
        let runs = self.run_starts();
        for lane in 0..self.plan.lanes() {
            let first = lane * block;
            let group = first / self.plan.group_heads;
            if first.is_multiple_of(self.plan.group_heads) {
                self.scores(group, scores);
            }
            gemm(
                carried,
                block_width,
                Into::Store,
                self.projection(self.input.c, group),
                Mat::rows(
                    states.of(self.row, index, lane),
                    shape.state,
                    block_width,
                    block_width,
                ),
            );
            for head in first..first + block {
                let decay = Decay::new(self.plan, self.input, self.row, head, &self.range);
                weigh(self, &decay, head, &runs, scores, weights);
                gemm(
                    &mut y[head * shape.head_dim..],
                    width,
                    Into::Store,
                    Mat::rows(weights, len, len, len),
                    self.head_values(self.input.x, head),
                );
                let carried = &carried[(head - first) * shape.head_dim..];
                finish(self, &decay, head, carried, y);
            }
        }
    }

    /// weights_ij = exp(s_i - s_j) (C_i . B_j) dt_j for j <= i of one sequence, else 0.
    #[inline(always)]
    fn weights(&self, decay: &Decay<T>, head: usize, runs: &[usize], scores: &[T], out: &mut [T]) {
        let len = self.range.len();
        let steps: Vec<T> = (0..len).map(|j| self.step_size(head, j)).collect();
        let mut lead = vec![T::zero(); len];
        for (i, row) in out.chunks_mut(len).enumerate() {
            let first = runs[i];
            row[..first].fill(T::zero());
            decay.mask_row(i, first, &mut lead, row);
            let scores = &scores[i * len..(i + 1) * len];
            for j in first..=i {
                row[j] = row[j] * scores[j] * steps[j];
            }
            row[i + 1..].fill(T::zero());
        }
    }

    /// y_i += exp(s_i) S C_i + d x_i.
    #[inline(always)]
    fn finish(&self, decay: &Decay<T>, head: usize, carried: &[T], y: &mut [T]) {
        let Plan { shape, width, .. } = *self.plan;
        let p = shape.head_dim;
        let block_width = self.plan.block_width();
        let d = self.input.d[head];
        for (i, &into) in decay.into.iter().enumerate() {
            let y = &mut y[i * width + head * p..][..p];
            let x = &self.input.x[(self.at() + i) * width + head * p..][..p];
            let carried = &carried[i * block_width..][..p];
            for ((y, &x), &carried) in y.iter_mut().zip(x).zip(carried) {
                *y += into * carried + d * x;
            }
        }
    }
}

vectorised! {
    fn weigh<T>(
        chunk: &Chunk<'_, T>,
        decay: &Decay<T>,
        head: usize,
        runs: &[usize],
        scores: &[T],
        out: &mut [T],
    ) {
        chunk.weights(decay, head, runs, scores, out);
    }
}

vectorised! {
    fn finish<T>(chunk: &Chunk<'_, T>, decay: &Decay<T>, head: usize, carried: &[T], y: &mut [T]) {
        chunk.finish(decay, head, carried, y);
    }
}
