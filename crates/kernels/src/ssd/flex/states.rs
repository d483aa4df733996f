//! States at chunk boundaries: forward recurrence, and its adjoint in reverse.

use super::Slices;
use super::decay::Decay;
use super::plan::{Plan, Span};
use crate::float::{Real, vectorise};
use crate::gemm::{Into, Mat, gemm};
use rayon::prelude::*;
use std::ops::Range;

/// States of one span: `[batch, chunk, head, head_dim, state]`, one slice per chunk boundary.
pub(super) struct SpanStates<T> {
    data: Vec<T>,
    chunks: usize,
    row_state: usize,
}

impl<T: Real> SpanStates<T> {
    fn zeros(plan: &Plan, chunks: usize) -> Self {
        let row_state = plan.row_state();
        Self {
            data: vec![T::zero(); plan.shape.batch * chunks * row_state],
            chunks,
            row_state,
        }
    }

    /// States [head, head_dim, state] of one chunk.
    pub(super) fn of(&self, row: usize, chunk: usize) -> &[T] {
        &self.data[(row * self.chunks + chunk) * self.row_state..][..self.row_state]
    }

    /// Mutable per-chunk slices, gathered by (batch row, head block): what one task advances.
    fn lanes(&mut self, lane: usize) -> Vec<Vec<&mut [T]>> {
        let per_row = self.row_state / lane.max(1);
        let rows = self.data.len() / (self.chunks * self.row_state).max(1);
        let mut lanes: Vec<Vec<&mut [T]>> = (0..rows * per_row)
            .map(|_| Vec::with_capacity(self.chunks))
            .collect();
        for (index, slice) in self.data.chunks_mut(lane.max(1)).enumerate() {
            let row = index / (per_row * self.chunks);
            lanes[row * per_row + index % per_row].push(slice);
        }
        lanes
    }
}

/// One task of a state pass: a block of heads of one batch row.
struct Lane<'a, T> {
    plan: &'a Plan,
    input: &'a Slices<'a, T>,
    row: usize,
    first_head: usize,
}

impl<T: Real> Lane<'_, T> {
    fn decays(&self, range: &Range<usize>) -> Vec<Decay<T>> {
        (0..self.plan.block)
            .map(|h| Decay::new(self.plan, self.input, self.row, self.first_head + h, range))
            .collect()
    }

    /// state = through * state + weighted^T * projection, where `weighted` [chunk, block width]
    /// are rows of `source` scaled by `weight(head, position)`.
    #[allow(clippy::too_many_arguments)]
    fn advance(
        &self,
        state: &mut [T],
        scratch: &mut Vec<T>,
        range: &Range<usize>,
        decays: &[Decay<T>],
        source: &[T],
        projection: &[T],
        weight: impl Fn(usize, usize) -> T,
    ) {
        let Plan { shape, width, .. } = *self.plan;
        let (p, n) = (shape.head_dim, shape.state);
        let block_width = self.plan.block * p;
        let group = self.first_head / self.plan.group_heads;
        scratch.clear();
        vectorise(|| {
            for (head, decay) in decays.iter().enumerate() {
                for value in &mut state[head * p * n..(head + 1) * p * n] {
                    *value = *value * decay.through;
                }
            }
            for t in range.clone() {
                let at = (self.row * shape.len + t) * width + self.first_head * p;
                for head in 0..self.plan.block {
                    let scale = weight(head, t - range.start);
                    let values = &source[at + head * p..at + (head + 1) * p];
                    scratch.extend(values.iter().map(|&v| v * scale));
                }
            }
        });
        let start = ((self.row * shape.len + range.start) * shape.groups + group) * n;
        gemm(
            state,
            n,
            Into::Add,
            Mat::rows(scratch, range.len(), block_width, block_width).t(),
            Mat::rows(
                &projection[start.min(projection.len())..],
                range.len(),
                n,
                shape.groups * n,
            ),
        );
    }

    /// Advances `state` over one chunk of x and B.
    fn forward(&self, state: &mut [T], scratch: &mut Vec<T>, range: &Range<usize>) {
        let decays = self.decays(range);
        let heads = self.plan.shape.heads;
        let row = self.row * self.plan.shape.len;
        self.advance(
            state,
            scratch,
            range,
            &decays,
            self.input.x,
            self.input.b,
            |head, i| {
                let at = (row + range.start + i) * heads + self.first_head + head;
                decays[head].out[i] * self.input.dt[at]
            },
        );
    }

    /// Carries a state gradient from the end of a chunk to its start, adding what y reads there.
    fn backward(&self, state: &mut [T], scratch: &mut Vec<T>, range: &Range<usize>, dy: &[T]) {
        let decays = self.decays(range);
        self.advance(
            state,
            scratch,
            range,
            &decays,
            dy,
            self.input.c,
            |head, i| decays[head].into[i],
        );
    }
}

/// Runs `task` on every lane: (lane, its running state [block, head_dim, state], its slices).
fn for_each_lane<T: Real>(
    plan: &Plan,
    input: &Slices<'_, T>,
    running: &mut [T],
    slices: Vec<Vec<&mut [T]>>,
    task: impl Fn(&Lane<'_, T>, &mut [T], Vec<&mut [T]>) + Sync,
) {
    let lane = plan.block * plan.head_state;
    let per_row = plan.shape.heads / plan.block;
    running
        .par_chunks_mut(lane.max(1))
        .zip(slices)
        .enumerate()
        .for_each(|(index, (state, slices))| {
            let lane = Lane {
                plan,
                input,
                row: index / per_row,
                first_head: index % per_row * plan.block,
            };
            task(&lane, state, slices);
        });
}

/// State before each chunk of the span; `running` [batch, head, head_dim, state] moves to its end.
pub(super) fn span_states<T: Real>(
    plan: &Plan,
    input: &Slices<'_, T>,
    span: &Span,
    running: &mut [T],
) -> SpanStates<T> {
    let mut states = SpanStates::zeros(plan, span.chunks());
    let lanes = states.lanes(plan.block * plan.head_state);
    for_each_lane(plan, input, running, lanes, |lane, state, slices| {
        let mut scratch = Vec::new();
        for (index, slice) in slices.into_iter().enumerate() {
            slice.copy_from_slice(state);
            lane.forward(state, &mut scratch, &span.range(index));
        }
    });
    states
}

/// Gradient of the state after each chunk of the span; `running` moves to the span's start.
pub(super) fn span_gradients<T: Real>(
    plan: &Plan,
    input: &Slices<'_, T>,
    span: &Span,
    dy: &[T],
    running: &mut [T],
) -> SpanStates<T> {
    let mut gradients = SpanStates::zeros(plan, span.chunks());
    let lanes = gradients.lanes(plan.block * plan.head_state);
    for_each_lane(plan, input, running, lanes, |lane, state, slices| {
        let mut scratch = Vec::new();
        for (index, slice) in slices.into_iter().enumerate().rev() {
            slice.copy_from_slice(state);
            lane.backward(state, &mut scratch, &span.range(index), dy);
        }
    });
    gradients
}

/// Moves `running` over a whole span without keeping what lies between.
pub(super) fn skip_span<T: Real>(
    plan: &Plan,
    input: &Slices<'_, T>,
    span: &Span,
    running: &mut [T],
) {
    let lanes = (0..plan.shape.batch * plan.shape.heads / plan.block)
        .map(|_| Vec::new())
        .collect();
    for_each_lane(plan, input, running, lanes, |lane, state, _| {
        let mut scratch = Vec::new();
        for index in 0..span.chunks() {
            lane.forward(state, &mut scratch, &span.range(index));
        }
    });
}
