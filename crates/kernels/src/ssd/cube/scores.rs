//! C B^T of every chunk, once for all heads of a group.
//!
//! Where a group has several heads, each of their cubes would compute the same square. Here a cube per
//! batch row, chunk and group does it, and leaves the values as its units hold them, so that a unit of
//! the same plan reads its own back in whole vectors. At batch 8, len 16,384, one group and chunks of 64
//! that is 34 MB in f32, which stays in the second-level cache.

use super::plan::Plan;
use super::task::{Sizes, Task};
use crate::cube::product::{cleared, multiply};
use crate::cube::tiles::{load, tile_slice};
use cubecl::prelude::*;

/// Elements of a vector.
const WIDTH: usize = 4;

impl Plan {
    /// Whether cubes find the squares of their chunks in memory.
    pub(super) fn shares_scores(self, heads_per_group: usize) -> bool {
        let tile = self.scores();
        heads_per_group > 1 && tile.even() && tile.share().is_multiple_of(WIDTH)
    }

    /// Elements of one square.
    pub(super) fn score_elements(self) -> usize {
        self.chunk * self.chunk
    }
}

/// Where vector `part` of this unit's part of a square lies, in vectors.
#[cube]
fn place_of(square: usize, part: usize, #[comptime] plan: Plan) -> usize {
    square * comptime!(plan.score_elements() / WIDTH)
        + part * comptime!(plan.units)
        + UNIT_POS as usize
}

/// Which square belongs to a chunk of a group.
#[cube]
fn square_of(task: &Task, index: usize, sizes: &Sizes) -> usize {
    (task.row * sizes.chunks + index) * sizes.groups + task.group
}

/// `scores`: [batch, chunk, group, vector, unit, element].
#[cube(launch)]
pub(super) fn group_scores<E: Float, S: Float, A: Float>(
    b: &[E],
    c: &[E],
    scores: &mut [A],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(E, S, A)] _types: [ElemType; 3],
) {
    let group = CUBE_POS % sizes.groups;
    let rest = CUBE_POS / sizes.groups;
    let index = rest % sizes.chunks;
    let task = Task {
        row: rest / sizes.chunks,
        head: 0usize.runtime(),
        group,
        block: 0usize.runtime(),
        channel: 0usize.runtime(),
        width: 0usize.runtime(),
    };
    let place = task.place(index, &sizes, plan);
    let window = task.projections(&place, &sizes);
    let pitch = comptime!(plan.pitch(plan.state));
    let projections = comptime!(plan.projections());
    let tile = comptime!(plan.scores());
    let mut tile_b = tile_slice::<S>(comptime!(plan.area(plan.chunk, plan.state)));
    let mut tile_c = tile_slice::<S>(comptime!(plan.area(plan.chunk, plan.state)));
    load::<E, S>(&mut tile_b, b, &window, pitch, plan.wide, projections);
    load::<E, S>(&mut tile_c, c, &window, pitch, plan.wide, projections);
    sync_cube();
    let mut products = cleared::<A>(tile);
    multiply::<S, A>(
        &mut products,
        &tile_c,
        &tile_b,
        plan.state,
        comptime!(plan.by_rows(plan.state)),
        comptime!(plan.by_cols(plan.state)),
        tile,
    );
    let square = square_of(&task, index, &sizes);
    let scores = scores
        .as_vectorized_mut()
        .with_vector_size_mut::<Const<4>>();
    #[unroll(plan.unroll)]
    for part in 0..comptime!(tile.share() / WIDTH) {
        let mut four = Vector::<A, Const<4>>::empty();
        #[unroll]
        for lane in 0..WIDTH {
            four.insert(lane, products[part * WIDTH + lane]);
        }
        scores[place_of(square, part, plan)] = four;
    }
}

/// This unit's part of the square of a chunk, as the product would leave it.
#[cube]
pub(super) fn read_scores<A: Float>(
    scores: &[A],
    task: &Task,
    index: usize,
    sizes: &Sizes,
    #[comptime] plan: Plan,
) -> Array<A> {
    let tile = comptime!(plan.scores());
    let square = square_of(task, index, sizes);
    let mut products = Array::<A>::new(comptime!(tile.share()));
    let scores = scores.as_vectorized().with_vector_size::<Const<4>>();
    #[unroll(plan.unroll)]
    for part in 0..comptime!(tile.share() / WIDTH) {
        let four = scores[place_of(square, part, plan)];
        #[unroll]
        for lane in 0..WIDTH {
            products[part * WIDTH + lane] = four.extract(lane);
        }
    }
    products
}
