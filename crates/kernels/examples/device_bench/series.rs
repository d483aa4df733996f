//! The operations on power series of SpaceTime: channels are heads * head_dim, `state` of each.

use super::case::{Case, Leaf, flat, shaped};
use burn::tensor::DType;
use resolvent_kernels::companion::{CompanionInput, companion};
use resolvent_kernels::feedback::feedback;

/// Names of the operations here.
pub const OPS: &str = "companion, feedback";

/// A row per channel, weighted by position, since a gradient of ones would be a weak test; the powers of
/// such last columns stay bounded.
fn companion_case(size: [usize; 6], dtype: DType) -> Case {
    let [_, len, heads, head_dim, state, _] = size;
    let channels = heads * head_dim;
    let small = 1.0 / state as f32;
    Case {
        op: "companion",
        size,
        leaves: vec![
            Leaf::new(1, &[channels, state], (-small, small), dtype),
            Leaf::new(2, &[channels, state], (-1.0, 1.0), dtype),
            Leaf::new(3, &[channels, state], (-1.0, 1.0), dtype),
            Leaf::new(4, &[channels, len], (0.0, 1.0), dtype),
        ],
        run: |t, l| {
            let input = CompanionInput {
                a: shaped(&t[0], &l[0]),
                b: shaped(&t[1], &l[1]),
                c: shaped(&t[2], &l[2]),
            };
            let kernel = companion(input, l[3].dims[1]).expect("fits");
            flat(kernel * shaped(&t[3], &l[3]))
        },
    }
}

/// A row per channel of the batch, and loops that die out.
fn feedback_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, _, _] = size;
    let channels = heads * head_dim;
    let small = 1.0 / len as f32;
    Case {
        op: "feedback",
        size,
        leaves: vec![
            Leaf::new(1, &[batch * channels, len], (-1.0, 1.0), dtype),
            Leaf::new(2, &[channels, len], (-small, small), dtype),
        ],
        run: |t, l| flat(feedback(shaped(&t[0], &l[0]), shaped(&t[1], &l[1])).expect("fits")),
    }
}

/// The case of an operation of this file.
pub fn case(op: &str, size: [usize; 6], dtype: DType) -> Option<Case> {
    match op {
        "companion" => Some(companion_case(size, dtype)),
        "feedback" => Some(feedback_case(size, dtype)),
        _ => None,
    }
}
