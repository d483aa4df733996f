//! CPU body: tasks of eight channels, all rows of each.

mod system;
mod walk;

use super::LowRankScanShape;
use super::ops::{LowRankScanBackward, LowRankScanGradients, LowRankScanOps, LowRankScanSaved};
use crate::columns::split;
use crate::float::{Real, vectorise};
use crate::host::{Host, tensor, zeros};
use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;
use system::{System, Vector};
use walk::Walk;

/// Channels per task: neighbours in memory.
const BLOCK: usize = 8;

/// Inputs as contiguous slices.
struct Inputs<'a, T> {
    shape: LowRankScanShape,
    x: &'a [T],
    alpha: &'a [T],
    beta: &'a [T],
    kappa: &'a [T],
    b: &'a [T],
    c: &'a [T],
    initial: &'a [T],
    seq_idx: Vec<i64>,
}

fn hosts(saved: &LowRankScanSaved<Flex>) -> [Host; 7] {
    let LowRankScanSaved {
        x,
        alpha,
        beta,
        kappa,
        b,
        c,
        initial,
        ..
    } = saved;
    [x, alpha, beta, kappa, b, c, initial].map(Host::new)
}

impl<'a, T: Real> Inputs<'a, T> {
    fn new(saved: &LowRankScanSaved<Flex>, hosts: &'a [Host; 7]) -> Self {
        let [x, alpha, beta, kappa, b, c, initial] = hosts.each_ref().map(Host::slice::<T>);
        Self {
            shape: saved.shape,
            x,
            alpha,
            beta,
            kappa,
            b,
            c,
            initial,
            seq_idx: Host::new(&saved.seq_idx).integers(),
        }
    }

    fn system(&self, channel: usize) -> System<T> {
        let LowRankScanShape {
            channels,
            state,
            rank,
            ..
        } = self.shape;
        let column = |values| -> Vec<Vector<T>> {
            (0..rank)
                .map(|i| Vector::load(values, i * channels + channel, state))
                .collect()
        };
        System {
            alpha: Vector::load(self.alpha, channel, state),
            beta: column(self.beta),
            kappa: column(self.kappa),
            b: Vector::load(self.b, channel, state),
            c: Vector::load(self.c, channel, state),
        }
    }
}

/// Gradients of one channel: its number, its parameters, and the first state of every row.
type Channel<T> = (usize, System<T>, Vec<Vector<T>>);

/// Puts vector number `index` into a tensor whose first axis is (real, imaginary).
fn store<T: Real>(to: &mut [T], index: usize, vector: &Vector<T>) {
    let state = vector.re.len();
    let (re, im) = to.split_at_mut(to.len() / 2);
    re[index * state..(index + 1) * state].copy_from_slice(&vector.re);
    im[index * state..(index + 1) * state].copy_from_slice(&vector.im);
}

fn forward<T: Real>(saved: &LowRankScanSaved<Flex>) -> FlexTensor {
    let hosts = hosts(saved);
    let inputs = Inputs::<T>::new(saved, &hosts);
    let LowRankScanShape {
        batch,
        len,
        channels,
        ..
    } = saved.shape;
    let mut packed = zeros(saved.shape.y_elements());
    let mut last = inputs.initial.to_vec();
    let blocks = split(&mut packed, channels, batch * len, BLOCK);
    let states: Vec<Vec<(usize, Vector<T>)>> = blocks
        .into_par_iter()
        .map(|mut y| {
            let mut states = Vec::new();
            for col in 0..y.cols {
                let channel = y.first_col + col;
                let system = inputs.system(channel);
                for row in 0..batch {
                    let walk = Walk {
                        inputs: &inputs,
                        system: &system,
                        row,
                        channel,
                    };
                    let put = |t: usize, value: T| y.row(row * len + t)[col] = value;
                    let state = vectorise(|| walk.forward(put));
                    states.push((row * channels + channel, state));
                }
            }
            states
        })
        .collect();
    for (index, state) in states.iter().flatten() {
        store(&mut last, *index, state);
    }
    packed.extend(last);
    let count = packed.len();
    tensor(packed, &[count])
}

fn backward<T: Real>(
    saved: &LowRankScanSaved<Flex>,
    grad: &FlexTensor,
) -> LowRankScanGradients<Flex> {
    let hosts = hosts(saved);
    let inputs = Inputs::<T>::new(saved, &hosts);
    let shape = saved.shape;
    let LowRankScanShape {
        batch,
        len,
        channels,
        state,
        rank,
    } = shape;
    let grad = Host::new(grad);
    let (dy, dlast) = grad.slice::<T>().split_at(shape.y_elements());
    let mut dx = zeros(shape.y_elements());
    let mut initial = dlast.to_vec();
    let done: Vec<Vec<Channel<T>>> = split(&mut dx, channels, batch * len, BLOCK)
        .into_par_iter()
        .map(|mut dx| {
            let mut done = Vec::new();
            for col in 0..dx.cols {
                let channel = dx.first_col + col;
                let system = inputs.system(channel);
                let mut g = System::zeros(&shape);
                let mut firsts = Vec::new();
                for row in 0..batch {
                    let walk = Walk {
                        inputs: &inputs,
                        system: &system,
                        row,
                        channel,
                    };
                    let last = Vector::load(dlast, row * channels + channel, state);
                    let dy = |t: usize| dy[(row * len + t) * channels + channel];
                    let put = |t: usize, value: T| dx.row(row * len + t)[col] = value;
                    firsts.push(vectorise(|| walk.backward(dy, last, put, &mut g)));
                }
                done.push((channel, g, firsts));
            }
            done
        })
        .collect();
    let zeros = |count: usize| vec![T::zero(); 2 * count * channels * state];
    let (mut alpha, mut b, mut c) = (zeros(1), zeros(1), zeros(1));
    let (mut beta, mut kappa) = (zeros(rank), zeros(rank));
    for (channel, g, firsts) in done.iter().flatten() {
        store(&mut alpha, *channel, &g.alpha);
        store(&mut b, *channel, &g.b);
        store(&mut c, *channel, &g.c);
        for i in 0..rank {
            store(&mut beta, i * channels + channel, &g.beta[i]);
            store(&mut kappa, i * channels + channel, &g.kappa[i]);
        }
        for (row, first) in firsts.iter().enumerate() {
            store(&mut initial, row * channels + channel, first);
        }
    }
    let vectors = [2, channels, state];
    let columns = [2, rank, channels, state];
    LowRankScanGradients {
        x: tensor(dx, &[batch, len, channels]),
        alpha: tensor(alpha, &vectors),
        beta: tensor(beta, &columns),
        kappa: tensor(kappa, &columns),
        b: tensor(b, &vectors),
        c: tensor(c, &vectors),
        initial: tensor(initial, &[2, batch, channels, state]),
    }
}

impl LowRankScanOps for Flex {
    fn lowrank_scan(
        x: FloatTensor<Self>,
        alpha: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        kappa: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: LowRankScanShape,
    ) -> FloatTensor<Self> {
        let saved = LowRankScanSaved::<Self> {
            x,
            alpha,
            beta,
            kappa,
            b,
            c,
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

impl LowRankScanBackward for Flex {
    fn lowrank_scan_backward(
        saved: LowRankScanSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> LowRankScanGradients<Self> {
        match saved.x.dtype() {
            DType::F64 => backward::<f64>(&saved, &grad),
            _ => backward::<f32>(&saved, &grad),
        }
    }
}
