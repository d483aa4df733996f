//! States that backward stores: of one stretch in shared memory, and one per stretch.

use super::plan::Plan;
use super::state::State;
use super::system::{Sizes, Task};
use cubecl::prelude::*;

/// States and reads of one stretch; every unit touches its own alone.
#[derive(CubeType)]
pub(super) struct Stretch<A: Float> {
    /// [position, element, unit]: entry t + 1 stands behind position t.
    states: Shared<[A]>,
    /// [position, rank, unit].
    reads: Shared<[A]>,
}

#[cube]
impl<A: Float> Stretch<A> {
    pub(super) fn new(#[comptime] plan: Plan) -> Self {
        let states = comptime!(plan.units * (plan.stretch + 1) * plan.width());
        let reads = comptime!((plan.units * plan.stretch * plan.rank).max(1));
        Stretch::<A> {
            states: Shared::<[A]>::new_slice(states),
            reads: Shared::<[A]>::new_slice(reads),
        }
    }

    pub(super) fn keep_state(&mut self, t: usize, h: &Array<A>, #[comptime] plan: Plan) {
        #[unroll(plan.unroll)]
        for k in 0..comptime!(plan.width()) {
            let at = (t * comptime!(plan.width()) + k) * comptime!(plan.units);
            self.states[at + UNIT_POS as usize] = h[k];
        }
    }

    pub(super) fn keep_reads(&mut self, t: usize, reads: &Array<A>, #[comptime] plan: Plan) {
        #[unroll(plan.unroll)]
        for i in 0..comptime!(plan.rank) {
            let at = (t * comptime!(plan.rank) + i) * comptime!(plan.units);
            self.reads[at + UNIT_POS as usize] = reads[i];
        }
    }

    /// The state before position `t` and what was read of it.
    pub(super) fn load(&self, t: usize, state: &mut State<A>, #[comptime] plan: Plan) {
        #[unroll(plan.unroll)]
        for k in 0..comptime!(plan.width()) {
            let at = (t * comptime!(plan.width()) + k) * comptime!(plan.units);
            state.h[k] = self.states[at + UNIT_POS as usize];
        }
        #[unroll(plan.unroll)]
        for i in 0..comptime!(plan.rank) {
            let at = (t * comptime!(plan.rank) + i) * comptime!(plan.units);
            state.reads[i] = self.reads[at + UNIT_POS as usize];
        }
    }
}

/// Place of element `k` of stored state `stretch`, [series, stretch, element, lane].
#[cube]
pub(super) fn stored(
    task: &Task,
    sizes: &Sizes,
    stretch: usize,
    k: usize,
    #[comptime] plan: Plan,
) -> usize {
    let part = task.series * sizes.stretches + stretch;
    (part * comptime!(plan.width()) + k) * comptime!(plan.lanes) + task.lane
}
