//! Kernels of diagonal state matrices: sums of powers of the poles.
//!
//! Source: Gu, Gupta, Goel and Re, "On the Parameterization and Initialization of Diagonal State
//! Space Models" (arXiv 2206.11893), section 3 (S4D); Gupta, Gu and Berant (arXiv 2203.14343, DSS).
//!
//! ```text
//! k_rl = s Re sum_n c_rn gain_n z_n^(l + offset),   l = 0..len-1
//! z, gain = exp(dt a), (exp(dt a) - 1) / a                      zero-order hold
//!           (1 + dt a / 2) / (1 - dt a / 2), dt / (1 - dt a / 2)   bilinear
//! ```
//!
//! with s = 2 where the poles stand for conjugate pairs, else 1; without `gain` it is 1. Row r belongs
//! to channel r mod channels, so that one set of poles serves kernels (rows = channels) and what
//! initial states contribute (rows = batch channels, `offset` 1, no gain).
//!
//! | here | shape |
//! |---|---|
//! | `a` | [channel, state], complex |
//! | `dt` | `[channel]` |
//! | `c` | [row, state], complex |
//! | result | [row, len] |
//!
//! Bodies: [`mod@reference`] (every power by exp or repeated squaring); `flex`: powers z^j of one
//! block of about sqrt(len) positions, and the blocks' first powers, in f64, joined by one real matrix
//! product per channel: O(len state) multiply-adds, O(sqrt(len) state) powers, no [state, len] array.
//! The backward pass is the transposed product. `cube`: the same on a GPU, all of it in f64: powers go on
//! from short tables (forward), Horner's rule in z (backward).

mod autodiff;
#[cfg(feature = "cube")]
pub(crate) mod cube;
mod flex;
mod ops;
pub mod reference;

pub use crate::poles::Rule;
pub(crate) use flex::Powers;
pub use ops::{VandermondeBackward, VandermondeGradients, VandermondeOps, VandermondeSaved};

use crate::complex::ComplexTensor;
use crate::device::{in_dtype, require_body, working_dtype};
use crate::error::{KernelError, expect_axis};
use burn::backend::Dispatch;
use burn::tensor::Tensor;

const OP: &str = "vandermonde";

/// Inputs of [`vandermonde`].
#[derive(Debug, Clone)]
pub struct VandermondeInput {
    /// Poles in continuous time, [channel, state].
    pub a: ComplexTensor<2>,
    /// Step sizes, `[channel]`.
    pub dt: Tensor<1>,
    /// Coefficients, [row, state]; the number of rows is a multiple of the channels.
    pub c: ComplexTensor<2>,
}

/// Options of [`vandermonde`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VandermondeOptions {
    /// Positions of the result.
    pub len: usize,
    /// How the poles are discretised.
    pub rule: Rule,
    /// Whether the input gain of the rule takes part.
    pub gain: bool,
    /// Power of the first position.
    pub offset: usize,
    /// Whether every pole stands for itself and its conjugate: doubles the real part.
    pub pairs: bool,
}

impl Default for VandermondeOptions {
    /// A kernel of zero-order-hold pole pairs, without positions.
    fn default() -> Self {
        Self {
            len: 0,
            rule: Rule::ZeroOrderHold,
            gain: true,
            offset: 0,
            pairs: true,
        }
    }
}

/// Sizes and options of one call, shared by all bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VandermondeShape {
    /// Rows of the result.
    pub rows: usize,
    /// Channels; divides the rows.
    pub channels: usize,
    /// Poles per channel.
    pub state: usize,
    /// Everything else.
    pub options: VandermondeOptions,
}

impl VandermondeShape {
    /// s of the definition.
    pub fn scale(&self) -> f64 {
        if self.options.pairs { 2.0 } else { 1.0 }
    }
}

/// Sums of powers; differentiable in every input. Half precision is computed in f32 and rounded.
///
/// # Numerics
/// Poles are discretised and raised to powers in f64 whatever the format of the inputs; the sum over
/// the poles is taken in the working format.
///
/// # Errors
/// Shapes that do not fit together, rows that are no multiple of the channels, a device without a
/// body.
pub fn vandermonde(
    input: VandermondeInput,
    options: VandermondeOptions,
) -> Result<Tensor<2>, KernelError> {
    let shape = check(&input, options)?;
    let dtype = input.c.re.dtype();
    let work = working_dtype(dtype);
    let (a, c) = (input.a.in_dtype(work), input.c.in_dtype(work));
    let kernel: Tensor<2> = Tensor::from_dispatch(<Dispatch as VandermondeOps>::vandermonde(
        a.re.into_dispatch(),
        a.im.into_dispatch(),
        in_dtype(input.dt, work).into_dispatch(),
        c.re.into_dispatch(),
        c.im.into_dispatch(),
        shape,
    ));
    Ok(in_dtype(kernel, dtype))
}

fn check(
    input: &VandermondeInput,
    options: VandermondeOptions,
) -> Result<VandermondeShape, KernelError> {
    let [channels, state] = input.a.dims();
    let [rows, _] = input.c.dims();
    let a = "a sets it";
    require_body(OP, &input.a.re.device())?;
    let axes = [("channel", channels, a), ("state", state, a)];
    input.a.expect(OP, "a", axes)?;
    expect_axis(OP, ("dt", "channel"), input.dt.dims()[0], channels, a)?;
    let axes = [("row", rows, a), ("state", state, a)];
    input.c.expect(OP, "c", axes)?;
    expect_rows(OP, rows, channels)?;
    Ok(VandermondeShape {
        rows,
        channels,
        state,
        options,
    })
}

/// Rows must come in whole sets of channels.
pub(crate) fn expect_rows(
    op: &'static str,
    rows: usize,
    channels: usize,
) -> Result<(), KernelError> {
    if rows == 0 || (channels > 0 && rows.is_multiple_of(channels)) {
        return Ok(());
    }
    Err(KernelError::Option {
        op,
        option: "rows of c",
        got: format!("{rows} for {channels} channels"),
        expected: "a multiple of the number of channels",
    })
}
