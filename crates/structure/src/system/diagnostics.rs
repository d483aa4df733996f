//! Where the eigenvalues of a state matrix lie.

use crate::{Matrix, StructureError, linalg};

/// The largest real part of an eigenvalue: below zero for a stable continuous-time system; minus
/// infinity for an empty matrix.
///
/// # Numerics
/// As [`linalg::eigenvalues`]: exact for triangular matrices. Eigenvalues of matrices far from
/// normal are sensitive; [`distance_to_instability`](super::distance_to_instability) is not.
///
/// # Errors
/// As [`linalg::eigenvalues`].
///
/// # Example
/// ```
/// use resolvent_structure::{StructuredMatrix, spectral_abscissa};
/// use resolvent_structure::hippo::{Family, HippoMatrix};
///
/// let legs = HippoMatrix::new(Family::LegS, 64)?.dense();
/// assert_eq!(spectral_abscissa(&legs)?, -1.0);
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
pub fn spectral_abscissa(matrix: &Matrix) -> Result<f64, StructureError> {
    let eigenvalues = linalg::eigenvalues(matrix)?;
    Ok(eigenvalues
        .iter()
        .map(|z| z.re)
        .fold(f64::NEG_INFINITY, f64::max))
}

/// The largest modulus of an eigenvalue: below one for a stable discrete-time system; zero for an
/// empty matrix.
///
/// # Errors
/// As [`linalg::eigenvalues`].
pub fn spectral_radius(matrix: &Matrix) -> Result<f64, StructureError> {
    let eigenvalues = linalg::eigenvalues(matrix)?;
    Ok(eigenvalues.iter().map(|z| z.norm()).fold(0.0, f64::max))
}
