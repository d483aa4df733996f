//! The second launch: a cube per row and head, and the one that arrives last sums up.

use crate::cube::{
    Team, arrives_last, contribute, convolve_channel, cube_sum, sigmoid, softplus, team_sum,
};
use cubecl::prelude::*;

/// What is fixed when the kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    pub hidden: usize,
    pub heads: usize,
    pub head_dim: usize,
    pub groups: usize,
    pub state: usize,
    pub taps: usize,
    /// Elements of a vector of the output projection.
    pub vector: usize,
    pub team: Team,
}

impl Plan {
    const fn inner(self) -> usize {
        self.heads * self.head_dim
    }

    const fn channels(self) -> usize {
        self.inner() + 2 * self.groups * self.state
    }

    const fn rows(self) -> usize {
        self.inner() + self.channels() + self.heads
    }

    /// Channels that a cube convolves: those of its head, and B and C of its group.
    const fn convolved(self) -> usize {
        self.head_dim + 2 * self.state
    }

    const fn heads_per_group(self) -> usize {
        self.heads / self.groups
    }
}

/// Channel, among all that are convolved, of number `at` of this cube's.
#[cube]
fn channel_of(at: usize, head: usize, #[comptime] plan: Plan) -> usize {
    let group = head / comptime!(plan.heads_per_group());
    let mut channel = head * comptime!(plan.head_dim) + at;
    if at >= comptime!(plan.head_dim) {
        let within = at - comptime!(plan.head_dim);
        // B of all groups stands before C of all groups.
        channel = comptime!(plan.inner()) + group * comptime!(plan.state) + within;
        if within >= comptime!(plan.state) {
            channel += comptime!((plan.groups - 1) * plan.state);
        }
    }
    channel
}

/// Convolves this cube's channels (x, B, C) into `mixed`; hands their inputs on.
#[cube]
fn convolve<A: Float>(
    projected: &[A],
    weight: &[A],
    bias: &[A],
    old: &[A],
    next: &mut [A],
    mixed: &mut Shared<[A]>,
    row: usize,
    head: usize,
    #[comptime] plan: Plan,
) {
    let carried = comptime!(plan.taps - 1);
    let mut at = UNIT_POS as usize;
    while at < comptime!(plan.convolved()) {
        let channel = channel_of(at, head, plan);
        let from = row * comptime!(plan.rows()) + comptime!(plan.inner()) + channel;
        let fresh = projected[from];
        // B and C are every head's of the group, and handed on by its first.
        let keeps = at < comptime!(plan.head_dim) || head % comptime!(plan.heads_per_group()) == 0;
        let state = (row * comptime!(plan.channels()) + channel) * carried;
        mixed[at] = convolve_channel::<A>(
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
        at += comptime!(plan.team.units);
    }
}

/// exp(dt A) and dt of a head.
#[cube]
fn step_size<A: Float>(raw: A, a_log: A, low: A, high: A) -> (A, A) {
    let dt = min(max(softplus::<A>(raw), low), high);
    ((-dt * a_log.exp()).exp(), dt)
}

#[cube(launch)]
pub(super) fn mix<A: Float, N: Size>(
    projected: &[A],
    conv_weight: &[A],
    conv_bias: &[A],
    dt_bias: &[A],
    a_log: &[A],
    d: &[A],
    norm: &[A],
    w_out: &[Vector<A, N>],
    conv: &[A],
    ssm: &[A],
    next_conv: &mut [A],
    next_ssm: &mut [A],
    contributions: &mut [A],
    squares: &mut [A],
    arrived: &mut [Atomic<u32>],
    y: &mut [A],
    low: InputScalar,
    high: InputScalar,
    eps: InputScalar,
    inverse_width: InputScalar,
    #[comptime] plan: Plan,
    #[define(A)] _type: ElemType,
) {
    let unit = UNIT_POS as usize;
    let head = CUBE_POS % comptime!(plan.heads);
    let row = CUBE_POS / comptime!(plan.heads);
    let team = unit / comptime!(plan.team.lanes);
    let lane = unit % comptime!(plan.team.lanes);
    let teams = comptime!(plan.team.teams());
    let mut shared = Shared::<[A]>::new_slice(comptime!(plan.team.units));
    let mut mixed = Shared::<[A]>::new_slice(comptime!(plan.convolved()));
    let mut v = Shared::<[A]>::new_slice(comptime!(plan.head_dim));
    convolve::<A>(
        projected,
        conv_weight,
        conv_bias,
        conv,
        next_conv,
        &mut mixed,
        row,
        head,
        plan,
    );
    let first = row * comptime!(plan.rows());
    let raw = projected[first + comptime!(plan.inner() + plan.channels()) + head] + dt_bias[head];
    let (decay, dt) = step_size::<A>(raw, a_log[head], low.get::<A>(), high.get::<A>());
    sync_cube();

    // The state, a channel per team.
    for pass in 0..comptime!(plan.head_dim.div_ceil(plan.team.teams())) {
        let p = pass * teams + team;
        let mut sum = A::from_int(0);
        if p < comptime!(plan.head_dim) {
            let write = dt * mixed[p];
            let start = (CUBE_POS * comptime!(plan.head_dim) + p) * comptime!(plan.state);
            let mut n = lane;
            while n < comptime!(plan.state) {
                let s = decay * ssm[start + n] + write * mixed[comptime!(plan.head_dim) + n];
                next_ssm[start + n] = s;
                sum += s * mixed[comptime!(plan.head_dim + plan.state) + n];
                n += comptime!(plan.team.lanes);
            }
        }
        let total = team_sum::<A>(sum, &mut shared, plan.team);
        if lane == 0 && p < comptime!(plan.head_dim) {
            let z = projected[first + head * comptime!(plan.head_dim) + p];
            v[p] = (total + d[head] * mixed[p]) * z * sigmoid::<A>(z);
        }
    }
    sync_cube();

    let mut square = A::from_int(0);
    let mut p = unit;
    while p < comptime!(plan.head_dim) {
        square += v[p] * v[p];
        p += comptime!(plan.team.units);
    }
    let square = cube_sum::<A>(square, &mut shared, comptime!(plan.team.units));
    if unit == 0 {
        squares[CUBE_POS] = square;
    }

    // This head's columns of the output projection.
    let mut p = unit;
    while p < comptime!(plan.head_dim) {
        v[p] *= norm[head * comptime!(plan.head_dim) + p];
        p += comptime!(plan.team.units);
    }
    sync_cube();
    let columns = comptime!(plan.head_dim / plan.vector);
    contribute::<A, N>(
        &v,
        w_out,
        contributions,
        CUBE_POS * comptime!(plan.hidden),
        head * columns,
        comptime!(plan.heads * plan.head_dim / plan.vector).runtime(),
        &mut shared,
        plan.hidden,
        columns,
        plan.team,
    );
    if comptime!(plan.team.merges) {
        if arrives_last(arrived, row, plan.heads) {
            finish_row::<A>(
                &*contributions,
                &*squares,
                y,
                row,
                eps.get::<A>(),
                inverse_width.get::<A>(),
                plan,
            );
        }
    }
}

/// y of a row: every group's contributions added up in their order and divided by its root mean
/// square.
#[cube]
fn finish_row<A: Float>(
    contributions: &[A],
    squares: &[A],
    y: &mut [A],
    row: usize,
    eps: A,
    inverse_width: A,
    #[comptime] plan: Plan,
) {
    let mut out = UNIT_POS as usize;
    while out < comptime!(plan.hidden) {
        let mut sum = A::from_int(0);
        for group in 0..comptime!(plan.groups) {
            let mut total = A::from_int(0);
            let mut square = A::from_int(0);
            for within in 0..comptime!(plan.heads_per_group()) {
                let at = row * comptime!(plan.heads)
                    + group * comptime!(plan.heads_per_group())
                    + within;
                total += contributions[at * comptime!(plan.hidden) + out];
                square += squares[at];
            }
            sum += total / (square * inverse_width + eps).sqrt();
        }
        y[row * comptime!(plan.hidden) + out] = sum;
        out += comptime!(plan.team.units);
    }
}

/// [`finish_row`] as a launch, a cube per row.
#[cube(launch)]
pub(super) fn finish<A: Float>(
    contributions: &[A],
    squares: &[A],
    y: &mut [A],
    eps: InputScalar,
    inverse_width: InputScalar,
    #[comptime] plan: Plan,
    #[define(A)] _type: ElemType,
) {
    finish_row::<A>(
        contributions,
        squares,
        y,
        CUBE_POS,
        eps.get::<A>(),
        inverse_width.get::<A>(),
        plan,
    );
}
