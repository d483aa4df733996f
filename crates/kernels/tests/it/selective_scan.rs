//! Selective scan: awkward sizes, laws of the recurrence, errors.

use crate::check::{
    AWKWARD_LENGTHS, OpCase, check_op, device, distance, in_f32, read, tensor, values,
    values_between,
};
use burn::tensor::{DType, Device, Int, Tensor};
use resolvent_kernels::reshape;
use resolvent_kernels::selective_scan::{
    SelectiveScanInput, SelectiveScanOptions, SelectiveScanShape, reference, selective_scan,
};

const NAMES: [&str; 9] = ["x", "dt", "a", "b", "c", "d", "dt_bias", "z", "initial"];

fn shape(
    batch: usize,
    len: usize,
    channels: usize,
    groups: usize,
    state: usize,
) -> SelectiveScanShape {
    SelectiveScanShape {
        batch,
        len,
        channels,
        groups,
        state,
        softplus: true,
        gated: true,
        final_state: true,
    }
}

fn inputs(s: SelectiveScanShape) -> Vec<Vec<f64>> {
    let projection = s.batch * s.len * s.groups * s.state;
    // Before softplus a step size may be negative; without it a negative one would grow the state.
    let (dt, bias) = match s.softplus {
        true => ((-5.0, 0.5), (-1.0, 1.0)),
        false => ((0.001, 0.5), (0.001, 0.1)),
    };
    vec![
        values(1, s.y_elements()),
        values_between(2, s.y_elements(), dt.0, dt.1),
        values_between(3, s.channels * s.state, -4.0, -0.1),
        values(4, projection),
        values(5, projection),
        values(6, s.channels),
        values_between(7, s.channels, bias.0, bias.1),
        values_between(8, usize::from(s.gated) * s.y_elements(), -2.0, 2.0),
        values(9, s.state_elements()),
    ]
}

fn build(flat: &[Tensor<1>], seq_idx: &[i64], s: SelectiveScanShape) -> SelectiveScanInput {
    let [x, dt, a, b, c, d, dt_bias, z, initial] = flat else {
        panic!("nine inputs")
    };
    let grid = [s.batch, s.len, s.channels];
    let projection = [s.batch, s.len, s.groups, s.state];
    let indices = || Tensor::<1, Int>::from_data(seq_idx, &x.device()).reshape([s.batch, s.len]);
    SelectiveScanInput {
        x: reshape(x.clone(), grid),
        dt: reshape(dt.clone(), grid),
        a: reshape(a.clone(), [s.channels, s.state]),
        b: reshape(b.clone(), projection),
        c: reshape(c.clone(), projection),
        d: Some(d.clone()),
        dt_bias: Some(dt_bias.clone()),
        z: s.gated.then(|| reshape(z.clone(), grid)),
        initial: Some(reshape(initial.clone(), [s.batch, s.channels, s.state])),
        seq_idx: (!seq_idx.is_empty()).then(indices),
    }
}

fn options(s: SelectiveScanShape) -> SelectiveScanOptions {
    SelectiveScanOptions {
        dt_softplus: s.softplus,
        final_state: s.final_state,
    }
}

fn on_device(flat: &[Tensor<1>], seq_idx: &[i64], s: SelectiveScanShape) -> Vec<Tensor<1>> {
    let out = selective_scan(build(flat, seq_idx, s), options(s)).unwrap();
    let mut all = vec![reshape(out.y, [s.y_elements()])];
    all.extend(out.state.map(|state| reshape(state, [s.state_elements()])));
    all
}

fn by_recurrence(flat: &[Vec<f64>], seq_idx: &[i64], s: SelectiveScanShape) -> Vec<Vec<f64>> {
    let slices = reference::SelectiveScanSlices {
        x: &flat[0],
        dt: &flat[1],
        a: &flat[2],
        b: &flat[3],
        c: &flat[4],
        d: &flat[5],
        dt_bias: &flat[6],
        z: &flat[7],
        initial: &flat[8],
        seq_idx,
    };
    let (y, state) = reference::selective_scan(slices, s);
    if s.final_state {
        vec![y, state]
    } else {
        vec![y]
    }
}

fn check(name: &str, s: SelectiveScanShape, seq_idx: &[i64], inputs: Vec<Vec<f64>>) {
    check_op(&OpCase {
        name: format!("selective_scan {name} {s:?}"),
        inputs: NAMES.into_iter().zip(inputs).collect(),
        reference: &|flat| by_recurrence(flat, seq_idx, s),
        tensors: &|flat| on_device(flat, seq_idx, s),
        tolerance: 2e-5,
    });
}

#[test]
fn selective_scan_when_lengths_are_awkward_equals_the_recurrence_with_all_gradients() {
    for len in AWKWARD_LENGTHS {
        for groups in [1, 2] {
            let s = shape(2, len, 6, groups, 5);
            check("awkward", s, &[], inputs(s));
        }
    }
}

#[test]
fn selective_scan_when_channels_and_states_do_not_fill_registers_equals_the_recurrence() {
    // Blocks of 16 channels in tiles of 128, four states at a time, steps of 16 states.
    for (channels, groups, state) in [
        (1, 1, 1),
        (16, 1, 16),
        (17, 1, 4),
        (40, 2, 3),
        (130, 1, 2),
        (5, 5, 20),
    ] {
        for len in [1, 33] {
            let s = shape(1, len, channels, groups, state);
            check("ragged", s, &[], inputs(s));
        }
    }
}

#[test]
fn selective_scan_when_gate_softplus_or_state_are_left_out_equals_the_recurrence() {
    for (softplus, gated, final_state) in [
        (false, true, true),
        (true, false, true),
        (true, true, false),
        (false, false, false),
    ] {
        for len in [1, 20] {
            let s = SelectiveScanShape {
                softplus,
                gated,
                final_state,
                ..shape(2, len, 6, 2, 5)
            };
            check("options", s, &[], inputs(s));
        }
    }
}

#[test]
fn selective_scan_when_optional_inputs_are_absent_equals_zeros() {
    let s = SelectiveScanShape {
        gated: false,
        ..shape(2, 20, 6, 2, 5)
    };
    let mut flat = inputs(s);
    for absent in [5, 6, 8] {
        flat[absent].fill(0.0);
    }
    let tensors = in_f32(&flat);
    let absent = SelectiveScanInput {
        d: None,
        dt_bias: None,
        initial: None,
        ..build(&tensors, &[], s)
    };
    let out = selective_scan(absent, options(s)).unwrap();
    let want = on_device(&tensors, &[], s);
    assert_eq!(read(&out.y), read(&want[0]));
    assert_eq!(read(&out.state.unwrap()), read(&want[1]));
}

#[test]
fn selective_scan_when_sequences_are_packed_keeps_them_apart() {
    let s = shape(2, 80, 6, 2, 5);
    let row: Vec<i64> = (0..80)
        .map(|t| i64::from(t >= 5) + i64::from(t >= 6) + i64::from(t >= 50))
        .collect();
    let seq_idx: Vec<i64> = row.iter().chain(&vec![3; 80]).copied().collect();
    check("packed", s, &seq_idx, inputs(s));
}

#[test]
fn selective_scan_when_sequences_begin_where_work_is_cut_keeps_them_apart() {
    // CubeCL bodies cut the length into runs of 16 positions, and those into segments.
    for (channels, state) in [(3, 4), (6, 5)] {
        let s = shape(1, 130, channels, 1, state);
        let starts = [16, 32, 48, 49, 64, 80, 127];
        let seq_idx: Vec<i64> = (0..130)
            .map(|t| starts.iter().filter(|start| **start <= t).count() as i64)
            .collect();
        check("packed at cuts", s, &seq_idx, inputs(s));
    }
}

#[test]
fn selective_scan_when_a_packed_sequence_is_nan_leaves_the_others_finite() {
    let s = shape(1, 96, 3, 1, 4);
    let seq_idx: Vec<i64> = (0..96)
        .map(|t| i64::from(t >= 20) + i64::from(t >= 64))
        .collect();
    let mut flat = inputs(s);
    flat[0][30 * s.channels] = f64::NAN;
    let device = device().autodiff();
    let tensors: Vec<Tensor<1>> = flat
        .iter()
        .map(|values| tensor(values, DType::F32, &device).require_grad())
        .collect();
    let out = on_device(&tensors, &seq_idx, s);
    let y = read(&out[0]);
    let (whole, rest) = y.split_at(20 * s.channels);
    assert!(whole.iter().all(|v| v.is_finite()), "before it");
    assert!(rest[..44 * s.channels].iter().any(|v| v.is_nan()), "in it");
    let after = &rest[44 * s.channels..];
    assert!(after.iter().all(|v| v.is_finite()), "after it");
    assert!(read(&out[1]).iter().all(|v| v.is_finite()), "state");
    let gradients = (out[0].clone().sum() + out[1].clone().sum()).backward();
    let dx = read(&tensors[0].grad(&gradients).unwrap());
    let before = &dx[..20 * s.channels];
    assert!(before.iter().all(|v| v.is_finite()), "gradient before it");
}

#[test]
fn selective_scan_when_step_sizes_have_more_bits_than_values_keeps_them() {
    let s = shape(1, 40, 4, 2, 4);
    if !device().supports_dtype(DType::BF16) {
        return;
    }
    let device = device().autodiff();
    let rounded: Vec<Vec<f64>> = inputs(s)
        .iter()
        .enumerate()
        .map(|(i, values)| match i {
            0 | 3 | 4 | 7 => read(&tensor(values, DType::BF16, &Device::flex())),
            _ => values.clone(),
        })
        .collect();
    let tensors: Vec<Tensor<1>> = rounded
        .iter()
        .enumerate()
        .map(|(i, values)| {
            let dtype = match i {
                0 | 3 | 4 | 7 => DType::BF16,
                _ => DType::F32,
            };
            tensor(values, dtype, &device).require_grad()
        })
        .collect();
    let out = on_device(&tensors, &[], s);
    let want = by_recurrence(&rounded, &[], s);
    let off = distance(&read(&out[0]), &want[0], 1e-3);
    assert!(off < 1e-2, "{off:e}");
    let gradients = out[0].clone().sum().backward();
    assert_eq!(tensors[1].grad(&gradients).unwrap().dtype(), DType::F32);
    assert_eq!(tensors[0].grad(&gradients).unwrap().dtype(), DType::BF16);
}

#[test]
fn selective_scan_when_decay_is_strong_or_absent_stays_finite_and_exact() {
    let s = shape(1, 100, 4, 1, 5);
    let mut strong = inputs(s);
    strong[1].fill(30.0);
    strong[2].fill(-4.0);
    check("decay -120 a step", s, &[], strong);
    let mut mixed = inputs(s);
    for (i, dt) in mixed[1].iter_mut().enumerate() {
        *dt = if i / s.channels % 50 < 3 { 60.0 } else { -9.0 };
    }
    check("strong, then weak", s, &[], mixed);
}

#[test]
fn selective_scan_when_step_size_is_zero_keeps_the_state_and_passes_the_direct_term() {
    for len in [1, 70] {
        let s = SelectiveScanShape {
            softplus: false,
            gated: false,
            ..shape(2, len, 6, 2, 5)
        };
        let mut flat = inputs(s);
        flat[1].fill(0.0);
        flat[6].fill(0.0);
        let tensors = in_f32(&flat);
        let moved = on_device(&tensors, &[], s);
        assert_eq!(read(&moved[1]), read(&tensors[8]), "state moved");
        flat[8].fill(0.0);
        let y = read(&on_device(&in_f32(&flat), &[], s)[0]);
        for (i, (y, x)) in y.iter().zip(&read(&tensors[0])).enumerate() {
            let direct = x * read(&tensors[5])[i % s.channels];
            assert!((y - direct).abs() < 1e-6, "position {i}");
        }
    }
}

#[test]
fn selective_scan_when_step_sizes_are_tiny_keeps_their_relative_precision() {
    let s = SelectiveScanShape {
        gated: false,
        ..shape(1, 20, 3, 1, 4)
    };
    let mut flat = inputs(s);
    for (at, dt) in flat[1].iter_mut().enumerate() {
        *dt = -9.0 - (at % 7) as f64;
    }
    for absent in [5, 6, 8] {
        flat[absent].fill(0.0);
    }
    let tensors = in_f32(&flat);
    let exact: Vec<Vec<f64>> = tensors.iter().map(read).collect();
    let want = by_recurrence(&exact, &[], s);
    let off = distance(&read(&on_device(&tensors, &[], s)[0]), &want[0], 0.0);
    assert!(off < 2e-6, "{off:e}");
}

#[test]
fn selective_scan_when_split_anywhere_and_handed_over_equals_one_run() {
    let s = shape(1, 100, 20, 2, 6);
    let flat = in_f32(&inputs(s));
    let whole = selective_scan(build(&flat, &[], s), options(s)).unwrap();
    for cut in [1, 31, 32, 33, 64, 99] {
        let part = |from: usize, to: usize, initial: Option<Tensor<3>>| {
            let all = build(&flat, &[], s);
            let input = SelectiveScanInput {
                x: all.x.narrow(1, from, to - from),
                dt: all.dt.narrow(1, from, to - from),
                b: all.b.narrow(1, from, to - from),
                c: all.c.narrow(1, from, to - from),
                z: all.z.map(|z| z.narrow(1, from, to - from)),
                initial,
                ..all
            };
            selective_scan(input, options(s)).unwrap()
        };
        let first = part(0, cut, build(&flat, &[], s).initial);
        let second = part(cut, s.len, first.state);
        let joined = Tensor::cat(vec![first.y, second.y], 1);
        let off = distance(&read(&joined), &read(&whole.y), 1e-3);
        assert!(off < 1e-6, "cut at {cut}: {off:e}");
        let (got, want) = (second.state.unwrap(), whole.state.clone().unwrap());
        let off = distance(&read(&got), &read(&want), 1e-3);
        assert!(off < 1e-6, "state, cut at {cut}: {off:e}");
    }
}

#[test]
fn selective_scan_when_run_position_by_position_equals_one_run() {
    let s = shape(2, 40, 20, 2, 18);
    let flat = in_f32(&inputs(s));
    let whole = selective_scan(build(&flat, &[], s), options(s)).unwrap();
    let mut carried = build(&flat, &[], s).initial;
    for t in 0..s.len {
        let all = build(&flat, &[], s);
        let input = SelectiveScanInput {
            x: all.x.narrow(1, t, 1),
            dt: all.dt.narrow(1, t, 1),
            b: all.b.narrow(1, t, 1),
            c: all.c.narrow(1, t, 1),
            z: all.z.map(|z| z.narrow(1, t, 1)),
            initial: carried,
            ..all
        };
        let out = selective_scan(input, options(s)).unwrap();
        let want = read(&whole.y.clone().narrow(1, t, 1));
        let off = distance(&read(&out.y), &want, 1e-1);
        assert!(off < 1e-5, "position {t}: {off:e}");
        carried = out.state;
    }
    let off = distance(&read(&carried.unwrap()), &read(&whole.state.unwrap()), 1e-3);
    assert!(off < 1e-5, "state: {off:e}");
}

#[test]
fn selective_scan_when_run_on_one_or_many_threads_gives_the_same_bits() {
    // Three tiles in each row, and a single step large enough for several threads.
    for s in [shape(3, 70, 300, 1, 4), shape(8, 1, 300, 1, 64)] {
        let weights = vec![values(8, s.y_elements()), values(9, s.state_elements())];
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
        let (one, many) = (run(1), run(5));
        assert_eq!(one.outputs, many.outputs);
        assert_eq!(one.gradients, many.gradients);
    }
}

#[test]
fn selective_scan_when_inputs_are_strided_equals_the_contiguous_run() {
    let s = shape(2, 30, 6, 2, 5);
    let flat = in_f32(&inputs(s));
    let plain = build(&flat, &[], s);
    // Same values in another memory order: transpose, make it real, transpose back.
    let twist = |t: Tensor<3>| (t.swap_dims(0, 2) * 1.0).swap_dims(0, 2);
    let twist4 = |t: Tensor<4>| (t.swap_dims(1, 3) * 1.0).swap_dims(1, 3);
    let strided = SelectiveScanInput {
        x: twist(plain.x.clone()),
        dt: twist(plain.dt.clone()),
        b: twist4(plain.b.clone()),
        c: twist4(plain.c.clone()),
        z: plain.z.clone().map(twist),
        initial: plain.initial.clone().map(twist),
        ..plain.clone()
    };
    let run = |input| read(&selective_scan(input, options(s)).unwrap().y);
    assert_eq!(run(plain), run(strided));
}

#[test]
fn selective_scan_when_an_input_is_nan_says_so_in_the_output() {
    let s = shape(1, 10, 3, 1, 4);
    for input in [0, 1, 3] {
        let mut flat = inputs(s);
        let at = 4 * flat[input].len() / 10;
        flat[input][at] = f64::NAN;
        let y = read(&on_device(&in_f32(&flat), &[], s)[0]);
        let (before, after) = y.split_at(4 * s.channels);
        assert!(before.iter().all(|v| v.is_finite()), "before it");
        assert!(after.iter().any(|v| v.is_nan()), "swallowed");
    }
}

#[test]
fn selective_scan_when_shapes_are_wrong_names_the_value() {
    let s = shape(1, 4, 4, 2, 3);
    let flat = in_f32(&inputs(s));
    let good = || build(&flat, &[], s);
    let fails =
        |input: SelectiveScanInput| selective_scan(input, options(s)).unwrap_err().to_string();
    let wrong = SelectiveScanInput {
        a: good().a.narrow(0, 0, 3),
        ..good()
    };
    assert!(fails(wrong).contains("`a` has 3 along its channel axis, expected 4"));
    let wrong = SelectiveScanInput {
        a: good().a.narrow(1, 0, 2),
        ..good()
    };
    assert!(fails(wrong).contains("`a` has 2 along its state axis, expected 3"));
    let wrong = SelectiveScanInput {
        z: good().z.map(|z| z.narrow(1, 0, 3)),
        ..good()
    };
    assert!(fails(wrong).contains("`z` has 3 along its length axis, expected 4"));
    let wrong = SelectiveScanInput {
        dt_bias: Some(flat[5].clone().narrow(0, 0, 1)),
        ..good()
    };
    assert!(fails(wrong).contains("`dt_bias` has 1 along its channel axis, expected 4"));
    let three = |t: Tensor<4>| Tensor::cat(vec![t.clone(), t.narrow(2, 0, 1)], 2);
    let wrong = SelectiveScanInput {
        b: three(good().b),
        c: three(good().c),
        ..good()
    };
    assert!(fails(wrong).contains("3 for 4 channels"));
    assert!(fails(build(&flat, &[0, 1, 0, 1], s)).contains("falls from 1 to 0"));
}
