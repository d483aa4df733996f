//! One cube walks along the length of one head (or a block of its channels) and keeps the state in
//! registers: no state ever goes through device memory.
//!
//! Per chunk: weights = decay o (C B^T) dt, the square from memory where heads share it;
//! y = into o (C S^T) + weights x + d x; then
//! S = through S + (out o dt o x)^T B.

use super::decay::{Ahead, Decay};
use super::plan::Plan;
use super::scores::read_scores;
use super::task::{Sizes, Task};
use crate::cube::product::{cleared, col, holds, multiply, row};
use crate::cube::store::store;
use crate::cube::tiles::{
    add_tile, fetch, load, put, scale_rows, scale_tile, spread, stage, tile_slice,
};
use cubecl::prelude::*;

/// What the kernel writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Output {
    /// y, without the final state.
    Values,
    /// y and, behind it, the final state.
    ValuesAndState,
    /// The state before every chunk, for the backward pass.
    Checkpoints,
}

#[cube(launch)]
pub(super) fn forward<E: Float, S: Float, A: Float, W: Float, I: Numeric>(
    x: &[E],
    b: &[E],
    c: &[E],
    d: &[A],
    initial: &[A],
    seq_idx: &[I],
    sums: &[W],
    steps: &[A],
    scores: &[A],
    y: &mut [E],
    checkpoints: &mut [S],
    sizes: Sizes,
    #[comptime] output: Output,
    #[comptime] shared_scores: bool,
    #[comptime] plan: Plan,
    #[define(E, S, A, W, I)] _types: [ElemType; 5],
) {
    let task = Task::of_cube(&sizes, plan);
    let values = comptime!(plan.values());
    let projections = comptime!(plan.projections());
    let square = comptime!(plan.scores());
    let wants_y = comptime!(output != Output::Checkpoints);
    let pitch_n = comptime!(plan.pitch(plan.state));
    let pitch_p = comptime!(plan.pitch(plan.block));
    // Without the product of the square there are registers to read all tiles at once.
    let together = comptime!(
        shared_scores
            && wants_y
            && plan.wide
            && projections.in_registers()
            && values.in_registers()
    );
    let mut decay = Decay::<A, W, I>::new(plan.chunk, plan.packed);
    let mut tile_b = tile_slice::<S>(comptime!(plan.area(plan.chunk, plan.state)));
    let mut tile_x = tile_slice::<S>(comptime!(plan.area(plan.chunk, plan.block)));
    let mut tile_c = tile_slice::<S>(comptime!(if wants_y {
        plan.area(plan.chunk, plan.state)
    } else {
        1
    }));
    let mut tile_s = tile_slice::<S>(comptime!(if wants_y {
        plan.area(plan.block, plan.state)
    } else {
        1
    }));
    let mut weights = tile_slice::<S>(comptime!(if wants_y {
        plan.area(plan.chunk, plan.chunk)
    } else {
        1
    }));
    let mut state = spread::<A, A>(
        initial,
        &task.state(0usize.runtime(), &sizes),
        comptime!(plan.states()),
    );
    for index in 0..sizes.chunks {
        let place = task.place(index, &sizes, plan);
        let start = task.positions(index, &sizes, plan.chunk);
        // Its own values of the square wait for device memory beside the tiles.
        let mut products = if comptime!(shared_scores && wants_y) {
            read_scores::<A>(scores, &task, index, &sizes, plan)
        } else {
            cleared::<A>(square)
        };
        let ahead = Ahead::<A, W>::read(sums, steps, start, plan.chunk);
        let window_n = task.projections(&place, &sizes);
        let window_p = task.values(&place, &sizes);
        if comptime!(together) {
            let held_b = fetch::<E, S>(b, &window_n, projections);
            let held_c = fetch::<E, S>(c, &window_n, projections);
            let held_x = fetch::<E, S>(x, &window_p, values);
            sync_cube();
            put::<S>(&mut tile_b, &held_b, pitch_n, projections);
            put::<S>(&mut tile_c, &held_c, pitch_n, projections);
            put::<S>(&mut tile_x, &held_x, pitch_p, values);
        } else {
            sync_cube();
            let [turn_n, turn_p] = comptime!([projections.in_turn(), values.in_turn()]);
            load::<E, S>(&mut tile_b, b, &window_n, pitch_n, plan.wide, turn_n);
            load::<E, S>(&mut tile_x, x, &window_p, pitch_p, plan.wide, turn_p);
            if comptime!(wants_y) {
                load::<E, S>(&mut tile_c, c, &window_n, pitch_n, plan.wide, turn_n);
            }
        }
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
        if comptime!(wants_y) {
            stage::<A, S>(
                &state,
                &mut tile_s,
                comptime!(plan.pitch(plan.state)),
                comptime!(plan.states()),
            );
        } else {
            store::<A, S>(
                &state,
                checkpoints,
                &task.checkpoint(index, &sizes),
                plan.wide,
                comptime!(plan.states()),
            );
        }
        sync_cube();
        if comptime!(wants_y) {
            if comptime!(!shared_scores) {
                multiply::<S, A>(
                    &mut products,
                    &tile_c,
                    &tile_b,
                    plan.state,
                    comptime!(plan.by_rows(plan.state)),
                    comptime!(plan.by_cols(plan.state)),
                    square,
                );
            }
            #[unroll(plan.unroll)]
            for e in 0..comptime!(square.share()) {
                if holds(e, square) {
                    let i = row(e, square);
                    let j = col(e, square);
                    let (_, moved) = decay.between(i, j, plan.packed);
                    products[e] *= moved;
                }
            }
            stage::<A, S>(
                &products,
                &mut weights,
                comptime!(plan.pitch(plan.chunk)),
                square,
            );
            let mut result = cleared::<A>(values);
            multiply::<S, A>(
                &mut result,
                &tile_c,
                &tile_s,
                plan.state,
                comptime!(plan.by_rows(plan.state)),
                comptime!(plan.by_cols(plan.state)),
                values,
            );
            scale_rows::<A>(&mut result, &decay.into, values);
            sync_cube();
            multiply::<S, A>(
                &mut result,
                &weights,
                &tile_x,
                plan.chunk,
                comptime!(plan.by_rows(plan.chunk)),
                comptime!(plan.by_rows(plan.block)),
                values,
            );
            add_tile::<A, S>(
                &mut result,
                d[task.head],
                &tile_x,
                comptime!(plan.pitch(plan.block)),
                values,
            );
            store::<A, E>(&result, y, &task.values(&place, &sizes), plan.wide, values);
            sync_cube();
        }
        carry::<S, A, W, I>(&mut state, &mut tile_x, &tile_b, &decay, plan);
    }
    if comptime!(output == Output::ValuesAndState) {
        store::<A, E>(
            &state,
            y,
            &task.state(sizes.y_elements, &sizes),
            plan.wide,
            comptime!(plan.states()),
        );
    }
}

/// S = through S + (out o dt o x)^T B; scales the tile of x in place.
#[cube]
fn carry<S: Float, A: Float, W: Float, I: Numeric>(
    state: &mut Array<A>,
    tile_x: &mut Shared<[S]>,
    tile_b: &Shared<[S]>,
    decay: &Decay<A, W, I>,
    #[comptime] plan: Plan,
) {
    let states = comptime!(plan.states());
    scale_tile::<A, S>(
        tile_x,
        &decay.moved,
        comptime!(plan.pitch(plan.block)),
        comptime!(plan.values()),
    );
    sync_cube();
    let through = decay.through[0];
    #[unroll(plan.unroll)]
    for e in 0..comptime!(states.share()) {
        state[e] *= through;
    }
    multiply::<S, A>(
        state,
        &*tile_x,
        tile_b,
        plan.chunk,
        comptime!(plan.by_cols(plan.block)),
        comptime!(plan.by_rows(plan.state)),
        states,
    );
}
