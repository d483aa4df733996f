//! The walk back: per run, states and decays again from the checkpoint, then the adjoint over them.
//!
//! With g the gradient of y before the gate, l_t that of h_t and r_t what reaches h_t from later
//! positions:
//!
//! ```text
//! l_t = r_t + C_t g_t       r_{t-1} = decay_t l_t, or 0 where a sequence begins
//! dC_t = sum over channels of g_t h_t       dB_t = sum over channels of l_t dt_t x_t
//! s_t = l_t . B_t     w_t = A . (r_{t-1} h_{t-1})     dA = sum over positions of dt_t r_{t-1} h_{t-1}
//! dx_t = dt_t s_t + D g_t     ddt_t = x_t s_t + w_t     dz_t = dy_t y_t SiLU'(z_t)
//! ```

use super::carry::load_upstream;
use super::plan::Plan;
use super::task::{Sizes, Steps, Task, decay, load_projection, own_states, store_states};
use crate::cube::{lane_sum, sigmoid};
use cubecl::prelude::*;

/// Sums over the channels of the cube, [position, state] from [position, state, lane], as this
/// cube's contribution [tile, batch, len, group, state].
#[cube]
fn sum_channels<A: Float, N: Size>(
    terms: &Shared<[Vector<A, N>]>,
    target: &mut [Vector<A, N>],
    task: &Task,
    sizes: &Sizes,
    first: usize,
    #[comptime] plan: Plan,
) {
    let mut at = UNIT_POS as usize;
    while at < comptime!(plan.projection()) {
        let t = first + at / comptime!(plan.vectors());
        let k = at % comptime!(plan.vectors());
        if t < sizes.len && k < sizes.vectors {
            let mut sum = Vector::<A, N>::new(A::from_int(0));
            #[unroll(plan.unroll)]
            for lane in 0..comptime!(plan.lanes) {
                sum += terms[at * comptime!(plan.pitch()) + lane];
            }
            let position = (task.tile * sizes.batch + task.row) * sizes.len + t;
            target[(position * sizes.groups + task.group) * sizes.vectors + k] = sum;
        }
        at += comptime!(plan.units());
    }
}

/// Sum over the units of this unit's channel, at position `p` of the run.
#[cube]
fn sum_blocks<A: Float>(parts: &Shared<[A]>, p: usize, task: &Task, #[comptime] plan: Plan) -> A {
    let mut sum = A::from_int(0);
    #[unroll(plan.unroll && plan.blocks <= 8)]
    for block in 0..comptime!(plan.blocks) {
        let row = block * comptime!(plan.run) + p;
        sum += parts[row * comptime!(plan.lanes) + task.lane];
    }
    sum
}

/// dz of the run, from the parts of C h.
#[cube]
fn gate_gradient<E: Float, A: Float>(
    parts: &Shared<[A]>,
    x: &[E],
    d: &[A],
    z: &[E],
    grad: &[E],
    dz: &mut [E],
    task: &Task,
    sizes: &Sizes,
    first: usize,
    #[comptime] plan: Plan,
) {
    let one = A::from_int(1);
    let direct = d[task.channel];
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.positions()) {
        let p = i * comptime!(plan.blocks) + task.block;
        let t = first + p;
        if p < comptime!(plan.run) && t < sizes.len && task.exists {
            let at = task.at(sizes, t);
            let y = sum_blocks::<A>(parts, p, task, plan) + direct * A::cast_from(x[at]);
            let gate = A::cast_from(z[at]);
            let s = sigmoid::<A>(gate);
            let slope = s * (one + gate * (one - s));
            dz[at] = E::cast_from(A::cast_from(grad[at]) * y * slope);
        }
    }
}

/// What the units of a cube share during the walk back.
#[derive(CubeType)]
struct Room<A: Float, N: Size> {
    /// g, [position, lane].
    upstream: Shared<[A]>,
    b: Shared<[Vector<A, N>]>,
    c: Shared<[Vector<A, N>]>,
    /// Terms of sums over channels, [position, state, lane].
    terms: Shared<[Vector<A, N>]>,
    /// Parts of C h, then of s, [block, position, lane].
    s: Shared<[A]>,
    /// Parts of w.
    w: Shared<[A]>,
}

#[cube]
impl<A: Float, N: Size> Room<A, N> {
    fn new(#[comptime] plan: Plan) -> Self {
        Room::<A, N> {
            upstream: Shared::<[A]>::new_slice(comptime!(plan.grid())),
            b: Shared::<[Vector<A, N>]>::new_slice(comptime!(plan.projection())),
            c: Shared::<[Vector<A, N>]>::new_slice(comptime!(plan.projection())),
            terms: Shared::<[Vector<A, N>]>::new_slice(comptime!(plan.projection() * plan.pitch())),
            s: Shared::<[A]>::new_slice(comptime!(plan.blocks * plan.grid())),
            w: Shared::<[A]>::new_slice(comptime!(plan.blocks * plan.grid())),
        }
    }
}

/// `entering` [batch, segment, channel, state]: the gradient of the state behind each segment.
/// `db`, `dc` [tile, batch, len, group, state], `da` [batch, segment, channel, state], `dd` and
/// `dbias` [batch, segment, channel] receive contributions.
#[cube(launch)]
pub(super) fn reverse<E: Float, D: Float, A: Float, I: Numeric, N: Size>(
    x: &[E],
    dt: &[D],
    a: &[Vector<A, N>],
    b: &[Vector<E, N>],
    c: &[Vector<E, N>],
    d: &[A],
    bias: &[A],
    z: &[E],
    seq_idx: &[I],
    checkpoints: &[Vector<A, N>],
    entering: &[Vector<A, N>],
    grad: &[E],
    dx: &mut [E],
    ddt: &mut [D],
    dz: &mut [E],
    db: &mut [Vector<A, N>],
    dc: &mut [Vector<A, N>],
    da: &mut [Vector<A, N>],
    dd: &mut [A],
    dbias: &mut [A],
    dinitial: &mut [Vector<A, N>],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(E, D, A, I)] _types: [ElemType; 4],
) {
    let task = Task::of_unit(&sizes, plan);
    let zero = Vector::<A, N>::new(A::from_int(0));
    let mut steps = Steps::<A>::new(plan);
    let mut room = Room::<A, N>::new(plan);
    let rate = own_states::<A, N>(a, task.channel * sizes.vectors, &task, &sizes, plan);
    let mut r = own_states::<A, N>(entering, task.state(&sizes), &task, &sizes, plan);
    let mut slopes = Array::<Vector<A, N>>::new(comptime!(plan.share));
    let mut h = Array::<Vector<A, N>>::new(comptime!(plan.share));
    let mut before = Array::<Vector<A, N>>::new(comptime!(plan.run * plan.share));
    let mut decays = Array::<Vector<A, N>>::new(comptime!(plan.run * plan.share));
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.share) {
        slopes[i] = zero;
    }
    let direct = d[task.channel];
    let shift = bias[task.channel];
    let mut sum_d = A::from_int(0);
    let mut sum_bias = A::from_int(0);
    for index in 0..task.count {
        let run = task.begin + task.count - 1 - index;
        let first = run * comptime!(plan.run);
        sync_cube();
        steps.load::<E, D, I>(x, dt, bias, seq_idx, &task, &sizes, first, plan);
        load_upstream::<E, A>(&mut room.upstream, grad, z, &task, &sizes, first, plan);
        load_projection::<E, A, N>(&mut room.b, b, &task, &sizes, first, plan);
        load_projection::<E, A, N>(&mut room.c, c, &task, &sizes, first, plan);
        #[unroll(plan.unroll)]
        for i in 0..comptime!(plan.share) {
            let k = task.block * comptime!(plan.share) + i;
            h[i] = zero;
            if k < sizes.vectors && task.exists {
                h[i] = checkpoints[task.checkpoint(&sizes, run, k)];
            }
        }
        sync_cube();

        // Forth: states, decays, and the terms of dC.
        #[unroll(plan.unroll)]
        for p in 0..comptime!(plan.run) {
            if steps.cuts(p, plan) {
                #[unroll(plan.unroll)]
                for i in 0..comptime!(plan.share) {
                    h[i] = zero;
                }
            }
            let place = p * comptime!(plan.lanes) + task.lane;
            let step = steps.dt[place];
            let u = Vector::<A, N>::new(steps.u[place]);
            let g = Vector::<A, N>::new(room.upstream[place]);
            let own = p * comptime!(plan.vectors()) + task.block * comptime!(plan.share);
            let mut read = zero;
            #[unroll(plan.unroll)]
            for i in 0..comptime!(plan.share) {
                let kept = p * comptime!(plan.share) + i;
                before[kept] = h[i];
                let factor = decay::<A, N>(rate[i], step, plan.fast);
                decays[kept] = factor;
                let next = factor * h[i] + u * room.b[own + i];
                h[i] = next;
                if comptime!(plan.gated) {
                    read += next * room.c[own + i];
                }
                room.terms[(own + i) * comptime!(plan.pitch()) + task.lane] = next * g;
            }
            if comptime!(plan.gated) {
                let row = task.block * comptime!(plan.run) + p;
                room.s[row * comptime!(plan.lanes) + task.lane] = lane_sum::<A, N>(read);
            }
        }
        sync_cube();
        sum_channels::<A, N>(&room.terms, dc, &task, &sizes, first, plan);
        if comptime!(plan.gated) {
            gate_gradient::<E, A>(&room.s, x, d, z, grad, dz, &task, &sizes, first, plan);
        }
        sync_cube();

        // Back: the adjoint, and the terms of dB.
        #[unroll(plan.unroll)]
        for q in 0..comptime!(plan.run) {
            let p = comptime!(plan.run - 1) - q;
            let place = p * comptime!(plan.lanes) + task.lane;
            let step = Vector::<A, N>::new(steps.dt[place]);
            let u = Vector::<A, N>::new(steps.u[place]);
            let g = Vector::<A, N>::new(room.upstream[place]);
            let own = p * comptime!(plan.vectors()) + task.block * comptime!(plan.share);
            let mut s = zero;
            let mut w = zero;
            #[unroll(plan.unroll)]
            for i in 0..comptime!(plan.share) {
                let kept = p * comptime!(plan.share) + i;
                let adjoint = r[i] + g * room.c[own + i];
                room.terms[(own + i) * comptime!(plan.pitch()) + task.lane] = adjoint * u;
                s += adjoint * room.b[own + i];
                let moved = adjoint * decays[kept];
                let slope = moved * before[kept];
                w += rate[i] * slope;
                slopes[i] += step * slope;
                r[i] = moved;
            }
            if steps.cuts(p, plan) {
                #[unroll(plan.unroll)]
                for i in 0..comptime!(plan.share) {
                    r[i] = zero;
                }
            }
            let row = task.block * comptime!(plan.run) + p;
            room.s[row * comptime!(plan.lanes) + task.lane] = lane_sum::<A, N>(s);
            room.w[row * comptime!(plan.lanes) + task.lane] = lane_sum::<A, N>(w);
        }
        sync_cube();
        sum_channels::<A, N>(&room.terms, db, &task, &sizes, first, plan);
        #[unroll(plan.unroll)]
        for i in 0..comptime!(plan.positions()) {
            let p = i * comptime!(plan.blocks) + task.block;
            let t = first + p;
            if p < comptime!(plan.run) && t < sizes.len && task.exists {
                let at = task.at(&sizes, t);
                let place = p * comptime!(plan.lanes) + task.lane;
                let s = sum_blocks::<A>(&room.s, p, &task, plan);
                let w = sum_blocks::<A>(&room.w, p, &task, plan);
                let value = A::cast_from(x[at]);
                let g = room.upstream[place];
                let mut slope = value * s + w;
                if comptime!(plan.softplus) {
                    slope *= sigmoid::<A>(A::cast_from(dt[at]) + shift);
                }
                dx[at] = E::cast_from(steps.dt[place] * s + direct * g);
                ddt[at] = D::cast_from(slope);
                sum_bias += slope;
                sum_d += g * value;
            }
        }
    }
    store_states::<A, N>(&slopes, da, task.state(&sizes), &task, &sizes, plan);
    if task.segment == 0 {
        let own = (task.row * sizes.channels + task.channel) * sizes.vectors;
        store_states::<A, N>(&r, dinitial, own, &task, &sizes, plan);
    }
    // The units of a channel, one value each.
    sync_cube();
    let row = task.block * comptime!(plan.run);
    room.s[row * comptime!(plan.lanes) + task.lane] = sum_d;
    room.w[row * comptime!(plan.lanes) + task.lane] = sum_bias;
    sync_cube();
    if task.block == 0 && task.exists {
        let part = task.row * sizes.segments + task.segment;
        let at = part * sizes.channels + task.channel;
        dd[at] = sum_blocks::<A>(&room.s, 0usize.runtime(), &task, plan);
        dbias[at] = sum_blocks::<A>(&room.w, 0usize.runtime(), &task, plan);
    }
}
