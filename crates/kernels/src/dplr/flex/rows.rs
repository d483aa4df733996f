//! One position for four rows of the state: the innermost loops of `recurrent`.

use super::tile::{ROWS, Tile};
use super::vector::Vector;
use pulp::Simd;

/// The keys of one position, as vectors.
pub(super) struct Step<'a, V> {
    pub r: &'a [V],
    pub w: &'a [V],
    pub k: &'a [V],
    pub a: &'a [V],
    pub b: &'a [V],
}

impl<'a, V> Step<'a, V> {
    #[inline(always)]
    pub(super) fn new<S: Simd, T: Vector<V<S> = V>>(
        tile: &'a Tile<T>,
        keys: usize,
        i: usize,
    ) -> Self {
        Self {
            r: T::cast::<S>(&tile.r[i * keys..][..keys]),
            w: T::cast::<S>(&tile.w[i * keys..][..keys]),
            k: T::cast::<S>(&tile.k[i * keys..][..keys]),
            a: T::cast::<S>(&tile.a[i * keys..][..keys]),
            b: T::cast::<S>(&tile.b[i * keys..][..keys]),
        }
    }
}

/// What the backward pass of one position knows about four rows.
pub(super) struct Local<'a, T, V> {
    pub before: &'a [V],
    pub after: &'a [V],
    pub v: [T; ROWS],
    pub u: [T; ROWS],
    pub dy: [T; ROWS],
}

/// Gradients over the keys of one position, summed over all rows.
pub(super) struct Sums<'a, V> {
    pub r: &'a mut [V],
    pub w: &'a mut [V],
    pub k: &'a mut [V],
    pub a: &'a mut [V],
    pub b: &'a mut [V],
}

/// The four rows as separate slices of one known length.
#[inline(always)]
fn split<V>(rows: &[V], width: usize) -> [&[V]; ROWS] {
    let row = |i: usize| &rows[i * width..][..width];
    [row(0), row(1), row(2), row(3)]
}

/// The four rows as separate slices of one known length.
#[inline(always)]
fn split_mut<V>(rows: &mut [V], width: usize) -> [&mut [V]; ROWS] {
    let (first, rest) = rows.split_at_mut(width);
    let (second, rest) = rest.split_at_mut(width);
    let (third, fourth) = rest.split_at_mut(width);
    [first, second, third, &mut fourth[..width]]
}

#[inline(always)]
fn splat_rows<S: Simd, T: Vector>(simd: S, values: [T; ROWS]) -> [T::V<S>; ROWS] {
    let [a, b, c, d] = values;
    [
        T::v_splat(simd, a),
        T::v_splat(simd, b),
        T::v_splat(simd, c),
        T::v_splat(simd, d),
    ]
}

#[inline(always)]
fn sum_rows<S: Simd, T: Vector>(simd: S, sums: [T::V<S>; ROWS]) -> [T; ROWS] {
    let [a, b, c, d] = sums;
    [
        T::v_sum(simd, a),
        T::v_sum(simd, b),
        T::v_sum(simd, c),
        T::v_sum(simd, d),
    ]
}

/// One position for four rows, from S_{t-1} to S_t; returns (u, y), y only if `Y`.
#[inline(always)]
pub(super) fn advance_rows<S: Simd, T: Vector, const Y: bool>(
    simd: S,
    before: &[T::V<S>],
    after: &mut [T::V<S>],
    step: &Step<'_, T::V<S>>,
    v: [T; ROWS],
) -> ([T; ROWS], [T; ROWS]) {
    let width = step.a.len();
    let (before, after) = (split(before, width), split_mut(after, width));
    let Step { r, w, k, a, b } = step;
    let zero = splat_rows(simd, [T::zero(); ROWS]);
    let mut sums = zero;
    for c in 0..width {
        for i in 0..ROWS {
            sums[i] = T::v_fma(simd, before[i][c], a[c], sums[i]);
        }
    }
    let read = sum_rows::<S, T>(simd, sums);
    let (u, v) = (splat_rows(simd, read), splat_rows(simd, v));
    let mut sums = zero;
    for c in 0..width {
        for i in 0..ROWS {
            let decayed = T::v_mul(simd, before[i][c], w[c]);
            let written = T::v_fma(simd, v[i], k[c], decayed);
            let value = T::v_fma(simd, u[i], b[c], written);
            after[i][c] = value;
            if Y {
                sums[i] = T::v_fma(simd, value, r[c], sums[i]);
            }
        }
    }
    (read, sum_rows::<S, T>(simd, sums))
}

/// One position for four rows in reverse; returns dv.
#[inline(always)]
pub(super) fn reverse_rows<S: Simd, T: Vector>(
    simd: S,
    dstate: &mut [T::V<S>],
    step: &Step<'_, T::V<S>>,
    local: &Local<'_, T, T::V<S>>,
    out: Sums<'_, T::V<S>>,
) -> [T; ROWS] {
    let width = step.a.len();
    let rows = split_mut(dstate, width);
    let Step { r, w, k, a, b } = step;
    let dy = splat_rows(simd, local.dy);
    let zero = splat_rows(simd, [T::zero(); ROWS]);
    let (mut du, mut dv) = (zero, zero);
    for c in 0..width {
        for i in 0..ROWS {
            let value = T::v_fma(simd, dy[i], r[c], rows[i][c]);
            rows[i][c] = value;
            du[i] = T::v_fma(simd, value, b[c], du[i]);
            dv[i] = T::v_fma(simd, value, k[c], dv[i]);
        }
    }
    let dv = sum_rows::<S, T>(simd, dv);
    let du = splat_rows(simd, sum_rows::<S, T>(simd, du));
    let (u, v) = (splat_rows(simd, local.u), splat_rows(simd, local.v));
    let (before, after) = (split(local.before, width), split(local.after, width));
    let Sums {
        r: dr,
        w: dw,
        k: dk,
        a: da,
        b: db,
    } = out;
    for c in 0..width {
        let (mut sr, mut sw) = (dr[c], dw[c]);
        let (mut sk, mut sa, mut sb) = (dk[c], da[c], db[c]);
        for i in 0..ROWS {
            let (before, after) = (before[i][c], after[i][c]);
            let value = rows[i][c];
            sr = T::v_fma(simd, after, dy[i], sr);
            sw = T::v_fma(simd, before, value, sw);
            sk = T::v_fma(simd, value, v[i], sk);
            sb = T::v_fma(simd, value, u[i], sb);
            sa = T::v_fma(simd, before, du[i], sa);
            let decayed = T::v_mul(simd, value, w[c]);
            rows[i][c] = T::v_fma(simd, du[i], a[c], decayed);
        }
        (dr[c], dw[c], dk[c]) = (sr, sw, sk);
        (da[c], db[c]) = (sa, sb);
    }
    dv
}
