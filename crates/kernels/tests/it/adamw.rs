//! AdamW in one pass against its equations and against burn's own chain of operations.

use crate::check::{device, distance, exact_device, read, tensor, values, values_between};
use burn::optim::{AdamWConfig, Optimizer};
use burn::tensor::{DType, Tensor};
use resolvent_kernels::adamw::{self, AdamwState, AdamwStep, adamw};

const STEP: AdamwStep = AdamwStep {
    rate: 3e-3,
    beta_1: 0.9,
    beta_2: 0.95,
    epsilon: 1e-8,
    weight_decay: 0.1,
    time: 1,
};

/// Runs `steps` steps in `dtype` beside the reference; returns the largest distances.
fn run(dtype: DType, count: usize, steps: usize) -> [f64; 3] {
    let device = match dtype {
        DType::F64 => exact_device(),
        _ => device(),
    };
    let start = values(1, count);
    let mut want = (start.clone(), vec![0.0; count], vec![0.0; count]);
    let zeros = vec![0.0; count];
    let mut state = AdamwState {
        parameter: tensor(&start, dtype, &device),
        moment_1: tensor(&zeros, dtype, &device),
        moment_2: tensor(&zeros, dtype, &device),
    };
    for time in 1..=steps {
        let step = AdamwStep { time, ..STEP };
        // Gradients as the format holds them: rounding them is not the operation's error.
        let gradient = tensor(&values(7 + time as u64, count), dtype, &device);
        let exact = read(&gradient);
        adamw::reference::adamw(&mut want.0, &exact, (&mut want.1, &mut want.2), step);
        state = adamw(state, gradient, step).unwrap();
    }
    [
        distance(&read(&state.parameter), &want.0, 1e-3),
        distance(&read(&state.moment_1), &want.1, 1e-3),
        distance(&read(&state.moment_2), &want.2, 1e-3),
    ]
}

#[test]
fn adamw_when_stepped_follows_the_equations() {
    for count in [0, 1, 15, 16_384, 40_001] {
        for off in run(DType::F64, count, 5) {
            assert!(off < 1e-12, "{count} in f64: {off:e}");
        }
        for off in run(DType::F32, count, 5) {
            assert!(off < 2e-6, "{count} in f32: {off:e}");
        }
    }
}

#[test]
fn adamw_when_compared_with_burn_agrees() {
    let device = device();
    let burn = AdamWConfig::new()
        .with_beta_1(0.9)
        .with_beta_2(0.95)
        .with_epsilon(1e-8)
        .with_weight_decay(0.1)
        .build();
    let shape = [12, 7];
    let fresh = || tensor(&values(3, 84), DType::F32, &device).reshape(shape);
    let zeros = || Tensor::<2>::zeros(shape, &device);
    let (mut theirs, mut kept) = (fresh(), None);
    let mut ours = AdamwState {
        parameter: fresh(),
        moment_1: zeros(),
        moment_2: zeros(),
    };
    for time in 1..=4 {
        let gradient = values_between(20 + time as u64, 84, -2.0, 2.0);
        let gradient: Tensor<2> = tensor(&gradient, DType::F32, &device).reshape(shape);
        (theirs, kept) = burn.step(STEP.rate, theirs, gradient.clone(), kept);
        ours = adamw(ours, gradient, AdamwStep { time, ..STEP }).unwrap();
    }
    let off = distance(&read(&ours.parameter), &read(&theirs), 1e-3);
    assert!(off < 2e-6, "{off:e}");
}

#[test]
fn adamw_when_tensors_are_shared_or_views_leaves_the_others_alone() {
    let device = device();
    let whole = tensor(&values(5, 40), DType::F32, &device);
    let before = read(&whole);
    let zeros = Tensor::<1>::zeros([10], &device);
    let state = AdamwState {
        parameter: whole.clone().narrow(0, 20, 10),
        moment_1: zeros.clone(),
        moment_2: zeros.clone(),
    };
    let gradient = tensor(&values(6, 10), DType::F32, &device);
    let after = adamw(state, gradient, STEP).unwrap();
    assert_eq!(after.parameter.dims(), [10]);
    assert_ne!(read(&after.parameter), before[20..30]);
    assert_eq!(read(&whole), before);
    assert!(read(&zeros).iter().all(|v| *v == 0.0));
}

#[test]
fn adamw_when_shapes_differ_or_time_is_zero_is_refused() {
    let device = device();
    let state = |count| AdamwState {
        parameter: Tensor::<1>::zeros([count], &device),
        moment_1: Tensor::zeros([4], &device),
        moment_2: Tensor::zeros([4], &device),
    };
    let gradient = || Tensor::<1>::zeros([4], &device);
    let error = adamw(state(5), gradient(), STEP).unwrap_err().to_string();
    assert!(error.contains("`gradient` has 4"), "{error}");
    let step = AdamwStep { time: 0, ..STEP };
    let error = adamw(state(4), gradient(), step).unwrap_err().to_string();
    assert!(error.contains("`time` is 0"), "{error}");
}
