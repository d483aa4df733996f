//! CPU body: one pass over each group, rayon over blocks of rows.

use super::RmsNormShape;
use super::ops::{RmsNormBackward, RmsNormGradients, RmsNormOps, RmsNormSaved};
use crate::float::{Real, dot, sigmoid, vectorised};
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
    gate: &'a [T],
    weight: &'a [T],
    shape: RmsNormShape,
}

impl<T: Real> Inputs<'_, T> {
    fn width(&self) -> usize {
        self.shape.channels / self.shape.groups
    }

    /// silu(gate) of the group that starts at element `at`.
    #[inline(always)]
    fn activate(&self, at: usize, silu: &mut [T]) {
        let gate = &self.gate[at..at + silu.len()];
        for (silu, &z) in silu.iter_mut().zip(gate) {
            *silu = z * sigmoid(z);
        }
    }

    /// v of the group that starts at element `at`, where it holds silu(gate); returns 1 / rms.
    #[inline(always)]
    fn gated(&self, at: usize, v: &mut [T]) -> T {
        let x = &self.x[at..at + v.len()];
        if self.shape.gated {
            for (v, &x) in v.iter_mut().zip(x) {
                *v = x * *v;
            }
        } else {
            v.copy_from_slice(x);
        }
        let mean = dot(v, v) / T::from_f64(v.len() as f64);
        T::one() / (mean + T::from_f64(self.shape.eps)).sqrt()
    }
}

vectorised! {
    /// y of the rows from element `start` on.
    fn forward_block<T>(inputs: &Inputs<'_, T>, start: usize, y: &mut [T]) {
        let width = inputs.width();
        for (index, y) in y.chunks_mut(width).enumerate() {
            let at = start + index * width;
            if inputs.shape.gated {
                inputs.activate(at, y);
            }
            let scale = inputs.gated(at, y);
            let weight = &inputs.weight[at % inputs.shape.channels..];
            for (y, &w) in y.iter_mut().zip(weight) {
                *y = *y * scale * w;
            }
        }
    }
}

fn forward<T: Real>(saved: &RmsNormSaved<Flex>) -> FlexTensor {
    let hosts = [&saved.x, &saved.gate, &saved.weight].map(Host::new);
    let [x, gate, weight] = hosts.each_ref().map(Host::slice::<T>);
    let shape = saved.shape;
    let inputs = Inputs {
        x,
        gate,
        weight,
        shape,
    };
    let mut y = zeros(x.len());
    if !y.is_empty() {
        y.par_chunks_mut(BLOCK * shape.channels)
            .enumerate()
            .for_each(|(block, y)| forward_block(&inputs, block * BLOCK * shape.channels, y));
    }
    tensor(y, &[shape.rows, shape.channels])
}

/// Destination of one task.
struct Block<'a, T> {
    start: usize,
    dx: &'a mut [T],
    dgate: &'a mut [T],
}

/// With r = 1 / rms and m the group's width: dv = r (w dy - v r^2 / m sum(w dy v)).
/// Returns the block's contribution to the gradient of the weight.
#[inline(always)]
fn backward_block<T: Real>(inputs: &Inputs<'_, T>, dy: &[T], block: Block<'_, T>) -> Vec<T> {
    let channels = inputs.shape.channels;
    let width = inputs.width();
    let mut dweight = vec![T::zero(); channels];
    let mut v = vec![T::zero(); width];
    let mut wdy = vec![T::zero(); width];
    let mut s = vec![T::zero(); width];
    for offset in (0..block.dx.len()).step_by(width) {
        let at = block.start + offset;
        if inputs.shape.gated {
            let gate = &inputs.gate[at..at + width];
            for j in 0..width {
                s[j] = sigmoid(gate[j]);
                v[j] = gate[j] * s[j];
            }
        }
        let scale = inputs.gated(at, &mut v);
        let first = at % channels;
        let dy = &dy[at..at + width];
        let dweight = &mut dweight[first..first + width];
        let weight = &inputs.weight[first..first + width];
        for j in 0..width {
            dweight[j] += dy[j] * v[j] * scale;
            wdy[j] = dy[j] * weight[j];
        }
        let shared = dot(&wdy, &v) * scale * scale / T::from_f64(width as f64);
        let dx = &mut block.dx[offset..offset + width];
        for j in 0..width {
            dx[j] = scale * (wdy[j] - v[j] * shared);
        }
        if inputs.shape.gated {
            let x = &inputs.x[at..at + width];
            let gate = &inputs.gate[at..at + width];
            let dgate = &mut block.dgate[offset..offset + width];
            for j in 0..width {
                dgate[j] = dx[j] * x[j] * s[j] * (T::one() + gate[j] * (T::one() - s[j]));
                dx[j] = dx[j] * gate[j] * s[j];
            }
        }
    }
    dweight
}

vectorised! {
    fn backward_task<T>(inputs: &Inputs<'_, T>, dy: &[T], block: Block<'_, T>) -> Vec<T> {
        backward_block(inputs, dy, block)
    }
}

fn backward<T: Real>(saved: &RmsNormSaved<Flex>, grad: &FlexTensor) -> RmsNormGradients<Flex> {
    let hosts = [&saved.x, &saved.gate, &saved.weight].map(Host::new);
    let [x, gate, weight] = hosts.each_ref().map(Host::slice::<T>);
    let shape = saved.shape;
    let inputs = Inputs {
        x,
        gate,
        weight,
        shape,
    };
    let grad = Host::new(grad);
    let dy = grad.slice::<T>();
    let mut dx = zeros(x.len());
    let mut dgate = zeros(gate.len());
    let mut dweight = vec![T::zero(); weight.len()];
    if !dx.is_empty() {
        let size = BLOCK * shape.channels;
        let mut gates: Vec<&mut [T]> = dgate.chunks_mut(size).collect();
        gates.resize_with(dx.len().div_ceil(size), || &mut []);
        let partials: Vec<Vec<T>> = dx
            .par_chunks_mut(size)
            .zip(gates)
            .enumerate()
            .map(|(index, (dx, dgate))| {
                let start = index * size;
                let block = Block { start, dx, dgate };
                backward_task(&inputs, dy, block)
            })
            .collect();
        for partial in partials {
            for (sum, value) in dweight.iter_mut().zip(partial) {
                *sum += value;
            }
        }
    }
    let flat = [shape.rows, shape.channels];
    let gate_shape = if shape.gated { flat } else { [0, 0] };
    RmsNormGradients {
        x: tensor(dx, &flat),
        gate: tensor(dgate, &gate_shape),
        weight: tensor(dweight, &[shape.channels]),
    }
}

impl RmsNormOps for Flex {
    fn rms_norm(
        x: FloatTensor<Self>,
        gate: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        shape: RmsNormShape,
    ) -> FloatTensor<Self> {
        let saved = RmsNormSaved::<Self> {
            x,
            gate,
            weight,
            shape,
        };
        match saved.x.dtype() {
            DType::F64 => forward::<f64>(&saved),
            _ => forward::<f32>(&saved),
        }
    }
}

impl RmsNormBackward for Flex {
    fn rms_norm_backward(
        saved: RmsNormSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> RmsNormGradients<Self> {
        match saved.x.dtype() {
            DType::F64 => backward::<f64>(&saved, &grad),
            _ => backward::<f32>(&saved, &grad),
        }
    }
}
