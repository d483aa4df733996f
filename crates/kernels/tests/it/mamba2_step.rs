//! The step of a Mamba-2 layer in two launches; only devices with CubeCL bodies have it.

use crate::check::{device, distance, read, tensor, values, values_between};
use burn::tensor::{DType, Device, Tensor};
use resolvent_kernels::mamba2_step::{Mamba2Step, Mamba2StepShape, mamba2_step, reference};
use resolvent_kernels::reshape;

fn inputs(s: Mamba2StepShape) -> [Vec<f64>; 11] {
    let inner = s.inner();
    [
        values(1, s.batch * s.hidden),
        values(2, s.rows() * s.hidden),
        values(3, s.channels() * s.taps),
        values(4, s.channels()),
        values_between(5, s.heads, -5.0, 1.0),
        values_between(6, s.heads, -1.0, 2.0),
        values(7, s.heads),
        values_between(8, inner, 0.5, 1.5),
        values(9, s.hidden * inner),
        values(10, s.batch * s.channels() * (s.taps - 1)),
        values(11, s.batch * inner * s.state),
    ]
}

fn build(flat: &[Vec<f64>; 11], s: Mamba2StepShape, device: &Device) -> Mamba2Step {
    let [
        u,
        w_in,
        conv_weight,
        conv_bias,
        dt_bias,
        a_log,
        d,
        norm,
        w_out,
        conv,
        ssm,
    ] = flat
        .each_ref()
        .map(|values| tensor(values, DType::F32, device));
    Mamba2Step {
        u: reshape(u, [s.batch, s.hidden]),
        w_in: reshape(w_in, [s.rows(), s.hidden]),
        conv_weight: reshape(conv_weight, [s.channels(), s.taps]),
        conv_bias,
        dt_bias,
        a_log,
        d,
        norm,
        w_out: reshape(w_out, [s.hidden, s.inner()]),
        conv: reshape(conv, [s.batch, s.channels(), s.taps - 1]),
        ssm: reshape(ssm, [s.batch, s.heads, s.head_dim, s.state]),
    }
}

fn exact(flat: &[Vec<f64>; 11], s: Mamba2StepShape) -> [Vec<f64>; 3] {
    let [
        u,
        w_in,
        conv_weight,
        conv_bias,
        dt_bias,
        a_log,
        d,
        norm,
        w_out,
        conv,
        ssm,
    ] = flat;
    let slices = reference::Mamba2StepSlices {
        u,
        w_in,
        conv_weight,
        conv_bias,
        dt_bias,
        a_log,
        d,
        norm,
        w_out,
        conv,
        ssm,
    };
    reference::mamba2_step(slices, s).into()
}

fn shape(
    batch: usize,
    heads: usize,
    head_dim: usize,
    groups: usize,
    state: usize,
) -> Mamba2StepShape {
    Mamba2StepShape {
        batch,
        hidden: 20,
        heads,
        head_dim,
        groups,
        state,
        taps: 4,
        dt_limit: (0.01, f64::INFINITY),
        eps: 1e-5,
    }
}

#[test]
fn step_when_sizes_are_awkward_equals_the_layer_line_by_line() {
    for s in [
        shape(1, 2, 8, 1, 16),
        shape(3, 4, 6, 2, 5),
        shape(2, 3, 7, 3, 33),
        shape(1, 2, 64, 1, 128),
        Mamba2StepShape {
            hidden: 33,
            taps: 2,
            dt_limit: (0.001, 0.1),
            ..shape(1, 1, 1, 1, 1)
        },
    ] {
        let flat = inputs(s);
        let input = build(&flat, s, &device());
        let Some(out) = mamba2_step(input, s.dt_limit, s.eps) else {
            println!(
                "skipped: {:?} has no fused step; build with cuda or cube-cpu",
                device()
            );
            return;
        };
        let [y, conv, ssm] = exact(&flat, s);
        assert!(distance(&read(&out.y), &y, 1e-3) < 2e-5, "y of {s:?}");
        assert!(
            distance(&read(&out.conv), &conv, 1e-3) < 1e-6,
            "conv of {s:?}"
        );
        assert!(distance(&read(&out.ssm), &ssm, 1e-3) < 1e-5, "ssm of {s:?}");
    }
}

#[test]
fn step_when_the_device_has_none_or_sizes_do_not_fit_is_refused() {
    let s = shape(1, 2, 4, 1, 3);
    let flat = inputs(s);
    assert!(mamba2_step(build(&flat, s, &Device::flex()), s.dt_limit, s.eps).is_none());
    let mut input = build(&flat, s, &device());
    input.w_out = Tensor::zeros([3, 3], &device());
    assert!(mamba2_step(input, s.dt_limit, s.eps).is_none());
}
