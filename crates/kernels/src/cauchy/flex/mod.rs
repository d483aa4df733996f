//! CPU body: one task per channel, its reciprocals shared by the channel's rows.

mod nodes;
mod row;

use super::CauchyShape;
use super::ops::{CauchyBackward, CauchyGradients, CauchyOps, CauchySaved};
use crate::complex::{ComplexPrimitive, join, part};
use crate::float::Real;
use crate::fourier::{Fourier, RealFft};
use crate::host::{Host, tensor};
use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use nodes::{Nodes, Reciprocals};
use rayon::prelude::*;
use realfft::num_complex::Complex64;
use row::Row;

const ZERO: Complex64 = Complex64::new(0.0, 0.0);

/// Inputs in f64: they are few beside the reciprocals.
struct Inputs {
    lambda: Vec<Complex64>,
    p: Vec<Complex64>,
    b: Vec<Complex64>,
    c: Vec<Complex64>,
    dt: Vec<f64>,
    shape: CauchyShape,
}

impl Inputs {
    fn new<T: Real>(saved: &CauchySaved<Flex>) -> Self {
        let complex = |pair: &ComplexPrimitive<Flex>| {
            let [re, im] = [&pair.re, &pair.im].map(Host::new);
            join(re.slice::<T>(), im.slice::<T>())
        };
        let dt = Host::new(&saved.dt);
        Self {
            lambda: complex(&saved.lambda),
            p: complex(&saved.p),
            b: complex(&saved.b),
            c: complex(&saved.c),
            dt: dt.slice::<T>().iter().map(|dt| dt.into_f64()).collect(),
            shape: saved.shape,
        }
    }

    /// Where column `i` of P of `channel` starts.
    fn column(&self, i: usize, channel: usize) -> usize {
        (i * self.shape.channels + channel) * self.shape.state
    }

    fn lambda(&self, channel: usize) -> Vec<Complex64> {
        let lambda = &self.lambda[channel * self.shape.state..][..self.shape.state];
        lambda.iter().map(|l| l * self.dt[channel]).collect()
    }

    fn row(&self, row: usize) -> Row {
        let (channel, state) = (row % self.shape.channels, self.shape.state);
        let own = |all: &[Complex64]| all[row * state..][..state].to_vec();
        let p = |i: usize| &self.p[self.column(i, channel)..][..state];
        let columns = 0..self.shape.rank;
        let conjugated = columns
            .clone()
            .map(|i| p(i).iter().map(|p| p.conj()).collect());
        Row {
            left: std::iter::once(own(&self.c)).chain(conjugated).collect(),
            right: std::iter::once(own(&self.b))
                .chain(columns.map(|i| p(i).to_vec()))
                .collect(),
            lambda: self.lambda(channel),
            dt: self.dt[channel],
        }
    }

    /// Rows of `channel`.
    fn rows(&self, channel: usize) -> impl Iterator<Item = usize> + use<> {
        (channel..self.shape.rows).step_by(self.shape.channels)
    }
}

fn forward<T: Fourier>(saved: &CauchySaved<Flex>) -> FlexTensor {
    let inputs = Inputs::new::<T>(saved);
    let shape = saved.shape;
    let mut kernel = vec![T::zero(); shape.rows * shape.len];
    if !kernel.is_empty() {
        let (nodes, fft) = (Nodes::new(shape.len), RealFft::new(shape.len));
        let mut of_channel: Vec<Vec<&mut [T]>> = (0..shape.channels).map(|_| Vec::new()).collect();
        for (row, values) in kernel.chunks_mut(shape.len).enumerate() {
            of_channel[row % shape.channels].push(values);
        }
        let channels = of_channel.into_par_iter().enumerate();
        channels.for_each(|(channel, rows)| {
            let reciprocals = Reciprocals::<T>::new(&nodes, &inputs.lambda(channel));
            for (row, out) in inputs.rows(channel).zip(rows) {
                inputs.row(row).kernel(&nodes, &reciprocals, &fft, out);
            }
        });
    }
    tensor(kernel, &[shape.rows, shape.len])
}

/// Gradients of one channel.
struct Channel {
    lambda: Vec<Complex64>,
    /// [rank][state].
    p: Vec<Vec<Complex64>>,
    /// b and c of the channel's rows.
    rows: Vec<(Vec<Complex64>, Vec<Complex64>)>,
    dt: f64,
}

fn backward_channel<T: Fourier>(
    inputs: &Inputs,
    (nodes, fft): (&Nodes, &RealFft<T>),
    grad: &[T],
    channel: usize,
) -> Channel {
    let CauchyShape {
        state, rank, len, ..
    } = inputs.shape;
    let reciprocals = Reciprocals::<T>::new(nodes, &inputs.lambda(channel));
    let mut out = Channel {
        lambda: vec![ZERO; state],
        p: vec![vec![ZERO; state]; rank],
        rows: Vec::new(),
        dt: 0.0,
    };
    for row in inputs.rows(channel) {
        let grad = &grad[row * len..][..len];
        let mut g = inputs.row(row).gradients(nodes, &reciprocals, fft, grad);
        for i in 0..rank {
            for n in 0..state {
                out.p[i][n] += g.left[i + 1][n].conj() + g.right[i + 1][n];
            }
        }
        out.dt += g.dt;
        for (n, &value) in g.lambda.iter().enumerate() {
            out.lambda[n] += value * inputs.dt[channel];
            let lambda = inputs.lambda[channel * state + n];
            out.dt += (value.conj() * lambda).re;
        }
        out.rows
            .push((g.right.swap_remove(0), g.left.swap_remove(0)));
    }
    out
}

fn backward<T: Fourier>(saved: &CauchySaved<Flex>, grad: &FlexTensor) -> CauchyGradients<Flex> {
    let inputs = Inputs::new::<T>(saved);
    let shape = saved.shape;
    let CauchyShape { state, rank, .. } = shape;
    let grad = Host::new(grad);
    let grad = grad.slice::<T>();
    let mut lambda = vec![ZERO; shape.channels * state];
    let mut p = vec![ZERO; rank * shape.channels * state];
    let mut b = vec![ZERO; shape.rows * state];
    let mut c = b.clone();
    let mut dt = vec![T::zero(); shape.channels];
    if !grad.is_empty() {
        let (nodes, fft) = (Nodes::new(shape.len), RealFft::new(shape.len));
        let channels: Vec<Channel> = (0..shape.channels)
            .into_par_iter()
            .map(|channel| backward_channel(&inputs, (&nodes, &fft), grad, channel))
            .collect();
        for (channel, g) in channels.into_iter().enumerate() {
            lambda[channel * state..][..state].copy_from_slice(&g.lambda);
            for (i, values) in g.p.iter().enumerate() {
                p[inputs.column(i, channel)..][..state].copy_from_slice(values);
            }
            for (row, (db, dc)) in inputs.rows(channel).zip(g.rows) {
                b[row * state..][..state].copy_from_slice(&db);
                c[row * state..][..state].copy_from_slice(&dc);
            }
            dt[channel] = <T as Real>::from_f64(g.dt);
        }
    }
    let pair = |values: &[Complex64], dims: &[usize]| {
        let (re, im) = part::<T>(values);
        ComplexPrimitive::new([tensor(re, dims), tensor(im, dims)])
    };
    CauchyGradients {
        lambda: pair(&lambda, &[shape.channels, state]),
        p: pair(&p, &[rank, shape.channels, state]),
        b: pair(&b, &[shape.rows, state]),
        c: pair(&c, &[shape.rows, state]),
        dt: tensor(dt, &[shape.channels]),
    }
}

impl CauchyOps for Flex {
    fn cauchy(
        lambda_re: FloatTensor<Self>,
        lambda_im: FloatTensor<Self>,
        p_re: FloatTensor<Self>,
        p_im: FloatTensor<Self>,
        b_re: FloatTensor<Self>,
        b_im: FloatTensor<Self>,
        c_re: FloatTensor<Self>,
        c_im: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        shape: CauchyShape,
    ) -> FloatTensor<Self> {
        let saved = CauchySaved::<Self> {
            lambda: ComplexPrimitive::new([lambda_re, lambda_im]),
            p: ComplexPrimitive::new([p_re, p_im]),
            b: ComplexPrimitive::new([b_re, b_im]),
            c: ComplexPrimitive::new([c_re, c_im]),
            dt,
            shape,
        };
        match saved.dt.dtype() {
            DType::F64 => forward::<f64>(&saved),
            _ => forward::<f32>(&saved),
        }
    }
}

impl CauchyBackward for Flex {
    fn cauchy_backward(saved: CauchySaved<Self>, grad: FloatTensor<Self>) -> CauchyGradients<Self> {
        match saved.dt.dtype() {
            DType::F64 => backward::<f64>(&saved, &grad),
            _ => backward::<f32>(&saved, &grad),
        }
    }
}
