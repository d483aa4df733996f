//! Kernels of the normalisation: a unit per vector of channels and block of rows where sums are taken,
//! a unit per vector elsewhere. Neighbouring units read neighbouring channels.

use crate::cube::cube_sum;
use cubecl::prelude::*;

/// Sizes and constants of one call. Columns count vectors.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Sizes {
    pub rows: usize,
    pub columns: usize,
    /// Units with work.
    pub total: usize,
    pub eps: InputScalar,
    /// 1 / rows that count, or 0 where the moments are constants.
    pub share: InputScalar,
}

/// 1 for a row that counts, 0 for another.
#[cube]
fn mark<A: Float>(marks: &[A], row: usize, #[comptime] marked: bool) -> A {
    let mut mark = A::from_int(1);
    if comptime!(marked) {
        mark = marks[row];
    }
    mark
}

/// Means and sums of squares of centred values of each block of rows, [block, column] each, and how many
/// rows of it count, `[block]`; by Welford's recurrence, so that nothing cancels.
#[cube(launch)]
pub(super) fn block_moments<E: Float, A: Float, N: Size>(
    x: &[Vector<E, N>],
    marks: &[A],
    means: &mut [Vector<A, N>],
    squares: &mut [Vector<A, N>],
    counts: &mut [A],
    sizes: Sizes,
    #[comptime] block_rows: usize,
    #[comptime] marked: bool,
    #[define(E, A)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < sizes.total {
        let column = ABSOLUTE_POS % sizes.columns;
        let block = ABSOLUTE_POS / sizes.columns;
        let mut mean = Vector::<A, N>::new(A::from_int(0));
        let mut square = Vector::<A, N>::new(A::from_int(0));
        let mut count = A::from_int(0);
        for i in 0..block_rows {
            let row = block * block_rows + i;
            if row < sizes.rows {
                let mark = mark::<A>(marks, row, marked);
                count += mark;
                let value = Vector::<A, N>::cast_from(x[row * sizes.columns + column]);
                let apart = value - mean;
                // Where nothing has counted yet, the mark is 0 too.
                let step = mark / count.max(A::from_int(1));
                mean += apart * Vector::<A, N>::new(step);
                square += apart * (value - mean) * Vector::<A, N>::new(mark);
            }
        }
        means[ABSOLUTE_POS] = mean;
        squares[ABSOLUTE_POS] = square;
        if column == 0 {
            counts[block] = count;
        }
    }
}

/// Joins the blocks of one channel, a cube each: `moments` [2, channel].
#[cube(launch)]
pub(super) fn join_moments<A: Float>(
    means: &[A],
    squares: &[A],
    counts: &[A],
    moments: &mut [A],
    share: InputScalar,
    blocks: usize,
    channels: usize,
    #[comptime] units: usize,
    #[define(A)] _type: ElemType,
) {
    let mut shared = Shared::<[A]>::new_slice(units);
    let channel = CUBE_POS;
    let mut sum = A::from_int(0);
    let mut block = UNIT_POS as usize;
    while block < blocks {
        sum += counts[block] * means[block * channels + channel];
        block += units;
    }
    let mean = cube_sum::<A>(sum, &mut shared, units) * share.get::<A>();
    let mut sum = A::from_int(0);
    let mut block = UNIT_POS as usize;
    while block < blocks {
        let apart = means[block * channels + channel] - mean;
        sum += squares[block * channels + channel] + counts[block] * apart * apart;
        block += units;
    }
    let variance = cube_sum::<A>(sum, &mut shared, units) * share.get::<A>();
    if UNIT_POS == 0 {
        moments[channel] = mean;
        moments[channels + channel] = variance;
    }
}

/// The mean of a column of vectors, and 1 / deviation.
#[cube]
fn scales<A: Float, N: Size>(
    moments: &[Vector<A, N>],
    column: usize,
    sizes: &Sizes,
) -> (Vector<A, N>, Vector<A, N>) {
    let eps = Vector::<A, N>::new(sizes.eps.get::<A>());
    let one = Vector::<A, N>::new(A::from_int(1));
    let variance = moments[sizes.columns + column];
    (moments[column], one / (variance + eps).sqrt())
}

#[cube(launch)]
pub(super) fn forward<E: Float, A: Float, N: Size>(
    x: &[Vector<E, N>],
    weight: &[Vector<A, N>],
    bias: &[Vector<A, N>],
    moments: &[Vector<A, N>],
    y: &mut [Vector<E, N>],
    sizes: Sizes,
    #[define(E, A)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < sizes.total {
        let column = ABSOLUTE_POS % sizes.columns;
        let (mean, inverse) = scales::<A, N>(moments, column, &sizes);
        let value = Vector::<A, N>::cast_from(x[ABSOLUTE_POS]) - mean;
        y[ABSOLUTE_POS] = Vector::cast_from(value * inverse * weight[column] + bias[column]);
    }
}

/// Sums of dy and of dy times the normalised values over blocks of rows, [block, column] each.
#[cube(launch)]
pub(super) fn block_sums<E: Float, A: Float, N: Size>(
    x: &[Vector<E, N>],
    dy: &[Vector<E, N>],
    moments: &[Vector<A, N>],
    plain: &mut [Vector<A, N>],
    shared: &mut [Vector<A, N>],
    sizes: Sizes,
    #[comptime] block_rows: usize,
    #[define(E, A)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < sizes.total {
        let column = ABSOLUTE_POS % sizes.columns;
        let block = ABSOLUTE_POS / sizes.columns;
        let (mean, inverse) = scales::<A, N>(moments, column, &sizes);
        let mut sum = Vector::<A, N>::new(A::from_int(0));
        let mut products = Vector::<A, N>::new(A::from_int(0));
        for i in 0..block_rows {
            let row = block * block_rows + i;
            if row < sizes.rows {
                let at = row * sizes.columns + column;
                let upstream = Vector::<A, N>::cast_from(dy[at]);
                sum += upstream;
                products += upstream * (Vector::<A, N>::cast_from(x[at]) - mean) * inverse;
            }
        }
        plain[ABSOLUTE_POS] = sum;
        shared[ABSOLUTE_POS] = products;
    }
}

/// With n the normalised values, r = 1 / deviation and S the sums over all rows:
/// dx = w r (dy - mark (S(dy) + n S(dy n)) / counted).
#[cube(launch)]
pub(super) fn slopes<E: Float, A: Float, N: Size>(
    x: &[Vector<E, N>],
    dy: &[Vector<E, N>],
    weight: &[Vector<A, N>],
    moments: &[Vector<A, N>],
    marks: &[A],
    plain: &[Vector<A, N>],
    shared: &[Vector<A, N>],
    dx: &mut [Vector<E, N>],
    sizes: Sizes,
    #[comptime] marked: bool,
    #[define(E, A)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < sizes.total {
        let column = ABSOLUTE_POS % sizes.columns;
        let (mean, inverse) = scales::<A, N>(moments, column, &sizes);
        let mark = mark::<A>(marks, ABSOLUTE_POS / sizes.columns, marked);
        let share = Vector::<A, N>::new(mark * sizes.share.get::<A>());
        let normed = (Vector::<A, N>::cast_from(x[ABSOLUTE_POS]) - mean) * inverse;
        let through = (plain[column] + normed * shared[column]) * share;
        let upstream = Vector::<A, N>::cast_from(dy[ABSOLUTE_POS]);
        dx[ABSOLUTE_POS] = Vector::cast_from(weight[column] * inverse * (upstream - through));
    }
}
