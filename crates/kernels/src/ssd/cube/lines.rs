//! Sums with one value per position of a chunk.

use super::plan::Plan;
use crate::cube::product::Tile;
use cubecl::prelude::*;

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

    /// Sums of E_ij dt_j over both axes; several units share a row, then one adds their parts.
    ///
    /// Synchronises the cube.
    pub(super) fn squares(
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

    /// Gradient of dt a at position `t`.
    pub(super) fn decay_gradient(
        &self,
        t: usize,
        steps: &Shared<[A]>,
        through: A,
        #[comptime] chunk: usize,
    ) -> A {
        let mut net = W::from_int(0);
        let mut sum = through;
        for i in 0..chunk {
            if i >= t {
                net += self.net[i];
                sum += self.carried[i];
            } else {
                sum += self.entering[i] * steps[i];
            }
        }
        sum + A::cast_from(net)
    }
}

/// Units that share a row of `rows`: a power of two.
const fn sharers(rows: usize, units: usize) -> usize {
    if units > rows { units / rows } else { 1 }
}

/// Sums of the rows of a staged tile; `parts` as in [`Sums::squares`]. Synchronises the cube.
#[cube]
pub(super) fn row_sums<A: Float, W: Float>(
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
