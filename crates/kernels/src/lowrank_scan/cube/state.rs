//! The state of a channel of a row, of which every unit holds some elements.

use super::plan::Plan;
use super::system::{System, group_sum};
use cubecl::prelude::*;

/// A unit's part of a state, and what the low-rank part reads of the whole.
#[derive(CubeType)]
pub(super) struct State<A: Float> {
    pub h: Array<A>,
    /// Re(kappa_i . h).
    pub reads: Array<A>,
}

#[cube]
impl<A: Float> State<A> {
    pub(super) fn new(#[comptime] plan: Plan) -> Self {
        State::<A> {
            h: Array::<A>::new(comptime!(plan.width())),
            reads: Array::<A>::new(comptime!(plan.rank.max(1))),
        }
    }

    pub(super) fn clear(&mut self, #[comptime] plan: Plan) {
        clear::<A>(&mut self.h, plan.width(), plan);
        clear::<A>(&mut self.reads, plan.rank, plan);
    }

    /// Reads `h`; every unit must call it.
    pub(super) fn read(
        &mut self,
        system: &System<A>,
        shared: &mut Shared<[A]>,
        #[comptime] plan: Plan,
    ) {
        #[unroll(plan.unroll)]
        for i in 0..comptime!(plan.rank) {
            let sum = product::<A>(&system.kappa, i, &self.h, plan);
            self.reads[i] = group_sum::<A>(sum, shared, plan);
        }
    }

    /// h <- alpha h - sum beta_i read_i + b x, which leaves the reads behind.
    pub(super) fn step(&mut self, system: &System<A>, x: A, #[comptime] plan: Plan) {
        #[unroll(plan.unroll)]
        for k in 0..comptime!(plan.share) {
            let (re, im) = (2 * k, 2 * k + 1);
            let old_re = self.h[re];
            let old_im = self.h[im];
            let mut new_re = system.alpha[re] * old_re - system.alpha[im] * old_im;
            let mut new_im = system.alpha[re] * old_im + system.alpha[im] * old_re;
            new_re += system.b[re] * x;
            new_im += system.b[im] * x;
            #[unroll(plan.unroll)]
            for i in 0..comptime!(plan.rank) {
                let at = i * comptime!(plan.width());
                new_re -= system.beta[at + re] * self.reads[i];
                new_im -= system.beta[at + im] * self.reads[i];
            }
            self.h[re] = new_re;
            self.h[im] = new_im;
        }
    }
}

#[cube]
pub(super) fn clear<A: Float>(
    values: &mut Array<A>,
    #[comptime] count: usize,
    #[comptime] plan: Plan,
) {
    #[unroll(plan.unroll)]
    for k in 0..count {
        values[k] = A::from_int(0);
    }
}

/// This unit's part of Re(v . h), v vector `which` of `vectors`.
#[cube]
pub(super) fn product<A: Float>(
    vectors: &Array<A>,
    which: usize,
    h: &Array<A>,
    #[comptime] plan: Plan,
) -> A {
    let mut sum = A::from_int(0);
    #[unroll(plan.unroll)]
    for k in 0..comptime!(plan.share) {
        let at = which * comptime!(plan.width()) + 2 * k;
        sum += vectors[at] * h[2 * k] - vectors[at + 1] * h[2 * k + 1];
    }
    sum
}

/// This unit's part of Re(conj(v) . h), v vector `which` of `vectors`.
#[cube]
pub(super) fn inner<A: Float>(
    vectors: &Array<A>,
    which: usize,
    h: &Array<A>,
    #[comptime] plan: Plan,
) -> A {
    let mut sum = A::from_int(0);
    #[unroll(plan.unroll)]
    for k in 0..comptime!(plan.share) {
        let at = which * comptime!(plan.width()) + 2 * k;
        sum += vectors[at] * h[2 * k] + vectors[at + 1] * h[2 * k + 1];
    }
    sum
}
