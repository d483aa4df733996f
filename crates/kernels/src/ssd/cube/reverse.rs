//! One cube walks backwards along the length of one head and keeps the gradient R of the state in
//! registers; the states before each chunk come from the checkpoints of a forward run.
//!
//! Per chunk, with M_ij the decay from j to i, K = C B^T, G = dy x^T, and S the state before it:
//!
//! ```text
//! W = M o K;  D = M o G o dt_j;  E = W o G
//! dx_j  = dt_j (sum_i W_ij dy_i + out_j R B_j) + d dy_j
//! dC_i  = sum_j D_ij B_j + into_i S^T dy_i
//! dB_j  = sum_i D_ij C_i + out_j dt_j R^T x_j
//! ddt_j = x_j . (sum_i W_ij dy_i + out_j R B_j) + a da_j
//! da_t  = sum_{j < t <= i} E_ij dt_j + sum_{i >= t} into_i C_i . S^T dy_i
//!         + sum_{j < t} out_j dt_j x_j . R B_j + through <R, S>
//! R     = through R + (into o dy)^T C
//! ```
//!
//! The double sum of da is a suffix sum of (row sums - column sums) of E_ij dt_j without its
//! diagonal, which would cancel only up to rounding.

use super::decay::{Ahead, Decay};
use super::lines::{POSITION_SHARERS, Sums, leave_products, row_sums};
use super::plan::Plan;
use super::scores::read_scores;
use super::task::{Sizes, Task};
use crate::cube::cube_sum;
use crate::cube::product::{cleared, col, holds, multiply, row};
use crate::cube::store::store;
use crate::cube::tiles::{
    add_tile, load, pair_at, scale_rows, scale_tile, spread, stage, tile_slice,
};
use cubecl::prelude::*;

/// Writes dx, the contributions of this head (block) to dB and dC, ddt of this block, the gradient
/// of the initial state, and this cube's contributions to the gradients of a and d.
#[cube(launch)]
pub(super) fn reverse<E: Float, S: Float, A: Float, W: Float, I: Numeric, D: Float>(
    x: &[E],
    a: &[A],
    b: &[E],
    c: &[E],
    d: &[A],
    seq_idx: &[I],
    sums: &[W],
    steps: &[A],
    shared: &[A],
    checkpoints: &[S],
    dy: &[E],
    dx: &mut [E],
    db: &mut [D],
    dc: &mut [D],
    ddt: &mut [A],
    da: &mut [A],
    dd: &mut [A],
    dinitial: &mut [A],
    sizes: Sizes,
    #[comptime] state_wanted: bool,
    #[comptime] shared_scores: bool,
    #[comptime] plan: Plan,
    #[define(E, S, A, W, I, D)] _types: [ElemType; 6],
) {
    let unit = UNIT_POS as usize;
    let task = Task::of_cube(&sizes, plan);
    let values = comptime!(plan.values());
    let projections = comptime!(plan.projections());
    let scores = comptime!(plan.scores());
    let states = comptime!(plan.states());
    let pitch_n = comptime!(plan.pitch(plan.state));
    let pitch_p = comptime!(plan.pitch(plan.block));
    let pitch_q = comptime!(plan.pitch(plan.chunk));
    let rows_n = comptime!(plan.by_rows(plan.state));
    let cols_n = comptime!(plan.by_cols(plan.state));
    let rows_p = comptime!(plan.by_rows(plan.block));
    let cols_p = comptime!(plan.by_cols(plan.block));
    let rows_q = comptime!(plan.by_rows(plan.chunk));
    let cols_q = comptime!(plan.by_cols(plan.chunk));
    let mut decay = Decay::<A, W, I>::new(plan.chunk, plan.packed);
    let mut line = Sums::<A, W>::new(plan.chunk);
    let mut tile_b = tile_slice::<S>(comptime!(plan.area(plan.chunk, plan.state)));
    let mut tile_c = tile_slice::<S>(comptime!(plan.area(plan.chunk, plan.state)));
    let mut tile_x = tile_slice::<S>(comptime!(plan.area(plan.chunk, plan.block)));
    let mut tile_dy = tile_slice::<S>(comptime!(plan.area(plan.chunk, plan.block)));
    let mut tile_s = tile_slice::<S>(comptime!(plan.area(plan.block, plan.state)));
    let mut tile_r = tile_slice::<S>(comptime!(plan.area(plan.block, plan.state)));
    let mut weights = tile_slice::<S>(comptime!(plan.area(plan.chunk, plan.chunk)));
    let mut shares = tile_slice::<S>(comptime!(plan.area(plan.chunk, plan.chunk)));
    // Sums on their way between units, where planes do not add them up in registers.
    let mut flows = tile_slice::<A>(comptime!(if plan.matrix {
        1
    } else {
        plan.area(plan.chunk, plan.chunk)
    }));
    let mut staged = tile_slice::<A>(comptime!(if plan.matrix {
        1
    } else {
        plan.area(plan.chunk, plan.state.max(plan.block))
    }));
    let mut parts = Shared::<[W]>::new_slice(comptime!(plan.part_elements()));
    let rate = a[task.head];
    let direct = d[task.head];
    let mut sum_a = W::from_int(0);
    let mut sum_d = W::from_int(0);
    let mut gradient = cleared::<A>(states);
    if comptime!(state_wanted) {
        gradient = spread::<E, A>(dy, &task.state(sizes.y_elements, &sizes), states);
    }
    for turn in 0..sizes.chunks {
        let index = sizes.chunks - 1 - turn;
        let place = task.place(index, &sizes, plan);
        let start = task.positions(index, &sizes, plan.chunk);
        let window_n = task.projections(&place, &sizes);
        let window_p = task.values(&place, &sizes);
        let ahead = Ahead::<A, W>::read(sums, steps, start, plan.chunk);
        // As in the forward kernel.
        let mut products = if comptime!(shared_scores) {
            read_scores::<A>(shared, &task, index, &sizes, plan)
        } else {
            cleared::<A>(scores)
        };
        sync_cube();
        load::<E, S>(&mut tile_b, b, &window_n, pitch_n, plan.wide, projections);
        load::<E, S>(&mut tile_c, c, &window_n, pitch_n, plan.wide, projections);
        load::<E, S>(&mut tile_x, x, &window_p, pitch_p, plan.wide, values);
        load::<E, S>(&mut tile_dy, dy, &window_p, pitch_p, plan.wide, values);
        load::<S, S>(
            &mut tile_s,
            checkpoints,
            &task.checkpoint(index, &sizes),
            pitch_n,
            plan.wide,
            states,
        );
        stage::<A, S>(&gradient, &mut tile_r, pitch_n, states);
        decay.load(
            &ahead,
            sums,
            steps,
            seq_idx,
            &place,
            start,
            sizes.len,
            plan.chunk,
            plan.units,
            plan.packed,
        );
        sync_cube();

        // The squares of the chunk.
        if comptime!(!shared_scores) {
            multiply::<S, A>(
                &mut products,
                &tile_c,
                &tile_b,
                plan.state,
                rows_n,
                cols_n,
                scores,
            );
        }
        let mut outer = cleared::<A>(scores);
        multiply::<S, A>(
            &mut outer, &tile_dy, &tile_x, plan.block, rows_p, cols_p, scores,
        );
        let mut flow = cleared::<A>(scores);
        #[unroll(plan.unroll)]
        for e in 0..comptime!(scores.share()) {
            if holds(e, scores) {
                let i = row(e, scores);
                let j = col(e, scores);
                let (kept, moved) = decay.between(i, j, plan.packed);
                let weight = kept * products[e];
                let share = moved * outer[e];
                if i == j {
                    sum_d += W::cast_from(outer[e]);
                }
                flow[e] = products[e] * share;
                products[e] = weight;
                outer[e] = share;
            }
        }
        stage::<A, S>(&products, &mut weights, pitch_q, scores);
        stage::<A, S>(&outer, &mut shares, pitch_q, scores);
        Sums::<A, W>::leave_squares(&flow, &mut flows, &mut parts, plan);
        sync_cube();
        line.add_squares(&flows, &mut parts, plan);

        // dx; on the way out x . R B, then with the chunk's own part.
        let mut result = cleared::<A>(values);
        multiply::<S, A>(
            &mut result,
            &tile_b,
            &tile_r,
            plan.state,
            rows_n,
            cols_n,
            values,
        );
        scale_rows::<A>(&mut result, &decay.out, values);
        leave_products::<A, S, W>(&result, &tile_x, &mut staged, &mut parts, pitch_p, values);
        multiply::<S, A>(
            &mut result,
            &weights,
            &tile_dy,
            plan.chunk,
            cols_q,
            rows_p,
            values,
        );
        sync_cube();
        row_sums::<A, W>(&staged, &mut line.entering, &mut parts, pitch_p, values);
        leave_products::<A, S, W>(&result, &tile_x, &mut staged, &mut parts, pitch_p, values);
        scale_rows::<A>(&mut result, &decay.steps, values);
        add_tile::<A, S>(&mut result, direct, &tile_dy, pitch_p, values);
        store::<A, E>(&result, dx, &window_p, plan.wide, values);
        sync_cube();
        row_sums::<A, W>(&staged, &mut line.direct, &mut parts, pitch_p, values);

        // dC, and into C . S^T dy on the way.
        let own = task.contribution(&place, &sizes);
        let mut result = cleared::<A>(projections);
        multiply::<S, A>(
            &mut result,
            &tile_dy,
            &tile_s,
            plan.block,
            rows_p,
            rows_n,
            projections,
        );
        scale_rows::<A>(&mut result, &decay.into, projections);
        leave_products::<A, S, W>(
            &result,
            &tile_c,
            &mut staged,
            &mut parts,
            pitch_n,
            projections,
        );
        multiply::<S, A>(
            &mut result,
            &shares,
            &tile_b,
            plan.chunk,
            rows_q,
            rows_n,
            projections,
        );
        store::<A, D>(&result, dc, &own, plan.wide, projections);
        sync_cube();
        row_sums::<A, W>(&staged, &mut line.carried, &mut parts, pitch_n, projections);

        // dB.
        let mut result = cleared::<A>(projections);
        multiply::<S, A>(
            &mut result,
            &tile_x,
            &tile_r,
            plan.block,
            rows_p,
            rows_n,
            projections,
        );
        scale_rows::<A>(&mut result, &decay.moved, projections);
        multiply::<S, A>(
            &mut result,
            &shares,
            &tile_c,
            plan.chunk,
            cols_q,
            rows_n,
            projections,
        );
        store::<A, D>(&result, db, &own, plan.wide, projections);

        // ddt and da.
        let mut inner = A::from_int(0);
        if comptime!(plan.matrix) {
            #[unroll]
            for half in 0..comptime!(states.share() / 2) {
                let e = half * 2;
                let (left, right) =
                    pair_at::<S, A>(&tile_s, row(e, states) * pitch_n + col(e, states));
                inner += gradient[e] * left + gradient[e + 1] * right;
            }
        } else {
            #[unroll(plan.unroll)]
            for e in 0..comptime!(states.share()) {
                if holds(e, states) {
                    let at = row(e, states) * pitch_n + col(e, states);
                    inner += gradient[e] * A::cast_from(tile_s[at]);
                }
            }
        }
        let inner = cube_sum::<W>(W::cast_from(inner), &mut parts, plan.units);
        let inner = A::cast_from(inner) * decay.through[0];
        let sharers = comptime!(if plan.matrix { POSITION_SHARERS } else { 1 });
        let mut t = unit / sharers;
        while t < comptime!(plan.chunk) {
            let slope = line.decay_gradient(t, &decay.steps, inner, plan.chunk, sharers);
            if t < place.count && unit % sharers == 0 {
                sum_a += W::cast_from(slope) * W::cast_from(decay.steps[t]);
                let at = (task.row * sizes.len + place.first + t) * sizes.heads + task.head;
                ddt[task.block * sizes.steps + at] = line.direct[t] + rate * slope;
            }
            t += comptime!(plan.units / sharers);
        }

        // The gradient of the state before the chunk.
        scale_tile::<A, S>(&mut tile_dy, &decay.into, pitch_p, values);
        sync_cube();
        let through = decay.through[0];
        #[unroll(plan.unroll)]
        for e in 0..comptime!(states.share()) {
            gradient[e] *= through;
        }
        multiply::<S, A>(
            &mut gradient,
            &tile_dy,
            &tile_c,
            plan.chunk,
            cols_p,
            rows_n,
            states,
        );
    }
    store::<A, A>(
        &gradient,
        dinitial,
        &task.state(0usize.runtime(), &sizes),
        plan.wide,
        states,
    );
    sync_cube();
    let sum_a = cube_sum::<W>(sum_a, &mut parts, plan.units);
    let sum_d = cube_sum::<W>(sum_d, &mut parts, plan.units);
    if unit == 0 {
        let at = (task.row * sizes.blocks + task.block) * sizes.heads + task.head;
        da[at] = A::cast_from(sum_a);
        dd[at] = A::cast_from(sum_d);
    }
}
