//! Matrix products of a whole cube: operands in shared memory, the result spread over the units.
//!
//! A unit holds elements `e` of the result in an array that becomes registers; [`row`] and [`col`]
//! say which. Everything between two products (masks, decay, rounding, storing) is written once
//! over these elements, whoever holds them: with ordinary arithmetic (any device, any format) they
//! are dealt out in turn, with matrix units (16-bit operands, f32 sums) as the m16n8k16
//! instruction wants them.

use super::tiles::WIDTH;
use cubecl::cmma::{MatrixIdent, MmaDefinition};
use cubecl::prelude::*;

/// Rows and columns of a result whose every shape [`planes_across`] can cut for cubes of 128 to 512
/// units.
pub(crate) const MATRIX_STEP: usize = 64;

/// A result of `rows` x `cols`, spread over `units` units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tile {
    pub rows: usize,
    pub cols: usize,
    pub units: usize,
    /// Whether loops over a unit's elements are unrolled.
    pub unroll: bool,
    /// Whether products run on matrix units.
    pub matrix: bool,
    /// Planes of 32 units side by side along the columns, with matrix units; the rest of the planes
    /// lie along the rows.
    pub across: usize,
    /// Whether all reads of a load come before its writes.
    pub ahead: bool,
}

/// Most planes side by side for which every plane holds whole blocks of 16 x 16.
///
/// # Panics
/// When there is no such number.
const fn planes_across(rows: usize, cols: usize, units: usize) -> usize {
    let planes = units / 32;
    let mut across = 4;
    while across > 0 {
        if planes.is_multiple_of(across)
            && cols.is_multiple_of(16 * across)
            && rows.is_multiple_of(16 * (planes / across))
        {
            return across;
        }
        across /= 2;
    }
    panic!("a result on matrix units does not divide into blocks of its planes")
}

impl Tile {
    /// A result of `rows` x `cols`; with matrix units both are multiples of 32 at least.
    pub(crate) const fn new(
        (rows, cols): (usize, usize),
        units: usize,
        unroll: bool,
        matrix: bool,
    ) -> Self {
        Self {
            rows,
            cols,
            units,
            unroll,
            matrix,
            across: if matrix {
                planes_across(rows, cols, units)
            } else {
                1
            },
            ahead: true,
        }
    }

    /// The same, loaded vector by vector: slower by itself, but with registers to spare for a second cube
    /// on a multiprocessor, which hides more.
    pub(crate) const fn in_turn(self) -> Self {
        Self {
            ahead: false,
            ..self
        }
    }

    /// Whether a unit can hold its share of a load in registers.
    pub(crate) const fn in_registers(self) -> bool {
        self.unroll
            && self.cols.is_multiple_of(WIDTH)
            && (self.rows * self.cols / WIDTH).is_multiple_of(self.units)
    }

    /// Elements of one unit, rounded up.
    pub(crate) const fn share(self) -> usize {
        (self.rows * self.cols).div_ceil(self.units)
    }

    /// Whether every unit holds the same number of elements.
    pub(crate) const fn even(self) -> bool {
        (self.rows * self.cols).is_multiple_of(self.units)
    }

    /// Rows of one plane.
    const fn plane_rows(self) -> usize {
        self.rows / self.below()
    }

    /// Columns of one plane.
    const fn plane_cols(self) -> usize {
        self.cols / self.across
    }

    /// Planes below each other.
    pub(crate) const fn below(self) -> usize {
        self.units / 32 / self.across
    }

    /// Fragments of 16 x 8 side by side in one plane.
    pub(crate) const fn wide(self) -> usize {
        self.plane_cols() / 8
    }

    /// Fragments of 16 x 8 below each other in one plane.
    pub(crate) const fn down(self) -> usize {
        self.plane_rows() / 16
    }
}

/// An operand in shared memory: rows of contiguous elements, or their transposed view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Operand {
    /// Distance between the stored rows.
    pub pitch: usize,
    /// Whether the stored rows are the operand's columns.
    pub transposed: bool,
}

impl Operand {
    const fn row_stride(self) -> usize {
        if self.transposed { 1 } else { self.pitch }
    }

    const fn col_stride(self) -> usize {
        if self.transposed { self.pitch } else { 1 }
    }
}

/// Whether element `e` of this unit exists.
#[cube]
pub(crate) fn holds(e: usize, #[comptime] tile: Tile) -> bool {
    let mut inside = true;
    if comptime!(!tile.even()) {
        inside = e * comptime!(tile.units) + (UNIT_POS as usize) < comptime!(tile.rows * tile.cols);
    }
    inside
}

/// Row of element `e` of this unit.
#[cube]
pub(crate) fn row(e: usize, #[comptime] tile: Tile) -> usize {
    let unit = UNIT_POS as usize;
    if comptime!(tile.matrix) {
        let plane = unit / 32 / comptime!(tile.across);
        let fragment = e / comptime!(4 * tile.wide());
        plane * comptime!(tile.plane_rows()) + fragment * 16 + (unit % 32) / 4 + (e % 4) / 2 * 8
    } else {
        (e * comptime!(tile.units) + unit) / comptime!(tile.cols)
    }
}

/// Column of element `e` of this unit.
#[cube]
pub(crate) fn col(e: usize, #[comptime] tile: Tile) -> usize {
    let unit = UNIT_POS as usize;
    if comptime!(tile.matrix) {
        let plane = unit / 32 % comptime!(tile.across);
        let fragment = e / 4 % comptime!(tile.wide());
        plane * comptime!(tile.plane_cols()) + fragment * 8 + unit % 4 * 2 + e % 2
    } else {
        (e * comptime!(tile.units) + unit) % comptime!(tile.cols)
    }
}

/// A result of zeros.
#[cube]
pub(crate) fn cleared<A: Float>(#[comptime] tile: Tile) -> Array<A> {
    let mut result = Array::<A>::new(comptime!(tile.share()));
    #[unroll(tile.unroll)]
    for e in 0..comptime!(tile.share()) {
        result[e] = A::from_int(0);
    }
    result
}

/// result += lhs * rhs over `inner` columns of lhs, which are the rows of rhs.
#[cube]
pub(crate) fn multiply<S: Float, A: Float>(
    result: &mut Array<A>,
    lhs: &[S],
    rhs: &[S],
    #[comptime] inner: usize,
    #[comptime] left: Operand,
    #[comptime] right: Operand,
    #[comptime] tile: Tile,
) {
    if comptime!(tile.matrix) {
        multiply_fragments::<S, A>(result, lhs, rhs, inner, left, right, tile);
    } else {
        for k in 0..inner {
            #[unroll(tile.unroll)]
            for e in 0..comptime!(tile.share()) {
                if holds(e, tile) {
                    let from_left = row(e, tile) * comptime!(left.row_stride())
                        + k * comptime!(left.col_stride());
                    let from_right = k * comptime!(right.row_stride())
                        + col(e, tile) * comptime!(right.col_stride());
                    result[e] += A::cast_from(lhs[from_left]) * A::cast_from(rhs[from_right]);
                }
            }
        }
    }
}

/// The same with matrix units. A unit hands `ldmatrix` the address of one row of eight elements:
/// of the four 8 x 8 matrices of a 16 x 16 block, units 0-7 those of the first, and so on.
#[cube]
fn multiply_fragments<S: Float, A: Float>(
    result: &mut Array<A>,
    lhs: &[S],
    rhs: &[S],
    #[comptime] inner: usize,
    #[comptime] left: Operand,
    #[comptime] right: Operand,
    #[comptime] tile: Tile,
) {
    let definition = MmaDefinition::<S, S, A>::new(16usize, 8usize, 16usize);
    let unit = UNIT_POS as usize;
    let lane = unit % 32;
    let first_row = unit / 32 / comptime!(tile.across) * comptime!(tile.plane_rows());
    let first_col = unit / 32 % comptime!(tile.across) * comptime!(tile.plane_cols());
    let within = lane % 8;
    let second = lane / 8 % 2 * 8;
    let fourth = lane / 16 * 8;
    // Matrices in the order of the registers: the left operand's by rows first, the right one's by
    // inner index first.
    let (left_row, left_inner) = if comptime!(left.transposed) {
        (second, within + fourth)
    } else {
        (within + second, fourth)
    };
    let (right_inner, right_col) = if comptime!(right.transposed) {
        (second, within + fourth)
    } else {
        (within + second, fourth)
    };
    let left_start = (first_row + left_row) * comptime!(left.row_stride())
        + left_inner * comptime!(left.col_stride());
    let right_start = right_inner * comptime!(right.row_stride())
        + (first_col + right_col) * comptime!(right.col_stride());
    for step in 0..comptime!(inner / 16) {
        let k = step * 16;
        let mut columns = Array::<Vector<S, Const<2>>>::new(comptime!(tile.wide() * 2));
        #[unroll]
        for n in 0..comptime!(tile.wide() / 2) {
            let at = right_start
                + k * comptime!(right.row_stride())
                + n * comptime!(16 * right.col_stride());
            let four = definition.load_matrix::<S, Const<2>>(
                &rhs[at..at + 8],
                MatrixIdent::B,
                4usize,
                comptime!(!right.transposed),
            );
            #[unroll]
            for part in 0..4usize {
                columns[n * 4 + part] = four[part];
            }
        }
        #[unroll]
        for m in 0..comptime!(tile.down()) {
            let at = left_start
                + k * comptime!(left.col_stride())
                + m * comptime!(16 * left.row_stride());
            let rows = definition.load_matrix::<S, Const<2>>(
                &lhs[at..at + 8],
                MatrixIdent::A,
                4usize,
                left.transposed,
            );
            #[unroll]
            for n in 0..comptime!(tile.wide()) {
                let e = (m * comptime!(tile.wide()) + n) * 4;
                let mut column = Array::<Vector<S, Const<2>>>::new(2usize);
                column[0] = columns[n * 2];
                column[1] = columns[n * 2 + 1];
                let mut sums = Array::<Vector<A, Const<2>>>::new(2usize);
                let mut upper = Vector::<A, Const<2>>::empty();
                upper.insert(0usize, result[e]);
                upper.insert(1usize, result[e + 1]);
                let mut lower = Vector::<A, Const<2>>::empty();
                lower.insert(0usize, result[e + 2]);
                lower.insert(1usize, result[e + 3]);
                sums[0] = upper;
                sums[1] = lower;
                let sums = definition.execute(&rows, &column, &sums);
                result[e] = sums[0].extract(0usize);
                result[e + 1] = sums[0].extract(1usize);
                result[e + 2] = sums[1].extract(0usize);
                result[e + 3] = sums[1].extract(1usize);
            }
        }
    }
}
