//! Rows of a table by number: the embedding of tokens.
//!
//! ```text
//! y_r = weight[indices_r]        d weight_v = sum of dy_r over the rows r with indices_r = v
//! ```
//!
//! burn's gradient on CubeCL devices has a unit per column, which walks through all rows: 9.3 ms for
//! 65,536 tokens of width 128 on an H200. Here the rows are cut into parts with a table each, as many as
//! their memory allows, and the tables are added in a fixed order; no atomics, so that two runs give the
//! same bits. O(rows width) time.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;

pub use ops::{EmbeddingBackward, EmbeddingOps};

use crate::device::{in_dtype, require_body, require_float, reshape, storage_dtype};
use crate::error::KernelError;
use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor};

const OP: &str = "embedding";

/// Rows of the table; differentiable in `weight`.
///
/// # Shapes
/// `weight`: [entry, width]; `indices`: `[row]`; result: [row, width].
///
/// # Errors
/// A table without entries for rows that ask for one, formats other than floats, a device without a body.
///
/// # Panics
/// Where an index is not below the number of entries, on a CPU; on other devices the row is undefined.
pub fn embedding(weight: Tensor<2>, indices: Tensor<1, Int>) -> Result<Tensor<2>, KernelError> {
    let ([entries, width], [rows]) = (weight.dims(), indices.dims());
    require_body(OP, &weight.device())?;
    require_float(OP, "weight", weight.dtype())?;
    if rows * width == 0 {
        return Ok(reshape(weight.narrow(0, 0, entries.min(1)), [rows, width]));
    }
    if entries == 0 {
        return Err(KernelError::Option {
            op: OP,
            option: "weight",
            got: "without entries".to_owned(),
            expected: "at least one",
        });
    }
    let dtype = weight.dtype();
    let stored = storage_dtype(dtype, &weight.device());
    let y: Tensor<2> = Tensor::from_dispatch(<Dispatch as EmbeddingOps>::embedding(
        in_dtype(weight, stored).into_dispatch(),
        indices.into_dispatch(),
    ));
    Ok(in_dtype(y, dtype))
}
