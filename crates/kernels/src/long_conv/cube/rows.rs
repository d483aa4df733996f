//! What goes into a transform and what comes out: sequences, taps, and parts in device memory.
//!
//! Elements t are turned by w^t, w = exp(-pi i / (2 size)), and back. A product of such transforms is
//! that of polynomials modulo z^size = -i, so that of a result r the real part at t is coefficient t
//! and the imaginary one coefficient t - size: one complex transform of as many elements as the
//! sequence has positions holds the whole convolution of real numbers with a two-sided kernel.

use super::transform::{Values, ValuesExpand};
use cubecl::prelude::*;

/// Sizes of a call.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Sizes {
    /// Positions of a row.
    pub len: usize,
    /// Vectors of channels.
    pub blocks: usize,
    /// First sequence of this launch.
    pub begin: usize,
    /// Behind its last.
    pub end: usize,
    /// Lags of the kernel.
    pub lags: usize,
    /// Of them, lags below zero.
    pub before: usize,
}

/// One sequence.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Segment {
    /// Its first position, counted over all rows.
    pub first: usize,
    pub len: usize,
}

#[cube]
impl Segment {
    /// Number `index`; `segments` [sequence, 2] where rows are packed, else a sequence is a row.
    pub(super) fn new(
        segments: &[u32],
        index: usize,
        sizes: &Sizes,
        #[comptime] packed: bool,
    ) -> Segment {
        let mut first = index * sizes.len;
        let mut len = sizes.len;
        if comptime!(packed) {
            first = segments[index * 2] as usize;
            len = segments[index * 2 + 1] as usize;
        }
        Segment { first, len }
    }
}

#[cube]
impl<A: Float, N: Size> Values<A, N> {
    /// Positions j + k `span` of a sequence, zeros beyond its end.
    pub(super) fn load_row(
        &mut self,
        x: &[Vector<A, N>],
        table: &[Vector<A, Const<2>>],
        segment: &Segment,
        sizes: &Sizes,
        block: usize,
        j: usize,
        span: usize,
    ) {
        #[unroll]
        for k in 0..4 {
            let t = j + k * span;
            let mut value = Vector::<A, N>::new(A::from_int(0));
            if t < segment.len {
                value = x[(segment.first + t) * sizes.blocks + block];
            }
            let twist = table[t];
            self.re[k] = value * Vector::<A, N>::new(twist.extract(0usize));
            self.im[k] = value * Vector::<A, N>::new(twist.extract(1usize));
        }
    }

    /// The other way, for a result; adds `initial` where that `adds`.
    pub(super) fn store_row(
        &self,
        y: &mut [Vector<A, N>],
        initial: &[Vector<A, N>],
        table: &[Vector<A, Const<2>>],
        segment: &Segment,
        sizes: &Sizes,
        block: usize,
        j: usize,
        span: usize,
        #[comptime] adds: bool,
    ) {
        #[unroll]
        for k in 0..4 {
            let t = j + k * span;
            if t < segment.len {
                let twist = table[t];
                let at = (segment.first + t) * sizes.blocks + block;
                let mut value = self.re[k] * Vector::<A, N>::new(twist.extract(0usize))
                    + self.im[k] * Vector::<A, N>::new(twist.extract(1usize));
                if comptime!(adds) {
                    value += initial[at];
                }
                y[at] = value;
            }
        }
    }

    /// Elements j + k `span` of the kernel; `taps` [lag, block].
    pub(super) fn load_taps(
        &mut self,
        taps: &[Vector<A, N>],
        table: &[Vector<A, Const<2>>],
        sizes: &Sizes,
        block: usize,
        j: usize,
        span: usize,
        #[comptime] size: usize,
    ) {
        #[unroll]
        for k in 0..4 {
            let t = j + k * span;
            let lag = t + sizes.before;
            let mut re = Vector::<A, N>::new(A::from_int(0));
            let mut im = Vector::<A, N>::new(A::from_int(0));
            if lag < sizes.lags {
                re = taps[lag * sizes.blocks + block];
            }
            if t > 0 && lag >= size && lag - size < sizes.lags {
                im = taps[(lag - size) * sizes.blocks + block];
            }
            self.re[k] = re;
            self.im[k] = im;
            let twist = table[t];
            self.turn(k, twist.extract(0usize), twist.extract(1usize));
        }
    }

    /// The other way, divided by the size.
    pub(super) fn store_taps(
        &mut self,
        taps: &mut [Vector<A, N>],
        table: &[Vector<A, Const<2>>],
        sizes: &Sizes,
        block: usize,
        j: usize,
        span: usize,
        #[comptime] size: usize,
    ) {
        let scale = Vector::<A, N>::new(A::from_int(1) / A::from_int(comptime!(size as i64)));
        #[unroll]
        for k in 0..4 {
            let t = j + k * span;
            let lag = t + sizes.before;
            let twist = table[t];
            self.turn(k, twist.extract(0usize), -twist.extract(1usize));
            if lag < sizes.lags {
                taps[lag * sizes.blocks + block] = self.re[k] * scale;
            }
            if t > 0 && lag >= size && lag - size < sizes.lags {
                taps[(lag - size) * sizes.blocks + block] = self.im[k] * scale;
            }
        }
    }

    /// Elements of a transform in device memory, [task, part, element].
    pub(super) fn load_buffer(
        &mut self,
        buffer: &[Vector<A, N>],
        task: usize,
        from: usize,
        span: usize,
        #[comptime] size: usize,
    ) {
        #[unroll]
        for k in 0..4 {
            let at = task * (2 * size) + from + k * span;
            self.re[k] = buffer[at];
            self.im[k] = buffer[at + size];
        }
    }

    /// The other way.
    pub(super) fn store_buffer(
        &self,
        buffer: &mut [Vector<A, N>],
        task: usize,
        to: usize,
        span: usize,
        #[comptime] size: usize,
    ) {
        #[unroll]
        for k in 0..4 {
            let at = task * (2 * size) + to + k * span;
            buffer[at] = self.re[k];
            buffer[at + size] = self.im[k];
        }
    }
}
