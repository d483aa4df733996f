//! Low-rank scan: awkward sizes, packing, errors.

use crate::check::{AWKWARD_LENGTHS, OpCase, check_op, tensor, values, values_between};
use burn::tensor::{DType, Device, Int, Tensor};
use resolvent_kernels::lowrank_scan::{
    LowRankScanInput, LowRankScanShape, lowrank_scan, reference,
};
use resolvent_kernels::{ComplexTensor, reshape};

fn shape(len: usize, rank: usize) -> LowRankScanShape {
    LowRankScanShape {
        batch: 2,
        len,
        channels: 3,
        state: 4,
        rank,
    }
}

fn inputs(s: LowRankScanShape) -> Vec<(&'static str, Vec<f64>)> {
    let vectors = s.channels * s.state;
    let columns = s.rank * vectors;
    // Small low-rank parts: the steps stay contractions.
    let small = |seed, count| values_between(seed, count, -0.2, 0.2);
    vec![
        ("x", values(1, s.batch * s.len * s.channels)),
        ("alpha_re", values_between(2, vectors, -0.55, 0.55)),
        ("alpha_im", values_between(3, vectors, -0.55, 0.55)),
        ("beta_re", small(4, columns)),
        ("beta_im", small(5, columns)),
        ("kappa_re", small(6, columns)),
        ("kappa_im", small(7, columns)),
        ("b_re", values(8, vectors)),
        ("b_im", values(9, vectors)),
        ("c_re", values(10, vectors)),
        ("c_im", values(11, vectors)),
        ("initial_re", values(12, s.state_elements())),
        ("initial_im", values(13, s.state_elements())),
    ]
}

fn build(flat: &[Tensor<1>], seq_idx: &[i64], s: LowRankScanShape) -> LowRankScanInput {
    let vector = |at: usize| {
        let part = |at: usize| reshape(flat[at].clone(), [s.channels, s.state]);
        ComplexTensor::new(part(at), part(at + 1))
    };
    let deep = |at: usize, first: usize| {
        let part = |at: usize| reshape(flat[at].clone(), [first, s.channels, s.state]);
        ComplexTensor::new(part(at), part(at + 1))
    };
    let indices = || Tensor::<1, Int>::from_data(seq_idx, &flat[0].device());
    LowRankScanInput {
        x: reshape(flat[0].clone(), [s.batch, s.len, s.channels]),
        alpha: vector(1),
        beta: deep(3, s.rank),
        kappa: deep(5, s.rank),
        b: vector(7),
        c: vector(9),
        initial: Some(deep(11, s.batch)),
        seq_idx: (!seq_idx.is_empty()).then(|| indices().reshape([s.batch, s.len])),
    }
}

fn check(s: LowRankScanShape, seq_idx: &[i64]) {
    check_op(&OpCase {
        name: format!("lowrank_scan {s:?}"),
        inputs: inputs(s),
        reference: &|flat| {
            let pair = |at: usize| (&flat[at][..], &flat[at + 1][..]);
            let slices = reference::LowRankScanSlices {
                x: &flat[0],
                alpha: pair(1),
                beta: pair(3),
                kappa: pair(5),
                b: pair(7),
                c: pair(9),
                initial: pair(11),
                seq_idx,
            };
            let (y, re, im) = reference::lowrank_scan(slices, s);
            vec![y, re, im]
        },
        tensors: &|flat| {
            let out = lowrank_scan(build(flat, seq_idx, s)).unwrap();
            vec![
                reshape(out.y, [s.y_elements()]),
                reshape(out.state.re, [s.state_elements()]),
                reshape(out.state.im, [s.state_elements()]),
            ]
        },
        tolerance: 1e-5,
    });
}

#[test]
fn lowrank_scan_when_lengths_are_awkward_equals_the_loop_with_all_gradients() {
    for len in AWKWARD_LENGTHS {
        for rank in [0, 1, 2] {
            check(shape(len, rank), &[]);
        }
    }
    for (batch, channels, state) in [(1, 9, 33), (0, 2, 2), (1, 0, 2), (2, 1, 0)] {
        let s = LowRankScanShape {
            batch,
            channels,
            state,
            ..shape(7, 1)
        };
        check(s, &[]);
    }
}

#[test]
fn lowrank_scan_when_sequences_are_packed_carries_nothing_across() {
    let row: Vec<i64> = (0..70)
        .map(|t| i64::from(t >= 2) + i64::from(t >= 3) + i64::from(t >= 64))
        .collect();
    let both: Vec<i64> = row.iter().chain(&vec![0; 70]).copied().collect();
    check(shape(70, 1), &both);
}

#[test]
fn lowrank_scan_when_ranks_differ_names_the_axis() {
    let s = shape(4, 1);
    let device = Device::flex();
    let flat: Vec<Tensor<1>> = inputs(s)
        .iter()
        .map(|(_, v)| tensor(v, DType::F32, &device))
        .collect();
    let wrong = LowRankScanInput {
        kappa: ComplexTensor::real(Tensor::zeros([2, 3, 4], &device)),
        ..build(&flat, &[], s)
    };
    let error = lowrank_scan(wrong).unwrap_err().to_string();
    assert!(
        error.contains("`kappa` has 2 along its rank axis, expected 1"),
        "{error}"
    );
}
