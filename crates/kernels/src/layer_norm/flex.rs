//! CPU body: one pass over each group, rayon over blocks of rows.

use super::LayerNormShape;
use super::ops::{LayerNormBackward, LayerNormGradients, LayerNormOps, LayerNormSaved};
use crate::float::{Real, dot, vectorised};
use crate::host::{Host, tensor, zeros};
use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// Rows per task. Fixed, so that sums over tasks do not depend on the number of threads.
const BLOCK: usize = 64;

struct Inputs<'a, T> {
    x: &'a [T],
    weight: &'a [T],
    /// As many ones as a group has channels: with them a dot product is a sum.
    ones: &'a [T],
    shape: LayerNormShape,
}

impl<T: Real> Inputs<'_, T> {
    fn width(&self) -> usize {
        self.ones.len()
    }

    /// The centred values of the group that starts at element `at`; returns 1 / deviation.
    #[inline(always)]
    fn centre(&self, at: usize, centred: &mut [T]) -> T {
        let x = &self.x[at..at + centred.len()];
        let count = T::from_f64(centred.len() as f64);
        let mean = dot(x, self.ones) / count;
        for (centred, &x) in centred.iter_mut().zip(x) {
            *centred = x - mean;
        }
        let variance = dot(centred, centred) / count;
        T::one() / (variance + T::from_f64(self.shape.eps)).sqrt()
    }
}

vectorised! {
    /// y of the rows from element `start` on.
    fn forward_block<T>(inputs: &Inputs<'_, T>, bias: &[T], start: usize, y: &mut [T]) {
        let width = inputs.width();
        for (index, y) in y.chunks_mut(width).enumerate() {
            let at = start + index * width;
            let scale = inputs.centre(at, y);
            let first = at % inputs.shape.channels;
            let weight = &inputs.weight[first..first + width];
            let bias = &bias[first..first + width];
            for j in 0..width {
                y[j] = y[j] * scale * weight[j] + bias[j];
            }
        }
    }
}

fn forward<T: Real>(saved: &LayerNormSaved<Flex>, bias: &FlexTensor) -> FlexTensor {
    let hosts = [&saved.x, &saved.weight, bias].map(Host::new);
    let [x, weight, bias] = hosts.each_ref().map(Host::slice::<T>);
    let shape = saved.shape;
    let mut y = zeros(x.len());
    if !y.is_empty() {
        let inputs = Inputs {
            x,
            weight,
            ones: &vec![T::one(); shape.channels / shape.groups],
            shape,
        };
        let size = BLOCK * shape.channels;
        y.par_chunks_mut(size)
            .enumerate()
            .for_each(|(block, y)| forward_block(&inputs, bias, block * size, y));
    }
    tensor(y, &[shape.rows, shape.channels])
}

/// Contributions of one task to the gradients of weight and bias.
type Partial<T> = (Vec<T>, Vec<T>);

vectorised! {
    /// With n the normalised values, r = 1 / deviation and means over the group:
    /// dx = r (w dy - mean(w dy) - n mean(w dy n)).
    fn backward_block<T>(inputs: &Inputs<'_, T>, dy: &[T], start: usize, dx: &mut [T]) -> Partial<T> {
        let (channels, width) = (inputs.shape.channels, inputs.width());
        let count = T::from_f64(width as f64);
        let (mut dweight, mut dbias) = (vec![T::zero(); channels], vec![T::zero(); channels]);
        let (mut normed, mut wdy) = (vec![T::zero(); width], vec![T::zero(); width]);
        for (index, dx) in dx.chunks_mut(width).enumerate() {
            let at = start + index * width;
            let scale = inputs.centre(at, &mut normed);
            let first = at % channels;
            let dy = &dy[at..at + width];
            let weight = &inputs.weight[first..first + width];
            let dweight = &mut dweight[first..first + width];
            let dbias = &mut dbias[first..first + width];
            for j in 0..width {
                normed[j] = normed[j] * scale;
                wdy[j] = dy[j] * weight[j];
                dweight[j] += dy[j] * normed[j];
                dbias[j] += dy[j];
            }
            let mean = dot(&wdy, inputs.ones) / count;
            let shared = dot(&wdy, &normed) / count;
            for j in 0..width {
                dx[j] = scale * (wdy[j] - mean - normed[j] * shared);
            }
        }
        (dweight, dbias)
    }
}

fn backward<T: Real>(saved: &LayerNormSaved<Flex>, grad: &FlexTensor) -> LayerNormGradients<Flex> {
    let hosts = [&saved.x, &saved.weight, grad].map(Host::new);
    let [x, weight, dy] = hosts.each_ref().map(Host::slice::<T>);
    let shape = saved.shape;
    let mut dx = zeros(x.len());
    let (mut dweight, mut dbias) = (
        vec![T::zero(); shape.channels],
        vec![T::zero(); shape.channels],
    );
    if !dx.is_empty() {
        let inputs = Inputs {
            x,
            weight,
            ones: &vec![T::one(); shape.channels / shape.groups],
            shape,
        };
        let size = BLOCK * shape.channels;
        let partials: Vec<Partial<T>> = dx
            .par_chunks_mut(size)
            .enumerate()
            .map(|(block, dx)| backward_block(&inputs, dy, block * size, dx))
            .collect();
        // Fixed order: the sums do not depend on which thread finished first.
        for (weight, bias) in &partials {
            for channel in 0..shape.channels {
                dweight[channel] += weight[channel];
                dbias[channel] += bias[channel];
            }
        }
    }
    LayerNormGradients {
        x: tensor(dx, &[shape.rows, shape.channels]),
        weight: tensor(dweight, &[shape.channels]),
        bias: tensor(dbias, &[shape.channels]),
    }
}

impl LayerNormOps for Flex {
    fn layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        shape: LayerNormShape,
    ) -> FloatTensor<Self> {
        let saved = LayerNormSaved::<Self> { x, weight, shape };
        match saved.x.dtype() {
            DType::F64 => forward::<f64>(&saved, &bias),
            _ => forward::<f32>(&saved, &bias),
        }
    }
}

impl LayerNormBackward for Flex {
    fn layer_norm_backward(
        saved: LayerNormSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> LayerNormGradients<Self> {
        match saved.x.dtype() {
            DType::F64 => backward::<f64>(&saved, &grad),
            _ => backward::<f32>(&saved, &grad),
        }
    }
}
