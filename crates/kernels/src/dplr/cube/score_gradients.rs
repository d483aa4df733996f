//! Gradients of the scores of a chunk, in shared memory.

use super::levels::Level;
use super::plan::Plan;
use crate::cube::tiles::tile_slice;
use cubecl::prelude::*;

/// Gradients of the scores in shared memory.
#[derive(CubeType)]
pub(super) struct ScoreGradients<S: Float, A: Float> {
    /// [2 chunk, 2 chunk]: row i that of a_{i+1}, row chunk + i that of r_i, column s that of b_s,
    /// column chunk + s that of k_s; without the pairs i = s.
    pub apart: Shared<[S]>,
    /// The pairs i = s, [chunk, 4]: (a, b), (a, k), (r, b), (r, k).
    pub same: Shared<[A]>,
}

#[cube]
impl<S: Float, A: Float> ScoreGradients<S, A> {
    pub(super) fn new(#[comptime] plan: Plan) -> Self {
        ScoreGradients::<S, A> {
            apart: tile_slice::<S>(comptime!(plan.area(2 * plan.chunk, 2 * plan.chunk))),
            same: Shared::<[A]>::new_slice(comptime!(4 * plan.chunk)),
        }
    }

    /// Writes the gradient of the pair of row `i` (of r, else of a) and column `s` (of k, else of b).
    pub(super) fn put(
        &mut self,
        i: usize,
        s: usize,
        value: A,
        #[comptime] of_r: bool,
        #[comptime] of_k: bool,
        #[comptime] plan: Plan,
    ) {
        let apart = select(i == s, A::from_int(0), value);
        let row = i + comptime!(if of_r { plan.chunk } else { 0 });
        let col = s + comptime!(if of_k { plan.chunk } else { 0 });
        self.apart[row * comptime!(plan.pitch(2 * plan.chunk)) + col] = S::cast_from(apart);
        if i == s {
            self.same[i * 4 + comptime!(2 * of_r as usize + of_k as usize)] = value;
        }
    }

    /// The pairs of a level alone.
    pub(super) fn keep(&self, level: &Level, kept: &mut Shared<[S]>, #[comptime] plan: Plan) {
        let double = comptime!(2 * plan.chunk);
        let chunk = comptime!(plan.chunk);
        let mut at = UNIT_POS as usize;
        while at < double * double {
            let place = at / double * comptime!(plan.pitch(2 * plan.chunk)) + at % double;
            let mut value = S::from_int(0);
            if level.counts(at / double % chunk, at % chunk) {
                value = self.apart[place];
            }
            kept[place] = value;
            at += comptime!(plan.column_units);
        }
    }
}
