//! What can go wrong in an operation, always with the values that were wrong.

use thiserror::Error;

/// Error of a fused operation.
///
/// burn panics on wrong shapes; every public function of this crate checks first and returns one
/// of these instead.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KernelError {
    /// An axis of an input does not have the length that another input implies.
    #[error("{op}: `{tensor}` has {got} along its {axis} axis, expected {expected} ({why})")]
    Shape {
        /// Operation.
        op: &'static str,
        /// Input tensor.
        tensor: &'static str,
        /// Named axis.
        axis: &'static str,
        /// Length that was given.
        got: usize,
        /// Length that would be right.
        expected: usize,
        /// Where the expectation comes from.
        why: &'static str,
    },
    /// An option has a value outside its range.
    #[error("{op}: `{option}` is {got}, expected {expected}")]
    Option {
        /// Operation.
        op: &'static str,
        /// Name of the option.
        option: &'static str,
        /// Value that was given.
        got: String,
        /// What would be right.
        expected: &'static str,
    },
    /// Sequence indices of packed sequences decrease.
    #[error(
        "{op}: `seq_idx` falls from {before} to {after} at row {row}, position {position}; \
         packed sequences must have indices that never decrease along the length"
    )]
    SequenceOrder {
        /// Operation.
        op: &'static str,
        /// Batch row.
        row: usize,
        /// Position along the length.
        position: usize,
        /// Index before.
        before: i64,
        /// Index found.
        after: i64,
    },
    /// The operation has no body for this device.
    #[error("{op}: no implementation for device {device}; move the tensors to Device::flex()")]
    Device {
        /// Operation.
        op: &'static str,
        /// Device in words.
        device: String,
    },
    /// The device's shared memory does not hold the smallest piece of work of this size.
    #[error(
        "{op}: {size} need {needed} bytes of shared memory, the device has {available}; \
         use a smaller size or move the tensors to Device::flex()"
    )]
    SharedMemory {
        /// Operation.
        op: &'static str,
        /// What is too large, in words.
        size: String,
        /// Bytes that the smallest piece needs.
        needed: usize,
        /// Bytes that the device has.
        available: usize,
    },
    /// The inputs have a number format without an implementation.
    #[error("{op}: `{tensor}` has dtype {got}, expected f32, f64, f16 or bf16")]
    Dtype {
        /// Operation.
        op: &'static str,
        /// Input tensor.
        tensor: &'static str,
        /// Format that was given.
        got: String,
    },
}

/// Checks one axis; the workhorse of every public function here.
pub(crate) fn expect_axis(
    op: &'static str,
    (tensor, axis): (&'static str, &'static str),
    got: usize,
    expected: usize,
    why: &'static str,
) -> Result<(), KernelError> {
    if got == expected {
        return Ok(());
    }
    Err(KernelError::Shape {
        op,
        tensor,
        axis,
        got,
        expected,
        why,
    })
}
