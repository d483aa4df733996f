//! DPLR: awkward sizes, laws of the recurrence, errors.

mod laws;

use crate::check::{AWKWARD_LENGTHS, OpCase, check_op, distance, in_f32, read, run, tensor};
use crate::check::{values, values_between};
use burn::tensor::{DType, Int, IntDType, Tensor};
use resolvent_kernels::dplr::{DplrInput, DplrOptions, DplrShape, dplr, reference};
use resolvent_kernels::{KernelError, reshape};

const NAMES: [&str; 7] = ["r", "g", "k", "v", "a", "b", "initial"];
/// Position of the log decay among the inputs.
const G: usize = 1;

fn shape(batch: usize, len: usize, heads: usize, size: [usize; 2], chunk: usize) -> DplrShape {
    DplrShape {
        batch,
        len,
        heads,
        keys: size[0],
        values: size[1],
        chunk: Some(chunk),
        final_state: true,
        scale: 1.0,
    }
}

/// Inputs as RWKV-7 makes them: unit removal keys kk, a = -kk, b = kk * iclr with iclr in `iclr`.
fn inputs_with(s: DplrShape, iclr: [f64; 2], log_decay: [f64; 2]) -> Vec<Vec<f64>> {
    let keyed = s.key_elements();
    let mut kk = values(4, keyed);
    for head in kk.chunks_mut(s.keys.max(1)) {
        let norm = head.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-12);
        head.iter_mut().for_each(|x| *x /= norm);
    }
    let iclr = values_between(5, keyed, iclr[0], iclr[1]);
    vec![
        values(1, keyed),
        values_between(2, keyed, log_decay[0], log_decay[1]),
        values(3, keyed),
        values(6, s.y_elements()),
        kk.iter().map(|x| -x).collect(),
        kk.iter().zip(&iclr).map(|(x, a)| x * a).collect(),
        values(7, s.state_elements()),
    ]
}

fn inputs(s: DplrShape) -> Vec<Vec<f64>> {
    inputs_with(s, [0.0, 1.0], [-0.6065, -1e-3])
}

fn build(flat: &[Tensor<1>], seq_idx: &[i64], s: DplrShape) -> DplrInput {
    let [r, g, k, v, a, b, initial] = flat else {
        panic!("seven inputs")
    };
    let keyed = |x: &Tensor<1>| reshape(x.clone(), [s.batch, s.len, s.heads, s.keys]);
    let indices = || Tensor::<1, Int>::from_data(seq_idx, &r.device()).reshape([s.batch, s.len]);
    DplrInput {
        r: keyed(r),
        g: keyed(g),
        k: keyed(k),
        v: reshape(v.clone(), [s.batch, s.len, s.heads, s.values]),
        a: keyed(a),
        b: keyed(b),
        initial: Some(reshape(
            initial.clone(),
            [s.batch, s.heads, s.values, s.keys],
        )),
        seq_idx: (!seq_idx.is_empty()).then(indices),
    }
}

fn options(s: DplrShape) -> DplrOptions {
    DplrOptions {
        chunk: s.chunk,
        final_state: s.final_state,
        scale: s.scale,
    }
}

fn on_device(flat: &[Tensor<1>], seq_idx: &[i64], s: DplrShape) -> Vec<Tensor<1>> {
    let out = dplr(build(flat, seq_idx, s), options(s)).unwrap();
    let mut all = vec![reshape(out.y, [s.y_elements()])];
    all.extend(
        out.state
            .map(|state| reshape(state, [s.state_elements()]).cast(flat[0].dtype())),
    );
    all
}

fn by_recurrence(flat: &[Vec<f64>], seq_idx: &[i64], s: DplrShape) -> Vec<Vec<f64>> {
    let slices = reference::DplrSlices {
        r: &flat[0],
        g: &flat[1],
        k: &flat[2],
        v: &flat[3],
        a: &flat[4],
        b: &flat[5],
        initial: &flat[6],
        seq_idx,
    };
    let (y, state) = reference::dplr(slices, s);
    if s.final_state {
        vec![y, state]
    } else {
        vec![y]
    }
}

fn check(name: &str, s: DplrShape, seq_idx: &[i64], inputs: Vec<Vec<f64>>) {
    check_op(&OpCase {
        name: format!("dplr {name} {s:?}"),
        inputs: NAMES.into_iter().zip(inputs).collect(),
        reference: &|flat| by_recurrence(flat, seq_idx, s),
        tensors: &|flat| on_device(flat, seq_idx, s),
        tolerance: 2e-5,
    });
}

#[test]
fn dplr_when_lengths_are_awkward_equals_the_recurrence_with_all_gradients() {
    for len in AWKWARD_LENGTHS {
        for chunk in [1, 7, 16, 64, 256] {
            let s = shape(2, len, 2, [5, 3], chunk);
            check("awkward", s, &[], inputs(s));
        }
    }
}

#[test]
fn dplr_when_heads_have_any_size_equals_the_recurrence() {
    for size in [
        [4, 4],
        [16, 16],
        [60, 60],
        [64, 64],
        [16, 37],
        [33, 4],
        [1, 1],
    ] {
        for chunk in [1, 16] {
            let s = shape(1, 37, 1, size, chunk);
            check("size", s, &[], inputs(s));
        }
    }
}

#[test]
fn dplr_when_lengths_are_around_whole_chunks_and_keys_around_vectors_equals_the_recurrence() {
    for (len, size) in [
        (31, [32, 60]),
        (32, [60, 32]),
        (64, [32, 32]),
        (70, [100, 20]),
    ] {
        let mut s = shape(1, len, 2, size, 1);
        s.chunk = None;
        s.scale = 0.5;
        check("chunks and vectors", s, &[], inputs(s));
    }
}

#[test]
fn dplr_when_there_are_more_heads_than_a_launch_axis_of_16_bits_equals_the_recurrence() {
    let s = shape(1, 2, 66_000, [1, 1], 16);
    let flat = inputs(s);
    let device = crate::check::device();
    let on = |v: &Vec<f64>| tensor(v, DType::F32, &device);
    let tensors: Vec<Tensor<1>> = flat.iter().map(on).collect();
    let got = on_device(&tensors, &[], s);
    let want = by_recurrence(&flat, &[], s);
    for (got, want) in got.iter().zip(&want) {
        assert!(distance(&read(got), want, 1e-3) < 2e-5);
    }
}

#[test]
fn dplr_when_run_twice_gives_the_same_bits() {
    let s = shape(2, 50, 2, [8, 8], 32);
    let weights: Vec<Vec<f64>> = vec![values(8, s.y_elements()), values(9, s.state_elements())];
    let case = OpCase {
        name: "twice".into(),
        inputs: NAMES.into_iter().zip(inputs(s)).collect(),
        reference: &|_| Vec::new(),
        tensors: &|flat| on_device(flat, &[], s),
        tolerance: 0.0,
    };
    let [one, other] = [0, 1].map(|_| run(&case, DType::F32, &weights));
    assert_eq!(one.outputs, other.outputs);
    assert_eq!(one.gradients, other.gradients);
}

#[test]
fn dplr_when_the_state_or_a_scale_is_asked_for_or_not_equals_the_recurrence() {
    for chunk in [1, 16] {
        let mut s = shape(2, 20, 2, [4, 4], chunk);
        s.final_state = false;
        s.scale = 0.25;
        check("scaled, no state", s, &[], inputs(s));
    }
}

#[test]
fn dplr_when_an_axis_is_empty_returns_zeros_and_the_initial_state() {
    for (size, heads) in [([0, 3], 2), ([3, 0], 2), ([4, 4], 0)] {
        let s = shape(1, 5, heads, size, 16);
        let flat = in_f32(&inputs(s));
        let out = on_device(&flat, &[], s);
        assert!(read(&out[0]).iter().all(|&y| y == 0.0));
        assert_eq!(read(&out[1]), read(&flat[6]));
    }
}

#[test]
fn dplr_when_the_form_is_left_open_equals_the_recurrence_for_small_and_large_heads() {
    for size in [[16, 16], [128, 8]] {
        let mut s = shape(1, 70, 1, size, 1);
        s.chunk = None;
        check("open", s, &[], inputs(s));
    }
}

#[test]
fn dplr_when_chunks_differ_gives_the_same_within_rounding() {
    let mut s = shape(1, 500, 2, [16, 16], 1);
    let flat = in_f32(&inputs(s));
    let stepped = on_device(&flat, &[], s);
    for chunk in [2, 16, 32, 64, 100, 1000] {
        s.chunk = Some(chunk);
        for (got, want) in on_device(&flat, &[], s).iter().zip(&stepped) {
            let off = distance(&read(got), &read(want), 1e-3);
            assert!(off < 1e-5, "chunk {chunk} off by {off:e}");
        }
    }
}

#[test]
fn dplr_when_sequences_are_packed_keeps_them_apart() {
    for chunk in [1, 8] {
        let s = shape(2, 40, 2, [4, 3], chunk);
        let row: Vec<i64> = (0..40)
            .map(|t| i64::from(t >= 5) + i64::from(t >= 6) + i64::from(t >= 24))
            .collect();
        let seq_idx: Vec<i64> = row.iter().chain(&vec![3; 40]).copied().collect();
        check("packed", s, &seq_idx, inputs(s));
    }
}

#[test]
fn dplr_when_packed_sequences_begin_at_chunks_and_decay_strongly_keeps_them_apart() {
    let mut s = shape(1, 70, 1, [4, 4], 1);
    s.chunk = None;
    let starts = [16, 32, 33, 63, 64];
    let indices: Vec<i64> = (0..70)
        .map(|t| starts.iter().filter(|start| t >= **start).count() as i64)
        .collect();
    check("packed at chunks", s, &indices, inputs(s));
    let strong = inputs_with(s, [0.0, 1.0], [-9.0, -2.0]);
    check("packed, strong decay", s, &indices, strong);
}

#[test]
fn dplr_when_decay_is_strong_or_absent_stays_finite_and_exact() {
    for chunk in [1, 16, 64] {
        let s = shape(1, 130, 2, [6, 4], chunk);
        check("decay of -50 a step", s, &[], {
            inputs_with(s, [0.0, 1.0], [-50.0, -49.0])
        });
        check("decay of -4 a step", s, &[], {
            inputs_with(s, [0.0, 1.0], [-5.0, -3.0])
        });
        let mut none = inputs(s);
        none[G].fill(0.0);
        check("no decay", s, &[], none);
        let mut mixed = inputs(s);
        for (i, g) in mixed[G].iter_mut().enumerate() {
            *g = if i % 50 < 3 { -60.0 } else { -1e-4 };
        }
        check("strong, then weak", s, &[], mixed);
    }
}

#[test]
fn dplr_when_decay_is_total_forgets_without_a_nan() {
    for chunk in [1, 16] {
        let s = shape(1, 40, 1, [4, 4], chunk);
        let mut flat = inputs(s);
        flat[G].fill(f64::NEG_INFINITY);
        let got = on_device(&in_f32(&flat), &[], s);
        let want = by_recurrence(&flat, &[], s);
        assert!(distance(&read(&got[0]), &want[0], 1e-3) < 2e-5);
    }
}

#[test]
fn dplr_when_the_learning_rate_is_zero_or_one_equals_the_recurrence() {
    for chunk in [1, 16] {
        let s = shape(1, 65, 2, [8, 8], chunk);
        for iclr in [0.0, 1.0] {
            check("iclr", s, &[], inputs_with(s, [iclr, iclr], [-0.6, -0.01]));
        }
    }
}

#[test]
fn dplr_when_a_key_is_written_twice_keeps_only_the_second_value() {
    // iclr 1, no decay, unit key: the delta rule replaces what the key held.
    let s = shape(1, 2, 1, [4, 3], 1);
    let key = [0.5, -0.5, 0.5, 0.5];
    let twice: Vec<f64> = key.iter().chain(&key).copied().collect();
    let flat = vec![
        twice.clone(),
        vec![0.0; 8],
        twice.clone(),
        vec![1.0, 2.0, 3.0, -4.0, 5.0, 6.0],
        twice.iter().map(|x| -x).collect(),
        twice,
        vec![0.0; 12],
    ];
    let out = on_device(&in_f32(&flat), &[], s);
    let want: Vec<f64> = [-4.0, 5.0, 6.0]
        .iter()
        .flat_map(|v| key.map(|k| v * k))
        .collect();
    assert!(distance(&read(&out[1]), &want, 1e-3) < 1e-6);
}
