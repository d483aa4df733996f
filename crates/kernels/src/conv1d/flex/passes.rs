//! The two passes over blocks of positions.

use super::super::Conv1dShape;
use super::super::ops::{Conv1dGradients, Conv1dSaved};
use super::window::Source;
use super::{Hosts, Inputs, transpose};
use crate::float::{Real, vectorised};
use crate::host::{Host, tensor, zeros};
use burn::backend::Flex;
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// Positions per task. Fixed, so that sums over tasks do not depend on the number of threads.
const BLOCK: usize = 128;

/// Cuts [batch, len, channel] into one task per block of positions: (row, first position, slice).
fn blocks<'a, T: Real>(
    values: &'a mut [T],
    shape: &Conv1dShape,
) -> Vec<(usize, usize, &'a mut [T])> {
    let width = shape.channels;
    let row = (shape.len * width).max(1);
    values
        .chunks_mut(row)
        .enumerate()
        .flat_map(|(row, values)| {
            let parts = values.chunks_mut(BLOCK * width).enumerate();
            parts.map(move |(block, part)| (row, block * BLOCK, part))
        })
        .collect()
}

vectorised! {
    fn forward_block<T>(inputs: &Inputs<'_, T>, block: (usize, usize, &mut [T])) {
        let (row, start, y) = block;
        let mut rows = Vec::with_capacity(inputs.shape.taps);
        for (offset, y) in y.chunks_mut(inputs.shape.channels).enumerate() {
            inputs.window(row, start + offset, &mut rows);
            inputs.output(&rows, y);
        }
    }
}

pub(super) fn forward<T: Real>(saved: &Conv1dSaved<Flex>) -> FlexTensor {
    let hosts = Hosts::new(saved);
    let inputs = hosts.inputs::<T>();
    let Conv1dShape {
        batch,
        len,
        channels,
        ..
    } = saved.shape;
    let mut y = zeros(batch * len * channels);
    blocks(&mut y, &saved.shape)
        .into_par_iter()
        .for_each(|block| forward_block(&inputs, block));
    tensor(y, &[batch, len, channels])
}

/// Sums of one task: gradients of the parameters ([tap, channel] and `[channel]`) and of the carried
/// inputs [tap - 1, channel].
struct Partial<T> {
    row: usize,
    weight: Vec<T>,
    bias: Vec<T>,
    initial: Vec<T>,
}

impl<T: Real> Partial<T> {
    fn new(row: usize, shape: &Conv1dShape) -> Self {
        Self {
            row,
            weight: vec![T::zero(); shape.taps * shape.channels],
            bias: vec![T::zero(); shape.channels],
            initial: vec![T::zero(); (shape.taps - 1) * shape.channels],
        }
    }

    /// Adds what position `t` contributes.
    #[inline(always)]
    fn add(&mut self, inputs: &Inputs<'_, T>, t: usize, window: &[&[T]], dz: &[T]) {
        let width = dz.len();
        for (sum, &dz) in self.bias.iter_mut().zip(dz) {
            *sum += dz;
        }
        for (sums, x) in self.weight.chunks_mut(width).zip(window) {
            for ((sum, &dz), &x) in sums.iter_mut().zip(dz).zip(*x) {
                *sum += dz * x;
            }
        }
        if t + 1 >= inputs.shape.taps {
            return;
        }
        for tap in 0..inputs.shape.taps {
            if let Some(Source::Carried(at)) = inputs.source(self.row, t, tap) {
                inputs.spread_one(tap, dz, &mut self.initial[at * width..][..width]);
            }
        }
    }
}

/// One task: dx of the positions of one block, and the sums over them.
///
/// dz beyond the block, which its inputs also reach, is computed again: K - 1 positions of
/// [`BLOCK`].
#[inline(always)]
fn backward_block<T: Real>(
    inputs: &Inputs<'_, T>,
    (row, start, dx): (usize, usize, &mut [T]),
    dy: &[T],
) -> Partial<T> {
    let shape = inputs.shape;
    let width = shape.channels;
    let left = shape.left();
    let end = start + dx.len() / width;
    let first = (start + left).saturating_sub(shape.taps - 1);
    let last = (end + left).min(shape.len);
    let mut partial = Partial::new(row, &shape);
    let mut dz = vec![T::zero(); (last - first) * width];
    let mut window = Vec::with_capacity(shape.taps);
    for (t, dz) in (first..last).zip(dz.chunks_mut(width)) {
        inputs.window(row, t, &mut window);
        let dy = &dy[(row * shape.len + t) * width..][..width];
        inputs.gradient(&window, dy, dz);
        if (start..end).contains(&t) {
            partial.add(inputs, t, &window, dz);
        }
    }
    let mut readers: Vec<&[T]> = Vec::with_capacity(shape.taps);
    for (at, dx) in (start..end).zip(dx.chunks_mut(width)) {
        readers.clear();
        readers.extend(
            (0..shape.taps).map(|tap| match inputs.reader(row, at, tap) {
                Some(t) => &dz[(t - first) * width..][..width],
                None => &inputs.zeros[..],
            }),
        );
        inputs.spread(&readers, dx);
    }
    partial
}

vectorised! {
    fn backward_task<T>(
        inputs: &Inputs<'_, T>,
        block: (usize, usize, &mut [T]),
        dy: &[T],
    ) -> Partial<T> {
        backward_block(inputs, block, dy)
    }
}

pub(super) fn backward<T: Real>(
    saved: &Conv1dSaved<Flex>,
    grad: &FlexTensor,
) -> Conv1dGradients<Flex> {
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
    let mut dx = zeros(batch * len * channels);
    let partials: Vec<Partial<T>> = blocks(&mut dx, &saved.shape)
        .into_par_iter()
        .map(|block| backward_task(&inputs, block, dy))
        .collect();
    let keep = taps - 1;
    let mut weight = vec![T::zero(); taps * channels];
    let mut bias = vec![T::zero(); channels];
    let mut initial = vec![T::zero(); batch * keep * channels];
    let add = |sums: &mut [T], values: &[T]| {
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum += value;
        }
    };
    // Fixed order: the sums do not depend on which thread finished first.
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
