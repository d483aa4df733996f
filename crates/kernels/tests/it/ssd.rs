//! SSD: awkward sizes, laws of the recurrence, errors.

use crate::check::{
    AWKWARD_LENGTHS, OpCase, check_op, distance, read, tensor, values, values_between,
};
use burn::tensor::{DType, Int, IntDType, Tensor};
use resolvent_kernels::KernelError;
use resolvent_kernels::reshape;
use resolvent_kernels::ssd::{SsdInput, SsdOptions, SsdShape, reference, ssd};
use resolvent_structure::{Matrix, SemiseparableMatrix, StructuredMatrix};

const NAMES: [&str; 7] = ["x", "dt", "a", "b", "c", "d", "initial"];

fn shape(batch: usize, len: usize, heads: usize, groups: usize, chunk: usize) -> SsdShape {
    SsdShape {
        batch,
        len,
        heads,
        head_dim: 3,
        groups,
        state: 5,
        chunk,
        final_state: true,
        kept_states: 0,
    }
}

fn inputs(s: SsdShape) -> Vec<Vec<f64>> {
    let projection = s.batch * s.len * s.groups * s.state;
    vec![
        values(1, s.y_elements()),
        values_between(2, s.batch * s.len * s.heads, 0.001, 0.5),
        values_between(3, s.heads, -4.0, -0.1),
        values(4, projection),
        values(5, projection),
        values(6, s.heads),
        values(7, s.state_elements()),
    ]
}

fn build(flat: &[Tensor<1>], seq_idx: &[i64], s: SsdShape) -> SsdInput {
    let [x, dt, a, b, c, d, initial] = flat else {
        panic!("seven inputs")
    };
    let projection = [s.batch, s.len, s.groups, s.state];
    let indices = || Tensor::<1, Int>::from_data(seq_idx, &x.device()).reshape([s.batch, s.len]);
    SsdInput {
        x: reshape(x.clone(), [s.batch, s.len, s.heads, s.head_dim]),
        dt: reshape(dt.clone(), [s.batch, s.len, s.heads]),
        a: a.clone(),
        b: reshape(b.clone(), projection),
        c: reshape(c.clone(), projection),
        d: Some(d.clone()),
        initial: Some(reshape(
            initial.clone(),
            [s.batch, s.heads, s.head_dim, s.state],
        )),
        seq_idx: (!seq_idx.is_empty()).then(indices),
    }
}

fn on_device(flat: &[Tensor<1>], seq_idx: &[i64], s: SsdShape) -> Vec<Tensor<1>> {
    let options = SsdOptions {
        chunk: s.chunk,
        final_state: s.final_state,
    };
    let out = ssd(build(flat, seq_idx, s), options).unwrap();
    let mut all = vec![reshape(out.y, [s.y_elements()])];
    all.extend(out.state.map(|state| reshape(state, [s.state_elements()])));
    all
}

fn by_recurrence(flat: &[Vec<f64>], seq_idx: &[i64], s: SsdShape) -> Vec<Vec<f64>> {
    let slices = reference::SsdSlices {
        x: &flat[0],
        dt: &flat[1],
        a: &flat[2],
        b: &flat[3],
        c: &flat[4],
        d: &flat[5],
        initial: &flat[6],
        seq_idx,
    };
    let (y, state) = reference::ssd(slices, s);
    if s.final_state {
        vec![y, state]
    } else {
        vec![y]
    }
}

fn check(name: &str, s: SsdShape, seq_idx: &[i64], inputs: Vec<Vec<f64>>) {
    check_op(&OpCase {
        name: format!("ssd {name} {s:?}"),
        inputs: NAMES.into_iter().zip(inputs).collect(),
        reference: &|flat| by_recurrence(flat, seq_idx, s),
        tensors: &|flat| on_device(flat, seq_idx, s),
        tolerance: 2e-5,
    });
}

#[test]
fn ssd_when_lengths_are_awkward_equals_the_recurrence_with_all_gradients() {
    for len in AWKWARD_LENGTHS {
        for chunk in [1, 7, 64, 256] {
            let s = shape(2, len, 4, 2, chunk);
            check("awkward", s, &[], inputs(s));
        }
    }
}

#[test]
fn ssd_when_groups_are_one_two_or_all_equals_the_recurrence() {
    for (heads, groups) in [(4, 1), (4, 2), (4, 4), (6, 1), (5, 1), (1, 1)] {
        let s = shape(1, 33, heads, groups, 8);
        check("groups", s, &[], inputs(s));
    }
}

#[test]
fn ssd_when_heads_and_states_are_as_wide_as_in_models_equals_the_recurrence() {
    // Whole vectors and, on GPUs, whole or padded fragments of the matrix units.
    for (len, head_dim, state) in [(70, 40, 72), (130, 64, 128), (66, 136, 16)] {
        let s = SsdShape {
            head_dim,
            state,
            ..shape(1, len, 2, 1, 64)
        };
        check("wide", s, &[], inputs(s));
        let seq_idx: Vec<i64> = (0..len as i64).map(|t| t / 50).collect();
        check("wide and packed", s, &seq_idx, inputs(s));
    }
}

#[test]
fn ssd_when_longer_than_one_span_equals_the_recurrence() {
    // Sixteen chunks make a span: 500 positions in chunks of 7 are several, with a ragged end.
    let s = shape(1, 500, 2, 1, 7);
    check("spans", s, &[], inputs(s));
}

#[test]
fn ssd_when_the_state_is_not_wanted_equals_the_recurrence() {
    let mut s = shape(2, 20, 2, 1, 8);
    s.final_state = false;
    check("no state", s, &[], inputs(s));
}

#[test]
fn ssd_when_sequences_are_packed_keeps_them_apart() {
    let s = shape(2, 40, 2, 1, 8);
    let row: Vec<i64> = (0..40)
        .map(|t| i64::from(t >= 5) + i64::from(t >= 6) + i64::from(t >= 24))
        .collect();
    let seq_idx: Vec<i64> = row.iter().chain(&vec![3; 40]).copied().collect();
    check("packed", s, &seq_idx, inputs(s));
}

#[test]
fn ssd_when_decay_is_strong_or_absent_stays_finite_and_exact() {
    let s = shape(1, 300, 2, 1, 64);
    let mut strong = inputs(s);
    strong[1].fill(10.0);
    strong[2].fill(-5.0);
    check("decay -50 a step", s, &[], strong);
    let mut mixed = inputs(s);
    for (t, dt) in mixed[1].iter_mut().enumerate() {
        *dt = if t % 50 < 3 { 60.0 } else { 1e-4 };
    }
    check("strong, then weak", s, &[], mixed);
}

#[test]
fn ssd_when_there_is_no_state_gives_the_direct_term_over_any_length() {
    let s = SsdShape {
        state: 0,
        ..shape(2, 40, 2, 1, 1)
    };
    check("no state", s, &[], inputs(s));
}

#[test]
fn ssd_when_step_size_is_zero_keeps_the_state_and_passes_the_direct_term() {
    let s = shape(2, 70, 2, 1, 16);
    let mut flat = inputs(s);
    flat[1].fill(0.0);
    flat[6].fill(0.0);
    let device = crate::check::device();
    let tensors: Vec<Tensor<1>> = flat
        .iter()
        .map(|v| tensor(v, DType::F32, &device))
        .collect();
    let out = on_device(&tensors, &[], s);
    assert!(read(&out[1]).iter().all(|&v| v == 0.0), "state moved");
    let direct: Vec<f64> = read(&tensors[0])
        .iter()
        .enumerate()
        .map(|(i, x)| x * read(&tensors[5])[i / s.head_dim % s.heads])
        .collect();
    assert!(distance(&read(&out[0]), &direct, 1e-3) < 1e-6);
}

#[test]
fn ssd_when_split_anywhere_and_handed_over_equals_one_run() {
    let s = shape(1, 130, 4, 2, 16);
    let device = crate::check::device();
    let flat: Vec<Tensor<1>> = inputs(s)
        .iter()
        .map(|v| tensor(v, DType::F32, &device))
        .collect();
    let whole = ssd(
        build(&flat, &[], s),
        SsdOptions {
            chunk: 16,
            final_state: true,
        },
    )
    .unwrap();
    for cut in [1, 15, 16, 17, 64, 129] {
        let part = |from: usize, to: usize, initial: Option<Tensor<4>>| {
            let all = build(&flat, &[], s);
            let narrow = |t: Tensor<4>| t.narrow(1, from, to - from);
            let input = SsdInput {
                x: narrow(all.x),
                dt: all.dt.narrow(1, from, to - from),
                b: narrow(all.b),
                c: narrow(all.c),
                initial,
                ..all
            };
            ssd(
                input,
                SsdOptions {
                    chunk: 16,
                    final_state: true,
                },
            )
            .unwrap()
        };
        let first = part(0, cut, build(&flat, &[], s).initial);
        let second = part(cut, s.len, first.state);
        let joined = Tensor::cat(vec![first.y, second.y], 1);
        assert!(
            distance(&read(&joined), &read(&whole.y), 1e-3) < 1e-5,
            "cut at {cut}"
        );
        let (got, want) = (second.state.unwrap(), whole.state.clone().unwrap());
        assert!(
            distance(&read(&got), &read(&want), 1e-3) < 1e-5,
            "state, cut at {cut}"
        );
    }
}

#[test]
fn ssd_when_run_on_one_or_many_threads_gives_the_same_bits() {
    // Three spans, which the forward pass cuts into parts of four chunks, eight, or not at all.
    let s = shape(1, 600, 6, 2, 16);
    let weights: Vec<Vec<f64>> = vec![values(8, s.y_elements()), values(9, s.state_elements())];
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let case = OpCase {
                name: "threads".into(),
                inputs: NAMES.into_iter().zip(inputs(s)).collect(),
                reference: &|_| Vec::new(),
                tensors: &|flat| on_device(flat, &[], s),
                tolerance: 0.0,
            };
            crate::check::run(&case, DType::F32, &weights)
        })
    };
    let one = run(1);
    for threads in [5, 12] {
        let many = run(threads);
        assert_eq!(one.outputs, many.outputs, "{threads} threads");
        assert_eq!(one.gradients, many.gradients, "{threads} threads");
    }
}

#[test]
fn ssd_when_inputs_are_strided_equals_the_contiguous_run() {
    let s = shape(2, 30, 4, 2, 8);
    let device = crate::check::device();
    let flat: Vec<Tensor<1>> = inputs(s)
        .iter()
        .map(|v| tensor(v, DType::F32, &device))
        .collect();
    let plain = build(&flat, &[], s);
    let mut strided = plain.clone();
    // Same values in another memory order: transpose, make it real, transpose back.
    let twist = |t: Tensor<4>| (t.swap_dims(1, 3) * 1.0).swap_dims(1, 3);
    strided.x = twist(strided.x);
    strided.b = twist(strided.b);
    strided.c = twist(strided.c);
    strided.dt = (strided.dt.swap_dims(0, 2) * 1.0).swap_dims(0, 2);
    let options = SsdOptions {
        chunk: 8,
        final_state: false,
    };
    let (a, b) = (ssd(plain, options).unwrap(), ssd(strided, options).unwrap());
    assert_eq!(read(&a.y), read(&b.y));
}

#[test]
fn ssd_when_one_head_is_materialised_equals_the_semiseparable_matrix() {
    let s = shape(1, 65, 1, 1, 16);
    let flat = inputs(s);
    let log_decay: Vec<f64> = flat[1].iter().map(|dt| dt * flat[2][0]).collect();
    // B carries the step size, because the matrix acts on x.
    let b: Vec<f64> = flat[3]
        .iter()
        .enumerate()
        .map(|(i, b)| b * flat[1][i / s.state])
        .collect();
    let grid = |data| Matrix::new(s.len, s.state, data).unwrap();
    let matrix = SemiseparableMatrix::new(log_decay, grid(b), grid(flat[4].clone()))
        .unwrap()
        .with_diagonal(vec![flat[5][0]; s.len])
        .unwrap();
    let mut zero_state = flat.clone();
    zero_state[6].fill(0.0);
    let y = &by_recurrence(&zero_state, &[], s)[0];
    for p in 0..s.head_dim {
        let column: Vec<f64> = flat[0]
            .iter()
            .skip(p)
            .step_by(s.head_dim)
            .copied()
            .collect();
        let want: Vec<f64> = y.iter().skip(p).step_by(s.head_dim).copied().collect();
        let got = matrix.dense().matvec(&column).unwrap();
        assert!(distance(&got, &want, 1e-3) < 1e-12);
    }
}

#[test]
fn ssd_when_shapes_or_options_are_wrong_names_the_value() {
    let s = shape(1, 4, 4, 2, 8);
    let device = crate::check::device();
    let flat: Vec<Tensor<1>> = inputs(s)
        .iter()
        .map(|v| tensor(v, DType::F32, &device))
        .collect();
    let good = || build(&flat, &[], s);
    let fails = |input: SsdInput, chunk: usize| {
        ssd(
            input,
            SsdOptions {
                chunk,
                final_state: true,
            },
        )
        .unwrap_err()
        .to_string()
    };
    assert!(fails(good(), 0).contains("`chunk` is 0"));
    let wrong = SsdInput {
        a: good().a.narrow(0, 0, 3),
        ..good()
    };
    assert!(fails(wrong, 8).contains("`a` has 3 along its head axis, expected 4"));
    let wrong = SsdInput {
        b: good().b.narrow(3, 0, 4),
        ..good()
    };
    assert!(fails(wrong, 8).contains("`c` has 5 along its state axis, expected 4"));
    let x = Tensor::zeros([1, 4, 3, 3], &device);
    let wrong = SsdInput {
        x,
        dt: Tensor::zeros([1, 4, 3], &device),
        a: Tensor::zeros([3], &device),
        d: None,
        initial: None,
        ..good()
    };
    assert!(fails(wrong, 8).contains("2 for 3 heads"));
    let wrong = build(&flat, &[0, 1, 0, 1], s);
    let error = ssd(wrong, SsdOptions::default()).unwrap_err();
    assert!(matches!(
        error,
        KernelError::SequenceOrder { position: 2, .. }
    ));
}

#[test]
fn ssd_when_indices_have_any_integer_width_gives_the_same_bits() {
    let s = shape(1, 20, 2, 1, 8);
    let device = crate::check::device();
    let tensors: Vec<Tensor<1>> = inputs(s)
        .iter()
        .map(|v| tensor(v, DType::F32, &device))
        .collect();
    let indices: Vec<i64> = (0..20).map(|t| i64::from(t >= 7)).collect();
    let run = |width: IntDType| {
        let mut input = build(&tensors, &indices, s);
        input.seq_idx = input.seq_idx.map(|indices| indices.cast(width));
        read(&ssd(input, SsdOptions::default()).unwrap().y)
    };
    let wide = run(IntDType::I64);
    for width in [IntDType::I32, IntDType::I16, IntDType::U8] {
        if !device.supports_dtype(DType::from(width)) {
            continue;
        }
        assert_eq!(run(width), wide, "{width:?}");
    }
}

#[test]
fn ssd_when_an_input_is_nan_says_so_in_the_output() {
    let s = shape(1, 10, 2, 1, 4);
    let mut flat = inputs(s);
    flat[1][6] = f64::NAN;
    let device = crate::check::device();
    let tensors: Vec<Tensor<1>> = flat
        .iter()
        .map(|v| tensor(v, DType::F32, &device))
        .collect();
    let y = read(&on_device(&tensors, &[], s)[0]);
    assert!(
        y[..3 * s.heads * s.head_dim].iter().all(|v| v.is_finite()),
        "before it"
    );
    assert!(
        y[3 * s.heads * s.head_dim..].iter().any(|v| v.is_nan()),
        "swallowed"
    );
}
