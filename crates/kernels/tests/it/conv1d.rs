//! Depthwise convolution: awkward sizes, packing, hand-over, errors.

use crate::check::{AWKWARD_LENGTHS, OpCase, check_op, read, tensor, values};
use burn::tensor::{DType, Int, Tensor};
use resolvent_kernels::conv1d::{
    Activation, Conv1dInput, Conv1dOptions, Conv1dShape, Padding, conv1d, reference,
};
use resolvent_kernels::reshape;

fn shape(batch: usize, len: usize, taps: usize, padding: Padding) -> Conv1dShape {
    Conv1dShape {
        batch,
        len,
        channels: 5,
        taps,
        padding,
        activation: Activation::Silu,
    }
}

fn inputs(s: Conv1dShape) -> Vec<Vec<f64>> {
    vec![
        values(1, s.batch * s.len * s.channels),
        values(2, s.channels * s.taps),
        values(3, s.channels),
        values(4, s.batch * s.channels * (s.taps - 1)),
    ]
}

fn build(flat: &[Tensor<1>], seq_idx: &[i64], s: Conv1dShape) -> Conv1dInput {
    let initial = reshape(flat[3].clone(), [s.batch, s.channels, s.taps - 1]);
    let indices = || Tensor::<1, Int>::from_data(seq_idx, &flat[0].device());
    Conv1dInput {
        x: reshape(flat[0].clone(), [s.batch, s.len, s.channels]),
        weight: reshape(flat[1].clone(), [s.channels, s.taps]),
        bias: Some(flat[2].clone()),
        initial: (s.padding == Padding::Causal).then_some(initial),
        seq_idx: (!seq_idx.is_empty()).then(|| indices().reshape([s.batch, s.len])),
    }
}

fn options(s: Conv1dShape) -> Conv1dOptions {
    Conv1dOptions {
        padding: s.padding,
        activation: s.activation,
        final_state: s.padding == Padding::Causal,
    }
}

fn check(name: &str, s: Conv1dShape, seq_idx: &[i64]) {
    let causal = s.padding == Padding::Causal;
    check_op(&OpCase {
        name: format!("conv1d {name} {s:?}"),
        inputs: ["x", "weight", "bias", "initial"]
            .into_iter()
            .zip(inputs(s))
            .collect(),
        reference: &|flat| {
            let slices = reference::Conv1dSlices {
                x: &flat[0],
                weight: &flat[1],
                bias: &flat[2],
                initial: &flat[3],
                seq_idx,
            };
            let mut out = vec![reference::conv1d(slices, s)];
            if causal {
                out.push(last_inputs(flat, s));
            }
            out
        },
        tensors: &|flat| {
            let out = conv1d(build(flat, seq_idx, s), options(s)).unwrap();
            let mut all = vec![reshape(out.y, [s.batch * s.len * s.channels])];
            let keep = s.batch * s.channels * (s.taps - 1);
            all.extend(out.state.map(|state| reshape(state, [keep])));
            all
        },
        tolerance: 1e-5,
    });
}

/// The last K - 1 of [initial, x] per channel, by index arithmetic.
fn last_inputs(flat: &[Vec<f64>], s: Conv1dShape) -> Vec<f64> {
    let keep = s.taps - 1;
    let mut out = Vec::new();
    for row in 0..s.batch {
        for channel in 0..s.channels {
            for k in 0..keep {
                let at = s.len + k;
                out.push(if at < keep {
                    flat[3][(row * s.channels + channel) * keep + at]
                } else {
                    flat[0][(row * s.len + at - keep) * s.channels + channel]
                });
            }
        }
    }
    out
}

#[test]
fn conv1d_when_lengths_and_taps_are_awkward_equals_the_sum_with_all_gradients() {
    for len in AWKWARD_LENGTHS.into_iter().chain([127, 128, 129, 260]) {
        for taps in [1, 2, 4] {
            check("causal", shape(2, len, taps, Padding::Causal), &[]);
            check("centred", shape(2, len, taps, Padding::Centred), &[]);
        }
    }
}

#[test]
fn conv1d_when_channels_fill_vectors_and_taps_are_many_equals_the_sum() {
    for (channels, taps) in [(64, 4), (67, 4), (130, 3), (3, 7)] {
        let s = Conv1dShape {
            channels,
            ..shape(1, 11, taps, Padding::Causal)
        };
        check("wide", s, &[]);
    }
}

#[test]
fn conv1d_when_not_activated_equals_the_sum() {
    let mut s = shape(1, 9, 4, Padding::Causal);
    s.activation = Activation::Identity;
    check("linear", s, &[]);
}

#[test]
fn conv1d_when_sequences_are_packed_never_reads_across() {
    let row: Vec<i64> = (0..150)
        .map(|t| i64::from(t >= 2) + i64::from(t >= 3) + i64::from(t >= 128))
        .collect();
    let both: Vec<i64> = row.iter().chain(&vec![0; 150]).copied().collect();
    check("packed", shape(2, 150, 4, Padding::Causal), &both);
    check("packed centred", shape(2, 150, 4, Padding::Centred), &both);
}

#[test]
fn conv1d_when_split_and_handed_over_equals_one_run_bit_for_bit() {
    let s = shape(1, 40, 4, Padding::Causal);
    let device = crate::check::device();
    let flat: Vec<Tensor<1>> = inputs(s)
        .iter()
        .map(|v| tensor(v, DType::F32, &device))
        .collect();
    let whole = conv1d(build(&flat, &[], s), options(s)).unwrap();
    for cut in [1, 2, 3, 4, 39] {
        let all = build(&flat, &[], s);
        let part = |from: usize, to: usize, initial| {
            let input = Conv1dInput {
                x: all.x.clone().narrow(1, from, to - from),
                initial,
                ..all.clone()
            };
            conv1d(input, options(s)).unwrap()
        };
        let first = part(0, cut, all.initial.clone());
        let second = part(cut, s.len, first.state);
        let joined = Tensor::cat(vec![first.y, second.y], 1);
        assert_eq!(read(&joined), read(&whole.y), "cut at {cut}");
        assert_eq!(
            read(&second.state.unwrap()),
            read(whole.state.as_ref().unwrap())
        );
    }
}

#[test]
fn conv1d_when_shapes_or_options_are_wrong_names_the_value() {
    let s = shape(1, 4, 4, Padding::Causal);
    let device = crate::check::device();
    let flat: Vec<Tensor<1>> = inputs(s)
        .iter()
        .map(|v| tensor(v, DType::F32, &device))
        .collect();
    let good = build(&flat, &[], s);
    let wrong = Conv1dInput {
        bias: Some(Tensor::zeros([4], &device)),
        ..good.clone()
    };
    let error = conv1d(wrong, options(s)).unwrap_err().to_string();
    assert!(
        error.contains("`bias` has 4 along its channel axis, expected 5"),
        "{error}"
    );
    let centred = Conv1dOptions {
        padding: Padding::Centred,
        ..options(s)
    };
    let error = conv1d(good, centred).unwrap_err().to_string();
    assert!(error.contains("Centred with a carried state"), "{error}");
}
