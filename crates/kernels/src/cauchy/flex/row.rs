//! One row of the result and its gradient.

use super::nodes::{Nodes, Reciprocals};
use crate::cauchy::reference::solve;
use crate::float::Real;
use crate::fourier::{Complex, Fourier, RealFft};
use crate::gemm::{Into, Mat, gemm};
use realfft::num_complex::Complex64;

const ZERO: Complex64 = Complex64::new(0.0, 0.0);
const I: Complex64 = Complex64::new(0.0, 1.0);

/// left = (c, conj P_1, ..), right = (b, P_1, ..), each [rank + 1][state]; lambda times dt.
pub(super) struct Row {
    pub left: Vec<Vec<Complex64>>,
    pub right: Vec<Vec<Complex64>>,
    pub lambda: Vec<Complex64>,
    pub dt: f64,
}

/// Gradients of what a [`Row`] holds (`lambda` as it stands there, `dt` where it multiplies left and
/// right).
pub(super) struct RowGradients {
    pub left: Vec<Vec<Complex64>>,
    pub right: Vec<Vec<Complex64>>,
    pub lambda: Vec<Complex64>,
    pub dt: f64,
}

/// At one node: s_00, s_01, s_10, s_11 of the text without the factor exp(i t / 2) / 2.
struct Sums {
    corner: Complex64,
    row: Vec<Complex64>,
    column: Vec<Complex64>,
    matrix: Vec<Vec<Complex64>>,
}

impl Row {
    fn size(&self) -> usize {
        self.left.len()
    }

    /// v_ij = dt left_i right_j.
    fn product(&self, i: usize, j: usize, n: usize) -> Complex64 {
        self.left[i][n] * self.right[j][n] * self.dt
    }

    /// Re v and Re(v conj lambda) of all (i, j), [2 ij | 2 ij + 1, state].
    fn weights<T: Real>(&self) -> Vec<T> {
        let (size, state) = (self.size(), self.lambda.len());
        let mut weights = Vec::with_capacity(2 * size * size * state);
        for ij in 0..size * size {
            let v: Vec<Complex64> = (0..state)
                .map(|n| self.product(ij / size, ij % size, n))
                .collect();
            weights.extend(v.iter().map(|v| <T as Real>::from_f64(v.re)));
            let pairs = v.iter().zip(&self.lambda);
            weights.extend(pairs.map(|(v, lambda)| <T as Real>::from_f64((v * lambda.conj()).re)));
        }
        weights
    }

    /// d_ij = 4 i sin U_ij - 2 cos W_ij at node `j`, from the sums of both kinds of weights.
    fn sums<T: Real>(&self, nodes: &Nodes, all: &(Vec<T>, Vec<T>), j: usize) -> Sums {
        let (size, count) = (self.size(), nodes.count());
        let value = |index: usize| {
            let at = index * count + j;
            Complex64::new(all.0[at].into_f64(), all.1[at].into_f64())
        };
        let d = |i: usize, k: usize| {
            let ij = 2 * (i * size + k);
            I * value(ij) * (4.0 * nodes.sin[j]) - value(ij + 1) * (2.0 * nodes.cos[j])
        };
        Sums {
            corner: d(0, 0),
            row: (1..size).map(|k| d(0, k)).collect(),
            column: (1..size).map(|i| d(i, 0)).collect(),
            matrix: (1..size)
                .map(|i| (1..size).map(|k| d(i, k)).collect())
                .collect(),
        }
    }

    /// The kernel, `out` [len].
    pub(super) fn kernel<T: Fourier>(
        &self,
        nodes: &Nodes,
        reciprocals: &Reciprocals<T>,
        fft: &RealFft<T>,
        out: &mut [T],
    ) {
        let all = reciprocals.sums(&self.weights(), 2 * self.size() * self.size());
        let scale = 1.0 / out.len() as f64;
        let mut spectrum: Vec<Complex<T>> = (0..nodes.count())
            .map(|j| {
                let sums = self.sums(nodes, &all, j);
                let turn = Complex64::new(nodes.cos[j], nodes.sin[j]);
                let value = turn * sums.value(nodes.cos[j]) * scale;
                Complex::new(
                    <T as Real>::from_f64(value.re),
                    <T as Real>::from_f64(value.im),
                )
            })
            .collect();
        fft.inverse(&mut spectrum, out, &mut fft.scratch());
    }

    /// Gradients from that of the kernel, `grad` [len].
    pub(super) fn gradients<T: Fourier>(
        &self,
        nodes: &Nodes,
        reciprocals: &Reciprocals<T>,
        fft: &RealFft<T>,
        grad: &[T],
    ) -> RowGradients {
        let weights = self.weights::<T>();
        let rows = 2 * self.size() * self.size();
        let all = reciprocals.sums(&weights, rows);
        let (count, len) = (nodes.count(), grad.len());
        let mut spectrum = vec![Complex::new(T::zero(), T::zero()); count];
        fft.forward(&mut grad.to_vec(), &mut spectrum, &mut fft.scratch());
        let (mut a_re, mut a_im) = (vec![T::zero(); rows * count], vec![T::zero(); rows * count]);
        for (j, bin) in spectrum.iter().enumerate() {
            // The loss moves as Re sum_j h_j dK_j; inner nodes stand for their conjugates, too.
            let once = j == 0 || 2 * j == len;
            let weight = if once { 1.0 } else { 2.0 } / len as f64;
            let h = Complex64::new(bin.re.into_f64(), -bin.im.into_f64()) * weight;
            let (sin, cos) = (nodes.sin[j], nodes.cos[j]);
            let h = h * Complex64::new(cos, sin);
            let cotangents = self.sums(nodes, &all, j).cotangents(cos, h);
            for (ij, gamma) in cotangents.into_iter().enumerate() {
                let pair = [I * gamma * (4.0 * sin), gamma * (-2.0 * cos)];
                for (kind, value) in pair.into_iter().enumerate() {
                    a_re[(2 * ij + kind) * count + j] = <T as Real>::from_f64(value.re);
                    a_im[(2 * ij + kind) * count + j] = <T as Real>::from_f64(value.im);
                }
            }
        }
        let by_weight = reciprocals.transposed((&a_re, &a_im));
        let by_pole = self.by_pole(nodes, reciprocals, &weights, (&a_re, &a_im));
        self.collect(&by_weight, &by_pole)
    }

    /// Gradients of |lambda|^2 and Re lambda, through the reciprocals.
    fn by_pole<T: Real>(
        &self,
        nodes: &Nodes,
        reciprocals: &Reciprocals<T>,
        weights: &[T],
        a: (&[T], &[T]),
    ) -> Vec<(f64, f64)> {
        let (state, count) = (self.lambda.len(), nodes.count());
        let rows = 2 * self.size() * self.size();
        // The cotangent of R_nj is sum_m weights_mn a_mj.
        let cotangent = |part| {
            let mut out = vec![T::zero(); state * count];
            let weights = Mat::rows(weights, rows, state, state).t();
            let part = Mat::rows(part, rows, count, count);
            gemm(&mut out, count, Into::Store, weights, part);
            out
        };
        if state == 0 {
            return Vec::new();
        }
        let (e_re, e_im) = (cotangent(a.0), cotangent(a.1));
        (0..state)
            .map(|n| {
                let (mut size, mut real) = (0.0, 0.0);
                for j in 0..count {
                    let at = n * count + j;
                    let (sin, cos) = (nodes.sin[j], nodes.cos[j]);
                    let r = Complex64::new(
                        reciprocals.re[at].into_f64(),
                        reciprocals.im[at].into_f64(),
                    );
                    let e = Complex64::new(e_re[at].into_f64(), e_im[at].into_f64());
                    // dR = -R^2 (cos^2 d|lambda|^2 - 4 i sin cos dRe)
                    let moved = r * r * e;
                    size -= cos * cos * moved.re;
                    real -= 4.0 * sin * cos * moved.im;
                }
                (size, real)
            })
            .collect()
    }

    /// From weights (Re v, Re(v conj lambda)) and poles to left, right, lambda, dt.
    fn collect<T: Real>(&self, by_weight: &[T], by_pole: &[(f64, f64)]) -> RowGradients {
        let (size, state) = (self.size(), self.lambda.len());
        let mut out = RowGradients {
            left: vec![vec![ZERO; state]; size],
            right: vec![vec![ZERO; state]; size],
            lambda: vec![ZERO; state],
            dt: 0.0,
        };
        for n in 0..state {
            let lambda = self.lambda[n];
            let (square, real) = by_pole[n];
            out.lambda[n] = lambda * (2.0 * square) + real;
            for ij in 0..size * size {
                let (i, j) = (ij / size, ij % size);
                let first = by_weight[2 * ij * state + n].into_f64();
                let second = by_weight[(2 * ij + 1) * state + n].into_f64();
                let dv = lambda * second + first;
                out.lambda[n] += self.product(i, j, n) * second;
                let (left, right) = (self.left[i][n], self.right[j][n]);
                out.left[i][n] += dv * right.conj() * self.dt;
                out.right[j][n] += dv * left.conj() * self.dt;
                out.dt += (dv.conj() * left * right).re;
            }
        }
        out
    }
}

impl Sums {
    /// I + cos d_11.
    fn bordered(&self, cos: f64) -> Vec<Vec<Complex64>> {
        let rows = self.matrix.iter().enumerate();
        rows.map(|(i, row)| {
            let values = row.iter().enumerate();
            values
                .map(|(j, v)| v * cos + if i == j { 1.0 } else { 0.0 })
                .collect()
        })
        .collect()
    }

    /// d_00 - cos d_01 (I + cos d_11)^-1 d_10.
    fn value(&self, cos: f64) -> Complex64 {
        let solved = solve(self.bordered(cos), self.column.clone());
        let correction: Complex64 = self.row.iter().zip(&solved).map(|(a, b)| a * b).sum();
        self.corner - correction * cos
    }

    /// h times the derivatives of [`Sums::value`] with respect to d_ij, row by row.
    fn cotangents(&self, cos: f64, h: Complex64) -> Vec<Complex64> {
        let rank = self.row.len();
        let bordered = self.bordered(cos);
        let flipped = (0..rank)
            .map(|i| (0..rank).map(|j| bordered[j][i]).collect())
            .collect();
        let right = solve(bordered, self.column.clone());
        let left = solve(flipped, self.row.clone());
        let mut out = vec![h];
        out.extend(right.iter().map(|x| -h * x * cos));
        for y in &left {
            out.push(-h * y * cos);
            out.extend(right.iter().map(|x| h * y * x * (cos * cos)));
        }
        out
    }
}
