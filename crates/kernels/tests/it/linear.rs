//! The streamed product against the double loop, and against what autodiff computes.

use crate::check::{distance, read, tensor, values};
use burn::tensor::{DType, Device, Tensor};
use resolvent_kernels::linear::{FEW_ROWS, linear};

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

#[test]
fn linear_when_gradients_are_asked_for_has_them() {
    let device = Device::flex().autodiff();
    let (x, weight) = inputs(DType::F32, [2, 5, 3], &device);
    let weight = weight.detach().require_grad();
    let gradients = linear(x.clone(), weight.clone()).sum().backward();
    let got = read(&weight.grad(&gradients).unwrap());
    let columns = read(&x.inner().sum_dim(0));
    let want: Vec<f64> = (0..3).flat_map(|_| columns.clone()).collect();
    assert!(distance(&got, &want, 1.0) < 1e-6);
}
