//! Batch normalisation: every channel is centred and scaled by its mean and variance over all rows.
//!
//! Source: Ioffe and Szegedy, "Batch Normalization" (arXiv 1502.03167), algorithm 1.
//!
//! ```text
//! mean = sum_i m_i x_i / n      variance = sum_i m_i (x_i - mean)^2 / n      n = sum_i m_i
//! y_i  = (x_i - mean) / sqrt(variance + eps) * weight + bias
//! ```
//!
//! `x`, `y`: [row, channel]; everything else `[channel]`. The marks m are 1 for rows that count and 0
//! for others (padding), which are normalised too and move nothing. Variances are those of centred
//! values, joined over blocks of rows in a fixed order. O(rows channels) time; backward reads x and dy
//! twice and keeps neither the normalised values nor anything else of their size.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{
    BatchNormBackward, BatchNormGradients, BatchNormOps, BatchNormSaved, ChannelMoments,
};

use crate::device::{in_dtype, require_body, require_float, reshape, storage_dtype, working_dtype};
use crate::error::{KernelError, expect_axis};
use burn::backend::Dispatch;
use burn::tensor::{DType, Tensor};

const OP: &str = "batch_norm";
/// Rows whose moments are taken together before blocks are joined.
const BLOCK: usize = 64;

/// Sizes and options of one call, shared by all bodies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormShape {
    /// Vectors to normalise.
    pub rows: usize,
    /// Channels of each.
    pub channels: usize,
    /// Rows that count, where the moments were taken from `x`, so that gradients go through them;
    /// 0 where the moments are constants.
    pub counted: usize,
    /// Added to the variance.
    pub eps: f64,
}

/// Where mean and variance come from.
#[derive(Debug, Clone)]
pub enum Moments {
    /// From the rows themselves; with marks from those that are marked alone.
    OfRows {
        /// `[row]`: 1 for a row that counts, 0 for one that does not.
        marks: Option<Tensor<1>>,
        /// How many are marked; all rows where there are no marks.
        counted: usize,
    },
    /// Constants: [2, channel], means and variances.
    Fixed(Tensor<2>),
}

/// Normalises every channel; differentiable in `x`, `weight` and `bias`. With it come the moments that
/// were used, [2, channel] (means, population variances), outside the graph of gradients.
///
/// # Shapes
/// `x`, result: [.., channel]; `weight`, `bias`: `[channel]`; marks: `[row]`, rows in the order of `x`.
///
/// # Errors
/// Shapes that do not fit, no row that counts, eps not positive and finite, a device without a body.
pub fn batch_norm<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    moments: Moments,
    eps: f64,
) -> Result<(Tensor<D>, Tensor<2>), KernelError> {
    let dims = x.dims();
    let shape = check(&x, &weight, &bias, &moments, eps)?;
    let dtype = x.dtype();
    let work = working_dtype(dtype);
    let stored = storage_dtype(dtype, &x.device());
    let x = reshape(in_dtype(x, stored), [shape.rows, shape.channels]);
    let (marks, moments) = used(&off_graph(x.clone()), moments, shape, work);
    let of_rows = moments.clone();
    let (marks, moments) = match x.is_autodiff() {
        true => (Tensor::from_inner(marks), Tensor::from_inner(moments)),
        false => (marks, moments),
    };
    let y: Tensor<2> = Tensor::from_dispatch(<Dispatch as BatchNormOps>::channel_norm(
        x.into_dispatch(),
        in_dtype(weight, work).into_dispatch(),
        in_dtype(bias, work).into_dispatch(),
        moments.into_dispatch(),
        marks.into_dispatch(),
        shape,
    ));
    Ok((in_dtype(reshape(y, dims), dtype), of_rows))
}

/// The same values without the graph of gradients.
fn off_graph<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    match tensor.is_autodiff() {
        true => tensor.inner(),
        false => tensor,
    }
}

/// Marks, `[row]` or `[0]`, and moments [2, channel] in the format `work`, all outside the graph.
fn used(
    x: &Tensor<2>,
    moments: Moments,
    shape: BatchNormShape,
    work: DType,
) -> (Tensor<1>, Tensor<2>) {
    let absent = || Tensor::<1>::empty([0], (&x.device(), work));
    match moments {
        Moments::OfRows { marks, .. } => {
            let marks = marks.map_or_else(absent, |marks| in_dtype(off_graph(marks), work));
            let (x, marked) = (x.clone().into_dispatch(), marks.clone().into_dispatch());
            let moments = <Dispatch as ChannelMoments>::channel_moments(x, marked, shape);
            (marks, Tensor::from_dispatch(moments))
        }
        Moments::Fixed(moments) => (absent(), in_dtype(off_graph(moments), work)),
    }
}

fn check<const D: usize>(
    x: &Tensor<D>,
    weight: &Tensor<1>,
    bias: &Tensor<1>,
    moments: &Moments,
    eps: f64,
) -> Result<BatchNormShape, KernelError> {
    let dims = x.dims();
    let channels = dims[D - 1];
    let rows = dims[..D - 1].iter().product();
    require_body(OP, &x.device())?;
    require_float(OP, "x", x.dtype())?;
    for (name, tensor) in [("weight", weight), ("bias", bias)] {
        let got = tensor.dims()[0];
        expect_axis(OP, (name, "channel"), got, channels, "x sets it")?;
    }
    let counted = match moments {
        Moments::OfRows { marks, counted } => {
            if let Some(marks) = marks {
                expect_axis(OP, ("marks", "row"), marks.dims()[0], rows, "x sets it")?;
            }
            if !(1..=rows).contains(counted) || (marks.is_none() && *counted != rows) {
                return Err(KernelError::Option {
                    op: OP,
                    option: "counted",
                    got: counted.to_string(),
                    expected: "how many rows count: all without marks, and at least one",
                });
            }
            *counted
        }
        Moments::Fixed(moments) => {
            let [two, got] = moments.dims();
            expect_axis(OP, ("moments", "kind"), two, 2, "means and variances")?;
            expect_axis(OP, ("moments", "channel"), got, channels, "x sets it")?;
            0
        }
    };
    if !(eps > 0.0 && eps.is_finite()) {
        return Err(KernelError::Option {
            op: OP,
            option: "eps",
            got: eps.to_string(),
            expected: "a positive number",
        });
    }
    Ok(BatchNormShape {
        rows,
        channels,
        counted,
        eps,
    })
}
