//! The recurrence of a diagonal-plus-low-rank system, in time linear in its state.
//!
//! Source: Gu, Goel and Re (arXiv 2111.00396), section 3.4 and appendix C: the bilinear step of S4 is
//! a diagonal plus a low rank again (Woodbury), so that a position costs O(state rank).
//!
//! ```text
//! h_t = alpha h_{t-1} - sum_i beta_i Re(kappa_i . h_{t-1}) + b x_t
//! y_t = Re(c . h_t)
//! ```
//!
//! per channel, h complex with one of each conjugate pair (what the other half adds is in `kappa` and
//! `c`, doubled). Nothing passes from one index of `seq_idx` to another; `initial` belongs to the
//! first.
//!
//! | here | shape |
//! |---|---|
//! | `x`, `y` | [batch, len, channel] |
//! | `alpha`, `b`, `c` | [channel, state], complex |
//! | `beta`, `kappa` | [rank, channel, state], complex |
//! | `initial`, `state` | [batch, channel, state], complex |
//!
//! The state of a position depends on all of the one before through a sum, so the length is walked;
//! rows and channels run in parallel, the state is the vector axis. Whole sequences from a zero state
//! are faster by [`crate::cauchy`] and [`crate::long_conv`]; this is the form for carrying states on.
//! Backward keeps the inputs, walks forward once more storing every thirty-second state, then back.
//! On a GPU (`cube`) the same, the states of a channel across units that sum among themselves.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{LowRankScanBackward, LowRankScanGradients, LowRankScanOps, LowRankScanSaved};

use crate::complex::ComplexTensor;
#[cfg(feature = "cube")]
use crate::device::cube_client;
use crate::device::{in_dtype, require_body, require_float, reshape, working_dtype, zeros};
use crate::error::KernelError;
use crate::segments::check_order;
use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor};

const OP: &str = "lowrank_scan";

/// Inputs of [`lowrank_scan`].
#[derive(Debug, Clone)]
pub struct LowRankScanInput {
    /// [batch, len, channel].
    pub x: Tensor<3>,
    /// Diagonal factors, [channel, state].
    pub alpha: ComplexTensor<2>,
    /// What the low-rank part adds to, [rank, channel, state].
    pub beta: ComplexTensor<3>,
    /// What the low-rank part reads, [rank, channel, state].
    pub kappa: ComplexTensor<3>,
    /// Input columns, [channel, state].
    pub b: ComplexTensor<2>,
    /// Output rows, [channel, state].
    pub c: ComplexTensor<2>,
    /// State before the first position, [batch, channel, state]; absent means zero.
    pub initial: Option<ComplexTensor<3>>,
    /// Index of the packed sequence each position belongs to, [batch, len], never decreasing.
    pub seq_idx: Option<Tensor<2, Int>>,
}

/// Result of [`lowrank_scan`].
#[derive(Debug, Clone)]
pub struct LowRankScanOutput {
    /// [batch, len, channel].
    pub y: Tensor<3>,
    /// State behind the last position, [batch, channel, state].
    pub state: ComplexTensor<3>,
}

/// Sizes of one call, shared by all bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowRankScanShape {
    /// Rows of the batch.
    pub batch: usize,
    /// Positions.
    pub len: usize,
    /// Channels.
    pub channels: usize,
    /// Complex state elements per channel.
    pub state: usize,
    /// Rank.
    pub rank: usize,
}

impl LowRankScanShape {
    /// Elements of y.
    pub fn y_elements(&self) -> usize {
        self.batch * self.len * self.channels
    }

    /// Elements of one part of a state.
    pub fn state_elements(&self) -> usize {
        self.batch * self.channels * self.state
    }
}

/// Outputs and final state; differentiable in every float input, `initial` included.
///
/// # Errors
/// Shapes that do not fit together, decreasing `seq_idx`, a device without a body or without shared
/// memory for such a state.
pub fn lowrank_scan(input: LowRankScanInput) -> Result<LowRankScanOutput, KernelError> {
    let shape = check(&input)?;
    let device = input.x.device();
    let dtype = input.x.dtype();
    let work = working_dtype(dtype);
    let states = [shape.batch, shape.channels, shape.state];
    let initial = input
        .initial
        .unwrap_or_else(|| ComplexTensor::real(zeros(states, (&device, work))));
    let seq_idx = input
        .seq_idx
        .unwrap_or_else(|| Tensor::empty([0, 0], &device));
    // One tensor per kind: a node of thirteen parents would be thirteen times the bookkeeping.
    let vectors = [input.alpha, input.b, input.c].map(|v| stacked::<2, 3>(v.in_dtype(work)));
    let columns = [input.beta, input.kappa].map(|v| stacked::<3, 4>(v.in_dtype(work)));
    let initial = stacked::<3, 4>(initial.in_dtype(work));
    let [alpha, b, c] = vectors;
    let [beta, kappa] = columns;
    let packed: Tensor<1> = Tensor::from_dispatch(<Dispatch as LowRankScanOps>::lowrank_scan(
        in_dtype(input.x, work).into_dispatch(),
        alpha.into_dispatch(),
        beta.into_dispatch(),
        kappa.into_dispatch(),
        b.into_dispatch(),
        c.into_dispatch(),
        initial.into_dispatch(),
        seq_idx.into_dispatch(),
        shape,
    ));
    let packed = in_dtype(packed, dtype);
    let part = |start: usize, count: usize| match count {
        0 => Tensor::empty([0], (&device, dtype)), // burn narrows to 1 at least
        _ => packed.clone().narrow(0, start, count),
    };
    let (split, count) = (shape.y_elements(), shape.state_elements());
    Ok(LowRankScanOutput {
        y: reshape(part(0, split), [shape.batch, shape.len, shape.channels]),
        state: ComplexTensor::new(
            reshape(part(split, count), states),
            reshape(part(split + count, count), states),
        ),
    })
}

/// Real and imaginary part along a new first axis, E = D + 1; burn does not stack empty tensors.
fn stacked<const D: usize, const E: usize>(value: ComplexTensor<D>) -> Tensor<E> {
    let dims = value.dims();
    if !dims.contains(&0) {
        return Tensor::stack::<E>(vec![value.re, value.im], 0);
    }
    let mut shape = [2; E];
    shape[1..].copy_from_slice(&dims);
    Tensor::empty(shape, (&value.re.device(), value.re.dtype()))
}

fn check(input: &LowRankScanInput) -> Result<LowRankScanShape, KernelError> {
    let [batch, len, channels] = input.x.dims();
    let [_, state] = input.alpha.dims();
    let [rank, _, _] = input.beta.dims();
    let (x, alpha) = ("x sets it", "alpha sets it");
    require_body(OP, &input.x.device())?;
    require_float(OP, "x", input.x.dtype())?;
    let vectors = [("alpha", &input.alpha), ("b", &input.b), ("c", &input.c)];
    for (name, vector) in vectors {
        vector.expect(
            OP,
            name,
            [("channel", channels, x), ("state", state, alpha)],
        )?;
    }
    for (name, columns) in [("beta", &input.beta), ("kappa", &input.kappa)] {
        let rank = ("rank", rank, "beta sets it");
        columns.expect(
            OP,
            name,
            [rank, ("channel", channels, x), ("state", state, alpha)],
        )?;
    }
    if let Some(initial) = &input.initial {
        let axes = [
            ("batch", batch, x),
            ("channel", channels, x),
            ("state", state, alpha),
        ];
        initial.expect(OP, "initial", axes)?;
    }
    if let Some(seq_idx) = &input.seq_idx {
        check_order(OP, seq_idx, batch, len)?;
    }
    let shape = LowRankScanShape {
        batch,
        len,
        channels,
        state,
        rank,
    };
    #[cfg(feature = "cube")]
    if let Some(client) = cube_client(&input.x.device())
        && let Some([needed, available]) =
            cube::misfit(&shape, working_dtype(input.x.dtype()), &client)
    {
        return Err(KernelError::SharedMemory {
            op: OP,
            size: format!("channels of {state} states and rank {rank}"),
            needed,
            available,
        });
    }
    Ok(shape)
}
