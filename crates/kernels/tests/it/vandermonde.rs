//! Vandermonde sums and the state they transpose to: awkward sizes, published figures, errors.

use crate::check::{
    AWKWARD_LENGTHS, OpCase, check_op, device, exact_device, read, tensor, values, values_between,
};
use burn::tensor::{DType, Device, Int, Tensor};
use resolvent_kernels::diagonal_state::{DiagonalStateInput, DiagonalStateShape, diagonal_state};
use resolvent_kernels::vandermonde::{
    Rule, VandermondeInput, VandermondeOptions, VandermondeShape, reference, vandermonde,
};
use resolvent_kernels::{ComplexTensor, reshape};

/// a_re, a_im, dt, c_re, c_im; the first pole is zero, where the hold's quotient is 0 / 0.
fn inputs(s: VandermondeShape) -> Vec<(&'static str, Vec<f64>)> {
    let poles = s.channels * s.state;
    let mut re = values_between(1, poles, -1.5, -0.1);
    let mut im = values_between(2, poles, 0.0, 30.0);
    if let (Some(re), Some(im)) = (re.first_mut(), im.first_mut()) {
        (*re, *im) = (0.0, 0.0);
    }
    vec![
        ("a_re", re),
        ("a_im", im),
        ("dt", values_between(3, s.channels, 0.01, 0.2)),
        ("c_re", values(4, s.rows * s.state)),
        ("c_im", values(5, s.rows * s.state)),
    ]
}

fn complex(re: &Tensor<1>, im: &Tensor<1>, dims: [usize; 2]) -> ComplexTensor<2> {
    ComplexTensor::new(reshape(re.clone(), dims), reshape(im.clone(), dims))
}

fn check(s: VandermondeShape) {
    check_op(&OpCase {
        name: format!("vandermonde {s:?}"),
        inputs: inputs(s),
        reference: &|flat| {
            let slices = reference::VandermondeSlices {
                a: (&flat[0], &flat[1]),
                dt: &flat[2],
                c: (&flat[3], &flat[4]),
            };
            vec![reference::vandermonde(slices, s)]
        },
        tensors: &|flat| {
            let input = VandermondeInput {
                a: complex(&flat[0], &flat[1], [s.channels, s.state]),
                dt: flat[2].clone(),
                c: complex(&flat[3], &flat[4], [s.rows, s.state]),
            };
            let kernel = vandermonde(input, s.options).unwrap();
            vec![reshape(kernel, [s.rows * s.options.len])]
        },
        tolerance: 1e-5,
    });
}

#[test]
fn vandermonde_when_lengths_are_awkward_equals_the_powers_with_all_gradients() {
    for rule in [Rule::ZeroOrderHold, Rule::Bilinear] {
        for len in AWKWARD_LENGTHS {
            for (gain, offset, pairs) in [(true, 0, true), (false, 1, true), (true, 3, false)] {
                check(VandermondeShape {
                    rows: 4,
                    channels: 2,
                    state: 3,
                    options: VandermondeOptions {
                        len,
                        rule,
                        gain,
                        offset,
                        pairs,
                    },
                });
            }
        }
    }
}

#[test]
fn vandermonde_when_there_is_no_pole_or_no_row_is_zero_or_empty() {
    for (rows, channels, state) in [(2, 2, 0), (0, 2, 3), (0, 0, 3), (3, 1, 1)] {
        let options = VandermondeOptions {
            len: 9,
            ..VandermondeOptions::default()
        };
        check(VandermondeShape {
            rows,
            channels,
            state,
            options,
        });
    }
}

#[test]
fn vandermonde_when_poles_are_more_than_a_tile_sums_all_of_them() {
    check(VandermondeShape {
        rows: 2,
        channels: 1,
        state: 37,
        options: VandermondeOptions {
            len: 40,
            ..VandermondeOptions::default()
        },
    });
}

/// f32 parameters whose phase turns by a hundred radians per step, over sixteen thousand steps.
#[test]
fn vandermonde_when_phases_are_large_keeps_them_over_a_long_kernel() {
    let device = device();
    let one = |v: f64| reshape(tensor(&[v], DType::F32, &device), [1, 1]);
    let (a_re, a_im, dt) = (-0.001_f64, 1303.25_f64, 0.125_f64); // exact in f32 but for a_re
    let input = VandermondeInput {
        a: ComplexTensor::new(one(a_re), one(a_im)),
        dt: tensor(&[dt], DType::F32, &device),
        c: ComplexTensor::real(one(1.0)),
    };
    let options = VandermondeOptions {
        len: 16_384,
        gain: false,
        ..VandermondeOptions::default()
    };
    let kernel = read(&vandermonde(input, options).unwrap());
    let decay = f64::from(a_re as f32) * dt;
    for (l, &got) in kernel.iter().enumerate().step_by(101) {
        let l = l as f64;
        let want = 2.0 * (decay * l).exp() * (a_im * dt * l).cos();
        assert!((got - want).abs() < 1e-6, "{l}: {got} {want}");
    }
}

/// S4D-Lin, N = 4, B = C = 1, dt = 0.1: values of the published code.
#[test]
fn vandermonde_when_s4d_lin_gives_the_published_kernel() {
    let device = exact_device();
    let row = |v: &[f64]| reshape(tensor(v, DType::F64, &device), [1, 2]);
    let want = [
        (
            Rule::ZeroOrderHold,
            [
                0.387011209,
                0.350341188,
                0.300984953,
                0.244020162,
                0.184808924,
                0.128456684,
            ],
        ),
        (
            Rule::Bilinear,
            [
                0.385766598,
                0.349877232,
                0.301444902,
                0.245362496,
                0.186828387,
                0.130826824,
            ],
        ),
    ];
    for (rule, want) in want {
        let input = VandermondeInput {
            a: ComplexTensor::new(row(&[-0.5, -0.5]), row(&[0.0, std::f64::consts::PI])),
            dt: tensor(&[0.1], DType::F64, &device),
            c: ComplexTensor::real(row(&[1.0, 1.0])),
        };
        let options = VandermondeOptions {
            len: 6,
            rule,
            ..VandermondeOptions::default()
        };
        for (got, want) in read(&vandermonde(input, options).unwrap()).iter().zip(want) {
            assert!((got - want).abs() < 1e-8, "{rule:?}: {got} {want}");
        }
    }
}

#[test]
fn vandermonde_when_rows_do_not_divide_names_both_numbers() {
    let device = Device::flex();
    let zeros = |rows: usize| ComplexTensor::real(Tensor::zeros([rows, 3], &device));
    let input = VandermondeInput {
        a: zeros(2),
        dt: Tensor::zeros([2], &device),
        c: zeros(3),
    };
    let error = vandermonde(input, VandermondeOptions::default()).unwrap_err();
    assert!(error.to_string().contains("3 for 2 channels"), "{error}");
}

fn check_state(s: DiagonalStateShape, seq_idx: &[i64]) {
    use resolvent_kernels::diagonal_state::reference::{
        DiagonalStateSlices, diagonal_state as slow,
    };
    let poles = [s.channels, s.state];
    let states = [s.batch, s.channels, s.state];
    let count = s.state_elements();
    check_op(&OpCase {
        name: format!("diagonal_state {s:?}"),
        inputs: vec![
            ("x", values(1, s.batch * s.len * s.channels)),
            ("a_re", values_between(2, s.channels * s.state, -1.5, -0.1)),
            ("a_im", values_between(3, s.channels * s.state, 0.0, 30.0)),
            ("dt", values_between(4, s.channels, 0.01, 0.2)),
            ("initial_re", values(5, count)),
            ("initial_im", values(6, count)),
        ],
        reference: &|flat| {
            let slices = DiagonalStateSlices {
                x: &flat[0],
                a: (&flat[1], &flat[2]),
                dt: &flat[3],
                initial: (&flat[4], &flat[5]),
                seq_idx,
            };
            let (re, im) = slow(slices, s);
            vec![re, im]
        },
        tensors: &|flat| {
            let part = |at: usize| reshape(flat[at].clone(), states);
            let indices = || Tensor::<1, Int>::from_data(seq_idx, &flat[0].device());
            let input = DiagonalStateInput {
                x: reshape(flat[0].clone(), [s.batch, s.len, s.channels]),
                a: complex(&flat[1], &flat[2], poles),
                dt: flat[3].clone(),
                initial: Some(ComplexTensor::new(part(4), part(5))),
                seq_idx: (!seq_idx.is_empty()).then(|| indices().reshape([s.batch, s.len])),
            };
            let state = diagonal_state(input, s.rule).unwrap();
            vec![reshape(state.re, [count]), reshape(state.im, [count])]
        },
        tolerance: 1e-5,
    });
}

#[test]
fn diagonal_state_when_lengths_are_awkward_equals_the_recurrence_with_all_gradients() {
    for rule in [Rule::ZeroOrderHold, Rule::Bilinear] {
        for len in AWKWARD_LENGTHS {
            let s = DiagonalStateShape {
                batch: 2,
                len,
                channels: 3,
                state: 2,
                rule,
            };
            check_state(s, &[]);
        }
    }
    for (batch, channels, state) in [(1, 17, 4), (1, 1, 37), (0, 1, 1), (1, 0, 1), (1, 1, 0)] {
        let s = DiagonalStateShape {
            batch,
            len: 12,
            channels,
            state,
            rule: Rule::ZeroOrderHold,
        };
        check_state(s, &[]);
    }
}

#[test]
fn diagonal_state_when_sequences_are_packed_holds_the_last_alone() {
    let s = DiagonalStateShape {
        batch: 2,
        len: 30,
        channels: 2,
        state: 3,
        rule: Rule::Bilinear,
    };
    let row: Vec<i64> = (0..30)
        .map(|t| i64::from(t >= 7) + i64::from(t >= 20))
        .collect();
    let both: Vec<i64> = row.iter().chain(&vec![4; 30]).copied().collect();
    check_state(s, &both);
}
