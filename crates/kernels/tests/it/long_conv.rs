//! Long convolution: both forms at awkward sizes, two-sided, packed, errors.

use crate::check::{AWKWARD_LENGTHS, OpCase, check_op, device, exact_device, read, tensor, values};
use burn::tensor::{DType, Device, Int, Tensor};
use resolvent_kernels::long_conv::{LongConvInput, LongConvShape, Method, long_conv, reference};
use resolvent_kernels::reshape;

const NAMES: [&str; 5] = ["x", "kernel", "reverse", "skip", "initial"];

fn shape(len: usize, taps: usize, reverse_taps: usize, method: Method) -> LongConvShape {
    LongConvShape {
        batch: 2,
        len,
        channels: 3,
        taps,
        reverse_taps,
        initial: true,
        method,
    }
}

fn inputs(s: LongConvShape) -> Vec<Vec<f64>> {
    vec![
        values(1, s.batch * s.len * s.channels),
        values(2, s.channels * s.taps),
        values(3, s.channels * s.reverse_taps),
        values(4, s.channels),
        values(5, s.batch * s.len * s.channels),
    ]
}

fn build(flat: &[Tensor<1>], seq_idx: &[i64], s: LongConvShape) -> LongConvInput {
    let grid = [s.batch, s.len, s.channels];
    let indices = || Tensor::<1, Int>::from_data(seq_idx, &flat[0].device());
    LongConvInput {
        x: reshape(flat[0].clone(), grid),
        kernel: reshape(flat[1].clone(), [s.channels, s.taps]),
        reverse: Some(reshape(flat[2].clone(), [s.channels, s.reverse_taps])),
        skip: Some(flat[3].clone()),
        initial: Some(reshape(flat[4].clone(), grid)),
        seq_idx: (!seq_idx.is_empty()).then(|| indices().reshape([s.batch, s.len])),
    }
}

fn check(s: LongConvShape, seq_idx: &[i64]) {
    check_op(&OpCase {
        name: format!("long_conv {s:?}"),
        inputs: NAMES.into_iter().zip(inputs(s)).collect(),
        reference: &|flat| {
            let slices = reference::LongConvSlices {
                x: &flat[0],
                kernel: &flat[1],
                reverse: &flat[2],
                skip: &flat[3],
                initial: &flat[4],
                seq_idx,
            };
            vec![reference::long_conv(slices, s)]
        },
        tensors: &|flat| {
            let y = long_conv(build(flat, seq_idx, s), s.method).unwrap();
            vec![reshape(y, [s.batch * s.len * s.channels])]
        },
        tolerance: 1e-5,
    });
}

#[test]
fn long_conv_when_lengths_and_taps_are_awkward_equals_the_double_sum_with_all_gradients() {
    for method in [Method::Direct, Method::Fourier] {
        for len in AWKWARD_LENGTHS {
            for (taps, reverse_taps) in [(len, 0), (len, len), (5, 3), (0, 7), (70, 130)] {
                check(shape(len, taps, reverse_taps, method), &[]);
            }
        }
    }
}

#[test]
fn long_conv_when_channels_do_not_fill_vectors_equals_the_double_sum() {
    for method in [Method::Direct, Method::Fourier] {
        for (batch, channels) in [(1, 1), (5, 16), (3, 17), (1, 33), (0, 2), (2, 0)] {
            let s = LongConvShape {
                batch,
                channels,
                ..shape(21, 21, 9, method)
            };
            check(s, &[]);
        }
    }
}

/// Sizes at which CubeCL's bodies take every number of steps, also in device memory.
#[test]
fn long_conv_when_transforms_are_longer_than_a_cube_holds_equals_the_double_sum() {
    for (len, taps, reverse_taps) in [(130, 130, 130), (257, 300, 0), (530, 20, 530)] {
        let s = LongConvShape {
            channels: 2,
            ..shape(len, taps, reverse_taps, Method::Fourier)
        };
        check(s, &[]);
    }
}

#[test]
fn long_conv_when_sequences_are_packed_never_reads_across() {
    let row: Vec<i64> = (0..150)
        .map(|t| i64::from(t >= 2) + i64::from(t >= 3) + i64::from(t >= 100))
        .collect();
    let both: Vec<i64> = row.iter().chain(&vec![0; 150]).copied().collect();
    for method in [Method::Direct, Method::Fourier] {
        check(shape(150, 150, 150, method), &both);
        check(shape(150, 40, 0, method), &both);
    }
}

#[test]
fn long_conv_when_long_takes_fourier_transforms_and_equals_the_direct_sum() {
    let s = LongConvShape {
        batch: 2,
        channels: 19,
        ..shape(700, 700, 650, Method::Auto)
    };
    let device = exact_device();
    let flat: Vec<Tensor<1>> = inputs(s)
        .iter()
        .map(|v| tensor(v, DType::F64, &device))
        .collect();
    let auto = read(&long_conv(build(&flat, &[], s), Method::Auto).unwrap());
    let direct = read(&long_conv(build(&flat, &[], s), Method::Direct).unwrap());
    let fourier = read(&long_conv(build(&flat, &[], s), Method::Fourier).unwrap());
    assert_eq!(auto, fourier);
    for (auto, direct) in auto.iter().zip(&direct) {
        assert!((auto - direct).abs() < 1e-11, "{auto} {direct}");
    }
}

#[test]
fn long_conv_when_run_on_one_thread_gives_the_same_bits() {
    let s = LongConvShape {
        batch: 3,
        channels: 20,
        ..shape(300, 300, 0, Method::Auto)
    };
    let run = || {
        let device = Device::flex().autodiff();
        let flat: Vec<Tensor<1>> = inputs(s)
            .iter()
            .map(|v| tensor(v, DType::F32, &device).require_grad())
            .collect();
        let y = long_conv(build(&flat, &[], s), Method::Auto).unwrap();
        let grads = (y.clone() * y.clone()).sum().backward();
        let mut all = read(&y);
        all.extend(read(&flat[1].grad(&grads).unwrap()));
        all.extend(read(&flat[0].grad(&grads).unwrap()));
        all
    };
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    assert_eq!(run(), one.install(run));
}

#[test]
fn long_conv_when_shapes_are_wrong_names_the_axis() {
    let s = shape(4, 4, 4, Method::Auto);
    let device = device();
    let flat: Vec<Tensor<1>> = inputs(s)
        .iter()
        .map(|v| tensor(v, DType::F32, &device))
        .collect();
    let wrong = LongConvInput {
        reverse: Some(Tensor::zeros([2, 4], &device)),
        ..build(&flat, &[], s)
    };
    let error = long_conv(wrong, Method::Auto).unwrap_err().to_string();
    assert!(
        error.contains("`reverse` has 2 along its channel axis, expected 3"),
        "{error}"
    );
}
