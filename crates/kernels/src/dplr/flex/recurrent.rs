//! One tile step by step, four rows of the state at a time.
//!
//! The rows of S never meet: y and S of one value need the keys of every position and nothing of
//! the other values. So four rows walk all positions of the tile before the next four start, and
//! everything they touch stays in the first-level cache.
//!
//! Backward, with R the gradient of S_t (what later positions and y_t pass to it) and
//! u_t = S_{t-1} a_t:
//!
//! ```text
//! R   += dy_t r_t^T               dr_t = S_t^T dy_t
//! du_t = R b_t                    dv_t = R k_t
//! dw_t = sum_v R o S_{t-1}        db_t = R^T u_t     dk_t = R^T v_t     da_t = S_{t-1}^T du_t
//! R   <- R diag(w_t) + du_t a_t^T
//! ```

use super::rows::{Local, Step, Sums, advance_rows, reverse_rows};
use super::tile::{ROWS, Tile, TileGradients};
use super::vector::Vector;
use pulp::{Arch, Simd, WithSimd};

/// One tile of the forward pass.
pub(super) struct Advance<'a, T> {
    pub tile: &'a Tile<T>,
    /// State before the tile, where it does not stand in `state`.
    pub first: Option<&'a [T]>,
    /// State [value, key], which is advanced over the tile.
    pub state: &'a mut [T],
    /// Receives y [len, value].
    pub y: &'a mut [T],
}

/// Runs the tile. `buffer` is scratch.
pub(super) fn advance<T: Vector>(pass: Advance<'_, T>, buffer: &mut Vec<T>) {
    buffer.resize(ROWS * pass.tile.keys, T::zero());
    Arch::new().dispatch(Alternating { pass, buffer });
}

struct Alternating<'a, T> {
    pass: Advance<'a, T>,
    /// Four rows: positions alternate between these and those of the state.
    buffer: &'a mut [T],
}

impl<T: Vector> WithSimd for Alternating<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.pass.tile.keys {
            64 => self.run(simd, 64), // the usual size, with all lengths known when compiled
            keys => self.run(simd, keys),
        }
    }
}

impl<T: Vector> Alternating<'_, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S, keys: usize) {
        let Advance {
            tile,
            first,
            state,
            y,
        } = self.pass;
        let (width, buffer) = (ROWS * keys, &mut self.buffer[..ROWS * keys]);
        for (block, rows) in state.chunks_exact_mut(width).enumerate() {
            let rows = &mut rows[..width];
            let start = usize::from(first.is_some());
            if let Some(first) = first {
                // One pass over the state: all there is to a single step.
                let first = &first[block * width..][..width];
                let sums = position(simd, (tile, keys), (0, block), (first, rows));
                y[block * ROWS..][..ROWS].copy_from_slice(&sums);
            }
            let (mut now, mut next) = (&mut *rows, &mut *buffer);
            for i in start..tile.len {
                if tile.begins[i] {
                    now.fill(T::zero());
                }
                let sums = position(simd, (tile, keys), (i, block), (now, next));
                y[i * tile.values + block * ROWS..][..ROWS].copy_from_slice(&sums);
                std::mem::swap(&mut now, &mut next);
            }
            if (tile.len - start) % 2 == 1 {
                rows.copy_from_slice(buffer);
            }
        }
    }
}

/// Position `i` of four rows; returns y.
#[inline(always)]
fn position<S: Simd, T: Vector>(
    simd: S,
    (tile, keys): (&Tile<T>, usize),
    (i, block): (usize, usize),
    (now, next): (&[T], &mut [T]),
) -> [T; ROWS] {
    let v = four(tile, &tile.v, i, block);
    let (now, next) = (T::cast::<S>(now), T::cast_mut::<S>(next));
    advance_rows::<S, T, true>(simd, now, next, &Step::new(tile, keys, i), v).1
}

/// Buffers of the backward pass.
#[derive(Debug, Default)]
pub(super) struct Scratch<T> {
    /// Four rows of S after each position.
    states: Vec<T>,
    /// Four elements of u of each position.
    reads: Vec<[T; ROWS]>,
    /// Four rows of zeros.
    zeros: Vec<T>,
}

/// Gradients of the tile, given the state before it, dy [len, value] and `dstate`, the gradient of
/// the state after it, which becomes that of the state before it.
pub(super) fn reverse<T: Vector>(
    tile: &Tile<T>,
    before: &[T],
    dy: &[T],
    dstate: &mut [T],
    (grads, scratch): (&mut TileGradients<T>, &mut Scratch<T>),
) {
    grads.zero(tile);
    let width = ROWS * tile.keys;
    scratch.states.resize(tile.len * width, T::zero());
    scratch.zeros.resize(width, T::zero());
    scratch.reads.resize(tile.len, [T::zero(); ROWS]);
    Arch::new().dispatch(Reverse {
        tile,
        before,
        dy,
        dstate,
        grads,
        scratch,
    });
}

struct Reverse<'a, T> {
    tile: &'a Tile<T>,
    before: &'a [T],
    dy: &'a [T],
    dstate: &'a mut [T],
    grads: &'a mut TileGradients<T>,
    scratch: &'a mut Scratch<T>,
}

impl<T: Vector> WithSimd for Reverse<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        match self.tile.keys {
            64 => self.run(simd, 64),
            keys => self.run(simd, keys),
        }
        for (g, &w) in self.grads.g.iter_mut().zip(&self.tile.w) {
            *g = *g * w;
        }
    }
}

impl<T: Vector> Reverse<'_, T> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, simd: S, keys: usize) {
        for block in 0..self.before.len() / (ROWS * keys) {
            self.recompute(simd, keys, block);
            for i in (0..self.tile.len).rev() {
                self.position(simd, keys, block, i);
            }
        }
    }

    /// States and readings of four rows at every position of the tile.
    #[inline(always)]
    fn recompute<S: Simd>(&mut self, simd: S, keys: usize, block: usize) {
        let tile = self.tile;
        let width = ROWS * keys;
        for i in 0..tile.len {
            let (past, rest) = self.scratch.states.split_at_mut(i * width);
            let before = match i.checked_sub(1) {
                _ if tile.begins[i] => &self.scratch.zeros[..width],
                None => &self.before[block * width..][..width],
                Some(last) => &past[last * width..][..width],
            };
            let (before, after) = (T::cast::<S>(before), T::cast_mut::<S>(&mut rest[..width]));
            let (step, v) = (Step::new(tile, keys, i), four(tile, &tile.v, i, block));
            let (u, _) = advance_rows::<S, T, false>(simd, before, after, &step, v);
            self.scratch.reads[i] = u;
        }
    }

    /// One position of four rows.
    #[inline(always)]
    fn position<S: Simd>(&mut self, simd: S, keys: usize, block: usize, i: usize) {
        let (tile, scratch) = (self.tile, &*self.scratch);
        let width = ROWS * keys;
        let state = |i: usize| &scratch.states[i * width..][..width];
        let before = match i.checked_sub(1) {
            _ if tile.begins[i] => &scratch.zeros[..width],
            None => &self.before[block * width..][..width],
            Some(last) => state(last),
        };
        let local = Local {
            before: T::cast::<S>(before),
            after: T::cast::<S>(state(i)),
            v: four(tile, &tile.v, i, block),
            u: scratch.reads[i],
            dy: four(tile, self.dy, i, block),
        };
        let at = i * keys;
        let grads = &mut *self.grads;
        let sums = Sums {
            r: T::cast_mut::<S>(&mut grads.r[at..][..keys]),
            w: T::cast_mut::<S>(&mut grads.g[at..][..keys]),
            k: T::cast_mut::<S>(&mut grads.k[at..][..keys]),
            a: T::cast_mut::<S>(&mut grads.a[at..][..keys]),
            b: T::cast_mut::<S>(&mut grads.b[at..][..keys]),
        };
        let dstate = &mut self.dstate[block * width..][..width];
        let step = Step::new(tile, keys, i);
        let dv = reverse_rows(simd, T::cast_mut::<S>(dstate), &step, &local, sums);
        grads.v[i * tile.values + block * ROWS..][..ROWS].copy_from_slice(&dv);
        if tile.begins[i] {
            dstate.fill(T::zero()); // nothing crosses into the sequence before
        }
    }
}

/// The values of one position that belong to four rows.
#[inline(always)]
fn four<T: Copy>(tile: &Tile<T>, all: &[T], i: usize, block: usize) -> [T; ROWS] {
    let at = &all[i * tile.values + block * ROWS..][..ROWS];
    [at[0], at[1], at[2], at[3]]
}
