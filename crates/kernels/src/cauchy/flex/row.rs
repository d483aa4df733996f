//! One row of the result and its gradient.

use super::nodes::{Nodes, Reciprocals};
use crate::cauchy::MAX_RANK;
use crate::float::{Real, dot, vectorise};
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

/// Rows and columns at one node.
const SIZE: usize = MAX_RANK + 1;

/// At one node: d_ij, the sums of the text without the factor exp(i t / 2) / 2.
struct Sums {
    d: [[Complex64; SIZE]; SIZE],
    rank: usize,
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
        let mut d = [[ZERO; SIZE]; SIZE];
        for (i, row) in d.iter_mut().enumerate().take(size) {
            for (k, d) in row.iter_mut().enumerate().take(size) {
                let ij = 2 * (i * size + k);
                *d = I * value(ij) * (4.0 * nodes.sin[j]) - value(ij + 1) * (2.0 * nodes.cos[j]);
            }
        }
        Sums { d, rank: size - 1 }
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
            for ij in 0..self.size() * self.size() {
                let gamma = cotangents[ij / self.size()][ij % self.size()];
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
        let (mut re, mut im) = (vec![T::zero(); count], vec![T::zero(); count]);
        let by = |part: &dyn Fn(f64, f64) -> f64| -> Vec<T> {
            let halves = nodes.sin.iter().zip(&nodes.cos);
            let values = halves.map(|(&sin, &cos)| <T as Real>::from_f64(part(sin, cos)));
            values.collect()
        };
        let (by_size, by_real) = (by(&|_, cos| -cos * cos), by(&|sin, cos| -4.0 * sin * cos));
        (0..state)
            .map(|n| {
                let own = n * count..(n + 1) * count;
                let r = (&reciprocals.re[own.clone()], &reciprocals.im[own.clone()]);
                let e = (&e_re[own.clone()], &e_im[own]);
                // dR = -R^2 (cos^2 d|lambda|^2 - 4 i sin cos dRe)
                vectorise(|| {
                    square_times(r, e, (&mut re, &mut im));
                    (dot(&by_size, &re).into_f64(), dot(&by_real, &im).into_f64())
                })
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

/// R^2 E at every node.
#[inline(always)]
fn square_times<T: Real>(r: (&[T], &[T]), e: (&[T], &[T]), out: (&mut [T], &mut [T])) {
    for j in 0..out.0.len() {
        let (r_re, r_im) = (r.0[j], r.1[j]);
        let (re, im) = (r_re * r_re - r_im * r_im, r_re * r_im + r_re * r_im);
        out.0[j] = re * e.0[j] - im * e.1[j];
        out.1[j] = re * e.1[j] + im * e.0[j];
    }
}

impl Sums {
    /// (I + cos d_11)^-1.
    fn inverse(&self, cos: f64) -> [[Complex64; MAX_RANK]; MAX_RANK] {
        let one = Complex64::new(1.0, 0.0);
        let (a, b) = (self.d[1][1] * cos + one, self.d[1][2] * cos);
        let (c, d) = (self.d[2][1] * cos, self.d[2][2] * cos + one);
        // Rows and columns beyond the rank are zero, which leaves the inverse of the others alone.
        let det = (a * d - b * c).inv();
        [[d * det, -b * det], [-c * det, a * det]]
    }

    /// (I + cos d_11)^-1 d_10, and d_01 (I + cos d_11)^-1.
    fn sides(&self, cos: f64) -> [[Complex64; MAX_RANK]; 2] {
        let inverse = self.inverse(cos);
        let mut sides = [[ZERO; MAX_RANK]; 2];
        for (i, row) in inverse.iter().enumerate() {
            for (j, w) in row.iter().enumerate() {
                sides[0][i] += w * self.d[j + 1][0];
                sides[1][j] += self.d[0][i + 1] * w;
            }
        }
        sides
    }

    /// d_00 - cos d_01 (I + cos d_11)^-1 d_10.
    fn value(&self, cos: f64) -> Complex64 {
        let [right, _] = self.sides(cos);
        let terms = self.d[0][1..].iter().zip(&right);
        self.d[0][0] - terms.map(|(a, b)| a * b).sum::<Complex64>() * cos
    }

    /// h times the derivatives of [`Sums::value`] with respect to d_ij.
    fn cotangents(&self, cos: f64, h: Complex64) -> [[Complex64; SIZE]; SIZE] {
        let [right, left] = self.sides(cos);
        let mut out = [[ZERO; SIZE]; SIZE];
        out[0][0] = h;
        for i in 0..self.rank {
            out[0][i + 1] = -h * right[i] * cos;
            out[i + 1][0] = -h * left[i] * cos;
            for j in 0..self.rank {
                out[i + 1][j + 1] = h * left[i] * right[j] * (cos * cos);
            }
        }
        out
    }
}
