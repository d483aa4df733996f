//! One cube walks along the length of one head (or a block of its values) and keeps the state in
//! registers: no state goes through device memory, unless the backward pass wants it.
//!
//! Per chunk: [U; Y] = [W; P] S^T + [X; Q] V; then S = S diag(through) + [U; V]^T [b; k].

use super::plan::Plan;
use super::task::{Place, Sizes, Walk};
use crate::cube::product::{cleared, col, holds, multiply, row};
use crate::cube::store::store;
use crate::cube::tiles::{load, spread, stage, tile_slice};
use cubecl::prelude::*;

/// What the kernel writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Output {
    /// y, without the final state.
    Values,
    /// y and, behind it, the final state.
    ValuesAndState,
    /// The state before every chunk and U, for the backward pass.
    Checkpoints,
}

#[cube(launch, address_type = "dynamic")]
pub(super) fn forward<E: Float, S: Float, A: Float, Y: Float>(
    v: &[E],
    initial: &[A],
    entering: &[S],
    leaving: &[S],
    within: &[S],
    through: &[A],
    y: &mut [Y],
    checkpoints: &mut [S],
    corrections: &mut [S],
    sizes: Sizes,
    #[comptime] output: Output,
    #[comptime] plan: Plan,
    #[define(E, S, A, Y)] _types: [ElemType; 4],
) {
    let walk = Walk::of_cube(&sizes, plan);
    let double = comptime!(2 * plan.chunk);
    let chunk = comptime!(plan.chunk);
    let pairs = comptime!(plan.value_pairs());
    let states = comptime!(plan.states());
    let pitch_k = comptime!(plan.pitch(plan.keys));
    let pitch_v = comptime!(plan.pitch(plan.block));
    let pitch_q = comptime!(plan.pitch(plan.chunk));
    let rows_k = comptime!(plan.by_rows(plan.keys));
    let cols_k = comptime!(plan.by_cols(plan.keys));
    let rows_v = comptime!(plan.by_rows(plan.block));
    let cols_v = comptime!(plan.by_cols(plan.block));
    let rows_q = comptime!(plan.by_rows(plan.chunk));
    let mut tile_w = tile_slice::<S>(comptime!(plan.area(2 * plan.chunk, plan.keys)));
    let mut tile_k = tile_slice::<S>(comptime!(plan.area(2 * plan.chunk, plan.keys)));
    let mut tile_q = tile_slice::<S>(comptime!(plan.area(2 * plan.chunk, plan.chunk)));
    let mut tile_u = tile_slice::<S>(comptime!(plan.area(2 * plan.chunk, plan.block)));
    let mut tile_s = tile_slice::<S>(comptime!(plan.area(plan.block, plan.keys)));
    let mut kept = Shared::<[A]>::new_slice(plan.keys);
    let mut state = spread::<A, A>(initial, &walk.state(0usize.runtime(), &sizes), states);
    for index in 0..sizes.chunks {
        let place = Place::new(walk.row, walk.head, index, &sizes, plan);
        let window_k = place.part(double.runtime(), sizes.keys, double.runtime());
        let window_v = walk.values(&place, &sizes);
        sync_cube();
        load::<S, S>(
            &mut tile_w,
            entering,
            &window_k,
            pitch_k,
            plan.wide,
            comptime!(plan.key_pairs()),
        );
        load::<S, S>(
            &mut tile_k,
            leaving,
            &window_k,
            pitch_k,
            plan.wide,
            comptime!(plan.key_pairs()),
        );
        load::<S, S>(
            &mut tile_q,
            within,
            &place.part(double.runtime(), chunk.runtime(), double.runtime()),
            pitch_q,
            plan.wide,
            comptime!(plan.squares()),
        );
        load::<E, S>(
            &mut tile_u[comptime!(plan.area(plan.chunk, plan.block))..],
            v,
            &window_v,
            pitch_v,
            plan.wide,
            comptime!(plan.values()),
        );
        load_through::<A>(&mut kept, through, &place, &sizes, plan);
        stage::<A, S>(&state, &mut tile_s, pitch_k, states);
        if comptime!(output == Output::Checkpoints) {
            let window = walk.checkpoint(&place, &sizes);
            store::<A, S>(&state, checkpoints, &window, plan.wide, states);
        }
        sync_cube();
        let mut result = cleared::<A>(pairs);
        multiply::<S, A>(
            &mut result,
            &tile_w,
            &tile_s,
            plan.keys,
            rows_k,
            cols_k,
            pairs,
        );
        multiply::<S, A>(
            &mut result,
            &tile_q,
            &tile_u[comptime!(plan.area(plan.chunk, plan.block))..],
            plan.chunk,
            rows_q,
            rows_v,
            pairs,
        );
        #[unroll(plan.unroll)]
        for e in 0..comptime!(pairs.share()) {
            if holds(e, pairs) {
                let r = row(e, pairs);
                let c = col(e, pairs);
                if r < chunk {
                    tile_u[r * pitch_v + c] = S::cast_from(result[e]);
                }
            }
        }
        if comptime!(output == Output::Checkpoints) {
            put::<A, S>(
                &result,
                corrections,
                &walk.corrections(&place, &sizes, plan),
                0usize.runtime(),
                plan,
            );
        } else {
            put::<A, Y>(&result, y, &window_v, chunk.runtime(), plan);
        }
        sync_cube();
        #[unroll(plan.unroll)]
        for e in 0..comptime!(states.share()) {
            if holds(e, states) {
                state[e] *= kept[col(e, states)];
            }
        }
        multiply::<S, A>(&mut state, &tile_u, &tile_k, double, cols_v, rows_k, states);
    }
    if comptime!(output == Output::ValuesAndState) {
        let window = walk.state(sizes.y_elements, &sizes);
        store::<A, Y>(&state, y, &window, plan.wide, states);
    }
}

/// Decay through a chunk, zero for keys that do not exist.
#[cube]
pub(super) fn load_through<A: Float>(
    kept: &mut Shared<[A]>,
    through: &[A],
    place: &Place,
    sizes: &Sizes,
    #[comptime] plan: Plan,
) {
    let mut j = UNIT_POS as usize;
    while j < comptime!(plan.keys) {
        let mut value = A::from_int(0);
        if j < sizes.keys {
            value = through[place.index * sizes.keys + j];
        }
        kept[j] = value;
        j += comptime!(plan.units);
    }
}

/// Writes the rows of [U; Y] from row `from` on.
#[cube]
fn put<A: Float, Y: Float>(
    result: &Array<A>,
    target: &mut [Y],
    window: &crate::cube::tiles::Window,
    from: usize,
    #[comptime] plan: Plan,
) {
    let tile = comptime!(plan.value_pairs());
    #[unroll(plan.unroll)]
    for e in 0..comptime!(tile.share()) {
        if holds(e, tile) {
            let r = row(e, tile);
            let c = col(e, tile);
            if r >= from && r - from < window.rows && c < window.cols {
                target[window.base + (r - from) * window.stride + c] = Y::cast_from(result[e]);
            }
        }
    }
}
