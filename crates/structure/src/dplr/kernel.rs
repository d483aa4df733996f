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

use num_complex::Complex64;

use super::cauchy::{BLOCK, Block, Terms};
use super::step::{complex, fast_dot};
use super::{DplrStep, coordinates};
use crate::dense::element_count;
use crate::error::{expect_finite_complex, expect_length};
use crate::fourier::inverse_real;
use crate::{StructureError, StructuredMatrix};

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
        element_count(length, 1)?;
        // y = 2 Re(C z) is the row 2 conj(C) in real coordinates.
        let conjugate: Vec<_> = output.iter().map(|c| c.conj()).collect();
        let mut row = coordinates(&conjugate);
        for _ in 0..length {
            self.advance(&mut row, true);
        }
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
        for _ in 0..length {
            kernel.push(fast_dot(&row, &state));
            self.advance(&mut state, false);
        }
        crate::error::expect_finite("kernel", &kernel)?;
        Ok(kernel)
    }

    fn expect_modes(&self, axis: &'static str, values: &[Complex64]) -> Result<(), StructureError> {
        expect_length("DplrStep", axis, self.shape().0 / 2, values.len())?;
        expect_finite_complex(axis, values)
    }
}
