//! SSD: the chunked scan of Mamba-2 and of everything built like it.
//!
//! Source: Dao and Gu, "Transformers are SSMs" (arXiv 2405.21060), section 6; the reference
//! implementation is state-spaces/mamba (Apache-2.0), read for facts.
//!
//! Per batch row and head h with group g = floor(h / (H / G)):
//!
//! ```text
//! S_t = exp(dt_t a_h) S_{t-1} + dt_t x_t B_t^T      S: [head_dim, state]
//! y_t = S_t C_t + d_h x_t
//! ```
//!
//! | paper | here | shape |
//! |---|---|---|
//! | X | `x` | [batch, len, head, head_dim] |
//! | Delta | `dt`, after softplus | [batch, len, head] |
//! | A (scalar per head, negative) | `a` | `[head]` |
//! | B, C | `b`, `c` | [batch, len, group, state] |
//! | D | `d` | `[head]` |
//! | h_0, h_L | `initial`, `state` | [batch, head, head_dim, state] |
//!
//! Bodies: [`mod@reference`] (f64 recurrence), `flex` (chunked: matrix products inside a chunk, a
//! state of constant size between chunks), `cube` (the same for GPUs). The backward pass recomputes chunk states from
//! checkpoints instead of storing them.
//!
//! Cost of the forward pass per head: O(len (chunk (state + head_dim) + state head_dim)) time;
//! memory beyond the result: the states of sixteen chunks.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{SsdBackward, SsdGradients, SsdOps, SsdSaved};

#[cfg(feature = "cube")]
use crate::device::cube_client;
use crate::device::{
    has_cpu_body, in_dtype, require_body, require_float, reshape, storage_dtype, working_dtype,
    zeros,
};
use crate::error::{KernelError, expect_axis};
use crate::segments::check_order;
use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor};

const OP: &str = "ssd";

/// Inputs of [`ssd`].
#[derive(Debug, Clone)]
pub struct SsdInput {
    /// Values, [batch, len, head, head_dim].
    pub x: Tensor<4>,
    /// Step sizes after softplus, [batch, len, head].
    pub dt: Tensor<3>,
    /// Decay rate of each head, negative, `[head]`.
    pub a: Tensor<1>,
    /// Input projections, [batch, len, group, state].
    pub b: Tensor<4>,
    /// Output projections, [batch, len, group, state].
    pub c: Tensor<4>,
    /// Direct term of each head, `[head]`; absent means zero.
    pub d: Option<Tensor<1>>,
    /// State before the first position, [batch, head, head_dim, state]; absent means zero.
    pub initial: Option<Tensor<4>>,
    /// Index of the packed sequence each position belongs to, [batch, len], never decreasing.
    /// No state passes from one index to the next; `initial` belongs to the first.
    pub seq_idx: Option<Tensor<2, Int>>,
}

/// Options of [`ssd`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SsdOptions {
    /// Positions per chunk, at least 1. Changes rounding and speed, never the result.
    pub chunk: usize,
    /// Whether the state after the last position is wanted.
    pub final_state: bool,
}

impl Default for SsdOptions {
    fn default() -> Self {
        Self {
            chunk: 64,
            final_state: false,
        }
    }
}

/// Result of [`ssd`].
#[derive(Debug, Clone)]
pub struct SsdOutput {
    /// [batch, len, head, head_dim].
    pub y: Tensor<4>,
    /// [batch, head, head_dim, state], present when asked for.
    pub state: Option<Tensor<4>>,
}

/// Sizes of one call, shared by all bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SsdShape {
    /// Rows of the batch.
    pub batch: usize,
    /// Positions.
    pub len: usize,
    /// Heads H.
    pub heads: usize,
    /// Channels per head P.
    pub head_dim: usize,
    /// Groups G that share B and C; divides the heads.
    pub groups: usize,
    /// State size N.
    pub state: usize,
    /// Positions per chunk.
    pub chunk: usize,
    /// Whether the final state is behind y in the packed result.
    pub final_state: bool,
    /// States inside the sequence that the packed result ends with: those that the backward pass of a
    /// CPU would otherwise have to find once more.
    pub kept_states: usize,
}

impl SsdShape {
    /// Elements of y.
    pub fn y_elements(&self) -> usize {
        self.batch * self.len * self.heads * self.head_dim
    }

    /// Elements of a state.
    pub fn state_elements(&self) -> usize {
        self.batch * self.heads * self.head_dim * self.state
    }

    /// Elements of the packed result [y, state, kept states].
    pub fn packed_elements(&self) -> usize {
        self.result_elements() + self.kept_states * self.state_elements()
    }

    /// Elements of what the caller sees of it, [y, state].
    pub fn result_elements(&self) -> usize {
        self.y_elements() + usize::from(self.final_state) * self.state_elements()
    }

    /// Heads of one group.
    pub fn heads_per_group(&self) -> usize {
        self.heads / self.groups.max(1)
    }
}

/// Chunked scan with scalar decay per head.
///
/// Differentiable in every float input, the initial state included. f16 and bf16 inputs are
/// computed in f32 and rounded at the end.
///
/// # Errors
/// Shapes that do not fit together, heads not divisible by groups, a chunk of zero, decreasing
/// `seq_idx`, a device without a body or with too little shared memory for the state.
pub fn ssd(input: SsdInput, options: SsdOptions) -> Result<SsdOutput, KernelError> {
    let shape = check(&input, options)?;
    let device = input.x.device();
    let dtype = input.x.dtype();
    let work = working_dtype(dtype);
    let stored = storage_dtype(dtype, &device);
    let d = input
        .d
        .unwrap_or_else(|| zeros([shape.heads], (&device, work)));
    let initial = input.initial.unwrap_or_else(|| {
        zeros(
            [shape.batch, shape.heads, shape.head_dim, shape.state],
            (&device, work),
        )
    });
    let seq_idx = input
        .seq_idx
        .unwrap_or_else(|| Tensor::empty([0, 0], &device));
    let packed: Tensor<1> = Tensor::from_dispatch(<Dispatch as SsdOps>::ssd(
        in_dtype(input.x, stored).into_dispatch(),
        in_dtype(input.dt, work).into_dispatch(),
        in_dtype(input.a, work).into_dispatch(),
        in_dtype(input.b, stored).into_dispatch(),
        in_dtype(input.c, stored).into_dispatch(),
        in_dtype(d, work).into_dispatch(),
        in_dtype(initial, work).into_dispatch(),
        seq_idx.into_dispatch(),
        shape,
    ));
    Ok(unpack(in_dtype(packed, dtype), shape))
}

/// Splits the packed result; the slices exist only when the state was asked for.
fn unpack(packed: Tensor<1>, shape: SsdShape) -> SsdOutput {
    let y_shape = [shape.batch, shape.len, shape.heads, shape.head_dim];
    if !shape.final_state {
        return SsdOutput {
            y: reshape(packed, y_shape),
            state: None,
        };
    }
    let split = shape.y_elements();
    let state_shape = [shape.batch, shape.heads, shape.head_dim, shape.state];
    let part = |start: usize, count: usize| match count {
        0 => Tensor::empty([0], (&packed.device(), packed.dtype())), // burn narrows to 1 at least
        _ => packed.clone().narrow(0, start, count),
    };
    SsdOutput {
        y: reshape(part(0, split), y_shape),
        state: Some(reshape(part(split, shape.state_elements()), state_shape)),
    }
}

fn check(input: &SsdInput, options: SsdOptions) -> Result<SsdShape, KernelError> {
    let [batch, len, heads, head_dim] = input.x.dims();
    let [_, _, groups, state] = input.b.dims();
    let x = "x sets it";
    let axis = |name, axis, got, expected| expect_axis(OP, (name, axis), got, expected, x);
    require_body(OP, &input.x.device())?;
    require_float(OP, "x", input.x.dtype())?;
    for (name, dims) in [("b", input.b.dims()), ("c", input.c.dims())] {
        axis(name, "batch", dims[0], batch)?;
        axis(name, "length", dims[1], len)?;
        expect_axis(OP, (name, "group"), dims[2], groups, "b sets it")?;
        expect_axis(OP, (name, "state"), dims[3], state, "b sets it")?;
    }
    let dt = input.dt.dims();
    axis("dt", "batch", dt[0], batch)?;
    axis("dt", "length", dt[1], len)?;
    axis("dt", "head", dt[2], heads)?;
    axis("a", "head", input.a.dims()[0], heads)?;
    if let Some(d) = &input.d {
        axis("d", "head", d.dims()[0], heads)?;
    }
    if let Some(initial) = &input.initial {
        let dims = initial.dims();
        axis("initial", "batch", dims[0], batch)?;
        axis("initial", "head", dims[1], heads)?;
        axis("initial", "head_dim", dims[2], head_dim)?;
        expect_axis(OP, ("initial", "state"), dims[3], state, "b sets it")?;
    }
    if groups == 0 || !heads.is_multiple_of(groups) {
        return Err(KernelError::Option {
            op: OP,
            option: "groups",
            got: format!("{groups} for {heads} heads"),
            expected: "a divisor of the number of heads",
        });
    }
    if options.chunk == 0 {
        return Err(KernelError::Option {
            op: OP,
            option: "chunk",
            got: "0".into(),
            expected: "at least 1",
        });
    }
    if let Some(seq_idx) = &input.seq_idx {
        check_order(OP, seq_idx, batch, len)?;
    }
    let device = input.x.device();
    let shape = SsdShape {
        batch,
        len,
        heads,
        head_dim,
        groups,
        state,
        chunk: options.chunk,
        final_state: options.final_state,
        kept_states: match device.is_autodiff() && has_cpu_body(&device) {
            true => flex::kept_states(len, options.chunk),
            false => 0,
        },
    };
    #[cfg(feature = "cube")]
    if let Some(client) = cube_client(&input.x.device())
        && let Some([needed, available]) = cube::misfit(shape, input.x.dtype(), &client)
    {
        return Err(KernelError::SharedMemory {
            op: OP,
            size: format!("a state of {state} per channel and {head_dim} channels"),
            needed,
            available,
        });
    }
    Ok(shape)
}
