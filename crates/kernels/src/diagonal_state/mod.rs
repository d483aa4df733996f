//! The state of a diagonal system behind a sequence, without the states on the way.
//!
//! Source: the state equation of S4D (arXiv 2206.11893, section 3) unrolled over the sequence; it is
//! the transpose of the sums in [`crate::vandermonde`] and shares their powers.
//!
//! ```text
//! h_n = z_n^len initial_n + gain_n sum_t z_n^(len - 1 - t) x_t
//! ```
//!
//! per batch row and channel, with z and gain of [`crate::vandermonde::Rule`]. In a packed row only the
//! last sequence counts; `initial` belongs to the first.
//!
//! | here | shape |
//! |---|---|
//! | `x` | [batch, len, channel] |
//! | `a` | [channel, state], complex |
//! | `dt` | `[channel]` |
//! | `initial`, result | [batch, channel, state], complex |
//!
//! Cost: O(batch len channel state) multiply-adds in one matrix product per channel, O(sqrt(len)
//! state) powers per channel, no [len, state] array. On a GPU (`cube`) Horner's rule in f64.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{
    DiagonalStateBackward, DiagonalStateGradients, DiagonalStateOps, DiagonalStateSaved,
};

use crate::complex::ComplexTensor;
use crate::device::{in_dtype, require_body, require_float, reshape, working_dtype, zeros};
use crate::error::{KernelError, expect_axis};
use crate::segments::check_order;
use crate::vandermonde::Rule;
use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor};

const OP: &str = "diagonal_state";

/// Inputs of [`diagonal_state`].
#[derive(Debug, Clone)]
pub struct DiagonalStateInput {
    /// [batch, len, channel].
    pub x: Tensor<3>,
    /// Poles in continuous time, [channel, state].
    pub a: ComplexTensor<2>,
    /// Step sizes, `[channel]`.
    pub dt: Tensor<1>,
    /// State before the first position, [batch, channel, state]; absent means zero.
    pub initial: Option<ComplexTensor<3>>,
    /// Index of the packed sequence each position belongs to, [batch, len], never decreasing.
    pub seq_idx: Option<Tensor<2, Int>>,
}

/// Sizes and options of one call, shared by all bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiagonalStateShape {
    /// Rows of the batch.
    pub batch: usize,
    /// Positions.
    pub len: usize,
    /// Channels.
    pub channels: usize,
    /// Poles per channel.
    pub state: usize,
    /// How the poles are discretised.
    pub rule: Rule,
}

impl DiagonalStateShape {
    /// Elements of one part of a state.
    pub fn state_elements(&self) -> usize {
        self.batch * self.channels * self.state
    }
}

/// State behind the last position; differentiable in every float input.
///
/// # Errors
/// Shapes that do not fit together, decreasing `seq_idx`, a device without a body.
pub fn diagonal_state(
    input: DiagonalStateInput,
    rule: Rule,
) -> Result<ComplexTensor<3>, KernelError> {
    let shape = check(&input, rule)?;
    let device = input.x.device();
    let dtype = input.x.dtype();
    let work = working_dtype(dtype);
    let dims = [shape.batch, shape.channels, shape.state];
    let initial = input
        .initial
        .unwrap_or_else(|| ComplexTensor::real(zeros(dims, (&device, work))));
    let seq_idx = input
        .seq_idx
        .unwrap_or_else(|| Tensor::empty([0, 0], &device));
    let (a, initial) = (input.a.in_dtype(work), initial.in_dtype(work));
    let packed: Tensor<1> = Tensor::from_dispatch(<Dispatch as DiagonalStateOps>::diagonal_state(
        in_dtype(input.x, work).into_dispatch(),
        a.re.into_dispatch(),
        a.im.into_dispatch(),
        in_dtype(input.dt, work).into_dispatch(),
        initial.re.into_dispatch(),
        initial.im.into_dispatch(),
        seq_idx.into_dispatch(),
        shape,
    ));
    let packed = in_dtype(packed, dtype);
    let count = shape.state_elements();
    let half = |start: usize| match count {
        0 => Tensor::empty(dims, (&device, dtype)), // burn narrows to 1 at least
        _ => reshape(packed.clone().narrow(0, start, count), dims),
    };
    Ok(ComplexTensor::new(half(0), half(count)))
}

fn check(input: &DiagonalStateInput, rule: Rule) -> Result<DiagonalStateShape, KernelError> {
    let [batch, len, channels] = input.x.dims();
    let [_, state] = input.a.dims();
    let (x, a) = ("x sets it", "a sets it");
    require_body(OP, &input.x.device())?;
    require_float(OP, "x", input.x.dtype())?;
    input
        .a
        .expect(OP, "a", [("channel", channels, x), ("state", state, a)])?;
    expect_axis(OP, ("dt", "channel"), input.dt.dims()[0], channels, x)?;
    if let Some(initial) = &input.initial {
        let axes = [
            ("batch", batch, x),
            ("channel", channels, x),
            ("state", state, a),
        ];
        initial.expect(OP, "initial", axes)?;
    }
    if let Some(seq_idx) = &input.seq_idx {
        check_order(OP, seq_idx, batch, len)?;
    }
    Ok(DiagonalStateShape {
        batch,
        len,
        channels,
        state,
        rule,
    })
}
