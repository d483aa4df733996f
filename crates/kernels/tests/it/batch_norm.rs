//! Batch normalisation: marks, awkward sizes, constants, errors.

use crate::check::{OpCase, check_op, device, distance, read, tensor, values};
use burn::tensor::{DType, Tensor};
use resolvent_kernels::batch_norm::{BatchNormShape, Moments, batch_norm, reference};
use resolvent_kernels::reshape;

/// Every third row does not count.
fn marks(rows: usize) -> Vec<f64> {
    (0..rows)
        .map(|row| f64::from(u8::from(row % 3 != 1)))
        .collect()
}

fn shape(rows: usize, channels: usize, marks: &[f64]) -> BatchNormShape {
    let marked = marks.iter().filter(|mark| **mark != 0.0).count();
    BatchNormShape {
        rows,
        channels,
        counted: if marks.is_empty() { rows } else { marked },
        eps: 1e-3,
    }
}

fn check(rows: usize, channels: usize, marks: &[f64]) {
    let s = shape(rows, channels, marks);
    check_op(&OpCase {
        name: format!("batch_norm {s:?}"),
        inputs: vec![
            ("x", values(1, rows * channels)),
            ("weight", values(2, channels)),
            ("bias", values(3, channels)),
        ],
        reference: &|flat| {
            let moments = reference::moments(&flat[0], marks, s);
            vec![reference::batch_norm(
                &flat[0], &flat[1], &flat[2], &moments, s,
            )]
        },
        tensors: &|flat| {
            let x = reshape(flat[0].clone(), [rows, 1, channels]);
            let device = x.device();
            let marks = (!marks.is_empty()).then(|| tensor(marks, DType::F32, &device));
            let moments = Moments::OfRows {
                marks,
                counted: s.counted,
            };
            let [weight, bias] = [1, 2].map(|at: usize| flat[at].clone());
            let (y, _) = batch_norm(x, weight, bias, moments, s.eps).expect("sizes fit");
            vec![reshape(y, [rows * channels])]
        },
        tolerance: 1e-5,
    });
}

#[test]
fn batch_norm_when_sizes_are_awkward_equals_the_definition_with_all_gradients() {
    for (rows, channels) in [
        (1, 1),
        (2, 3),
        (63, 4),
        (64, 8),
        (65, 6),
        (300, 17),
        (129, 64),
    ] {
        check(rows, channels, &[]);
        check(rows, channels, &marks(rows));
    }
}

#[test]
fn moments_when_values_share_a_large_mean_are_exact_and_unmarked_rows_do_not_count() {
    let (rows, channels) = (1000, 5);
    let mut x = values(4, rows * channels);
    let marks = marks(rows);
    for (row, values) in x.chunks_mut(channels).enumerate() {
        for value in values {
            // Multiples of 1 / 256, which f32 holds beside 4,096.
            *value = 4096.0 + (64.0 * *value).round() / 256.0;
            if marks[row] == 0.0 {
                *value = -1e4;
            }
        }
    }
    let s = shape(rows, channels, &marks);
    let want = reference::moments(&x, &marks, s);
    let device = device();
    let flat: Tensor<2> = tensor(&x, DType::F32, &device).reshape([rows, channels]);
    let [ones, zeros] = [1.0, 0.0].map(|it| tensor(&vec![it; channels], DType::F32, &device));
    let moments = Moments::OfRows {
        marks: Some(tensor(&marks, DType::F32, &device)),
        counted: s.counted,
    };
    let (_, got) = batch_norm(flat, ones, zeros, moments, s.eps).unwrap();
    let got = read(&got);
    assert!(distance(&got[..channels], &want[..channels], 0.0) < 1e-6);
    assert!(distance(&got[channels..], &want[channels..], 0.0) < 1e-3);
}

#[test]
fn batch_norm_when_moments_are_fixed_scales_and_shifts_with_all_gradients() {
    let (rows, channels) = (70, 6);
    let s = BatchNormShape {
        counted: 0,
        ..shape(rows, channels, &[])
    };
    let fixed = [values(7, channels), vec![0.25; channels]].concat();
    check_op(&OpCase {
        name: "batch_norm with fixed moments".to_owned(),
        inputs: vec![
            ("x", values(1, rows * channels)),
            ("weight", values(2, channels)),
            ("bias", values(3, channels)),
        ],
        reference: &|flat| {
            vec![reference::batch_norm(
                &flat[0], &flat[1], &flat[2], &fixed, s,
            )]
        },
        tensors: &|flat| {
            let x = reshape(flat[0].clone(), [rows, channels]);
            let dtype = match x.dtype() {
                DType::F64 => DType::F64,
                _ => DType::F32,
            };
            let moments = tensor(&fixed, dtype, &x.device()).reshape([2, channels]);
            let [weight, bias] = [1, 2].map(|at: usize| flat[at].clone());
            let (y, used) = batch_norm(x, weight, bias, Moments::Fixed(moments), s.eps).unwrap();
            assert!(distance(&read(&used), &fixed, 0.0) < 1e-6);
            vec![reshape(y, [rows * channels])]
        },
        tolerance: 1e-5,
    });
}

#[test]
fn batch_norm_when_sizes_or_options_are_wrong_names_them() {
    let device = device();
    let run = |channels: usize, moments: Moments, eps: f64| {
        let x = Tensor::<2>::zeros([2, 4], &device);
        let bias = Tensor::zeros([channels], &device);
        let result = batch_norm(x, Tensor::ones([4], &device), bias, moments, eps);
        result.unwrap_err().to_string()
    };
    let of_rows = |marks: Option<usize>, counted| Moments::OfRows {
        marks: marks.map(|rows| Tensor::ones([rows], &device)),
        counted,
    };
    assert!(run(5, of_rows(None, 2), 1e-5).contains("`bias` has 5 along its channel axis"));
    assert!(run(4, of_rows(Some(3), 2), 1e-5).contains("`marks` has 3 along its row axis"));
    assert!(run(4, of_rows(None, 1), 1e-5).contains("`counted` is 1"));
    assert!(run(4, of_rows(Some(2), 0), 1e-5).contains("`counted` is 0"));
    assert!(run(4, of_rows(None, 2), f64::NAN).contains("`eps` is NaN"));
    let fixed = Moments::Fixed(Tensor::zeros([2, 3], &device));
    assert!(run(4, fixed, 1e-5).contains("`moments` has 3 along its channel axis"));
}
