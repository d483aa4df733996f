//! Tiles between device memory and shared memory.

use super::product::{Tile, col, holds, row};
use cubecl::prelude::*;

/// Elements of a vector that tiles are loaded by.
pub(crate) const WIDTH: usize = 8;

/// A rectangle of a row-major tensor in device memory.
#[derive(CubeType, Clone, Copy)]
pub(crate) struct Window {
    /// First element.
    pub base: usize,
    /// Distance between rows.
    pub stride: usize,
    /// Rows that exist.
    pub rows: usize,
    /// Columns that exist.
    pub cols: usize,
}

#[cube]
impl Window {
    /// At most `most` of its columns from `first` on, which must exist.
    pub(crate) fn columns(&self, first: usize, #[comptime] most: usize) -> Window {
        let mut cols = self.cols - first;
        if cols > most {
            cols = most.runtime();
        }
        Window {
            base: self.base + first,
            stride: self.stride,
            rows: self.rows,
            cols,
        }
    }

    /// All rows but the first, which must exist.
    pub(crate) fn below(&self) -> Window {
        Window {
            base: self.base + self.stride,
            stride: self.stride,
            rows: self.rows - 1,
            cols: self.cols,
        }
    }
}

/// Shared memory for a tile, aligned for vectors.
#[cube]
pub(crate) fn tile_slice<S: Float>(#[comptime] length: usize) -> Shared<[S]> {
    Shared::<[S]>::new_aligned_slice(length, 16usize)
}

/// Copies the window to `target`, whose rows lie `pitch` elements apart; zeros where it ends.
#[cube]
pub(crate) fn load<E: Float, S: Float>(
    target: &mut [S],
    source: &[E],
    window: &Window,
    #[comptime] pitch: usize,
    #[comptime] wide: bool,
    #[comptime] tile: Tile,
) {
    if comptime!(wide && tile.cols.is_multiple_of(WIDTH)) {
        load_vectors::<E, S>(target, source, window, pitch, tile);
    } else {
        let mut at = UNIT_POS as usize;
        while at < comptime!(tile.rows * tile.cols) {
            let r = at / comptime!(tile.cols);
            let c = at % comptime!(tile.cols);
            let mut value = S::from_int(0);
            if r < window.rows && c < window.cols {
                value = S::cast_from(source[window.base + r * window.stride + c]);
            }
            target[r * pitch + c] = value;
            at += comptime!(tile.units);
        }
    }
}

/// The same by vectors, which the window's start, stride and width are multiples of.
#[cube]
fn load_vectors<E: Float, S: Float>(
    target: &mut [S],
    source: &[E],
    window: &Window,
    #[comptime] pitch: usize,
    #[comptime] tile: Tile,
) {
    if comptime!(tile.ahead && tile.in_registers()) {
        let held = fetch::<E, S>(source, window, tile);
        put::<S>(target, &held, pitch, tile);
    } else {
        let source = source.as_vectorized().with_vector_size::<Const<8>>();
        let target = target
            .as_vectorized_mut()
            .with_vector_size_mut::<Const<8>>();
        let mut at = UNIT_POS as usize;
        while at < comptime!(tile.rows * tile.cols / WIDTH) {
            let r = at / comptime!(tile.cols / WIDTH);
            let c = at % comptime!(tile.cols / WIDTH);
            target[r * comptime!(pitch / WIDTH) + c] = vector_at::<E, S>(source, window, at, tile);
            at += comptime!(tile.units);
        }
    }
}

/// This unit's share of a tile that fits into registers: its reads wait for device memory together.
#[cube]
pub(crate) fn fetch<E: Float, S: Float>(
    source: &[E],
    window: &Window,
    #[comptime] tile: Tile,
) -> Array<Vector<S, Const<8>>> {
    let source = source.as_vectorized().with_vector_size::<Const<8>>();
    let share = comptime!(tile.rows * tile.cols / WIDTH / tile.units);
    let mut held = Array::<Vector<S, Const<8>>>::new(share);
    #[unroll]
    for n in 0..share {
        let at = n * comptime!(tile.units) + UNIT_POS as usize;
        held[n] = vector_at::<E, S>(source, window, at, tile);
    }
    held
}

/// Writes what [`fetch`] read to `target`, as [`load`] would.
#[cube]
pub(crate) fn put<S: Float>(
    target: &mut [S],
    held: &Array<Vector<S, Const<8>>>,
    #[comptime] pitch: usize,
    #[comptime] tile: Tile,
) {
    let target = target
        .as_vectorized_mut()
        .with_vector_size_mut::<Const<8>>();
    #[unroll]
    for n in 0..comptime!(tile.rows * tile.cols / WIDTH / tile.units) {
        let at = n * comptime!(tile.units) + UNIT_POS as usize;
        let r = at / comptime!(tile.cols / WIDTH);
        let c = at % comptime!(tile.cols / WIDTH);
        target[r * comptime!(pitch / WIDTH) + c] = held[n];
    }
}

/// Vector `at` of the tile's, row by row; zeros where the window ends.
#[cube]
fn vector_at<E: Float, S: Float>(
    source: &[Vector<E, Const<8>>],
    window: &Window,
    at: usize,
    #[comptime] tile: Tile,
) -> Vector<S, Const<8>> {
    let r = at / comptime!(tile.cols / WIDTH);
    let c = at % comptime!(tile.cols / WIDTH);
    let mut value = Vector::<S, Const<8>>::new(S::from_int(0));
    if r < window.rows && c * WIDTH < window.cols {
        value = Vector::cast_from(source[(window.base + r * window.stride) / WIDTH + c]);
    }
    value
}

/// Elements of the window as a result spread over the units; zeros where it ends.
#[cube]
pub(crate) fn spread<E: Float, A: Float>(
    source: &[E],
    window: &Window,
    #[comptime] tile: Tile,
) -> Array<A> {
    let mut result = Array::<A>::new(comptime!(tile.share()));
    #[unroll(tile.unroll)]
    for e in 0..comptime!(tile.share()) {
        let mut value = A::from_int(0);
        if holds(e, tile) {
            let r = row(e, tile);
            let c = col(e, tile);
            if r < window.rows && c < window.cols {
                value = A::cast_from(source[window.base + r * window.stride + c]);
            }
        }
        result[e] = value;
    }
    result
}

/// Two neighbours in a row as one vector; with matrix units a unit holds such pairs.
#[cube]
pub(super) fn pair<A: Float, E: Float>(result: &Array<A>, e: usize) -> Vector<E, Const<2>> {
    let mut both = Vector::<E, Const<2>>::empty();
    both.insert(0usize, E::cast_from(result[e]));
    both.insert(1usize, E::cast_from(result[e + 1]));
    both
}

/// Writes a result to shared memory.
#[cube]
pub(crate) fn stage<A: Float, S: Float>(
    result: &Array<A>,
    target: &mut [S],
    #[comptime] pitch: usize,
    #[comptime] tile: Tile,
) {
    if comptime!(tile.matrix) {
        let target = target
            .as_vectorized_mut()
            .with_vector_size_mut::<Const<2>>();
        #[unroll]
        for half in 0..comptime!(tile.share() / 2) {
            let e = half * 2;
            target[(row(e, tile) * pitch + col(e, tile)) / 2] = pair::<A, S>(result, e);
        }
    } else {
        #[unroll(tile.unroll)]
        for e in 0..comptime!(tile.share()) {
            if holds(e, tile) {
                target[row(e, tile) * pitch + col(e, tile)] = S::cast_from(result[e]);
            }
        }
    }
}

/// Elements `at`, which is even, and `at + 1` of a tile in shared memory.
#[cube]
pub(crate) fn pair_at<S: Float, A: Float>(tile_values: &Shared<[S]>, at: usize) -> (A, A) {
    let pairs = tile_values.as_vectorized().with_vector_size::<Const<2>>();
    let both = Vector::<A, Const<2>>::cast_from(pairs[at / 2]);
    (both.extract(0usize), both.extract(1usize))
}

/// result += factor * tile, element by element.
#[cube]
pub(crate) fn add_tile<A: Float, S: Float>(
    result: &mut Array<A>,
    factor: A,
    tile_values: &Shared<[S]>,
    #[comptime] pitch: usize,
    #[comptime] tile: Tile,
) {
    if comptime!(tile.matrix) {
        #[unroll]
        for half in 0..comptime!(tile.share() / 2) {
            let e = half * 2;
            let at = row(e, tile) * pitch + col(e, tile);
            let (left, right) = pair_at::<S, A>(tile_values, at);
            result[e] += factor * left;
            result[e + 1] += factor * right;
        }
    } else {
        #[unroll(tile.unroll)]
        for e in 0..comptime!(tile.share()) {
            if holds(e, tile) {
                let at = row(e, tile) * pitch + col(e, tile);
                result[e] += factor * A::cast_from(tile_values[at]);
            }
        }
    }
}

/// staged = result o tile, element by element.
#[cube]
pub(crate) fn stage_product<A: Float, S: Float>(
    result: &Array<A>,
    tile_values: &Shared<[S]>,
    staged: &mut Shared<[A]>,
    #[comptime] pitch: usize,
    #[comptime] tile: Tile,
) {
    #[unroll(tile.unroll)]
    for e in 0..comptime!(tile.share()) {
        if holds(e, tile) {
            let at = row(e, tile) * pitch + col(e, tile);
            staged[at] = result[e] * A::cast_from(tile_values[at]);
        }
    }
}

/// Multiplies row r of the result by factors[r].
#[cube]
pub(crate) fn scale_rows<A: Float>(
    result: &mut Array<A>,
    factors: &Shared<[A]>,
    #[comptime] tile: Tile,
) {
    #[unroll(tile.unroll)]
    for e in 0..comptime!(tile.share()) {
        if holds(e, tile) {
            result[e] *= factors[row(e, tile)];
        }
    }
}

/// Multiplies row r of a tile in shared memory by factors[r].
#[cube]
pub(crate) fn scale_tile<A: Float, S: Float>(
    target: &mut [S],
    factors: &Shared<[A]>,
    #[comptime] pitch: usize,
    #[comptime] tile: Tile,
) {
    if comptime!(pitch.is_multiple_of(WIDTH) && tile.cols.is_multiple_of(WIDTH)) {
        let target = target
            .as_vectorized_mut()
            .with_vector_size_mut::<Const<8>>();
        let mut at = UNIT_POS as usize;
        while at < comptime!(tile.rows * tile.cols / WIDTH) {
            let r = at / comptime!(tile.cols / WIDTH);
            let place = r * comptime!(pitch / WIDTH) + at % comptime!(tile.cols / WIDTH);
            let factor = Vector::<A, Const<8>>::new(factors[r]);
            target[place] =
                Vector::cast_from(Vector::<A, Const<8>>::cast_from(target[place]) * factor);
            at += comptime!(tile.units);
        }
    } else {
        let mut at = UNIT_POS as usize;
        while at < comptime!(tile.rows * tile.cols) {
            let r = at / comptime!(tile.cols);
            let place = r * pitch + at % comptime!(tile.cols);
            target[place] = S::cast_from(A::cast_from(target[place]) * factors[r]);
            at += comptime!(tile.units);
        }
    }
}
