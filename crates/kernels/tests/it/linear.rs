//! The linear map and its gradients against double loops.

use crate::check::{OpCase, check_op, device, distance, read, tensor, values};
use burn::tensor::{DType, Device, Tensor};
use resolvent_kernels::linear::{FEW_ROWS, affine, linear};
use resolvent_kernels::reshape;

fn exact(x: &[f64], weight: &[f64], inputs: usize) -> Vec<f64> {
    let dot = |x: &[f64], w: &[f64]| x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>();
    x.chunks(inputs)
        .flat_map(|x| weight.chunks(inputs).map(move |w| dot(x, w)))
        .collect()
}

fn inputs(dtype: DType, sizes: [usize; 3], device: &Device) -> (Tensor<2>, Tensor<2>) {
    let [rows, inputs, outputs] = sizes;
    let x = tensor(&values(1, rows * inputs), dtype, device);
    let weight = tensor(&values(2, outputs * inputs), dtype, device);
    let x = x.reshape([rows, inputs]);
    (x, weight.reshape([outputs, inputs]))
}

#[test]
fn linear_when_sizes_are_awkward_equals_the_double_loop() {
    // The last is large enough for several threads.
    let sizes = [(1, 1), (3, 5), (16, 64), (17, 65), (100, 129), (700, 401)];
    for (width, outputs) in sizes {
        for rows in 1..=FEW_ROWS + 1 {
            for (dtype, limit) in [(DType::F64, 1e-13), (DType::F32, 3e-6)] {
                let (x, weight) = inputs(dtype, [rows, width, outputs], &Device::flex());
                let want = exact(&read(&x), &read(&weight), width);
                let got = read(&linear(x, weight));
                let off = distance(&got, &want, 1.0);
                assert!(off < limit, "{rows} x {width} x {outputs}: {off:e}");
            }
        }
    }
}

#[test]
fn linear_when_views_are_given_reads_what_they_show() {
    let (x, weight) = inputs(DType::F64, [2, 24, 40], &Device::flex());
    let (some, part) = (x.clone().narrow(1, 3, 20), weight.clone().narrow(1, 3, 20));
    let part = part.narrow(0, 7, 30);
    let want = exact(&read(&some), &read(&part), 20);
    assert!(distance(&read(&linear(some, part)), &want, 1.0) < 1e-13);
    // A weight that lies transposed in memory.
    let want = exact(&read(&x), &read(&weight), 24);
    let lying = weight.transpose().into_data();
    let lying = Tensor::<2>::from_data(lying, (&Device::flex(), DType::F64)).transpose();
    assert!(distance(&read(&linear(x, lying)), &want, 1.0) < 1e-13);
}

/// The gradients of sum(weights * x W^T) by two double loops.
fn exact_gradients(
    weights: &[f64],
    x: &[f64],
    weight: &[f64],
    inputs: usize,
) -> (Vec<f64>, Vec<f64>) {
    let outputs = weight.len() / inputs;
    let (mut of_x, mut of_weight) = (vec![0.0; x.len()], vec![0.0; weight.len()]);
    for (at, g) in weights.iter().enumerate() {
        let (row, out) = (at / outputs * inputs, at % outputs * inputs);
        for i in 0..inputs {
            of_x[row + i] += g * weight[out + i];
            of_weight[out + i] += g * x[row + i];
        }
    }
    (of_x, of_weight)
}

#[test]
fn linear_when_differentiated_has_the_gradients_of_the_double_loop() {
    let device = Device::flex().autodiff();
    for [rows, width, outputs] in [[1, 1, 1], [2, 5, 3], [4, 65, 6], [5, 6, 1], [300, 70, 129]] {
        for (dtype, limit) in [(DType::F64, 1e-12), (DType::F32, 1e-5)] {
            let (x, weight) = inputs(dtype, [rows, width, outputs], &device);
            let (x, weight) = (x.detach().require_grad(), weight.detach().require_grad());
            let weights = tensor(&values(3, rows * outputs), dtype, &device);
            let y = linear(x.clone(), weight.clone()) * weights.clone().reshape([rows, outputs]);
            let gradients = y.sum().backward();
            let (x_values, weight_values) = (read(&x), read(&weight));
            let want = exact_gradients(&read(&weights), &x_values, &weight_values, width);
            let got = read(&x.grad(&gradients).unwrap());
            assert!(
                distance(&got, &want.0, 1.0) < limit,
                "x {rows} {width} {outputs}"
            );
            let got = read(&weight.grad(&gradients).unwrap());
            assert!(
                distance(&got, &want.1, 1.0) < limit,
                "W {rows} {width} {outputs}"
            );
        }
    }
}

#[test]
fn linear_when_the_weight_is_a_part_gives_the_part_its_gradient() {
    let device = Device::flex().autodiff();
    let (x, weight) = inputs(DType::F64, [9, 8, 10], &device);
    let (x, weight) = (x.inner(), weight.detach().require_grad());
    // x is no leaf: only the gradient of the weight is asked for.
    let on_graph = Tensor::<2>::from_inner(x.clone());
    let gradients = linear(on_graph, weight.clone().narrow(0, 3, 4))
        .sum()
        .backward();
    let got = read(&weight.grad(&gradients).unwrap());
    let sums = read(&x.sum_dim(0));
    let row = |at: usize| {
        if (3..7).contains(&at) {
            sums.clone()
        } else {
            vec![0.0; 8]
        }
    };
    let want: Vec<f64> = (0..10).flat_map(row).collect();
    assert!(distance(&got, &want, 1.0) < 1e-13);
}

/// On CUDA burn's products of f32 round their operands to TF32, eleven bits.
fn tolerance() -> f64 {
    match format!("{:?}", device()).contains("Cuda") {
        true => 2e-3,
        false => 1e-5,
    }
}

#[test]
fn affine_when_sizes_are_awkward_equals_the_double_loop_with_all_gradients() {
    // The last two cut the sum over rows on a GPU: into equal parts, and with rows left over.
    let sizes = [[0, 3, 2], [1, 1, 1], [5, 6, 7], [1024, 5, 9], [769, 8, 3]];
    for [rows, width, outputs] in sizes {
        check_op(&OpCase {
            name: format!("affine {rows} x {width} x {outputs}"),
            inputs: vec![
                ("x", values(1, rows * width)),
                ("weight", values(2, outputs * width)),
                ("bias", values(3, outputs)),
            ],
            reference: &|flat| {
                let mut y = exact(&flat[0], &flat[1], width);
                for (at, y) in y.iter_mut().enumerate() {
                    *y += flat[2][at % outputs];
                }
                vec![y]
            },
            tensors: &|flat| {
                let x = reshape(flat[0].clone(), [rows, width]);
                let weight = reshape(flat[1].clone(), [outputs, width]);
                let y = affine(x, weight, flat[2].clone());
                vec![reshape(y, [rows * outputs])]
            },
            tolerance: tolerance(),
        });
    }
}
