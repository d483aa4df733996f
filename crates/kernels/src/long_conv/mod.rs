//! Convolution along the length with kernels as long as the sequence.
//!
//! Source: Gu, Goel and Re, "Efficiently Modeling Long Sequences with Structured State Spaces"
//! (arXiv 2111.00396), section 3 (convolution by FFT), and the bidirectional kernel of its published
//! code.
//!
//! ```text
//! y_t = initial_t + skip x_t + sum_{m>=0} kernel_m x_{t-m} + sum_{m>=0} reverse_m x_{t+1+m}
//! ```
//!
//! per channel. The present sample belongs to `kernel` alone, so that the two-sided kernel has no
//! tap twice. Taps never read across a boundary of `seq_idx`; taps beyond a sequence are not read.
//!
//! | here | shape |
//! |---|---|
//! | `x`, `initial`, `y` | [batch, len, channel] |
//! | `kernel` | [channel, tap], tap 0 is the present |
//! | `reverse` | [channel, tap], tap 0 is the next position |
//! | `skip` | `[channel]` |
//!
//! Bodies: [`mod@reference`] (f64 double sum); `flex`: the double sum over sixteen channels at once
//! where a sequence or kernel is short, real Fourier transforms of a fast length of at least
//! len + taps - 1 otherwise; `cube`: the double sum likewise, else complex transforms of a power of two
//! of at least len. Cost per channel: O(len taps), or O((len + taps) log(len + taps)).
//! The backward pass transforms inputs again instead of storing spectra.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{LongConvBackward, LongConvGradients, LongConvOps, LongConvSaved};

use crate::device::{in_dtype, require_body, require_float, working_dtype, zeros};
use crate::error::{KernelError, expect_axis};
use crate::segments::check_order;
use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor};

const OP: &str = "long_conv";

/// How the sums are taken; changes rounding and speed, never the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Whichever is faster for the length of the sequence.
    #[default]
    Auto,
    /// The double sum. Earlier outputs do not depend on later inputs, not even in rounding.
    Direct,
    /// Fourier transforms. Rounding errors are relative to the largest output of the channel.
    Fourier,
}

/// Inputs of [`long_conv`].
#[derive(Debug, Clone)]
pub struct LongConvInput {
    /// [batch, len, channel].
    pub x: Tensor<3>,
    /// What a position sees of itself and of the past, [channel, tap].
    pub kernel: Tensor<2>,
    /// What a position sees of the future, [channel, tap]; absent means nothing.
    pub reverse: Option<Tensor<2>>,
    /// Direct term of each channel, `[channel]`; absent means zero.
    pub skip: Option<Tensor<1>>,
    /// What inputs before the first position contribute, [batch, len, channel]; absent means zero.
    pub initial: Option<Tensor<3>>,
    /// Index of the packed sequence each position belongs to, [batch, len], never decreasing.
    pub seq_idx: Option<Tensor<2, Int>>,
}

/// Sizes of one call, shared by all bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongConvShape {
    /// Rows of the batch.
    pub batch: usize,
    /// Positions.
    pub len: usize,
    /// Channels.
    pub channels: usize,
    /// Taps of `kernel`.
    pub taps: usize,
    /// Taps of `reverse`; zero when absent.
    pub reverse_taps: usize,
    /// Whether `initial` was given.
    pub initial: bool,
    /// How the sums are taken.
    pub method: Method,
}

/// Convolution with long kernels; differentiable in every float input.
///
/// f16 and bf16 inputs are computed in f32 and rounded at the end.
///
/// # Errors
/// Shapes that do not fit together, decreasing `seq_idx`, a device without a body.
pub fn long_conv(input: LongConvInput, method: Method) -> Result<Tensor<3>, KernelError> {
    let shape = check(&input, method)?;
    let device = input.x.device();
    let dtype = input.x.dtype();
    let work = working_dtype(dtype);
    let options = (&device, work);
    let reverse = input
        .reverse
        .unwrap_or_else(|| Tensor::empty([shape.channels, 0], options));
    let skip = input
        .skip
        .unwrap_or_else(|| zeros([shape.channels], options));
    let initial = input
        .initial
        .unwrap_or_else(|| Tensor::empty([0, 0, 0], options));
    let seq_idx = input
        .seq_idx
        .unwrap_or_else(|| Tensor::empty([0, 0], &device));
    let y: Tensor<3> = Tensor::from_dispatch(<Dispatch as LongConvOps>::long_conv(
        in_dtype(input.x, work).into_dispatch(),
        in_dtype(input.kernel, work).into_dispatch(),
        in_dtype(reverse, work).into_dispatch(),
        in_dtype(skip, work).into_dispatch(),
        in_dtype(initial, work).into_dispatch(),
        seq_idx.into_dispatch(),
        shape,
    ));
    Ok(in_dtype(y, dtype))
}

fn check(input: &LongConvInput, method: Method) -> Result<LongConvShape, KernelError> {
    let [batch, len, channels] = input.x.dims();
    let [rows, taps] = input.kernel.dims();
    let x = "x sets it";
    require_body(OP, &input.x.device())?;
    require_float(OP, "x", input.x.dtype())?;
    expect_axis(OP, ("kernel", "channel"), rows, channels, x)?;
    let mut reverse_taps = 0;
    if let Some(reverse) = &input.reverse {
        let [rows, taps] = reverse.dims();
        expect_axis(OP, ("reverse", "channel"), rows, channels, x)?;
        reverse_taps = taps;
    }
    if let Some(skip) = &input.skip {
        expect_axis(OP, ("skip", "channel"), skip.dims()[0], channels, x)?;
    }
    if let Some(initial) = &input.initial {
        let axes = [("batch", batch), ("length", len), ("channel", channels)];
        for (got, (axis, expected)) in initial.dims().into_iter().zip(axes) {
            expect_axis(OP, ("initial", axis), got, expected, x)?;
        }
    }
    if let Some(seq_idx) = &input.seq_idx {
        check_order(OP, seq_idx, batch, len)?;
    }
    Ok(LongConvShape {
        batch,
        len,
        channels,
        taps,
        reverse_taps,
        initial: input.initial.is_some(),
        method,
    })
}
