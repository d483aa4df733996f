//! The real Fourier transform of rows of any length, in f64.
//!
//! With len = a b, l = l2 + b l1 and j = j1 + a j2, exp(2 pi i j l / len) is the product of
//! exp(2 pi i j2 l2 / b), exp(2 pi i j1 l2 / len) and exp(2 pi i j1 l1 / a): a transform is two passes of
//! sums over b and over a values, each a polynomial in a point of the unit circle (Horner's rule).
//! Half spectra do, since entry a - j1 of what stands between the passes is the conjugate of entry j1.

use super::passes::{self, SizesLaunch};
use crate::cube::{buffer, element, empty, grid};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use std::f64::consts::PI;

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
        let (count, dim) = grid(&turns.client, 2 * len);
        passes::turns_kernel::launch(&turns.client, count, dim, buffer(&turns, &turns), len, PI);
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
        let (count, dim) = grid(&turns.client, self.between());
        passes::inverse_inner::launch(
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
        let (count, dim) = grid(&turns.client, total);
        passes::inverse_outer::launch(
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
        let (count, dim) = grid(&turns.client, self.between());
        passes::forward_outer::launch(
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
        let (count, dim) = grid(&turns.client, total);
        passes::forward_inner::launch(
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
