//! CPU body: channels are the vector axis, rayon over batch rows and blocks of positions.

use super::ops::{Conv1dBackward, Conv1dGradients, Conv1dOps, Conv1dSaved};
use super::{Activation, Conv1dShape, Padding};
use crate::float::{Real, sigmoid, vectorise};
use crate::host::{Host, tensor};
use crate::segments::Row;
use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// Positions per task. Fixed, so that sums over tasks do not depend on the number of threads.
const BLOCK: usize = 128;

struct Inputs<'a, T> {
    shape: Conv1dShape,
    x: &'a [T],
    /// [tap, channel]: transposed, so that the channel is contiguous.
    weight: Vec<T>,
    bias: &'a [T],
    /// [batch, tap - 1, channel], transposed likewise; empty for centred padding.
    initial: Vec<T>,
    seq_idx: &'a [i64],
}

fn transpose<T: Real>(values: &[T], rows: usize, cols: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(values.len());
    for col in 0..cols {
        out.extend((0..rows).map(|row| values[row * cols + col]));
    }
    out
}

struct Hosts {
    floats: [Host; 4],
    seq_idx: Vec<i64>,
    shape: Conv1dShape,
}

impl Hosts {
    fn new(saved: &Conv1dSaved<Flex>) -> Self {
        Self {
            floats: [&saved.x, &saved.weight, &saved.bias, &saved.initial].map(Host::new),
            seq_idx: Host::new(&saved.seq_idx).integers(),
            shape: saved.shape,
        }
    }

    fn inputs<T: Real>(&self) -> Inputs<'_, T> {
        let shape = self.shape;
        let [x, weight, bias, initial] = self.floats.each_ref().map(Host::slice::<T>);
        let keep = shape.taps - 1;
        let initial = initial
            .chunks((shape.channels * keep).max(1))
            .flat_map(|row| transpose(row, shape.channels, keep))
            .collect();
        Inputs {
            shape,
            x,
            weight: transpose(weight, shape.channels, shape.taps),
            bias,
            initial,
            seq_idx: &self.seq_idx,
        }
    }
}

impl<T: Real> Inputs<'_, T> {
    fn tap(&self, tap: usize) -> &[T] {
        &self.weight[tap * self.shape.channels..][..self.shape.channels]
    }

    /// Where the input lies that `tap` reads at position `t`, if it reads any.
    #[inline(always)]
    fn source(&self, row: usize, t: usize, tap: usize) -> Option<Source> {
        let indices = Row::new(self.seq_idx, row, self.shape.len);
        let shifted = t + tap;
        let left = self.shape.left();
        if shifted >= left {
            let at = shifted - left;
            return (at < self.shape.len && indices.joined(at, t)).then_some(Source::Input(at));
        }
        let carried = self.shape.padding == Padding::Causal && indices.joined(0, t);
        carried.then_some(Source::Carried(shifted))
    }

    /// The channels at `source`.
    #[inline(always)]
    fn channels(&self, row: usize, source: Source) -> &[T] {
        let Conv1dShape {
            len,
            channels,
            taps,
            ..
        } = self.shape;
        match source {
            Source::Input(at) => &self.x[(row * len + at) * channels..][..channels],
            Source::Carried(at) => &self.initial[(row * (taps - 1) + at) * channels..][..channels],
        }
    }

    /// z_t for all channels.
    #[inline(always)]
    fn convolve(&self, row: usize, t: usize, z: &mut [T]) {
        z.copy_from_slice(self.bias);
        for tap in 0..self.shape.taps {
            if let Some(source) = self.source(row, t, tap) {
                let values = self.channels(row, source);
                for ((z, &weight), &x) in z.iter_mut().zip(self.tap(tap)).zip(values) {
                    *z += weight * x;
                }
            }
        }
    }

    #[inline(always)]
    fn activate(&self, z: &mut [T]) {
        if self.shape.activation == Activation::Silu {
            for value in z {
                *value = *value * sigmoid(*value);
            }
        }
    }

    /// dz_t = dy_t silu'(z_t) for all channels; `z` is scratch and holds the result.
    #[inline(always)]
    fn pre_activation_gradient(&self, row: usize, t: usize, dy: &[T], z: &mut [T]) {
        let dy = &dy[(row * self.shape.len + t) * self.shape.channels..][..self.shape.channels];
        match self.shape.activation {
            Activation::Identity => z.copy_from_slice(dy),
            Activation::Silu => {
                self.convolve(row, t, z);
                for (z, &dy) in z.iter_mut().zip(dy) {
                    let s = sigmoid(*z);
                    *z = dy * s * (T::one() + *z * (T::one() - s));
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Source {
    Input(usize),
    Carried(usize),
}

fn forward<T: Real>(saved: &Conv1dSaved<Flex>) -> FlexTensor {
    let hosts = Hosts::new(saved);
    let inputs = hosts.inputs::<T>();
    let Conv1dShape {
        batch,
        len,
        channels,
        ..
    } = saved.shape;
    let mut y = vec![T::zero(); batch * len * channels];
    if !y.is_empty() {
        y.par_chunks_mut(len * channels)
            .enumerate()
            .flat_map(|(row, y)| {
                y.par_chunks_mut(BLOCK * channels)
                    .enumerate()
                    .map(move |(block, y)| (row, block, y))
            })
            .for_each(|(row, block, y)| {
                vectorise(|| {
                    for (offset, z) in y.chunks_mut(channels).enumerate() {
                        inputs.convolve(row, block * BLOCK + offset, z);
                        inputs.activate(z);
                    }
                });
            });
    }
    tensor(y, &[batch, len, channels])
}

/// Sums of one task: gradients of the parameters and of the carried inputs.
struct Partial<T> {
    row: usize,
    weight: Vec<T>,
    bias: Vec<T>,
    initial: Vec<T>,
}

/// Adds what position `t` contributes to the parameters' gradients.
#[inline(always)]
fn accumulate<T: Real>(inputs: &Inputs<'_, T>, t: usize, dz: &[T], partial: &mut Partial<T>) {
    let channels = inputs.shape.channels;
    for (sum, &dz) in partial.bias.iter_mut().zip(dz) {
        *sum += dz;
    }
    for tap in 0..inputs.shape.taps {
        let Some(source) = inputs.source(partial.row, t, tap) else {
            continue;
        };
        let values = inputs.channels(partial.row, source);
        let sums = &mut partial.weight[tap * channels..][..channels];
        for ((sum, &dz), &x) in sums.iter_mut().zip(dz).zip(values) {
            *sum += dz * x;
        }
        if let Source::Carried(at) = source {
            let sums = &mut partial.initial[at * channels..][..channels];
            for ((sum, &dz), &weight) in sums.iter_mut().zip(dz).zip(inputs.tap(tap)) {
                *sum += dz * weight;
            }
        }
    }
}

/// One task: dx of the positions of one block, and the sums over them.
///
/// dz beyond the block is computed again: K - 1 positions of a block of [`BLOCK`].
#[inline(always)]
fn backward_block<T: Real>(
    inputs: &Inputs<'_, T>,
    row: usize,
    start: usize,
    dy: &[T],
    dx: &mut [T],
) -> Partial<T> {
    let Conv1dShape {
        len,
        channels,
        taps,
        ..
    } = inputs.shape;
    let left = inputs.shape.left();
    let mut partial = Partial {
        row,
        weight: vec![T::zero(); taps * channels],
        bias: vec![T::zero(); channels],
        initial: vec![T::zero(); (taps - 1) * channels],
    };
    let end = start + dx.len() / channels;
    let mut dz = vec![T::zero(); channels];
    // Position t reads inputs t - left ..= t - left + K - 1.
    let first = (start + left).saturating_sub(taps - 1);
    for t in first..(end + left).min(len) {
        inputs.pre_activation_gradient(row, t, dy, &mut dz);
        if (start..end).contains(&t) {
            accumulate(inputs, t, &dz, &mut partial);
        }
        for tap in 0..taps {
            let Some(Source::Input(at)) = inputs.source(row, t, tap) else {
                continue;
            };
            if !(start..end).contains(&at) {
                continue;
            }
            let dx = &mut dx[(at - start) * channels..][..channels];
            for ((dx, &dz), &weight) in dx.iter_mut().zip(&dz).zip(inputs.tap(tap)) {
                *dx += dz * weight;
            }
        }
    }
    partial
}

fn backward<T: Real>(saved: &Conv1dSaved<Flex>, grad: &FlexTensor) -> Conv1dGradients<Flex> {
    let hosts = Hosts::new(saved);
    let inputs = hosts.inputs::<T>();
    let grad = Host::new(grad);
    let dy = grad.slice::<T>();
    let Conv1dShape {
        batch,
        len,
        channels,
        taps,
        ..
    } = saved.shape;
    let mut dx = vec![T::zero(); batch * len * channels];
    let partials: Vec<Partial<T>> = if dx.is_empty() {
        Vec::new()
    } else {
        dx.par_chunks_mut(len * channels)
            .enumerate()
            .flat_map(|(row, dx)| {
                dx.par_chunks_mut(BLOCK * channels)
                    .enumerate()
                    .map(move |(block, dx)| (row, block, dx))
            })
            .map(|(row, block, dx)| {
                vectorise(|| backward_block(&inputs, row, block * BLOCK, dy, dx))
            })
            .collect()
    };
    let keep = taps - 1;
    let mut weight = vec![T::zero(); taps * channels];
    let mut bias = vec![T::zero(); channels];
    let mut initial = vec![T::zero(); batch * keep * channels];
    let add = |sums: &mut [T], values: &[T]| {
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum += value;
        }
    };
    for partial in &partials {
        add(&mut weight, &partial.weight);
        add(&mut bias, &partial.bias);
        add(
            &mut initial[partial.row * keep * channels..],
            &partial.initial,
        );
    }
    let initial: Vec<T> = initial
        .chunks((keep * channels).max(1))
        .flat_map(|row| transpose(row, keep, channels))
        .collect();
    Conv1dGradients {
        x: tensor(dx, &[batch, len, channels]),
        weight: tensor(transpose(&weight, taps, channels), &[channels, taps]),
        bias: tensor(bias, &[channels]),
        initial: tensor(initial, &[batch, channels, keep]),
    }
}

impl Conv1dOps for Flex {
    fn depthwise_conv1d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: Conv1dShape,
    ) -> FloatTensor<Self> {
        let saved = Conv1dSaved::<Self> {
            x,
            weight,
            bias,
            initial,
            seq_idx,
            shape,
        };
        match saved.x.dtype() {
            DType::F64 => forward::<f64>(&saved),
            _ => forward::<f32>(&saved),
        }
    }
}

impl Conv1dBackward for Flex {
    fn depthwise_conv1d_backward(
        saved: Conv1dSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> Conv1dGradients<Self> {
        match saved.x.dtype() {
            DType::F64 => backward::<f64>(&saved, &grad),
            _ => backward::<f32>(&saved, &grad),
        }
    }
}
