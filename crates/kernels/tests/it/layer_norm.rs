//! Layer normalisation: groups, awkward sizes, errors.

use crate::check::{OpCase, check_op, device, read, tensor, values};
use burn::tensor::{DType, Tensor};
use resolvent_kernels::layer_norm::{LayerNormShape, layer_norm, reference};
use resolvent_kernels::reshape;

fn check(rows: usize, channels: usize, groups: usize) {
    let s = LayerNormShape {
        rows,
        channels,
        groups,
        eps: 1e-3,
    };
    check_op(&OpCase {
        name: format!("layer_norm {s:?}"),
        inputs: vec![
            ("x", values(1, rows * channels)),
            ("weight", values(2, channels)),
            ("bias", values(3, channels)),
        ],
        reference: &|flat| vec![reference::layer_norm(&flat[0], &flat[1], &flat[2], s)],
        tensors: &|flat| {
            let x = reshape(flat[0].clone(), [1, rows, channels]);
            let y = layer_norm(x, flat[1].clone(), flat[2].clone(), groups, s.eps).unwrap();
            vec![reshape(y, [rows * channels])]
        },
        tolerance: 1e-5,
    });
}

#[test]
fn layer_norm_when_sizes_are_awkward_equals_the_definition_with_all_gradients() {
    for (rows, channels, groups) in [
        (0, 4, 1),
        (1, 1, 1),
        (3, 6, 2),
        (65, 12, 3),
        (130, 17, 1),
        (7, 8, 8),
        (5, 64, 2),
    ] {
        check(rows, channels, groups);
    }
}

#[test]
fn layer_norm_when_values_share_a_large_mean_keeps_their_differences() {
    // The variance of centred values; that of mean(x^2) - mean^2 would be rounding alone in f32.
    let device = device();
    let x: Vec<f64> = (0..64).map(|i| 4096.0 + f64::from(i % 4)).collect();
    let ones = tensor(&[1.0; 64], DType::F32, &device);
    let zeros = tensor(&[0.0; 64], DType::F32, &device);
    let flat: Tensor<2> = tensor(&x, DType::F32, &device).reshape([1, 64]);
    let y = read(&layer_norm(flat, ones, zeros, 1, 1e-5).unwrap());
    for (y, x) in y.iter().zip(&x) {
        let want = (x - 4097.5) / 1.25_f64.sqrt();
        assert!((y - want).abs() < 1e-4, "{y} instead of {want}");
    }
}

#[test]
fn layer_norm_when_input_is_constant_returns_the_bias() {
    let device = device();
    let x = Tensor::<2>::ones([2, 4], &device) * 3.0;
    let bias = tensor(&[1.0, 2.0, 3.0, 4.0], DType::F32, &device);
    let y = layer_norm(x, Tensor::ones([4], &device), bias, 1, 1e-5).unwrap();
    assert_eq!(read(&y), [1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn layer_norm_when_sizes_or_options_are_wrong_names_them() {
    let device = device();
    let run = |channels: usize, groups: usize, eps: f64| {
        let x = Tensor::<2>::zeros([2, 4], &device);
        let bias = Tensor::zeros([channels], &device);
        let result = layer_norm(x, Tensor::ones([4], &device), bias, groups, eps);
        result.unwrap_err().to_string()
    };
    assert!(run(4, 3, 1e-5).contains("3 for 4 channels"));
    assert!(run(5, 1, 1e-5).contains("`bias` has 5 along its channel axis, expected 4"));
    assert!(run(4, 1, 0.0).contains("`eps` is 0"));
}
