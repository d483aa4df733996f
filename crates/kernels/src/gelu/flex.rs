//! CPU body: blocks of elements.

use super::ops::{GeluBackward, GeluOps};
use crate::float::{Real, vectorise};
use crate::host::{Host, tensor, zeros};
use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// Elements per task.
const BLOCK: usize = 1 << 14;

fn forward<T: Real>(x: &FlexTensor) -> FlexTensor {
    let host = Host::new(x);
    let x = host.slice::<T>();
    let mut y = zeros(x.len());
    let blocks = y.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK));
    blocks.for_each(|(y, x)| {
        vectorise(|| {
            for (y, &x) in y.iter_mut().zip(x) {
                *y = x * x.normal_cdf_fast();
            }
        });
    });
    let count = y.len();
    tensor(y, &[count])
}

fn backward<T: Real>(x: &FlexTensor, grad: &FlexTensor) -> FlexTensor {
    let (host, grad) = (Host::new(x), Host::new(grad));
    let (x, grad) = (host.slice::<T>(), grad.slice::<T>());
    let density = T::from_f64((0.5 / std::f64::consts::PI).sqrt());
    let half = T::from_f64(-0.5);
    let mut dx = zeros(x.len());
    let inputs = x.par_chunks(BLOCK).zip(grad.par_chunks(BLOCK));
    dx.par_chunks_mut(BLOCK)
        .zip(inputs)
        .for_each(|(dx, (x, grad))| {
            vectorise(|| {
                for ((dx, &x), &g) in dx.iter_mut().zip(x).zip(grad) {
                    let slope = x * density * (half * x * x).exp_fast();
                    *dx = g * (x.normal_cdf_fast() + slope);
                }
            });
        });
    let count = dx.len();
    tensor(dx, &[count])
}

impl GeluOps for Flex {
    fn gelu_exact(x: FloatTensor<Self>) -> FloatTensor<Self> {
        match x.dtype() {
            DType::F64 => forward::<f64>(&x),
            _ => forward::<f32>(&x),
        }
    }
}

impl GeluBackward for Flex {
    fn gelu_exact_backward(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        match x.dtype() {
            DType::F64 => backward::<f64>(&x, &grad),
            _ => backward::<f32>(&x, &grad),
        }
    }
}
