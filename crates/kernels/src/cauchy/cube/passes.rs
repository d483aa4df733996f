//! The kernels of the transform, a unit per result.

use crate::cube::Complex;
use cubecl::prelude::*;

/// Sizes of a transform.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Sizes {
    pub rows: usize,
    pub len: usize,
    /// a.
    pub outer: usize,
    /// b.
    pub inner: usize,
    /// Units with work.
    pub total: usize,
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
pub(super) fn turns_kernel(turns: &mut [f64], len: usize, pi: f64) {
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
pub(super) fn inverse_inner(spectrum: &[f64], turns: &[f64], between: &mut [f64], sizes: Sizes) {
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
pub(super) fn inverse_outer<A: Float>(
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
pub(super) fn forward_outer<A: Float>(
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
pub(super) fn forward_inner(between: &[f64], turns: &[f64], spectrum: &mut [f64], sizes: Sizes) {
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
