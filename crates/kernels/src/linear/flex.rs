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

fn forward<T: Real>(x: &FlexTensor, weight: &FlexTensor) -> FlexTensor {
    let [rows, inputs] = x.layout().shape().dims();
    let [outputs, _] = weight.layout().shape().dims();
    let (x, weight) = (Host::new(x), Host::new(weight));
    let (x, weight) = (x.slice::<T>(), weight.slice::<T>());
    let out = match rows > FEW_ROWS {
        true => {
            let weight = Mat::rows(weight, outputs, inputs, inputs);
            product(Mat::rows(x, rows, inputs, inputs), weight.t())
        }
        false => streamed(x, weight, [rows, inputs, outputs]),
    };
    tensor(out, &[rows, outputs])
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

/// dx = dy W, dW = dy^T x.
fn backward<T: Real>(
    [x, weight]: [&FlexTensor; 2],
    grad: &FlexTensor,
    wanted: [bool; 2],
) -> [Option<FlexTensor>; 2] {
    let [rows, inputs] = x.layout().shape().dims();
    let [outputs, _] = weight.layout().shape().dims();
    let hosts = [x, weight, grad].map(Host::new);
    let [x, weight, dy] = hosts.each_ref().map(Host::slice::<T>);
    let dy = Mat::rows(dy, rows, outputs, outputs);
    let of_x = || {
        let weight = Mat::rows(weight, outputs, inputs, inputs);
        tensor(product(dy, weight), &[rows, inputs])
    };
    let of_weight = || {
        let x = Mat::rows(x, rows, inputs, inputs);
        tensor(product(dy.t(), x), &[outputs, inputs])
    };
    [wanted[0].then(of_x), wanted[1].then(of_weight)]
}

impl LinearOps for Flex {
    fn linear(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        match x.dtype() {
            DType::F64 => forward::<f64>(&x, &weight),
            _ => forward::<f32>(&x, &weight),
        }
    }
}

impl LinearBackward for Flex {
    fn linear_backward(
        [x, weight]: [FloatTensor<Self>; 2],
        grad: FloatTensor<Self>,
        wanted: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2] {
        match x.dtype() {
            DType::F64 => backward::<f64>([&x, &weight], &grad, wanted),
            _ => backward::<f32>([&x, &weight], &grad, wanted),
        }
    }
}
