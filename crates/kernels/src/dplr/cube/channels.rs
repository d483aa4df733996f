//! Gradients of some channels of a chunk, from those of the scores.
//!
//! With dM from [`super::gradients`] and the rows and columns of [`super::levels`], for i > s:
//!
//! ```text
//! dr_i, da_{i+1} += up_i sum_s dM_is (b~_s, k~_s)       b~ = b down, r~ = r up
//! db_s, dk_s += down_s sum_i dM_is (r~_i, a~_{i+1})
//! dg_u = sum_{i >= u} (r~_i . sum_s + a~_{i+1} . sum_s) - sum_{s >= u} (b~_s . sum_i + k~_s . sum_i)
//!        + what enters and leaves the chunk across u
//! ```
//!
//! The sums of dg are over the same rounded numbers, pair by pair, so that pairs on one side of u
//! cancel. The terms i = s, and what leaves the chunk from its last position, carry no decay: they
//! come on top, and are left out of dg.

use super::gradients::over_blocks;
use super::levels::{Level, Levels, read};
use super::mask::Mask;
use super::pair_sums::{Sums, add_level};
use super::plan::Plan;
use super::score_gradients::ScoreGradients;
use super::task::{Place, Sizes};
use crate::cube::product::{col, holds, row};
use crate::cube::store::store;
use crate::cube::tiles::{Window, tile_slice};
use cubecl::prelude::*;

/// The present channels of the chunk.
#[derive(CubeType)]
pub(super) struct Channels<S: Float, A: Float> {
    levels: Levels<S, A>,
    /// Log decay from the start of the chunk through each position; later what `net` of [`Sums`] is.
    entered: Shared<[A]>,
    /// Log decay from behind each position to the end; later what leaves the chunk from there.
    left: Shared<[A]>,
    /// Gradient of the decay through the whole chunk.
    passed: Shared<[A]>,
    kept: Shared<[S]>,
}

#[cube]
impl<S: Float, A: Float> Channels<S, A> {
    pub(super) fn new(#[comptime] plan: Plan) -> Self {
        Channels::<S, A> {
            levels: Levels::<S, A>::new(plan),
            entered: tile_slice::<A>(comptime!(plan.area(plan.chunk, plan.channels))),
            left: tile_slice::<A>(comptime!(plan.area(plan.chunk, plan.channels))),
            passed: Shared::<[A]>::new_slice(plan.channels),
            kept: tile_slice::<S>(comptime!(plan.area(2 * plan.chunk, 2 * plan.chunk))),
        }
    }

    /// Log decays from the start and to the end of the chunk.
    fn cumulate(&mut self, #[comptime] plan: Plan) {
        let pitch = comptime!(plan.pitch(plan.channels));
        let mut at = UNIT_POS as usize;
        while at < comptime!(2 * plan.channels) {
            let j = at % comptime!(plan.channels);
            let mut sum = A::from_int(0);
            if at < comptime!(plan.channels) {
                #[unroll(plan.unroll)]
                for i in 0..comptime!(plan.chunk) {
                    sum += self.levels.log_decay(i, j, plan);
                    self.entered[i * pitch + j] = sum;
                }
                self.passed[j] = sum.exp();
            } else {
                #[unroll(plan.unroll)]
                for back in 0..comptime!(plan.chunk) {
                    let s = comptime!(plan.chunk - 1) - back;
                    self.left[s * pitch + j] = sum;
                    sum += self.levels.log_decay(s, j, plan);
                }
            }
            at += comptime!(plan.column_units);
        }
    }

    /// Sums over all pairs i > s.
    fn pairs<E: Float, G: Float>(
        &mut self,
        scores: &ScoreGradients<S, A>,
        r: &[E],
        g: &[G],
        k: &[E],
        a: &[E],
        b: &[E],
        window: &Window,
        scale: A,
        #[comptime] plan: Plan,
    ) -> Sums<A> {
        let mut sums = Sums::<A>::new(plan);
        let strong = self.levels.load::<G>(g, window, plan);
        self.cumulate(plan);
        let mut level = Level {
            strong,
            half: 0usize.runtime(),
        };
        if strong {
            while level.advance(plan) {
                sync_cube();
                self.levels.between_halves(&level, plan);
                sync_cube();
                self.levels
                    .fill::<E>(r, k, a, b, window, scale, &level, plan);
                scores.keep(&level, &mut self.kept, plan);
                sync_cube();
                add_level::<S, A>(&mut sums, &self.kept, &self.levels, &level, plan);
            }
        } else {
            self.levels
                .fill::<E>(r, k, a, b, window, scale, &level, plan);
            sync_cube();
            add_level::<S, A>(&mut sums, &scores.apart, &self.levels, &level, plan);
        }
        sums
    }

    /// dg of the channels from `entered` and `left`.
    ///
    /// Synchronises the cube.
    fn write_decays<G: Float>(&mut self, dg: &mut [G], window: &Window, #[comptime] plan: Plan) {
        let pitch = comptime!(plan.pitch(plan.channels));
        sync_cube();
        let mut at = UNIT_POS as usize;
        while at < comptime!(2 * plan.channels) {
            let j = at % comptime!(plan.channels);
            if at < comptime!(plan.channels) {
                let mut sum = self.passed[j];
                #[unroll(plan.unroll)]
                for back in 0..comptime!(plan.chunk) {
                    let place = (comptime!(plan.chunk - 1) - back) * pitch + j;
                    sum += self.entered[place];
                    self.entered[place] = sum;
                }
            } else {
                let mut sum = A::from_int(0);
                #[unroll(plan.unroll)]
                for s in 0..comptime!(plan.chunk) {
                    let own = self.left[s * pitch + j];
                    self.left[s * pitch + j] = sum;
                    sum += own;
                }
            }
            at += comptime!(plan.column_units);
        }
        sync_cube();
        let tile = comptime!(plan.dealt());
        #[unroll(plan.unroll)]
        for e in 0..comptime!(tile.share()) {
            if holds(e, tile) {
                let t = row(e, tile);
                let j = col(e, tile);
                if t < window.rows && j < window.cols {
                    let value = self.entered[t * pitch + j] + self.left[t * pitch + j];
                    dg[window.base + t * window.stride + j] = G::cast_from(value);
                }
            }
        }
    }
}

/// Writes dr, dg, dk, da and db of the channels from `first` on. `solved` holds dZ' and d[P Q].
///
/// Synchronises the cube.
#[cube]
pub(super) fn channel_gradients<E: Float, G: Float, S: Float, A: Float, I: Numeric>(
    channels: &mut Channels<S, A>,
    scores: &ScoreGradients<S, A>,
    solved: &Shared<[S]>,
    r: &[E],
    g: &[G],
    k: &[E],
    a: &[E],
    b: &[E],
    dleaving: &[S],
    dthrough: &[A],
    dr: &mut [E],
    dg: &mut [G],
    dk: &mut [E],
    da: &mut [E],
    db: &mut [E],
    mask: &Mask<I>,
    place: &Place,
    scale: A,
    first: usize,
    sizes: &Sizes,
    #[comptime] plan: Plan,
) {
    let tile = comptime!(plan.channel_tile());
    let chunk = comptime!(plan.chunk);
    let pitch = comptime!(plan.pitch(plan.channels));
    let solved_pitch = comptime!(plan.pitch(plan.solved()));
    let size = comptime!(2 * plan.chunk) * sizes.keys;
    let window = place.keyed(sizes).columns(first, plan.channels);
    let zero = A::from_int(0);
    let mut sums = channels.pairs::<E, G>(scores, r, g, k, a, b, &window, scale, plan);
    sync_cube();
    #[unroll(plan.unroll)]
    for e in 0..comptime!(tile.share()) {
        if holds(e, tile) {
            let i = row(e, tile);
            let j = col(e, tile);
            let at = i * pitch + j;
            let channel = select(j < window.cols, first + j, first);
            let next = select(i + 1 < chunk, i + 1, 0);
            let r_i = read::<E, A>(r, &window, i, j) * scale;
            let a_next = read::<E, A>(a, &window, i + 1, j);
            let b_i = read::<E, A>(b, &window, i, j);
            let k_i = read::<E, A>(k, &window, i, j);

            // From the state before the chunk.
            let entered = channels.entered[at].exp();
            let from_r = entered * A::cast_from(solved[(chunk + i) * solved_pitch + channel]);
            let from_r = select(mask.enters(i, plan.chunk, plan.packed), from_r, zero);
            let from_a = entered * A::cast_from(solved[next * solved_pitch + channel]);
            let enters = i + 1 < chunk && mask.enters(next, plan.chunk, plan.packed);
            let from_a = select(enters, from_a, zero);
            channels.entered[at] = sums.net[e] + r_i * from_r + a_next * from_a;

            // To the state after it.
            let left = channels.left[at].exp();
            let leaves = mask.leaves(i, plan.chunk, plan.packed);
            let left = select(leaves, left, zero);
            let from = i * sizes.keys + channel;
            let to_b = left * over_blocks::<S, A>(dleaving, place, from, size, plan);
            let from = (chunk + i) * sizes.keys + channel;
            let to_k = left * over_blocks::<S, A>(dleaving, place, from, size, plan);
            channels.left[at] = select(i + 1 < place.count, b_i * to_b + k_i * to_k, zero);

            let a_b = scores.same[i * 4];
            let a_k = scores.same[i * 4 + 1];
            let r_b = scores.same[i * 4 + 2];
            let r_k = scores.same[i * 4 + 3];
            sums.r[e] = (sums.r[e] + from_r + r_b * b_i + r_k * k_i) * scale;
            sums.a[e] = sums.a[e] + from_a + a_b * b_i + a_k * k_i;
            sums.b[e] = sums.b[e] + to_b + a_b * a_next + r_b * r_i;
            sums.k[e] = sums.k[e] + to_k + a_k * a_next + r_k * r_i;
        }
    }
    store::<A, E>(&sums.r, dr, &window, plan.wide, tile);
    store::<A, E>(&sums.k, dk, &window, plan.wide, tile);
    store::<A, E>(&sums.b, db, &window, plan.wide, tile);
    store::<A, E>(&sums.a, da, &window.below(), plan.wide, tile);
    let mut j = UNIT_POS as usize;
    while j < window.cols {
        let entering = A::cast_from(solved[first + j]);
        let enters = mask.enters(0usize.runtime(), plan.chunk, plan.packed);
        da[window.base + j] = E::cast_from(select(enters, entering, zero));
        let passed =
            channels.passed[j] * over_blocks::<A, A>(dthrough, place, first + j, sizes.keys, plan);
        channels.passed[j] = select(mask.passes(plan.chunk, plan.packed), passed, zero);
        j += comptime!(plan.column_units);
    }
    channels.write_decays::<G>(dg, &window, plan);
}
