//! Companion kernels and the closed loop: awkward sizes, published figures, laws, errors.

use crate::check::{AWKWARD_LENGTHS, OpCase, check_op, device, exact_device, read, tensor, values};
use burn::tensor::{DType, Tensor};
use resolvent_kernels::companion::{CompanionInput, CompanionShape, companion, reference};
use resolvent_kernels::feedback::{FeedbackShape, feedback};
use resolvent_kernels::reshape;

fn inputs(s: CompanionShape) -> Vec<(&'static str, Vec<f64>)> {
    // Rows of unit 1-norm, as the mixer makes them: powers stay bounded.
    let mut a = values(1, s.channels * s.state);
    for a in a.chunks_mut(s.state.max(1)) {
        let norm: f64 = a.iter().map(|a| a.abs()).sum();
        a.iter_mut().for_each(|a| *a /= norm);
    }
    vec![
        ("a", a),
        ("b", values(2, s.rows * s.state)),
        ("c", values(3, s.rows * s.state)),
    ]
}

fn build(flat: &[Tensor<1>], s: CompanionShape) -> CompanionInput {
    CompanionInput {
        a: reshape(flat[0].clone(), [s.channels, s.state]),
        b: reshape(flat[1].clone(), [s.rows, s.state]),
        c: reshape(flat[2].clone(), [s.rows, s.state]),
    }
}

fn check(s: CompanionShape) {
    check_op(&OpCase {
        name: format!("companion {s:?}"),
        inputs: inputs(s),
        reference: &|flat| vec![reference::companion(&flat[0], &flat[1], &flat[2], s)],
        tensors: &|flat| {
            let kernel = companion(build(flat, s), s.len).unwrap();
            vec![reshape(kernel, [s.rows * s.len])]
        },
        tolerance: 1e-5,
    });
}

#[test]
fn companion_when_lengths_and_states_are_awkward_equals_the_powers_with_all_gradients() {
    for len in AWKWARD_LENGTHS {
        for state in [1, 2, 7, 64] {
            check(CompanionShape {
                rows: 4,
                channels: 2,
                state,
                len,
            });
        }
    }
    for (rows, channels, state) in [(0, 2, 3), (0, 0, 3), (3, 1, 130)] {
        check(CompanionShape {
            rows,
            channels,
            state,
            len: 20,
        });
    }
}

/// So long that the inverse series doubles beyond what a GPU's shared memory starts it with.
#[test]
fn companion_when_long_equals_the_powers_with_all_gradients() {
    for (state, len) in [(5, 4500), (520, 600)] {
        check(CompanionShape {
            rows: 2,
            channels: 1,
            state,
            len,
        });
    }
}

#[test]
fn companion_when_given_the_published_example_gives_its_kernel() {
    let device = exact_device();
    let row = |v: &[f64]| reshape(tensor(v, DType::F64, &device), [1, 4]);
    let input = CompanionInput {
        a: row(&[0.1, -0.2, 0.3, 0.4]),
        b: row(&[1.0, 0.0, 0.0, 0.0]),
        c: row(&[1.0, 2.0, 3.0, 4.0]),
    };
    let got = read(&companion(input, 8).unwrap());
    let want = [1.0, 2.0, 3.0, 4.0, 2.2, 1.68, 0.832, 0.7968];
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() < 1e-12, "{got} {want}");
    }
}

/// a = e_0 turns the state around: eigenvalues are roots of unity, where the paper's formula is 0 / 0.
#[test]
fn companion_when_the_spectrum_meets_the_roots_of_unity_stays_exact() {
    let device = exact_device();
    let row = |v: &[f64]| reshape(tensor(v, DType::F64, &device), [1, 4]);
    let input = CompanionInput {
        a: row(&[1.0, 0.0, 0.0, 0.0]),
        b: row(&[1.0, 0.0, 0.0, 0.0]),
        c: row(&[1.0, 2.0, 3.0, 4.0]),
    };
    let got = read(&companion(input, 12).unwrap());
    for (k, got) in got.iter().enumerate() {
        assert!((got - (k % 4 + 1) as f64).abs() < 1e-12, "{k}: {got}");
    }
}

/// 1,100: beyond what a GPU's shared memory starts the inverse series with.
#[test]
fn feedback_when_lengths_are_awkward_equals_the_loop_with_all_gradients() {
    use resolvent_kernels::feedback::reference::feedback as slow;
    for len in AWKWARD_LENGTHS.into_iter().chain([1100]) {
        let s = FeedbackShape {
            rows: 6,
            channels: 3,
            len,
        };
        let scale = 1.0 / (len.max(1) as f64);
        let kernel = values(2, s.channels * len)
            .iter()
            .map(|k| k * scale)
            .collect();
        check_op(&OpCase {
            name: format!("feedback {s:?}"),
            inputs: vec![("r", values(1, s.rows * len)), ("kernel", kernel)],
            reference: &|flat| vec![slow(&flat[0], &flat[1], s)],
            tensors: &|flat| {
                let r = reshape(flat[0].clone(), [s.rows, len]);
                let kernel = reshape(flat[1].clone(), [s.channels, len]);
                vec![reshape(feedback(r, kernel).unwrap(), [s.rows * len])]
            },
            tolerance: 1e-5,
        });
    }
}

#[test]
fn companion_when_states_differ_names_the_axis() {
    let device = device();
    let input = CompanionInput {
        a: Tensor::zeros([1, 4], &device),
        b: Tensor::zeros([1, 3], &device),
        c: Tensor::zeros([1, 4], &device),
    };
    let error = companion(input, 4).unwrap_err().to_string();
    assert!(
        error.contains("`b` has 3 along its state axis, expected 4"),
        "{error}"
    );
    let (r, kernel) = (
        Tensor::zeros([2, 5], &device),
        Tensor::zeros([2, 4], &device),
    );
    let error = feedback(r, kernel).unwrap_err().to_string();
    assert!(
        error.contains("`kernel` has 4 along its length axis"),
        "{error}"
    );
}
