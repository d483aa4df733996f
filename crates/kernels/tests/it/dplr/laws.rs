//! Laws that compare runs with each other, formats, errors.

use super::*;
use crate::check::{cpu_alone, device};

#[test]
fn dplr_when_split_anywhere_and_handed_over_equals_one_run() {
    for chunk in [1, 16] {
        let s = shape(1, 130, 2, [16, 8], chunk);
        let flat = in_f32(&inputs(s));
        let whole = dplr(build(&flat, &[], s), options(s)).unwrap();
        for cut in [1, 15, 16, 17, 64, 129] {
            let part = |from: usize, to: usize, initial: Option<Tensor<4>>| {
                let all = build(&flat, &[], s);
                let narrow = |t: Tensor<4>| t.narrow(1, from, to - from);
                let input = DplrInput {
                    r: narrow(all.r),
                    g: narrow(all.g),
                    k: narrow(all.k),
                    v: narrow(all.v),
                    a: narrow(all.a),
                    b: narrow(all.b),
                    initial,
                    seq_idx: None,
                };
                dplr(input, options(s)).unwrap()
            };
            let first = part(0, cut, build(&flat, &[], s).initial);
            let second = part(cut, s.len, first.state);
            let joined = Tensor::cat(vec![first.y, second.y], 1);
            let off = distance(&read(&joined), &read(&whole.y), 1e-3);
            assert!(off < 1e-5, "cut at {cut}: {off:e}");
            let (got, want) = (second.state.unwrap(), whole.state.clone().unwrap());
            let off = distance(&read(&got), &read(&want), 1e-3);
            assert!(off < 1e-5, "state, cut at {cut}: {off:e}");
        }
    }
}

#[test]
fn dplr_when_run_on_one_or_many_threads_gives_the_same_bits() {
    for chunk in [1, 16] {
        let s = shape(3, 100, 3, [16, 16], chunk);
        let weights: Vec<Vec<f64>> = vec![values(8, s.y_elements()), values(9, s.state_elements())];
        let on = |threads: usize| {
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
                run(&case, DType::F32, &weights)
            })
        };
        let (one, many) = (on(1), on(5));
        assert_eq!(one.outputs, many.outputs);
        assert_eq!(one.gradients, many.gradients);
    }
}

#[test]
fn dplr_when_inputs_are_strided_or_indexed_by_any_width_gives_the_same_bits() {
    let s = shape(2, 30, 2, [6, 4], 8);
    let flat = in_f32(&inputs(s));
    let indices: Vec<i64> = (0..60).map(|t| i64::from(t % 30 >= 7)).collect();
    let plain = build(&flat, &indices, s);
    // Same values in another memory order: transpose, make it real, transpose back.
    let twist = |t: Tensor<4>| (t.swap_dims(1, 3) * 1.0).swap_dims(1, 3);
    let strided = DplrInput {
        r: twist(plain.r.clone()),
        g: twist(plain.g.clone()),
        v: twist(plain.v.clone()),
        b: twist(plain.b.clone()),
        ..plain.clone()
    };
    let want = read(&dplr(plain.clone(), options(s)).unwrap().y);
    assert_eq!(read(&dplr(strided, options(s)).unwrap().y), want);
    for width in [IntDType::I32, IntDType::I16, IntDType::U8] {
        let mut input = plain.clone();
        input.seq_idx = input.seq_idx.map(|indices| indices.cast(width));
        assert_eq!(read(&dplr(input, options(s)).unwrap().y), want, "{width:?}");
    }
}

#[test]
fn dplr_when_log_decays_stay_in_f32_reads_them_so() {
    let s = shape(1, 40, 1, [8, 4], 32);
    let device = crate::check::device();
    if !device.supports_dtype(DType::BF16) {
        return;
    }
    let flat: Vec<Tensor<1>> = inputs(s)
        .iter()
        .enumerate()
        .map(|(i, v)| {
            let dtype = if i == G { DType::F32 } else { DType::BF16 };
            tensor(v, dtype, &device)
        })
        .collect();
    let rounded: Vec<Vec<f64>> = flat.iter().map(read).collect();
    let got = on_device(&flat, &[], s);
    let want = by_recurrence(&rounded, &[], s);
    assert!(distance(&read(&got[0]), &want[0], 1e-3) < 2e-2);
}

#[test]
fn dplr_when_inputs_are_in_half_precision_keeps_the_state_in_f32() {
    let s = shape(1, 20, 1, [4, 4], 1);
    let device = device();
    let half: Vec<Tensor<1>> = inputs(s)
        .iter()
        .map(|v| tensor(v, DType::BF16, &device))
        .collect();
    let out = dplr(build(&half, &[], s), options(s)).unwrap();
    assert_eq!(out.y.dtype(), DType::BF16);
    assert_eq!(out.state.unwrap().dtype(), DType::F32);
}

#[test]
fn dplr_when_shapes_or_options_are_wrong_names_the_value() {
    let s = shape(1, 4, 2, [6, 3], 8);
    let flat = in_f32(&inputs(s));
    let good = || build(&flat, &[], s);
    let fails = |input: DplrInput, change: fn(&mut DplrOptions)| {
        let mut options = options(s);
        change(&mut options);
        dplr(input, options).unwrap_err().to_string()
    };
    assert!(fails(good(), |o| o.chunk = Some(0)).contains("`chunk` is 0"));
    assert!(fails(good(), |o| o.scale = f64::NAN).contains("`scale` is NaN"));
    let wrong = DplrInput {
        b: good().b.narrow(3, 0, 5),
        ..good()
    };
    assert!(fails(wrong, |_| ()).contains("`b` has 5 along its key axis, expected 6"));
    let wrong = DplrInput {
        v: good().v.narrow(1, 0, 3),
        ..good()
    };
    assert!(fails(wrong, |_| ()).contains("`v` has 3 along its length axis, expected 4"));
    let wrong = DplrInput {
        initial: good().initial.map(|s| s.narrow(2, 0, 2)),
        ..good()
    };
    assert!(fails(wrong, |_| ()).contains("`initial` has 2 along its value axis, expected 3"));
}

#[test]
fn dplr_when_values_are_wrong_names_them_on_the_cpu() {
    // Other devices would have to be waited for, so only the CPU looks.
    let _cpu = cpu_alone();
    let s = shape(1, 4, 2, [6, 3], 8);
    let flat = in_f32(&inputs(s));
    let good = build(&flat, &[], s);
    let wrong = DplrInput {
        g: good.g.clone() + 1.0,
        ..good
    };
    let error = dplr(wrong, options(s)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("expected log decays of at most 0")
    );
    let error = dplr(build(&flat, &[0, 1, 0, 1], s), options(s)).unwrap_err();
    assert!(matches!(
        error,
        KernelError::SequenceOrder { position: 2, .. }
    ));
}

#[test]
fn dplr_when_an_input_is_nan_says_so_in_the_output() {
    for (input, chunk) in [(G, 1), (G, 4), (4, 1), (4, 4)] {
        let s = shape(1, 10, 2, [5, 3], chunk);
        let mut flat = inputs(s);
        flat[input][3 * s.heads * s.keys] = f64::NAN;
        let y = read(&on_device(&in_f32(&flat), &[], s)[0]);
        let width = s.heads * s.values;
        let clean = if chunk == 1 { 3 } else { 0 };
        assert!(y[..clean * width].iter().all(|v| v.is_finite()), "before");
        assert!(y[3 * width..].iter().any(|v| v.is_nan()), "swallowed");
    }
}
