//! One cube walks along the length of one head (or a block of its channels) and keeps the state in
//! registers: no state ever goes through device memory.
//!
//! Per chunk: weights = decay o (C B^T) dt; y = into o (C S^T) + weights x + d x; then
//! S = through S + (out o dt o x)^T B.

use super::decay::{Decay, Place};
use super::plan::Plan;
use super::product::{cleared, col, holds, multiply, row};
use super::tiles::{Window, load, scale_rows, scale_tile, spread, stage, store, tile_slice};
use cubecl::prelude::*;

/// Sizes of a call.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Sizes {
    pub len: usize,
    pub heads: usize,
    pub head_dim: usize,
    pub groups: usize,
    pub state: usize,
    /// Chunks of one row.
    pub chunks: usize,
    /// Head blocks of one head.
    pub blocks: usize,
    /// Elements of dt.
    pub steps: usize,
    /// Elements of y, behind which the packed result holds the state.
    pub y_elements: usize,
}

/// What one cube works on.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Task {
    pub row: usize,
    pub head: usize,
    pub group: usize,
    pub block: usize,
    /// First channel of the block.
    pub channel: usize,
    /// Channels of the block that exist.
    pub width: usize,
}

#[cube]
impl Task {
    /// The task of this cube.
    pub(super) fn of_cube(sizes: &Sizes, #[comptime] plan: Plan) -> Task {
        let block = CUBE_POS % sizes.blocks;
        let rest = CUBE_POS / sizes.blocks;
        let head = rest % sizes.heads;
        let channel = block * comptime!(plan.block);
        let mut width = sizes.head_dim - channel;
        if width > comptime!(plan.block) {
            width = comptime!(plan.block).runtime();
        }
        Task {
            row: rest / sizes.heads,
            head,
            group: head / (sizes.heads / sizes.groups),
            block,
            channel,
            width,
        }
    }

    /// The chunk with this index.
    pub(super) fn place(&self, index: usize, sizes: &Sizes, #[comptime] plan: Plan) -> Place {
        let first = index * comptime!(plan.chunk);
        let mut count = sizes.len - first;
        if count > comptime!(plan.chunk) {
            count = comptime!(plan.chunk).runtime();
        }
        Place {
            row: self.row,
            first,
            count,
        }
    }

    /// Its rows of x, y or their gradients.
    pub(super) fn values(&self, place: &Place, sizes: &Sizes) -> Window {
        let at = (self.row * sizes.len + place.first) * sizes.heads + self.head;
        Window {
            base: at * sizes.head_dim + self.channel,
            stride: sizes.heads * sizes.head_dim,
            rows: place.count,
            cols: self.width,
        }
    }

    /// Its rows of B or C.
    pub(super) fn projections(&self, place: &Place, sizes: &Sizes) -> Window {
        let at = (self.row * sizes.len + place.first) * sizes.groups + self.group;
        Window {
            base: at * sizes.state,
            stride: sizes.groups * sizes.state,
            rows: place.count,
            cols: sizes.state,
        }
    }

    /// Its rows of this head block's contributions to dB or dC, [batch, len, head, block, state].
    pub(super) fn contribution(&self, place: &Place, sizes: &Sizes) -> Window {
        let at = (self.row * sizes.len + place.first) * sizes.heads + self.head;
        Window {
            base: (at * sizes.blocks + self.block) * sizes.state,
            stride: sizes.heads * sizes.blocks * sizes.state,
            rows: place.count,
            cols: sizes.state,
        }
    }

    /// Its block of a state [batch, head, head_dim, state] that starts at element `from`.
    pub(super) fn state(&self, from: usize, sizes: &Sizes) -> Window {
        let at = (self.row * sizes.heads + self.head) * sizes.head_dim + self.channel;
        Window {
            base: from + at * sizes.state,
            stride: sizes.state,
            rows: self.width,
            cols: sizes.state,
        }
    }

    /// Its block of the state before a chunk in checkpoints [batch, chunk, head, head_dim, state].
    pub(super) fn checkpoint(&self, index: usize, sizes: &Sizes) -> Window {
        let at = (self.row * sizes.chunks + index) * sizes.heads + self.head;
        Window {
            base: (at * sizes.head_dim + self.channel) * sizes.state,
            stride: sizes.state,
            rows: self.width,
            cols: sizes.state,
        }
    }

    /// First element of a chunk in [batch, head, chunk, position].
    pub(super) fn positions(&self, index: usize, sizes: &Sizes, #[comptime] chunk: usize) -> usize {
        ((self.row * sizes.heads + self.head) * sizes.chunks + index) * chunk
    }
}

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
            projections,
        );
        load::<E, S>(
            &mut tile_x,
            x,
            &task.values(&place, &sizes),
            comptime!(plan.pitch(plan.block)),
            plan.wide,
            values,
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
                projections,
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
                    products[e] = products[e] * moved;
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
            let direct = d[task.head];
            #[unroll(plan.unroll)]
            for e in 0..comptime!(values.share()) {
                if holds(e, values) {
                    let at = row(e, values) * comptime!(plan.pitch(plan.block)) + col(e, values);
                    result[e] += direct * A::cast_from(tile_x[at]);
                }
            }
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
        state[e] = state[e] * through;
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
