//! The operations on poles of S4, S4D and DSS: channels are heads * head_dim, `state` pole pairs each.

use super::case::{Case, Leaf, flat, shaped};
use burn::tensor::{DType, Tensor};
use resolvent_kernels::ComplexTensor;
use resolvent_kernels::cauchy::{CauchyInput, cauchy};
use resolvent_kernels::diagonal_state::{DiagonalStateInput, diagonal_state};
use resolvent_kernels::lowrank_scan::{LowRankScanInput, lowrank_scan};
use resolvent_kernels::vandermonde::{Rule, VandermondeInput, VandermondeOptions, vandermonde};

/// Names of the operations here.
pub const OPS: &str = "vandermonde, cauchy, lowrank_scan, diagonal_state";

/// The complex tensor of leaves `at` and `at + 1`.
fn complex<const D: usize>(t: &[Tensor<1>], l: &[Leaf], at: usize) -> ComplexTensor<D> {
    ComplexTensor::new(shaped(&t[at], &l[at]), shaped(&t[at + 1], &l[at + 1]))
}

/// Both parts of a complex leaf.
fn pair(seed: u64, dims: &[usize], range: (f32, f32), dtype: DType) -> [Leaf; 2] {
    [seed, seed + 100].map(|seed| Leaf::new(seed, dims, range, dtype))
}

/// Poles of damped oscillations and their step sizes.
fn poles(channels: usize, state: usize, dtype: DType) -> Vec<Leaf> {
    vec![
        Leaf::new(1, &[channels, state], (-1.0, -0.3), dtype),
        Leaf::new(2, &[channels, state], (0.0, 100.0), dtype),
        Leaf::new(3, &[channels], (0.001, 0.1), dtype),
    ]
}

/// The kernels of S4D: a row per channel, weighted by position, since a gradient of ones would be a weak test.
fn vandermonde_case(size: [usize; 6], dtype: DType) -> Case {
    let [_, len, heads, head_dim, state, _] = size;
    let mut leaves = poles(heads * head_dim, state, dtype);
    leaves.extend(pair(4, &[heads * head_dim, state], (-1.0, 1.0), dtype));
    leaves.push(Leaf::new(9, &[heads * head_dim, len], (0.0, 1.0), dtype));
    Case {
        op: "vandermonde",
        size,
        leaves,
        run: |t, l| {
            let input = VandermondeInput {
                a: complex(t, l, 0),
                dt: t[2].clone(),
                c: complex(t, l, 3),
            };
            let options = VandermondeOptions {
                len: l[5].dims[1],
                ..VandermondeOptions::default()
            };
            let kernel = vandermonde(input, options).expect("fits");
            flat(kernel * shaped(&t[5], &l[5]))
        },
    }
}

/// The kernels of S4, rank 1: a row per channel, weighted like those of S4D.
fn cauchy_case(size: [usize; 6], dtype: DType) -> Case {
    let [_, len, heads, head_dim, state, _] = size;
    let channels = heads * head_dim;
    let mut leaves = poles(channels, state, dtype);
    leaves.extend(pair(4, &[1, channels, state], (-1.0, 1.0), dtype));
    leaves.extend(pair(5, &[channels, state], (-1.0, 1.0), dtype));
    leaves.extend(pair(6, &[channels, state], (-1.0, 1.0), dtype));
    leaves.push(Leaf::new(9, &[channels, len], (0.0, 1.0), dtype));
    Case {
        op: "cauchy",
        size,
        leaves,
        run: |t, l| {
            let input = CauchyInput {
                lambda: complex(t, l, 0),
                p: complex(t, l, 3),
                b: complex(t, l, 5),
                c: complex(t, l, 7),
                dt: t[2].clone(),
            };
            let kernel = cauchy(input, l[9].dims[1]).expect("fits");
            flat(kernel * shaped(&t[9], &l[9]))
        },
    }
}

/// Contractions: the low-rank part is small beside what alpha leaves.
fn lowrank_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, state, _] = size;
    let channels = heads * head_dim;
    let small = 0.3 / (state as f32).sqrt();
    let mut leaves = vec![Leaf::new(1, &[batch, len, channels], (-1.0, 1.0), dtype)];
    leaves.extend(pair(2, &[channels, state], (-0.6, 0.6), dtype));
    leaves.extend(pair(3, &[1, channels, state], (-small, small), dtype));
    leaves.extend(pair(4, &[1, channels, state], (-small, small), dtype));
    leaves.extend(pair(5, &[channels, state], (-1.0, 1.0), dtype));
    leaves.extend(pair(6, &[channels, state], (-1.0, 1.0), dtype));
    Case {
        op: "lowrank_scan",
        size,
        leaves,
        run: |t, l| {
            let input = LowRankScanInput {
                x: shaped(&t[0], &l[0]),
                alpha: complex(t, l, 1),
                beta: complex(t, l, 3),
                kappa: complex(t, l, 5),
                b: complex(t, l, 7),
                c: complex(t, l, 9),
                initial: None,
                seq_idx: None,
            };
            flat(lowrank_scan(input).expect("fits").y)
        },
    }
}

fn state_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, state, _] = size;
    let channels = heads * head_dim;
    let mut leaves = poles(channels, state, dtype);
    leaves.push(Leaf::new(4, &[batch, len, channels], (-1.0, 1.0), dtype));
    Case {
        op: "diagonal_state",
        size,
        leaves,
        run: |t, l| {
            let input = DiagonalStateInput {
                x: shaped(&t[3], &l[3]),
                a: complex(t, l, 0),
                dt: t[2].clone(),
                initial: None,
                seq_idx: None,
            };
            let state = diagonal_state(input, Rule::ZeroOrderHold).expect("fits");
            flat(state.re + state.im)
        },
    }
}

/// The case of an operation of this file.
pub fn case(op: &str, size: [usize; 6], dtype: DType) -> Option<Case> {
    match op {
        "vandermonde" => Some(vandermonde_case(size, dtype)),
        "cauchy" => Some(cauchy_case(size, dtype)),
        "lowrank_scan" => Some(lowrank_case(size, dtype)),
        "diagonal_state" => Some(state_case(size, dtype)),
        _ => None,
    }
}
