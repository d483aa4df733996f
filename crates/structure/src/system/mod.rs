//! Linear systems with dense matrices: what every structured form is compared with.
//!
//! `h'(t) = A h(t) + B u(t)`, `y(t) = C h(t)`, or in discrete time `h_t = A h_{t-1} + B u_t`,
//! `y_t = C h_t`: the output sees the input of the same step, as in every state-space layer, so that
//! the kernel starts with `C B`.

mod diagnostics;
mod distance;
mod gramian;

pub use diagnostics::{spectral_abscissa, spectral_radius};
pub use distance::distance_to_instability;
pub use gramian::{Controllability, controllability, controllability_of_steps};

use num_complex::Complex64;

use crate::dense::{dot, element_count};
use crate::discretise::{Rule, discretise_dense};
use crate::error::{expect_finite, expect_length};
use crate::linalg::{self, expect_square};
use crate::{ComplexMatrix, Matrix, StructureError, StructuredMatrix};

/// A continuous-time system with one input and one output.
///
/// # Example
/// ```
/// use resolvent_structure::{Matrix, StateSpace, discretise::Rule};
///
/// let leak = StateSpace::new(Matrix::new(1, 1, vec![-1.0])?, vec![1.0], vec![1.0])?;
/// assert!((leak.response(0.0)?.re - 1.0).abs() < 1e-15);
/// let kernel = leak.discretise(Rule::ZeroOrderHold, 2.0_f64.ln())?.kernel(3)?;
/// assert!(kernel.iter().zip([0.5, 0.25, 0.125]).all(|(k, e)| (k - e).abs() < 1e-15));
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StateSpace {
    state_matrix: Matrix,
    input: Vec<f64>,
    output: Vec<f64>,
}

/// A discrete-time system with one input and one output.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscreteStateSpace {
    state_matrix: Matrix,
    input: Vec<f64>,
    output: Vec<f64>,
}

impl StateSpace {
    /// Takes `A`, `B` and `C`.
    ///
    /// # Shapes
    /// - `state_matrix`: `[state, state]`, `input`, `output`: `[state]`
    ///
    /// # Errors
    /// [`StructureError::ShapeMismatch`] or [`StructureError::LengthMismatch`] when the shapes do not
    /// fit, [`StructureError::BadValue`] for values that are not finite.
    pub fn new(
        state_matrix: Matrix,
        input: Vec<f64>,
        output: Vec<f64>,
    ) -> Result<Self, StructureError> {
        check("StateSpace", &state_matrix, &input, &output)?;
        Ok(Self {
            state_matrix,
            input,
            output,
        })
    }

    /// The system seen every `step_size`.
    ///
    /// # Errors
    /// As [`discretise_dense`].
    pub fn discretise(
        &self,
        rule: Rule,
        step_size: f64,
    ) -> Result<DiscreteStateSpace, StructureError> {
        let column = Matrix::new(self.input.len(), 1, self.input.clone())?;
        let (state_matrix, input) = discretise_dense(rule, &self.state_matrix, &column, step_size)?;
        DiscreteStateSpace::new(state_matrix, input.as_slice().to_vec(), self.output.clone())
    }

    /// The frequency response `G(i omega) = C (i omega I - A)^-1 B`.
    ///
    /// # Units
    /// `frequency` in radians per unit of time
    ///
    /// # Errors
    /// [`StructureError::Singular`] where `i omega` is an eigenvalue.
    pub fn response(&self, frequency: f64) -> Result<Complex64, StructureError> {
        let point = Complex64::new(0.0, frequency);
        transfer(&self.state_matrix, &self.input, &self.output, point)
    }

    /// The impulse response `K(t) = C exp(t A) B`.
    ///
    /// # Errors
    /// As [`linalg::exponential`].
    pub fn impulse_response(&self, time: f64) -> Result<f64, StructureError> {
        let (rows, cols) = self.state_matrix.shape();
        let scaled = self.state_matrix.as_slice().iter().map(|a| time * a);
        let power = linalg::exponential(&Matrix::new(rows, cols, scaled.collect())?)?;
        Ok(dot(&self.output, &power.matvec(&self.input)?))
    }

    /// The state matrix `A`.
    pub fn state_matrix(&self) -> &Matrix {
        &self.state_matrix
    }

    /// The input vector `B`, `[state]`.
    pub fn input(&self) -> &[f64] {
        &self.input
    }

    /// The output vector `C`, `[state]`.
    pub fn output(&self) -> &[f64] {
        &self.output
    }
}

impl DiscreteStateSpace {
    /// Takes the discrete `A`, `B` and `C`.
    ///
    /// # Shapes
    /// - `state_matrix`: `[state, state]`, `input`, `output`: `[state]`
    ///
    /// # Errors
    /// As [`StateSpace::new`].
    pub fn new(
        state_matrix: Matrix,
        input: Vec<f64>,
        output: Vec<f64>,
    ) -> Result<Self, StructureError> {
        check("DiscreteStateSpace", &state_matrix, &input, &output)?;
        Ok(Self {
            state_matrix,
            input,
            output,
        })
    }

    /// The kernel `K_l = C A^l B` by dense powers on the input vector: the definition, which every
    /// other route is compared with.
    ///
    /// # Shapes
    /// - output: `[length]`
    ///
    /// # Cost
    /// `state^2 * length` multiply-adds.
    ///
    /// # Errors
    /// [`StructureError::BadValue`] for a kernel that overflows.
    pub fn kernel(&self, length: usize) -> Result<Vec<f64>, StructureError> {
        element_count(length, 1)?;
        let mut state = self.input.clone();
        let mut kernel = Vec::with_capacity(length);
        for _ in 0..length {
            kernel.push(dot(&self.output, &state));
            state = self.state_matrix.matvec(&state)?;
        }
        expect_finite("kernel", &kernel)?;
        Ok(kernel)
    }

    /// The same kernel by doubling: the columns `B, A B, ..., A^(m-1) B` times `A^m` are the next
    /// `m` columns.
    ///
    /// # Shapes
    /// - output: `[length]`
    ///
    /// # Cost
    /// `state^2 * (length + state * log2 length)` multiply-adds in blocked products, and
    /// `state * length` numbers of memory.
    ///
    /// # Errors
    /// As [`kernel`](Self::kernel), and [`StructureError::TooLarge`] when the columns exceed the
    /// address space.
    pub fn kernel_by_doubling(&self, length: usize) -> Result<Vec<f64>, StructureError> {
        let state = self.input.len();
        element_count(state, length)?;
        // Rows instead of columns, so that a block of them is contiguous: row k is (A^k B)^T.
        let mut rows = self.input.clone();
        let mut power = self.state_matrix.transpose();
        let mut known = 1;
        while known < length {
            let new = known.min(length - known);
            let block = Matrix::new(new, state, rows[..new * state].to_vec())?;
            rows.extend_from_slice(linalg::product(&block, &power)?.as_slice());
            known += new;
            if known < length {
                power = linalg::product(&power, &power)?;
            }
        }
        if state == 0 {
            return Ok(vec![0.0; length]);
        }
        let lags = rows.chunks_exact(state).take(length);
        let kernel: Vec<f64> = lags.map(|row| dot(row, &self.output)).collect();
        expect_finite("kernel", &kernel)?;
        Ok(kernel)
    }

    /// The frequency response `G(theta) = sum_l K_l exp(-i l theta)`.
    ///
    /// # Units
    /// `angle` in radians per step
    ///
    /// # Errors
    /// [`StructureError::Singular`] where `exp(i theta)` is an eigenvalue.
    pub fn response(&self, angle: f64) -> Result<Complex64, StructureError> {
        // sum_l K_l z^-l = C (I - A / z)^-1 B = z C (z I - A)^-1 B.
        let point = Complex64::from_polar(1.0, angle);
        Ok(point * transfer(&self.state_matrix, &self.input, &self.output, point)?)
    }

    /// Runs the recurrence from a zero state.
    ///
    /// # Shapes
    /// - `u`: `[length]`, output: `[length]`
    ///
    /// # Errors
    /// [`StructureError::BadValue`] for inputs that are not finite and for an output that overflows.
    pub fn simulate(&self, u: &[f64]) -> Result<Vec<f64>, StructureError> {
        expect_finite("u", u)?;
        let mut state = vec![0.0; self.input.len()];
        let mut y = Vec::with_capacity(u.len());
        for &u_t in u {
            state = self.state_matrix.matvec(&state)?;
            crate::dense::accumulate(&mut state, u_t, &self.input);
            y.push(dot(&self.output, &state));
        }
        expect_finite("y", &y)?;
        Ok(y)
    }

    /// The state matrix.
    pub fn state_matrix(&self) -> &Matrix {
        &self.state_matrix
    }

    /// The input vector, `[state]`.
    pub fn input(&self) -> &[f64] {
        &self.input
    }
}

/// `C (s I - A)^-1 B`.
fn transfer(
    state_matrix: &Matrix,
    input: &[f64],
    output: &[f64],
    point: Complex64,
) -> Result<Complex64, StructureError> {
    let order = input.len();
    let right = ComplexMatrix::from_fn(order, 1, |i, _| input[i].into())?;
    let solved = linalg::solve_complex(&resolvent_inverse(state_matrix, point)?, &right)?;
    Ok(solved
        .as_slice()
        .iter()
        .zip(output)
        .map(|(h, c)| h * c)
        .sum())
}

/// `s I - A`.
fn resolvent_inverse(
    state_matrix: &Matrix,
    point: Complex64,
) -> Result<ComplexMatrix, StructureError> {
    let order = state_matrix.rows();
    let entries = state_matrix.as_slice();
    ComplexMatrix::from_fn(order, order, |i, j| {
        let diagonal = if i == j { point } else { Complex64::ZERO };
        diagonal - entries[i * order + j]
    })
}

fn check(
    operation: &'static str,
    state_matrix: &Matrix,
    input: &[f64],
    output: &[f64],
) -> Result<(), StructureError> {
    expect_square(operation, state_matrix.shape())?;
    expect_length(operation, "input", state_matrix.rows(), input.len())?;
    expect_length(operation, "output", state_matrix.rows(), output.len())?;
    expect_finite("state_matrix", state_matrix.as_slice())?;
    expect_finite("input", input)?;
    expect_finite("output", output)
}
