//! CPU body: blocks of elements.

use super::ops::{ActivationBackward, ActivationOps, Function};
use crate::float::{Real, sigmoid, vectorised};
use crate::host::{Host, tensor, zeros};
use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// Elements per task.
const BLOCK: usize = 1 << 13;
/// Below this the quotient of exponentials would lose digits to cancellation.
const SMALL: f64 = 0.3;
/// Terms of tanh(x) / x in x^2, whose remainder at 0.3 is 5e-8.
const SERIES: [f64; 5] = [1.0, -1.0 / 3.0, 2.0 / 15.0, -17.0 / 315.0, 62.0 / 2835.0];

/// tanh in the range of f32; for f64 the standard library's, which is exact there.
#[inline(always)]
fn tanh<T: Real>(x: T) -> T {
    if size_of::<T>() == 8 {
        return x.tanh();
    }
    let square = x * x;
    let mut sum = T::zero();
    for term in SERIES.into_iter().rev() {
        sum = sum * square + T::from_f64(term);
    }
    let two = T::one() + T::one();
    let far = T::one() - two / ((two * x).exp_fast() + T::one());
    if x.abs() < T::from_f64(SMALL) {
        x * sum
    } else {
        far
    }
}

vectorised! {
    fn forward_block<T>(x: &[T], y: &mut [T], function: Function) {
        match function {
            Function::Sigmoid => y.iter_mut().zip(x).for_each(|(y, x)| *y = sigmoid(*x)),
            Function::Tanh => y.iter_mut().zip(x).for_each(|(y, x)| *y = tanh(*x)),
        }
    }
}

vectorised! {
    fn backward_block<T>(y: &[T], grad: &[T], dx: &mut [T], function: Function) {
        for ((dx, y), grad) in dx.iter_mut().zip(y).zip(grad) {
            let slope = match function {
                Function::Sigmoid => *y * (T::one() - *y),
                Function::Tanh => T::one() - *y * *y,
            };
            *dx = *grad * slope;
        }
    }
}

fn forward<T: Real>(x: &FlexTensor, function: Function) -> FlexTensor {
    let host = Host::new(x);
    let x = host.slice::<T>();
    let mut y = zeros(x.len());
    let blocks = y.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK));
    blocks.for_each(|(y, x)| forward_block(x, y, function));
    let count = y.len();
    tensor(y, &[count])
}

fn backward<T: Real>(y: &FlexTensor, grad: &FlexTensor, function: Function) -> FlexTensor {
    let (host, grad) = (Host::new(y), Host::new(grad));
    let (y, grad) = (host.slice::<T>(), grad.slice::<T>());
    let mut dx = zeros(y.len());
    let inputs = y.par_chunks(BLOCK).zip(grad.par_chunks(BLOCK));
    let blocks = dx.par_chunks_mut(BLOCK).zip(inputs);
    blocks.for_each(|(dx, (y, grad))| backward_block(y, grad, dx, function));
    let count = dx.len();
    tensor(dx, &[count])
}

impl ActivationOps for Flex {
    fn activation(x: FloatTensor<Self>, function: Function) -> FloatTensor<Self> {
        match x.dtype() {
            DType::F64 => forward::<f64>(&x, function),
            _ => forward::<f32>(&x, function),
        }
    }
}

impl ActivationBackward for Flex {
    fn activation_backward(
        y: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        function: Function,
    ) -> FloatTensor<Self> {
        match y.dtype() {
            DType::F64 => backward::<f64>(&y, &grad, function),
            _ => backward::<f32>(&y, &grad, function),
        }
    }
}
