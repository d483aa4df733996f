//! One tile as matrix products and a triangular solve.
//!
//! With G_i the inclusive and G'_i the exclusive cumulative sum of g in the tile, c = G_last / 2 per
//! key (so that no factor leaves exp(+-reach / 2)) and u_i = S_{i-1} a_i:
//!
//! ```text
//! X = [a_i exp(G'_i - c) ; scale r_i exp(G_i - c)]         [2 len, key]
//! Z = [k_j exp(c - G_j)  ; b_j exp(c - G_j)]               [2 len, key]
//! M = X Z^T, kept for j < i in its upper and for j <= i in its lower half
//! W = [v_j ; u_j]                                          [2 len, value]
//! S~ = S_0 diag(exp(c))
//! (I - M_ab) U = M_ak V + X_a S~^T
//! Y = M_r W + X_r S~^T
//! S_last = (S~ + W^T Z) diag(exp(G_last - c))
//! ```

use super::tile::Tile;
use crate::float::{Real, vectorise};
use crate::gemm::{Into, Mat, gemm};
use pulp::{Arch, Simd, WithSimd};

/// Largest total log decay of a chunk for which this form is used. Factors then lie within
/// exp(+-40), and products of two stay far inside the range of f32.
const REACH: f64 = 80.0;
/// Rows that the triangular solve eliminates one by one; between such blocks it multiplies.
const BLOCK: usize = 16;

/// Matrices of one tile; names as at the head of this file.
#[derive(Debug, Default)]
pub(super) struct Chunk<T> {
    sums: Vec<f64>,
    /// exp(G'_i - c) in row i, exp(G_last - c) in row `len`.
    pub up: Vec<T>,
    /// exp(c - G_i).
    pub down: Vec<T>,
    /// exp(c), `[key]`.
    pub enter: Vec<T>,
    pub x: Vec<T>,
    pub z: Vec<T>,
    pub m: Vec<T>,
    pub w: Vec<T>,
    /// U above, Y below, [2 len, value].
    pub out: Vec<T>,
}

/// A task of its own type: unlike a closure of this size, it is sure to be compiled for the
/// machine's vectors.
struct Scaling<'a, T>(&'a mut Chunk<T>, &'a Tile<T>);

impl<T: Real> WithSimd for Scaling<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.0.factors(self.1);
        self.0.scale(self.1);
    }
}

impl<T: Real> Chunk<T> {
    /// Prepares X, Z and M. False, with nothing prepared, where this form must not be used: a packed
    /// sequence begins in the tile, or a channel decays beyond [`REACH`] (or is NaN).
    pub(super) fn prepare(&mut self, tile: &Tile<T>) -> bool {
        if tile.begins.contains(&true) || !self.cumulate(tile) {
            return false;
        }
        let (len, keys) = (tile.len, tile.keys);
        self.up.resize((len + 1) * keys, T::zero());
        self.down.resize(len * keys, T::zero());
        self.enter.resize(keys, T::zero());
        self.x.resize(2 * len * keys, T::zero());
        self.z.resize(2 * len * keys, T::zero());
        self.m.resize(4 * len * len, T::zero());
        Arch::new().dispatch(Scaling(self, tile));
        let mut m = std::mem::take(&mut self.m);
        gemm(&mut m, 2 * len, Into::Store, self.x(tile), self.z(tile).t());
        self.m = m;
        for (i, row) in self.m.chunks_mut(2 * len).enumerate() {
            let kept = if i < len { i } else { i - len + 1 };
            row[kept..len].fill(T::zero());
            row[len + kept..].fill(T::zero());
        }
        true
    }

    /// Cumulative sums in f64: differences of f32 sums lose digits once strong decays have gone by.
    fn cumulate(&mut self, tile: &Tile<T>) -> bool {
        let keys = tile.keys;
        self.sums.clear();
        self.sums.resize(tile.len * keys, 0.0);
        for (i, g) in tile.g.chunks(keys).enumerate() {
            let (past, here) = self.sums.split_at_mut(i * keys);
            let before = if i == 0 {
                &[][..]
            } else {
                &past[(i - 1) * keys..]
            };
            for (sum, &g) in here.iter_mut().zip(g) {
                *sum = g.into_f64();
            }
            for (sum, &before) in here.iter_mut().zip(before) {
                *sum += before;
            }
        }
        self.sums[(tile.len - 1) * keys..]
            .iter()
            .all(|&total| total >= -REACH)
    }

    #[inline(always)]
    fn factors(&mut self, tile: &Tile<T>) {
        let (len, keys) = (tile.len, tile.keys);
        let last = &self.sums[(len - 1) * keys..];
        for ((enter, up), &last) in self.enter.iter_mut().zip(&mut self.up).zip(last) {
            let middle = T::from_f64(0.5 * last);
            (*enter, *up) = (middle.exp_fast(), (-middle).exp_fast());
        }
        for i in 0..len {
            let sums = &self.sums[i * keys..(i + 1) * keys];
            let up = &mut self.up[(i + 1) * keys..(i + 2) * keys];
            let down = &mut self.down[i * keys..(i + 1) * keys];
            for j in 0..keys {
                let exponent = T::from_f64(sums[j] - 0.5 * last[j]);
                up[j] = exponent.exp_fast();
                down[j] = (-exponent).exp_fast();
            }
        }
    }

    #[inline(always)]
    fn scale(&mut self, tile: &Tile<T>) {
        let size = tile.len * tile.keys;
        let (xa, xr) = self.x.split_at_mut(size);
        product(xa, &tile.a, &self.up[..size]);
        product(xr, &tile.r, &self.up[tile.keys..]);
        let (zk, zb) = self.z.split_at_mut(size);
        product(zk, &tile.k, &self.down);
        product(zb, &tile.b, &self.down);
    }

    pub(super) fn x(&self, tile: &Tile<T>) -> Mat<'_, T> {
        Mat::rows(&self.x, 2 * tile.len, tile.keys, tile.keys)
    }

    pub(super) fn z(&self, tile: &Tile<T>) -> Mat<'_, T> {
        Mat::rows(&self.z, 2 * tile.len, tile.keys, tile.keys)
    }

    pub(super) fn w(&self, tile: &Tile<T>) -> Mat<'_, T> {
        Mat::rows(&self.w, 2 * tile.len, tile.values, tile.values)
    }

    /// Upper half of M: its first `len` columns are M_ak, the others M_ab.
    pub(super) fn upper(&self, tile: &Tile<T>, ab: bool) -> Mat<'_, T> {
        let from = if ab { tile.len } else { 0 };
        Mat::rows(&self.m[from..], tile.len, tile.len, 2 * tile.len)
    }

    /// Lower half of M, M_r: [len, 2 len].
    pub(super) fn lower(&self, tile: &Tile<T>) -> Mat<'_, T> {
        let from = 2 * tile.len * tile.len;
        Mat::rows(&self.m[from..], tile.len, 2 * tile.len, 2 * tile.len)
    }

    /// Fills W and `out` from S~; after [`Self::prepare`].
    pub(super) fn solve(&mut self, tile: &Tile<T>, state: &[T], with_y: bool) {
        let (len, values) = (tile.len, tile.values);
        let mut out = std::mem::take(&mut self.out);
        out.resize(2 * len * values, T::zero());
        let rows = if with_y { 2 * len } else { len };
        let entering = Mat::rows(&self.x, rows, tile.keys, tile.keys);
        let state = Mat::rows(state, values, tile.keys, tile.keys);
        gemm(&mut out, values, Into::Store, entering, state.t());
        let v = Mat::rows(&tile.v, len, values, values);
        gemm(&mut out, values, Into::Add, self.upper(tile, false), v);
        let (u, y) = out.split_at_mut(len * values);
        self.eliminate(tile, u);
        self.w.clear();
        self.w.extend_from_slice(&tile.v);
        self.w.extend_from_slice(u);
        if with_y {
            gemm(y, values, Into::Add, self.lower(tile), self.w(tile));
        }
        self.out = out;
    }

    /// U from its right-hand side, in place: (I - M_ab) U = P.
    fn eliminate(&self, tile: &Tile<T>, u: &mut [T]) {
        let (len, values) = (tile.len, tile.values);
        for start in (0..len).step_by(BLOCK) {
            let end = (start + BLOCK).min(len);
            let (done, rest) = u.split_at_mut(start * values);
            let m = Mat::rows(
                &self.m[start * 2 * len + len..],
                end - start,
                start,
                2 * len,
            );
            gemm(
                rest,
                values,
                Into::Add,
                m,
                Mat::rows(done, start, values, values),
            );
            vectorise(|| {
                for i in start + 1..end {
                    let (above, row) = rest.split_at_mut((i - start) * values);
                    let weights = &self.m[i * 2 * len + len + start..];
                    for (&weight, above) in weights.iter().zip(above.chunks_exact(values)) {
                        add_scaled(&mut row[..values], weight, above);
                    }
                }
            });
        }
    }

    /// The adjoint of `eliminate`, in place: (I - M_ab)^T P = U.
    pub(super) fn eliminate_transposed(&self, tile: &Tile<T>, u: &mut [T]) {
        let (len, values) = (tile.len, tile.values);
        for start in (0..len).step_by(BLOCK).rev() {
            let end = (start + BLOCK).min(len);
            let (rest, done) = u.split_at_mut(end * values);
            let from = (end * 2 * len + len + start).min(self.m.len());
            let m = Mat::rows(&self.m[from..], len - end, end - start, 2 * len);
            let block = &mut rest[start * values..];
            let done = Mat::rows(done, len - end, values, values);
            gemm(block, values, Into::Add, m.t(), done);
            vectorise(|| {
                for j in (start..end).rev() {
                    let (row, below) = block[(j - start) * values..].split_at_mut(values);
                    for (i, below) in (j + 1..end).zip(below.chunks_exact(values)) {
                        add_scaled(row, self.m[i * 2 * len + len + j], below);
                    }
                }
            });
        }
    }
}

/// Advances `state` over the tile; y is left in the lower half of `chunk.out`.
/// After [`Chunk::prepare`].
pub(super) fn advance<T: Real>(tile: &Tile<T>, state: &mut [T], chunk: &mut Chunk<T>) {
    scale_columns(state, &chunk.enter);
    chunk.solve(tile, state, true);
    let (w, z) = (chunk.w(tile), chunk.z(tile));
    gemm(state, tile.keys, Into::Add, w.t(), z);
    scale_columns(state, &chunk.up[tile.len * tile.keys..]);
}

/// Multiplies column j of `rows` by `factors[j]`.
pub(super) fn scale_columns<T: Real>(rows: &mut [T], factors: &[T]) {
    vectorise(|| {
        for row in rows.chunks_exact_mut(factors.len()) {
            for (value, &factor) in row.iter_mut().zip(factors) {
                *value = *value * factor;
            }
        }
    });
}

#[inline(always)]
fn product<T: Real>(out: &mut [T], a: &[T], b: &[T]) {
    for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *out = a * b;
    }
}

#[inline(always)]
fn add_scaled<T: Real>(row: &mut [T], weight: T, other: &[T]) {
    for (value, &other) in row.iter_mut().zip(other) {
        *value += weight * other;
    }
}
