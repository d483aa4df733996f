//! The convolution kernel of S4: Cauchy sums at the roots of unity, Woodbury, inverse FFT.
//!
//! `K_l = C A_bar^l B_bar` has the truncated generating function
//! `sum_l K_l omega^l = C~ (I - omega A_bar)^-1 B_bar` with `C~ = C (I - A_bar^L)`, which at the
//! `L`-th roots of unity is the discrete Fourier transform of the kernel. Under the bilinear rule
//! every value is a combination of Cauchy sums over the eigenvalues.
//!
//! With `omega = exp(-i theta)`, `s = sin(theta/2)`, `c = cos(theta/2)` and `lambda' = dt lambda`:
//!
//! ```text
//! t_ij = sum_n v_n / (2 i s - c lambda'_n) + (conjugate partner),     v = dt left_i right_j
//! K^   = exp(i theta/2) [t_00 - c t_01 (I + c t_11)^-1 t_10]
//! ```
//!
//! Deviation from the paper: it divides by `1 + omega`, which is 0/0 at `omega = -1`; here nothing
//! is divided by `c`. A pair of conjugate terms is combined into one quotient with a real
//! numerator of degree one, which halves the work.
//!
//! Memory is `O(state + length)`: nodes are visited in blocks.

use std::f64::consts::PI;

use num_complex::Complex64;

use super::step::{complex, fast_dot};
use super::{DplrMatrix, DplrStep, coordinates, woodbury};
use crate::dense::element_count;
use crate::error::{expect_finite_complex, expect_length};
use crate::fourier::inverse_real;
use crate::{StructureError, StructuredMatrix};

/// Nodes that are worked on together, so that their sums stay in the first-level cache.
const BLOCK: usize = 64;

/// Below this distance of a node from an eigenvalue, relative to their size, the Woodbury identity
/// subtracts nearly equal numbers and would lose six digits or more.
const RESONANCE: f64 = 1e-6;

impl DplrStep {
    /// The convolution kernel `K_l = C A_bar^l B_bar` of a system with real input and output.
    ///
    /// # Shapes
    /// - `input`, `output`: `[modes]`, continuous, one half of conjugate pairs each
    /// - output: `[length]`
    ///
    /// # Numerics
    /// Relative error about 1e-12 for HiPPO-LegS. An undamped mode that meets a node (FouT always
    /// has one, at frequency zero) would make the sums infinite; the recurrence is used then.
    ///
    /// # Cost
    /// `O(state * length)` work, of which half for `C~`; `O(state + length)` memory.
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] for vectors of another length,
    /// [`StructureError::BadValue`] for values that are not finite or a kernel that overflows.
    ///
    /// # Example
    /// ```
    /// use resolvent_structure::hippo::{Family, HippoMatrix};
    /// use resolvent_structure::{DplrMatrix, DplrStep};
    ///
    /// let legs = HippoMatrix::new(Family::LegS, 4)?.diagonalise()?;
    /// let output = legs.modes.output_vector(&[1.0; 4])?;
    /// let step = DplrStep::new(DplrMatrix::from_nplr(&legs)?, 0.1)?;
    /// let kernel = step.kernel(&legs.input, &output, 6)?;
    /// assert!((kernel[0] - 0.547052198).abs() < 1e-9);
    /// assert!((kernel[5] + 0.023929161).abs() < 1e-9);
    /// # Ok::<(), resolvent_structure::StructureError>(())
    /// ```
    pub fn kernel(
        &self,
        input: &[Complex64],
        output: &[Complex64],
        length: usize,
    ) -> Result<Vec<f64>, StructureError> {
        let truncated = self.truncated_output(output, length)?;
        match self.kernel_from_truncated(input, &truncated, length) {
            Err(StructureError::Singular { .. }) => {
                self.kernel_by_recurrence(input, output, length)
            }
            result => result,
        }
    }

    /// `C~ = C (I - A_bar^length)`: what S4 trains in place of `C`.
    ///
    /// # Shapes
    /// - `output`, output: `[modes]`
    ///
    /// # Cost
    /// `length` transposed steps, `O(state)` memory.
    ///
    /// # Errors
    /// As [`kernel`](Self::kernel).
    pub fn truncated_output(
        &self,
        output: &[Complex64],
        length: usize,
    ) -> Result<Vec<Complex64>, StructureError> {
        self.expect_modes("output", output)?;
        // y = 2 Re(C z) is the row 2 conj(C) in real coordinates.
        let conjugate: Vec<_> = output.iter().map(|c| c.conj()).collect();
        let mut row = coordinates(&conjugate);
        self.advance(&mut row, length, true, |_| ());
        let pairs = output.iter().zip(complex(&row));
        let truncated: Vec<_> = pairs.map(|(c, power)| c - power.conj()).collect();
        expect_finite_complex("C (I - A^L)", &truncated)?;
        Ok(truncated)
    }

    /// The kernel from `C~`, as a trained S4 layer computes it.
    ///
    /// # Shapes
    /// - `input`, `truncated`: `[modes]`; output: `[length]`
    ///
    /// # Errors
    /// As [`kernel`](Self::kernel), and [`StructureError::Singular`] when an undamped mode meets a
    /// node.
    pub fn kernel_from_truncated(
        &self,
        input: &[Complex64],
        truncated: &[Complex64],
        length: usize,
    ) -> Result<Vec<f64>, StructureError> {
        self.expect_modes("input", input)?;
        self.expect_modes("truncated", truncated)?;
        element_count(length, 1)?;
        if length == 0 {
            return Ok(Vec::new());
        }
        let terms = Terms::new(self.continuous(), self.step_size(), input, truncated);
        let nodes = length / 2 + 1;
        let mut spectrum = Vec::with_capacity(nodes);
        let mut block = Block::new(self.continuous().rank());
        for first in (0..nodes).step_by(BLOCK) {
            block.fill(first, (nodes - first).min(BLOCK), length);
            if !terms.add_to(&mut block) || !block.finish(&mut spectrum) {
                return Err(StructureError::Singular {
                    operation: "kernel_from_truncated",
                    matrix: "I - omega A_bar (an undamped mode meets a node)",
                });
            }
        }
        inverse_real(spectrum, length)
    }

    /// The kernel by the recurrence itself, one step of `O(state)` per lag.
    ///
    /// # Shapes
    /// - `input`, `output`: `[modes]`; output: `[length]`
    ///
    /// # Errors
    /// As [`kernel`](Self::kernel).
    pub fn kernel_by_recurrence(
        &self,
        input: &[Complex64],
        output: &[Complex64],
        length: usize,
    ) -> Result<Vec<f64>, StructureError> {
        self.expect_modes("output", output)?;
        element_count(length, 1)?;
        let mut state = coordinates(&self.input(input)?);
        let weight: Vec<_> = output.iter().map(|c| 2.0 * c.conj()).collect();
        let row = coordinates(&weight);
        let mut kernel = Vec::with_capacity(length);
        self.advance(&mut state, length, false, |state| {
            kernel.push(fast_dot(&row, state));
        });
        crate::error::expect_finite("kernel", &kernel)?;
        Ok(kernel)
    }

    /// Multiplies a vector in real coordinates `count` times, showing it before each product.
    fn advance(
        &self,
        x: &mut Vec<f64>,
        count: usize,
        transposed: bool,
        mut show: impl FnMut(&[f64]),
    ) {
        for _ in 0..count {
            show(x);
            *x = self.apply(x, transposed);
        }
    }

    fn expect_modes(&self, axis: &'static str, values: &[Complex64]) -> Result<(), StructureError> {
        expect_length("DplrStep", axis, self.shape().0 / 2, values.len())?;
        expect_finite_complex(axis, values)
    }
}

/// What the Cauchy sums need to know of each mode.
struct Terms {
    /// `|lambda'|`, `2 |Re lambda'|` with its sign, per mode.
    modulus: Vec<f64>,
    twice_real: Vec<f64>,
    /// `4 Re v` and `2 Re(v conj(lambda'))` of every sum, mode after mode.
    slope: Vec<f64>,
    offset: Vec<f64>,
}

impl Terms {
    fn new(
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
    fn add_to(&self, block: &mut Block) -> bool {
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
struct Block {
    rank: usize,
    count: usize,
    sine: [f64; BLOCK],
    cosine: [f64; BLOCK],
    weighted: Weighted,
    sums: Vec<Lane>,
}

impl Block {
    fn new(rank: usize) -> Self {
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
    fn fill(&mut self, first: usize, count: usize, length: usize) {
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
    fn finish(&self, spectrum: &mut Vec<Complex64>) -> bool {
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
