//! Causal Toeplitz matrices: what a time-invariant state-space model applies to a sequence.
//!
//! Source: Gu, Goel and Re, *Efficiently Modeling Long Sequences with Structured State Spaces*,
//! 2021, arXiv 2111.00396, section 2.3 (the convolution view of a linear time-invariant system).
//!
//! | paper | name here | shape |
//! |---|---|---|
//! | `K_l = C A^l B` | `kernel` | `[length]` |
//! | `A` (discrete, diagonal) | `decay` | `[state]` |
//! | `B` (discrete) | `input` | `[state]` |
//! | `C` | `output` | `[state]` |

use crate::dense::{accumulate, dot, element_count};
use crate::error::{expect_finite, expect_length};
use crate::structured::bytes_of_f64;
use crate::{Cost, Matrix, StructureError, StructuredMatrix};

/// The lower-triangular matrix `M_ij = k_{i-j}` for `j <= i`, zero above the diagonal.
///
/// # Numerics
/// Products are direct sums in `f64`, without a Fourier transform: exact to rounding, so that
/// faster convolutions can be compared with them.
///
/// # Cost
/// `length * (length + 1) / 2` multiply-adds per product, `length` numbers of storage.
#[derive(Debug, Clone, PartialEq)]
pub struct CausalToeplitz {
    kernel: Vec<f64>,
}

impl CausalToeplitz {
    /// Takes the impulse response, starting with the effect of a step on itself.
    ///
    /// # Shapes
    /// - `kernel`: `[length]`
    ///
    /// # Errors
    /// [`StructureError::BadValue`] for values that are not finite, [`StructureError::TooLarge`]
    /// when the dense matrix could not be addressed.
    pub fn new(kernel: Vec<f64>) -> Result<Self, StructureError> {
        element_count(kernel.len(), kernel.len())?;
        expect_finite("kernel", &kernel)?;
        Ok(Self { kernel })
    }

    /// The impulse response.
    ///
    /// # Shapes
    /// - output: `[length]`
    pub fn kernel(&self) -> &[f64] {
        &self.kernel
    }
}

impl StructuredMatrix for CausalToeplitz {
    fn shape(&self) -> (usize, usize) {
        (self.kernel.len(), self.kernel.len())
    }

    fn dense(&self) -> Matrix {
        let length = self.kernel.len();
        Matrix::from_fn(length, length, |i, j| {
            i.checked_sub(j).map_or(0.0, |lag| self.kernel[lag])
        })
        .expect("the constructor has checked that length * length elements can be addressed")
    }

    fn matvec(&self, x: &[f64]) -> Result<Vec<f64>, StructureError> {
        let length = self.kernel.len();
        expect_length("CausalToeplitz::matvec", "x", length, x.len())?;
        // Column by column: input j adds the kernel, shifted by j, to the output.
        let mut y = vec![0.0; length];
        for (j, &x_j) in x.iter().enumerate() {
            accumulate(&mut y[j..], x_j, &self.kernel);
        }
        Ok(y)
    }

    fn transpose_matvec(&self, y: &[f64]) -> Result<Vec<f64>, StructureError> {
        let length = self.kernel.len();
        expect_length("CausalToeplitz::transpose_matvec", "y", length, y.len())?;
        // Correlation: input j meets the outputs from j on.
        Ok((0..length).map(|j| dot(&self.kernel, &y[j..])).collect())
    }

    fn cost(&self) -> Cost {
        let length = self.kernel.len() as u64;
        Cost {
            multiply_adds: length * (length + 1) / 2,
            bytes: bytes_of_f64(self.kernel.len()),
        }
    }
}

/// The impulse response `K_l = sum_n c_n a_n^l b_n` of a discrete diagonal system
/// `h_t = a h_{t-1} + b x_t`, `y_t = c^T h_t`.
///
/// # Shapes
/// - `decay`, `input`, `output`: `[state]`
/// - output: `[length]`
///
/// # Numerics
/// Powers are formed by repeated multiplication, as the recurrence does; their relative error
/// grows like `l` times the machine precision. A state with `|a_n| > 1` may overflow to infinity,
/// which [`CausalToeplitz::new`] then refuses.
///
/// # Errors
/// [`StructureError::LengthMismatch`] when the three vectors differ in length,
/// [`StructureError::BadValue`] for values that are not finite.
///
/// # Example
/// ```
/// use resolvent_structure::diagonal_kernel;
///
/// assert_eq!(diagonal_kernel(&[0.5], &[1.0], &[8.0], 4)?, [8.0, 4.0, 2.0, 1.0]);
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
pub fn diagonal_kernel(
    decay: &[f64],
    input: &[f64],
    output: &[f64],
    length: usize,
) -> Result<Vec<f64>, StructureError> {
    expect_length("diagonal_kernel", "input", decay.len(), input.len())?;
    expect_length("diagonal_kernel", "output", decay.len(), output.len())?;
    element_count(length, 1)?;
    expect_finite("decay", decay)?;
    expect_finite("input", input)?;
    expect_finite("output", output)?;
    let mut state = input.to_vec();
    let mut kernel = Vec::with_capacity(length);
    for _ in 0..length {
        kernel.push(dot(output, &state));
        for (value, factor) in state.iter_mut().zip(decay) {
            *value *= factor;
        }
    }
    Ok(kernel)
}
