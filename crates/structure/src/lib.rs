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
//! - [`hippo`] has the orthogonal state matrices, [`DplrMatrix`] their diagonal-plus-low-rank form
//!   (S4), [`DiagonalInit`] and [`s5_modes`] the diagonal ones (S4D, S5), [`ptd`] the perturbed ones,
//!   [`CompanionMatrix`] that of SpaceTime. A [`MatrixSpec`] names any of them.
//! - [`discretise`] turns a continuous-time state equation into the step that a scan runs, and
//!   [`StateSpace`] is a system with dense matrices: kernels, transfer functions, diagnostics.
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

pub mod companion;
pub mod complex;
pub mod dense;
pub mod diagonal_init;
pub mod discretise;
pub mod dplr;
pub mod error;
mod fourier;
pub mod hippo;
pub mod inspection;
pub mod linalg;
pub mod modal_kernel;
pub mod modes;
pub mod ptd;
pub mod semiseparable;
pub mod spec;
pub mod structured;
pub mod system;
pub mod toeplitz;

pub use companion::{CompanionMatrix, difference_filter, moving_average_residual};
pub use complex::ComplexMatrix;
pub use dense::Matrix;
pub use diagonal_init::{DiagonalInit, s5_modes};
pub use dplr::{DplrMatrix, DplrStep};
pub use error::StructureError;
pub use hippo::{HippoMatrix, Nplr};
pub use modal_kernel::{dss_kernel, modal_kernel, modal_response, vandermonde_kernel};
pub use modes::ModalBasis;
pub use num_complex::Complex64;
pub use semiseparable::SemiseparableMatrix;
pub use spec::MatrixSpec;
pub use structured::{Cost, StructuredMatrix};
pub use system::{
    Controllability, DiscreteStateSpace, StateSpace, controllability, controllability_of_steps,
    distance_to_instability, spectral_abscissa, spectral_radius,
};
pub use toeplitz::{CausalToeplitz, diagonal_kernel};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
