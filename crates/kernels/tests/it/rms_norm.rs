//! Normalisation: groups, gate, awkward sizes, errors.

use crate::check::{OpCase, check_op, values};
use burn::tensor::Tensor;
use resolvent_kernels::reshape;
use resolvent_kernels::rms_norm::{RmsNormShape, reference, rms_norm};

fn check(rows: usize, channels: usize, groups: usize, gated: bool) {
    let s = RmsNormShape {
        rows,
        channels,
        groups,
        eps: 1e-5,
        gated,
    };
    let mut inputs = vec![
        ("x", values(1, rows * channels)),
        ("weight", values(2, channels)),
    ];
    if gated {
        inputs.push(("gate", values(3, rows * channels)));
    }
    check_op(&OpCase {
        name: format!("rms_norm {s:?}"),
        inputs,
        reference: &|flat| {
            let gate = flat.get(2).map_or(&[][..], Vec::as_slice);
            vec![reference::rms_norm(&flat[0], gate, &flat[1], s)]
        },
        tensors: &|flat| {
            let grid = |t: &Tensor<1>| reshape(t.clone(), [1, rows, channels]);
            let gate = flat.get(2).map(grid);
            let y = rms_norm(grid(&flat[0]), gate, flat[1].clone(), groups, s.eps).unwrap();
            vec![reshape(y, [rows * channels])]
        },
        tolerance: 1e-5,
    });
}

#[test]
fn rms_norm_when_gated_or_not_at_awkward_sizes_equals_the_definition_with_all_gradients() {
    for (rows, channels, groups) in [
        (0, 4, 1),
        (1, 1, 1),
        (3, 6, 2),
        (65, 12, 3),
        (130, 17, 1),
        (7, 8, 8),
    ] {
        check(rows, channels, groups, false);
        check(rows, channels, groups, true);
    }
}

#[test]
fn rms_norm_when_input_is_zero_stays_finite() {
    let device = crate::check::device();
    let x = Tensor::<2>::zeros([2, 4], &device);
    let y = rms_norm(x, None, Tensor::ones([4], &device), 1, 1e-5).unwrap();
    assert!(y.to_data().iter::<f32>().all(|v| v == 0.0));
}

#[test]
fn rms_norm_when_groups_do_not_divide_names_both_numbers() {
    let device = crate::check::device();
    let x = Tensor::<2>::zeros([2, 4], &device);
    let error = rms_norm(x, None, Tensor::ones([4], &device), 3, 1e-5).unwrap_err();
    assert!(error.to_string().contains("3 for 4 channels"));
}
