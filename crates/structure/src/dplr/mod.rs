//! Diagonal plus low rank: the state matrix of S4, `A = diag(Lambda) - sum_r P_r P_r^*`.
//!
//! Only one mode of each conjugate pair is stored, so that a state of `N` real elements is `N/2`
//! complex numbers `z`, and `A z = Lambda z - sum_r P_r 2 Re(P_r^* z)`. That map is real-linear but
//! not complex-linear; as a [`StructuredMatrix`] it acts on the real coordinates
//! `(Re z_0, Im z_0, Re z_1, Im z_1, ...)`, in which it is `N x N` and the low rank is symmetric.
//!
//! Source: Gu, Goel and Re, *Efficiently Modeling Long Sequences with Structured State Spaces*,
//! 2021, arXiv 2111.00396; Goel, Gu, Donahue and Re, *It's Raw!*, 2022, arXiv 2202.09729 (the tied
//! `P P^*`, which cannot become unstable while `Re Lambda < 0`).

mod kernel;
mod step;

pub use step::DplrStep;

use num_complex::Complex64;

use crate::dense::{accumulate, dot, element_count};
use crate::error::{expect_finite_complex, expect_length};
use crate::structured::bytes_of_f64;
use crate::{Cost, Matrix, Nplr, StructureError, StructuredMatrix};

/// `diag(Lambda) - sum_r P_r P_r^*` on one half of conjugate pairs.
///
/// # Cost
/// `(2 + 2 rank) * state` multiply-adds per product, `(1 + rank) * state` numbers of storage.
///
/// # Example
/// ```
/// use resolvent_structure::{DplrMatrix, StructuredMatrix, hippo::{Family, HippoMatrix}};
///
/// let legs = HippoMatrix::new(Family::LegS, 8)?.diagonalise()?;
/// let s4 = DplrMatrix::from_nplr(&legs)?;
/// assert_eq!(s4.shape(), (8, 8));
/// assert_eq!((s4.modes(), s4.rank()), (4, 1));
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DplrMatrix {
    eigenvalues: Vec<Complex64>,
    low_rank: Vec<Vec<Complex64>>,
}

impl DplrMatrix {
    /// Takes the kept half of the eigenvalues and of every low-rank vector.
    ///
    /// # Shapes
    /// - `eigenvalues`: `[modes]`, `low_rank`: rank times `[modes]`
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] when the lengths differ, [`StructureError::BadValue`] for
    /// values that are not finite, [`StructureError::TooLarge`] when the dense matrix could not be
    /// addressed.
    pub fn new(
        eigenvalues: Vec<Complex64>,
        low_rank: Vec<Vec<Complex64>>,
    ) -> Result<Self, StructureError> {
        let modes = eigenvalues.len();
        element_count(2 * modes, 2 * modes)?;
        expect_finite_complex("eigenvalues", &eigenvalues)?;
        for vector in &low_rank {
            expect_length("DplrMatrix", "low_rank", modes, vector.len())?;
            expect_finite_complex("low_rank", vector)?;
        }
        Ok(Self {
            eigenvalues,
            low_rank,
        })
    }

    /// A diagonal matrix (S4D, S5): no low rank.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn diagonal(eigenvalues: Vec<Complex64>) -> Result<Self, StructureError> {
        Self::new(eigenvalues, Vec::new())
    }

    /// The matrix of a diagonalised HiPPO matrix.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_nplr(nplr: &Nplr) -> Result<Self, StructureError> {
        Self::new(nplr.modes.eigenvalues().to_vec(), nplr.low_rank.clone())
    }

    /// The kept eigenvalues of the diagonal part, `[modes]`.
    pub fn eigenvalues(&self) -> &[Complex64] {
        &self.eigenvalues
    }

    /// The low-rank vectors, rank times `[modes]`.
    pub fn low_rank(&self) -> &[Vec<Complex64>] {
        &self.low_rank
    }

    /// Number of kept modes, half the number of state elements.
    pub fn modes(&self) -> usize {
        self.eigenvalues.len()
    }

    /// Number of low-rank vectors.
    pub fn rank(&self) -> usize {
        self.low_rank.len()
    }

    /// The transfer function `C (s I - A)^-1 B` of the system with real input and output, by the
    /// Woodbury identity in linear time.
    ///
    /// # Shapes
    /// - `input`, `output`: `[modes]`, one half of conjugate pairs each
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] for vectors of another length, and
    /// [`StructureError::Singular`] where `s` is an eigenvalue of the diagonal part or the
    /// correction has no inverse.
    pub fn response(
        &self,
        s: Complex64,
        input: &[Complex64],
        output: &[Complex64],
    ) -> Result<Complex64, StructureError> {
        expect_length("response", "input", self.modes(), input.len())?;
        expect_length("response", "output", self.modes(), output.len())?;
        let rank = self.rank();
        let mut sums = vec![Complex64::ZERO; (rank + 1) * (rank + 1)];
        for (n, lambda) in self.eigenvalues.iter().enumerate() {
            let (here, there) = ((s - lambda).inv(), (s - lambda.conj()).inv());
            self.for_each_product(n, input[n], output[n], |at, v| {
                sums[at] += v * here + v.conj() * there;
            });
        }
        woodbury(&mut sums, rank, 1.0).ok_or(StructureError::Singular {
            operation: "response",
            matrix: "s I - Lambda, or its low-rank correction,",
        })
    }

    /// Calls `visit(i * (rank + 1) + j, left_i right_j)` for the products of mode `n` that the
    /// Woodbury identity sums: left is `(C, P_0^*, P_1^*, ...)`, right is `(B, P_0, P_1, ...)`.
    fn for_each_product(
        &self,
        n: usize,
        input: Complex64,
        output: Complex64,
        mut visit: impl FnMut(usize, Complex64),
    ) {
        let rank = self.rank();
        for i in 0..=rank {
            let left = match i {
                0 => output,
                _ => self.low_rank[i - 1][n].conj(),
            };
            for j in 0..=rank {
                let right = match j {
                    0 => input,
                    _ => self.low_rank[j - 1][n],
                };
                visit(i * (rank + 1) + j, left * right);
            }
        }
    }
}

/// `k00 - f k01 (I + f k11)^-1 k10` for the sums of [`DplrMatrix::for_each_product`], which are
/// overwritten; nothing when the correction is singular or a sum is not finite.
fn woodbury(sums: &mut [Complex64], rank: usize, factor: f64) -> Option<Complex64> {
    let width = rank + 1;
    // Eliminating the low-rank rows below the first one by Gauss's method on
    // [[k00, f k01], [k10, I + f k11]] leaves the Schur complement.
    for i in 0..width {
        for j in 1..width {
            sums[i * width + j] *= factor;
        }
        if i > 0 {
            sums[i * width + i] += 1.0;
        }
    }
    for pivot in (1..width).rev() {
        let larger = |a: &usize, b: &usize| {
            let size = |row: usize| sums[row * width + pivot].norm();
            size(*a).total_cmp(&size(*b))
        };
        let row = (1..=pivot).max_by(larger)?;
        (0..width).for_each(|j| sums.swap(row * width + j, pivot * width + j));
        let inverse = sums[pivot * width + pivot].inv();
        for i in 0..pivot {
            let ratio = sums[i * width + pivot] * inverse;
            for j in 0..pivot {
                let change = ratio * sums[pivot * width + j];
                sums[i * width + j] -= change;
            }
        }
    }
    sums[0].is_finite().then_some(sums[0])
}

/// The real coordinates `(Re z_0, Im z_0, ...)` of a vector.
fn coordinates(z: &[Complex64]) -> Vec<f64> {
    z.iter().flat_map(|z| [z.re, z.im]).collect()
}

/// Multiplies every pair of real coordinates by its complex factor, or its conjugate.
fn rotate(factors: &[Complex64], x: &[f64], conjugate: bool) -> Vec<f64> {
    let pairs = factors.iter().zip(x.chunks_exact(2));
    let turn = |(factor, pair): (&Complex64, &[f64])| {
        let im = if conjugate { -factor.im } else { factor.im };
        [
            factor.re * pair[0] - im * pair[1],
            factor.re * pair[1] + im * pair[0],
        ]
    };
    pairs.flat_map(turn).collect()
}

impl StructuredMatrix for DplrMatrix {
    fn shape(&self) -> (usize, usize) {
        (2 * self.modes(), 2 * self.modes())
    }

    fn dense(&self) -> Matrix {
        // Column by column: what the definition makes of z = 1 and z = i in one mode.
        let order = 2 * self.modes();
        let image = |i: usize, j: usize| {
            let unit = if j % 2 == 0 {
                Complex64::ONE
            } else {
                Complex64::i()
            };
            let (row, column) = (i / 2, j / 2);
            let own = if row == column {
                self.eigenvalues[column] * unit
            } else {
                Complex64::ZERO
            };
            let low_rank = |p: &Vec<Complex64>| p[row] * (2.0 * (p[column].conj() * unit).re);
            let value = own - self.low_rank.iter().map(low_rank).sum::<Complex64>();
            if i % 2 == 0 { value.re } else { value.im }
        };
        Matrix::from_fn(order, order, image)
            .expect("the constructor has checked that this many elements can be addressed")
    }

    fn matvec(&self, x: &[f64]) -> Result<Vec<f64>, StructureError> {
        expect_length("DplrMatrix::matvec", "x", 2 * self.modes(), x.len())?;
        Ok(self.apply(x, false))
    }

    fn transpose_matvec(&self, y: &[f64]) -> Result<Vec<f64>, StructureError> {
        expect_length(
            "DplrMatrix::transpose_matvec",
            "y",
            2 * self.modes(),
            y.len(),
        )?;
        Ok(self.apply(y, true))
    }

    fn cost(&self) -> Cost {
        let (modes, rank) = (self.modes() as u64, self.rank() as u64);
        Cost {
            multiply_adds: modes * (4 + 4 * rank),
            bytes: bytes_of_f64(2 * self.modes() * (1 + self.rank())),
        }
    }
}

impl DplrMatrix {
    /// Rotations minus `2 p p^T`; the transposed matrix only turns backwards.
    fn apply(&self, x: &[f64], transposed: bool) -> Vec<f64> {
        let mut y = rotate(&self.eigenvalues, x, transposed);
        for vector in &self.low_rank {
            let p = coordinates(vector);
            accumulate(&mut y, -2.0 * dot(&p, x), &p);
        }
        y
    }
}
