//! Kernels of the double sum: a unit sums [`TILE`] neighbours of one vector of channels.

use super::rows::{Segment, Sizes};
use cubecl::prelude::*;

/// Outputs of a unit: each loaded tap or gradient is used this often.
pub(super) const TILE: usize = 4;

/// Positions of one contribution to the gradient of the taps, at most.
pub(super) const CHUNK: usize = 256;

/// Position `shifted` - `back` of a sequence, zero beyond either end.
#[cube]
fn at<A: Float, N: Size>(
    x: &[Vector<A, N>],
    segment: &Segment,
    sizes: &Sizes,
    block: usize,
    shifted: usize,
    back: usize,
) -> Vector<A, N> {
    let mut value = Vector::<A, N>::new(A::from_int(0));
    if shifted >= back && shifted - back < segment.len {
        value = x[(segment.first + shifted - back) * sizes.blocks + block];
    }
    value
}

/// y_t = initial_t + sum over lags of taps x_{t - lag}, or the adjoint, where x is at t + lag.
///
/// `tiles`: tiles of the longest sequence.
#[cube(launch)]
pub(super) fn convolve<A: Float, N: Size>(
    x: &[Vector<A, N>],
    taps: &[Vector<A, N>],
    initial: &[Vector<A, N>],
    segments: &[u32],
    y: &mut [Vector<A, N>],
    sizes: Sizes,
    tiles: usize,
    total: usize,
    #[comptime] packed: bool,
    #[comptime] adds: bool,
    #[comptime] adjoint: bool,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < total {
        let block = ABSOLUTE_POS % sizes.blocks;
        let rest = ABSOLUTE_POS / sizes.blocks;
        let segment = Segment::new(segments, rest / tiles, &sizes, packed);
        let first = (rest % tiles) * TILE;
        if first < segment.len {
            // Tap number l of the walk, taken backwards by the adjoint, meets x at t + ahead - l.
            let mut ahead = sizes.before;
            if comptime!(adjoint) {
                ahead = sizes.lags - 1 - sizes.before;
            }
            let shifted = first + ahead;
            let mut from = 0usize.runtime();
            if shifted + 1 > segment.len {
                from = shifted + 1 - segment.len;
            }
            let mut to = shifted + TILE;
            if to > sizes.lags {
                to = sizes.lags;
            }
            let mut sums = Array::<Vector<A, N>>::new(TILE);
            let mut window = Array::<Vector<A, N>>::new(TILE);
            #[unroll]
            for i in 0..TILE {
                sums[i] = Vector::<A, N>::new(A::from_int(0));
                window[i] = at::<A, N>(x, &segment, &sizes, block, shifted + i, from);
            }
            for l in from..to {
                let mut lag = l;
                if comptime!(adjoint) {
                    lag = sizes.lags - 1 - l;
                }
                let tap = taps[lag * sizes.blocks + block];
                #[unroll]
                for i in 0..TILE {
                    sums[i] += tap * window[i];
                }
                #[unroll]
                for i in 0..comptime!(TILE - 1) {
                    window[comptime!(TILE - 1) - i] = window[comptime!(TILE - 2) - i];
                }
                window[0] = at::<A, N>(x, &segment, &sizes, block, shifted, l + 1);
            }
            #[unroll]
            for i in 0..TILE {
                if first + i < segment.len {
                    let place = (segment.first + first + i) * sizes.blocks + block;
                    let mut value = sums[i];
                    if comptime!(adds) {
                        value += initial[place];
                    }
                    y[place] = value;
                }
            }
        }
    }
}

/// Contributions of runs of chunks to sum_t g_t x_{t - lag}, `parts` [run, lag, block].
///
/// `chunks`: chunks of the longest sequence; `run`: chunks of a run.
#[cube(launch)]
pub(super) fn correlate<A: Float, N: Size>(
    x: &[Vector<A, N>],
    grad: &[Vector<A, N>],
    segments: &[u32],
    parts: &mut [Vector<A, N>],
    sizes: Sizes,
    chunks: usize,
    run: usize,
    total: usize,
    #[comptime] packed: bool,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < total {
        let block = ABSOLUTE_POS % sizes.blocks;
        let rest = ABSOLUTE_POS / sizes.blocks;
        let tiles = sizes.lags.div_ceil(TILE);
        let lag = (rest % tiles) * TILE;
        let part = rest / tiles;
        let mut sums = Array::<Vector<A, N>>::new(TILE);
        let mut window = Array::<Vector<A, N>>::new(TILE);
        #[unroll]
        for i in 0..TILE {
            sums[i] = Vector::<A, N>::new(A::from_int(0));
        }
        for r in 0..run {
            let chunk = part * run + r;
            if chunk < sizes.end * chunks {
                let segment = Segment::new(segments, chunk / chunks, &sizes, packed);
                let from = (chunk % chunks) * CHUNK;
                let mut to = from + CHUNK;
                if to > segment.len {
                    to = segment.len;
                }
                #[unroll]
                for i in 0..TILE {
                    let ahead = from + sizes.before;
                    window[i] = at::<A, N>(x, &segment, &sizes, block, ahead, lag + i);
                }
                for t in from..to {
                    let g = grad[(segment.first + t) * sizes.blocks + block];
                    #[unroll]
                    for i in 0..TILE {
                        sums[i] += g * window[i];
                    }
                    #[unroll]
                    for i in 0..comptime!(TILE - 1) {
                        window[comptime!(TILE - 1) - i] = window[comptime!(TILE - 2) - i];
                    }
                    let ahead = t + 1 + sizes.before;
                    window[0] = at::<A, N>(x, &segment, &sizes, block, ahead, lag);
                }
            }
        }
        #[unroll]
        for i in 0..TILE {
            if lag + i < sizes.lags {
                parts[(part * sizes.lags + lag + i) * sizes.blocks + block] = sums[i];
            }
        }
    }
}
