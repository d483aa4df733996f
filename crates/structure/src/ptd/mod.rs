//! Perturb, then diagonalise: S4-PTD and S5-PTD.
//!
//! HiPPO-LegS cannot be diagonalised in floating point (the condition number of its eigenvectors
//! is about 4e20 at `N = 64`), and dropping its low-rank part (S4D, S5) leaves resonances that S4
//! has not. A matrix nearby can be diagonalised: `A + E = V diag(Lambda) V^-1` with `|E| = epsilon`.
//! Only the initial values of a diagonal layer change: `Lambda`, `V^-1 B`, `C V`.
//!
//! Source: Yu, Nigmetov, Morozov, Mahoney and Erichson, *Robustifying State-space Models for Long
//! Sequences via Approximate Diagonalization*, 2023, arXiv 2310.01698. The paper minimises
//! `condition(V) + gamma |E|` and gives no more detail; the choices here are ours:
//!
//! - [`Perturbation::Complex`] and [`Perturbation::Real`] draw a Ginibre matrix, scale it to
//!   `|E|_2 = epsilon`, and keep the best-conditioned of several draws. The distance of LegS to
//!   instability is at least 0.534 for all `N` up to 256, so that `epsilon <= 0.5` keeps every
//!   eigenvalue stable.
//! - [`optimise`] descends on `|V|_F |V^-1|_F / N + gamma |E|_F / |A|_F` from such a start, with
//!   eigenvalues that cannot leave the left half plane.
//! - [`Guard`] says what happens to unstable eigenvalues of larger perturbations.

mod descent;
mod optimise;

pub use optimise::{OptimiseOptions, optimise};

use num_complex::Complex64;
use rand::Rng;
use rand_distr::StandardNormal;

use crate::error::expect_positive;
use crate::linalg::{self, expect_square};
use crate::{ComplexMatrix, Matrix, ModalBasis, StructureError};

/// From this condition number on, parameters in single precision have lost all digits.
pub const SINGLE_PRECISION_LIMIT: f64 = 1e7;

/// Which random matrices perturb the state matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Perturbation {
    /// Independent complex normal entries: all modes are kept, each of weight 1.
    Complex,
    /// Independent real normal entries: one of each conjugate pair is kept, with weight 2, and
    /// every real eigenvalue, with weight 1.
    Real,
}

/// What happens to eigenvalues with positive real part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// They are an error.
    Refuse,
    /// They are reflected into the left half plane, and counted; the distance to the original
    /// matrix is then no longer bounded by epsilon.
    Reflect,
}

/// How to perturb.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PtdOptions {
    /// Size of the perturbation in the 2-norm.
    pub epsilon: f64,
    /// Which random matrices.
    pub perturbation: Perturbation,
    /// Number of draws, of which the best-conditioned is kept.
    pub draws: usize,
    /// What happens to unstable eigenvalues.
    pub guard: Guard,
}

impl Default for PtdOptions {
    /// The safe choice for LegS: complex, `epsilon = 0.5`, best of 16 draws, refuse.
    fn default() -> Self {
        Self {
            epsilon: 0.5,
            perturbation: Perturbation::Complex,
            draws: 16,
            guard: Guard::Refuse,
        }
    }
}

/// A perturbed and diagonalised state matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Perturbed {
    /// Eigenvalues, `V` and `V^-1`.
    pub modes: ModalBasis,
    /// `|E|_2`, the distance of `V diag(Lambda) V^-1` to the original matrix.
    pub distance: f64,
    /// Condition number of the eigenvectors; see [`SINGLE_PRECISION_LIMIT`].
    pub condition: f64,
    /// Number of eigenvalues that were reflected.
    pub reflected: usize,
}

impl Perturbed {
    /// Whether the coordinates survive single precision.
    pub fn fits_single_precision(&self) -> bool {
        self.condition <= SINGLE_PRECISION_LIMIT
    }

    /// `blocks` copies along the diagonal: S5-PTD.
    ///
    /// # Errors
    /// As [`ModalBasis::block_diagonal`].
    pub fn block_diagonal(&self, blocks: usize) -> Result<ModalBasis, StructureError> {
        self.modes.block_diagonal(blocks)
    }
}

/// Perturbs a state matrix at random and diagonalises it.
///
/// # Shapes
/// - `matrix`: `[state, state]`
///
/// # Errors
/// [`StructureError::BadValue`] for an epsilon that is not positive (without perturbation the
/// eigenvectors of LegS are singular in double precision), [`StructureError::BadSize`] for no
/// draws or an empty matrix, [`StructureError::Unstable`] when every draw has unstable eigenvalues
/// and the guard refuses them.
///
/// # Example
/// ```
/// use rand::SeedableRng;
/// use resolvent_structure::hippo::{Family, HippoMatrix};
/// use resolvent_structure::{StructuredMatrix, ptd};
///
/// let legs = HippoMatrix::new(Family::LegS, 16)?.dense();
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let perturbed = ptd::perturb(&legs, &ptd::PtdOptions::default(), &mut rng)?;
/// assert!((perturbed.distance - 0.5).abs() < 1e-6);
/// assert!(perturbed.modes.eigenvalues().iter().all(|z| z.re < 0.0));
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
pub fn perturb(
    matrix: &Matrix,
    options: &PtdOptions,
    rng: &mut impl Rng,
) -> Result<Perturbed, StructureError> {
    check(matrix, options)?;
    let mut best: Option<Perturbed> = None;
    let mut refused = None;
    for _ in 0..options.draws {
        let noise = ginibre(matrix.rows(), options, rng)?;
        match diagonalise(matrix, &noise, options) {
            Ok(candidate) => {
                let better = |best: &Perturbed| candidate.condition < best.condition;
                if best.as_ref().is_none_or(better) {
                    best = Some(candidate);
                }
            }
            Err(error @ StructureError::Unstable { .. }) => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    match (best, refused) {
        (Some(best), _) => Ok(best),
        (None, Some(error)) => Err(error),
        (None, None) => Err(StructureError::NoConvergence {
            operation: "perturb",
        }),
    }
}

fn check(matrix: &Matrix, options: &PtdOptions) -> Result<(), StructureError> {
    expect_square("perturb", (matrix.rows(), matrix.cols()))?;
    if options.epsilon == 0.0 {
        return Err(StructureError::BadValue {
            name: "epsilon",
            index: 0,
            value: 0.0,
            expected: "above zero: unperturbed HiPPO matrices cannot be diagonalised in \
                       floating point",
        });
    }
    expect_positive("epsilon", options.epsilon)?;
    let size = |name, got| StructureError::BadSize {
        name,
        got,
        expected: "at least 1",
    };
    if matrix.rows() == 0 {
        return Err(size("state", 0));
    }
    if options.draws == 0 {
        return Err(size("draws", 0));
    }
    Ok(())
}

/// A Ginibre matrix of 2-norm epsilon.
fn ginibre(
    order: usize,
    options: &PtdOptions,
    rng: &mut impl Rng,
) -> Result<ComplexMatrix, StructureError> {
    let mut normal = || rng.sample::<f64, _>(StandardNormal);
    let noise = ComplexMatrix::from_fn(order, order, |_, _| match options.perturbation {
        Perturbation::Complex => Complex64::new(normal(), normal()),
        Perturbation::Real => normal().into(),
    })?;
    let scale = options.epsilon / linalg::norm(&noise)?;
    ComplexMatrix::from_fn(order, order, |i, j| noise.row(i)[j] * scale)
}

/// Diagonalises `matrix + noise` and measures the result.
fn diagonalise(
    matrix: &Matrix,
    noise: &ComplexMatrix,
    options: &PtdOptions,
) -> Result<Perturbed, StructureError> {
    let order = matrix.rows();
    let entries = matrix.as_slice();
    let sum = |i: usize, j: usize| noise.row(i)[j] + entries[i * order + j];
    let (mut eigenvalues, vectors) = match options.perturbation {
        Perturbation::Complex => linalg::eigen(&ComplexMatrix::from_fn(order, order, sum)?)?,
        Perturbation::Real => {
            linalg::eigen_real(&Matrix::from_fn(order, order, |i, j| sum(i, j).re)?)?
        }
    };
    let reflected = guard(&mut eigenvalues, options.guard)?;
    let inverse = linalg::inverse_complex(&vectors)?;
    let condition = linalg::condition(&vectors)?;
    let distance = distance(matrix, &eigenvalues, &vectors, &inverse)?;
    let modes = match options.perturbation {
        Perturbation::Complex => ModalBasis::new(eigenvalues, vectors, inverse, vec![1.0; order])?,
        Perturbation::Real => keep_half(&eigenvalues, &vectors, &inverse)?,
    };
    Ok(Perturbed {
        modes,
        distance,
        condition,
        reflected,
    })
}

/// Reflects or refuses eigenvalues that do not decay; returns how many were reflected.
fn guard(eigenvalues: &mut [Complex64], guard: Guard) -> Result<usize, StructureError> {
    let count = eigenvalues.iter().filter(|z| z.re >= 0.0).count();
    let worst = eigenvalues.iter().map(|z| z.re).fold(f64::MIN, f64::max);
    if count > 0 && guard == Guard::Refuse {
        return Err(StructureError::Unstable {
            operation: "perturb",
            count,
            modes: eigenvalues.len(),
            measure: "real part",
            worst,
            hint: "use a smaller epsilon (0.5 or less is safe for legs) or reflect them",
        });
    }
    eigenvalues.iter_mut().for_each(|z| z.re = -z.re.abs());
    Ok(count)
}

/// `|V diag(Lambda) V^-1 - A|_2`.
fn distance(
    matrix: &Matrix,
    eigenvalues: &[Complex64],
    vectors: &ComplexMatrix,
    inverse: &ComplexMatrix,
) -> Result<f64, StructureError> {
    let order = matrix.rows();
    let scaled = ComplexMatrix::from_fn(order, order, |i, j| vectors.row(i)[j] * eigenvalues[j])?;
    let product = linalg::product_complex(&scaled, inverse)?;
    let entries = matrix.as_slice();
    linalg::norm(&ComplexMatrix::from_fn(order, order, |i, j| {
        product.row(i)[j] - entries[i * order + j]
    })?)
}

/// Keeps the real modes and those with negative imaginary part of a real matrix.
fn keep_half(
    eigenvalues: &[Complex64],
    vectors: &ComplexMatrix,
    inverse: &ComplexMatrix,
) -> Result<ModalBasis, StructureError> {
    // The real eigensolver returns exact pairs and exact zeros.
    let order = vectors.rows();
    let kept: Vec<usize> = (0..order).filter(|&n| eigenvalues[n].im <= 0.0).collect();
    let weight = |&n: &usize| if eigenvalues[n].im == 0.0 { 1.0 } else { 2.0 };
    let weights: Vec<f64> = kept.iter().map(weight).collect();
    ModalBasis::new(
        kept.iter().map(|&n| eigenvalues[n]).collect(),
        ComplexMatrix::from_fn(order, kept.len(), |i, j| vectors.row(i)[kept[j]])?,
        ComplexMatrix::from_fn(kept.len(), order, |i, j| inverse.row(kept[i])[j])?,
        weights,
    )
}
