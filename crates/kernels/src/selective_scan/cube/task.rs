//! Which part of the work is a cube's and a unit's, and what a run reads.

use super::plan::Plan;
use crate::cube::{exp2_approximate, softplus};
use cubecl::prelude::*;

/// Sizes of a call.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Sizes {
    pub batch: usize,
    pub len: usize,
    pub channels: usize,
    pub groups: usize,
    /// Vectors of states of a channel.
    pub vectors: usize,
    /// States of a vector.
    pub width: usize,
    /// Cubes of one group.
    pub tiles: usize,
    /// Segments of one row.
    pub segments: usize,
    /// Runs of one segment; the last may have fewer.
    pub segment_runs: usize,
    /// Runs of one row.
    pub runs: usize,
    /// Elements of y, behind which the packed result holds the state.
    pub y_elements: usize,
}

/// What a unit works on.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Task {
    pub row: usize,
    pub segment: usize,
    pub group: usize,
    /// Which of the group's cubes.
    pub tile: usize,
    /// Channel among those of the cube.
    pub lane: usize,
    /// Channel, or the group's last where the lane has none.
    pub channel: usize,
    /// Whether the lane has a channel.
    pub exists: bool,
    /// Which of the channel's units.
    pub block: usize,
    /// First run of the segment.
    pub begin: usize,
    /// Runs of the segment.
    pub count: usize,
}

#[cube]
impl Task {
    /// The task of this unit.
    pub(super) fn of_unit(sizes: &Sizes, #[comptime] plan: Plan) -> Task {
        let unit = UNIT_POS as usize;
        let lane = unit % comptime!(plan.lanes);
        let tile = CUBE_POS % sizes.tiles;
        let rest = CUBE_POS / sizes.tiles;
        let group = rest % sizes.groups;
        let rest = rest / sizes.groups;
        let per_group = sizes.channels / sizes.groups;
        let mut own = tile * comptime!(plan.lanes) + lane;
        let exists = own < per_group;
        if own >= per_group {
            own = per_group - 1;
        }
        let segment = rest % sizes.segments;
        let begin = segment * sizes.segment_runs;
        let mut count = sizes.segment_runs;
        if begin + count > sizes.runs {
            count = sizes.runs - begin;
        }
        Task {
            row: rest / sizes.segments,
            segment,
            group,
            tile,
            lane,
            channel: group * per_group + own,
            exists,
            block: unit / comptime!(plan.lanes),
            begin,
            count,
        }
    }

    /// Element of [batch, len, channel] at position `t`.
    pub(super) fn at(&self, sizes: &Sizes, t: usize) -> usize {
        (self.row * sizes.len + t) * sizes.channels + self.channel
    }

    /// First vector of this channel in [batch, segment, channel, state].
    pub(super) fn state(&self, sizes: &Sizes) -> usize {
        let part = self.row * sizes.segments + self.segment;
        (part * sizes.channels + self.channel) * sizes.vectors
    }

    /// Vector `k` of this channel in the checkpoints, [batch, run, state, channel].
    pub(super) fn checkpoint(&self, sizes: &Sizes, run: usize, k: usize) -> usize {
        let part = self.row * sizes.runs + run;
        (part * sizes.vectors + k) * sizes.channels + self.channel
    }
}

/// What the positions of a run do to the states of a cube's channels, in shared memory.
#[derive(CubeType)]
pub(super) struct Steps<A: Float> {
    /// dt, [position, lane]; 0 where there is no position or no channel.
    pub dt: Shared<[A]>,
    /// dt x, as `dt`.
    pub u: Shared<[A]>,
    /// 1 where no state arrives from the position before; unused unless packed.
    pub cut: Shared<[u32]>,
}

#[cube]
impl<A: Float> Steps<A> {
    pub(super) fn new(#[comptime] plan: Plan) -> Self {
        Steps::<A> {
            dt: Shared::<[A]>::new_slice(comptime!(plan.grid())),
            u: Shared::<[A]>::new_slice(comptime!(plan.grid())),
            cut: Shared::<[u32]>::new_slice(comptime!(plan.run)),
        }
    }

    /// Reads the run that starts at `first`; the cube must synchronise before anyone uses it.
    pub(super) fn load<E: Float, D: Float, I: Numeric>(
        &mut self,
        x: &[E],
        dt: &[D],
        bias: &[A],
        seq_idx: &[I],
        task: &Task,
        sizes: &Sizes,
        first: usize,
        #[comptime] plan: Plan,
    ) {
        let shift = bias[task.channel];
        #[unroll(plan.unroll)]
        for i in 0..comptime!(plan.positions()) {
            let p = i * comptime!(plan.blocks) + task.block;
            if p < comptime!(plan.run) {
                // Always a valid place, so that loads need not wait for each other's conditions.
                let mut t = first + p;
                let inside = t < sizes.len && task.exists;
                if t >= sizes.len {
                    t = sizes.len - 1;
                }
                let at = task.at(sizes, t);
                let mut step = A::cast_from(dt[at]) + shift;
                if comptime!(plan.softplus) {
                    step = softplus::<A>(step);
                }
                let mut u = step * A::cast_from(x[at]);
                if !inside {
                    step = A::from_int(0);
                    u = A::from_int(0);
                }
                let own = p * comptime!(plan.lanes) + task.lane;
                self.dt[own] = step;
                self.u[own] = u;
            }
        }
        if comptime!(plan.packed) {
            let mut p = UNIT_POS as usize;
            while p < comptime!(plan.run) {
                let t = first + p;
                let mut cut = 0u32;
                if t > 0 && t < sizes.len {
                    let at = task.row * sizes.len + t;
                    if seq_idx[at] != seq_idx[at - 1] {
                        cut = 1u32;
                    }
                }
                self.cut[p] = cut;
                p += comptime!(plan.units());
            }
        }
    }

    /// Whether no state arrives at position `p` of the run from the one before.
    pub(super) fn cuts(&self, p: usize, #[comptime] plan: Plan) -> bool {
        let mut cut = false;
        if comptime!(plan.packed) {
            cut = self.cut[p] == 1u32;
        }
        cut
    }
}

/// B or C of the run that starts at `first`, [position, state], into shared memory; zeros where
/// there is no position or no state.
#[cube]
pub(super) fn load_projection<E: Float, A: Float, N: Size>(
    target: &mut Shared<[Vector<A, N>]>,
    source: &[Vector<E, N>],
    task: &Task,
    sizes: &Sizes,
    first: usize,
    #[comptime] plan: Plan,
) {
    let mut at = UNIT_POS as usize;
    while at < comptime!(plan.projection()) {
        let t = first + at / comptime!(plan.vectors());
        let k = at % comptime!(plan.vectors());
        let mut value = Vector::<A, N>::new(A::from_int(0));
        if t < sizes.len && k < sizes.vectors {
            let position = (task.row * sizes.len + t) * sizes.groups + task.group;
            value = Vector::cast_from(source[position * sizes.vectors + k]);
        }
        target[at] = value;
        at += comptime!(plan.units());
    }
}

/// This unit's vectors of `source`, where the channel's begin at `first`; zeros where there are none.
#[cube]
pub(super) fn own_states<A: Float, N: Size>(
    source: &[Vector<A, N>],
    first: usize,
    task: &Task,
    sizes: &Sizes,
    #[comptime] plan: Plan,
) -> Array<Vector<A, N>> {
    let mut own = Array::<Vector<A, N>>::new(comptime!(plan.share));
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.share) {
        let k = task.block * comptime!(plan.share) + i;
        let mut value = Vector::<A, N>::new(A::from_int(0));
        if k < sizes.vectors && task.exists {
            value = source[first + k];
        }
        own[i] = value;
    }
    own
}

/// Writes this unit's vectors, as [`own_states`] reads them.
#[cube]
pub(super) fn store_states<A: Float, N: Size>(
    own: &Array<Vector<A, N>>,
    target: &mut [Vector<A, N>],
    first: usize,
    task: &Task,
    sizes: &Sizes,
    #[comptime] plan: Plan,
) {
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.share) {
        let k = task.block * comptime!(plan.share) + i;
        if k < sizes.vectors && task.exists {
            target[first + k] = own[i];
        }
    }
}

/// exp(dt A) of a vector of states.
#[cube]
pub(super) fn decay<A: Float, N: Size>(
    rate: Vector<A, N>,
    step: A,
    #[comptime] fast: bool,
) -> Vector<A, N> {
    if comptime!(fast) {
        let step = step * A::new(std::f32::consts::LOG2_E);
        exp2_approximate::<A, N>(rate * Vector::<A, N>::new(step))
    } else {
        (rate * Vector::<A, N>::new(step)).exp()
    }
}
