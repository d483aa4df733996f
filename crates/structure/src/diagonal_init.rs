//! Initial eigenvalues of diagonal state matrices.
//!
//! Source: Gu, Gupta, Goel and Re, 2022, arXiv 2206.11893, section 4 (S4D); Gupta, Gu and Berant,
//! 2022, arXiv 2203.14343 (DSS: the eigenvalues of [`DiagonalInit::LegS`] at twice the state, all
//! of them kept as modes of their own); Smith, Warrington and Linderman, *Simplified State Space
//! Layers for Sequence Modeling*, 2023, arXiv 2208.04933 (S5: blocks of the LegS normal part).
//!
//! With `N` the number of real state elements and `n = 0..N/2`:
//!
//! | name | real part | imaginary part |
//! |---|---|---|
//! | `legs` | -1/2 | eigenvalues of the normal part of HiPPO-LegS |
//! | `inv` | -1/2 | `(N / pi) (N / (2n + 1) - 1)` |
//! | `lin` | -1/2 | `pi n` |
//! | `real` | `-(n + 1)` | 0 |
//! | `rand` | -1/2 | `exp(normal)` |
//! | `inv2` | -1/2 | `(N / pi) (N / (n + 1) - 1)` |
//! | `quad` | -1/2 | `(2n + 1)^2 / pi` |
//!
//! The member of each pair with positive imaginary part is kept, as in published code for diagonal
//! models. `lin` has a mode of frequency zero that stands for a pair of itself and counts twice;
//! published checkpoints do the same.

use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

use num_complex::Complex64;
use rand::Rng;
use rand_distr::StandardNormal;

use crate::error::{expect_pairs, unknown_name};
use crate::hippo::{Family, HippoMatrix};
use crate::{ModalBasis, StructureError};

/// How the eigenvalues of a diagonal state matrix start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiagonalInit {
    /// The normal part of HiPPO-LegS.
    LegS,
    /// The inverse law that approximates the frequencies of LegS.
    Inv,
    /// Equally spaced frequencies, as a Fourier series has them.
    Lin,
    /// Real eigenvalues, as Mamba uses them.
    Real,
    /// Frequencies that are exponentials of normal numbers: the control.
    Rand,
    /// The inverse law with another constant (ablation).
    Inv2,
    /// Quadratically spaced frequencies (ablation).
    Quad,
}

impl DiagonalInit {
    /// Every initialisation, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::LegS,
        Self::Inv,
        Self::Lin,
        Self::Real,
        Self::Rand,
        Self::Inv2,
        Self::Quad,
    ];

    /// The name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::LegS => "legs",
            Self::Inv => "inv",
            Self::Lin => "lin",
            Self::Real => "real",
            Self::Rand => "rand",
            Self::Inv2 => "inv2",
            Self::Quad => "quad",
        }
    }

    /// The eigenvalues of an initialisation that involves no chance.
    ///
    /// # Shapes
    /// - output: `[state / 2]`
    ///
    /// # Errors
    /// [`StructureError::BadSize`] for an odd or empty state, [`StructureError::UnknownName`] for
    /// `rand`, which needs [`eigenvalues_with`](Self::eigenvalues_with).
    ///
    /// # Example
    /// ```
    /// use resolvent_structure::DiagonalInit;
    ///
    /// let inv = DiagonalInit::Inv.eigenvalues(8)?;
    /// assert!((inv[0].im - 17.825353626).abs() < 1e-9);
    /// # Ok::<(), resolvent_structure::StructureError>(())
    /// ```
    pub fn eigenvalues(self, state: usize) -> Result<Vec<Complex64>, StructureError> {
        expect_pairs("state", state)?;
        let size = state as f64;
        let law: &dyn Fn(f64) -> f64 = match self {
            Self::LegS => return legs_eigenvalues(state),
            Self::Real => return Ok((0..state / 2).map(|n| (-(n as f64 + 1.0)).into()).collect()),
            Self::Rand => {
                return Err(StructureError::UnknownName {
                    what: "initialisation without a generator",
                    name: self.name().to_string(),
                    expected: "legs, inv, lin, real, inv2 or quad".to_string(),
                });
            }
            Self::Inv => &|n| size / PI * (size / (2.0 * n + 1.0) - 1.0),
            Self::Lin => &|n| PI * n,
            Self::Inv2 => &|n| size / PI * (size / (n + 1.0) - 1.0),
            Self::Quad => &|n| (1.0 + 2.0 * n).powi(2) / PI,
        };
        let eigenvalue = |n| Complex64::new(-0.5, law(n as f64));
        Ok((0..state / 2).map(eigenvalue).collect())
    }

    /// The eigenvalues of any initialisation; only `rand` draws from the generator.
    ///
    /// # Shapes
    /// - output: `[state / 2]`
    ///
    /// # Errors
    /// [`StructureError::BadSize`] for an odd or empty state.
    pub fn eigenvalues_with(
        self,
        state: usize,
        rng: &mut impl Rng,
    ) -> Result<Vec<Complex64>, StructureError> {
        if self != Self::Rand {
            return self.eigenvalues(state);
        }
        expect_pairs("state", state)?;
        let mut draw = || Complex64::new(-0.5, rng.sample::<f64, _>(StandardNormal).exp());
        Ok((0..state / 2).map(|_| draw()).collect())
    }

    /// The input vector that belongs to the initialisation: `V^* B / 2` for `legs`, with which the
    /// diagonal system tends to the one of S4, and ones for the others.
    ///
    /// Published code drops the half of `legs`; the scale of the output matrix absorbs it.
    ///
    /// # Shapes
    /// - output: `[state / 2]`
    ///
    /// # Errors
    /// [`StructureError::BadSize`] for an odd or empty state.
    pub fn input(self, state: usize) -> Result<Vec<Complex64>, StructureError> {
        expect_pairs("state", state)?;
        if self != Self::LegS {
            return Ok(vec![Complex64::ONE; state / 2]);
        }
        let legs = HippoMatrix::new(Family::LegS, state)?.diagonalise()?;
        // Conjugated like the eigenvalues, though the phases make it real anyway.
        Ok(legs.input.iter().map(|b| 0.5 * b.conj()).collect())
    }
}

/// The coordinates in which S5 starts: `blocks` copies of the normal part of LegS.
///
/// # Shapes
/// - output: `state / 2` modes over `state` real elements
///
/// # Errors
/// [`StructureError::BadSize`] when the number of blocks does not divide the state or the size of
/// a block is odd.
///
/// # Example
/// ```
/// let modes = resolvent_structure::s5_modes(16, 2)?;
/// assert_eq!((modes.modes(), modes.state_size()), (8, 16));
/// assert_eq!(modes.eigenvalues()[0], modes.eigenvalues()[4]);
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
pub fn s5_modes(state: usize, blocks: usize) -> Result<ModalBasis, StructureError> {
    let size = block_size(state, blocks)?;
    let block = HippoMatrix::new(Family::LegS, size)?.diagonalise()?;
    block.modes.block_diagonal(blocks)
}

/// Size of one of `blocks` equal, even blocks.
pub(crate) fn block_size(state: usize, blocks: usize) -> Result<usize, StructureError> {
    if blocks == 0 || !state.is_multiple_of(blocks) {
        return Err(StructureError::BadSize {
            name: "blocks",
            got: blocks,
            expected: "a divisor of the state size",
        });
    }
    expect_pairs("state / blocks", state / blocks)?;
    Ok(state / blocks)
}

/// The eigenvalues of the normal part of LegS with positive imaginary part, slowest first.
fn legs_eigenvalues(state: usize) -> Result<Vec<Complex64>, StructureError> {
    let legs = HippoMatrix::new(Family::LegS, state)?.diagonalise()?;
    Ok(legs.modes.eigenvalues().iter().map(|z| z.conj()).collect())
}

impl fmt::Display for DiagonalInit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DiagonalInit {
    type Err = StructureError;

    /// Reads a name, in any case.
    ///
    /// # Errors
    /// [`StructureError::UnknownName`], which lists the names.
    fn from_str(name: &str) -> Result<Self, StructureError> {
        let wanted = |init: &Self| init.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(wanted).ok_or_else(|| {
            let known = Self::ALL.map(Self::name);
            unknown_name(
                "initialisation of a diagonal state matrix",
                name,
                &known,
                &known.join(", "),
            )
        })
    }
}
