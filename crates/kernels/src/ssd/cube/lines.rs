//! Sums with one value per position of a chunk, and over a whole state.
//!
//! They are taken in two steps with a synchronisation between: units leave what they hold, then some add it
//! up. With matrix units a part per plane is left ([`super::planes`]), everything in places of its own, so
//! that one pair of synchronisations serves all sums of a chunk. Otherwise the elements themselves are left,
//! in one place after the other, and added up before the next ones.

use super::plan::Plan;
use super::planes::{add_lines, leave_inner, leave_row_parts, leave_square_parts};
use crate::cube::product::{Tile, col, holds, row};
use crate::cube::tiles::{stage, stage_product};
use crate::cube::{cube_sum, neighbours_sum};
use cubecl::prelude::*;

/// Neighbouring units that hold a row of a result, or share a position, with matrix units.
pub(super) const POSITION_SHARERS: usize = 4;

/// A sum over the rows of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Line {
    /// out_j x_j . R B_j.
    Entering,
    /// The same and sum_i E_ij.
    Direct,
    /// into_i C_i . S^T dy_i.
    Carried,
}

/// Sums over the rows or columns of a chunk's squares, one per position.
#[derive(CubeType)]
pub(super) struct Sums<A: Float, W: Float> {
    /// sum_{j < i} E_ij dt_j - sum_{k > i} E_ki dt_i. In f64: what lies on both sides of a strong
    /// decay must cancel exactly, or it would survive as rounding.
    pub net: Shared<[W]>,
    /// Of [`Line::Carried`].
    pub carried: Shared<[A]>,
    /// Of [`Line::Entering`].
    pub entering: Shared<[A]>,
    /// Of [`Line::Direct`].
    pub direct: Shared<[A]>,
    /// `[1]`: <R, S>.
    pub inner: Shared<[W]>,
}

#[cube]
impl<A: Float, W: Float> Sums<A, W> {
    pub(super) fn new(#[comptime] chunk: usize) -> Self {
        Sums::<A, W> {
            net: Shared::<[W]>::new_slice(chunk),
            carried: Shared::<[A]>::new_slice(chunk),
            entering: Shared::<[A]>::new_slice(chunk),
            direct: Shared::<[A]>::new_slice(chunk),
            inner: Shared::<[W]>::new_slice(1usize),
        }
    }

    /// Leaves E_ij dt_j, which the units hold, for [`Self::add_squares`].
    pub(super) fn leave_squares(
        flow: &Array<A>,
        flows: &mut Shared<[A]>,
        parts: &mut Shared<[W]>,
        #[comptime] plan: Plan,
    ) {
        if comptime!(plan.matrix) {
            leave_square_parts::<A, W>(flow, parts, plan);
        } else {
            let tile = comptime!(plan.scores());
            stage::<A, A>(flow, flows, comptime!(plan.pitch(plan.chunk)), tile);
        }
    }

    /// Rows less columns of what was left before the cube synchronised; parts of planes wait for
    /// [`Self::add_up`].
    pub(super) fn add_squares(
        &mut self,
        flows: &Shared<[A]>,
        parts: &mut Shared<[W]>,
        #[comptime] plan: Plan,
    ) {
        if comptime!(!plan.matrix) {
            self.add_staged_squares(flows, parts, plan);
        }
    }

    /// Several units share a row, then one adds their parts.
    fn add_staged_squares(
        &mut self,
        flows: &Shared<[A]>,
        parts: &mut Shared<[W]>,
        #[comptime] plan: Plan,
    ) {
        let pitch = comptime!(plan.pitch(plan.chunk));
        let per_row = comptime!(sharers(plan.chunk, plan.units));
        let mut at = UNIT_POS as usize;
        while at < comptime!(plan.chunk * per_row) {
            let i = at / per_row;
            let first = at % per_row;
            let mut sum = W::from_int(0);
            for step in 0..comptime!(plan.chunk / per_row) {
                let j = step * per_row + first;
                if j < i {
                    sum += W::cast_from(flows[i * pitch + j]);
                }
                if j > i {
                    sum -= W::cast_from(flows[j * pitch + i]);
                }
            }
            parts[at] = sum;
            at += comptime!(plan.units);
        }
        sync_cube();
        let mut i = UNIT_POS as usize;
        while i < comptime!(plan.chunk) {
            let mut sum = W::from_int(0);
            for part in 0..per_row {
                sum += parts[i * per_row + part];
            }
            self.net[i] = sum;
            i += comptime!(plan.units);
        }
        sync_cube();
    }

    /// Gradient of dt a at position `t`, of which `sharers` neighbouring units take a part each and have the
    /// sum.
    pub(super) fn decay_gradient(
        &self,
        t: usize,
        steps: &Shared<[A]>,
        through: A,
        #[comptime] chunk: usize,
        #[comptime] sharers: usize,
    ) -> A {
        let mut net = W::from_int(0);
        let mut sum = A::from_int(0);
        for step in 0..comptime!(chunk / sharers) {
            let i = step * sharers + UNIT_POS as usize % sharers;
            if i >= t {
                net += self.net[i];
                sum += self.carried[i];
            } else {
                sum += self.entering[i] * steps[i];
            }
        }
        if comptime!(sharers == POSITION_SHARERS) {
            net = neighbours_sum::<W>(net, POSITION_SHARERS);
            sum = neighbours_sum::<A>(sum, POSITION_SHARERS);
        }
        through + sum + A::cast_from(net)
    }
    /// Leaves result o tile for [`Self::add_products`].
    pub(super) fn leave_products<S: Float>(
        result: &Array<A>,
        tile_values: &Shared<[S]>,
        staged: &mut Shared<[A]>,
        parts: &mut Shared<[W]>,
        #[comptime] pitch: usize,
        #[comptime] tile: Tile,
        #[comptime] line: Line,
        #[comptime] plan: Plan,
    ) {
        if comptime!(tile.matrix) {
            leave_row_parts::<A, S, W>(result, tile_values, parts, pitch, tile, line, plan);
        } else {
            stage_product::<A, S>(result, tile_values, staged, pitch, tile);
        }
    }

    /// Sums of the rows of what was left, the cube synchronised before and behind; parts of planes wait for
    /// [`Self::add_up`].
    pub(super) fn add_products(
        &mut self,
        staged: &Shared<[A]>,
        parts: &mut Shared<[W]>,
        #[comptime] pitch: usize,
        #[comptime] tile: Tile,
        #[comptime] line: Line,
    ) {
        if comptime!(!tile.matrix) {
            sync_cube();
            if comptime!(line == Line::Entering) {
                staged_row_sums::<A, W>(staged, &mut self.entering, parts, pitch, tile);
            } else if comptime!(line == Line::Direct) {
                staged_row_sums::<A, W>(staged, &mut self.direct, parts, pitch, tile);
            } else {
                staged_row_sums::<A, W>(staged, &mut self.carried, parts, pitch, tile);
            }
        }
    }

    /// Leaves <R, S> of the gradient of the state, which units hold, and a state in shared memory.
    pub(super) fn leave_inner<S: Float>(
        &mut self,
        gradient: &Array<A>,
        tile_s: &Shared<[S]>,
        parts: &mut Shared<[W]>,
        #[comptime] pitch: usize,
        #[comptime] plan: Plan,
    ) {
        if comptime!(plan.matrix) {
            leave_inner::<A, S, W>(gradient, tile_s, parts, pitch, plan);
        } else {
            let states = comptime!(plan.states());
            let mut inner = A::from_int(0);
            #[unroll(plan.unroll)]
            for e in 0..comptime!(states.share()) {
                if holds(e, states) {
                    let at = row(e, states) * pitch + col(e, states);
                    inner += gradient[e] * A::cast_from(tile_s[at]);
                }
            }
            let inner = cube_sum::<W>(W::cast_from(inner), parts, plan.units);
            if UNIT_POS == 0 {
                self.inner[0] = inner;
            }
        }
    }

    /// Adds up what planes have left since the last time, the cube synchronised in between.
    pub(super) fn add_up(&mut self, parts: &Shared<[W]>, #[comptime] plan: Plan) {
        if comptime!(plan.matrix) {
            add_lines::<A, W>(self, parts, plan);
        }
    }
}

/// Units that share a row of `rows`: a power of two.
const fn sharers(rows: usize, units: usize) -> usize {
    if units > rows { units / rows } else { 1 }
}

/// Several units share a row, then one adds their parts.
#[cube]
fn staged_row_sums<A: Float, W: Float>(
    staged: &Shared<[A]>,
    sums: &mut Shared<[A]>,
    parts: &mut Shared<[W]>,
    #[comptime] pitch: usize,
    #[comptime] tile: Tile,
) {
    let per_row = comptime!(sharers(tile.rows, tile.units));
    let mut at = UNIT_POS as usize;
    while at < comptime!(tile.rows * per_row) {
        let mut sum = A::from_int(0);
        for step in 0..comptime!(tile.cols.div_ceil(per_row)) {
            let j = step * per_row + at % per_row;
            if j < comptime!(tile.cols) {
                sum += staged[at / per_row * pitch + j];
            }
        }
        parts[at] = W::cast_from(sum);
        at += comptime!(tile.units);
    }
    sync_cube();
    let mut i = UNIT_POS as usize;
    while i < comptime!(tile.rows) {
        let mut sum = W::from_int(0);
        for part in 0..per_row {
            sum += parts[i * per_row + part];
        }
        sums[i] = A::cast_from(sum);
        i += comptime!(tile.units);
    }
    sync_cube();
}
