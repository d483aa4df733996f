//! Coordinates in which a state matrix is diagonal.
//!
//! A real matrix with distinct eigenvalues is `V diag(lambda) V^-1`. Its complex modes come in
//! conjugate pairs, and a real output needs one of each pair only:
//! `y = Re sum_n weight_n C_n x_n` with weight 2 for the kept half of a pair and 1 for a mode that
//! stands alone (a real eigenvalue, or any mode of a complex matrix).

use num_complex::Complex64;

use crate::error::{expect_finite_complex, expect_length};
use crate::{ComplexMatrix, Matrix, StructureError, linalg};

/// Eigenvalues, eigenvectors and left eigenvectors of a state matrix, one of each conjugate pair.
#[derive(Debug, Clone, PartialEq)]
pub struct ModalBasis {
    eigenvalues: Vec<Complex64>,
    vectors: ComplexMatrix,
    inverse: ComplexMatrix,
    weights: Vec<f64>,
}

impl ModalBasis {
    /// Takes the parts; `inverse` holds the rows of `V^-1` that belong to the kept modes.
    ///
    /// # Shapes
    /// - `eigenvalues`, `weights`: `[modes]`; `vectors`: `[state, modes]`; `inverse`: `[modes, state]`
    pub(crate) fn new(
        eigenvalues: Vec<Complex64>,
        vectors: ComplexMatrix,
        inverse: ComplexMatrix,
        weights: Vec<f64>,
    ) -> Result<Self, StructureError> {
        let modes = eigenvalues.len();
        expect_length(
            "ModalBasis",
            "columns of the vectors",
            modes,
            vectors.cols(),
        )?;
        expect_length("ModalBasis", "rows of the inverse", modes, inverse.rows())?;
        expect_length(
            "ModalBasis",
            "columns of the inverse",
            vectors.rows(),
            inverse.cols(),
        )?;
        expect_length("ModalBasis", "weights", modes, weights.len())?;
        expect_finite_complex("eigenvalues", &eigenvalues)?;
        Ok(Self {
            eigenvalues,
            vectors,
            inverse,
            weights,
        })
    }

    /// The eigenvalues of the kept modes.
    ///
    /// # Shapes
    /// - output: `[modes]`
    pub fn eigenvalues(&self) -> &[Complex64] {
        &self.eigenvalues
    }

    /// How often each mode counts in a real output: 2 for half a conjugate pair, else 1.
    ///
    /// # Shapes
    /// - output: `[modes]`
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The eigenvectors `V`.
    ///
    /// # Shapes
    /// - output: `[state, modes]`
    pub fn vectors(&self) -> &ComplexMatrix {
        &self.vectors
    }

    /// The rows of `V^-1`; `V^*` where the matrix is normal.
    ///
    /// # Shapes
    /// - output: `[modes, state]`
    pub fn inverse(&self) -> &ComplexMatrix {
        &self.inverse
    }

    /// Number of kept modes.
    pub fn modes(&self) -> usize {
        self.eigenvalues.len()
    }

    /// Number of state elements of the real matrix.
    pub fn state_size(&self) -> usize {
        self.vectors.rows()
    }

    /// An input matrix in these coordinates, `V^-1 B`.
    ///
    /// # Shapes
    /// - `input`: `[state, inputs]`, output: `[modes, inputs]`
    ///
    /// # Errors
    /// [`StructureError::ShapeMismatch`] for another number of state elements.
    pub fn input(&self, input: &ComplexMatrix) -> Result<ComplexMatrix, StructureError> {
        self.inverse.product(input)
    }

    /// An output matrix in these coordinates, `C V`.
    ///
    /// # Shapes
    /// - `output`: `[outputs, state]`, output: `[outputs, modes]`
    ///
    /// # Errors
    /// [`StructureError::ShapeMismatch`] for another number of state elements.
    pub fn output(&self, output: &ComplexMatrix) -> Result<ComplexMatrix, StructureError> {
        output.product(&self.vectors)
    }

    /// A real vector in these coordinates, `V^-1 b`.
    ///
    /// # Shapes
    /// - `input`: `[state]`, output: `[modes]`
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] for another number of state elements.
    pub fn input_vector(&self, input: &[f64]) -> Result<Vec<Complex64>, StructureError> {
        let input: Vec<Complex64> = input.iter().map(|&x| x.into()).collect();
        self.inverse.matvec(&input)
    }

    /// A real row in these coordinates, `c V`.
    ///
    /// # Shapes
    /// - `output`: `[state]`, output: `[modes]`
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] for another number of state elements.
    pub fn output_vector(&self, output: &[f64]) -> Result<Vec<Complex64>, StructureError> {
        expect_length("output_vector", "output", self.state_size(), output.len())?;
        let mut row = vec![Complex64::ZERO; self.modes()];
        for (n, &c) in output.iter().enumerate() {
            for (sum, v) in row.iter_mut().zip(self.vectors.row(n)) {
                *sum += v * c;
            }
        }
        Ok(row)
    }

    /// The matrix itself, `Re V diag(weight lambda) V^-1`.
    ///
    /// # Shapes
    /// - output: `[state, state]`
    pub fn dense(&self) -> Matrix {
        let state = self.state_size();
        Matrix::from_fn(state, state, |i, j| {
            let modes = self.vectors.row(i).iter().enumerate();
            modes
                .map(|(n, v)| {
                    let term = v * self.eigenvalues[n] * self.inverse.row(n)[j];
                    self.weights[n] * term.re
                })
                .sum()
        })
        .expect("a matrix with this many columns of modes exists already")
    }

    /// The condition number of the eigenvectors, over both halves of every pair.
    ///
    /// # Errors
    /// As [`linalg::condition`].
    pub fn condition(&self) -> Result<f64, StructureError> {
        let mut columns = Vec::new();
        for (n, &weight) in self.weights.iter().enumerate() {
            let column = self.vectors.column(n);
            if weight == 2.0 {
                columns.push(column.iter().map(|v| v.conj()).collect());
            }
            columns.push(column);
        }
        let all = |i: usize, j: usize| columns[j][i];
        linalg::condition(&ComplexMatrix::from_fn(
            self.state_size(),
            columns.len(),
            all,
        )?)
    }

    /// `copies` of this matrix along the diagonal, as S5 builds its state: a vector with
    /// `copies * state` elements has `copies * modes` coordinates, block after block.
    ///
    /// # Errors
    /// [`StructureError::BadSize`] for no copies, [`StructureError::TooLarge`] when the result
    /// exceeds the address space.
    pub fn block_diagonal(&self, copies: usize) -> Result<Self, StructureError> {
        if copies == 0 {
            return Err(StructureError::BadSize {
                name: "copies",
                got: 0,
                expected: "at least 1",
            });
        }
        Self::new(
            self.eigenvalues.repeat(copies),
            repeat_blocks(&self.vectors, copies)?,
            repeat_blocks(&self.inverse, copies)?,
            self.weights.repeat(copies),
        )
    }
}

/// `copies` of a block along the diagonal, zeros elsewhere.
fn repeat_blocks(block: &ComplexMatrix, copies: usize) -> Result<ComplexMatrix, StructureError> {
    let (rows, cols) = (block.rows(), block.cols());
    ComplexMatrix::from_fn(copies * rows, copies * cols, |i, j| {
        if i / rows == j / cols {
            block.row(i % rows)[j % cols]
        } else {
            Complex64::ZERO
        }
    })
}
