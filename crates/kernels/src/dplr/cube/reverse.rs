//! One cube walks backwards along the length of one head (or a block of its values) and keeps the
//! gradient R of the state in registers; states before each chunk and U come from a forward run.
//!
//! Per chunk, with S the state before it and all of [`super::prepare`]'s names:
//!
//! ```text
//! dU = b R^T                      dV = Q^T dY + X^T dU + k R^T
//! d[W; P] = [dU; dY] S            d[X; Q] = [dU; dY] V^T
//! d[b; k] = [U; V] R              d through = sum over values of R o S
//! R = R diag(through) + [dU; dY]^T [W; P]
//! ```

use super::forward::load_through;
use super::plan::Plan;
use super::task::{Place, Sizes, Walk};
use crate::cube::product::{cleared, col, holds, multiply, row};
use crate::cube::store::store;
use crate::cube::tiles::{load, spread, stage, tile_slice};
use cubecl::prelude::*;

/// Writes dv, the gradient of the initial state, and this block's contributions to the gradients of
/// what [`super::prepare`] wrote, [batch, head, chunk, block, ...].
#[cube(launch, address_type = "dynamic")]
pub(super) fn reverse<E: Float, S: Float, A: Float, Y: Float>(
    v: &[E],
    entering: &[S],
    leaving: &[S],
    within: &[S],
    through: &[A],
    checkpoints: &[S],
    corrections: &[S],
    dy: &[Y],
    dv: &mut [E],
    dinitial: &mut [A],
    dentering: &mut [S],
    dleaving: &mut [S],
    dwithin: &mut [S],
    dthrough: &mut [A],
    sizes: Sizes,
    #[comptime] state_wanted: bool,
    #[comptime] plan: Plan,
    #[define(E, S, A, Y)] _types: [ElemType; 4],
) {
    let walk = Walk::of_cube(&sizes, plan);
    let double = comptime!(2 * plan.chunk);
    let chunk = comptime!(plan.chunk);
    let half_v = comptime!(plan.area(plan.chunk, plan.block));
    let half_k = comptime!(plan.area(plan.chunk, plan.keys));
    let values = comptime!(plan.values());
    let key_pairs = comptime!(plan.key_pairs());
    let squares = comptime!(plan.squares());
    let states = comptime!(plan.states());
    let pitch_k = comptime!(plan.pitch(plan.keys));
    let pitch_v = comptime!(plan.pitch(plan.block));
    let pitch_q = comptime!(plan.pitch(plan.chunk));
    let rows_k = comptime!(plan.by_rows(plan.keys));
    let cols_k = comptime!(plan.by_cols(plan.keys));
    let rows_v = comptime!(plan.by_rows(plan.block));
    let cols_v = comptime!(plan.by_cols(plan.block));
    let cols_q = comptime!(plan.by_cols(plan.chunk));
    let mut tile_k = tile_slice::<S>(comptime!(plan.area(2 * plan.chunk, plan.keys)));
    let mut tile_q = tile_slice::<S>(comptime!(plan.area(2 * plan.chunk, plan.chunk)));
    let mut tile_u = tile_slice::<S>(comptime!(plan.area(2 * plan.chunk, plan.block)));
    let mut tile_d = tile_slice::<S>(comptime!(plan.area(2 * plan.chunk, plan.block)));
    let mut tile_s = tile_slice::<S>(comptime!(plan.area(plan.block, plan.keys)));
    let mut kept = Shared::<[A]>::new_slice(plan.keys);
    let mut parts = Shared::<[A]>::new_slice(comptime!(plan.column_parts() * plan.keys));
    let mut gradient = cleared::<A>(states);
    if comptime!(state_wanted) {
        gradient = spread::<Y, A>(dy, &walk.state(sizes.y_elements, &sizes), states);
    }
    for turn in 0..sizes.chunks {
        let index = sizes.chunks - 1 - turn;
        let place = Place::new(walk.row, walk.head, index, &sizes, plan);
        let window_k = place.part(double.runtime(), sizes.keys, double.runtime());
        let window_v = walk.values(&place, &sizes);
        sync_cube();
        load::<S, S>(
            &mut tile_k,
            leaving,
            &window_k,
            pitch_k,
            plan.wide,
            key_pairs,
        );
        load::<S, S>(
            &mut tile_q,
            within,
            &place.part(double.runtime(), chunk.runtime(), double.runtime()),
            pitch_q,
            plan.wide,
            squares,
        );
        load::<S, S>(
            &mut tile_u,
            corrections,
            &walk.corrections(&place, &sizes, plan),
            pitch_v,
            plan.wide,
            values,
        );
        load::<E, S>(
            &mut tile_u[half_v..],
            v,
            &window_v,
            pitch_v,
            plan.wide,
            values,
        );
        load::<Y, S>(
            &mut tile_d[half_v..],
            dy,
            &window_v,
            pitch_v,
            plan.wide,
            values,
        );
        load_through::<A>(&mut kept, through, &place, &sizes, plan);
        stage::<A, S>(&gradient, &mut tile_s, pitch_k, states);
        sync_cube();

        // From R: dU, d[b; k], the part of dV that left the chunk.
        let mut result = cleared::<A>(values);
        multiply::<S, A>(
            &mut result,
            &tile_k,
            &tile_s,
            plan.keys,
            rows_k,
            cols_k,
            values,
        );
        stage::<A, S>(&result, &mut tile_d, pitch_v, values);
        let mut result = cleared::<A>(key_pairs);
        multiply::<S, A>(
            &mut result,
            &tile_u,
            &tile_s,
            plan.block,
            rows_v,
            rows_k,
            key_pairs,
        );
        let share_k = walk.share(&place, &sizes, double.runtime(), sizes.keys);
        store::<A, S>(&result, dleaving, &share_k, plan.wide, key_pairs);
        let mut result = cleared::<A>(values);
        multiply::<S, A>(
            &mut result,
            &tile_k[half_k..],
            &tile_s,
            plan.keys,
            rows_k,
            cols_k,
            values,
        );
        sync_cube();

        // From [dU; dY]: dV, d[X; Q]; meanwhile [W; P] and the state take the places of [b; k] and R.
        load::<S, S>(
            &mut tile_k,
            entering,
            &window_k,
            pitch_k,
            plan.wide,
            key_pairs,
        );
        load::<S, S>(
            &mut tile_s,
            checkpoints,
            &walk.checkpoint(&place, &sizes),
            pitch_k,
            plan.wide,
            states,
        );
        multiply::<S, A>(
            &mut result,
            &tile_q,
            &tile_d,
            double,
            cols_q,
            rows_v,
            values,
        );
        store::<A, E>(&result, dv, &window_v, plan.wide, values);
        let mut result = cleared::<A>(squares);
        multiply::<S, A>(
            &mut result,
            &tile_d,
            &tile_u[half_v..],
            plan.block,
            rows_v,
            cols_v,
            squares,
        );
        let share_q = walk.share(&place, &sizes, double.runtime(), chunk.runtime());
        store::<A, S>(&result, dwithin, &share_q, plan.wide, squares);
        sync_cube();

        // With the state: d[W; P], d through; then R itself.
        let mut result = cleared::<A>(key_pairs);
        multiply::<S, A>(
            &mut result,
            &tile_d,
            &tile_s,
            plan.block,
            rows_v,
            rows_k,
            key_pairs,
        );
        store::<A, S>(&result, dentering, &share_k, plan.wide, key_pairs);
        sync_cube();
        #[unroll(plan.unroll)]
        for e in 0..comptime!(states.share()) {
            if holds(e, states) {
                let c = col(e, states);
                let at = row(e, states) * pitch_k + c;
                tile_s[at] = S::cast_from(A::cast_from(tile_s[at]) * gradient[e]);
                gradient[e] *= kept[c];
            }
        }
        multiply::<S, A>(
            &mut gradient,
            &tile_d,
            &tile_k,
            double,
            cols_v,
            rows_k,
            states,
        );
        sync_cube();
        let at = (place.index * sizes.blocks + walk.block) * sizes.keys;
        column_sums::<S, A>(&tile_s, &mut parts, dthrough, at, &sizes, plan);
    }
    let window = walk.state(0usize.runtime(), &sizes);
    store::<A, A>(&gradient, dinitial, &window, plan.wide, states);
}

/// Sums of the columns of the tile [value, key], to `target` from element `base` on.
///
/// Synchronises the cube.
#[cube]
fn column_sums<S: Float, A: Float>(
    tile: &Shared<[S]>,
    parts: &mut Shared<[A]>,
    target: &mut [A],
    base: usize,
    sizes: &Sizes,
    #[comptime] plan: Plan,
) {
    let count = comptime!(plan.column_parts());
    let height = comptime!(plan.block.div_ceil(plan.column_parts()));
    let pitch = comptime!(plan.pitch(plan.keys));
    let mut at = UNIT_POS as usize;
    while at < comptime!(plan.column_parts() * plan.keys) {
        let first = at / comptime!(plan.keys) * height;
        let mut sum = A::from_int(0);
        for i in 0..height {
            if first + i < comptime!(plan.block) {
                sum += A::cast_from(tile[(first + i) * pitch + at % comptime!(plan.keys)]);
            }
        }
        parts[at] = sum;
        at += comptime!(plan.units);
    }
    sync_cube();
    let mut j = UNIT_POS as usize;
    while j < sizes.keys {
        let mut sum = A::from_int(0);
        for part in 0..count {
            sum += parts[part * comptime!(plan.keys) + j];
        }
        target[base + j] = sum;
        j += comptime!(plan.units);
    }
}
