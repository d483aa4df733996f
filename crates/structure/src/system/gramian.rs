//! What an input can do to a state: Gramians and the controllability matrix.

use crate::discretise::{Rule, discretise_dense};
use crate::linalg::{self, expect_square};
use crate::{ComplexMatrix, Matrix, StructureError, StructuredMatrix};

/// Doublings of the Gramian sum before a system counts as unstable: `A^(2^60)`.
const DOUBLINGS: usize = 60;

/// What an input can do to a state.
#[derive(Debug, Clone, PartialEq)]
pub struct Controllability {
    /// The Gramian `int exp(tA) B B^T exp(tA^T) dt`, or its sum over steps.
    pub gramian: Matrix,
    /// Singular values of the Gramian, decreasing: the energy that reaches each direction.
    pub energies: Vec<f64>,
    /// Number of energies above `state * 2^-52` times the largest.
    pub rank: usize,
    /// Largest over smallest energy; infinite when a direction is out of reach.
    pub condition: f64,
}

/// The controllability of `h' = A h + B u` (`rule` none) or of its sampled form.
///
/// # Shapes
/// - `state_matrix`: `[state, state]`, `input`: `[state, inputs]`
///
/// # Numerics
/// The continuous Gramian is that of the bilinear form with any step size and the input scaled by
/// its square root; the discrete one is summed by doubling, `W <- W + A W A^T`, `A <- A^2`.
///
/// # Errors
/// [`StructureError::ShapeMismatch`] when the shapes do not fit, [`StructureError::NoConvergence`]
/// for a system that is not stable, and what [`discretise_dense`] refuses.
///
/// # Example
/// ```
/// use resolvent_structure::hippo::{Family, HippoMatrix};
/// use resolvent_structure::{Matrix, StructuredMatrix, controllability};
///
/// // The kernels of LagT are orthonormal: its Gramian is the identity.
/// let lagt = HippoMatrix::new(Family::LagT, 6)?;
/// let input = Matrix::new(6, 1, lagt.input())?;
/// let reach = controllability(&lagt.dense(), &input, None)?;
/// assert!((reach.condition - 1.0).abs() < 1e-10);
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
pub fn controllability(
    state_matrix: &Matrix,
    input: &Matrix,
    rule: Option<(Rule, f64)>,
) -> Result<Controllability, StructureError> {
    expect_square("controllability", state_matrix.shape())?;
    let (power, driven) = match rule {
        Some((rule, step_size)) => discretise_dense(rule, state_matrix, input, step_size)?,
        None => {
            let step_size = natural_step(state_matrix).ok_or_else(unstable)?;
            let (power, driven) = discretise_dense(Rule::Bilinear, state_matrix, input, step_size)?;
            let scale = step_size.sqrt().recip();
            let data = driven.as_slice().iter().map(|b| scale * b).collect();
            (power, Matrix::new(driven.rows(), driven.cols(), data)?)
        }
    };
    controllability_of_steps(&power, &driven)
}

/// The controllability of `h_t = A h_{t-1} + B u_t`.
///
/// # Shapes
/// - `state_matrix`: `[state, state]`, `input`: `[state, inputs]`
///
/// # Errors
/// [`StructureError::ShapeMismatch`] when the shapes do not fit and
/// [`StructureError::NoConvergence`] for a system that is not stable.
pub fn controllability_of_steps(
    state_matrix: &Matrix,
    input: &Matrix,
) -> Result<Controllability, StructureError> {
    let gramian = doubled(state_matrix.clone(), input)?;
    let energies = linalg::singular_values(&ComplexMatrix::from_real(&gramian))?;
    let largest = energies.first().copied().unwrap_or(0.0);
    let floor = energies.len() as f64 * f64::EPSILON * largest;
    let smallest = energies.last().copied().unwrap_or(1.0);
    Ok(Controllability {
        rank: energies.iter().filter(|&&energy| energy > floor).count(),
        condition: if smallest > 0.0 {
            largest.max(smallest) / smallest
        } else {
            f64::INFINITY
        },
        gramian,
        energies,
    })
}

/// A step size that maps the middle of the spectrum to the middle of the unit disc; nothing for a
/// trace that is not negative, with which no matrix is stable.
fn natural_step(state_matrix: &Matrix) -> Option<f64> {
    let order = state_matrix.rows();
    if order == 0 {
        return Some(1.0);
    }
    let trace: f64 = state_matrix.as_slice().iter().step_by(order + 1).sum();
    (trace < 0.0).then(|| -2.0 * order as f64 / trace)
}

fn unstable() -> StructureError {
    StructureError::NoConvergence {
        operation: "controllability (is the system stable?)",
    }
}

/// `sum_k A^k B B^T (A^T)^k`.
fn doubled(mut power: Matrix, input: &Matrix) -> Result<Matrix, StructureError> {
    let mut gramian = linalg::product(input, &input.transpose())?;
    for _ in 0..DOUBLINGS {
        let moved = linalg::product(&linalg::product(&power, &gramian)?, &power.transpose())?;
        let pairs = gramian.as_slice().iter().zip(moved.as_slice());
        let data: Vec<f64> = pairs.map(|(w, m)| w + m).collect();
        if !data.iter().all(|x| x.is_finite()) {
            break;
        }
        let change = size(&moved);
        gramian = Matrix::new(gramian.rows(), gramian.cols(), data)?;
        if change <= f64::EPSILON * size(&gramian) {
            return Ok(gramian);
        }
        power = linalg::product(&power, &power)?;
    }
    Err(unstable())
}

fn size(matrix: &Matrix) -> f64 {
    matrix
        .as_slice()
        .iter()
        .fold(0.0, |largest, x| x.abs().max(largest))
}
