//! The walk along the length: a cube takes some channels of one row, and one segment of it.
//!
//! Per run of positions: step sizes and projections into shared memory, the states of the channels
//! through them in registers, then y from what the units of a channel have read out.

use super::plan::Plan;
use super::task::{Sizes, Steps, Task, decay, load_projection, own_states, store_states};
use crate::cube::{lane_sum, sigmoid};
use cubecl::prelude::*;

/// What the kernel writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Output {
    /// y, without the final state.
    Values,
    /// y and, behind it, the final state.
    ValuesAndState,
    /// The state before every run, for the backward pass.
    Checkpoints,
    /// The state that a segment makes out of zero, and the sum of its step sizes.
    Ends,
}

impl Output {
    pub(super) fn has_values(self) -> bool {
        matches!(self, Self::Values | Self::ValuesAndState)
    }
}

/// y of the run that starts at `first`, from the parts that the units of a channel read out.
#[cube]
fn finish<E: Float, A: Float>(
    parts: &Shared<[A]>,
    x: &[E],
    d: &[A],
    z: &[E],
    y: &mut [E],
    task: &Task,
    sizes: &Sizes,
    first: usize,
    #[comptime] plan: Plan,
) {
    let direct = d[task.channel];
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.positions()) {
        let p = i * comptime!(plan.blocks) + task.block;
        let t = first + p;
        if p < comptime!(plan.run) && t < sizes.len && task.exists {
            let at = task.at(sizes, t);
            let mut sum = direct * A::cast_from(x[at]);
            #[unroll(plan.unroll && plan.blocks <= 8)]
            for block in 0..comptime!(plan.blocks) {
                let row = block * comptime!(plan.run) + p;
                sum += parts[row * comptime!(plan.lanes) + task.lane];
            }
            if comptime!(plan.gated) {
                let gate = A::cast_from(z[at]);
                sum = sum * gate * sigmoid::<A>(gate);
            }
            y[at] = E::cast_from(sum);
        }
    }
}

/// The states behind y, as scalars: where y ends need not be where a vector begins.
#[cube]
fn store_final<E: Float, A: Float, N: Size>(
    h: &Array<Vector<A, N>>,
    out: &mut [E],
    task: &Task,
    sizes: &Sizes,
    #[comptime] plan: Plan,
) {
    let state = (task.row * sizes.channels + task.channel) * sizes.vectors;
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.share) {
        let k = task.block * comptime!(plan.share) + i;
        if k < sizes.vectors && task.exists {
            let at = sizes.y_elements + (state + k) * sizes.width;
            #[unroll]
            for lane in 0..N::value() {
                out[at + lane] = E::cast_from(h[i].extract(lane));
            }
        }
    }
}

/// `start` [batch, segment, channel, state]: the state before each segment.
#[cube(launch)]
pub(super) fn scan<E: Float, D: Float, A: Float, I: Numeric, N: Size>(
    x: &[E],
    dt: &[D],
    a: &[Vector<A, N>],
    b: &[Vector<E, N>],
    c: &[Vector<E, N>],
    d: &[A],
    bias: &[A],
    z: &[E],
    start: &[Vector<A, N>],
    seq_idx: &[I],
    out: &mut [E],
    states: &mut [Vector<A, N>],
    sums: &mut [A],
    sizes: Sizes,
    #[comptime] output: Output,
    #[comptime] plan: Plan,
    #[define(E, D, A, I)] _types: [ElemType; 4],
) {
    let task = Task::of_unit(&sizes, plan);
    let values = comptime!(output.has_values());
    let zero = Vector::<A, N>::new(A::from_int(0));
    let mut steps = Steps::<A>::new(plan);
    let mut tile_b = Shared::<[Vector<A, N>]>::new_slice(comptime!(plan.projection()));
    let mut tile_c =
        Shared::<[Vector<A, N>]>::new_slice(comptime!(if values { plan.projection() } else { 1 }));
    let mut parts = Shared::<[A]>::new_slice(comptime!(if values {
        plan.blocks * plan.grid()
    } else {
        1
    }));
    let rate = own_states::<A, N>(a, task.channel * sizes.vectors, &task, &sizes, plan);
    let mut h = Array::<Vector<A, N>>::new(comptime!(plan.share));
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.share) {
        h[i] = zero;
        let k = task.block * comptime!(plan.share) + i;
        if comptime!(output != Output::Ends) && k < sizes.vectors && task.exists {
            h[i] = start[task.state(&sizes) + k];
        }
    }
    let mut total = A::from_int(0);
    for index in 0..task.count {
        let first = (task.begin + index) * comptime!(plan.run);
        sync_cube();
        steps.load::<E, D, I>(x, dt, bias, seq_idx, &task, &sizes, first, plan);
        load_projection::<E, A, N>(&mut tile_b, b, &task, &sizes, first, plan);
        if comptime!(values) {
            load_projection::<E, A, N>(&mut tile_c, c, &task, &sizes, first, plan);
        }
        sync_cube();
        if comptime!(output == Output::Checkpoints) {
            #[unroll(plan.unroll)]
            for i in 0..comptime!(plan.share) {
                let k = task.block * comptime!(plan.share) + i;
                if k < sizes.vectors && task.exists {
                    states[task.checkpoint(&sizes, task.begin + index, k)] = h[i];
                }
            }
        }
        for p in 0..comptime!(plan.run) {
            if steps.cuts(p, plan) {
                #[unroll(plan.unroll)]
                for i in 0..comptime!(plan.share) {
                    h[i] = zero;
                }
            }
            let step = steps.dt[p * comptime!(plan.lanes) + task.lane];
            let u = Vector::<A, N>::new(steps.u[p * comptime!(plan.lanes) + task.lane]);
            let own = p * comptime!(plan.vectors()) + task.block * comptime!(plan.share);
            let mut read = zero;
            #[unroll(plan.unroll)]
            for i in 0..comptime!(plan.share) {
                let next = decay::<A, N>(rate[i], step, plan.fast) * h[i] + u * tile_b[own + i];
                h[i] = next;
                if comptime!(values) {
                    read += next * tile_c[own + i];
                }
            }
            if comptime!(values) {
                let row = task.block * comptime!(plan.run) + p;
                parts[row * comptime!(plan.lanes) + task.lane] = lane_sum::<A, N>(read);
            } else {
                total += step;
            }
        }
        if comptime!(values) {
            sync_cube();
            finish::<E, A>(&parts, x, d, z, out, &task, &sizes, first, plan);
        }
    }
    if comptime!(output == Output::ValuesAndState) && task.segment == sizes.segments - 1 {
        store_final::<E, A, N>(&h, out, &task, &sizes, plan);
    }
    if comptime!(output == Output::Ends) {
        store_states::<A, N>(&h, states, task.state(&sizes), &task, &sizes, plan);
        if task.block == 0 && task.exists {
            let part = task.row * sizes.segments + task.segment;
            sums[part * sizes.channels + task.channel] = total;
        }
    }
}
