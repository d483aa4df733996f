//! Selective scan: the diagonal recurrence of Mamba-1, with its step size, skip and gate fused.
//!
//! Source: Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces"
//! (arXiv 2312.00752), section 3.2 and algorithm 2; the reference implementation is
//! state-spaces/mamba (Apache-2.0), read for facts.
//!
//! Per batch row, channel e with group g = floor(e / (E / G)), and state n:
//!
//! ```text
//! dt_t    = softplus(raw_t + bias_e), or raw_t + bias_e
//! h_t,n   = exp(dt_t A_e,n) h_t-1,n + dt_t B_t,g,n x_t
//! y_t     = sum_n C_t,g,n h_t,n + D_e x_t
//! out_t   = y_t SiLU(z_t)
//! ```
//!
//! B enters by Euler's rule (dt B), not by the zero-order hold that A's exponential is.
//!
//! | paper | here | shape |
//! |---|---|---|
//! | x | `x` | [batch, len, channel] |
//! | Delta, before softplus | `dt` | [batch, len, channel] |
//! | A (negative) | `a` | [channel, state] |
//! | B, C | `b`, `c` | [batch, len, group, state] |
//! | D | `d` | `[channel]` |
//! | Parameter in tau_Delta | `dt_bias` | `[channel]` |
//! | gate | `z` | [batch, len, channel] |
//! | h_0, h_L | `initial`, `state` | [batch, channel, state] |
//!
//! Bias and softplus of the step size are part of the operation, as in the published kernel: on a
//! CPU an element-wise operation with an exponential is a pass over memory that costs as much as a
//! good part of the scan. Decays of a channel's states are independent numbers, so every (position,
//! channel, state) needs its own exponential; that is where the time goes.
//!
//! Bodies: [`mod@reference`] (f64 recurrence), `flex` (sixteen channels in lanes, states in
//! registers), `cube` (a unit per channel, or per some states of one). The backward pass keeps the
//! inputs only: it recomputes states from checkpoints, on a CPU at every 32nd position, a tile of 128
//! channels at a time, on a GPU at every 16th.
//!
//! Cost of the forward pass: O(batch len channel state) time, one exponential each; no memory beyond
//! the result. Backward: about three times that; per running task the checkpoints, len / 32 states
//! of its tile, and for every task 2 len state numbers of the gradients of B and C (on a GPU: per 32
//! channels, and the checkpoints of all channels at once, in f32).

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{
    SelectiveScanBackward, SelectiveScanGradients, SelectiveScanOps, SelectiveScanSaved,
};

use crate::device::{
    has_cpu_body, in_dtype, require_body, require_float, reshape, storage_dtype, working_dtype,
    zeros,
};
use crate::error::{KernelError, expect_axis};
use crate::segments::check_order;
use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor};

const OP: &str = "selective_scan";

/// Inputs of [`selective_scan`].
#[derive(Debug, Clone)]
pub struct SelectiveScanInput {
    /// Values, [batch, len, channel].
    pub x: Tensor<3>,
    /// Step sizes before bias and softplus, [batch, len, channel].
    pub dt: Tensor<3>,
    /// Decay rates, negative, [channel, state].
    pub a: Tensor<2>,
    /// Input projections, [batch, len, group, state].
    pub b: Tensor<4>,
    /// Output projections, [batch, len, group, state].
    pub c: Tensor<4>,
    /// Direct term of each channel, `[channel]`; absent means zero.
    pub d: Option<Tensor<1>>,
    /// Added to the step sizes, `[channel]`; absent means zero.
    pub dt_bias: Option<Tensor<1>>,
    /// Gate, [batch, len, channel]; absent means that y is not gated.
    pub z: Option<Tensor<3>>,
    /// State before the first position, [batch, channel, state]; absent means zero.
    pub initial: Option<Tensor<3>>,
    /// Index of the packed sequence each position belongs to, [batch, len], never decreasing.
    /// No state passes from one index to the next; `initial` belongs to the first.
    pub seq_idx: Option<Tensor<2, Int>>,
}

/// Options of [`selective_scan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SelectiveScanOptions {
    /// Whether step sizes pass through softplus after the bias was added.
    pub dt_softplus: bool,
    /// Whether the state after the last position is wanted.
    pub final_state: bool,
}

/// Result of [`selective_scan`].
#[derive(Debug, Clone)]
pub struct SelectiveScanOutput {
    /// [batch, len, channel].
    pub y: Tensor<3>,
    /// [batch, channel, state], present when asked for.
    pub state: Option<Tensor<3>>,
}

/// Sizes and options of one call, shared by all bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelectiveScanShape {
    /// Rows of the batch.
    pub batch: usize,
    /// Positions.
    pub len: usize,
    /// Channels E.
    pub channels: usize,
    /// Groups G that share B and C; divides the channels.
    pub groups: usize,
    /// State size N.
    pub state: usize,
    /// Whether step sizes pass through softplus.
    pub softplus: bool,
    /// Whether y is gated by z.
    pub gated: bool,
    /// Whether the packed result ends with the final state.
    pub final_state: bool,
}

impl SelectiveScanShape {
    /// Elements of y.
    pub fn y_elements(&self) -> usize {
        self.batch * self.len * self.channels
    }

    /// Elements of a state.
    pub fn state_elements(&self) -> usize {
        self.batch * self.channels * self.state
    }

    /// Elements of the packed result [y, state].
    pub fn packed_elements(&self) -> usize {
        self.y_elements() + usize::from(self.final_state) * self.state_elements()
    }

    /// Channels of one group.
    pub fn channels_per_group(&self) -> usize {
        self.channels / self.groups.max(1)
    }
}

/// Selective scan with one decay per channel and state.
///
/// Differentiable in every float input, the initial state included. f16 and bf16 inputs are
/// computed in f32 and rounded at the end. A single position is one pass over the state.
///
/// # Numerics
/// f32: decays below 2^-126.5 are zero, and dt A above 88 saturates at 2^127 (on a GPU: is
/// infinite). NaN stays NaN. f16 and bf16 on a GPU: decays are exact to 2^-22.
///
/// # Errors
/// Shapes that do not fit together, channels not divisible by groups, decreasing `seq_idx`, a device
/// without a body.
pub fn selective_scan(
    input: SelectiveScanInput,
    options: SelectiveScanOptions,
) -> Result<SelectiveScanOutput, KernelError> {
    let shape = check(&input, options)?;
    let device = input.x.device();
    let dtype = input.x.dtype();
    let work = working_dtype(dtype);
    let stored = storage_dtype(dtype, &device);
    // Step sizes may come in more bits than the values they belong to, and keep them.
    let steps = match has_cpu_body(&device) {
        true => work,
        false => input.dt.dtype(),
    };
    let per_channel = |values: Option<Tensor<1>>| {
        values.unwrap_or_else(|| zeros([shape.channels], (&device, work)))
    };
    let state = [shape.batch, shape.channels, shape.state];
    let initial = input
        .initial
        .unwrap_or_else(|| zeros(state, (&device, work)));
    let z = input
        .z
        .unwrap_or_else(|| Tensor::empty([0, 0, 0], (&device, stored)));
    let seq_idx = input
        .seq_idx
        .unwrap_or_else(|| Tensor::empty([0, 0], &device));
    let packed: Tensor<1> = Tensor::from_dispatch(<Dispatch as SelectiveScanOps>::selective_scan(
        in_dtype(input.x, stored).into_dispatch(),
        in_dtype(input.dt, steps).into_dispatch(),
        in_dtype(input.a, work).into_dispatch(),
        in_dtype(input.b, stored).into_dispatch(),
        in_dtype(input.c, stored).into_dispatch(),
        in_dtype(per_channel(input.d), work).into_dispatch(),
        in_dtype(per_channel(input.dt_bias), work).into_dispatch(),
        in_dtype(z, stored).into_dispatch(),
        in_dtype(initial, work).into_dispatch(),
        seq_idx.into_dispatch(),
        shape,
    ));
    Ok(unpack(in_dtype(packed, dtype), shape))
}

/// Splits the packed result; the slices exist only when the state was asked for.
fn unpack(packed: Tensor<1>, shape: SelectiveScanShape) -> SelectiveScanOutput {
    let y_shape = [shape.batch, shape.len, shape.channels];
    if !shape.final_state {
        return SelectiveScanOutput {
            y: reshape(packed, y_shape),
            state: None,
        };
    }
    let split = shape.y_elements();
    let state_shape = [shape.batch, shape.channels, shape.state];
    let part = |start: usize, count: usize| match count {
        0 => Tensor::empty([0], (&packed.device(), packed.dtype())), // burn narrows to 1 at least
        _ => packed.clone().narrow(0, start, count),
    };
    SelectiveScanOutput {
        y: reshape(part(0, split), y_shape),
        state: Some(reshape(part(split, shape.state_elements()), state_shape)),
    }
}

fn check(
    input: &SelectiveScanInput,
    options: SelectiveScanOptions,
) -> Result<SelectiveScanShape, KernelError> {
    let [batch, len, channels] = input.x.dims();
    let [_, _, groups, state] = input.b.dims();
    require_body(OP, &input.x.device())?;
    require_float(OP, "x", input.x.dtype())?;
    require_float(OP, "dt", input.dt.dtype())?;
    let by_x =
        |name, axis, got, expected| expect_axis(OP, (name, axis), got, expected, "x sets it");
    let by_b =
        |name, axis, got, expected| expect_axis(OP, (name, axis), got, expected, "b sets it");
    for (name, dims) in [("b", input.b.dims()), ("c", input.c.dims())] {
        by_x(name, "batch", dims[0], batch)?;
        by_x(name, "length", dims[1], len)?;
        by_b(name, "group", dims[2], groups)?;
        by_b(name, "state", dims[3], state)?;
    }
    for (name, values) in [("dt", Some(&input.dt)), ("z", input.z.as_ref())] {
        let Some(values) = values else { continue };
        let dims = values.dims();
        by_x(name, "batch", dims[0], batch)?;
        by_x(name, "length", dims[1], len)?;
        by_x(name, "channel", dims[2], channels)?;
    }
    by_x("a", "channel", input.a.dims()[0], channels)?;
    by_b("a", "state", input.a.dims()[1], state)?;
    for (name, values) in [("d", &input.d), ("dt_bias", &input.dt_bias)] {
        if let Some(values) = values {
            by_x(name, "channel", values.dims()[0], channels)?;
        }
    }
    if let Some(initial) = &input.initial {
        let dims = initial.dims();
        by_x("initial", "batch", dims[0], batch)?;
        by_x("initial", "channel", dims[1], channels)?;
        by_b("initial", "state", dims[2], state)?;
    }
    if groups == 0 || !channels.is_multiple_of(groups) {
        return Err(KernelError::Option {
            op: OP,
            option: "groups",
            got: format!("{groups} for {channels} channels"),
            expected: "a divisor of the number of channels",
        });
    }
    if let Some(seq_idx) = &input.seq_idx {
        check_order(OP, seq_idx, batch, len)?;
    }
    Ok(SelectiveScanShape {
        batch,
        len,
        channels,
        groups,
        state,
        softplus: options.dt_softplus,
        gated: input.z.is_some(),
        final_state: options.final_state,
    })
}
