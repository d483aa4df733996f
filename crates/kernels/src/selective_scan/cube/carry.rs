//! From segment to segment: states forth, their gradients back.
//!
//! A segment takes a state h to end + exp(A sum dt) h, and a state's gradient the other way round
//! in the same manner; where a sequence ends in it, what enters does not come out.

use super::plan::Plan;
use super::task::{Sizes, Steps, Task, decay, load_projection, own_states, store_states};
use crate::cube::sigmoid;
use cubecl::prelude::*;

/// Whether a state passes through the segment.
#[cube]
fn passes<I: Numeric>(
    seq_idx: &[I],
    sizes: &Sizes,
    row: usize,
    segment: usize,
    #[comptime] plan: Plan,
) -> bool {
    let mut same = true;
    if comptime!(plan.packed) {
        let length = sizes.segment_runs * comptime!(plan.run);
        let mut before = segment * length;
        let mut last = before + length - 1;
        if last >= sizes.len {
            last = sizes.len - 1;
        }
        if before > 0 {
            before -= 1;
        }
        same = seq_idx[row * sizes.len + before] == seq_idx[row * sizes.len + last];
    }
    same
}

/// What enters each segment, [batch, segment, channel, state], from what each makes out of zero
/// (`ends`, the same shape), the sums of its step sizes [batch, segment, channel], and what enters
/// the first (`outer` [batch, channel, state]); the first is the last where gradients are carried.
#[cube(launch)]
pub(super) fn carry<A: Float, I: Numeric, N: Size>(
    ends: &[Vector<A, N>],
    sums: &[A],
    a: &[Vector<A, N>],
    outer: &[Vector<A, N>],
    seq_idx: &[I],
    entering: &mut [Vector<A, N>],
    sizes: Sizes,
    total: usize,
    #[comptime] reverse: bool,
    #[comptime] plan: Plan,
    #[define(A, I)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < total {
        let per_row = sizes.channels * sizes.vectors;
        let row = ABSOLUTE_POS / per_row;
        let own = ABSOLUTE_POS % per_row;
        let channel = own / sizes.vectors;
        let rate = a[own];
        let mut state = outer[ABSOLUTE_POS];
        for index in 0..sizes.segments {
            let mut segment = index;
            if comptime!(reverse) {
                segment = sizes.segments - 1 - index;
            }
            let part = row * sizes.segments + segment;
            entering[part * per_row + own] = state;
            let end = ends[part * per_row + own];
            if passes::<I>(seq_idx, &sizes, row, segment, plan) {
                let step = sums[part * sizes.channels + channel];
                state = decay::<A, N>(rate, step, false) * state + end;
            } else {
                state = end;
            }
        }
    }
}

/// The gradient of the final state in the format of sums, from behind that of y.
#[cube(launch)]
pub(super) fn final_gradient<E: Float, A: Float>(
    grad: &[E],
    outer: &mut [A],
    offset: usize,
    total: usize,
    #[define(E, A)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < total {
        outer[ABSOLUTE_POS] = A::cast_from(grad[offset + ABSOLUTE_POS]);
    }
}

/// The gradient of y before the gate, [position, lane], of the run that starts at `first`.
#[cube]
pub(super) fn load_upstream<E: Float, A: Float>(
    target: &mut Shared<[A]>,
    grad: &[E],
    z: &[E],
    task: &Task,
    sizes: &Sizes,
    first: usize,
    #[comptime] plan: Plan,
) {
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.positions()) {
        let p = i * comptime!(plan.blocks) + task.block;
        if p < comptime!(plan.run) {
            let mut t = first + p;
            let inside = t < sizes.len && task.exists;
            if t >= sizes.len {
                t = sizes.len - 1;
            }
            let at = task.at(sizes, t);
            let mut value = A::cast_from(grad[at]);
            if comptime!(plan.gated) {
                let gate = A::cast_from(z[at]);
                value = value * gate * sigmoid::<A>(gate);
            }
            if !inside {
                value = A::from_int(0);
            }
            target[p * comptime!(plan.lanes) + task.lane] = value;
        }
    }
}

/// The gradient of the state before each segment when that of the state behind it is zero,
/// `ends` [batch, segment, channel, state].
#[cube(launch)]
pub(super) fn gradient_ends<E: Float, D: Float, A: Float, I: Numeric, N: Size>(
    x: &[E],
    dt: &[D],
    a: &[Vector<A, N>],
    c: &[Vector<E, N>],
    bias: &[A],
    z: &[E],
    seq_idx: &[I],
    grad: &[E],
    ends: &mut [Vector<A, N>],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(E, D, A, I)] _types: [ElemType; 4],
) {
    let task = Task::of_unit(&sizes, plan);
    let zero = Vector::<A, N>::new(A::from_int(0));
    let mut steps = Steps::<A>::new(plan);
    let mut upstream = Shared::<[A]>::new_slice(comptime!(plan.grid()));
    let mut tile_c = Shared::<[Vector<A, N>]>::new_slice(comptime!(plan.projection()));
    let rate = own_states::<A, N>(a, task.channel * sizes.vectors, &task, &sizes, plan);
    let mut r = Array::<Vector<A, N>>::new(comptime!(plan.share));
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.share) {
        r[i] = zero;
    }
    for index in 0..task.count {
        let first = (task.begin + task.count - 1 - index) * comptime!(plan.run);
        sync_cube();
        steps.load::<E, D, I>(x, dt, bias, seq_idx, &task, &sizes, first, plan);
        load_upstream::<E, A>(&mut upstream, grad, z, &task, &sizes, first, plan);
        load_projection::<E, A, N>(&mut tile_c, c, &task, &sizes, first, plan);
        sync_cube();
        for q in 0..comptime!(plan.run) {
            let p = comptime!(plan.run - 1) - q;
            let step = steps.dt[p * comptime!(plan.lanes) + task.lane];
            let g = Vector::<A, N>::new(upstream[p * comptime!(plan.lanes) + task.lane]);
            let own = p * comptime!(plan.vectors()) + task.block * comptime!(plan.share);
            let cut = steps.cuts(p, plan);
            #[unroll(plan.unroll)]
            for i in 0..comptime!(plan.share) {
                let mut moved =
                    decay::<A, N>(rate[i], step, plan.fast) * (r[i] + g * tile_c[own + i]);
                if cut {
                    moved = zero;
                }
                r[i] = moved;
            }
        }
    }
    store_states::<A, N>(&r, ends, task.state(&sizes), &task, &sizes, plan);
}
