//! The sequentially semiseparable matrix that one head of a selective state-space layer applies.
//!
//! Source: Dao and Gu, *Transformers are SSMs*, 2024, arXiv 2405.21060, section 3.
//!
//! | paper | name here | shape |
//! |---|---|---|
//! | `log A_t` (scalar, `Delta_t A`) | `log_decay` | `[length]` |
//! | `B` (already times `Delta_t`) | `input` | `[length, state]` |
//! | `C` | `output` | `[length, state]` |
//! | `D` | `diagonal` | `[length]` |
//! | `seq_idx` | `segments` | `[length]` |
//!
//! Deviation: the paper's `D` is one number per head; here it may vary along the sequence, which
//! costs nothing and covers gated skip connections.
//!
//! Cost: the matrix has `length^2` entries but is determined by about `2 * length * state`
//! numbers, and one product takes `3 * length * state` multiply-adds and one state vector of
//! memory.

use crate::dense::{accumulate, dot, element_count};
use crate::error::{expect_finite, expect_length};
use crate::structured::bytes_of_f64;
use crate::{Cost, Matrix, StructureError, StructuredMatrix};

/// A lower-triangular matrix whose blocks below the diagonal have rank at most `state`:
///
/// ```text
/// M_ij = C_i^T exp(sum_{k=j+1..i} a_k) B_j + D_i [i = j]    for j <= i, in one segment
/// M_ij = 0                                                  otherwise
/// ```
///
/// # Numerics
/// `dense` adds up the exponent of every entry from the terms it consists of; it never takes the
/// difference of two long cumulative sums, which would cancel. With `a_k <= 0`, as in every stable
/// layer, no exponential exceeds one. Positive `a_k` are accepted; the products, which multiply
/// step by step, may then overflow where the sum of exponents does not. `a_k = -inf` means that
/// step `k` forgets everything before it.
#[derive(Debug, Clone, PartialEq)]
pub struct SemiseparableMatrix {
    log_decay: Vec<f64>,
    input: Matrix,
    output: Matrix,
    diagonal: Option<Vec<f64>>,
    segments: Option<Vec<u32>>,
}

impl SemiseparableMatrix {
    /// Takes the recurrence `S_t = exp(a_t) S_{t-1} + B_t x_t`, `y_t = C_t^T S_t`.
    ///
    /// The first `log_decay` acts on the initial state, which is zero here, and has no effect.
    ///
    /// # Shapes
    /// - `log_decay`: `[length]`
    /// - `input`, `output`: `[length, state]`
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] or [`StructureError::ShapeMismatch`] when the shapes
    /// disagree, [`StructureError::BadValue`] for values that are not finite (`-inf` is allowed in
    /// `log_decay`), [`StructureError::TooLarge`] when the dense matrix could not be addressed.
    pub fn new(log_decay: Vec<f64>, input: Matrix, output: Matrix) -> Result<Self, StructureError> {
        let length = log_decay.len();
        expect_length("SemiseparableMatrix", "input rows", length, input.rows())?;
        if input.shape() != output.shape() {
            return Err(StructureError::ShapeMismatch {
                operation: "SemiseparableMatrix",
                left: input.shape(),
                right: output.shape(),
                rule: "input and output must both be length x state",
            });
        }
        element_count(length, length)?;
        expect_log_decay(&log_decay)?;
        expect_finite("input", input.as_slice())?;
        expect_finite("output", output.as_slice())?;
        Ok(Self {
            log_decay,
            input,
            output,
            diagonal: None,
            segments: None,
        })
    }

    /// Adds a diagonal: the skip connection `y_t += D_t x_t`.
    ///
    /// # Shapes
    /// - `diagonal`: `[length]`
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] for another length, [`StructureError::BadValue`] for
    /// values that are not finite.
    pub fn with_diagonal(mut self, diagonal: Vec<f64>) -> Result<Self, StructureError> {
        let length = self.log_decay.len();
        expect_length("with_diagonal", "diagonal", length, diagonal.len())?;
        expect_finite("diagonal", &diagonal)?;
        self.diagonal = Some(diagonal);
        Ok(self)
    }

    /// Declares that several sequences are packed one after the other: positions with different
    /// ids do not see each other.
    ///
    /// # Shapes
    /// - `segments`: `[length]`, never decreasing
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] for another length,
    /// [`StructureError::SegmentsDecrease`] where an id is smaller than the one before.
    pub fn with_segments(mut self, segments: Vec<u32>) -> Result<Self, StructureError> {
        let length = self.log_decay.len();
        expect_length("with_segments", "segments", length, segments.len())?;
        if let Some(i) = segments.windows(2).position(|pair| pair[0] > pair[1]) {
            return Err(StructureError::SegmentsDecrease {
                position: i + 1,
                before: segments[i],
                after: segments[i + 1],
            });
        }
        self.segments = Some(segments);
        Ok(self)
    }

    /// Length of the sequence: rows and columns of the matrix.
    pub fn length(&self) -> usize {
        self.log_decay.len()
    }

    /// Size of the state that the recurrence carries: the largest rank of a block strictly below
    /// the diagonal.
    pub fn state_size(&self) -> usize {
        self.input.cols()
    }

    /// What the state of step `t - 1` is multiplied by at step `t`; zero across a segment border.
    fn decay(&self, t: usize) -> f64 {
        if self.starts_segment(t) {
            0.0
        } else {
            self.log_decay[t].exp()
        }
    }

    /// Whether step `t` sees nothing of the steps before it.
    fn starts_segment(&self, t: usize) -> bool {
        let crosses = |ids: &Vec<u32>| ids[t] != ids[t - 1];
        t == 0
            || self.log_decay[t] == f64::NEG_INFINITY
            || self.segments.as_ref().is_some_and(crosses)
    }

    /// The skip connection of step `t`.
    fn skip(&self, t: usize) -> f64 {
        self.diagonal.as_ref().map_or(0.0, |diagonal| diagonal[t])
    }

    /// Row `t` of the input or output matrix.
    fn state_row<'a>(&self, matrix: &'a Matrix, t: usize) -> &'a [f64] {
        let state = self.state_size();
        &matrix.as_slice()[t * state..(t + 1) * state]
    }
}

impl StructuredMatrix for SemiseparableMatrix {
    fn shape(&self) -> (usize, usize) {
        (self.length(), self.length())
    }

    fn dense(&self) -> Matrix {
        let length = self.length();
        let mut data = vec![0.0; length * length];
        for i in 0..length {
            let c = self.state_row(&self.output, i);
            let row = &mut data[i * length..(i + 1) * length];
            row[i] = self.skip(i);
            // The exponent of entry (i, j) is the masked segment sum over k = j+1..=i, grown term
            // by term as j moves away from the diagonal.
            let mut exponent = 0.0_f64;
            for j in (0..=i).rev() {
                row[j] += exponent.exp() * dot(c, self.state_row(&self.input, j));
                if self.starts_segment(j) {
                    break;
                }
                exponent += self.log_decay[j];
            }
        }
        Matrix::new(length, length, data).expect("length * length elements were allocated")
    }

    fn matvec(&self, x: &[f64]) -> Result<Vec<f64>, StructureError> {
        let length = self.length();
        expect_length("SemiseparableMatrix::matvec", "x", length, x.len())?;
        let mut state = vec![0.0; self.state_size()];
        let mut y = Vec::with_capacity(length);
        for (t, &x_t) in x.iter().enumerate() {
            scale(&mut state, self.decay(t));
            accumulate(&mut state, x_t, self.state_row(&self.input, t));
            y.push(dot(self.state_row(&self.output, t), &state) + self.skip(t) * x_t);
        }
        Ok(y)
    }

    fn transpose_matvec(&self, y: &[f64]) -> Result<Vec<f64>, StructureError> {
        let length = self.length();
        expect_length(
            "SemiseparableMatrix::transpose_matvec",
            "y",
            length,
            y.len(),
        )?;
        // Going backwards, the state collects C_t y_t and leaves step t through the decay that it
        // entered by.
        let mut state = vec![0.0; self.state_size()];
        let mut x = vec![0.0; length];
        for (t, &y_t) in y.iter().enumerate().rev() {
            accumulate(&mut state, y_t, self.state_row(&self.output, t));
            x[t] = dot(self.state_row(&self.input, t), &state) + self.skip(t) * y_t;
            scale(&mut state, self.decay(t));
        }
        Ok(x)
    }

    fn cost(&self) -> Cost {
        let (length, state) = (self.length(), self.state_size());
        // Per step: one exponential; per state element one decay, one input, one output.
        let mut multiply_adds = length as u64 * (3 * state as u64 + 1);
        let mut bytes = bytes_of_f64(length * (2 * state + 1));
        if self.diagonal.is_some() {
            multiply_adds += length as u64;
            bytes += bytes_of_f64(length);
        }
        if self.segments.is_some() {
            bytes += (length * size_of::<u32>()) as u64;
        }
        Cost {
            multiply_adds,
            bytes,
        }
    }
}

/// Multiplies a state by a factor, where a factor of zero clears it whatever it holds.
fn scale(state: &mut [f64], factor: f64) {
    if factor == 0.0 {
        // An unstable segment may have overflowed; 0 * inf must not leak into the next one.
        state.fill(0.0);
        return;
    }
    state.iter_mut().for_each(|value| *value *= factor);
}

/// Refuses a log decay that is not a number or positive infinity.
fn expect_log_decay(log_decay: &[f64]) -> Result<(), StructureError> {
    let bad = |a: &f64| a.is_nan() || *a == f64::INFINITY;
    match log_decay.iter().position(bad) {
        None => Ok(()),
        Some(index) => Err(StructureError::BadValue {
            name: "log_decay",
            index,
            value: log_decay[index],
            expected: "a number below infinity (at most 0 for a stable recurrence)",
        }),
    }
}
