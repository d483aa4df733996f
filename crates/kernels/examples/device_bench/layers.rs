//! The operations of layers: scans, convolutions and norms.

use super::case::{Case, Leaf, flat, shaped};
use burn::tensor::{DType, Tensor};
use resolvent_kernels::conv1d::{Conv1dInput, Conv1dOptions, conv1d};
use resolvent_kernels::dplr::{DplrInput, DplrOptions, dplr};
use resolvent_kernels::layer_norm::layer_norm;
use resolvent_kernels::long_conv::{LongConvInput, Method, long_conv};
use resolvent_kernels::rms_norm::rms_norm;
use resolvent_kernels::selective_scan::{SelectiveScanInput, SelectiveScanOptions, selective_scan};
use resolvent_kernels::ssd::{SsdInput, SsdOptions, ssd};

/// Names of the operations here.
pub const OPS: &str = "ssd, dplr, conv1d, long_conv, rms_norm, layer_norm, selective_scan";

/// The operation of a name, if it is here.
pub fn case(op: &str, size: [usize; 6], dtype: DType) -> Option<Case> {
    let make = match op {
        "ssd" => ssd_case,
        "dplr" => dplr_case,
        "conv1d" => conv1d_case,
        "long_conv" => long_conv_case,
        "rms_norm" => norm_case,
        "layer_norm" => layer_norm_case,
        "selective_scan" => selective_case,
        _ => return None,
    };
    Some(make(size, dtype))
}

/// size: [batch, len, heads, head_dim, state, groups].
fn ssd_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, state, groups] = size;
    let leaf = Leaf::new;
    let f32 = DType::F32;
    Case {
        op: "ssd",
        size,
        leaves: vec![
            leaf(1, &[batch, len, heads, head_dim], (-1.0, 1.0), dtype),
            leaf(2, &[batch, len, heads], (0.001, 0.1), f32),
            leaf(3, &[heads], (-16.0, -1.0), f32),
            leaf(4, &[batch, len, groups, state], (-1.0, 1.0), dtype),
            leaf(5, &[batch, len, groups, state], (-1.0, 1.0), dtype),
            leaf(6, &[heads], (-1.0, 1.0), f32),
        ],
        run: |t, l| {
            let input = SsdInput {
                x: shaped(&t[0], &l[0]),
                dt: shaped(&t[1], &l[1]),
                a: t[2].clone(),
                b: shaped(&t[3], &l[3]),
                c: shaped(&t[4], &l[4]),
                d: Some(t[5].clone()),
                initial: None,
                seq_idx: None,
            };
            flat(ssd(input, SsdOptions::default()).expect("fits").y)
        },
    }
}

/// Channels: heads * head_dim, as in a Mamba-2 block; four taps, SiLU.
fn conv1d_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, ..] = size;
    let channels = heads * head_dim;
    Case {
        op: "conv1d",
        size,
        leaves: vec![
            Leaf::new(1, &[batch, len, channels], (-1.0, 1.0), dtype),
            Leaf::new(2, &[channels, 4], (-1.0, 1.0), DType::F32),
            Leaf::new(3, &[channels], (-1.0, 1.0), DType::F32),
        ],
        run: |t, l| {
            let input = Conv1dInput {
                x: shaped(&t[0], &l[0]),
                weight: shaped(&t[1], &l[1]),
                bias: Some(t[2].clone()),
                initial: None,
                seq_idx: None,
            };
            flat(conv1d(input, Conv1dOptions::default()).expect("fits").y)
        },
    }
}

/// Channels: heads * head_dim, as in an S4 block: a kernel as long as the sequence, and skip.
fn long_conv_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, ..] = size;
    let channels = heads * head_dim;
    Case {
        op: "long_conv",
        size,
        leaves: vec![
            Leaf::new(1, &[batch, len, channels], (-1.0, 1.0), dtype),
            Leaf::new(2, &[channels, len], (-1.0, 1.0), DType::F32),
            Leaf::new(3, &[channels], (-1.0, 1.0), DType::F32),
        ],
        run: |t, l| {
            let input = LongConvInput {
                x: shaped(&t[0], &l[0]),
                kernel: shaped(&t[1], &l[1]),
                reverse: None,
                skip: Some(t[2].clone()),
                initial: None,
                seq_idx: None,
            };
            flat(long_conv(input, Method::Auto).expect("fits"))
        },
    }
}

/// Gated, one group over heads * head_dim channels.
fn norm_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, ..] = size;
    let channels = heads * head_dim;
    Case {
        op: "rms_norm",
        size,
        leaves: vec![
            Leaf::new(1, &[batch, len, channels], (-1.0, 1.0), dtype),
            Leaf::new(2, &[batch, len, channels], (-1.0, 1.0), dtype),
            Leaf::new(3, &[channels], (-1.0, 1.0), DType::F32),
        ],
        run: |t, l| {
            let x: Tensor<3> = shaped(&t[0], &l[0]);
            let gate = Some(shaped(&t[1], &l[1]));
            flat(rms_norm(x, gate, t[2].clone(), 1, 1e-5).expect("fits"))
        },
    }
}

/// Channels: heads * head_dim, as in a Mamba-1 block; softplus, skip and gate.
fn selective_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, state, groups] = size;
    let channels = heads * head_dim;
    let leaf = Leaf::new;
    let f32 = DType::F32;
    Case {
        op: "selective_scan",
        size,
        leaves: vec![
            leaf(1, &[batch, len, channels], (-1.0, 1.0), dtype),
            leaf(2, &[batch, len, channels], (-2.0, 2.0), dtype),
            leaf(3, &[channels, state], (-16.0, -1.0), f32),
            leaf(4, &[batch, len, groups, state], (-1.0, 1.0), dtype),
            leaf(5, &[batch, len, groups, state], (-1.0, 1.0), dtype),
            leaf(6, &[channels], (-1.0, 1.0), f32),
            leaf(7, &[channels], (-7.0, -2.0), f32),
            leaf(8, &[batch, len, channels], (-1.0, 1.0), dtype),
        ],
        run: |t, l| {
            let input = SelectiveScanInput {
                x: shaped(&t[0], &l[0]),
                dt: shaped(&t[1], &l[1]),
                a: shaped(&t[2], &l[2]),
                b: shaped(&t[3], &l[3]),
                c: shaped(&t[4], &l[4]),
                d: Some(t[5].clone()),
                dt_bias: Some(t[6].clone()),
                z: Some(shaped(&t[7], &l[7])),
                initial: None,
                seq_idx: None,
            };
            let options = SelectiveScanOptions {
                dt_softplus: true,
                final_state: false,
            };
            flat(selective_scan(input, options).expect("fits").y)
        },
    }
}

/// A group per head, as behind the time mixing of RWKV-7.
fn layer_norm_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, ..] = size;
    let channels = heads * head_dim;
    Case {
        op: "layer_norm",
        size,
        leaves: vec![
            Leaf::new(1, &[batch, len, heads, head_dim], (-1.0, 1.0), dtype),
            Leaf::new(2, &[channels], (-1.0, 1.0), DType::F32),
            Leaf::new(3, &[channels], (-1.0, 1.0), DType::F32),
        ],
        run: |t, l| {
            let [batch, len, heads, width] = [0, 1, 2, 3].map(|axis| l[0].dims[axis]);
            let x = t[0].clone().reshape([batch, len, heads * width]);
            let y = layer_norm(x, t[1].clone(), t[2].clone(), heads, 1e-5);
            flat(y.expect("fits"))
        },
    }
}

/// Keys of size state, values of size head_dim, log decays of RWKV-7 in f32. The transition must not
/// grow: a and b have norms of at most 1.
fn dplr_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, state, _] = size;
    let keyed = [batch, len, heads, state];
    let most = (state as f32).sqrt().recip();
    let leaf = Leaf::new;
    Case {
        op: "dplr",
        size,
        leaves: vec![
            leaf(1, &keyed, (-1.0, 1.0), dtype),
            leaf(2, &keyed, (-0.6065, -0.001), DType::F32),
            leaf(3, &keyed, (-1.0, 1.0), dtype),
            leaf(4, &[batch, len, heads, head_dim], (-1.0, 1.0), dtype),
            leaf(5, &keyed, (-most, most), dtype),
            leaf(6, &keyed, (-most, most), dtype),
        ],
        run: |t, l| {
            let input = DplrInput {
                r: shaped(&t[0], &l[0]),
                g: shaped(&t[1], &l[1]),
                k: shaped(&t[2], &l[2]),
                v: shaped(&t[3], &l[3]),
                a: shaped(&t[4], &l[4]),
                b: shaped(&t[5], &l[5]),
                initial: None,
                seq_idx: None,
            };
            flat(dplr(input, DplrOptions::default()).expect("fits").y)
        },
    }
}
