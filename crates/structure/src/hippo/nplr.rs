//! HiPPO matrices as a normal matrix minus a low-rank one, and their diagonalisation.
//!
//! `A = S - sum_r P_r P_r^T` with `S + S^T = 2 shift I`: `S - shift I` is skew, so that its
//! eigenvectors are orthonormal and its eigenvalues imaginary. A direct eigendecomposition of
//! LegS is hopeless in double precision, this one is exact to rounding.
//!
//! | family | rank | `P` | shift |
//! |---|---|---|---|
//! | LegS | 1 | `sqrt(n + 1/2)` | -1/2 |
//! | LegT | 2 | `r_n / sqrt T` on odd `n`, the same on even `n` | 0 |
//! | LagT | 1 | `1 / sqrt 2` | 1/2 - 1/2 = 0 |
//! | FouT | 1 | `p sqrt(2 / T)` | 0 |
//! | FouS | 1 | `p sqrt(1 / T)` | 0 |
//! | FouD | 0 | | -1/2 |
//!
//! Source: Gu, Goel and Re, arXiv 2111.00396, theorem 1 and appendix C.

use std::f64::consts::FRAC_1_SQRT_2;

use num_complex::Complex64;

use super::{Family, HippoMatrix, fourier_weight, root, square};
use crate::error::expect_pairs;
use crate::{ComplexMatrix, Matrix, ModalBasis, StructureError, linalg};

/// A HiPPO matrix in the coordinates in which its normal part is diagonal.
///
/// Of every conjugate pair the mode with negative imaginary part is kept. The phase of every
/// eigenvector is fixed by making its input coefficient real and positive, so that results do not
/// depend on the eigensolver.
#[derive(Debug, Clone, PartialEq)]
pub struct Nplr {
    /// Coordinates of the normal part `S`: eigenvalues, eigenvectors `V`, `V^*`.
    pub modes: ModalBasis,
    /// The low-rank vectors `V^* P_r`, each `[modes]`.
    pub low_rank: Vec<Vec<Complex64>>,
    /// The input vector `V^* B`, `[modes]`.
    pub input: Vec<Complex64>,
}

impl HippoMatrix {
    /// The real vectors `P_r` of the low-rank part.
    ///
    /// # Shapes
    /// - output: rank times `[state]`
    pub fn low_rank(&self) -> Vec<Vec<f64>> {
        let column = |entry: &dyn Fn(usize) -> f64| (0..self.state).map(entry).collect();
        let parity = |odd: usize| {
            let scale = self.window.sqrt().recip();
            column(&|n| if n % 2 == odd { scale * root(n) } else { 0.0 })
        };
        match self.family {
            Family::LegS => vec![column(&|n| FRAC_1_SQRT_2 * root(n))],
            Family::LegT => vec![parity(1), parity(0)],
            Family::LagT => vec![column(&|_| FRAC_1_SQRT_2)],
            Family::FouT | Family::FouS => {
                let scale = self.boundary().sqrt();
                vec![column(&|n| scale * fourier_weight(n))]
            }
            Family::FouD => Vec::new(),
        }
    }

    /// The normal part `S = A + sum_r P_r P_r^T`.
    ///
    /// # Shapes
    /// - output: `[state, state]`
    pub fn normal_part(&self) -> Matrix {
        let shift = self.shift();
        square(self.state, |n, k| {
            // Written from the skew-symmetric form instead of by adding the low rank, which would
            // leave rounding errors of the size of the entries that cancel.
            let skew = match self.family {
                Family::LegS => 0.5 * side(n, k) * root(n) * root(k),
                Family::LegT if (n + k) % 2 == 1 => side(n, k) * root(n) * root(k) / self.window,
                Family::LegT => 0.0,
                Family::LagT => 0.5 * side(n, k),
                Family::FouT | Family::FouS | Family::FouD => self.rotation(n, k),
            };
            if n == k { shift } else { skew }
        })
    }

    /// Diagonalises the normal part.
    ///
    /// # Shapes
    /// - output: `state / 2` modes
    ///
    /// # Errors
    /// [`StructureError::BadSize`] for an odd state, [`StructureError::NoConvergence`] when the
    /// eigensolver fails.
    ///
    /// # Example
    /// ```
    /// use resolvent_structure::hippo::{Family, HippoMatrix};
    ///
    /// let legs = HippoMatrix::new(Family::LegS, 8)?.diagonalise()?;
    /// let slowest = legs.modes.eigenvalues()[0];
    /// assert!((slowest.re + 0.5).abs() < 1e-12);
    /// assert!((slowest.im + 0.427489).abs() < 1e-6);
    /// # Ok::<(), resolvent_structure::StructureError>(())
    /// ```
    pub fn diagonalise(&self) -> Result<Nplr, StructureError> {
        expect_pairs("state", self.state)?;
        let (eigenvalues, mut columns) = if self.family.is_fourier() {
            self.fourier_modes()
        } else {
            self.skew_modes()?
        };
        let input = self.input();
        for column in &mut columns {
            fix_phase(column, &input);
        }
        let half = columns.len();
        let vectors = ComplexMatrix::from_fn(self.state, half, |n, m| columns[m][n])?;
        let inverse = vectors.adjoint();
        let modes = ModalBasis::new(eigenvalues, vectors, inverse, vec![2.0; half])?;
        let low_rank = self.low_rank();
        let project = |p: &Vec<f64>| modes.input_vector(p);
        Ok(Nplr {
            low_rank: low_rank.iter().map(project).collect::<Result<_, _>>()?,
            input: modes.input_vector(&input)?,
            modes,
        })
    }

    /// Half the trace of `S` per element.
    fn shift(&self) -> f64 {
        match self.family {
            Family::LegS | Family::FouD => -0.5,
            _ => 0.0,
        }
    }

    /// Modes of the Fourier families, whose normal part consists of plane rotations: exact, also
    /// for the pair of frequency zero, which no eigensolver could tell apart.
    fn fourier_modes(&self) -> (Vec<Complex64>, Vec<Vec<Complex64>>) {
        let half = self.state / 2;
        let eigenvalue = |m| Complex64::new(self.shift(), -self.frequency(m));
        let vector = |m: usize| {
            let mut column = vec![Complex64::ZERO; self.state];
            column[2 * m] = FRAC_1_SQRT_2.into();
            column[2 * m + 1] = Complex64::new(0.0, FRAC_1_SQRT_2);
            column
        };
        (
            (0..half).map(eigenvalue).collect(),
            (0..half).map(vector).collect(),
        )
    }

    /// Modes of a skew-symmetric part `K` through the Hermitian matrix `-i K`, slowest first.
    fn skew_modes(&self) -> Result<(Vec<Complex64>, Vec<Vec<Complex64>>), StructureError> {
        let normal = self.normal_part();
        let hermitian = ComplexMatrix::from_fn(self.state, self.state, |n, k| {
            let skew = if n == k {
                0.0
            } else {
                normal.as_slice()[n * self.state + k]
            };
            Complex64::new(0.0, -skew)
        })?;
        let (values, vectors) = linalg::eigen_hermitian(&hermitian)?;
        // The values come in pairs of opposite sign, increasing: the first half is negative.
        let half = self.state / 2;
        let kept = (0..half).rev();
        let eigenvalue = |m: usize| Complex64::new(self.shift(), values[m]);
        let eigenvalues = kept.clone().map(eigenvalue).collect();
        Ok((eigenvalues, kept.map(|m| vectors.column(m)).collect()))
    }
}

/// Turns a vector by the phase that makes its inner product with the input real and positive.
fn fix_phase(column: &mut [Complex64], input: &[f64]) {
    let inner: Complex64 = column.iter().zip(input).map(|(v, b)| v.conj() * b).sum();
    // A mode that the input does not reach keeps its phase: there is nothing to agree on.
    if inner.norm() > f64::EPSILON {
        let turn = inner / inner.norm();
        column.iter_mut().for_each(|v| *v *= turn);
    }
}

/// The sign of a skew-symmetric matrix: -1 below the diagonal, 1 above it.
fn side(n: usize, k: usize) -> f64 {
    match n.cmp(&k) {
        std::cmp::Ordering::Greater => -1.0,
        std::cmp::Ordering::Less => 1.0,
        std::cmp::Ordering::Equal => 0.0,
    }
}
