//! Sums with one value per position of a chunk.
//!
//! They are taken in two steps with a synchronisation between: units leave what they hold, then some add it
//! up. With matrix units the elements of a row lie in four neighbouring units of some planes, and those of
//! a column in every fourth unit; they are added in registers, and a part per plane is left. Otherwise the
//! elements themselves are left.

use super::plan::Plan;
use crate::cube::neighbours_sum;
use crate::cube::product::{Tile, col, row};
use crate::cube::tiles::{pair_at, stage, stage_product};
use cubecl::prelude::*;

/// Neighbouring units that hold a row of a result, or share a position, with matrix units.
pub(super) const POSITION_SHARERS: usize = 4;

/// Sums over the rows or columns of a chunk's squares, one per position.
#[derive(CubeType)]
pub(super) struct Sums<A: Float, W: Float> {
    /// sum_{j < i} E_ij dt_j - sum_{k > i} E_ki dt_i. In f64: what lies on both sides of a strong
    /// decay must cancel exactly, or it would survive as rounding.
    pub net: Shared<[W]>,
    /// into_i C_i . S^T dy_i.
    pub carried: Shared<[A]>,
    /// out_j x_j . R B_j.
    pub entering: Shared<[A]>,
    /// The same and sum_i E_ij.
    pub direct: Shared<[A]>,
}

#[cube]
impl<A: Float, W: Float> Sums<A, W> {
    pub(super) fn new(#[comptime] chunk: usize) -> Self {
        Sums::<A, W> {
            net: Shared::<[W]>::new_slice(chunk),
            carried: Shared::<[A]>::new_slice(chunk),
            entering: Shared::<[A]>::new_slice(chunk),
            direct: Shared::<[A]>::new_slice(chunk),
        }
    }

    /// Leaves E_ij dt_j, which the units hold, for [`Self::add_squares`].
    pub(super) fn leave_squares(
        flow: &Array<A>,
        flows: &mut Shared<[A]>,
        parts: &mut Shared<[W]>,
        #[comptime] plan: Plan,
    ) {
        let tile = comptime!(plan.scores());
        if comptime!(plan.matrix) {
            let unit = UNIT_POS as usize;
            let plane_row = unit / 32 / comptime!(tile.across);
            let plane_col = unit / 32 % comptime!(tile.across);
            #[unroll]
            for line in 0..comptime!(2 * tile.down()) {
                let mut sum = W::from_int(0);
                let first = line / 2 * comptime!(4 * tile.wide()) + line % 2 * 2;
                #[unroll]
                for n in 0..comptime!(2 * tile.wide()) {
                    let e = first + n / 2 * 4 + n % 2;
                    if col(e, tile) < row(e, tile) {
                        sum += W::cast_from(flow[e]);
                    }
                }
                let sum = neighbours_sum::<W>(sum, POSITION_SHARERS);
                if unit % 4 == 0 {
                    parts[row(first, tile) * comptime!(tile.across) + plane_col] = sum;
                }
            }
            #[unroll]
            for line in 0..comptime!(2 * tile.wide()) {
                let mut sum = W::from_int(0);
                let first = line / 2 * 4 + line % 2;
                #[unroll]
                for m in 0..comptime!(2 * tile.down()) {
                    let e = first + m / 2 * comptime!(4 * tile.wide()) + m % 2 * 2;
                    if row(e, tile) > col(e, tile) {
                        sum += W::cast_from(flow[e]);
                    }
                }
                sync_plane();
                sum += plane_shuffle_xor(sum, 4);
                sum += plane_shuffle_xor(sum, 8);
                sum += plane_shuffle_xor(sum, 16);
                if unit % 32 < 4 {
                    let at = comptime!(plan.chunk * tile.across)
                        + col(first, tile) * comptime!(tile.below())
                        + plane_row;
                    parts[at] = sum;
                }
            }
        } else {
            stage::<A, A>(flow, flows, comptime!(plan.pitch(plan.chunk)), tile);
        }
    }

    /// Rows less columns of what was left. Synchronises the cube behind it.
    pub(super) fn add_squares(
        &mut self,
        flows: &Shared<[A]>,
        parts: &mut Shared<[W]>,
        #[comptime] plan: Plan,
    ) {
        let tile = comptime!(plan.scores());
        if comptime!(plan.matrix) {
            let i = UNIT_POS as usize;
            if i < comptime!(plan.chunk) {
                let mut sum = W::from_int(0);
                #[unroll]
                for part in 0..comptime!(tile.across) {
                    sum += parts[i * comptime!(tile.across) + part];
                }
                #[unroll]
                for part in 0..comptime!(tile.below()) {
                    sum -= parts
                        [comptime!(plan.chunk * tile.across) + i * comptime!(tile.below()) + part];
                }
                self.net[i] = sum;
            }
            sync_cube();
        } else {
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
}

/// Units that share a row of `rows`: a power of two.
const fn sharers(rows: usize, units: usize) -> usize {
    if units > rows { units / rows } else { 1 }
}

/// Leaves result o tile for [`row_sums`].
#[cube]
pub(super) fn leave_products<A: Float, S: Float, W: Float>(
    result: &Array<A>,
    tile_values: &Shared<[S]>,
    staged: &mut Shared<[A]>,
    parts: &mut Shared<[W]>,
    #[comptime] pitch: usize,
    #[comptime] tile: Tile,
) {
    if comptime!(tile.matrix) {
        let unit = UNIT_POS as usize;
        let plane_col = unit / 32 % comptime!(tile.across);
        #[unroll]
        for line in 0..comptime!(2 * tile.down()) {
            let mut sum = A::from_int(0);
            let first = line / 2 * comptime!(4 * tile.wide()) + line % 2 * 2;
            #[unroll]
            for n in 0..comptime!(tile.wide()) {
                let e = first + n * 4;
                let (left, right) =
                    pair_at::<S, A>(tile_values, row(e, tile) * pitch + col(e, tile));
                sum += result[e] * left + result[e + 1] * right;
            }
            let sum = neighbours_sum::<A>(sum, POSITION_SHARERS);
            if unit % 4 == 0 {
                parts[row(first, tile) * comptime!(tile.across) + plane_col] = W::cast_from(sum);
            }
        }
    } else {
        stage_product::<A, S>(result, tile_values, staged, pitch, tile);
    }
}

/// Sums of the rows of what was left. Synchronises the cube behind it.
#[cube]
pub(super) fn row_sums<A: Float, W: Float>(
    staged: &Shared<[A]>,
    sums: &mut Shared<[A]>,
    parts: &mut Shared<[W]>,
    #[comptime] pitch: usize,
    #[comptime] tile: Tile,
) {
    if comptime!(tile.matrix) {
        let i = UNIT_POS as usize;
        if i < comptime!(tile.rows) {
            let mut sum = W::from_int(0);
            #[unroll]
            for part in 0..comptime!(tile.across) {
                sum += parts[i * comptime!(tile.across) + part];
            }
            sums[i] = A::cast_from(sum);
        }
        sync_cube();
    } else {
        staged_row_sums::<A, W>(staged, sums, parts, pitch, tile);
    }
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
