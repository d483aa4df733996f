//! The walk: outputs and the final state.

use super::plan::Plan;
use super::state::{State, product};
use super::system::{Sizes, System, Task, group_sum, room};
use cubecl::prelude::*;

/// `packed`: y [batch, len, channel], then the final state [2, batch, channel, state].
#[cube(launch)]
pub(super) fn forward<A: Float, I: Numeric>(
    x: &[A],
    alpha: &[A],
    beta: &[A],
    kappa: &[A],
    b: &[A],
    c: &[A],
    initial: &[A],
    seq_idx: &[I],
    packed: &mut [A],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(A, I)] _types: [ElemType; 2],
) {
    let task = Task::of_unit(&sizes, plan);
    let mut shared = room::<A>(plan);
    let mut system = System::<A>::new(plan);
    system.load(alpha, beta, kappa, b, c, &task, &sizes, plan);
    let count = sizes.batch * sizes.channels;
    let first = 0usize.runtime();
    let mut state = State::<A>::new(plan);
    task.load::<A>(
        initial,
        task.series,
        count,
        &sizes,
        &mut state.h,
        first,
        plan,
    );
    state.read(&system, &mut shared, plan);
    let mut run = Array::<A>::new(comptime!(plan.run));
    for r in 0..sizes.len.div_ceil(comptime!(plan.run)) {
        let start = r * comptime!(plan.run);
        task.fetch::<A>(x, &mut run, &sizes, start, plan);
        #[unroll(plan.unroll)]
        for k in 0..comptime!(plan.run) {
            let t = start + k;
            if t < sizes.len {
                if task.starts::<I>(seq_idx, &sizes, t, plan) {
                    state.clear(plan);
                }
                state.step(&system, run[k], plan);
                let own = product::<A>(&system.c, first, &state.h, plan);
                let y = group_sum::<A>(own, &mut shared, plan);
                state.read(&system, &mut shared, plan);
                if task.lane == 0 && task.exists {
                    packed[task.at(&sizes, t)] = y;
                }
            }
        }
    }
    let behind = count * sizes.len;
    task.store::<A>(
        packed,
        behind,
        task.series,
        count,
        &sizes,
        &state.h,
        first,
        plan,
    );
}
