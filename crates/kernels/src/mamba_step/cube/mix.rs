//! The second launch: a cube per row and block of channels, and the one that arrives last sums up.

use crate::cube::{
    Team, add_up, arrives_last, contribute, convolve_channel, sigmoid, softplus, team_sum,
};
use cubecl::prelude::*;

/// What is fixed when the kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    pub hidden: usize,
    pub inner: usize,
    pub state: usize,
    pub rank: usize,
    pub taps: usize,
    /// Channels of a cube; divides `inner`.
    pub block: usize,
    /// Elements of a vector of the output projection.
    pub vector: usize,
    pub team: Team,
}

impl Plan {
    const fn low(self) -> usize {
        self.rank + 2 * self.state
    }

    const fn blocks(self) -> usize {
        self.inner / self.block
    }
}

/// Convolves every channel into `x`; hands on the inputs of those from `first` on that are this
/// cube's.
#[cube]
fn convolve<A: Float>(
    projected: &[A],
    weight: &[A],
    bias: &[A],
    old: &[A],
    next: &mut [A],
    x: &mut Shared<[A]>,
    row: usize,
    first: usize,
    #[comptime] plan: Plan,
) {
    let carried = comptime!(plan.taps - 1);
    let mut channel = UNIT_POS as usize;
    while channel < comptime!(plan.inner) {
        let fresh = projected[row * comptime!(2 * plan.inner) + channel];
        let keeps = channel >= first && channel < first + comptime!(plan.block);
        let state = (row * comptime!(plan.inner) + channel) * carried;
        x[channel] = convolve_channel::<A>(
            fresh,
            bias[channel],
            weight,
            channel * comptime!(plan.taps),
            old,
            next,
            state,
            keeps,
            carried,
        );
        channel += comptime!(plan.team.units);
    }
}

#[cube(launch)]
pub(super) fn mix<A: Float, N: Size>(
    projected: &[A],
    conv_weight: &[A],
    conv_bias: &[A],
    w_x: &[A],
    w_dt: &[A],
    dt_bias: &[A],
    a_log: &[A],
    d: &[A],
    w_out: &[Vector<A, N>],
    conv: &[A],
    ssm: &[A],
    next_conv: &mut [A],
    next_ssm: &mut [A],
    contributions: &mut [A],
    arrived: &mut [Atomic<u32>],
    y: &mut [A],
    #[comptime] plan: Plan,
    #[define(A)] _type: ElemType,
) {
    let unit = UNIT_POS as usize;
    let block = CUBE_POS % comptime!(plan.blocks());
    let row = CUBE_POS / comptime!(plan.blocks());
    let first = block * comptime!(plan.block);
    let team = unit / comptime!(plan.team.lanes);
    let lane = unit % comptime!(plan.team.lanes);
    let teams = comptime!(plan.team.teams());
    let mut shared = Shared::<[A]>::new_slice(comptime!(plan.team.units));
    let mut x = Shared::<[A]>::new_slice(comptime!(plan.inner));
    let mut low = Shared::<[A]>::new_slice(comptime!(plan.low()));
    let mut v = Shared::<[A]>::new_slice(comptime!(plan.block));
    convolve::<A>(
        projected,
        conv_weight,
        conv_bias,
        conv,
        next_conv,
        &mut x,
        row,
        first,
        plan,
    );
    sync_cube();

    // r, B and C, a row per team.
    for pass in 0..comptime!(plan.low().div_ceil(plan.team.teams())) {
        let at = pass * teams + team;
        let mut sum = A::from_int(0);
        if at < comptime!(plan.low()) {
            let mut channel = lane;
            while channel < comptime!(plan.inner) {
                sum += x[channel] * w_x[at * comptime!(plan.inner) + channel];
                channel += comptime!(plan.team.lanes);
            }
        }
        let total = team_sum::<A>(sum, &mut shared, plan.team);
        if lane == 0 && at < comptime!(plan.low()) {
            low[at] = total;
        }
    }
    sync_cube();

    // The states, a channel per team.
    for pass in 0..comptime!(plan.block.div_ceil(plan.team.teams())) {
        let p = pass * teams + team;
        let e = first + p;
        let mut raw = A::from_int(0);
        if p < comptime!(plan.block) {
            let mut r = lane;
            while r < comptime!(plan.rank) {
                raw += low[r] * w_dt[e * comptime!(plan.rank) + r];
                r += comptime!(plan.team.lanes);
            }
        }
        let raw = team_sum::<A>(raw, &mut shared, plan.team);
        let mut sum = A::from_int(0);
        if p < comptime!(plan.block) {
            let raw = raw + dt_bias[e];
            let dt = softplus::<A>(raw);
            let write = dt * x[e];
            let start = (row * comptime!(plan.inner) + e) * comptime!(plan.state);
            let mut n = lane;
            while n < comptime!(plan.state) {
                let decay = (-dt * a_log[e * comptime!(plan.state) + n].exp()).exp();
                let h = decay * ssm[start + n] + write * low[comptime!(plan.rank) + n];
                next_ssm[start + n] = h;
                sum += h * low[comptime!(plan.rank + plan.state) + n];
                n += comptime!(plan.team.lanes);
            }
        }
        let total = team_sum::<A>(sum, &mut shared, plan.team);
        if lane == 0 && p < comptime!(plan.block) {
            let z = projected[row * comptime!(2 * plan.inner) + comptime!(plan.inner) + e];
            v[p] = (total + d[e] * x[e]) * z * sigmoid::<A>(z);
        }
    }
    sync_cube();

    let columns = comptime!(plan.block / plan.vector);
    contribute::<A, N>(
        &v,
        w_out,
        contributions,
        CUBE_POS * comptime!(plan.hidden),
        block * columns,
        comptime!(plan.inner / plan.vector).runtime(),
        &mut shared,
        plan.hidden,
        columns,
        plan.team,
    );
    if comptime!(plan.team.merges) {
        if arrives_last(arrived, row, comptime!(plan.blocks())) {
            add_up::<A>(
                &*contributions,
                y,
                row,
                comptime!(plan.blocks()),
                plan.hidden,
                plan.team,
            );
        }
    }
}
