//! Products with HiPPO matrices in linear time.
//!
//! LegS, LegT and LagT are semiseparable of rank one on each side of the diagonal, so that a
//! product is a prefix sum; the Fourier families are rotations plus a rank-one term.

use super::{Family, HippoMatrix, alternate, fourier_weight, root, square};
use crate::error::expect_length;
use crate::{Cost, Matrix, StructureError, StructuredMatrix};

impl StructuredMatrix for HippoMatrix {
    fn shape(&self) -> (usize, usize) {
        (self.state, self.state)
    }

    fn dense(&self) -> Matrix {
        square(self.state, |n, k| self.entry(n, k))
    }

    fn matvec(&self, x: &[f64]) -> Result<Vec<f64>, StructureError> {
        expect_length("HippoMatrix::matvec", "x", self.state, x.len())?;
        Ok(match self.family {
            Family::LegS => prefix(x, root, |n, before, x_n| {
                -root(n) * before - (n + 1) as f64 * x_n
            }),
            Family::LagT => prefix(x, |_| 1.0, |_, before, x_n| -before - 0.5 * x_n),
            Family::LegT => self.legendre_window(x, 1.0),
            _ => self.fourier(x, 1.0),
        })
    }

    fn transpose_matvec(&self, y: &[f64]) -> Result<Vec<f64>, StructureError> {
        expect_length("HippoMatrix::transpose_matvec", "y", self.state, y.len())?;
        Ok(match self.family {
            Family::LegS => suffix(y, root, |n, after, y_n| {
                -root(n) * after - (n + 1) as f64 * y_n
            }),
            Family::LagT => suffix(y, |_| 1.0, |_, after, y_n| -after - 0.5 * y_n),
            Family::LegT => self.legendre_window(y, -1.0),
            _ => self.fourier(y, -1.0),
        })
    }

    fn cost(&self) -> Cost {
        let per_element = match self.family {
            Family::LegS | Family::LagT => 3,
            Family::LegT => 6,
            Family::FouT | Family::FouS => 4,
            Family::FouD => 2,
        };
        Cost {
            multiply_adds: per_element * self.state as u64,
            bytes: size_of::<Self>() as u64,
        }
    }
}

impl HippoMatrix {
    /// LegT, or its transpose for `direction = -1`: the signs `(-1)^(n-k)` then stand below the
    /// diagonal instead of above it.
    fn legendre_window(&self, x: &[f64], direction: f64) -> Vec<f64> {
        let (plain_sign, alternating) = (1.0, -1.0);
        let (below, above) = if direction > 0.0 {
            (plain_sign, alternating)
        } else {
            (alternating, plain_sign)
        };
        let sign = |kind: f64, n: usize| if kind > 0.0 { 1.0 } else { alternate(n) };
        let lower = prefix(
            x,
            |k| sign(below, k) * root(k),
            |n, before, _| sign(below, n) * root(n) * before,
        );
        let upper = suffix(
            x,
            |k| sign(above, k) * root(k),
            |n, after, _| sign(above, n) * root(n) * after,
        );
        let sides = lower.iter().zip(&upper).zip(x).enumerate();
        sides
            .map(|(n, ((lower, upper), x_n))| {
                -(lower + upper + (2 * n + 1) as f64 * x_n) / self.window
            })
            .collect()
    }

    /// A Fourier family, or its transpose for `direction = -1`: the rotations then turn backwards.
    fn fourier(&self, x: &[f64], direction: f64) -> Vec<f64> {
        let damping = if self.family == Family::FouD {
            0.5
        } else {
            0.0
        };
        let weighted = |(n, value): (usize, &f64)| fourier_weight(n) * value;
        let jump = self.boundary() * x.iter().enumerate().map(weighted).sum::<f64>();
        let mut y = Vec::with_capacity(x.len());
        for (m, pair) in x.chunks_exact(2).enumerate() {
            let turn = direction * self.frequency(m);
            y.push(-turn * pair[1] - damping * pair[0] - jump * fourier_weight(2 * m));
            y.push(turn * pair[0] - damping * pair[1]);
        }
        y
    }
}

/// `y_n = finish(n, sum_{k<n} weight(k) x_k, x_n)`.
fn prefix(
    x: &[f64],
    weight: impl Fn(usize) -> f64,
    finish: impl Fn(usize, f64, f64) -> f64,
) -> Vec<f64> {
    let mut before = 0.0;
    let mut y = Vec::with_capacity(x.len());
    for (n, &x_n) in x.iter().enumerate() {
        y.push(finish(n, before, x_n));
        before += weight(n) * x_n;
    }
    y
}

/// `y_n = finish(n, sum_{k>n} weight(k) x_k, x_n)`.
fn suffix(
    x: &[f64],
    weight: impl Fn(usize) -> f64,
    finish: impl Fn(usize, f64, f64) -> f64,
) -> Vec<f64> {
    let mut after = 0.0;
    let mut y = vec![0.0; x.len()];
    for (n, &x_n) in x.iter().enumerate().rev() {
        y[n] = finish(n, after, x_n);
        after += weight(n) * x_n;
    }
    y
}
