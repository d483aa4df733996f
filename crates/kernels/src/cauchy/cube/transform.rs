//! The real Fourier transform of rows of any length, in f64, a unit per result.
//!
//! With len = a b, l = l2 + b l1 and j = j1 + a j2, exp(2 pi i j l / len) is the product of
//! exp(2 pi i j2 l2 / b), exp(2 pi i j1 l2 / len) and exp(2 pi i j1 l1 / a): a transform is two passes of
//! sums over b and over a values, each a polynomial in a point of the unit circle (Horner's rule).
//! Half spectra do, since entry a - j1 of what stands between the passes is the conjugate of entry j1.

use crate::cube::{Complex, buffer, element, empty};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;
use std::f64::consts::PI;

/// Sizes of a transform.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Sizes {
    rows: usize,
    len: usize,
    /// a.
    outer: usize,
    /// b.
    inner: usize,
    /// Units with work.
    total: usize,
}

#[cube]
impl Sizes {
    /// Values j1 that are kept.
    fn half(&self) -> usize {
        self.outer / 2 + 1
    }

    /// Frequencies of a half spectrum.
    fn bins(&self) -> usize {
        self.len / 2 + 1
    }
}

/// exp(i pi m / len) for m in 0..2 len, real parts first.
#[cube(launch)]
fn turns_kernel(turns: &mut [f64], len: usize, pi: f64) {
    if ABSOLUTE_POS < 2 * len {
        let angle = f64::cast_from(ABSOLUTE_POS) * pi / f64::cast_from(len);
        let mut re = angle.cos();
        // Where it decides what is infinite.
        if 2 * ABSOLUTE_POS == len {
            re = f64::cast_from(0u32);
        }
        turns[ABSOLUTE_POS] = re;
        turns[2 * len + ABSOLUTE_POS] = angle.sin();
    }
}

/// exp(2 pi i m / len), m below len.
#[cube]
fn turn(turns: &[f64], m: usize, sizes: &Sizes) -> Complex {
    Complex::load::<f64>(turns, 2 * m, 2 * sizes.len)
}

/// `between` [2, row, l2, j1] from a half spectrum [2, row, bin]; entries that stand for two count twice.
#[cube(launch)]
fn inverse_inner(spectrum: &[f64], turns: &[f64], between: &mut [f64], sizes: Sizes) {
    if ABSOLUTE_POS < sizes.total {
        let l2 = ABSOLUTE_POS % sizes.inner;
        let rest = ABSOLUTE_POS / sizes.inner;
        let (j1, row) = (rest % sizes.half(), rest / sizes.half());
        let w = turn(turns, sizes.outer * l2, &sizes);
        let mut re = f64::cast_from(0u32);
        let mut im = f64::cast_from(0u32);
        for k in 0..sizes.inner {
            let j = j1 + sizes.outer * (sizes.inner - 1 - k);
            let mut at = j;
            let mut sign = f64::cast_from(1u32);
            if j >= sizes.bins() {
                at = sizes.len - j;
                sign = -f64::cast_from(1u32);
            }
            let at = row * sizes.bins() + at;
            let x = Complex::load::<f64>(spectrum, at, sizes.rows * sizes.bins());
            let old = re;
            re = old * w.re - im * w.im + x.re;
            im = old * w.im + im * w.re + x.im * sign;
        }
        let mut weight = f64::cast_from(2u32);
        if j1 == 0 || 2 * j1 == sizes.outer {
            weight = f64::cast_from(1u32);
        }
        let y = Complex::new(re, im).times(&turn(turns, j1 * l2, &sizes));
        let to = (row * sizes.inner + l2) * sizes.half() + j1;
        between[to] = y.re * weight;
        between[sizes.total + to] = y.im * weight;
    }
}

/// `values` [row, len] from `between`.
#[cube(launch)]
fn inverse_outer<A: Float>(
    between: &[f64],
    turns: &[f64],
    values: &mut [A],
    sizes: Sizes,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < sizes.total {
        let l1 = ABSOLUTE_POS % sizes.outer;
        let rest = ABSOLUTE_POS / sizes.outer;
        let (l2, row) = (rest % sizes.inner, rest / sizes.inner);
        let w = turn(turns, sizes.inner * l1, &sizes);
        let from = rest * sizes.half();
        let apart = sizes.rows * sizes.inner * sizes.half();
        let mut re = f64::cast_from(0u32);
        let mut im = f64::cast_from(0u32);
        for k in 0..sizes.half() {
            let y = Complex::load::<f64>(between, from + sizes.half() - 1 - k, apart);
            let old = re;
            re = old * w.re - im * w.im + y.re;
            im = old * w.im + im * w.re + y.im;
        }
        values[row * sizes.len + l2 + sizes.inner * l1] = A::cast_from(re);
    }
}

/// `between` [2, row, j1, l2] from `values` [row, len].
#[cube(launch)]
fn forward_outer<A: Float>(
    values: &[A],
    turns: &[f64],
    between: &mut [f64],
    sizes: Sizes,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < sizes.total {
        let l2 = ABSOLUTE_POS % sizes.inner;
        let rest = ABSOLUTE_POS / sizes.inner;
        let (j1, row) = (rest % sizes.half(), rest / sizes.half());
        let w = turn(turns, sizes.inner * j1, &sizes).conjugate();
        let mut re = f64::cast_from(0u32);
        let mut im = f64::cast_from(0u32);
        for k in 0..sizes.outer {
            let l1 = sizes.outer - 1 - k;
            let x = f64::cast_from(values[row * sizes.len + l2 + sizes.inner * l1]);
            let old = re;
            re = old * w.re - im * w.im + x;
            im = old * w.im + im * w.re;
        }
        between[ABSOLUTE_POS] = re;
        between[sizes.total + ABSOLUTE_POS] = im;
    }
}

/// A half spectrum [2, row, bin] from `between`; a unit per (row, j1, j2).
#[cube(launch)]
fn forward_inner(between: &[f64], turns: &[f64], spectrum: &mut [f64], sizes: Sizes) {
    if ABSOLUTE_POS < sizes.total {
        let count = sizes.inner / 2 + 1;
        let j2 = ABSOLUTE_POS % count;
        let rest = ABSOLUTE_POS / count;
        let (j1, row) = (rest % sizes.outer, rest / sizes.outer);
        let j = j1 + sizes.outer * j2;
        if j < sizes.bins() {
            let w = turn(turns, j, &sizes).conjugate();
            let mut own = j1;
            let mut sign = f64::cast_from(1u32);
            if j1 >= sizes.half() {
                own = sizes.outer - j1;
                sign = -f64::cast_from(1u32);
            }
            let from = (row * sizes.half() + own) * sizes.inner;
            let apart = sizes.rows * sizes.half() * sizes.inner;
            let mut re = f64::cast_from(0u32);
            let mut im = f64::cast_from(0u32);
            for k in 0..sizes.inner {
                let z = Complex::load::<f64>(between, from + sizes.inner - 1 - k, apart);
                let old = re;
                re = old * w.re - im * w.im + z.re;
                im = old * w.im + im * w.re + z.im * sign;
            }
            let to = row * sizes.bins() + j;
            spectrum[to] = re;
            spectrum[sizes.rows * sizes.bins() + to] = im;
        }
    }
}

/// The largest divisor of `len` that is at most its square root.
fn inner(len: usize) -> usize {
    let most = len.isqrt();
    let divisors = (1..=most).rev();
    divisors
        .into_iter()
        .find(|&b| len.is_multiple_of(b))
        .unwrap_or(1)
}

/// Transforms of `rows` rows of `len` values, both at least one.
pub(super) struct Transform {
    rows: usize,
    len: usize,
    inner: usize,
    /// exp(i pi m / len), [2, 2 len].
    pub turns: CubeTensor,
}

impl Transform {
    pub(super) fn new(like: &CubeTensor, rows: usize, len: usize) -> Self {
        let turns = empty(like, &[2, 2 * len], DType::F64);
        let (count, dim) = grid(&turns, 2 * len);
        turns_kernel::launch(&turns.client, count, dim, buffer(&turns, &turns), len, PI);
        Self {
            rows,
            len,
            inner: inner(len),
            turns,
        }
    }

    /// Frequencies of a half spectrum.
    pub(super) fn bins(&self) -> usize {
        self.len / 2 + 1
    }

    fn outer(&self) -> usize {
        self.len / self.inner
    }

    fn sizes(&self, total: usize) -> SizesLaunch {
        SizesLaunch::new(self.rows, self.len, self.outer(), self.inner, total)
    }

    /// Elements of one part of what stands between the passes.
    fn between(&self) -> usize {
        self.rows * (self.outer() / 2 + 1) * self.inner
    }

    /// x_l = sum over the full spectrum of X_j exp(2 pi i j l / len), [row, len], of a half spectrum
    /// [2, row, bin] that is real at 0 and at len / 2.
    pub(super) fn inverse(&self, spectrum: &CubeTensor, dtype: DType) -> CubeTensor {
        let turns = &self.turns;
        let between = empty(turns, &[2, self.between()], DType::F64);
        let (count, dim) = grid(turns, self.between());
        inverse_inner::launch(
            &turns.client,
            count,
            dim,
            buffer(spectrum, turns),
            buffer(turns, turns),
            buffer(&between, turns),
            self.sizes(self.between()),
        );
        let values = empty(turns, &[self.rows, self.len], dtype);
        let total = self.rows * self.len;
        let (count, dim) = grid(turns, total);
        inverse_outer::launch(
            &turns.client,
            count,
            dim,
            buffer(&between, turns),
            buffer(turns, turns),
            buffer(&values, turns),
            self.sizes(total),
            element(dtype),
        );
        values
    }

    /// X_j = sum_l x_l exp(-2 pi i j l / len), j = 0..=len/2, [2, row, bin], of `values` [row, len].
    pub(super) fn forward(&self, values: &CubeTensor) -> CubeTensor {
        let turns = &self.turns;
        let between = empty(turns, &[2, self.between()], DType::F64);
        let (count, dim) = grid(turns, self.between());
        forward_outer::launch(
            &turns.client,
            count,
            dim,
            buffer(values, turns),
            buffer(turns, turns),
            buffer(&between, turns),
            self.sizes(self.between()),
            element(values.dtype),
        );
        let spectrum = empty(turns, &[2, self.rows, self.bins()], DType::F64);
        let total = self.rows * self.outer() * (self.inner / 2 + 1);
        let (count, dim) = grid(turns, total);
        forward_inner::launch(
            &turns.client,
            count,
            dim,
            buffer(&between, turns),
            buffer(turns, turns),
            buffer(&spectrum, turns),
            self.sizes(total),
        );
        spectrum
    }
}

/// A unit per element.
pub(super) fn grid(like: &CubeTensor, total: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new(&like.client, total);
    let count = calculate_cube_count_elemwise(&like.client, total, dim);
    (count, dim)
}

#[cfg(test)]
mod tests {
    use super::inner;

    #[test]
    fn inner_when_lengths_are_awkward_divides_and_is_no_more_than_the_root() {
        for len in 1..400 {
            let b = inner(len);
            assert!(len.is_multiple_of(b) && b * b <= len, "{len}: {b}");
        }
        assert_eq!(
            [inner(16_384), inner(2048), inner(1000), inner(97)],
            [128, 32, 25, 1]
        );
    }
}
