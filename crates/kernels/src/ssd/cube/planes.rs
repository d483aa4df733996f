//! Sums where results lie as matrix units leave them: the elements of a row in four neighbouring units of
//! some planes, those of a column in every fourth unit. They are added in registers, and a part per plane is
//! left, in f64.
//!
//! Parts of the square's rows and columns, of the three lines and of <R, S> have places of their own.

use super::lines::{Line, POSITION_SHARERS, Sums};
use super::plan::Plan;
use crate::cube::neighbours_sum;
use crate::cube::product::{Tile, col, row};
use crate::cube::tiles::pair_at;
use cubecl::prelude::*;

/// Units of a plane of a device with matrix units.
const PLANE: usize = 32;
/// How many [`Line`]s there are.
const LINES: usize = 3;

impl Plan {
    /// Parts of rows and columns of a chunk's square.
    fn square_parts(self) -> usize {
        let scores = self.scores();
        self.chunk * (scores.across + scores.below())
    }

    /// Planes that may share a row of a product.
    fn line_parts(self) -> usize {
        self.values().across.max(self.projections().across)
    }

    /// Where the parts of a line start.
    fn line_start(self, line: Line) -> usize {
        self.square_parts() + line as usize * self.chunk * self.line_parts()
    }

    /// Where the parts of <R, S> start.
    fn inner_start(self) -> usize {
        self.square_parts() + LINES * self.chunk * self.line_parts()
    }

    /// Parts of everything.
    pub(super) fn plane_parts(self) -> usize {
        self.inner_start() + self.units / PLANE
    }
}

/// Leaves sums of the rows of E_ij dt_j below the diagonal, and of its columns.
#[cube]
pub(super) fn leave_square_parts<A: Float, W: Float>(
    flow: &Array<A>,
    parts: &mut Shared<[W]>,
    #[comptime] plan: Plan,
) {
    let tile = comptime!(plan.scores());
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
}

/// Leaves sums of the rows of result o tile.
#[cube]
pub(super) fn leave_row_parts<A: Float, S: Float, W: Float>(
    result: &Array<A>,
    tile_values: &Shared<[S]>,
    parts: &mut Shared<[W]>,
    #[comptime] pitch: usize,
    #[comptime] tile: Tile,
    #[comptime] of: Line,
    #[comptime] plan: Plan,
) {
    let unit = UNIT_POS as usize;
    let plane_col = unit / 32 % comptime!(tile.across);
    #[unroll]
    for line in 0..comptime!(2 * tile.down()) {
        let mut sum = A::from_int(0);
        let first = line / 2 * comptime!(4 * tile.wide()) + line % 2 * 2;
        #[unroll]
        for n in 0..comptime!(tile.wide()) {
            let e = first + n * 4;
            let (left, right) = pair_at::<S, A>(tile_values, row(e, tile) * pitch + col(e, tile));
            sum += result[e] * left + result[e + 1] * right;
        }
        let sum = neighbours_sum::<A>(sum, POSITION_SHARERS);
        if unit % 4 == 0 {
            parts[comptime!(plan.line_start(of))
                + row(first, tile) * comptime!(tile.across)
                + plane_col] = W::cast_from(sum);
        }
    }
}

/// Leaves <R, S>.
#[cube]
pub(super) fn leave_inner<A: Float, S: Float, W: Float>(
    gradient: &Array<A>,
    tile_s: &Shared<[S]>,
    parts: &mut Shared<[W]>,
    #[comptime] pitch: usize,
    #[comptime] plan: Plan,
) {
    let states = comptime!(plan.states());
    let unit = UNIT_POS as usize;
    let mut inner = A::from_int(0);
    #[unroll]
    for half in 0..comptime!(states.share() / 2) {
        let e = half * 2;
        let (left, right) = pair_at::<S, A>(tile_s, row(e, states) * pitch + col(e, states));
        inner += gradient[e] * left + gradient[e + 1] * right;
    }
    let inner = neighbours_sum::<W>(W::cast_from(inner), PLANE);
    if unit % PLANE == 0 {
        parts[comptime!(plan.inner_start()) + unit / PLANE] = inner;
    }
}

/// Adds up everything that was left, a position of one of the sums per unit at a time.
#[cube]
pub(super) fn add_lines<A: Float, W: Float>(
    sums: &mut Sums<A, W>,
    parts: &Shared<[W]>,
    #[comptime] plan: Plan,
) {
    let [values, projections] = comptime!([plan.values().across, plan.projections().across]);
    let mut at = UNIT_POS as usize;
    while at < comptime!((LINES + 1) * plan.chunk) {
        let which = at / comptime!(plan.chunk);
        let i = at % comptime!(plan.chunk);
        if which == 0 {
            sums.net[i] = net::<W>(parts, i, plan);
        } else if which == 1 {
            let sum = line_sum::<W>(parts, i, values, Line::Entering, plan);
            sums.entering[i] = A::cast_from(sum);
        } else if which == 2 {
            let sum = line_sum::<W>(parts, i, values, Line::Direct, plan);
            sums.direct[i] = A::cast_from(sum);
        } else {
            let sum = line_sum::<W>(parts, i, projections, Line::Carried, plan);
            sums.carried[i] = A::cast_from(sum);
        }
        at += comptime!(plan.units);
    }
    if UNIT_POS == 0 {
        sums.inner[0] = sum_from::<W>(
            parts,
            comptime!(plan.inner_start()).runtime(),
            comptime!(plan.units / PLANE),
        );
    }
}

/// Row less column `i` of the square.
#[cube]
fn net<W: Float>(parts: &Shared<[W]>, i: usize, #[comptime] plan: Plan) -> W {
    let tile = comptime!(plan.scores());
    let of_row = sum_from::<W>(parts, i * comptime!(tile.across), tile.across);
    let columns = comptime!(plan.chunk * tile.across);
    let of_column = sum_from::<W>(
        parts,
        columns + i * comptime!(tile.below()),
        comptime!(tile.below()),
    );
    of_row - of_column
}

/// Row `i` of a line of which `across` planes have parts.
#[cube]
fn line_sum<W: Float>(
    parts: &Shared<[W]>,
    i: usize,
    #[comptime] across: usize,
    #[comptime] line: Line,
    #[comptime] plan: Plan,
) -> W {
    let start = comptime!(plan.line_start(line));
    sum_from::<W>(parts, start + i * across, across)
}

/// Sum of `count` parts from `start` on.
#[cube]
fn sum_from<W: Float>(parts: &Shared<[W]>, start: usize, #[comptime] count: usize) -> W {
    let mut sum = parts[start];
    #[unroll]
    for part in 1..count {
        sum += parts[start + part];
    }
    sum
}
