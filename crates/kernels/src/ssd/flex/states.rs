//! States at chunk boundaries: forward recurrence, and its adjoint in reverse.
//!
//! The states of a lane (a block of heads) lie transposed, [state, block * head_dim]: C S^T then reads
//! rows, where [block * head_dim, state] would be turned over in small pieces for every chunk.

use super::Slices;
use super::decay::Decay;
use super::plan::{Plan, Span};
use crate::float::{Real, vectorised};
use crate::gemm::{Into, Mat, gemm};
use crate::host::zeros;
use rayon::prelude::*;
use std::ops::Range;

/// States of one span: `[batch, chunk, lane, state, block * head_dim]`.
pub(super) struct SpanStates<T> {
    data: Vec<T>,
    batch: usize,
    chunks: usize,
    row_state: usize,
    lane_state: usize,
}

impl<T: Real> SpanStates<T> {
    /// Room for any of the spans, the first of which is the longest.
    pub(super) fn room(plan: &Plan, spans: &[Span]) -> Self {
        let chunks = spans.first().map_or(0, Span::chunks);
        let row_state = plan.row_state();
        Self {
            data: zeros(plan.shape.batch * chunks * row_state),
            batch: plan.shape.batch,
            chunks,
            row_state,
            lane_state: plan.lane_state(),
        }
    }

    /// States [state, block * head_dim] of one lane of one chunk.
    pub(super) fn of(&self, row: usize, chunk: usize, lane: usize) -> &[T] {
        let start = (row * self.chunks + chunk) * self.row_state + lane * self.lane_state;
        &self.data[start..start + self.lane_state]
    }

    /// Mutable per-chunk slices for a span of `chunks`, gathered by (batch row, lane): what one task advances.
    fn lanes(&mut self, chunks: usize) -> Vec<Vec<&mut [T]>> {
        self.chunks = chunks;
        let per_row = self.row_state / self.lane_state.max(1);
        let mut lanes: Vec<Vec<&mut [T]>> = (0..self.batch * per_row)
            .map(|_| Vec::with_capacity(chunks))
            .collect();
        let used = &mut self.data[..self.batch * chunks * self.row_state];
        for (index, slice) in used.chunks_mut(self.lane_state.max(1)).enumerate() {
            let row = index / (per_row * chunks);
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

/// Buffers of one lane.
#[derive(Default)]
struct Scratch<T> {
    /// [block * head_dim]: what is left of each column of the state.
    through: Vec<T>,
    /// [chunk, block * head_dim].
    weighted: Vec<T>,
    /// [block, chunk].
    weights: Vec<T>,
}

impl<T: Real> Lane<'_, T> {
    fn decays(&self, range: &Range<usize>) -> impl Iterator<Item = Decay<T>> {
        (0..self.plan.block).map(move |h| {
            let head = self.first_head + h;
            Decay::new(self.plan, self.input, self.row, head, range)
        })
    }

    /// Writes the state to `kept`, then:
    /// state = through * state + projection^T * weighted, where `weighted` [chunk, block * head_dim]
    /// are rows of `source` scaled by the weights of `scratch`.
    fn advance(
        &self,
        state: &mut [T],
        kept: &mut [T],
        scratch: &mut Scratch<T>,
        range: &Range<usize>,
        source: &[T],
        projection: &[T],
    ) {
        let Plan { shape, width, .. } = *self.plan;
        let (p, n) = (shape.head_dim, shape.state);
        let block_width = self.plan.block_width();
        let group = self.first_head / self.plan.group_heads;
        keep_and_scale(state, kept, &scratch.through);
        let first = (self.row * shape.len + range.start) * width + self.first_head * p;
        let weighted = &mut scratch.weighted;
        weighted.resize(range.len() * block_width, T::zero());
        let sizes = (range.len(), width, p);
        weigh(weighted, &source[first..], &scratch.weights, sizes);
        let start = ((self.row * shape.len + range.start) * shape.groups + group) * n;
        gemm(
            state,
            block_width,
            Into::Add,
            Mat::rows(
                &projection[start.min(projection.len())..],
                range.len(),
                n,
                shape.groups * n,
            )
            .t(),
            Mat::rows(weighted, range.len(), block_width, block_width),
        );
    }

    /// Prepares the factors of one chunk: what is left of the state, and `weight(head, decay, i)` of
    /// every position.
    fn prepare(
        &self,
        scratch: &mut Scratch<T>,
        range: &Range<usize>,
        weight: impl Fn(usize, &Decay<T>, usize) -> T,
    ) {
        scratch.through.clear();
        scratch.weights.clear();
        for (head, decay) in self.decays(range).enumerate() {
            let columns = scratch.through.len() + self.plan.shape.head_dim;
            scratch.through.resize(columns, decay.through);
            let weights = (0..range.len()).map(|i| weight(head, &decay, i));
            scratch.weights.extend(weights);
        }
    }

    /// Advances `state` over one chunk of x and B.
    fn forward(
        &self,
        state: &mut [T],
        kept: &mut [T],
        scratch: &mut Scratch<T>,
        range: &Range<usize>,
    ) {
        let heads = self.plan.shape.heads;
        let row = self.row * self.plan.shape.len;
        self.prepare(scratch, range, |head, decay, i| {
            let at = (row + range.start + i) * heads + self.first_head + head;
            decay.out[i] * self.input.dt[at]
        });
        self.advance(state, kept, scratch, range, self.input.x, self.input.b);
    }

    /// Carries a state gradient from the end of a chunk to its start, adding what y reads there.
    fn backward(
        &self,
        state: &mut [T],
        kept: &mut [T],
        scratch: &mut Scratch<T>,
        range: &Range<usize>,
        dy: &[T],
    ) {
        self.prepare(scratch, range, |_, decay, i| decay.into[i]);
        self.advance(state, kept, scratch, range, dy, self.input.c);
    }
}

vectorised! {
    /// kept = state, state = state * factors, row by row.
    fn keep_and_scale<T>(state: &mut [T], kept: &mut [T], factors: &[T]) {
        let rows = state.chunks_exact_mut(factors.len().max(1));
        for (row, kept) in rows.zip(kept.chunks_exact_mut(factors.len().max(1))) {
            for ((value, kept), factor) in row.iter_mut().zip(kept).zip(factors) {
                *kept = *value;
                *value = *value * *factor;
            }
        }
    }
}

vectorised! {
    /// Heads of `p` channels of the `len` rows of `source`, which lie `width` apart, times `weights`
    /// [head, row].
    fn weigh<T>(
        weighted: &mut [T],
        source: &[T],
        weights: &[T],
        sizes: (usize, usize, usize),
    ) {
        let (len, width, p) = sizes;
        let block_width = weighted.len() / len.max(1);
        for (i, out) in weighted.chunks_exact_mut(block_width.max(1)).enumerate() {
            let row = &source[i * width..i * width + block_width];
            let heads = out.chunks_exact_mut(p.max(1)).zip(row.chunks_exact(p.max(1)));
            for (head, (out, values)) in heads.enumerate() {
                let weight = weights[head * len + i];
                for (out, value) in out.iter_mut().zip(values) {
                    *out = *value * weight;
                }
            }
        }
    }
}

/// Runs `task` on every lane: (lane, its running state [state, block * head_dim], its slices).
fn for_each_lane<T: Real>(
    plan: &Plan,
    input: &Slices<'_, T>,
    running: &mut [T],
    slices: Vec<Vec<&mut [T]>>,
    task: impl Fn(&Lane<'_, T>, &mut [T], Vec<&mut [T]>) + Sync,
) {
    running
        .par_chunks_mut(plan.lane_state().max(1))
        .zip(slices)
        .enumerate()
        .for_each(|(index, (state, slices))| {
            let lane = Lane {
                plan,
                input,
                row: index / plan.lanes(),
                first_head: index % plan.lanes() * plan.block,
            };
            task(&lane, state, slices);
        });
}

/// Finds the state before each chunk of the span; `running` [batch, lane, state, block * head_dim]
/// moves to its end.
pub(super) fn span_states<T: Real>(
    plan: &Plan,
    input: &Slices<'_, T>,
    span: &Span,
    running: &mut [T],
    states: &mut SpanStates<T>,
) {
    let lanes = states.lanes(span.chunks());
    for_each_lane(plan, input, running, lanes, |lane, state, slices| {
        let mut scratch = Scratch::default();
        for (index, slice) in slices.into_iter().enumerate() {
            lane.forward(state, slice, &mut scratch, &span.range(index));
        }
    });
}

/// Finds the gradient of the state after each chunk of the span; `running` moves to the span's start.
pub(super) fn span_gradients<T: Real>(
    plan: &Plan,
    input: &Slices<'_, T>,
    span: &Span,
    dy: &[T],
    running: &mut [T],
    gradients: &mut SpanStates<T>,
) {
    let lanes = gradients.lanes(span.chunks());
    for_each_lane(plan, input, running, lanes, |lane, state, slices| {
        let mut scratch = Scratch::default();
        for (index, slice) in slices.into_iter().enumerate().rev() {
            lane.backward(state, slice, &mut scratch, &span.range(index), dy);
        }
    });
}

/// Turns states [head, head_dim, state], as they are given and returned, into those of lanes.
pub(super) fn into_lanes<T: Real>(plan: &Plan, states: &[T]) -> Vec<T> {
    let (rows, columns) = (plan.block_width(), plan.shape.state);
    turned(states, (rows, columns), plan.lane_state())
}

/// The way back.
pub(super) fn from_lanes<T: Real>(plan: &Plan, states: &[T]) -> Vec<T> {
    let (rows, columns) = (plan.shape.state, plan.block_width());
    turned(states, (rows, columns), plan.lane_state())
}

/// Every matrix of `rows` x `columns` transposed.
fn turned<T: Real>(states: &[T], (rows, columns): (usize, usize), lane_state: usize) -> Vec<T> {
    let mut turned = zeros(states.len());
    let lanes = turned.par_chunks_mut(lane_state.max(1));
    lanes
        .zip(states.par_chunks(lane_state.max(1)))
        .for_each(|(to, from)| Mat::rows(from, rows, columns, columns).transpose_into(to));
    turned
}
