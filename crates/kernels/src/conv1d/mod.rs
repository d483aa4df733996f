//! Depthwise convolution along the length, with bias, activation and carried inputs.
//!
//! Source: the short convolution of Mamba (arXiv 2312.00752, section 3.4) and of S4-style blocks.
//!
//! ```text
//! z_t = bias + sum_{k=0..K-1} weight_k x_{t - left + k},   left = K - 1 (causal) or (K - 1) / 2
//! y_t = z_t  or  z_t sigmoid(z_t)
//! ```
//!
//! per channel. Causal convolutions read the K - 1 inputs before the first position from `initial`
//! (zeros when absent) and can return the last K - 1 inputs as `state`. Taps never read across a
//! boundary of `seq_idx`. The backward pass recomputes z.
//!
//! | here | shape |
//! |---|---|
//! | `x`, `y` | [batch, len, channel] |
//! | `weight` | [channel, tap], tap K - 1 is the present (causal) |
//! | `bias` | `[channel]` |
//! | `initial`, `state` | [batch, channel, tap - 1], oldest first |
//!
//! Cost: O(batch len channel K) time, no memory beyond the result.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{Conv1dBackward, Conv1dGradients, Conv1dOps, Conv1dSaved};

use crate::device::{in_dtype, require_body, require_float, storage_dtype, working_dtype, zeros};
use crate::error::{KernelError, expect_axis};
use crate::segments::check_order;
use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor};

const OP: &str = "conv1d";

/// Where the taps lie around a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Padding {
    /// A position sees itself and the K - 1 before it.
    #[default]
    Causal,
    /// A position sees (K - 1) / 2 before it, itself, and the rest after it.
    Centred,
}

/// What is applied to the convolution's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// z sigmoid(z).
    #[default]
    Silu,
}

/// Inputs of [`conv1d`].
#[derive(Debug, Clone)]
pub struct Conv1dInput {
    /// [batch, len, channel].
    pub x: Tensor<3>,
    /// [channel, tap].
    pub weight: Tensor<2>,
    /// `[channel]`; absent means zero.
    pub bias: Option<Tensor<1>>,
    /// The K - 1 inputs before the first position, [batch, channel, tap - 1]; causal only.
    pub initial: Option<Tensor<3>>,
    /// Index of the packed sequence each position belongs to, [batch, len], never decreasing.
    pub seq_idx: Option<Tensor<2, Int>>,
}

/// Options of [`conv1d`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conv1dOptions {
    /// Causal or centred.
    pub padding: Padding,
    /// SiLU or nothing.
    pub activation: Activation,
    /// Whether the last K - 1 inputs are wanted (causal only).
    pub final_state: bool,
}

/// Result of [`conv1d`].
#[derive(Debug, Clone)]
pub struct Conv1dOutput {
    /// [batch, len, channel].
    pub y: Tensor<3>,
    /// The last K - 1 inputs, [batch, channel, tap - 1], present when asked for.
    pub state: Option<Tensor<3>>,
}

/// Sizes and options of one call, shared by all bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv1dShape {
    /// Rows of the batch.
    pub batch: usize,
    /// Positions.
    pub len: usize,
    /// Channels.
    pub channels: usize,
    /// Taps K.
    pub taps: usize,
    /// Causal or centred.
    pub padding: Padding,
    /// SiLU or nothing.
    pub activation: Activation,
}

impl Conv1dShape {
    /// Positions before the present one that the first tap reaches.
    pub fn left(&self) -> usize {
        match self.padding {
            Padding::Causal => self.taps - 1,
            Padding::Centred => (self.taps - 1) / 2,
        }
    }
}

/// Depthwise convolution; differentiable in every float input, `initial` included.
///
/// # Errors
/// Shapes that do not fit, zero taps, a state asked of a centred convolution, decreasing
/// `seq_idx`, a device without a body.
pub fn conv1d(input: Conv1dInput, options: Conv1dOptions) -> Result<Conv1dOutput, KernelError> {
    let shape = check(&input, options)?;
    let device = input.x.device();
    let dtype = input.x.dtype();
    let work = working_dtype(dtype);
    let zeros = |dims: [usize; 3]| zeros(dims, (&device, work));
    let initial = input
        .initial
        .unwrap_or_else(|| zeros([shape.batch, shape.channels, shape.taps - 1]));
    let bias = input
        .bias
        .unwrap_or_else(|| Tensor::zeros([shape.channels], (&device, work)));
    let state = options
        .final_state
        .then(|| final_inputs(&input.x, &initial, shape));
    let seq_idx = input
        .seq_idx
        .unwrap_or_else(|| Tensor::empty([0, 0], &device));
    let y: Tensor<3> = Tensor::from_dispatch(<Dispatch as Conv1dOps>::depthwise_conv1d(
        in_dtype(input.x, storage_dtype(dtype, &device)).into_dispatch(),
        in_dtype(input.weight, work).into_dispatch(),
        in_dtype(bias, work).into_dispatch(),
        in_dtype(initial, work).into_dispatch(),
        seq_idx.into_dispatch(),
        shape,
    ));
    Ok(Conv1dOutput {
        y: in_dtype(y, dtype),
        state,
    })
}

/// The last K - 1 of [initial, x], by ordinary (differentiable) tensor operations.
fn final_inputs(x: &Tensor<3>, initial: &Tensor<3>, shape: Conv1dShape) -> Tensor<3> {
    let keep = shape.taps - 1;
    let fresh = keep.min(shape.len);
    let old = keep - fresh;
    let new = x
        .clone()
        .slice([
            0..shape.batch,
            shape.len - fresh..shape.len,
            0..shape.channels,
        ])
        .swap_dims(1, 2);
    if old == 0 {
        return new;
    }
    let carried = in_dtype(initial.clone(), x.dtype()).slice([
        0..shape.batch,
        0..shape.channels,
        keep - old..keep,
    ]);
    if fresh == 0 {
        return carried;
    }
    Tensor::cat(vec![carried, new], 2)
}

fn check(input: &Conv1dInput, options: Conv1dOptions) -> Result<Conv1dShape, KernelError> {
    let [batch, len, channels] = input.x.dims();
    let [rows, taps] = input.weight.dims();
    let x = "x sets it";
    require_body(OP, &input.x.device())?;
    require_float(OP, "x", input.x.dtype())?;
    expect_axis(OP, ("weight", "channel"), rows, channels, x)?;
    if taps == 0 {
        return Err(KernelError::Option {
            op: OP,
            option: "taps",
            got: "0".into(),
            expected: "at least 1",
        });
    }
    if let Some(bias) = &input.bias {
        expect_axis(OP, ("bias", "channel"), bias.dims()[0], channels, x)?;
    }
    if let Some(initial) = &input.initial {
        let dims = initial.dims();
        expect_axis(OP, ("initial", "batch"), dims[0], batch, x)?;
        expect_axis(OP, ("initial", "channel"), dims[1], channels, x)?;
        expect_axis(
            OP,
            ("initial", "tap - 1"),
            dims[2],
            taps - 1,
            "weight sets it",
        )?;
    }
    let carries = options.final_state || input.initial.is_some();
    if options.padding == Padding::Centred && carries {
        return Err(KernelError::Option {
            op: OP,
            option: "padding",
            got: "Centred with a carried state".into(),
            expected: "Causal when `initial` or `final_state` is used",
        });
    }
    if let Some(seq_idx) = &input.seq_idx {
        check_order(OP, seq_idx, batch, len)?;
    }
    Ok(Conv1dShape {
        batch,
        len,
        channels,
        taps,
        padding: options.padding,
        activation: options.activation,
    })
}
