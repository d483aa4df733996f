//! The second launch of the time mix: a cube per row and head, and the one that arrives last sums up.

use super::Plan;
use crate::cube::{add_up, arrives_last, contribute, cube_sum, sigmoid, team_sum};
use cubecl::prelude::*;

/// The outer end of a low-rank map at one channel: its inner end times a column of W [rank, channel].
#[cube]
fn outer<A: Float>(
    low: &[A],
    w: &[A],
    from: usize,
    channel: usize,
    #[comptime] rank: usize,
    #[comptime] width: usize,
) -> A {
    let mut sum = A::from_int(0);
    for r in 0..rank {
        sum += low[from + r] * w[r * width + channel];
    }
    sum
}

#[cube(launch)]
pub(super) fn mix<A: Float, N: Size>(
    dense: &[A],
    low: &[A],
    first: &[A],
    w0: &[A],
    w2: &[A],
    a0: &[A],
    a2: &[A],
    v0: &[A],
    v2: &[A],
    g2: &[A],
    k_k: &[A],
    k_a: &[A],
    r_k: &[A],
    norm_weight: &[A],
    norm_bias: &[A],
    output: &[Vector<A, N>],
    state: &[A],
    next: &mut [A],
    values: &mut [A],
    contributions: &mut [A],
    arrived: &mut [Atomic<u32>],
    y: &mut [A],
    eps: InputScalar,
    smallest_square: InputScalar,
    #[comptime] plan: Plan,
    #[define(A)] _type: ElemType,
) {
    let unit = UNIT_POS as usize;
    let lane = unit % comptime!(plan.team.lanes);
    let team = unit / comptime!(plan.team.lanes);
    let head = CUBE_POS % comptime!(plan.heads);
    let row = CUBE_POS / comptime!(plan.heads);
    let dim = comptime!(plan.head_dim());
    let width = comptime!(plan.width);
    let one = A::from_int(1);
    let mut shared = Shared::<[A]>::new_slice(comptime!(plan.team.units));
    let mut r = Shared::<[A]>::new_slice(dim);
    let mut decay = Shared::<[A]>::new_slice(dim);
    let mut k = Shared::<[A]>::new_slice(dim);
    let mut v = Shared::<[A]>::new_slice(dim);
    let mut kk = Shared::<[A]>::new_slice(dim);
    let mut rate = Shared::<[A]>::new_slice(dim);
    let mut gate = Shared::<[A]>::new_slice(dim);
    let mut out = Shared::<[A]>::new_slice(dim);

    // Four kinds of work per channel, spread over the units in turn.
    let low_row = row * comptime!(plan.low());
    let dense_row = row * comptime!(3 * plan.width);
    let mut item = unit;
    while item < comptime!(4 * plan.head_dim()) {
        let i = item % dim;
        let kind = item / dim;
        let channel = head * dim + i;
        if kind == 0 {
            let raw = w0[channel] + outer::<A>(low, w2, low_row, channel, plan.ranks[0], width);
            // e^(-1/2)
            decay[i] = (-(A::new(0.606_530_66) * sigmoid::<A>(raw))).exp();
            r[i] = dense[dense_row + channel];
        } else if kind == 1 {
            let from = low_row + comptime!(plan.ranks[0]);
            let raw = a0[channel] + outer::<A>(low, a2, from, channel, plan.ranks[1], width);
            rate[i] = sigmoid::<A>(raw);
            kk[i] = dense[dense_row + width + channel] * k_k[channel];
        } else if kind == 2 {
            let mut value = dense[dense_row + 2 * width + channel];
            if comptime!(!plan.is_first) {
                let from = low_row + comptime!(plan.ranks[0] + plan.ranks[1]);
                let raw = v0[channel] + outer::<A>(low, v2, from, channel, plan.ranks[2], width);
                value += (first[row * width + channel] - value) * sigmoid::<A>(raw);
            }
            v[i] = value;
            values[row * width + channel] = value;
        } else {
            let from = low_row + comptime!(plan.ranks[0] + plan.ranks[1] + plan.ranks[2]);
            gate[i] = outer::<A>(low, g2, from, channel, plan.ranks[3], width);
        }
        item += comptime!(plan.team.units);
    }
    sync_cube();
    let mut square = A::from_int(0);
    let mut i = unit;
    while i < dim {
        square += kk[i] * kk[i];
        i += comptime!(plan.team.units);
    }
    let square = cube_sum::<A>(square, &mut shared, comptime!(plan.team.units));
    let length = max(square, smallest_square.get::<A>()).sqrt();
    let mut bonus = A::from_int(0);
    let mut i = unit;
    while i < dim {
        let channel = head * dim + i;
        kk[i] /= length;
        let key = dense[dense_row + width + channel] * (one + (rate[i] - one) * k_a[channel]);
        k[i] = key;
        bonus += r[i] * key * r_k[channel];
        i += comptime!(plan.team.units);
    }
    // Synchronises the cube: keys and removal keys are ready behind it.
    let bonus = cube_sum::<A>(bonus, &mut shared, comptime!(plan.team.units));

    // The state, a row (one value) per team.
    let share = comptime!(plan.head_dim().div_ceil(plan.team.lanes));
    let mut s = Array::<A>::new(share);
    for pass in 0..comptime!(plan.head_dim().div_ceil(plan.team.teams())) {
        let p = pass * comptime!(plan.team.teams()) + team;
        let start = (CUBE_POS * dim + p) * dim;
        let mut read = A::from_int(0);
        if p < dim {
            for part in 0..share {
                let j = part * comptime!(plan.team.lanes) + lane;
                if j < dim {
                    let old = state[start + j];
                    s[part] = old;
                    read += old * kk[j];
                }
            }
        }
        let read = team_sum::<A>(read, &mut shared, plan.team);
        let mut sum = A::from_int(0);
        if p < dim {
            for part in 0..share {
                let j = part * comptime!(plan.team.lanes) + lane;
                if j < dim {
                    let new = s[part] * decay[j] - read * kk[j] * rate[j] + v[p] * k[j];
                    next[start + j] = new;
                    sum += new * r[j];
                }
            }
        }
        let total = team_sum::<A>(sum, &mut shared, plan.team);
        if lane == 0 && p < dim {
            out[p] = total;
        }
    }
    sync_cube();

    // The norm of the head, bonus and gate.
    let mut sum = A::from_int(0);
    let mut i = unit;
    while i < dim {
        sum += out[i];
        i += comptime!(plan.team.units);
    }
    let mean = cube_sum::<A>(sum, &mut shared, comptime!(plan.team.units)) / A::cast_from(dim);
    let mut sum = A::from_int(0);
    let mut i = unit;
    while i < dim {
        sum += (out[i] - mean) * (out[i] - mean);
        i += comptime!(plan.team.units);
    }
    let variance = cube_sum::<A>(sum, &mut shared, comptime!(plan.team.units)) / A::cast_from(dim);
    let scale = one / (variance + eps.get::<A>()).sqrt();
    let mut i = unit;
    while i < dim {
        let channel = head * dim + i;
        let normed = (out[i] - mean) * scale * norm_weight[channel] + norm_bias[channel];
        out[i] = (normed + bonus * v[i]) * gate[i];
        i += comptime!(plan.team.units);
    }
    sync_cube();

    let columns = comptime!(plan.head_dim() / plan.vector);
    contribute::<A, N>(
        &out,
        output,
        contributions,
        CUBE_POS * width,
        head * columns,
        comptime!(plan.width / plan.vector).runtime(),
        &mut shared,
        plan.width,
        columns,
        plan.team,
    );
    if comptime!(plan.team.merges) {
        if arrives_last(arrived, row, plan.heads) {
            add_up::<A>(&*contributions, y, row, plan.heads, plan.width, plan.team);
        }
    }
}
