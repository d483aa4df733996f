//! CPU body: one task per block of channels, the powers of each channel shared by the batch.

use super::DiagonalStateShape;
use super::ops::{
    DiagonalStateBackward, DiagonalStateGradients, DiagonalStateOps, DiagonalStateSaved,
};
use crate::columns::{Columns, split};
use crate::complex::{join, part};
use crate::float::Real;
use crate::host::{Host, tensor, zeros};
use crate::poles::Pole;
use crate::segments::Row;
use crate::vandermonde::Powers;
use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;
use realfft::num_complex::Complex64;

/// Channels per task of the backward pass: what neighbours in memory share.
const BLOCK: usize = 16;
const ZERO: Complex64 = Complex64::new(0.0, 0.0);

struct Inputs<'a, T> {
    x: &'a [T],
    a: Vec<Complex64>,
    dt: Vec<f64>,
    initial: Vec<Complex64>,
    /// First position of the last sequence of every row.
    starts: Vec<usize>,
    shape: DiagonalStateShape,
}

impl<'a, T: Real> Inputs<'a, T> {
    fn new(saved: &DiagonalStateSaved<Flex>, hosts: &'a [Host; 6]) -> Self {
        let [x, a_re, a_im, dt, initial_re, initial_im] = hosts.each_ref().map(Host::slice::<T>);
        let shape = saved.shape;
        let seq_idx = Host::new(&saved.seq_idx).integers();
        let starts = (0..shape.batch).map(|row| match shape.len {
            0 => 0,
            len => Row::new(&seq_idx, row, len).start_of_run(0, len - 1),
        });
        Self {
            x,
            a: join(a_re, a_im),
            dt: dt.iter().map(|dt| dt.into_f64()).collect(),
            initial: join(initial_re, initial_im),
            starts: starts.collect(),
            shape,
        }
    }

    fn poles(&self, channel: usize) -> (Vec<Pole>, Powers<T>) {
        let a = &self.a[channel * self.shape.state..][..self.shape.state];
        let poles: Vec<Pole> = a
            .iter()
            .map(|&a| Pole::new(self.shape.rule, a, self.dt[channel]))
            .collect();
        let factors: Vec<Complex64> = poles.iter().map(|pole| pole.factor).collect();
        (poles, Powers::new(&factors, self.shape.len))
    }

    /// x of one row and channel, last position first, zero before the last sequence.
    fn reversed(&self, row: usize, channel: usize) -> Vec<T> {
        let DiagonalStateShape { len, channels, .. } = self.shape;
        let positions = (0..len).rev();
        positions
            .map(|t| match t >= self.starts[row] {
                true => self.x[(row * len + t) * channels + channel],
                false => T::zero(),
            })
            .collect()
    }

    fn at(&self, row: usize, channel: usize) -> usize {
        (row * self.shape.channels + channel) * self.shape.state
    }

    /// z^len where the initial state reaches the end of the row, else zero; and its derivative.
    fn carry(&self, row: usize, pole: &Pole) -> (Complex64, Complex64) {
        let len = self.shape.len;
        match (self.starts[row], len) {
            (0, 0) => (Complex64::new(1.0, 0.0), ZERO),
            (0, _) => {
                let before = pole.factor.powu(len as u32 - 1);
                (before * pole.factor, before * len as f64)
            }
            _ => (ZERO, ZERO),
        }
    }
}

fn hosts(saved: &DiagonalStateSaved<Flex>) -> [Host; 6] {
    [
        &saved.x,
        &saved.a_re,
        &saved.a_im,
        &saved.dt,
        &saved.initial_re,
        &saved.initial_im,
    ]
    .map(Host::new)
}

fn forward<T: Real>(saved: &DiagonalStateSaved<Flex>) -> FlexTensor {
    let hosts = hosts(saved);
    let inputs = Inputs::<T>::new(saved, &hosts);
    let shape = saved.shape;
    let channels: Vec<Vec<Complex64>> = (0..shape.channels)
        .into_par_iter()
        .map(|channel| {
            let (poles, powers) = inputs.poles(channel);
            let mut out = Vec::with_capacity(shape.batch * shape.state);
            for row in 0..shape.batch {
                let sums = powers.moments(&inputs.reversed(row, channel));
                let initial = &inputs.initial[inputs.at(row, channel)..];
                for ((pole, (sum, _)), initial) in poles.iter().zip(sums).zip(initial) {
                    out.push(inputs.carry(row, pole).0 * initial + pole.gain * sum);
                }
            }
            out
        })
        .collect();
    let mut state = vec![ZERO; shape.state_elements()];
    for (channel, values) in channels.iter().enumerate() {
        for (row, values) in values.chunks(shape.state.max(1)).enumerate() {
            state[inputs.at(row, channel)..][..shape.state].copy_from_slice(values);
        }
    }
    let (mut packed, im) = part::<T>(&state);
    packed.extend(im);
    tensor(packed, &[2 * shape.state_elements()])
}

/// Gradients of one block of channels.
struct Partial {
    a: Vec<Complex64>,
    dt: Vec<f64>,
    /// [channel of the block, batch, state].
    initial: Vec<Complex64>,
}

/// With F = sum conj(G) h the loss moves as Re dF, holomorphic in z, gain and initial; dx stands in
/// `dx`.
fn backward_block<T: Real>(
    inputs: &Inputs<'_, T>,
    grad: &[Complex64],
    mut dx: Columns<'_, T>,
) -> Partial {
    let DiagonalStateShape {
        batch, len, state, ..
    } = inputs.shape;
    let mut out = Partial {
        a: Vec::new(),
        dt: Vec::new(),
        initial: Vec::new(),
    };
    let mut column = vec![T::zero(); len];
    for col in 0..dx.cols {
        let channel = dx.first_col + col;
        let (poles, powers) = inputs.poles(channel);
        let mut da = vec![ZERO; state];
        let mut ddt = 0.0;
        for row in 0..batch {
            let at = inputs.at(row, channel);
            let grad = &grad[at..at + state];
            let sums = powers.moments(&inputs.reversed(row, channel));
            for (n, (pole, (s0, s1))) in poles.iter().zip(sums).enumerate() {
                let (carry, slope) = inputs.carry(row, pole);
                let cotangent = grad[n].conj();
                let by_factor = cotangent * (pole.gain * s1 + slope * inputs.initial[at + n]);
                let by_gain = cotangent * s0;
                da[n] += (by_factor * pole.factor_a + by_gain * pole.gain_a).conj();
                ddt += (by_factor * pole.factor_dt + by_gain * pole.gain_dt).re;
                out.initial.push((cotangent * carry).conj());
            }
            let pairs = grad.iter().zip(&poles);
            let c: Vec<Complex64> = pairs.map(|(g, pole)| g.conj() * pole.gain).collect();
            powers.evaluate(&c, &mut column);
            for t in inputs.starts[row]..len {
                dx.row(row * len + t)[col] = column[len - 1 - t];
            }
        }
        out.a.extend(da);
        out.dt.push(ddt);
    }
    out
}

fn backward<T: Real>(
    saved: &DiagonalStateSaved<Flex>,
    grad: &FlexTensor,
) -> DiagonalStateGradients<Flex> {
    let hosts = hosts(saved);
    let inputs = Inputs::<T>::new(saved, &hosts);
    let shape = saved.shape;
    let grad = Host::new(grad);
    let (re, im) = grad.slice::<T>().split_at(shape.state_elements());
    let grad = join(re, im);
    let mut dx = zeros(shape.batch * shape.len * shape.channels);
    let mut a = vec![ZERO; shape.channels * shape.state];
    let mut dt = vec![T::zero(); shape.channels];
    let mut initial = grad.clone();
    if !dx.is_empty() {
        let partials: Vec<Partial> = split(&mut dx, shape.channels, shape.batch * shape.len, BLOCK)
            .into_par_iter()
            .map(|block| backward_block(&inputs, &grad, block))
            .collect();
        for (block, partial) in partials.iter().enumerate() {
            let first = block * BLOCK;
            a[first * shape.state..][..partial.a.len()].copy_from_slice(&partial.a);
            for (col, &value) in partial.dt.iter().enumerate() {
                dt[first + col] = T::from_f64(value);
                for row in 0..shape.batch {
                    let from = (col * shape.batch + row) * shape.state;
                    initial[inputs.at(row, first + col)..][..shape.state]
                        .copy_from_slice(&partial.initial[from..from + shape.state]);
                }
            }
        }
    }
    let (a, initial) = (part::<T>(&a), part::<T>(&initial));
    let poles = [shape.channels, shape.state];
    let states = [shape.batch, shape.channels, shape.state];
    DiagonalStateGradients {
        x: tensor(dx, &[shape.batch, shape.len, shape.channels]),
        a_re: tensor(a.0, &poles),
        a_im: tensor(a.1, &poles),
        dt: tensor(dt, &[shape.channels]),
        initial_re: tensor(initial.0, &states),
        initial_im: tensor(initial.1, &states),
    }
}

impl DiagonalStateOps for Flex {
    fn diagonal_state(
        x: FloatTensor<Self>,
        a_re: FloatTensor<Self>,
        a_im: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        initial_re: FloatTensor<Self>,
        initial_im: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: DiagonalStateShape,
    ) -> FloatTensor<Self> {
        let saved = DiagonalStateSaved::<Self> {
            x,
            a_re,
            a_im,
            dt,
            initial_re,
            initial_im,
            seq_idx,
            shape,
        };
        match saved.x.dtype() {
            DType::F64 => forward::<f64>(&saved),
            _ => forward::<f32>(&saved),
        }
    }
}

impl DiagonalStateBackward for Flex {
    fn diagonal_state_backward(
        saved: DiagonalStateSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> DiagonalStateGradients<Self> {
        match saved.x.dtype() {
            DType::F64 => backward::<f64>(&saved, &grad),
            _ => backward::<f32>(&saved, &grad),
        }
    }
}
