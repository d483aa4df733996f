//! Cauchy sums at the roots of unity, a block of nodes at a time.

use std::f64::consts::PI;

use num_complex::Complex64;

use super::{DplrMatrix, woodbury};

/// Nodes that are worked on together, so that their sums stay in the first-level cache.
pub(super) const BLOCK: usize = 64;

/// Below this distance of a node from an eigenvalue, relative to their size, the Woodbury identity
/// subtracts nearly equal numbers and would lose six digits or more.
const RESONANCE: f64 = 1e-6;

/// What the Cauchy sums need to know of each mode.
pub(super) struct Terms {
    /// `|lambda'|`, `2 |Re lambda'|` with its sign, per mode.
    modulus: Vec<f64>,
    twice_real: Vec<f64>,
    /// `4 Re v` and `2 Re(v conj(lambda'))` of every sum, mode after mode.
    slope: Vec<f64>,
    offset: Vec<f64>,
}

impl Terms {
    pub(super) fn new(
        matrix: &DplrMatrix,
        step_size: f64,
        input: &[Complex64],
        truncated: &[Complex64],
    ) -> Self {
        let sums = (matrix.rank() + 1).pow(2);
        let count = matrix.modes() * sums;
        let (mut slope, mut offset) = (vec![0.0; count], vec![0.0; count]);
        let scaled = matrix.eigenvalues().iter().map(|z| step_size * z);
        let scaled: Vec<Complex64> = scaled.collect();
        for (n, lambda) in scaled.iter().enumerate() {
            matrix.for_each_product(n, input[n], truncated[n], |at, v| {
                slope[n * sums + at] = 4.0 * step_size * v.re;
                offset[n * sums + at] = 2.0 * step_size * (v * lambda.conj()).re;
            });
        }
        Self {
            modulus: scaled.iter().map(|z| z.norm()).collect(),
            twice_real: scaled.iter().map(|z| 2.0 * z.re).collect(),
            slope,
            offset,
        }
    }

    /// Adds all modes to the sums of a block; false when a mode meets a node.
    pub(super) fn add_to(&self, block: &mut Block) -> bool {
        let sums = block.sums.len();
        let mut damped = true;
        for (n, (&modulus, &twice_real)) in self.modulus.iter().zip(&self.twice_real).enumerate() {
            damped &= block.quotients(modulus, twice_real);
            let own = n * sums..(n + 1) * sums;
            let factors = self.slope[own.clone()].iter().zip(&self.offset[own]);
            for (sum, (&slope, &offset)) in block.sums.iter_mut().zip(factors) {
                sum.add(&block.weighted, slope, offset);
            }
        }
        damped
    }
}

/// A complex number per node of a block.
#[derive(Clone)]
struct Lane {
    re: [f64; BLOCK],
    im: [f64; BLOCK],
}

const ZEROS: Lane = Lane {
    re: [0.0; BLOCK],
    im: [0.0; BLOCK],
};

/// `s w` and `c w` with the quotient `w = 1 / [(2 i s - c lambda') (2 i s - c conj lambda')]`.
struct Weighted {
    sine: Lane,
    cosine: Lane,
}

impl Lane {
    /// Adds `(i slope s - offset c) w`.
    fn add(&mut self, weighted: &Weighted, slope: f64, offset: f64) {
        let (sine, cosine) = (&weighted.sine, &weighted.cosine);
        for j in 0..BLOCK {
            self.re[j] -= slope * sine.im[j] + offset * cosine.re[j];
            self.im[j] += slope * sine.re[j] - offset * cosine.im[j];
        }
    }
}

/// The nodes that are worked on together, and their sums so far.
pub(super) struct Block {
    rank: usize,
    count: usize,
    sine: [f64; BLOCK],
    cosine: [f64; BLOCK],
    weighted: Weighted,
    sums: Vec<Lane>,
}

impl Block {
    pub(super) fn new(rank: usize) -> Self {
        Self {
            rank,
            count: 0,
            sine: [0.0; BLOCK],
            cosine: [1.0; BLOCK],
            weighted: Weighted {
                sine: ZEROS,
                cosine: ZEROS,
            },
            sums: vec![ZEROS; (rank + 1).pow(2)],
        }
    }

    /// Starts on `count` nodes from `first` on; what is left of the block repeats the last one.
    pub(super) fn fill(&mut self, first: usize, count: usize, length: usize) {
        self.count = count;
        for j in 0..BLOCK {
            let node = first + j.min(count - 1);
            let (sine, cosine) = (PI * node as f64 / length as f64).sin_cos();
            // Exactly zero at omega = -1, which the cosine of the rounded angle is not.
            self.cosine[j] = if 2 * node == length { 0.0 } else { cosine };
            self.sine[j] = sine;
        }
        self.sums.fill(ZEROS);
    }

    /// The quotients of one mode at all nodes; false when one of them is close to infinite.
    fn quotients(&mut self, modulus: f64, twice_real: f64) -> bool {
        let mut nearest = f64::INFINITY;
        for j in 0..BLOCK {
            let (s, c) = (2.0 * self.sine[j], self.cosine[j] * modulus);
            // (c |lambda|)^2 - (2 s)^2 without the cancellation of the squares.
            let re = (c - s) * (c + s);
            let im = -s * self.cosine[j] * twice_real;
            let size = re * re + im * im;
            let scale = c * c + s * s;
            nearest = nearest.min(size - RESONANCE * RESONANCE * scale * scale);
            let (w_re, w_im) = (re / size, -im / size);
            self.weighted.sine.re[j] = self.sine[j] * w_re;
            self.weighted.sine.im[j] = self.sine[j] * w_im;
            self.weighted.cosine.re[j] = self.cosine[j] * w_re;
            self.weighted.cosine.im[j] = self.cosine[j] * w_im;
        }
        nearest > 0.0
    }

    /// Combines the sums of every node and appends the values of the spectrum; false when a
    /// correction is singular.
    pub(super) fn finish(&self, spectrum: &mut Vec<Complex64>) -> bool {
        let mut sums = vec![Complex64::ZERO; self.sums.len()];
        for j in 0..self.count {
            for (value, sum) in sums.iter_mut().zip(&self.sums) {
                *value = Complex64::new(sum.re[j], sum.im[j]);
            }
            let Some(value) = woodbury(&mut sums, self.rank, self.cosine[j]) else {
                return false;
            };
            spectrum.push(value * Complex64::new(self.cosine[j], self.sine[j]));
        }
        true
    }
}
