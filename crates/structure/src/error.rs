//! What can be wrong with the arguments of this crate.

use thiserror::Error;

/// Every way in which a matrix, an operand or a step size can be refused.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StructureError {
    /// Two lengths that must agree do not.
    #[error("{operation}: {axis} has length {got}, expected {expected}")]
    LengthMismatch {
        /// The operation that refused.
        operation: &'static str,
        /// The axis or argument with the wrong length.
        axis: &'static str,
        /// The length that would be right.
        expected: usize,
        /// The length that was given.
        got: usize,
    },

    /// Two matrices have shapes that do not fit the operation.
    #[error("{operation}: shapes {left:?} and {right:?} do not fit: {rule}")]
    ShapeMismatch {
        /// The operation that refused.
        operation: &'static str,
        /// Shape (rows, columns) of the left operand.
        left: (usize, usize),
        /// Shape (rows, columns) of the right operand.
        right: (usize, usize),
        /// What would be right.
        rule: &'static str,
    },

    /// A matrix of this shape does not fit the address space.
    #[error("a {rows} x {cols} matrix of f64 exceeds the address space ({limit} elements at most)")]
    TooLarge {
        /// Requested number of rows.
        rows: usize,
        /// Requested number of columns.
        cols: usize,
        /// The largest number of elements one matrix can hold.
        limit: usize,
    },

    /// A range of rows or columns leaves the matrix or runs backwards.
    #[error("{axis} {start}..{end} leave the range 0..{length} or run backwards")]
    OutOfRange {
        /// Whether rows or columns are meant.
        axis: &'static str,
        /// First index of the range.
        start: usize,
        /// One past the last index of the range.
        end: usize,
        /// Length of the axis.
        length: usize,
    },

    /// A number lies outside what the operation accepts.
    #[error("{name}[{index}] is {value}, expected {expected}")]
    BadValue {
        /// Name of the argument.
        name: &'static str,
        /// Flat index inside the argument; 0 for a single number.
        index: usize,
        /// The value that was given.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },

    /// Segment ids decrease, so that the sequences are not packed one after the other.
    #[error(
        "segment id falls from {before} to {after} at position {position}: \
         ids of packed sequences must not decrease"
    )]
    SegmentsDecrease {
        /// First position whose id is smaller than that of its predecessor.
        position: usize,
        /// Id at the position before.
        before: u32,
        /// Id at `position`.
        after: u32,
    },
}

/// Refuses an operand whose length is not the expected one.
pub(crate) fn expect_length(
    operation: &'static str,
    axis: &'static str,
    expected: usize,
    got: usize,
) -> Result<(), StructureError> {
    if got == expected {
        return Ok(());
    }
    Err(StructureError::LengthMismatch {
        operation,
        axis,
        expected,
        got,
    })
}

/// Refuses the first value that is infinite or not a number.
pub(crate) fn expect_finite(name: &'static str, values: &[f64]) -> Result<(), StructureError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => Err(StructureError::BadValue {
            name,
            index,
            value: values[index],
            expected: "a finite number",
        }),
    }
}
