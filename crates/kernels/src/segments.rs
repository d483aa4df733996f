//! Packed sequences: which positions of a row belong together.

use crate::error::{KernelError, expect_axis};
use burn::tensor::{Int, Tensor};

/// Checks that `seq_idx` is [batch, len] and never decreases along the length.
///
/// Reads the indices back from the device once.
pub(crate) fn check_order(
    op: &'static str,
    seq_idx: &Tensor<2, Int>,
    batch: usize,
    len: usize,
) -> Result<(), KernelError> {
    let [rows, cols] = seq_idx.dims();
    expect_axis(op, ("seq_idx", "batch"), rows, batch, "x sets it")?;
    expect_axis(op, ("seq_idx", "length"), cols, len, "x sets it")?;
    let values: Vec<i64> = seq_idx.to_data().iter::<i64>().collect();
    for (row, indices) in values.chunks(len.max(1)).enumerate() {
        if let Some(position) = indices.windows(2).position(|pair| pair[1] < pair[0]) {
            return Err(KernelError::SequenceOrder {
                op,
                row,
                position: position + 1,
                before: indices[position],
                after: indices[position + 1],
            });
        }
    }
    Ok(())
}

/// Sequence indices of one batch row; empty means that all positions belong together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a>(&'a [i64]);

impl<'a> Row<'a> {
    /// The part of `all` ([batch, len] flattened, or empty) that belongs to `row`.
    pub(crate) fn new(all: &'a [i64], row: usize, len: usize) -> Self {
        if all.is_empty() {
            return Self(&[]);
        }
        Self(&all[row * len..(row + 1) * len])
    }

    /// Whether positions `i` and `j` belong to one sequence.
    #[inline(always)]
    pub(crate) fn joined(self, i: usize, j: usize) -> bool {
        self.0.is_empty() || self.0[i] == self.0[j]
    }

    /// First position at or after `from` from which on everything up to and including `last`
    /// belongs to one sequence; indices never decrease, so comparing with `last` suffices.
    #[inline(always)]
    pub(crate) fn start_of_run(self, from: usize, last: usize) -> usize {
        (from..=last)
            .find(|&t| self.joined(t, last))
            .unwrap_or(last)
    }
}
