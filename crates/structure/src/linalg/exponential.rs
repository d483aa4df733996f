//! The matrix exponential.
//!
//! Source: Higham, *The Scaling and Squaring Method for the Matrix Exponential Revisited*, SIAM
//! Journal on Matrix Analysis and Applications 26 (2005), algorithm 2.3, degree 13.

use super::{expect_square, product, solve};
use crate::error::expect_finite;
use crate::{Matrix, StructureError};

/// Coefficients of the numerator of the [13/13] Pade approximant, lowest degree first.
const PADE_13: [f64; 14] = [
    64_764_752_532_480_000.0,
    32_382_376_266_240_000.0,
    7_771_770_303_897_600.0,
    1_187_353_796_428_800.0,
    129_060_195_264_000.0,
    10_559_470_521_600.0,
    670_442_572_800.0,
    33_522_128_640.0,
    1_323_241_920.0,
    40_840_800.0,
    960_960.0,
    16_380.0,
    182.0,
    1.0,
];

/// Up to this 1-norm the approximant is exact to double precision (table 2.3 of the source).
const NORM_13: f64 = 5.371_920_351_148_152;

/// `exp(matrix)` by scaling, a [13/13] Pade approximant, and squaring.
///
/// # Shapes
/// - `matrix`: `[n, n]`, output: `[n, n]`
///
/// # Numerics
/// Backward stable in the 1-norm; the squarings can lose digits for matrices that are far from
/// normal, about `s` of them for `s` squarings.
///
/// # Cost
/// `6 + s` products and one solve, `s = log2(norm / 5.37)`.
///
/// # Errors
/// [`StructureError::ShapeMismatch`] for a matrix that is not square, [`StructureError::BadValue`]
/// for values that are not finite or an exponential that overflows.
///
/// # Example
/// ```
/// use resolvent_structure::{Matrix, linalg::exponential};
///
/// let nilpotent = Matrix::new(2, 2, vec![0.0, 3.0, 0.0, 0.0])?;
/// assert_eq!(exponential(&nilpotent)?.as_slice(), [1.0, 3.0, 0.0, 1.0]);
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
pub fn exponential(matrix: &Matrix) -> Result<Matrix, StructureError> {
    let order = matrix.rows();
    expect_square("exponential", (order, matrix.cols()))?;
    expect_finite("matrix", matrix.as_slice())?;
    if order == 0 {
        return Ok(matrix.clone());
    }
    let squarings = squarings(matrix);
    let scaled = scale(matrix, 0.5_f64.powi(squarings));
    let mut power = approximant(&scaled)?;
    for _ in 0..squarings {
        power = product(&power, &power)?;
    }
    match power.as_slice().iter().find(|x| !x.is_finite()) {
        None => Ok(power),
        Some(&value) => Err(StructureError::BadValue {
            name: "exponential",
            index: 0,
            value,
            expected: "a matrix small enough for its exponential not to overflow",
        }),
    }
}

/// How often the matrix must be halved for its 1-norm to come below [`NORM_13`].
fn squarings(matrix: &Matrix) -> i32 {
    let order = matrix.rows();
    let column = |j: usize| -> f64 {
        let entries = matrix.as_slice().iter().skip(j).step_by(order);
        entries.map(|x| x.abs()).sum()
    };
    let norm = (0..order).map(column).fold(0.0, f64::max);
    // A norm that overflowed is still finite after at most 1075 halvings of its entries.
    (norm / NORM_13).log2().ceil().clamp(0.0, 1075.0) as i32
}

/// The approximant itself: `(V - U) r = V + U` with the odd part U and the even part V.
fn approximant(a: &Matrix) -> Result<Matrix, StructureError> {
    let b = &PADE_13;
    let a2 = product(a, a)?;
    let a4 = product(&a2, &a2)?;
    let a6 = product(&a2, &a4)?;
    let powers = [&a2, &a4, &a6];
    let high_odd = polynomial(powers, [0.0, b[9], b[11], b[13]])?;
    let low_odd = polynomial(powers, [b[1], b[3], b[5], b[7]])?;
    let odd = product(a, &sum(&product(&a6, &high_odd)?, &low_odd, 1.0)?)?;
    let high_even = polynomial(powers, [0.0, b[8], b[10], b[12]])?;
    let low_even = polynomial(powers, [b[0], b[2], b[4], b[6]])?;
    let even = sum(&product(&a6, &high_even)?, &low_even, 1.0)?;
    solve(&sum(&even, &odd, -1.0)?, &sum(&even, &odd, 1.0)?)
}

/// `c0 I + c1 A^2 + c2 A^4 + c3 A^6`.
fn polynomial(powers: [&Matrix; 3], c: [f64; 4]) -> Result<Matrix, StructureError> {
    let order = powers[0].rows();
    let [a2, a4, a6] = powers.map(Matrix::as_slice);
    Matrix::from_fn(order, order, |i, j| {
        let at = i * order + j;
        let identity = if i == j { c[0] } else { 0.0 };
        identity + c[1] * a2[at] + c[2] * a4[at] + c[3] * a6[at]
    })
}

fn sum(left: &Matrix, right: &Matrix, factor: f64) -> Result<Matrix, StructureError> {
    let pairs = left.as_slice().iter().zip(right.as_slice());
    let data = pairs.map(|(l, r)| l + factor * r).collect();
    Matrix::new(left.rows(), left.cols(), data)
}

fn scale(matrix: &Matrix, factor: f64) -> Matrix {
    let (rows, cols) = (matrix.rows(), matrix.cols());
    let data = matrix.as_slice();
    Matrix::from_fn(rows, cols, |i, j| factor * data[i * cols + j])
        .expect("a matrix of this shape exists already")
}
