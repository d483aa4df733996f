//! The loss and its gradient against the definition.

use crate::check::{OpCase, check_op, device, read, values_between};
use burn::tensor::{Device, Int, Tensor};
use resolvent_kernels::cross_entropy::{cross_entropy, reference};
use resolvent_kernels::reshape;

fn numbers(values: &[i64], device: &Device) -> Tensor<1, Int> {
    match values.is_empty() {
        true => Tensor::empty([0], device),
        false => Tensor::from_data(values, device),
    }
}

fn check(rows: usize, classes: usize) {
    // Every fifth row carries no loss, and the last class is among the targets.
    let target = |row: usize| match row % 5 {
        3 => -1 - (row as i64),
        _ => (classes - 1 - row * row % classes) as i64,
    };
    let targets: Vec<i64> = (0..rows).map(target).collect();
    check_op(&OpCase {
        name: format!("cross-entropy of {rows} rows of {classes} classes"),
        inputs: vec![("logits", values_between(1, rows * classes, -6.0, 6.0))],
        reference: &|flat| vec![reference::cross_entropy(&flat[0], &targets, classes)],
        tensors: &|flat| {
            let logits = reshape(flat[0].clone(), [rows, classes]);
            let targets = numbers(&targets, &logits.device());
            vec![cross_entropy(logits, targets).unwrap()]
        },
        tolerance: 1e-5,
    });
}

#[test]
fn cross_entropy_when_sizes_are_awkward_equals_the_definition_with_its_gradient() {
    for (rows, classes) in [(0, 3), (1, 1), (4, 2), (7, 17), (300, 256), (3, 5000)] {
        check(rows, classes);
    }
}

#[test]
fn cross_entropy_when_logits_are_large_does_not_overflow() {
    let device = device();
    let logits = Tensor::<2>::from_data([[1e4_f32, 0.0, -1e4], [-3e4, -3e4, -3e4]], &device);
    let losses = cross_entropy(logits, numbers(&[1, 2], &device)).unwrap();
    let losses = read(&losses);
    assert_eq!(losses[0], 1e4);
    assert!((losses[1] - 3.0_f64.ln()).abs() < 1e-6, "{losses:?}");
}

#[test]
fn cross_entropy_when_there_is_no_answer_is_not_a_number() {
    let device = device();
    let rows = [[0.0_f32, 1.0], [0.0, f32::NAN], [0.0, 1.0]];
    let logits = Tensor::<2>::from_data(rows, &device);
    let losses = read(&cross_entropy(logits, numbers(&[2, 0, 1], &device)).unwrap());
    assert!(losses[0].is_nan() && losses[1].is_nan() && losses[2].is_finite());
}

#[test]
fn cross_entropy_when_targets_are_missing_says_so() {
    let device = device();
    let error = cross_entropy(Tensor::ones([2, 4], &device), numbers(&[1], &device));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("`targets` has 1 along its row axis, expected 2"),
        "{error}"
    );
    let error = cross_entropy(Tensor::empty([1, 0], &device), numbers(&[1], &device));
    assert!(error.unwrap_err().to_string().contains("without classes"));
}
