//! Activation and gate: awkward sizes, extremes, errors.

use crate::check::{OpCase, check_op, device, values, values_between};
use burn::tensor::{Device, Tensor};
use resolvent_kernels::activation::{self, sigmoid, tanh};
use resolvent_kernels::gelu::gelu;
use resolvent_kernels::glu::glu;
use resolvent_kernels::reshape;

#[test]
fn sigmoid_and_tanh_when_sizes_are_awkward_equal_the_definitions_with_their_gradients() {
    if device() != Device::flex() {
        println!("skipped: {:?} computes them itself", device());
        return;
    }
    // Around 0.3 the series of tanh gives way to the quotient; beyond 44 exp(2 x) saturates.
    for (count, range) in [
        (0, 1.0),
        (1, 1.0),
        (7, 0.3),
        (1000, 0.4),
        (8193, 6.0),
        (100, 60.0),
    ] {
        check_op(&OpCase {
            name: format!("activations {count} {range}"),
            inputs: vec![("x", values_between(1, count, -range, range))],
            reference: &|flat| {
                let x = &flat[0];
                vec![
                    activation::reference::sigmoid(x),
                    activation::reference::tanh(x),
                ]
            },
            tensors: &|flat| vec![sigmoid(flat[0].clone()), tanh(flat[0].clone())],
            tolerance: 1e-6,
        });
    }
}

#[test]
fn activations_when_inputs_are_extreme_or_no_numbers_stay_so() {
    let x = [
        f32::NEG_INFINITY,
        -1e30,
        -0.0,
        1e-30,
        1e30,
        f32::INFINITY,
        f32::NAN,
    ];
    let x = Tensor::<1>::from_floats(x, &Device::flex());
    let read = |y: Tensor<1>| -> Vec<f32> { y.to_data().iter::<f32>().collect() };
    let (logistic, tangent) = (read(sigmoid(x.clone())), read(tanh(x)));
    // The exponential saturates at 2^127.
    assert!(logistic[..2].iter().all(|y| (0.0..1e-38).contains(y)));
    assert_eq!(logistic[2..6], [0.5, 0.5, 1.0, 1.0]);
    assert_eq!(tangent[..6], [-1.0, -1.0, 0.0, 1e-30, 1.0, 1.0]);
    assert!(logistic[6].is_nan() && tangent[6].is_nan());
}

#[test]
fn gelu_when_sizes_are_awkward_equals_the_definition_with_its_gradient() {
    for count in [0, 1, 7, 100, 16_385] {
        check_op(&OpCase {
            name: format!("gelu {count}"),
            inputs: vec![("x", values_between(1, count, -6.0, 6.0))],
            reference: &|flat| vec![resolvent_kernels::gelu::reference::gelu(&flat[0])],
            tensors: &|flat| vec![gelu(flat[0].clone()).unwrap()],
            tolerance: 1e-6,
        });
    }
}

#[test]
fn gelu_when_far_from_zero_is_the_identity_or_nothing() {
    let x = Tensor::<1>::from_floats([-50.0, -0.0, 50.0], &device());
    let y: Vec<f32> = gelu(x).unwrap().to_data().iter::<f32>().collect();
    assert_eq!(y, [0.0, 0.0, 50.0]);
}

#[test]
fn glu_when_sizes_are_awkward_equals_the_definition_with_all_gradients() {
    for (rows, channels) in [(0, 3), (1, 1), (65, 17), (130, 4), (3, 64), (2, 0)] {
        check_op(&OpCase {
            name: format!("glu {rows} {channels}"),
            inputs: vec![
                ("x", values(1, rows * 2 * channels)),
                ("bias", values(2, 2 * channels)),
            ],
            reference: &|flat| vec![resolvent_kernels::glu::reference::glu(&flat[0], &flat[1])],
            tensors: &|flat| {
                let x = reshape(flat[0].clone(), [rows, 2 * channels]);
                let y = glu(x, flat[1].clone()).unwrap();
                vec![reshape(y, [rows * channels])]
            },
            tolerance: 1e-5,
        });
    }
}

#[test]
fn glu_when_columns_are_odd_or_biases_missing_says_so() {
    let device = device();
    let x = || Tensor::<2>::zeros([2, 3], &device);
    let error = glu(x(), Tensor::zeros([3], &device))
        .unwrap_err()
        .to_string();
    assert!(error.contains("`columns of x` is 3"), "{error}");
    let error = glu(x(), Tensor::zeros([4], &device))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`bias` has 4 along its channel axis"),
        "{error}"
    );
}
