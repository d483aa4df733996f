//! Gradients of one tile in the chunked form; names as in `chunk`.
//!
//! With R the gradient of the state after the tile, R~ = R diag(exp(G_last - c)), D = [dP ; dY] and P
//! the right-hand side of the solve:
//!
//! ```text
//! dW  = M_r^T dY + Z R~^T,  its lower half is dU;   (I - M_ab)^T dP = dU
//! dV  = upper half of dW + M_ak^T dP
//! dM  = D W^T below the diagonal
//! dX  = D S~ + dM Z               dZ = W R~ + dM^T X
//! dS~ = R~ + D^T X                dS_0 = dS~ diag(exp(c))
//! ```
//!
//! y_i reads (r_i . k_i) v_i + (r_i . b_i) u_i, the diagonal of M_r, without any decay: it is kept
//! out of dM, because in dg it cancels, and with strong decay what should cancel would be all there
//! is. With it left out, and c held fixed (nothing depends on it),
//!
//! ```text
//! dG_i  = r_i dr_i - k_i dk_i - b_i db_i      dG'_i = a_i da_i
//! dg_t  = sum_{i >= t} dG_i + sum_{i > t} dG'_i + sum_v R o S_last
//! ```

use super::chunk::{Chunk, scale_columns};
use super::tile::{Tile, TileGradients};
use crate::float::{Real, vectorise};
use crate::gemm::{Into, Mat, gemm};
use pulp::{Arch, Simd, WithSimd};

/// Buffers of the backward pass.
#[derive(Debug, Default)]
pub(super) struct Scratch<T> {
    state: Vec<T>,
    d: Vec<T>,
    dw: Vec<T>,
    dm: Vec<T>,
    dx: Vec<T>,
    dz: Vec<T>,
    /// Diagonals of dM_rk and dM_rb.
    diagonals: Vec<[T; 2]>,
    /// Suffix sum of dg, by key.
    suffix: Vec<f64>,
}

impl<T: Real> Scratch<T> {
    fn resize(&mut self, tile: &Tile<T>) {
        let Tile {
            len, keys, values, ..
        } = *tile;
        self.dw.resize(2 * len * values, T::zero());
        self.dm.resize(4 * len * len, T::zero());
        self.dx.resize(2 * len * keys, T::zero());
        self.dz.resize(2 * len * keys, T::zero());
    }
}

/// Gradients of the tile, given the state before it, dy [len, value] and `dstate`, the gradient of
/// the state after it, which becomes that of the state before it. After [`Chunk::prepare`].
pub(super) fn reverse<T: Real>(
    (tile, chunk): (&Tile<T>, &mut Chunk<T>),
    before: &[T],
    dy: &[T],
    dstate: &mut [T],
    (grads, scratch): (&mut TileGradients<T>, &mut Scratch<T>),
) {
    let Tile {
        len, keys, values, ..
    } = *tile;
    scratch.resize(tile);
    scratch.state.clear();
    scratch.state.extend_from_slice(before);
    scale_columns(&mut scratch.state, &chunk.enter);
    chunk.solve(tile, &scratch.state, false);
    scale_columns(dstate, &chunk.up[len * keys..]);
    let dr = Mat::rows(dstate, values, keys, keys);

    let dw = &mut scratch.dw;
    gemm(
        dw,
        values,
        Into::Store,
        chunk.lower(tile).t(),
        Mat::rows(dy, len, values, values),
    );
    gemm(dw, values, Into::Add, chunk.z(tile), dr.t());
    scratch.d.clear();
    scratch.d.extend_from_slice(&dw[len * values..]);
    chunk.eliminate_transposed(tile, &mut scratch.d);
    let ak = chunk.upper(tile, false);
    gemm(
        dw,
        values,
        Into::Add,
        ak.t(),
        Mat::rows(&scratch.d, len, values, values),
    );
    scratch.d.extend_from_slice(dy);

    gemm(&mut scratch.dz, keys, Into::Store, chunk.w(tile), dr);
    vectorise(|| leaving(tile, chunk, dstate, scratch));
    let d = Mat::rows(&scratch.d, 2 * len, values, values);
    gemm(&mut scratch.dm, 2 * len, Into::Store, d, chunk.w(tile).t());
    mask(len, &mut scratch.dm, &mut scratch.diagonals);
    let dm = Mat::rows(&scratch.dm, 2 * len, 2 * len, 2 * len);
    let state = Mat::rows(&scratch.state, values, keys, keys);
    gemm(&mut scratch.dx, keys, Into::Store, d, state);
    gemm(&mut scratch.dx, keys, Into::Add, dm, chunk.z(tile));
    gemm(&mut scratch.dz, keys, Into::Add, dm.t(), chunk.x(tile));
    gemm(dstate, keys, Into::Add, d.t(), chunk.x(tile));
    scale_columns(dstate, &chunk.enter);
    grads.zero(tile);
    grads.v.copy_from_slice(&scratch.dw[..len * values]);
    Arch::new().dispatch(Finish(tile, chunk, grads, scratch));
}

/// Starts the suffix sums with sum_v R o S_last = sum_v R~ o S~ + sum_j Z_j o (W R~)_j.
#[inline(always)]
fn leaving<T: Real>(tile: &Tile<T>, chunk: &Chunk<T>, dstate: &[T], scratch: &mut Scratch<T>) {
    scratch.suffix.clear();
    scratch.suffix.resize(tile.keys, 0.0);
    let pairs = [(dstate, &scratch.state[..]), (&chunk.z, &scratch.dz)];
    for (left, right) in pairs {
        let rows = left
            .chunks_exact(tile.keys)
            .zip(right.chunks_exact(tile.keys));
        for (left, right) in rows {
            for ((sum, &left), &right) in scratch.suffix.iter_mut().zip(left).zip(right) {
                *sum += (left * right).into_f64();
            }
        }
    }
}

/// Keeps dM below the diagonal and takes out the diagonals of its lower half.
fn mask<T: Real>(len: usize, dm: &mut [T], diagonals: &mut Vec<[T; 2]>) {
    diagonals.clear();
    for (i, row) in dm.chunks_mut(2 * len).enumerate() {
        let kept = i % len;
        if i >= len {
            diagonals.push([row[kept], row[len + kept]]);
        }
        row[kept..len].fill(T::zero());
        row[len + kept..].fill(T::zero());
    }
}

/// A task of its own type, like `chunk::Scaling`.
struct Finish<'a, T>(
    &'a Tile<T>,
    &'a Chunk<T>,
    &'a mut TileGradients<T>,
    &'a mut Scratch<T>,
);

impl<T: Real> WithSimd for Finish<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        finish(self.0, self.1, self.2, self.3);
    }
}

/// Gradients of the keys from dX and dZ, and of g by suffix sums.
#[inline(always)]
fn finish<T: Real>(
    tile: &Tile<T>,
    chunk: &Chunk<T>,
    grads: &mut TileGradients<T>,
    scratch: &mut Scratch<T>,
) {
    let (len, keys) = (tile.len, tile.keys);
    let suffix = &mut scratch.suffix[..keys];
    for i in (0..len).rev() {
        let row = i * keys..(i + 1) * keys;
        let lower = (len + i) * keys..(len + i + 1) * keys;
        let (exclusive, inclusive) = (
            &chunk.up[row.clone()],
            &chunk.up[(i + 1) * keys..(i + 2) * keys],
        );
        let down = &chunk.down[row.clone()];
        let [r, k, a, b] = [&tile.r, &tile.k, &tile.a, &tile.b].map(|x| &x[row.clone()]);
        let (dxa, dxr) = (&scratch.dx[row.clone()], &scratch.dx[lower.clone()]);
        let (dzk, dzb) = (&scratch.dz[row.clone()], &scratch.dz[lower]);
        let [rk, rb] = scratch.diagonals[i];
        let dr = &mut grads.r[row.clone()];
        let dg = &mut grads.g[row.clone()];
        let dk = &mut grads.k[row.clone()];
        let da = &mut grads.a[row.clone()];
        let db = &mut grads.b[row];
        for j in 0..keys {
            let (a_part, r_part) = (dxa[j] * exclusive[j], dxr[j] * inclusive[j]);
            let (k_part, b_part) = (dzk[j] * down[j], dzb[j] * down[j]);
            suffix[j] += (r[j] * r_part - k[j] * k_part - b[j] * b_part).into_f64();
            dg[j] = T::from_f64(suffix[j]);
            suffix[j] += (a[j] * a_part).into_f64();
            dr[j] = r_part + k[j] * rk + b[j] * rb;
            dk[j] = k_part + r[j] * rk;
            db[j] = b_part + r[j] * rb;
            da[j] = a_part;
        }
    }
}
