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

    /// A size lies outside what the operation accepts.
    #[error("{name} is {got}, expected {expected}")]
    BadSize {
        /// Name of the argument.
        name: &'static str,
        /// The size that was given.
        got: usize,
        /// What would be right.
        expected: &'static str,
    },

    /// A name is not one of those that are known here.
    #[error("unknown {what} `{name}`, expected {expected}")]
    UnknownName {
        /// What the name should stand for.
        what: &'static str,
        /// The name that was given.
        name: String,
        /// The names that would be right.
        expected: String,
    },

    /// A linear system has no solution that double precision can represent.
    #[error("{operation}: {matrix} is singular to working precision")]
    Singular {
        /// The operation that refused.
        operation: &'static str,
        /// The matrix that cannot be inverted.
        matrix: &'static str,
    },

    /// An iteration ended without a result.
    #[error("{operation} did not converge")]
    NoConvergence {
        /// The operation that failed.
        operation: &'static str,
    },

    /// A state matrix has eigenvalues outside the stable region.
    #[error(
        "{operation}: {count} of {modes} eigenvalues are unstable (largest {measure} {worst}); {hint}"
    )]
    Unstable {
        /// The operation that refused.
        operation: &'static str,
        /// Number of eigenvalues outside the stable region.
        count: usize,
        /// Number of all eigenvalues.
        modes: usize,
        /// What is compared with the border of stability.
        measure: &'static str,
        /// The worst value of it.
        worst: f64,
        /// What would help.
        hint: &'static str,
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

/// The error of a name that is not among `known`, which it lists behind the one most like it.
pub(crate) fn unknown_name(
    what: &'static str,
    name: &str,
    known: &[&str],
    listed: &str,
) -> StructureError {
    let lower = name.to_lowercase();
    let likeness = |it: &str| strsim::jaro_winkler(it, &lower);
    let by_likeness = |a: &&&str, b: &&&str| likeness(a).total_cmp(&likeness(b));
    // Of equals the last one is kept: from the back, so that the first is.
    let nearest = known.iter().rev().max_by(by_likeness);
    StructureError::UnknownName {
        what,
        name: name.to_string(),
        expected: match nearest.filter(|it| likeness(it) > 0.6) {
            Some(nearest) => format!("{listed} (did you mean `{nearest}`?)"),
            None => listed.to_string(),
        },
    }
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

/// Refuses a state size of zero, and an odd one where conjugate pairs are kept as halves.
pub(crate) fn expect_pairs(name: &'static str, got: usize) -> Result<(), StructureError> {
    if got > 0 && got.is_multiple_of(2) {
        return Ok(());
    }
    let expected = "an even number from 2 on, because modes come in conjugate pairs";
    Err(StructureError::BadSize {
        name,
        got,
        expected,
    })
}

/// Refuses a number that is not finite and positive.
pub(crate) fn expect_positive(name: &'static str, value: f64) -> Result<(), StructureError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(StructureError::BadValue {
        name,
        index: 0,
        value,
        expected: "a finite number above zero",
    })
}

/// Refuses the first complex value with a part that is infinite or not a number.
pub(crate) fn expect_finite_complex(
    name: &'static str,
    values: &[num_complex::Complex64],
) -> Result<(), StructureError> {
    let bad = |z: &num_complex::Complex64| !(z.re.is_finite() && z.im.is_finite());
    match values.iter().position(bad) {
        None => Ok(()),
        Some(index) => Err(StructureError::BadValue {
            name,
            index,
            value: if values[index].re.is_finite() {
                values[index].im
            } else {
                values[index].re
            },
            expected: "a complex number with finite parts",
        }),
    }
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
