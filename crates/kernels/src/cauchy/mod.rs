//! Kernels of diagonal-plus-low-rank state matrices: Cauchy sums, Woodbury, inverse transform.
//!
//! Source: Gu, Goel and Re, "Efficiently Modeling Long Sequences with Structured State Spaces"
//! (arXiv 2111.00396), sections 3.2 and 3.3 and appendix C (S4).
//!
//! A = diag(lambda) - P P^* with r columns in P, discretised by the bilinear rule with step dt. With
//! w_j = exp(-2 pi i j / len), the generating function of the kernel k_l = C A_d^l B_d, cut at `len`,
//! is evaluated at every w_j and transformed back:
//!
//! ```text
//! c = C (I - A_d^len)
//! sum_l k_l w^l = 2 [s_00 - (1 + w) s_01 (I + (1 + w) s_11)^-1 s_10]
//! s_ij = sum_n dt left_i right_j / (2 (1 - w) - dt lambda (1 + w)),  both conjugate halves
//! left = (c, P^*), right = (B, P)
//! ```
//!
//! Deviation: the paper divides by 1 + w, which is 0 / 0 at w = -1; the form above multiplies instead.
//! Here `c` is the paper's C tilde, which is what its published code trains: it belongs to one length.
//!
//! | paper | here | shape |
//! |---|---|---|
//! | Lambda | `lambda` | [channel, state], complex, one of each conjugate pair |
//! | P | `p` | [rank, channel, state], complex |
//! | B | `b` | [row, state], complex |
//! | C tilde | `c` | [row, state], complex |
//! | Delta | `dt` | `[channel]` |
//! | K | result | [row, len], real |
//!
//! Row r belongs to channel r mod channels, as in [`crate::vandermonde`]; an initial state x is a row
//! whose b is x / dt + A x / 2.
//!
//! With w = exp(-i t), s = sin(t / 2), k = cos(t / 2) a pair of poles sums to a quotient with the
//! denominator (|dt lambda|^2 k^2 - 4 s^2) - 4 i s k Re(dt lambda): one reciprocal per node and pole,
//! in f64, serves all (r + 1)^2 sums, which are real matrix products. O(len state (r + 1)^2) time,
//! O(len state) memory per thread. The backward pass is the transposed products. On a GPU (`cube`) the
//! sums and the transform are in f64, too, and no [len, state] array is kept.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{CauchyBackward, CauchyGradients, CauchyOps, CauchySaved};

use crate::complex::ComplexTensor;
use crate::device::{in_dtype, require_body, working_dtype};
use crate::error::{KernelError, expect_axis};
use crate::vandermonde::expect_rows;
use burn::backend::Dispatch;
use burn::tensor::Tensor;

const OP: &str = "cauchy";
/// Columns of P at most: their correction is written out.
const MAX_RANK: usize = 2;

/// Inputs of [`cauchy`].
#[derive(Debug, Clone)]
pub struct CauchyInput {
    /// Eigenvalues of the normal part, [channel, state].
    pub lambda: ComplexTensor<2>,
    /// Columns of the low-rank part, [rank, channel, state].
    pub p: ComplexTensor<3>,
    /// Input column, [row, state]; the number of rows is a multiple of the channels.
    pub b: ComplexTensor<2>,
    /// Output row times (I - A_d^len), [row, state].
    pub c: ComplexTensor<2>,
    /// Step sizes, `[channel]`.
    pub dt: Tensor<1>,
}

/// Sizes of one call, shared by all bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CauchyShape {
    /// Rows of the result.
    pub rows: usize,
    /// Channels; divides the rows.
    pub channels: usize,
    /// Pole pairs per channel.
    pub state: usize,
    /// Columns of P.
    pub rank: usize,
    /// Positions of the result.
    pub len: usize,
}

/// Kernels of `len` positions; differentiable in every input.
///
/// # Numerics
/// Reciprocals and the Woodbury correction are taken in f64, sums over poles and the transform in the
/// working format. Poles on the imaginary axis may meet a node, where the kernel is infinite.
///
/// # Errors
/// Shapes that do not fit together, rows that are no multiple of the channels, more than two columns
/// of P, a device without a body.
pub fn cauchy(input: CauchyInput, len: usize) -> Result<Tensor<2>, KernelError> {
    let shape = check(&input, len)?;
    let dtype = input.c.re.dtype();
    let work = working_dtype(dtype);
    let (lambda, p) = (input.lambda.in_dtype(work), input.p.in_dtype(work));
    let (b, c) = (input.b.in_dtype(work), input.c.in_dtype(work));
    let kernel: Tensor<2> = Tensor::from_dispatch(<Dispatch as CauchyOps>::cauchy(
        lambda.re.into_dispatch(),
        lambda.im.into_dispatch(),
        p.re.into_dispatch(),
        p.im.into_dispatch(),
        b.re.into_dispatch(),
        b.im.into_dispatch(),
        c.re.into_dispatch(),
        c.im.into_dispatch(),
        in_dtype(input.dt, work).into_dispatch(),
        shape,
    ));
    Ok(in_dtype(kernel, dtype))
}

fn check(input: &CauchyInput, len: usize) -> Result<CauchyShape, KernelError> {
    let [channels, state] = input.lambda.dims();
    let [rank, _, _] = input.p.dims();
    let [rows, _] = input.c.dims();
    let (lambda, p, c) = ("lambda sets it", "p sets it", "c sets it");
    require_body(OP, &input.lambda.re.device())?;
    let axes = [("channel", channels, lambda), ("state", state, lambda)];
    input.lambda.expect(OP, "lambda", axes)?;
    let axes = [
        ("rank", rank, p),
        ("channel", channels, lambda),
        ("state", state, lambda),
    ];
    input.p.expect(OP, "p", axes)?;
    for (name, value) in [("b", &input.b), ("c", &input.c)] {
        value.expect(OP, name, [("row", rows, c), ("state", state, lambda)])?;
    }
    expect_axis(OP, ("dt", "channel"), input.dt.dims()[0], channels, lambda)?;
    expect_rows(OP, rows, channels)?;
    if rank > MAX_RANK {
        return Err(KernelError::Option {
            op: OP,
            option: "rank",
            got: rank.to_string(),
            expected: "at most 2: no HiPPO matrix has more",
        });
    }
    Ok(CauchyShape {
        rows,
        channels,
        state,
        rank,
        len,
    })
}
