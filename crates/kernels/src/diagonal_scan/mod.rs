//! Complex diagonal recurrence along the length, forward or backward in time.
//!
//! Source: Smith, Warrington and Linderman, "Simplified State Space Layers for Sequence Modeling"
//! (arXiv 2208.04933), section 3 (S5); the same recurrence with `a` varying in time is that of
//! linear recurrent units with gates.
//!
//! ```text
//! h_t = a_t h_{t-1} + x_t      (reverse: h_t = a_t h_{t+1} + x_t)
//! ```
//!
//! per channel, complex. Nothing passes from one index of `seq_idx` to another; `initial` belongs to
//! the sequence that is entered first.
//!
//! | here | shape |
//! |---|---|
//! | `x`, `h` | [batch, len, 2 channel]: all real parts, then all imaginary parts |
//! | `a` | `[channel]` or [batch, len, channel], complex |
//! | `initial`, `state` | [batch, channel], complex |
//!
//! Real and imaginary parts stand side by side in `x` and `h` because a layer makes and reads them by
//! one real matrix product each.
//!
//! Bodies: [`mod@reference`] (f64 loop); `flex`: channels are the vector axis; where rows and channels
//! are too few for the machine, the length is cut into fixed chunks and scanned twice (Blelloch: local
//! ends, their carries, then every chunk from its carry); `cube`: the same on a GPU, a unit per channel.
//! The backward pass is the scan in the other direction with conjugated factors. O(batch len channel) time, no memory beyond the results.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{DiagonalScanBackward, DiagonalScanGradients, DiagonalScanOps, DiagonalScanSaved};

use crate::complex::ComplexTensor;
use crate::device::{
    has_cpu_body, in_dtype, require_body, require_float, storage_dtype, working_dtype, zeros,
};
use crate::error::KernelError;
use crate::segments::check_order;
use burn::backend::Dispatch;
use burn::tensor::{DType, Int, Tensor};

const OP: &str = "diagonal_scan";

/// What a state is multiplied by on its way to the next position.
#[derive(Debug, Clone)]
pub enum ScanFactor {
    /// The same at every position, `[channel]`.
    Fixed(ComplexTensor<1>),
    /// Its own at every position, [batch, len, channel].
    Varying(ComplexTensor<3>),
}

/// Inputs of [`diagonal_scan`].
#[derive(Debug, Clone)]
pub struct DiagonalScanInput {
    /// [batch, len, 2 channel], real parts before imaginary parts.
    pub x: Tensor<3>,
    /// Factors.
    pub a: ScanFactor,
    /// State before the first position that is entered, [batch, channel]; absent means zero.
    pub initial: Option<ComplexTensor<2>>,
    /// Index of the packed sequence each position belongs to, [batch, len], never decreasing.
    pub seq_idx: Option<Tensor<2, Int>>,
    /// From the last position to the first.
    pub reverse: bool,
}

/// Result of [`diagonal_scan`].
#[derive(Debug, Clone)]
pub struct DiagonalScanOutput {
    /// [batch, len, 2 channel], real parts before imaginary parts.
    pub h: Tensor<3>,
    initial: Option<ComplexTensor<2>>,
    reverse: bool,
}

impl DiagonalScanOutput {
    /// The state behind the last position that was entered, [batch, channel]: a part of `h`, or
    /// `initial` where there are no positions.
    pub fn state(&self) -> ComplexTensor<2> {
        let [batch, len, width] = self.h.dims();
        let channels = width / 2;
        if len == 0 || batch == 0 || channels == 0 {
            return self.initial.clone().unwrap_or_else(|| {
                let options = (&self.h.device(), self.h.dtype());
                ComplexTensor::real(zeros([batch, channels], options))
            });
        }
        let at = if self.reverse { 0 } else { len - 1 };
        let last = self.h.clone().narrow(1, at, 1).reshape([batch, width]);
        let part = |start| last.clone().narrow(1, start, channels);
        ComplexTensor::new(part(0), part(channels))
    }
}

/// Sizes and options of one call, shared by all bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiagonalScanShape {
    /// Rows of the batch.
    pub batch: usize,
    /// Positions.
    pub len: usize,
    /// Complex channels.
    pub channels: usize,
    /// Whether every position has its own factors.
    pub varying: bool,
    /// From the last position to the first.
    pub reverse: bool,
}

/// Complex diagonal scan; differentiable in every float input, `initial` included.
///
/// # Errors
/// Shapes that do not fit together, an odd last axis of `x`, decreasing `seq_idx`, a device without a
/// body.
pub fn diagonal_scan(input: DiagonalScanInput) -> Result<DiagonalScanOutput, KernelError> {
    let shape = check(&input)?;
    let device = input.x.device();
    let dtype = input.x.dtype();
    let work = working_dtype(dtype);
    let initial = input.initial.clone().unwrap_or_else(|| {
        let options = (&device, work);
        ComplexTensor::real(zeros([shape.batch, shape.channels], options))
    });
    let seq_idx = input
        .seq_idx
        .unwrap_or_else(|| Tensor::empty([0, 0], &device));
    // Factors may come in more bits than the values they belong to, and keep them.
    let factor = |own: DType| match has_cpu_body(&device) {
        true => work,
        false => own,
    };
    let (a_re, a_im) = match input.a {
        ScanFactor::Fixed(a) => {
            let format = factor(a.re.dtype());
            let a = a.in_dtype(format);
            (a.re.into_dispatch(), a.im.into_dispatch())
        }
        ScanFactor::Varying(a) => {
            let format = factor(a.re.dtype());
            let a = a.in_dtype(format);
            (a.re.into_dispatch(), a.im.into_dispatch())
        }
    };
    let initial = initial.in_dtype(work);
    let h: Tensor<3> = Tensor::from_dispatch(<Dispatch as DiagonalScanOps>::diagonal_scan(
        in_dtype(input.x, storage_dtype(dtype, &device)).into_dispatch(),
        a_re,
        a_im,
        initial.re.into_dispatch(),
        initial.im.into_dispatch(),
        seq_idx.into_dispatch(),
        shape,
    ));
    Ok(DiagonalScanOutput {
        h: in_dtype(h, dtype),
        initial: input.initial,
        reverse: shape.reverse,
    })
}

fn check(input: &DiagonalScanInput) -> Result<DiagonalScanShape, KernelError> {
    let [batch, len, width] = input.x.dims();
    let x = "x sets it";
    require_body(OP, &input.x.device())?;
    require_float(OP, "x", input.x.dtype())?;
    if !width.is_multiple_of(2) {
        return Err(KernelError::Option {
            op: OP,
            option: "last axis of x",
            got: width.to_string(),
            expected: "an even number: real parts, then as many imaginary parts",
        });
    }
    let channels = width / 2;
    let varying = match &input.a {
        ScanFactor::Fixed(a) => {
            a.expect(OP, "a", [("channel", channels, x)])?;
            false
        }
        ScanFactor::Varying(a) => {
            let axes = [
                ("batch", batch, x),
                ("length", len, x),
                ("channel", channels, x),
            ];
            a.expect(OP, "a", axes)?;
            true
        }
    };
    if let Some(initial) = &input.initial {
        let axes = [("batch", batch, x), ("channel", channels, x)];
        initial.expect(OP, "initial", axes)?;
    }
    if let Some(seq_idx) = &input.seq_idx {
        check_order(OP, seq_idx, batch, len)?;
    }
    Ok(DiagonalScanShape {
        batch,
        len,
        channels,
        varying,
        reverse: input.reverse,
    })
}
