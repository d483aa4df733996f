//! Sums over pairs of positions in a chunk, as products of matrices.

use super::levels::{Level, Levels};
use super::plan::Plan;
use crate::cube::product::{cleared, col, holds, multiply, row};
use cubecl::prelude::*;

/// Sums over the pairs i > s, spread over the units as [position, channel].
#[derive(CubeType)]
pub(super) struct Sums<A: Float> {
    pub r: Array<A>,
    pub k: Array<A>,
    pub a: Array<A>,
    pub b: Array<A>,
    /// What each position adds to the gradient of its cumulative log decay.
    pub net: Array<A>,
}

#[cube]
impl<A: Float> Sums<A> {
    pub(super) fn new(#[comptime] plan: Plan) -> Self {
        let tile = comptime!(plan.channel_tile());
        Sums::<A> {
            r: cleared::<A>(tile),
            k: cleared::<A>(tile),
            a: cleared::<A>(tile),
            b: cleared::<A>(tile),
            net: cleared::<A>(tile),
        }
    }
}

/// Adds the pairs of one level, whose gradients are `scores`.
#[cube]
pub(super) fn add_level<S: Float, A: Float>(
    sums: &mut Sums<A>,
    scores: &Shared<[S]>,
    levels: &Levels<S, A>,
    level: &Level,
    #[comptime] plan: Plan,
) {
    let half = comptime!(plan.area(plan.chunk, 2 * plan.chunk));
    let lower = comptime!(plan.area(plan.chunk, plan.channels));
    let part = of_rows::<S, A>(&scores[half..], &levels.cols, plan);
    add::<S, A>(
        &mut sums.r,
        &mut sums.net,
        &part,
        &levels.rows[lower..],
        &levels.exponents,
        level,
        true,
        plan,
    );
    let part = of_rows::<S, A>(scores, &levels.cols, plan);
    add::<S, A>(
        &mut sums.a,
        &mut sums.net,
        &part,
        &levels.rows,
        &levels.exponents,
        level,
        true,
        plan,
    );
    let part = of_cols::<S, A>(&scores[plan.chunk..], &levels.rows, plan);
    add::<S, A>(
        &mut sums.k,
        &mut sums.net,
        &part,
        &levels.cols[lower..],
        &levels.exponents,
        level,
        false,
        plan,
    );
    let part = of_cols::<S, A>(scores, &levels.rows, plan);
    add::<S, A>(
        &mut sums.b,
        &mut sums.net,
        &part,
        &levels.cols,
        &levels.exponents,
        level,
        false,
        plan,
    );
}

/// sum over s of dM_is col_s, [position, channel].
#[cube]
fn of_rows<S: Float, A: Float>(scores: &[S], cols: &[S], #[comptime] plan: Plan) -> Array<A> {
    let tile = comptime!(plan.channel_tile());
    let mut part = cleared::<A>(tile);
    multiply::<S, A>(
        &mut part,
        scores,
        cols,
        comptime!(2 * plan.chunk),
        comptime!(plan.by_rows(2 * plan.chunk)),
        comptime!(plan.by_rows(plan.channels)),
        tile,
    );
    part
}

/// sum over i of dM_is row_i, [position, channel].
#[cube]
fn of_cols<S: Float, A: Float>(scores: &[S], rows: &[S], #[comptime] plan: Plan) -> Array<A> {
    let tile = comptime!(plan.channel_tile());
    let mut part = cleared::<A>(tile);
    multiply::<S, A>(
        &mut part,
        scores,
        rows,
        comptime!(2 * plan.chunk),
        comptime!(plan.by_cols(2 * plan.chunk)),
        comptime!(plan.by_rows(plan.channels)),
        tile,
    );
    part
}

/// Adds a level's sums for rows, or for columns, whose own values with their factors are `values`.
#[cube]
fn add<S: Float, A: Float>(
    to: &mut Array<A>,
    net: &mut Array<A>,
    part: &Array<A>,
    values: &[S],
    exponents: &Shared<[A]>,
    level: &Level,
    #[comptime] rows: bool,
    #[comptime] plan: Plan,
) {
    let tile = comptime!(plan.channel_tile());
    let pitch = comptime!(plan.pitch(plan.channels));
    #[unroll(plan.unroll)]
    for e in 0..comptime!(tile.share()) {
        if holds(e, tile) {
            let t = row(e, tile);
            let at = t * pitch + col(e, tile);
            let own = A::cast_from(values[at]) * part[e];
            if comptime!(rows) {
                to[e] += level.row_factor::<A>(exponents[at], t) * part[e];
                net[e] += own;
            } else {
                to[e] += level.col_factor::<A>(exponents[at], t) * part[e];
                net[e] -= own;
            }
        }
    }
}
