//! CPU body: of few rows every row of the weight once, four at a time; of many a product.

use super::FEW_ROWS;
use super::ops::{LinearBackward, LinearOps};
use crate::float::{Real, dot, sum_lanes, vectorised};
use crate::gemm::{Mat, product};
use crate::host::{Host, tensor};
use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// Rows of the weight per task.
const BLOCK: usize = 64;
/// Rows of the weight at once: their sums are independent, which hides the latency of the additions.
const TOGETHER: usize = 4;
const LANES: usize = 16;
/// A weight of fewer elements is done before another thread would have woken up.
const SMALL: usize = 1 << 18;

/// The dot products of one vector with `TOGETHER` rows.
#[inline(always)]
fn dots<T: Real>(x: &[T], rows: [&[T]; TOGETHER]) -> [T; TOGETHER] {
    let mut partial = [[T::zero(); LANES]; TOGETHER];
    let (x_blocks, x_rest) = x.as_chunks::<LANES>();
    let blocks = rows.map(|row| row.as_chunks::<LANES>());
    for (at, x) in x_blocks.iter().enumerate() {
        for (partial, (row, _)) in partial.iter_mut().zip(&blocks) {
            for lane in 0..LANES {
                partial[lane] += x[lane] * row[at][lane];
            }
        }
    }
    let mut sums = partial.map(|lanes| sum_lanes(&lanes));
    for (sum, (_, rest)) in sums.iter_mut().zip(&blocks) {
        *sum += dot(x_rest, rest);
    }
    sums
}

vectorised! {
    /// Outputs [out, row] of a block of the weight's rows.
    fn block<T>(x: &[T], weight: &[T], inputs: usize, out: &mut [T]) {
        let rows = x.len() / inputs;
        let groups = weight.chunks(TOGETHER * inputs);
        for (weight, out) in groups.zip(out.chunks_mut(TOGETHER * rows)) {
            for (row, x) in x.chunks_exact(inputs).enumerate() {
                let last = weight.len() / inputs - 1;
                // A group that is not full repeats its last row and drops the surplus.
                let four = std::array::from_fn(|i| &weight[i.min(last) * inputs..][..inputs]);
                for (out, sum) in out.chunks_exact_mut(rows).zip(dots(x, four)) {
                    out[row] = sum;
                }
            }
        }
    }
}

fn forward<T: Real>(x: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor) -> FlexTensor {
    let [rows, inputs] = x.layout().shape().dims();
    let [outputs, _] = weight.layout().shape().dims();
    let hosts = [x, weight, bias].map(Host::new);
    let [x, weight, bias] = hosts.each_ref().map(Host::slice::<T>);
    let mut out = match rows > FEW_ROWS {
        true => {
            let weight = Mat::rows(weight, outputs, inputs, inputs);
            product(Mat::rows(x, rows, inputs, inputs), weight.t())
        }
        false => streamed(x, weight, [rows, inputs, outputs]),
    };
    if !bias.is_empty() {
        out.par_chunks_mut(BLOCK * outputs)
            .for_each(|rows| add_to_rows(rows, bias));
    }
    tensor(out, &[rows, outputs])
}

vectorised! {
    /// Adds `bias` to each of the rows.
    fn add_to_rows<T>(rows: &mut [T], bias: &[T]) {
        for row in rows.chunks_mut(bias.len()) {
            for (value, bias) in row.iter_mut().zip(bias) {
                *value += *bias;
            }
        }
    }
}

vectorised! {
    /// The sum of rows.
    fn sum_rows<T>(rows: &[T], width: usize) -> Vec<T> {
        let mut sum = vec![T::zero(); width];
        for row in rows.chunks(width) {
            for (sum, value) in sum.iter_mut().zip(row) {
                *sum += *value;
            }
        }
        sum
    }
}

/// x W^T of few rows.
fn streamed<T: Real>(x: &[T], weight: &[T], [rows, inputs, outputs]: [usize; 3]) -> Vec<T> {
    let mut out = vec![T::zero(); outputs * rows];
    if weight.len() < SMALL {
        block(x, weight, inputs, &mut out);
    } else {
        out.par_chunks_mut(BLOCK * rows)
            .zip(weight.par_chunks(BLOCK * inputs))
            .for_each(|(out, weight)| block(x, weight, inputs, out));
    }
    if rows > 1 {
        let by_output = out;
        let element = |at: usize| by_output[at % outputs * rows + at / outputs];
        out = (0..rows * outputs).map(element).collect();
    }
    out
}

/// dy W.
fn input_gradient<T: Real>(grad: &FlexTensor, weight: &FlexTensor) -> FlexTensor {
    let [rows, outputs] = grad.layout().shape().dims();
    let [_, inputs] = weight.layout().shape().dims();
    let (dy, weight) = (Host::new(grad), Host::new(weight));
    let dy = Mat::rows(dy.slice::<T>(), rows, outputs, outputs);
    let weight = Mat::rows(weight.slice::<T>(), outputs, inputs, inputs);
    tensor(product(dy, weight), &[rows, inputs])
}

/// dy^T x.
fn weight_gradient<T: Real>(grad: &FlexTensor, x: &FlexTensor) -> FlexTensor {
    let [rows, outputs] = grad.layout().shape().dims();
    let [_, inputs] = x.layout().shape().dims();
    let (dy, x) = (Host::new(grad), Host::new(x));
    let dy = Mat::rows(dy.slice::<T>(), rows, outputs, outputs);
    let x = Mat::rows(x.slice::<T>(), rows, inputs, inputs);
    tensor(product(dy.t(), x), &[outputs, inputs])
}

/// The sums of the columns of dy, blocks of rows added in order.
fn bias_gradient<T: Real>(grad: &FlexTensor) -> FlexTensor {
    let [_, outputs] = grad.layout().shape().dims();
    let dy = Host::new(grad);
    let blocks = dy.slice::<T>().par_chunks(BLOCK * outputs);
    let parts: Vec<Vec<T>> = blocks.map(|rows| sum_rows(rows, outputs)).collect();
    tensor(sum_rows(&parts.concat(), outputs), &[outputs])
}

impl LinearOps for Flex {
    fn linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        match x.dtype() {
            DType::F64 => forward::<f64>(&x, &weight, &bias),
            _ => forward::<f32>(&x, &weight, &bias),
        }
    }
}

impl LinearBackward for Flex {
    fn linear_input_gradient(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        match grad.dtype() {
            DType::F64 => input_gradient::<f64>(&grad, &weight),
            _ => input_gradient::<f32>(&grad, &weight),
        }
    }

    fn linear_weight_gradient(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        match grad.dtype() {
            DType::F64 => weight_gradient::<f64>(&grad, &x),
            _ => weight_gradient::<f32>(&grad, &x),
        }
    }

    fn linear_bias_gradient(grad: FloatTensor<Self>) -> FloatTensor<Self> {
        match grad.dtype() {
            DType::F64 => bias_gradient::<f64>(&grad),
            _ => bias_gradient::<f32>(&grad),
        }
    }
}
