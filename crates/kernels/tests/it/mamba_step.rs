//! The step of a Mamba-1 layer in two launches; only devices with CubeCL bodies have it.

use crate::check::{device, distance, read, tensor, values, values_between};
use burn::tensor::{DType, Device, Tensor};
use resolvent_kernels::mamba_step::{MambaStep, MambaStepShape, mamba_step, reference};
use resolvent_kernels::reshape;

fn inputs(s: MambaStepShape) -> [Vec<f64>; 12] {
    [
        values(1, s.batch * s.hidden),
        values(2, 2 * s.inner * s.hidden),
        values(3, s.inner * s.taps),
        values(4, s.inner),
        values(5, s.low() * s.inner),
        values(6, s.inner * s.rank),
        values_between(7, s.inner, -5.0, 1.0),
        values_between(8, s.inner * s.state, -1.0, 2.0),
        values(9, s.inner),
        values(10, s.hidden * s.inner),
        values(11, s.batch * s.inner * (s.taps - 1)),
        values(12, s.batch * s.inner * s.state),
    ]
}

fn build(flat: &[Vec<f64>; 12], s: MambaStepShape, device: &Device) -> MambaStep {
    let [
        u,
        w_in,
        conv_weight,
        conv_bias,
        w_x,
        w_dt,
        dt_bias,
        a_log,
        d,
        w_out,
        conv,
        ssm,
    ] = flat
        .each_ref()
        .map(|values| tensor(values, DType::F32, device));
    MambaStep {
        u: reshape(u, [s.batch, s.hidden]),
        w_in: reshape(w_in, [2 * s.inner, s.hidden]),
        conv_weight: reshape(conv_weight, [s.inner, s.taps]),
        conv_bias,
        w_x: reshape(w_x, [s.low(), s.inner]),
        w_dt: reshape(w_dt, [s.inner, s.rank]),
        dt_bias,
        a_log: reshape(a_log, [s.inner, s.state]),
        d,
        w_out: reshape(w_out, [s.hidden, s.inner]),
        conv: reshape(conv, [s.batch, s.inner, s.taps - 1]),
        ssm: reshape(ssm, [s.batch, s.inner, s.state]),
    }
}

fn exact(flat: &[Vec<f64>; 12], s: MambaStepShape) -> [Vec<f64>; 3] {
    let [
        u,
        w_in,
        conv_weight,
        conv_bias,
        w_x,
        w_dt,
        dt_bias,
        a_log,
        d,
        w_out,
        conv,
        ssm,
    ] = flat;
    let slices = reference::MambaStepSlices {
        u,
        w_in,
        conv_weight,
        conv_bias,
        w_x,
        w_dt,
        dt_bias,
        a_log,
        d,
        w_out,
        conv,
        ssm,
    };
    reference::mamba_step(slices, s).into()
}

fn shape(batch: usize, inner: usize, state: usize, rank: usize) -> MambaStepShape {
    MambaStepShape {
        batch,
        hidden: 20,
        inner,
        state,
        rank,
        taps: 4,
    }
}

#[test]
fn step_when_sizes_are_awkward_equals_the_layer_line_by_line() {
    for s in [
        shape(1, 40, 16, 2),
        shape(3, 12, 5, 3),
        shape(2, 7, 33, 1),
        shape(1, 128, 16, 48),
        MambaStepShape {
            hidden: 33,
            taps: 2,
            ..shape(1, 1, 1, 1)
        },
    ] {
        let flat = inputs(s);
        let Some(out) = mamba_step(build(&flat, s, &device())) else {
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
    let s = shape(1, 8, 3, 2);
    let flat = inputs(s);
    assert!(mamba_step(build(&flat, s, &Device::flex())).is_none());
    let mut input = build(&flat, s, &device());
    input.w_out = Tensor::zeros([3, 3], &device());
    assert!(mamba_step(input).is_none());
}
