//! The generating function in f64, node by node and pole by pole, and a plain inverse transform.

use super::CauchyShape;
use realfft::num_complex::Complex64;

/// Inputs of [`cauchy`] as slices; complex ones as (real, imaginary).
#[derive(Debug, Clone, Copy)]
pub struct CauchySlices<'a> {
    /// [channel, state].
    pub lambda: (&'a [f64], &'a [f64]),
    /// [rank, channel, state].
    pub p: (&'a [f64], &'a [f64]),
    /// [row, state].
    pub b: (&'a [f64], &'a [f64]),
    /// [row, state].
    pub c: (&'a [f64], &'a [f64]),
    /// `[channel]`.
    pub dt: &'a [f64],
}

fn slice(pair: (&[f64], &[f64]), start: usize, count: usize) -> Vec<Complex64> {
    (start..start + count)
        .map(|at| Complex64::new(pair.0[at], pair.1[at]))
        .collect()
}

/// k [row, len].
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn cauchy(input: CauchySlices<'_>, shape: CauchyShape) -> Vec<f64> {
    let CauchyShape { state, len, .. } = shape;
    let mut kernel = Vec::with_capacity(shape.rows * len);
    for row in 0..shape.rows {
        let channel = row % shape.channels;
        let lambda = slice(input.lambda, channel * state, state);
        let mut left = vec![slice(input.c, row * state, state)];
        let mut right = vec![slice(input.b, row * state, state)];
        for i in 0..shape.rank {
            let p = slice(input.p, (i * shape.channels + channel) * state, state);
            left.push(p.iter().map(|p| p.conj()).collect());
            right.push(p);
        }
        let spectrum: Vec<Complex64> = (0..len)
            .map(|j| {
                let turn = -std::f64::consts::TAU * j as f64 / len as f64;
                let w = Complex64::from_polar(1.0, turn);
                node(w, &lambda, (&left, &right), input.dt[channel])
            })
            .collect();
        for l in 0..len {
            let sum: Complex64 = spectrum
                .iter()
                .enumerate()
                .map(|(j, value)| {
                    let turn = std::f64::consts::TAU * (j * l % len) as f64 / len as f64;
                    value * Complex64::from_polar(1.0, turn)
                })
                .sum();
            kernel.push(sum.re / len as f64);
        }
    }
    kernel
}

/// The generating function at `w`.
fn node(
    w: Complex64,
    lambda: &[Complex64],
    (left, right): (&[Vec<Complex64>], &[Vec<Complex64>]),
    dt: f64,
) -> Complex64 {
    let one = Complex64::new(1.0, 0.0);
    let sum = |i: usize, j: usize| -> Complex64 {
        (0..lambda.len())
            .map(|n| {
                let v = left[i][n] * right[j][n] * dt;
                let over = |v: Complex64, lambda: Complex64| {
                    v / ((one - w) * 2.0 - lambda * dt * (one + w))
                };
                over(v, lambda[n]) + over(v.conj(), lambda[n].conj())
            })
            .sum()
    };
    let rank = left.len() - 1;
    let matrix: Vec<Vec<Complex64>> = (0..rank)
        .map(|i| {
            let row = (0..rank).map(|j| (one + w) * sum(i + 1, j + 1));
            row.enumerate()
                .map(|(j, v)| if i == j { v + one } else { v })
                .collect()
        })
        .collect();
    let column: Vec<Complex64> = (0..rank).map(|i| sum(i + 1, 0)).collect();
    let solved = solve(matrix, column);
    let correction: Complex64 = (0..rank).map(|j| sum(0, j + 1) * solved[j]).sum();
    (sum(0, 0) - (one + w) * correction) * 2.0
}

/// x with matrix x = column, by elimination with row exchange.
fn solve(mut matrix: Vec<Vec<Complex64>>, mut column: Vec<Complex64>) -> Vec<Complex64> {
    let size = column.len();
    for k in 0..size {
        let best =
            (k..size).max_by(|&i, &j| matrix[i][k].norm_sqr().total_cmp(&matrix[j][k].norm_sqr()));
        let best = best.unwrap_or(k);
        matrix.swap(k, best);
        column.swap(k, best);
        let (pivot, above) = (matrix[k].clone(), column[k]);
        for i in k + 1..size {
            let factor = matrix[i][k] / pivot[k];
            for (value, pivot) in matrix[i].iter_mut().zip(&pivot).skip(k) {
                *value -= factor * pivot;
            }
            column[i] -= factor * above;
        }
    }
    for k in (0..size).rev() {
        let known: Complex64 = (k + 1..size).map(|j| matrix[k][j] * column[j]).sum();
        column[k] = (column[k] - known) / matrix[k][k];
    }
    column
}
