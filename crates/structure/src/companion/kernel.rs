//! The convolution kernel of a companion system, `f_k = C A^k B`.
//!
//! With `C~ = C (I - A^L)`, `w_k = exp(-2 pi i k / L)` and `q(u, v)` the transform of the
//! correlation `r_i = sum_j u_{j+i} v_j` folded modulo `L`, the transform of the kernel is
//! `F_k = q(C~, B) + q(C~, a) q(e_d, B) / (conj(w_k) - q(e_d, a))`: Woodbury on `(I - w A)^-1`, in
//! which the inverse of the shift part is a finite sum.

use num_complex::Complex64;

use super::CompanionMatrix;
use crate::StructureError;
use crate::dense::{dot, element_count};
use crate::error::{expect_finite, expect_length};
use crate::fourier::{forward_real, inverse_real, polynomial_product};

/// Below this modulus the denominator costs three digits or more, and the recurrence is used.
const RESONANCE: f64 = 1e-3;

/// Above this growth of `C A^L` against `C` the matrix is unstable, and `C~` would cancel.
const GROWTH: f64 = 1e3;

impl CompanionMatrix {
    /// The kernel `f_k = C A^k B` for `k < length`.
    ///
    /// # Shapes
    /// - `input`, `output`: `[order]`; output: `[length]`
    ///
    /// # Numerics
    /// Near machine precision for a [`normalised`](Self::normalised) column. Where an eigenvalue
    /// comes within 1e-3 of a root of unity of the order `length`, or powers grow, the formula
    /// would cancel; the kernel is then taken from the recurrence, which costs
    /// `O(order * length)`.
    ///
    /// # Cost
    /// `O(order log order log length + length log length)` work, `O(order + length)` memory.
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] for vectors of another length,
    /// [`StructureError::BadValue`] for values that are not finite and for a kernel that overflows.
    ///
    /// # Example
    /// ```
    /// use resolvent_structure::CompanionMatrix;
    ///
    /// let matrix = CompanionMatrix::new(vec![0.1, -0.2, 0.3, 0.4])?;
    /// let kernel = matrix.kernel(&[1.0, 0.0, 0.0, 0.0], &[1.0, 2.0, 3.0, 4.0], 8)?;
    /// let expected = [1.0, 2.0, 3.0, 4.0, 2.2, 1.68, 0.832, 0.7968];
    /// assert!(kernel.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-12));
    /// # Ok::<(), resolvent_structure::StructureError>(())
    /// ```
    pub fn kernel(
        &self,
        input: &[f64],
        output: &[f64],
        length: usize,
    ) -> Result<Vec<f64>, StructureError> {
        self.expect_system(input, output, length)?;
        if length == 0 || self.order() == 0 {
            return Ok(vec![0.0; length]);
        }
        let late = self.output_power(output, length)?;
        let size = |row: &[f64]| row.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
        // Written so that a power that is not a number counts as growth.
        let bounded = size(&late) <= GROWTH * size(output) && late.iter().all(|x| x.is_finite());
        if bounded {
            let pairs = output.iter().zip(&late);
            let truncated: Vec<f64> = pairs.map(|(c, power)| c - power).collect();
            if let Some(spectrum) = self.spectrum(input, &truncated, length) {
                return inverse_real(spectrum, length);
            }
        }
        self.kernel_by_recurrence(input, output, length)
    }

    /// The kernel from `C~ = C (I - A^length)`, for models that learn `C~` itself.
    ///
    /// # Shapes
    /// - `input`, `truncated`: `[order]`; output: `[length]`
    ///
    /// # Errors
    /// As [`kernel`](Self::kernel), and [`StructureError::Singular`] when an eigenvalue of the
    /// matrix comes too close to a root of unity.
    pub fn kernel_from_truncated(
        &self,
        input: &[f64],
        truncated: &[f64],
        length: usize,
    ) -> Result<Vec<f64>, StructureError> {
        self.expect_system(input, truncated, length)?;
        if length == 0 || self.order() == 0 {
            return Ok(vec![0.0; length]);
        }
        let spectrum = self.spectrum(input, truncated, length);
        let spectrum = spectrum.ok_or(StructureError::Singular {
            operation: "CompanionMatrix::kernel_from_truncated",
            matrix: "I - w A at a root of unity w",
        })?;
        inverse_real(spectrum, length)
    }

    /// The kernel by the recurrence, one sparse product per lag.
    ///
    /// # Shapes
    /// - `input`, `output`: `[order]`; output: `[length]`
    ///
    /// # Cost
    /// `2 * order * length` multiply-adds.
    ///
    /// # Errors
    /// As [`kernel`](Self::kernel).
    pub fn kernel_by_recurrence(
        &self,
        input: &[f64],
        output: &[f64],
        length: usize,
    ) -> Result<Vec<f64>, StructureError> {
        self.expect_system(input, output, length)?;
        let mut state = input.to_vec();
        let mut kernel = Vec::with_capacity(length);
        for _ in 0..length {
            kernel.push(dot(output, &state));
            self.advance(&mut state);
        }
        expect_finite("kernel", &kernel)?;
        Ok(kernel)
    }

    /// The transform of the kernel; nothing when a denominator comes close to zero.
    fn spectrum(&self, input: &[f64], truncated: &[f64], length: usize) -> Option<Vec<Complex64>> {
        let transform = |u: &[f64], v: &[f64]| forward_real(&folded(u, v, length), length);
        let flipped = |v: &[f64]| -> Vec<f64> { v.iter().rev().copied().collect() };
        // q(e_d, v) needs no correlation: the last unit vector turns v around.
        let direct = |v: &[f64]| forward_real(&fold(&flipped(v), length), length);
        let (free, driven) = (
            transform(truncated, input),
            transform(truncated, &self.column),
        );
        let (entry, feedback) = (direct(input), direct(&self.column));
        let mut spectrum = Vec::with_capacity(free.len());
        for (k, value) in free.iter().enumerate() {
            let angle = std::f64::consts::TAU * k as f64 / length as f64;
            let denominator = Complex64::from_polar(1.0, angle) - feedback[k];
            // Written so that a denominator that is not a number is refused too.
            if !(denominator.norm() > RESONANCE) {
                return None;
            }
            spectrum.push(value + driven[k] * entry[k] / denominator);
        }
        Some(spectrum)
    }

    fn expect_system(
        &self,
        input: &[f64],
        output: &[f64],
        length: usize,
    ) -> Result<(), StructureError> {
        expect_length(
            "CompanionMatrix::kernel",
            "input",
            self.order(),
            input.len(),
        )?;
        expect_length(
            "CompanionMatrix::kernel",
            "output",
            self.order(),
            output.len(),
        )?;
        expect_finite("input", input)?;
        expect_finite("output", output)?;
        element_count(length, 1).map(|_| ())
    }
}

/// The correlation `r_i = sum_j u_{j+i} v_j`, folded modulo the length.
fn folded(u: &[f64], v: &[f64], length: usize) -> Vec<f64> {
    let flipped: Vec<f64> = v.iter().rev().copied().collect();
    let product = polynomial_product(u, &flipped);
    fold(&product[v.len() - 1..], length)
}

/// Adds up values whose positions agree modulo the length.
fn fold(values: &[f64], length: usize) -> Vec<f64> {
    let mut sums = vec![0.0; length.min(values.len())];
    for (i, value) in values.iter().enumerate() {
        sums[i % length] += value;
    }
    sums
}
