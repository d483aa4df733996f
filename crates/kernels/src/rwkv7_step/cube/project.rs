//! The first launch of the time mix: r, k, v and the inner ends of the low-rank maps.

use super::Plan;
use crate::cube::{sigmoid, team_sum};
use cubecl::prelude::*;

/// x + (x' - x) o mu at one channel.
#[cube]
fn lerp<A: Float>(
    x: &[A],
    previous: &[A],
    mu: &[A],
    row: usize,
    channel: usize,
    #[comptime] width: usize,
) -> A {
    let at = row * width + channel;
    x[at] + (previous[at] - x[at]) * mu[channel]
}

/// A row of W times the shifted input; lanes share the channels.
#[cube]
fn row_sum<A: Float>(
    x: &[A],
    previous: &[A],
    mu: &[A],
    w: &[A],
    row: usize,
    out: usize,
    #[comptime] plan: Plan,
) -> A {
    let mut sum = A::from_int(0);
    let mut channel = UNIT_POS as usize % comptime!(plan.team.lanes);
    while channel < comptime!(plan.width) {
        let value = lerp::<A>(x, previous, mu, row, channel, plan.width);
        sum += value * w[out * comptime!(plan.width) + channel];
        channel += comptime!(plan.team.lanes);
    }
    sum
}

/// Part of a column of W [channel, rank] times the shifted input: the channels of this unit's team.
#[cube]
fn column_part<A: Float>(
    x: &[A],
    previous: &[A],
    mu: &[A],
    w: &[A],
    row: usize,
    column: usize,
    #[comptime] rank: usize,
    #[comptime] plan: Plan,
) -> A {
    let mut sum = A::from_int(0);
    if column < rank {
        let mut channel = UNIT_POS as usize / comptime!(plan.team.lanes);
        while channel < comptime!(plan.width) {
            let value = lerp::<A>(x, previous, mu, row, channel, plan.width);
            sum += value * w[channel * rank + column];
            channel += comptime!(plan.team.teams());
        }
    }
    sum
}

#[cube(launch)]
pub(super) fn project<A: Float>(
    x: &[A],
    previous: &[A],
    mu_r: &[A],
    mu_w: &[A],
    mu_k: &[A],
    mu_v: &[A],
    mu_a: &[A],
    mu_g: &[A],
    receptance: &[A],
    key: &[A],
    value: &[A],
    w1: &[A],
    a1: &[A],
    v1: &[A],
    g1: &[A],
    dense: &mut [A],
    low: &mut [A],
    arrived: &mut [Atomic<u32>],
    rows: usize,
    #[comptime] plan: Plan,
    #[define(A)] _type: ElemType,
) {
    let unit = UNIT_POS as usize;
    let lane = unit % comptime!(plan.team.lanes);
    let team = unit / comptime!(plan.team.lanes);
    let mut shared = Shared::<[A]>::new_slice(comptime!(plan.team.units));
    if CUBE_POS == 0 {
        let mut row = unit;
        while row < rows {
            arrived[row].store(0u32);
            row += comptime!(plan.team.units);
        }
    }
    if CUBE_POS < comptime!(plan.dense_cubes()) {
        let at = CUBE_POS * comptime!(plan.team.teams()) + team;
        let matrix = at / comptime!(plan.width);
        let out = at % comptime!(plan.width);
        for row in 0..rows {
            let mut sum = A::from_int(0);
            if matrix == 0 {
                sum = row_sum::<A>(x, previous, mu_r, receptance, row, out, plan);
            } else if matrix == 1 {
                sum = row_sum::<A>(x, previous, mu_k, key, row, out, plan);
            } else if matrix == 2 {
                sum = row_sum::<A>(x, previous, mu_v, value, row, out, plan);
            }
            let total = team_sum::<A>(sum, &mut shared, plan.team);
            if lane == 0 && matrix < 3 {
                dense[row * comptime!(3 * plan.width) + at] = total;
            }
        }
    } else {
        // Which of the four maps, and which of its columns.
        let mut cube = CUBE_POS - comptime!(plan.dense_cubes());
        let mut map = 0usize.runtime();
        let mut before = 0usize.runtime();
        let mut rank = comptime!(plan.ranks[0]).runtime();
        #[unroll]
        for next in 1..4usize {
            let cubes = comptime!(plan.low_cubes(plan.ranks[next - 1]));
            if map == comptime!(next - 1) && cube >= cubes {
                cube -= cubes;
                map = comptime!(next).runtime();
                before += comptime!(plan.ranks[next - 1]);
                rank = comptime!(plan.ranks[next]).runtime();
            }
        }
        let column = cube * comptime!(plan.team.lanes) + lane;
        for row in 0..rows {
            let mut part = A::from_int(0);
            if map == 0 {
                part = column_part::<A>(x, previous, mu_w, w1, row, column, plan.ranks[0], plan);
            }
            if map == 1 {
                part = column_part::<A>(x, previous, mu_a, a1, row, column, plan.ranks[1], plan);
            }
            if map == 2 {
                part = column_part::<A>(x, previous, mu_v, v1, row, column, plan.ranks[2], plan);
            }
            if map == 3 {
                part = column_part::<A>(x, previous, mu_g, g1, row, column, plan.ranks[3], plan);
            }
            shared[unit] = part;
            sync_cube();
            if team == 0 && column < rank {
                let mut sum = A::from_int(0);
                for other in 0..comptime!(plan.team.teams()) {
                    sum += shared[other * comptime!(plan.team.lanes) + lane];
                }
                if map == 0 {
                    sum = sum.tanh();
                } else if map == 3 {
                    sum = sigmoid::<A>(sum);
                }
                low[row * comptime!(plan.low()) + before + column] = sum;
            }
            sync_cube();
        }
    }
}
