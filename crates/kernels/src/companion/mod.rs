//! Krylov kernels of companion matrices.
//!
//! Source: Zhang, Saab, Poli, Dao, Goel and Re, "Effectively Modeling Time Series with Simple Discrete
//! State Spaces" (arXiv 2303.09489), section 3 and appendix (SpaceTime).
//!
//! With A the shift down plus the last column `a`,
//!
//! ```text
//! f_k = c A^k b,   k = 0..len-1
//! A e_i = e_{i+1},   A e_{d-1} = a
//! ```
//!
//! Deviation: the paper evaluates the generating function at roots of unity, which needs c (I - A^len)
//! and meets a zero denominator when A has an eigenvalue there. Here the generating function is a
//! quotient of power series, exact for every A and length:
//!
//! ```text
//! sum_k f_k z^k = r_cb + z r_ca rev(b) / (1 - z rev(a)),   (r_cv)_i = sum_j c_{i+j} v_j
//! ```
//!
//! by Woodbury's identity on (I - z A)^-1; its inverse series comes from Newton's iteration.
//!
//! | paper | here | shape |
//! |---|---|---|
//! | a | `a` | [channel, state], last column of A |
//! | B | `b` | [row, state] |
//! | C | `c` | [row, state] |
//! | F | result | [row, len] |
//!
//! Row r belongs to channel r mod channels; an initial state is a row whose b is that state.
//! O(state log state + len log len) per row, always computed in f64; on a GPU (`cube`) the first terms of
//! the inverse and what is as short as the state are direct sums, O(state^2 + len log len). Values grow
//! with the powers of A: with sum |a| <= 1 they stay bounded.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{CompanionBackward, CompanionGradients, CompanionOps, CompanionSaved};

use crate::device::{in_dtype, require_body, require_float, working_dtype};
use crate::error::{KernelError, expect_axis};
use crate::vandermonde::expect_rows;
use burn::backend::Dispatch;
use burn::tensor::Tensor;

const OP: &str = "companion";

/// Inputs of [`companion`].
#[derive(Debug, Clone)]
pub struct CompanionInput {
    /// Last columns, [channel, state].
    pub a: Tensor<2>,
    /// Input columns, [row, state]; the number of rows is a multiple of the channels.
    pub b: Tensor<2>,
    /// Output rows, [row, state].
    pub c: Tensor<2>,
}

/// Sizes of one call, shared by all bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompanionShape {
    /// Rows of the result.
    pub rows: usize,
    /// Channels; divides the rows.
    pub channels: usize,
    /// State size d.
    pub state: usize,
    /// Positions of the result.
    pub len: usize,
}

/// Kernels of `len` positions; differentiable in every input.
///
/// # Errors
/// Shapes that do not fit together, rows that are no multiple of the channels, a device without a
/// body.
pub fn companion(input: CompanionInput, len: usize) -> Result<Tensor<2>, KernelError> {
    let [channels, state] = input.a.dims();
    let [rows, _] = input.b.dims();
    require_body(OP, &input.a.device())?;
    require_float(OP, "a", input.a.dtype())?;
    expect_axis(OP, ("b", "state"), input.b.dims()[1], state, "a sets it")?;
    expect_axis(OP, ("c", "row"), input.c.dims()[0], rows, "b sets it")?;
    expect_axis(OP, ("c", "state"), input.c.dims()[1], state, "a sets it")?;
    expect_rows(OP, rows, channels)?;
    let shape = CompanionShape {
        rows,
        channels,
        state,
        len,
    };
    let dtype = input.b.dtype();
    let work = working_dtype(dtype);
    let kernel: Tensor<2> = Tensor::from_dispatch(<Dispatch as CompanionOps>::companion(
        in_dtype(input.a, work).into_dispatch(),
        in_dtype(input.b, work).into_dispatch(),
        in_dtype(input.c, work).into_dispatch(),
        shape,
    ));
    Ok(in_dtype(kernel, dtype))
}
