//! Kernels of the Fourier form; a cube works on one vector of channels, or one part of its transform.
//!
//! Spectra are [block, part, re or im, place in the group, group], so that neighbouring units read
//! neighbouring vectors.

use super::rows::{Segment, Sizes};
use super::transform::{Transform, Values, Work};
use cubecl::prelude::*;

/// What a cube works on: part `part` of transform `task`.
#[derive(CubeType, Clone, Copy)]
struct Place {
    task: usize,
    block: usize,
    /// Its first element.
    first: usize,
    part: usize,
}

#[cube]
impl Place {
    fn new(sizes: &Sizes, #[comptime] t: Transform) -> Place {
        let part = CUBE_POS % comptime!(t.parts());
        let task = CUBE_POS / comptime!(t.parts());
        Place {
            task,
            block: task % sizes.blocks,
            first: part * comptime!(t.part),
            part,
        }
    }

    /// Where a spectrum has number 0 of group `j`; the others lie a number of groups apart.
    fn bins(&self, task: usize, j: usize, #[comptime] t: Transform) -> usize {
        (task * comptime!(t.parts()) + self.part) * comptime!(2 * t.part) + j
    }
}

/// `spectra` of the kernels, divided by the size. `taps` [lag, block].
#[cube(launch)]
pub(super) fn spectra<A: Float, N: Size>(
    taps: &[Vector<A, N>],
    table: &[Vector<A, Const<2>>],
    buffer: &[Vector<A, N>],
    spectra: &mut [Vector<A, N>],
    sizes: Sizes,
    #[comptime] t: Transform,
    #[define(A)] _type: ElemType,
) {
    let place = Place::new(&sizes, t);
    let mut work = Work::<A, N>::new(t);
    let span = comptime!(t.part / 4).runtime();
    for n in 0..comptime!(t.share()) {
        let j = n * comptime!(t.units) + UNIT_POS as usize;
        let mut values = Values::<A, N>::new(4usize);
        if comptime!(t.whole()) {
            values.load_taps(taps, table, &sizes, place.block, j, span, t.size);
        } else {
            values.load_buffer(buffer, place.task, place.first + j, span, t.size);
        }
        work.enter(&mut values, table, j, t);
    }
    work.descend(table, t);
    let scale = Vector::<A, N>::new(A::from_int(1) / A::from_int(comptime!(t.size as i64)));
    for n in 0..comptime!(t.group_share()) {
        let j = n * comptime!(t.units) + UNIT_POS as usize;
        let values = work.down(table, j, t);
        let bins = place.bins(place.task, j, t);
        #[unroll]
        for k in 0..comptime!(t.group()) {
            let at = bins + k * comptime!(t.groups());
            spectra[at] = values.re[k] * scale;
            spectra[at + comptime!(t.part)] = values.im[k] * scale;
        }
    }
}

/// Loads a sequence, or its part from `buffer`, and goes down.
#[cube]
fn load<A: Float, N: Size>(
    work: &mut Work<A, N>,
    x: &[Vector<A, N>],
    buffer: &[Vector<A, N>],
    table: &[Vector<A, Const<2>>],
    segment: &Segment,
    sizes: &Sizes,
    task: usize,
    place: &Place,
    #[comptime] t: Transform,
) {
    let span = comptime!(t.part / 4).runtime();
    #[unroll(t.unroll)]
    for n in 0..comptime!(t.share()) {
        let j = n * comptime!(t.units) + UNIT_POS as usize;
        let mut values = Values::<A, N>::new(4usize);
        if comptime!(t.whole()) {
            values.load_row(x, table, segment, sizes, place.block, j, span);
        } else {
            values.load_buffer(buffer, task, place.first + j, span, t.size);
        }
        work.enter(&mut values, table, j, t);
    }
    work.descend(table, t);
}

/// Goes up and stores a sequence, or its part to `buffer`.
#[cube]
fn store<A: Float, N: Size>(
    work: &mut Work<A, N>,
    y: &mut [Vector<A, N>],
    initial: &[Vector<A, N>],
    buffer: &mut [Vector<A, N>],
    table: &[Vector<A, Const<2>>],
    segment: &Segment,
    sizes: &Sizes,
    task: usize,
    place: &Place,
    #[comptime] adds: bool,
    #[comptime] t: Transform,
) {
    work.ascend(table, t);
    let span = comptime!(t.part / 4).runtime();
    #[unroll(t.unroll)]
    for n in 0..comptime!(t.share()) {
        let j = n * comptime!(t.units) + UNIT_POS as usize;
        let mut values = Values::<A, N>::new(4usize);
        work.leave(&mut values, table, j, t);
        if comptime!(t.whole()) {
            let block = place.block;
            values.store_row(y, initial, table, segment, sizes, block, j, span, adds);
        } else {
            values.store_buffer(buffer, task, place.first + j, span, t.size);
        }
    }
}

/// y = x * kernel + initial; where a cube holds parts, `buffer` in place.
#[cube(launch)]
pub(super) fn convolve<A: Float, N: Size>(
    x: &[Vector<A, N>],
    spectra: &[Vector<A, N>],
    table: &[Vector<A, Const<2>>],
    initial: &[Vector<A, N>],
    segments: &[u32],
    buffer: &mut [Vector<A, N>],
    y: &mut [Vector<A, N>],
    sizes: Sizes,
    #[comptime] packed: bool,
    #[comptime] adds: bool,
    #[comptime] t: Transform,
    #[define(A)] _type: ElemType,
) {
    let place = Place::new(&sizes, t);
    let index = sizes.begin + place.task / sizes.blocks;
    let segment = Segment::new(segments, index, &sizes, packed);
    let mut work = Work::<A, N>::new(t);
    let task = place.task;
    load(
        &mut work, x, &*buffer, table, &segment, &sizes, task, &place, t,
    );
    #[unroll(t.unroll)]
    for n in 0..comptime!(t.group_share()) {
        let j = n * comptime!(t.units) + UNIT_POS as usize;
        let mut values = work.down(table, j, t);
        let bins = place.bins(place.block, j, t);
        #[unroll]
        for k in 0..comptime!(t.group()) {
            let at = bins + k * comptime!(t.groups());
            let re = spectra[at];
            let im = spectra[at + comptime!(t.part)];
            let old = values.re[k];
            values.re[k] = old * re - values.im[k] * im;
            values.im[k] = old * im + values.im[k] * re;
        }
        work.up(&mut values, table, j, t);
    }
    store(
        &mut work, y, initial, buffer, table, &segment, &sizes, task, &place, adds, t,
    );
}

/// dx and, summed over the sequences of a run, the correlations' spectra; a cube walks along a run
/// of `run` sequences. `correlations` are [run, block, ..] as spectra are, and keep what they have
/// where `more`.
#[cube(launch)]
pub(super) fn adjoint<A: Float, N: Size>(
    x: &[Vector<A, N>],
    grad: &[Vector<A, N>],
    spectra: &[Vector<A, N>],
    table: &[Vector<A, Const<2>>],
    segments: &[u32],
    buffer_x: &[Vector<A, N>],
    buffer: &mut [Vector<A, N>],
    dx: &mut [Vector<A, N>],
    correlations: &mut [Vector<A, N>],
    sizes: Sizes,
    run: usize,
    more: u32,
    #[comptime] packed: bool,
    #[comptime] t: Transform,
    #[define(A)] _type: ElemType,
) {
    let place = Place::new(&sizes, t);
    let count = comptime!(t.group() * t.group_share());
    let mut work = Work::<A, N>::new(t);
    let mut spectrum = Values::<A, N>::new(count);
    for i in 0..run {
        let index = sizes.begin + (place.task / sizes.blocks) * run + i;
        if index < sizes.end {
            let segment = Segment::new(segments, index, &sizes, packed);
            let task = (index - sizes.begin) * sizes.blocks + place.block;
            load(
                &mut work, x, buffer_x, table, &segment, &sizes, task, &place, t,
            );
            #[unroll(t.unroll)]
            for n in 0..comptime!(t.group_share()) {
                let j = n * comptime!(t.units) + UNIT_POS as usize;
                let values = work.down(table, j, t);
                #[unroll]
                for k in 0..comptime!(t.group()) {
                    spectrum.re[n * comptime!(t.group()) + k] = values.re[k];
                    spectrum.im[n * comptime!(t.group()) + k] = values.im[k];
                }
            }
            sync_cube();
            load(
                &mut work, grad, &*buffer, table, &segment, &sizes, task, &place, t,
            );
            #[unroll(t.unroll)]
            for n in 0..comptime!(t.group_share()) {
                let j = n * comptime!(t.units) + UNIT_POS as usize;
                let mut values = work.down(table, j, t);
                let bins = place.bins(place.block, j, t);
                let sums = place.bins(place.task, j, t);
                #[unroll]
                for k in 0..comptime!(t.group()) {
                    let g_re = values.re[k];
                    let g_im = values.im[k];
                    let x_re = spectrum.re[n * comptime!(t.group()) + k];
                    let x_im = spectrum.im[n * comptime!(t.group()) + k];
                    let mut re = g_re * x_re + g_im * x_im;
                    let mut im = g_im * x_re - g_re * x_im;
                    let at = sums + k * comptime!(t.groups());
                    if i > 0 || more > 0 {
                        re += correlations[at];
                        im += correlations[at + comptime!(t.part)];
                    }
                    correlations[at] = re;
                    correlations[at + comptime!(t.part)] = im;
                    let at = bins + k * comptime!(t.groups());
                    let re = spectra[at];
                    let im = spectra[at + comptime!(t.part)];
                    values.re[k] = g_re * re + g_im * im;
                    values.im[k] = g_im * re - g_re * im;
                }
                work.up(&mut values, table, j, t);
            }
            store(
                &mut work, dx, grad, buffer, table, &segment, &sizes, task, &place, false, t,
            );
            sync_cube();
        }
    }
}

/// The taps' gradient [lag, block] from its spectrum; where a cube holds parts, into `buffer`.
#[cube(launch)]
pub(super) fn taps<A: Float, N: Size>(
    correlations: &[Vector<A, N>],
    table: &[Vector<A, Const<2>>],
    buffer: &mut [Vector<A, N>],
    taps: &mut [Vector<A, N>],
    sizes: Sizes,
    #[comptime] t: Transform,
    #[define(A)] _type: ElemType,
) {
    let place = Place::new(&sizes, t);
    let mut work = Work::<A, N>::new(t);
    for n in 0..comptime!(t.group_share()) {
        let j = n * comptime!(t.units) + UNIT_POS as usize;
        let mut values = Values::<A, N>::new(comptime!(t.group()));
        let bins = place.bins(place.task, j, t);
        #[unroll]
        for k in 0..comptime!(t.group()) {
            let at = bins + k * comptime!(t.groups());
            values.re[k] = correlations[at];
            values.im[k] = correlations[at + comptime!(t.part)];
        }
        work.up(&mut values, table, j, t);
    }
    work.ascend(table, t);
    let span = comptime!(t.part / 4).runtime();
    for n in 0..comptime!(t.share()) {
        let j = n * comptime!(t.units) + UNIT_POS as usize;
        let mut values = Values::<A, N>::new(4usize);
        work.leave(&mut values, table, j, t);
        if comptime!(t.whole()) {
            values.store_taps(taps, table, &sizes, place.block, j, span, t.size);
        } else {
            values.store_buffer(buffer, place.task, place.first + j, span, t.size);
        }
    }
}
