//! Steps in device memory of transforms that shared memory cannot hold: a unit per butterfly.

use super::rows::{Segment, Sizes};
use super::transform::{Transform, Values};
use cubecl::prelude::*;

/// The first step of sequences, x to `buffer` [sequence, block, re or im, element].
#[cube(launch)]
pub(super) fn enter_rows<A: Float, N: Size>(
    x: &[Vector<A, N>],
    table: &[Vector<A, Const<2>>],
    segments: &[u32],
    buffer: &mut [Vector<A, N>],
    sizes: Sizes,
    total: usize,
    #[comptime] packed: bool,
    #[comptime] t: Transform,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < total {
        let span = comptime!(t.size / 4).runtime();
        let j = ABSOLUTE_POS % span;
        let task = ABSOLUTE_POS / span;
        let index = sizes.begin + task / sizes.blocks;
        let segment = Segment::new(segments, index, &sizes, packed);
        let mut values = Values::<A, N>::new(4usize);
        values.load_row(x, table, &segment, &sizes, task % sizes.blocks, j, span);
        values.cross(0usize, false);
        values.twiddle(table[comptime!(t.twiddles(t.size / 4)) + j], false);
        values.store_buffer(buffer, task, j, span, t.size);
    }
}

/// The last step up, from `buffer` to y.
#[cube(launch)]
pub(super) fn leave_rows<A: Float, N: Size>(
    buffer: &[Vector<A, N>],
    table: &[Vector<A, Const<2>>],
    initial: &[Vector<A, N>],
    segments: &[u32],
    y: &mut [Vector<A, N>],
    sizes: Sizes,
    total: usize,
    #[comptime] packed: bool,
    #[comptime] adds: bool,
    #[comptime] t: Transform,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < total {
        let span = comptime!(t.size / 4).runtime();
        let j = ABSOLUTE_POS % span;
        let task = ABSOLUTE_POS / span;
        let index = sizes.begin + task / sizes.blocks;
        let segment = Segment::new(segments, index, &sizes, packed);
        let mut values = Values::<A, N>::new(4usize);
        values.load_buffer(buffer, task, j, span, t.size);
        values.twiddle(table[comptime!(t.twiddles(t.size / 4)) + j], true);
        values.cross(0usize, true);
        let block = task % sizes.blocks;
        values.store_row(y, initial, table, &segment, &sizes, block, j, span, adds);
    }
}

/// The first step of kernels, or where it goes `up` the last: between `taps` [lag, block] and
/// `buffer`.
#[cube(launch)]
pub(super) fn taps_step<A: Float, N: Size>(
    taps: &mut [Vector<A, N>],
    table: &[Vector<A, Const<2>>],
    buffer: &mut [Vector<A, N>],
    sizes: Sizes,
    total: usize,
    #[comptime] up: bool,
    #[comptime] t: Transform,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < total {
        let span = comptime!(t.size / 4).runtime();
        let j = ABSOLUTE_POS % span;
        let block = ABSOLUTE_POS / span;
        let twiddle = table[comptime!(t.twiddles(t.size / 4)) + j];
        let mut values = Values::<A, N>::new(4usize);
        if comptime!(up) {
            values.load_buffer(&*buffer, block, j, span, t.size);
            values.twiddle(twiddle, true);
            values.cross(0usize, true);
            values.store_taps(taps, table, &sizes, block, j, span, t.size);
        } else {
            values.load_taps(&*taps, table, &sizes, block, j, span, t.size);
            values.cross(0usize, false);
            values.twiddle(twiddle, false);
            values.store_buffer(buffer, block, j, span, t.size);
        }
    }
}

/// A step of some span in between, in place.
#[cube(launch)]
pub(super) fn step<A: Float, N: Size>(
    buffer: &mut [Vector<A, N>],
    table: &[Vector<A, Const<2>>],
    span: usize,
    twiddles: usize,
    total: usize,
    #[comptime] up: bool,
    #[comptime] t: Transform,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < total {
        let j = ABSOLUTE_POS % comptime!(t.size / 4);
        let task = ABSOLUTE_POS / comptime!(t.size / 4);
        let low = j & (span - 1);
        let from = (j - low) * 4 + low;
        let mut values = Values::<A, N>::new(4usize);
        values.load_buffer(&*buffer, task, from, span, t.size);
        if comptime!(up) {
            values.twiddle(table[twiddles + low], true);
            values.cross(0usize, true);
        } else {
            values.cross(0usize, false);
            values.twiddle(table[twiddles + low], false);
        }
        values.store_buffer(buffer, task, from, span, t.size);
    }
}
