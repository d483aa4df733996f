//! Diagonal scan: both directions, fixed and varying factors, packing, hand-over, errors.

use crate::check::{
    AWKWARD_LENGTHS, OpCase, check_op, device, exact_device, read, tensor, values, values_between,
};
use burn::tensor::{DType, Int, Tensor};
use resolvent_kernels::diagonal_scan::{
    DiagonalScanInput, DiagonalScanShape, ScanFactor, diagonal_scan, reference,
};
use resolvent_kernels::{ComplexTensor, reshape};

const NAMES: [&str; 5] = ["x", "a_re", "a_im", "initial_re", "initial_im"];

fn shape(len: usize, varying: bool, reverse: bool) -> DiagonalScanShape {
    DiagonalScanShape {
        batch: 2,
        len,
        channels: 3,
        varying,
        reverse,
    }
}

fn inputs(s: DiagonalScanShape) -> Vec<Vec<f64>> {
    let factors = match s.varying {
        true => s.batch * s.len * s.channels,
        false => s.channels,
    };
    let part = |seed| values_between(seed, factors, -0.68, 0.68); // inside the unit circle
    vec![
        values(1, s.batch * s.len * 2 * s.channels),
        part(2),
        part(3),
        values(4, s.batch * s.channels),
        values(5, s.batch * s.channels),
    ]
}

fn build(flat: &[Tensor<1>], seq_idx: &[i64], s: DiagonalScanShape) -> DiagonalScanInput {
    let indices = || Tensor::<1, Int>::from_data(seq_idx, &flat[0].device());
    let grid = |at: usize| reshape(flat[at].clone(), [s.batch, s.len, s.channels]);
    let state = |at: usize| reshape(flat[at].clone(), [s.batch, s.channels]);
    DiagonalScanInput {
        x: reshape(flat[0].clone(), [s.batch, s.len, 2 * s.channels]),
        a: match s.varying {
            true => ScanFactor::Varying(ComplexTensor::new(grid(1), grid(2))),
            false => ScanFactor::Fixed(ComplexTensor::new(flat[1].clone(), flat[2].clone())),
        },
        initial: Some(ComplexTensor::new(state(3), state(4))),
        seq_idx: (!seq_idx.is_empty()).then(|| indices().reshape([s.batch, s.len])),
        reverse: s.reverse,
    }
}

fn check(s: DiagonalScanShape, seq_idx: &[i64]) {
    let (count, states) = (s.batch * s.len * 2 * s.channels, s.batch * s.channels);
    check_op(&OpCase {
        name: format!("diagonal_scan {s:?}"),
        inputs: NAMES.into_iter().zip(inputs(s)).collect(),
        reference: &|flat| {
            let slices = reference::DiagonalScanSlices {
                x: &flat[0],
                a: (&flat[1], &flat[2]),
                initial: (&flat[3], &flat[4]),
                seq_idx,
            };
            let h = reference::diagonal_scan(slices, s);
            let (re, im) = last(&h, (&flat[3], &flat[4]), s);
            vec![h, re, im]
        },
        tensors: &|flat| {
            let out = diagonal_scan(build(flat, seq_idx, s)).unwrap();
            let state = out.state();
            vec![
                reshape(out.h, [count]),
                reshape(state.re, [states]),
                reshape(state.im, [states]),
            ]
        },
        tolerance: 1e-5,
    });
}

/// The states behind the last step, by index arithmetic.
fn last(h: &[f64], initial: (&[f64], &[f64]), s: DiagonalScanShape) -> (Vec<f64>, Vec<f64>) {
    if s.len == 0 {
        return (initial.0.to_vec(), initial.1.to_vec());
    }
    let t = if s.reverse { 0 } else { s.len - 1 };
    let part = |offset: usize| {
        let rows = 0..s.batch;
        rows.flat_map(|row| {
            let at = (row * s.len + t) * 2 * s.channels + offset;
            h[at..at + s.channels].to_vec()
        })
        .collect()
    };
    (part(0), part(s.channels))
}

#[test]
fn diagonal_scan_when_lengths_are_awkward_equals_the_loop_with_all_gradients() {
    for varying in [false, true] {
        for reverse in [false, true] {
            for len in AWKWARD_LENGTHS.into_iter().chain([256, 257, 600]) {
                check(shape(len, varying, reverse), &[]);
            }
        }
    }
}

#[test]
fn diagonal_scan_when_channels_do_not_fill_vectors_equals_the_loop() {
    for (batch, channels) in [(1, 64), (1, 70), (9, 129), (0, 3), (2, 0)] {
        for reverse in [false, true] {
            let s = DiagonalScanShape {
                batch,
                channels,
                ..shape(7, false, reverse)
            };
            check(s, &[]);
        }
    }
}

#[test]
fn diagonal_scan_when_sequences_are_packed_carries_nothing_across() {
    let row: Vec<i64> = (0..300)
        .map(|t| i64::from(t >= 2) + i64::from(t >= 3) + i64::from(t >= 256))
        .collect();
    let both: Vec<i64> = row.iter().chain(&vec![0; 300]).copied().collect();
    for varying in [false, true] {
        for reverse in [false, true] {
            check(shape(300, varying, reverse), &both);
        }
    }
}

#[test]
fn diagonal_scan_when_split_and_handed_over_equals_one_run() {
    let s = shape(500, true, false);
    let device = exact_device();
    let flat: Vec<Tensor<1>> = inputs(s)
        .iter()
        .map(|v| tensor(v, DType::F64, &device))
        .collect();
    let whole = diagonal_scan(build(&flat, &[], s)).unwrap();
    let part = |from: usize, count: usize, initial| {
        let all = build(&flat, &[], s);
        let ScanFactor::Varying(a) = all.a else {
            unreachable!("built varying")
        };
        let cut = |t: Tensor<3>| t.narrow(1, from, count);
        let input = DiagonalScanInput {
            x: cut(all.x),
            a: ScanFactor::Varying(ComplexTensor::new(cut(a.re), cut(a.im))),
            initial,
            ..all
        };
        diagonal_scan(input).unwrap()
    };
    let first = part(0, 123, build(&flat, &[], s).initial);
    let second = part(123, 377, Some(first.state()));
    let joined = read(&Tensor::cat(vec![first.h, second.h], 1));
    for (got, want) in joined.iter().zip(read(&whole.h)) {
        assert!((got - want).abs() < 1e-13, "{got} {want}");
    }
}

#[test]
fn diagonal_scan_when_run_on_one_thread_gives_the_same_bits() {
    let s = DiagonalScanShape {
        channels: 65,
        ..shape(900, false, false)
    };
    let run = || {
        let device = device().autodiff();
        let flat: Vec<Tensor<1>> = inputs(s)
            .iter()
            .map(|v| tensor(v, DType::F32, &device).require_grad())
            .collect();
        let h = diagonal_scan(build(&flat, &[], s)).unwrap().h;
        let grads = (h.clone() * h.clone()).sum().backward();
        let mut all = read(&h);
        for input in &flat {
            all.extend(read(&input.grad(&grads).unwrap()));
        }
        all
    };
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    assert_eq!(run(), one.install(run));
}

#[test]
fn diagonal_scan_when_the_last_axis_is_odd_says_what_it_should_hold() {
    let device = device();
    let input = DiagonalScanInput {
        x: Tensor::zeros([1, 2, 3], &device),
        a: ScanFactor::Fixed(ComplexTensor::real(Tensor::zeros([1], &device))),
        initial: None,
        seq_idx: None,
        reverse: false,
    };
    let error = diagonal_scan(input).unwrap_err().to_string();
    assert!(error.contains("`last axis of x` is 3"), "{error}");
}
