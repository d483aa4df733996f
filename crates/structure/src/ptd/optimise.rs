//! A perturbation chosen by descent: better conditioned than a random one, and stable by
//! construction.
//!
//! Over `V`, `a` and `b` with `Lambda = -exp(a) + i b` and `M = V Lambda V^-1` it minimises
//! `|V|_F |V^-1|_F / N + gamma |M - A|_F / |A|_F`. With `G` the gradient by `M` and `W = V^-1`:
//! `dV = G (Lambda W)^* - M^* G W^*`, `dLambda = diag(V^* G W^*)`; the first term adds
//! `|W| V / |V| - |V| W^* W W^* / |W|` to `dV`.

use num_complex::Complex64;
use rand::Rng;

use super::descent::{Evaluation, minimise};
use super::{Perturbation, Perturbed, PtdOptions, distance, perturb};
use crate::error::expect_positive;
use crate::linalg::{self, inverse_complex, product_complex};
use crate::{ComplexMatrix, Matrix, ModalBasis, StructureError};

/// How to optimise a perturbation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimiseOptions {
    /// Weight of the relative distance against the condition of the eigenvectors.
    pub gamma: f64,
    /// Largest number of steps.
    pub iterations: usize,
}

impl Default for OptimiseOptions {
    /// `gamma = 100`, 300 steps.
    fn default() -> Self {
        Self {
            gamma: 100.0,
            iterations: 300,
        }
    }
}

/// Optimises a perturbation from the random one of [`perturb`] with default options.
///
/// Starting from the coordinates of S4D instead ends with eigenvalues at the imaginary axis and
/// large resonances, and is not offered.
///
/// # Shapes
/// - `matrix`: `[state, state]`; the result keeps all `state` modes
///
/// # Cost
/// A few complex products and one inverse of `[state, state]` per step.
///
/// # Errors
/// As [`perturb`]; [`StructureError::BadValue`] for a gamma that is not positive.
pub fn optimise(
    matrix: &Matrix,
    options: &OptimiseOptions,
    rng: &mut impl Rng,
) -> Result<Perturbed, StructureError> {
    expect_positive("gamma", options.gamma)?;
    let random = PtdOptions {
        perturbation: Perturbation::Complex,
        ..PtdOptions::default()
    };
    let start = perturb(matrix, &random, rng)?;
    let objective = Objective::new(matrix, options.gamma);
    let point = objective.pack(start.modes.vectors(), start.modes.eigenvalues());
    let point = minimise(point, options.iterations, |x| objective.evaluate(x))?;
    let (vectors, eigenvalues) = objective.unpack(&point)?;
    let inverse = inverse_complex(&vectors)?;
    Ok(Perturbed {
        distance: distance(matrix, &eigenvalues, &vectors, &inverse)?,
        condition: linalg::condition(&vectors)?,
        reflected: 0,
        modes: ModalBasis::new(eigenvalues, vectors, inverse, vec![1.0; matrix.rows()])?,
    })
}

/// What is minimised, over `V` (real and imaginary parts), `a` and `b` in one vector.
pub(super) struct Objective {
    order: usize,
    target: ComplexMatrix,
    /// gamma over the Frobenius norm of the matrix.
    weight: f64,
}

impl Objective {
    pub(super) fn new(matrix: &Matrix, gamma: f64) -> Self {
        let target = ComplexMatrix::from_real(matrix);
        Self {
            order: matrix.rows(),
            weight: gamma / target.frobenius_norm().max(f64::MIN_POSITIVE),
            target,
        }
    }

    pub(super) fn pack(&self, vectors: &ComplexMatrix, eigenvalues: &[Complex64]) -> Vec<f64> {
        let parts = vectors.as_slice().iter().flat_map(|v| [v.re, v.im]);
        let decay = eigenvalues.iter().map(|z| (-z.re).ln());
        let turn = eigenvalues.iter().map(|z| z.im);
        parts.chain(decay).chain(turn).collect()
    }

    fn unpack(&self, x: &[f64]) -> Result<(ComplexMatrix, Vec<Complex64>), StructureError> {
        let order = self.order;
        let (parts, spectrum) = x.split_at(2 * order * order);
        let data = parts.chunks_exact(2).map(|v| Complex64::new(v[0], v[1]));
        let vectors = ComplexMatrix::new(order, order, data.collect())?;
        let eigenvalue = |n: usize| Complex64::new(-spectrum[n].exp(), spectrum[order + n]);
        Ok((vectors, (0..order).map(eigenvalue).collect()))
    }

    /// The value with its gradient.
    pub(super) fn evaluate(&self, x: &[f64]) -> Result<Evaluation, StructureError> {
        let (vectors, eigenvalues) = self.unpack(x)?;
        let inverse = inverse_complex(&vectors)?;
        let scaled = scale_rows(&inverse, &eigenvalues)?;
        let reached = product_complex(&vectors, &scaled)?;
        let residual = combine(&reached, 1.0, &self.target, -1.0)?;
        let size = residual.frobenius_norm();
        let (norm, inverse_norm) = (vectors.frobenius_norm(), inverse.frobenius_norm());
        let order = self.order as f64;
        let value = norm * inverse_norm / order + self.weight * size;

        // G: the gradient of the distance by the matrix that was reached.
        let slope = self.weight / size.max(f64::MIN_POSITIVE);
        let right = product_complex(&residual, &inverse.adjoint())?;
        let first = product_complex(&residual, &scaled.adjoint())?;
        let second = product_complex(&reached.adjoint(), &right)?;
        let fit = combine(&first, slope, &second, -slope)?;
        let spectrum = product_complex(&vectors.adjoint(), &right)?;

        let cubed = product_complex(&inverse, &inverse.adjoint())?;
        let cubed = product_complex(&inverse.adjoint(), &cubed)?;
        let (grow, shrink) = (inverse_norm / norm / order, norm / inverse_norm / order);
        let shape = combine(&vectors, grow, &cubed, -shrink)?;

        let total = combine(&fit, 1.0, &shape, 1.0)?;
        let parts = total.as_slice().iter().flat_map(|v| [v.re, v.im]);
        let diagonal: Vec<Complex64> = (0..self.order)
            .map(|n| spectrum.row(n)[n] * slope)
            .collect();
        let decay = diagonal.iter().zip(&eigenvalues).map(|(g, z)| g.re * z.re);
        let turn = diagonal.iter().map(|g| g.im);
        Ok((value, parts.chain(decay).chain(turn).collect()))
    }
}

/// `diag(factors) matrix`.
fn scale_rows(
    matrix: &ComplexMatrix,
    factors: &[Complex64],
) -> Result<ComplexMatrix, StructureError> {
    ComplexMatrix::from_fn(matrix.rows(), matrix.cols(), |i, j| {
        factors[i] * matrix.row(i)[j]
    })
}

/// `a left + b right`.
fn combine(
    left: &ComplexMatrix,
    a: f64,
    right: &ComplexMatrix,
    b: f64,
) -> Result<ComplexMatrix, StructureError> {
    let pairs = left.as_slice().iter().zip(right.as_slice());
    let data = pairs.map(|(l, r)| l * a + r * b).collect();
    ComplexMatrix::new(left.rows(), left.cols(), data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StructuredMatrix;
    use crate::hippo::{Family, HippoMatrix};
    use rand::SeedableRng;

    #[test]
    fn gradient_when_compared_with_differences_agrees() {
        let legs = HippoMatrix::new(Family::LegS, 4).unwrap().dense();
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let start = perturb(&legs, &PtdOptions::default(), &mut rng).unwrap();
        let objective = Objective::new(&legs, 100.0);
        let point = objective.pack(start.modes.vectors(), start.modes.eigenvalues());
        let (_, gradient) = objective.evaluate(&point).unwrap();
        let scale = gradient.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
        for i in 0..point.len() {
            let at = |offset: f64| {
                let mut moved = point.clone();
                moved[i] += offset;
                objective.evaluate(&moved).unwrap().0
            };
            let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
            let error = (difference - gradient[i]).abs() / scale;
            assert!(error < 1e-6, "parameter {i}: {error}");
        }
    }
}
