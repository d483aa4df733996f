//! One channel of one row: where its units stand, its parameters, and a step.

use super::plan::Plan;
use super::state::clear;
use crate::cube::{block_sum, neighbours_sum};
use cubecl::prelude::*;

/// Sizes of a call.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Sizes {
    pub batch: usize,
    pub len: usize,
    pub channels: usize,
    pub state: usize,
    /// Stretches of one row.
    pub stretches: usize,
}

/// What a unit works on: some states of one channel of one row.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Task {
    /// row * channels + channel.
    pub series: usize,
    pub row: usize,
    pub channel: usize,
    pub lane: usize,
    /// Whether the unit's group has work; else it repeats the last, since all units take part in sums.
    pub exists: bool,
}

#[cube]
impl Task {
    pub(super) fn of_unit(sizes: &Sizes, #[comptime] plan: Plan) -> Task {
        let own = CUBE_POS * comptime!(plan.groups()) + UNIT_POS as usize / comptime!(plan.lanes);
        let count = sizes.batch * sizes.channels;
        let mut series = own;
        if own >= count {
            series = count - 1;
        }
        Task {
            series,
            row: series / sizes.channels,
            channel: series % sizes.channels,
            lane: UNIT_POS as usize % comptime!(plan.lanes),
            exists: own < count,
        }
    }

    /// Element of [batch, len, channel] at position `t`.
    pub(super) fn at(&self, sizes: &Sizes, t: usize) -> usize {
        (self.row * sizes.len + t) * sizes.channels + self.channel
    }

    /// Whether a sequence starts at position `t` behind another.
    pub(super) fn starts<I: Numeric>(
        &self,
        seq_idx: &[I],
        sizes: &Sizes,
        t: usize,
        #[comptime] plan: Plan,
    ) -> bool {
        let mut cut = false;
        if comptime!(plan.packed) {
            if t > 0 {
                let at = self.row * sizes.len + t;
                cut = seq_idx[at] != seq_idx[at - 1];
            }
        }
        cut
    }

    /// Reads the values [batch, len, channel] of a run of positions from `first` on; beyond the last
    /// the last again.
    pub(super) fn fetch<A: Float>(
        &self,
        values: &[A],
        to: &mut Array<A>,
        sizes: &Sizes,
        first: usize,
        #[comptime] plan: Plan,
    ) {
        #[unroll(plan.unroll)]
        for k in 0..comptime!(plan.run) {
            let mut t = first + k;
            if t >= sizes.len {
                t = sizes.len - 1;
            }
            to[k] = values[self.at(sizes, t)];
        }
    }

    /// Fills part `which` of `to` with this unit's elements of vector `index` of a tensor that holds
    /// `count` vectors of real and then as many of imaginary parts.
    pub(super) fn load<A: Float>(
        &self,
        values: &[A],
        index: usize,
        count: usize,
        sizes: &Sizes,
        to: &mut Array<A>,
        which: usize,
        #[comptime] plan: Plan,
    ) {
        #[unroll(plan.unroll)]
        for k in 0..comptime!(plan.share) {
            let n = k * comptime!(plan.lanes) + self.lane;
            let place = which * comptime!(plan.width()) + 2 * k;
            let mut re = A::from_int(0);
            let mut im = A::from_int(0);
            if n < sizes.state {
                re = values[index * sizes.state + n];
                im = values[(count + index) * sizes.state + n];
            }
            to[place] = re;
            to[place + 1] = im;
        }
    }

    /// The inverse of [`Task::load`], of which only groups with work do anything.
    pub(super) fn store<A: Float>(
        &self,
        values: &mut [A],
        start: usize,
        index: usize,
        count: usize,
        sizes: &Sizes,
        from: &Array<A>,
        which: usize,
        #[comptime] plan: Plan,
    ) {
        if self.exists {
            #[unroll(plan.unroll)]
            for k in 0..comptime!(plan.share) {
                let n = k * comptime!(plan.lanes) + self.lane;
                let place = which * comptime!(plan.width()) + 2 * k;
                if n < sizes.state {
                    values[start + index * sizes.state + n] = from[place];
                    values[start + (count + index) * sizes.state + n] = from[place + 1];
                }
            }
        }
    }
}

/// Sum of `value` over the units of a channel, given to all of them; every unit must call it.
#[cube]
pub(super) fn group_sum<A: Float>(value: A, shared: &mut Shared<[A]>, #[comptime] plan: Plan) -> A {
    if comptime!(plan.plane) {
        neighbours_sum::<A>(value, plan.lanes)
    } else {
        block_sum::<A>(value, shared, plan.lanes)
    }
}

/// Room for the sums of a cube whose units have no planes.
#[cube]
pub(super) fn room<A: Float>(#[comptime] plan: Plan) -> Shared<[A]> {
    Shared::<[A]>::new_slice(comptime!(if plan.plane { 1 } else { plan.units }))
}

/// Elements of `rank` vectors, at least one.
pub(super) const fn columns(plan: &Plan) -> usize {
    let count = plan.rank * plan.width();
    if count == 0 { 1 } else { count }
}

/// Parameters of a channel, of which every unit holds its states'.
#[derive(CubeType)]
pub(super) struct System<A: Float> {
    pub alpha: Array<A>,
    pub beta: Array<A>,
    pub kappa: Array<A>,
    pub b: Array<A>,
    pub c: Array<A>,
}

#[cube]
impl<A: Float> System<A> {
    pub(super) fn new(#[comptime] plan: Plan) -> Self {
        System::<A> {
            alpha: Array::<A>::new(comptime!(plan.width())),
            beta: Array::<A>::new(comptime!(columns(&plan))),
            kappa: Array::<A>::new(comptime!(columns(&plan))),
            b: Array::<A>::new(comptime!(plan.width())),
            c: Array::<A>::new(comptime!(plan.width())),
        }
    }

    pub(super) fn load(
        &mut self,
        alpha: &[A],
        beta: &[A],
        kappa: &[A],
        b: &[A],
        c: &[A],
        task: &Task,
        sizes: &Sizes,
        #[comptime] plan: Plan,
    ) {
        let (own, count) = (task.channel, sizes.channels);
        let first = 0usize.runtime();
        task.load::<A>(alpha, own, count, sizes, &mut self.alpha, first, plan);
        task.load::<A>(b, own, count, sizes, &mut self.b, first, plan);
        task.load::<A>(c, own, count, sizes, &mut self.c, first, plan);
        #[unroll(plan.unroll)]
        for i in 0..comptime!(plan.rank) {
            let (own, count) = (i * count + own, comptime!(plan.rank) * count);
            task.load::<A>(beta, own, count, sizes, &mut self.beta, i, plan);
            task.load::<A>(kappa, own, count, sizes, &mut self.kappa, i, plan);
        }
    }

    pub(super) fn clear(&mut self, #[comptime] plan: Plan) {
        clear::<A>(&mut self.alpha, plan.width(), plan);
        clear::<A>(&mut self.b, plan.width(), plan);
        clear::<A>(&mut self.c, plan.width(), plan);
        clear::<A>(&mut self.beta, comptime!(columns(&plan)), plan);
        clear::<A>(&mut self.kappa, comptime!(columns(&plan)), plan);
    }
}
