//! The gradients of r, g, k, a and b of one chunk, one cube per chunk, from those of what
//! [`super::prepare`] wrote.
//!
//! With Z = [W X], the right-hand side Z' = [a exp(G_{t-1}), M_ak] and [P Q] = [.., M_rk] + M_rb Z:
//!
//! ```text
//! (I - M_ab)^T dZ' = dZ + M_rb^T d[P Q]
//! dM_ab = dZ' Z^T     dM_rb = d[P Q] Z^T     dM_ak, dM_rk: the last columns of dZ' and d[P Q]
//! ```
//!
//! From dM, which is kept for pairs s <= t of one sequence, [`super::channels`] goes on.

use super::channels::{Channels, channel_gradients};
use super::mask::Mask;
use super::plan::Plan;
use super::score_gradients::ScoreGradients;
use super::solve::substitute_transposed;
use super::task::{Place, Sizes};
use crate::cube::product::{cleared, col, holds, multiply, row};
use crate::cube::tiles::{load, tile_slice};
use cubecl::prelude::*;

#[cube(launch, address_type = "dynamic")]
pub(super) fn gradients<E: Float, S: Float, A: Float, I: Numeric, G: Float>(
    r: &[E],
    g: &[G],
    k: &[E],
    a: &[E],
    b: &[E],
    seq_idx: &[I],
    entering: &[S],
    within: &[S],
    pairs: &[A],
    dentering: &[S],
    dleaving: &[S],
    dwithin: &[S],
    dthrough: &[A],
    dr: &mut [E],
    dg: &mut [G],
    dk: &mut [E],
    da: &mut [E],
    db: &mut [E],
    scale: InputScalar,
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(E, S, A, I, G)] _types: [ElemType; 5],
) {
    let place = Place::of_cube(&sizes, plan);
    let double = comptime!(2 * plan.chunk);
    let chunk = comptime!(plan.chunk);
    let pitch = comptime!(plan.pitch(plan.solved()));
    let mut mask = Mask::<I>::new(plan.chunk, plan.packed);
    mask.load(
        seq_idx,
        &place,
        sizes.len,
        plan.chunk,
        plan.column_units,
        plan.packed,
    );
    let mut lower = tile_slice::<A>(comptime!(2 * plan.chunk * plan.sum_pitch(plan.chunk)));
    let mut tile_d = tile_slice::<S>(comptime!(plan.area(2 * plan.chunk, plan.solved())));
    let mut tile_z = tile_slice::<S>(comptime!(plan.area(plan.chunk, plan.solved())));
    let mut scores = ScoreGradients::<S, A>::new(plan);
    load_pairs::<A>(&mut lower, pairs, place.index, plan);
    load::<S, S>(
        &mut tile_z,
        entering,
        &place.part(double.runtime(), sizes.keys, chunk.runtime()),
        pitch,
        plan.wide,
        comptime!(plan.solved_keys()),
    );
    load::<S, S>(
        &mut tile_z[comptime!(plan.keys)..],
        within,
        &place.part(double.runtime(), chunk.runtime(), chunk.runtime()),
        pitch,
        plan.wide,
        comptime!(plan.solved_squares()),
    );
    sync_cube();
    let mut column = UNIT_POS as usize;
    while column < comptime!(plan.solved()) {
        solve_column::<S, A, I>(
            &mut tile_d,
            &mut scores,
            dentering,
            dwithin,
            &lower,
            &mask,
            &place,
            column,
            &sizes,
            plan,
        );
        column += comptime!(plan.column_units);
    }
    sync_cube();
    let tile = comptime!(plan.score_gradients());
    let mut result = cleared::<A>(tile);
    multiply::<S, A>(
        &mut result,
        &tile_d,
        &tile_z,
        comptime!(plan.solved()),
        comptime!(plan.by_rows(plan.solved())),
        comptime!(plan.by_cols(plan.solved())),
        tile,
    );
    #[unroll(plan.unroll)]
    for e in 0..comptime!(tile.share()) {
        if holds(e, tile) {
            let at = row(e, tile);
            let s = col(e, tile);
            if at < chunk {
                keep_upper::<S, A, I>(&mut scores, at, s, result[e], &mask, false, plan);
            } else {
                keep_lower::<S, A, I>(&mut scores, at - chunk, s, result[e], &mask, false, plan);
            }
        }
    }
    sync_cube();
    let scale = scale.get::<A>();
    let mut channels = Channels::<S, A>::new(plan);
    let mut first = 0usize.runtime();
    while first < sizes.keys {
        channel_gradients::<E, G, S, A, I>(
            &mut channels,
            &scores,
            &tile_d,
            r,
            g,
            k,
            a,
            b,
            dleaving,
            dthrough,
            dr,
            dg,
            dk,
            da,
            db,
            &mask,
            &place,
            scale,
            first,
            &sizes,
            plan,
        );
        first += comptime!(plan.channels);
    }
}

#[cube]
fn load_pairs<A: Float>(
    lower: &mut Shared<[A]>,
    pairs: &[A],
    index: usize,
    #[comptime] plan: Plan,
) {
    let chunk = comptime!(plan.chunk);
    let base = index * comptime!(2 * plan.chunk * plan.chunk);
    let mut at = UNIT_POS as usize;
    while at < comptime!(2 * plan.chunk * plan.chunk) {
        lower[at / chunk * comptime!(plan.sum_pitch(plan.chunk)) + at % chunk] = pairs[base + at];
        at += comptime!(plan.column_units);
    }
}

/// Sum of one element over the blocks of values, whose parts have `size` elements.
#[cube]
pub(super) fn over_blocks<S: Float, A: Float>(
    source: &[S],
    place: &Place,
    at: usize,
    size: usize,
    #[comptime] plan: Plan,
) -> A {
    let first = place.index * comptime!(plan.blocks) * size + at;
    let mut sum = A::cast_from(source[first]);
    if comptime!(plan.blocks > 1) {
        for block in 1..comptime!(plan.blocks) {
            sum += A::cast_from(source[first + block * size]);
        }
    }
    sum
}

/// One column of dZ' and d[P Q], a key or a position; zeros for keys that do not exist.
#[cube]
fn solve_column<S: Float, A: Float, I: Numeric>(
    tile_d: &mut Shared<[S]>,
    scores: &mut ScoreGradients<S, A>,
    dentering: &[S],
    dwithin: &[S],
    lower: &Shared<[A]>,
    mask: &Mask<I>,
    place: &Place,
    column: usize,
    sizes: &Sizes,
    #[comptime] plan: Plan,
) {
    let chunk = comptime!(plan.chunk);
    let double = comptime!(2 * plan.chunk);
    let last = comptime!(plan.chunk - 1);
    let pitch = comptime!(plan.pitch(plan.solved()));
    let is_key = column < comptime!(plan.keys);
    let mut z = Array::<A>::new(chunk);
    let mut p = Array::<A>::new(chunk);
    let s = select(is_key, 0, column - comptime!(plan.keys));
    if is_key {
        let size = double * sizes.keys;
        let exists = column < sizes.keys;
        let j = select(exists, column, 0);
        #[unroll(plan.unroll)]
        for back in 0..chunk {
            let t = last - back;
            let at = t * sizes.keys + j;
            let upper = over_blocks::<S, A>(dentering, place, at, size, plan);
            let at = at + chunk * sizes.keys;
            let reading = over_blocks::<S, A>(dentering, place, at, size, plan);
            z[back] = select(exists, upper, A::from_int(0));
            p[back] = select(exists, reading, A::from_int(0));
        }
    } else {
        let size = comptime!(2 * plan.chunk * plan.chunk).runtime();
        #[unroll(plan.unroll)]
        for back in 0..chunk {
            let at = (last - back) * chunk + s;
            z[back] = over_blocks::<S, A>(dwithin, place, at, size, plan);
            let at = at + comptime!(plan.chunk * plan.chunk);
            p[back] = over_blocks::<S, A>(dwithin, place, at, size, plan);
        }
    }
    substitute_transposed::<A>(&mut z, &p, lower, plan);
    #[unroll(plan.unroll)]
    for back in 0..chunk {
        let t = last - back;
        tile_d[t * pitch + column] = S::cast_from(z[back]);
        tile_d[(chunk + t) * pitch + column] = S::cast_from(p[back]);
    }
    if !is_key {
        #[unroll(plan.unroll)]
        for back in 0..chunk {
            let t = last - back;
            keep_upper::<S, A, I>(scores, t, s, z[back], mask, true, plan);
            keep_lower::<S, A, I>(scores, t, s, p[back], mask, true, plan);
        }
    }
}

/// Keeps a gradient of M_ab, or M_ak, at (t, s): row t - 1, beside that of M_rb at its exponent; the
/// last row, which has none, gets the zeros of t = 0.
#[cube]
fn keep_upper<S: Float, A: Float, I: Numeric>(
    scores: &mut ScoreGradients<S, A>,
    t: usize,
    s: usize,
    value: A,
    mask: &Mask<I>,
    #[comptime] of_k: bool,
    #[comptime] plan: Plan,
) {
    let i = select(t > 0, t - 1, comptime!(plan.chunk - 1).runtime());
    let counts = s < t && mask.joined(t, s, plan.packed);
    let kept = select(counts, value, A::from_int(0));
    scores.put(i, s, kept, false, of_k, plan);
}

/// The same for M_rb or M_rk.
#[cube]
fn keep_lower<S: Float, A: Float, I: Numeric>(
    scores: &mut ScoreGradients<S, A>,
    t: usize,
    s: usize,
    value: A,
    mask: &Mask<I>,
    #[comptime] of_k: bool,
    #[comptime] plan: Plan,
) {
    let counts = s <= t && mask.joined(t, s, plan.packed);
    let kept = select(counts, value, A::from_int(0));
    scores.put(t, s, kept, true, of_k, plan);
}
