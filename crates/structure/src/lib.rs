//! Structured matrices and state matrices in `f64`.
//!
//! A linear sequence layer is a matrix: whatever recurrence, scan or convolution it runs, some
//! `L x L` matrix maps its input to its output. This crate holds those matrices and the
//! mathematics around them, in double precision on plain slices, so that every fast path above
//! has something exact to be compared with.
//!
//! - [`Matrix`] is the dense matrix everything can be turned into.
//! - [`StructuredMatrix`] is a matrix that knows a cheaper product than the dense one. One law
//!   holds for all of them: `matvec` and `transpose_matvec` equal the products with `dense()`.
//! - [`SemiseparableMatrix`] is what a selective state-space head applies (Mamba-2),
//!   [`CausalToeplitz`] what a time-invariant one applies.
//! - [`discretise`] turns a continuous-time state equation into the step that a scan runs.
//!
//! # Example
//!
//! ```
//! use resolvent_structure::{Matrix, SemiseparableMatrix, StructuredMatrix};
//!
//! // Three steps, one state that halves at each step: a leaky sum.
//! let ones = Matrix::new(3, 1, vec![1.0; 3])?;
//! let half = 0.5_f64.ln();
//! let leaky_sum = SemiseparableMatrix::new(vec![half; 3], ones.clone(), ones)?;
//!
//! let y = leaky_sum.matvec(&[8.0, 0.0, 0.0])?;
//! for (value, expected) in y.iter().zip([8.0, 4.0, 2.0]) {
//!     assert!((value - expected).abs() < 1e-12);
//! }
//! assert_eq!(leaky_sum.dense().shape(), (3, 3));
//! # Ok::<(), resolvent_structure::StructureError>(())
//! ```

pub mod dense;
pub mod discretise;
pub mod error;
pub mod semiseparable;
pub mod structured;
pub mod toeplitz;

pub use dense::Matrix;
pub use error::StructureError;
pub use semiseparable::SemiseparableMatrix;
pub use structured::{Cost, StructuredMatrix};
pub use toeplitz::{CausalToeplitz, diagonal_kernel};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
