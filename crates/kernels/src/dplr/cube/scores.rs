//! How strongly the positions of a chunk act on each other: the scores of the rows [a_{i+1}; r_i]
//! against the columns [b_s; k_s], s <= i, sum_j row_ij col_sj exp(G_i - G_s)_j, where
//! [`super::levels`] makes a product of matrices of it.

use super::levels::{Level, Levels};
use super::mask::Mask;
use super::plan::Plan;
use crate::cube::product::{cleared, col, holds, multiply, row};
use crate::cube::tiles::Window;
use cubecl::prelude::*;

/// Leaves the scores in shared memory, [2 chunk, 2 chunk]: row t holds what reaches the correction
/// at position t (s < t), row chunk + t what reaches its result (s <= t), column s through b, column
/// chunk + s through k. Zero elsewhere and across sequences.
///
/// The cube must synchronise before anyone reads them.
#[cube]
pub(super) fn scores<E: Float, G: Float, S: Float, A: Float, I: Numeric>(
    target: &mut Shared<[A]>,
    r: &[E],
    g: &[G],
    k: &[E],
    a: &[E],
    b: &[E],
    window: &Window,
    mask: &Mask<I>,
    scale: A,
    #[comptime] plan: Plan,
) {
    let tile = comptime!(plan.scores());
    let mut levels = Levels::<S, A>::new(plan);
    let mut total = cleared::<A>(tile);
    let mut first = 0usize.runtime();
    while first < window.cols {
        let part = window.columns(first, plan.channels);
        let mut level = Level {
            strong: levels.load::<G>(g, &part, plan),
            half: 0usize.runtime(),
        };
        let mut more = true;
        while more {
            levels.fill::<E>(r, k, a, b, &part, scale, &level, plan);
            sync_cube();
            add::<S, A>(&mut total, &levels, &level, plan);
            more = level.advance(plan);
            if more {
                sync_cube();
                levels.between_halves(&level, plan);
                sync_cube();
            }
        }
        first += comptime!(plan.channels);
    }
    put::<A, I>(target, &total, mask, plan);
}

/// Adds the level's pairs of the present channels.
#[cube]
fn add<S: Float, A: Float>(
    total: &mut Array<A>,
    levels: &Levels<S, A>,
    level: &Level,
    #[comptime] plan: Plan,
) {
    let tile = comptime!(plan.scores());
    let chunk = comptime!(plan.chunk);
    let mut part = cleared::<A>(tile);
    multiply::<S, A>(
        &mut part,
        &levels.rows,
        &levels.cols,
        plan.channels,
        comptime!(plan.by_rows(plan.channels)),
        comptime!(plan.by_cols(plan.channels)),
        tile,
    );
    #[unroll(plan.unroll)]
    for e in 0..comptime!(tile.share()) {
        if holds(e, tile) {
            // A score that does not count may have overflowed.
            if level.counts(row(e, tile) % chunk, col(e, tile) % chunk) {
                total[e] += part[e];
            }
        }
    }
}

/// Writes the scores where their readers expect them: the rows of a_{i+1} one further down.
#[cube]
fn put<A: Float, I: Numeric>(
    target: &mut Shared<[A]>,
    total: &Array<A>,
    mask: &Mask<I>,
    #[comptime] plan: Plan,
) {
    let tile = comptime!(plan.scores());
    let chunk = comptime!(plan.chunk);
    let pitch = comptime!(plan.sum_pitch(2 * plan.chunk));
    #[unroll(plan.unroll)]
    for e in 0..comptime!(tile.share()) {
        if holds(e, tile) {
            let r = row(e, tile);
            let c = col(e, tile);
            let s = c % chunk;
            let mut t = r % chunk;
            let mut value = total[e];
            let mut at = r;
            if r < chunk {
                t += 1;
                at += 1;
                if t == chunk {
                    t = 0usize.runtime();
                    at = 0usize.runtime();
                    value = A::from_int(0);
                }
            }
            if !mask.joined(t, s, plan.packed) {
                value = A::from_int(0);
            }
            target[at * pitch + c] = value;
        }
    }
}
