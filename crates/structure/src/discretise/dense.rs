//! Sampling of dense state matrices.

use super::Rule;
use crate::linalg::{self, expect_square};
use crate::{Matrix, StructureError};

/// Samples `h' = A h + B x` for a dense state matrix: returns the discrete `A` and `B`.
///
/// | rule | discrete `A` | discrete `B` |
/// |---|---|---|
/// | zero-order hold | `exp(dt A)` | `int_0^dt exp(s A) ds B` |
/// | bilinear | `(I - dt/2 A)^-1 (I + dt/2 A)` | `dt (I - dt/2 A)^-1 B` |
/// | forward Euler | `I + dt A` | `dt B` |
/// | exponential Euler | `exp(dt A)` | `dt B` |
///
/// The output matrix stays as it is, as in all state-space layers; SciPy's `bilinear` changes it.
///
/// # Shapes
/// - `state_matrix`: `[state, state]`, `input`: `[state, inputs]`
/// - output: `[state, state]`, `[state, inputs]`
///
/// # Numerics
/// The zero-order hold is the exponential of `[[A, B], [0, 0]] dt`, which needs no inverse of `A`:
/// it holds for singular `A` too.
///
/// # Errors
/// [`StructureError::ShapeMismatch`] when the shapes do not fit, [`StructureError::BadValue`] for a
/// step size that is negative or not finite, for entries that are not finite and for an exponential
/// that overflows, [`StructureError::Singular`] when the bilinear rule meets an eigenvalue `2/dt`.
///
/// # Example
/// ```
/// use resolvent_structure::{Matrix, discretise::{Rule, discretise_dense}};
///
/// // A double integrator: its matrix is singular.
/// let a = Matrix::new(2, 2, vec![0.0, 1.0, 0.0, 0.0])?;
/// let b = Matrix::new(2, 1, vec![0.0, 1.0])?;
/// let (_, b) = discretise_dense(Rule::ZeroOrderHold, &a, &b, 2.0)?;
/// assert_eq!(b.as_slice(), [2.0, 2.0]);
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
pub fn discretise_dense(
    rule: Rule,
    state_matrix: &Matrix,
    input: &Matrix,
    step_size: f64,
) -> Result<(Matrix, Matrix), StructureError> {
    expect_square(
        "discretise_dense",
        (state_matrix.rows(), state_matrix.cols()),
    )?;
    if input.rows() != state_matrix.rows() {
        return Err(StructureError::ShapeMismatch {
            operation: "discretise_dense",
            left: (state_matrix.rows(), state_matrix.cols()),
            right: (input.rows(), input.cols()),
            rule: "state matrix and input matrix must have the same number of rows",
        });
    }
    if !step_size.is_finite() || step_size < 0.0 {
        return Err(StructureError::BadValue {
            name: "step_size",
            index: 0,
            value: step_size,
            expected: "a finite number that is not negative",
        });
    }
    match rule {
        Rule::ZeroOrderHold => zero_order_hold(state_matrix, input, step_size),
        Rule::Bilinear => bilinear(state_matrix, input, step_size),
        Rule::ForwardEuler => Ok((shifted(state_matrix, step_size)?, scaled(input, step_size)?)),
        Rule::ExponentialEuler => Ok((
            linalg::exponential(&scaled(state_matrix, step_size)?)?,
            scaled(input, step_size)?,
        )),
    }
}

/// The exponential of the augmented matrix `[[A, B], [0, 0]] dt`.
fn zero_order_hold(
    state_matrix: &Matrix,
    input: &Matrix,
    step_size: f64,
) -> Result<(Matrix, Matrix), StructureError> {
    let (state, inputs) = (state_matrix.rows(), input.cols());
    let (a, b) = (state_matrix.as_slice(), input.as_slice());
    let augmented = Matrix::from_fn(state + inputs, state + inputs, |i, j| match (i, j) {
        (i, j) if i < state && j < state => step_size * a[i * state + j],
        (i, j) if i < state => step_size * b[i * inputs + j - state],
        _ => 0.0,
    })?;
    let exponential = linalg::exponential(&augmented)?;
    let decay = exponential.block(0..state, 0..state)?;
    let gain = exponential.block(0..state, state..state + inputs)?;
    Ok((decay, gain))
}

/// One solve for both results: `(I - dt/2 A) [X | Y] = [I + dt/2 A | dt B]`.
fn bilinear(
    state_matrix: &Matrix,
    input: &Matrix,
    step_size: f64,
) -> Result<(Matrix, Matrix), StructureError> {
    let (state, inputs) = (state_matrix.rows(), input.cols());
    let forward = shifted(state_matrix, 0.5 * step_size)?;
    let (forward, b) = (forward.as_slice(), input.as_slice());
    let right = Matrix::from_fn(state, state + inputs, |i, j| {
        if j < state {
            forward[i * state + j]
        } else {
            step_size * b[i * inputs + j - state]
        }
    })?;
    let backward = shifted(state_matrix, -0.5 * step_size)?;
    let solved = linalg::solve(&backward, &right).map_err(|error| match error {
        StructureError::Singular { .. } => StructureError::Singular {
            operation: "discretise_dense",
            matrix: "I - dt/2 A (an eigenvalue lies at the pole 2/dt of the bilinear rule)",
        },
        other => other,
    })?;
    let decay = solved.block(0..state, 0..state)?;
    let gain = solved.block(0..state, state..state + inputs)?;
    Ok((decay, gain))
}

/// `I + factor * matrix`.
fn shifted(matrix: &Matrix, factor: f64) -> Result<Matrix, StructureError> {
    let order = matrix.rows();
    let entries = matrix.as_slice();
    Matrix::from_fn(order, order, |i, j| {
        let one = if i == j { 1.0 } else { 0.0 };
        one + factor * entries[i * order + j]
    })
}

fn scaled(matrix: &Matrix, factor: f64) -> Result<Matrix, StructureError> {
    let data = matrix.as_slice().iter().map(|x| factor * x).collect();
    Matrix::new(matrix.rows(), matrix.cols(), data)
}
