//! Cauchy kernels: awkward sizes, dense powers, errors.

use crate::check::{
    AWKWARD_LENGTHS, OpCase, check_op, device, distance, exact_device, read, tensor, values,
    values_between,
};
use burn::tensor::{DType, Device, Tensor};
use realfft::num_complex::Complex64;
use resolvent_kernels::cauchy::{CauchyInput, CauchyShape, cauchy, reference};
use resolvent_kernels::{ComplexTensor, reshape};

fn shape(len: usize, rank: usize) -> CauchyShape {
    CauchyShape {
        rows: 4,
        channels: 2,
        state: 3,
        rank,
        len,
    }
}

fn inputs(s: CauchyShape) -> Vec<(&'static str, Vec<f64>)> {
    let poles = s.channels * s.state;
    vec![
        ("lambda_re", values_between(1, poles, -1.5, -0.3)),
        ("lambda_im", values_between(2, poles, 0.0, 30.0)),
        ("p_re", values(3, s.rank * poles)),
        ("p_im", values(4, s.rank * poles)),
        ("b_re", values(5, s.rows * s.state)),
        ("b_im", values(6, s.rows * s.state)),
        ("c_re", values(7, s.rows * s.state)),
        ("c_im", values(8, s.rows * s.state)),
        ("dt", values_between(9, s.channels, 0.01, 0.2)),
    ]
}

fn build(flat: &[Tensor<1>], s: CauchyShape) -> CauchyInput {
    let pair = |at: usize, dims: [usize; 2]| {
        ComplexTensor::new(
            reshape(flat[at].clone(), dims),
            reshape(flat[at + 1].clone(), dims),
        )
    };
    let columns = [s.rank, s.channels, s.state];
    CauchyInput {
        lambda: pair(0, [s.channels, s.state]),
        p: ComplexTensor::new(
            reshape(flat[2].clone(), columns),
            reshape(flat[3].clone(), columns),
        ),
        b: pair(4, [s.rows, s.state]),
        c: pair(6, [s.rows, s.state]),
        dt: flat[8].clone(),
    }
}

fn check(s: CauchyShape) {
    check_op(&OpCase {
        name: format!("cauchy {s:?}"),
        inputs: inputs(s),
        reference: &|flat| {
            let slices = reference::CauchySlices {
                lambda: (&flat[0], &flat[1]),
                p: (&flat[2], &flat[3]),
                b: (&flat[4], &flat[5]),
                c: (&flat[6], &flat[7]),
                dt: &flat[8],
            };
            vec![reference::cauchy(slices, s)]
        },
        tensors: &|flat| {
            let kernel = cauchy(build(flat, s), s.len).unwrap();
            vec![reshape(kernel, [s.rows * s.len])]
        },
        tolerance: 2e-5,
    });
}

#[test]
fn cauchy_when_lengths_are_awkward_equals_the_sums_with_all_gradients() {
    for len in AWKWARD_LENGTHS {
        for rank in [0, 1, 2] {
            check(shape(len, rank));
        }
    }
}

#[test]
fn cauchy_when_poles_are_more_than_a_tile_sums_all_of_them() {
    check(CauchyShape {
        rows: 2,
        channels: 1,
        state: 37,
        ..shape(12, 2)
    });
}

#[test]
fn cauchy_when_there_is_no_pole_or_no_row_is_zero_or_empty() {
    for (rows, channels, state) in [(2, 2, 0), (0, 2, 3), (0, 0, 3), (3, 1, 1)] {
        check(CauchyShape {
            rows,
            channels,
            state,
            ..shape(9, 1)
        });
    }
}

type Dense = Vec<Vec<Complex64>>;

/// X with left X = right, by elimination with row exchange.
fn solve(mut left: Dense, mut right: Dense) -> Dense {
    let size = left.len();
    for k in 0..size {
        let best = (k..size)
            .max_by(|&i, &j| left[i][k].norm().total_cmp(&left[j][k].norm()))
            .unwrap();
        left.swap(k, best);
        right.swap(k, best);
        for i in (0..size).filter(|&i| i != k) {
            let factor = left[i][k] / left[k][k];
            let (l, r) = (left[k].clone(), right[k].clone());
            left[i]
                .iter_mut()
                .zip(l)
                .for_each(|(v, l)| *v -= factor * l);
            right[i]
                .iter_mut()
                .zip(r)
                .for_each(|(v, r)| *v -= factor * r);
        }
    }
    for k in 0..size {
        let pivot = left[k][k];
        right[k].iter_mut().for_each(|v| *v /= pivot);
    }
    right
}

fn times(row: &[Complex64], matrix: &Dense) -> Vec<Complex64> {
    (0..matrix[0].len())
        .map(|j| row.iter().zip(matrix).map(|(r, m)| r * m[j]).sum())
        .collect()
}

/// Both conjugate halves of a vector of pairs.
fn both(re: &[f64], im: &[f64]) -> Vec<Complex64> {
    let half = re.iter().zip(im).map(|(&re, &im)| Complex64::new(re, im));
    half.clone().chain(half.map(|v| v.conj())).collect()
}

/// The kernel by dense powers of the bilinear matrix, and C (I - A^len), first half.
fn dense(flat: &[Vec<f64>], rank: usize, len: usize) -> (Vec<f64>, Vec<Complex64>) {
    let n = flat[0].len();
    let (lambda, dt) = (both(&flat[0], &flat[1]), flat[8][0]);
    let columns: Vec<Vec<Complex64>> = (0..rank)
        .map(|i| both(&flat[2][i * n..][..n], &flat[3][i * n..][..n]))
        .collect();
    let a = |i: usize, j: usize| -> Complex64 {
        let low: Complex64 = columns.iter().map(|p| p[i] * p[j].conj()).sum();
        if i == j { lambda[i] - low } else { -low }
    };
    let near_identity = |sign: f64| -> Dense {
        (0..2 * n)
            .map(|i| {
                let row = (0..2 * n).map(|j| a(i, j) * (sign * dt / 2.0));
                row.enumerate()
                    .map(|(j, v)| if i == j { v + 1.0 } else { v })
                    .collect()
            })
            .collect()
    };
    let step = solve(near_identity(-1.0), near_identity(1.0));
    let b: Dense = both(&flat[4], &flat[5])
        .iter()
        .map(|b| vec![b * dt])
        .collect();
    let b = solve(near_identity(-1.0), b);
    let mut c = both(&flat[6], &flat[7]);
    let whole = c.clone();
    let mut kernel = Vec::new();
    for _ in 0..len {
        kernel.push(times(&c, &b)[0].re);
        c = times(&c, &step);
    }
    let cut = whole.iter().zip(&c).map(|(c, end)| c - end);
    (kernel, cut.take(n).collect())
}

#[test]
fn cauchy_when_compared_with_dense_powers_gives_the_kernel() {
    for rank in [1, 2] {
        for len in [1, 2, 8, 255, 256] {
            let s = CauchyShape {
                rows: 1,
                channels: 1,
                state: 8,
                rank,
                len,
            };
            let mut flat: Vec<Vec<f64>> = inputs(s).into_iter().map(|(_, v)| v).collect();
            let (want, c) = dense(&flat, rank, len);
            flat[6] = c.iter().map(|c| c.re).collect();
            flat[7] = c.iter().map(|c| c.im).collect();
            for (dtype, tolerance) in [(DType::F64, 1e-11), (DType::F32, 1e-5)] {
                let device = match dtype {
                    DType::F64 => exact_device(),
                    _ => device(),
                };
                let tensors: Vec<Tensor<1>> =
                    flat.iter().map(|v| tensor(v, dtype, &device)).collect();
                let got = read(&cauchy(build(&tensors, s), len).unwrap());
                let off = distance(&got, &want, 1e-3);
                assert!(
                    off < tolerance,
                    "rank {rank} length {len} {dtype:?}: {off:e}"
                );
            }
        }
    }
}

#[test]
fn cauchy_when_the_low_rank_part_has_other_channels_names_the_axis() {
    let s = shape(4, 1);
    let device = Device::flex();
    let flat: Vec<Tensor<1>> = inputs(s)
        .iter()
        .map(|(_, v)| tensor(v, DType::F32, &device))
        .collect();
    let wrong = CauchyInput {
        p: ComplexTensor::real(Tensor::zeros([1, 3, 3], &device)),
        ..build(&flat, s)
    };
    let error = cauchy(wrong, 4).unwrap_err().to_string();
    assert!(
        error.contains("`p` has 3 along its channel axis, expected 2"),
        "{error}"
    );
}
