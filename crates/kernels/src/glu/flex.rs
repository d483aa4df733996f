//! CPU body: blocks of rows.

use super::ops::{GluBackward, GluGradients, GluOps};
use crate::float::{Real, sigmoid, vectorise};
use crate::host::{Host, tensor, zeros};
use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// Rows per task. Fixed, so that sums over tasks do not depend on the number of threads.
const BLOCK: usize = 64;

fn forward<T: Real>(x: &FlexTensor, bias: &FlexTensor) -> FlexTensor {
    let (host, bias) = (Host::new(x), Host::new(bias));
    let (x, bias) = (host.slice::<T>(), bias.slice::<T>());
    let channels = bias.len() / 2;
    let rows = x.len().checked_div(2 * channels).unwrap_or(0);
    let mut y = zeros(rows * channels);
    let (values, gates) = bias.split_at(channels);
    let size = (BLOCK * channels).max(1);
    let blocks = y.par_chunks_mut(size).zip(x.par_chunks(2 * size));
    blocks.for_each(|(y, x)| {
        vectorise(|| {
            for (y, x) in y.chunks_mut(channels).zip(x.chunks(2 * channels)) {
                let (v, g) = x.split_at(channels);
                for c in 0..channels {
                    y[c] = (v[c] + values[c]) * sigmoid(g[c] + gates[c]);
                }
            }
        });
    });
    tensor(y, &[rows, channels])
}

/// One block: dx, and what it adds to the gradient of the bias.
#[inline(always)]
fn backward_block<T: Real>(dx: &mut [T], x: &[T], bias: &[T], dy: &[T]) -> Vec<T> {
    let channels = bias.len() / 2;
    let (values, gates) = bias.split_at(channels);
    let mut sums = vec![T::zero(); 2 * channels];
    let (value_sums, gate_sums) = sums.split_at_mut(channels);
    let rows = dx.chunks_mut(2 * channels).zip(x.chunks(2 * channels));
    for ((dx, x), dy) in rows.zip(dy.chunks(channels)) {
        let (dv, dg) = dx.split_at_mut(channels);
        let (v, g) = x.split_at(channels);
        for c in 0..channels {
            let gate = sigmoid(g[c] + gates[c]);
            dv[c] = dy[c] * gate;
            dg[c] = dv[c] * (v[c] + values[c]) * (T::one() - gate);
            value_sums[c] += dv[c];
            gate_sums[c] += dg[c];
        }
    }
    sums
}

fn backward<T: Real>(x: &FlexTensor, bias: &FlexTensor, grad: &FlexTensor) -> GluGradients<Flex> {
    let hosts = [x, bias, grad].map(Host::new);
    let [x, bias, dy] = hosts.each_ref().map(Host::slice::<T>);
    let width = bias.len();
    let rows = x.len().checked_div(width).unwrap_or(0);
    let mut dx = zeros(x.len());
    let size = (BLOCK * width).max(1);
    let inputs = x.par_chunks(size).zip(dy.par_chunks((size / 2).max(1)));
    let partials: Vec<Vec<T>> = dx
        .par_chunks_mut(size)
        .zip(inputs)
        .map(|(dx, (x, dy))| vectorise(|| backward_block(dx, x, bias, dy)))
        .collect();
    let mut dbias = vec![T::zero(); width];
    for partial in partials {
        for (sum, value) in dbias.iter_mut().zip(partial) {
            *sum += value;
        }
    }
    GluGradients {
        x: tensor(dx, &[rows, width]),
        bias: tensor(dbias, &[width]),
    }
}

impl GluOps for Flex {
    fn glu(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        match x.dtype() {
            DType::F64 => forward::<f64>(&x, &bias),
            _ => forward::<f32>(&x, &bias),
        }
    }
}

impl GluBackward for Flex {
    fn glu_backward(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> GluGradients<Self> {
        match x.dtype() {
            DType::F64 => backward::<f64>(&x, &bias, &grad),
            _ => backward::<f32>(&x, &bias, &grad),
        }
    }
}
