//! What one channel's sums are made of: nodes on the half circle and reciprocals at them.

use crate::float::{Real, vectorise};
use crate::gemm::{Into, Mat, gemm};
use realfft::num_complex::Complex64;

/// Half angles of the nodes exp(-i t), t = 2 pi j / len, j = 0..=len/2; shared by all channels.
pub(super) struct Nodes {
    /// sin(t / 2).
    pub sin: Vec<f64>,
    /// cos(t / 2); exactly zero at t = pi.
    pub cos: Vec<f64>,
}

impl Nodes {
    pub(super) fn new(len: usize) -> Self {
        let half = |j: usize| std::f64::consts::PI * j as f64 / len as f64;
        let count = len / 2 + 1;
        Self {
            sin: (0..count).map(|j| half(j).sin()).collect(),
            cos: (0..count)
                .map(|j| if 2 * j == len { 0.0 } else { half(j).cos() })
                .collect(),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.sin.len()
    }
}

/// R_nj = 1 / ((|lambda_n|^2 cos^2 - 4 sin^2) - 4 i sin cos Re lambda_n) for a channel.
pub(super) struct Reciprocals<T> {
    /// [state, node].
    pub re: Vec<T>,
    /// [state, node].
    pub im: Vec<T>,
    state: usize,
    count: usize,
}

impl<T: Real> Reciprocals<T> {
    /// `lambda` is already multiplied by dt.
    pub(super) fn new(nodes: &Nodes, lambda: &[Complex64]) -> Self {
        let count = nodes.count();
        let mut re = vec![T::zero(); lambda.len() * count];
        let mut im = vec![T::zero(); lambda.len() * count];
        let rows = re.chunks_mut(count).zip(im.chunks_mut(count));
        for ((re, im), lambda) in rows.zip(lambda) {
            let (size, real) = (lambda.norm_sqr(), lambda.re);
            vectorise(|| {
                for j in 0..count {
                    let (sin, cos) = (nodes.sin[j], nodes.cos[j]);
                    let bottom_re = size * cos * cos - 4.0 * sin * sin;
                    let bottom_im = -4.0 * sin * cos * real;
                    let inverse = 1.0 / (bottom_re * bottom_re + bottom_im * bottom_im);
                    re[j] = T::from_f64(bottom_re * inverse);
                    im[j] = T::from_f64(-bottom_im * inverse);
                }
            });
        }
        Self {
            re,
            im,
            state: lambda.len(),
            count,
        }
    }

    fn mats(&self) -> [Mat<'_, T>; 2] {
        [&self.re, &self.im].map(|part| Mat::rows(part, self.state, self.count, self.count))
    }

    /// sum_n weights_mn R_nj, [weight row, node], as (real, imaginary).
    pub(super) fn sums(&self, weights: &[T], rows: usize) -> (Vec<T>, Vec<T>) {
        let [re, im] = self.mats();
        let product = |part| {
            let mut out = vec![T::zero(); rows * self.count];
            let weights = Mat::rows(weights, rows, self.state, self.state);
            gemm(&mut out, self.count, Into::Store, weights, part);
            out
        };
        (product(re), product(im))
    }

    /// Re sum_j a_mj R_nj, [row, state], for complex `a` [row, node] given as (real, imaginary).
    pub(super) fn transposed(&self, (a_re, a_im): (&[T], &[T])) -> Vec<T> {
        let rows = a_re.len() / self.count;
        let mut out = vec![T::zero(); rows * self.state];
        if self.state == 0 {
            return out;
        }
        let [re, im] = self.mats();
        let minus: Vec<T> = a_im.iter().map(|&v| -v).collect();
        let a = |part| Mat::rows(part, rows, self.count, self.count);
        gemm(&mut out, self.state, Into::Store, a(a_re), re.t());
        gemm(&mut out, self.state, Into::Add, a(&minus), im.t());
        out
    }
}
