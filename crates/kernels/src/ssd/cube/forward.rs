//! One cube walks along the length of one head (or a block of its channels) and keeps the state in
//! registers: no state ever goes through device memory.
//!
//! Per chunk: weights = decay o (C B^T) dt; y = into o (C S^T) + weights x + d x; then
//! S = through S + (out o dt o x)^T B.

use super::decay::Decay;
use super::plan::Plan;
use super::task::{Sizes, Task};
use crate::cube::product::{cleared, col, holds, multiply, row};
use crate::cube::tiles::{
    add_tile, load, scale_rows, scale_tile, spread, stage, store, tile_slice,
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
    y: &mut [E],
    checkpoints: &mut [S],
    sizes: Sizes,
    #[comptime] output: Output,
    #[comptime] plan: Plan,
    #[define(E, S, A, W, I)] _types: [ElemType; 5],
) {
    let task = Task::of_cube(&sizes, plan);
    let values = comptime!(plan.values());
    let projections = comptime!(plan.projections());
    let scores = comptime!(plan.scores());
    let wants_y = comptime!(output != Output::Checkpoints);
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
        sync_cube();
        load::<E, S>(
            &mut tile_b,
            b,
            &task.projections(&place, &sizes),
            comptime!(plan.pitch(plan.state)),
            plan.wide,
            comptime!(projections.in_turn()),
        );
        load::<E, S>(
            &mut tile_x,
            x,
            &task.values(&place, &sizes),
            comptime!(plan.pitch(plan.block)),
            plan.wide,
            comptime!(values.in_turn()),
        );
        decay.load(
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
            load::<E, S>(
                &mut tile_c,
                c,
                &task.projections(&place, &sizes),
                comptime!(plan.pitch(plan.state)),
                plan.wide,
                comptime!(projections.in_turn()),
            );
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
            let mut products = cleared::<A>(scores);
            multiply::<S, A>(
                &mut products,
                &tile_c,
                &tile_b,
                plan.state,
                comptime!(plan.by_rows(plan.state)),
                comptime!(plan.by_cols(plan.state)),
                scores,
            );
            #[unroll(plan.unroll)]
            for e in 0..comptime!(scores.share()) {
                if holds(e, scores) {
                    let i = row(e, scores);
                    let j = col(e, scores);
                    let (_, moved) = decay.between(i, j, plan.packed);
                    products[e] *= moved;
                }
            }
            stage::<A, S>(
                &products,
                &mut weights,
                comptime!(plan.pitch(plan.chunk)),
                scores,
            );
            sync_cube();
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
