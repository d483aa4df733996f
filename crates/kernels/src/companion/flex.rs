//! CPU body: one task per channel, the inverse series shared by the channel's rows.

use super::CompanionShape;
use super::ops::{CompanionBackward, CompanionGradients, CompanionOps, CompanionSaved};
use crate::float::Real;
use crate::host::{tensor, widen};
use crate::series::{correlation, inverse, product};
use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// Inputs in f64.
struct Inputs {
    a: Vec<f64>,
    b: Vec<f64>,
    c: Vec<f64>,
    shape: CompanionShape,
}

fn reversed(values: &[f64]) -> Vec<f64> {
    values.iter().rev().copied().collect()
}

/// z times a series.
fn shifted(values: &[f64]) -> Vec<f64> {
    std::iter::once(0.0).chain(values.iter().copied()).collect()
}

impl Inputs {
    fn new<T: Real>(saved: &CompanionSaved<Flex>) -> Self {
        Self {
            a: widen::<T>(&saved.a),
            b: widen::<T>(&saved.b),
            c: widen::<T>(&saved.c),
            shape: saved.shape,
        }
    }

    fn a(&self, channel: usize) -> &[f64] {
        &self.a[channel * self.shape.state..][..self.shape.state]
    }

    fn own<'a>(&self, all: &'a [f64], row: usize) -> &'a [f64] {
        &all[row * self.shape.state..][..self.shape.state]
    }

    /// 1 / (1 - z rev(a)).
    fn resolvent(&self, channel: usize) -> Vec<f64> {
        let minus: Vec<f64> = self.a(channel).iter().rev().map(|a| -a).collect();
        let mut q = shifted(&minus);
        q[0] = 1.0;
        inverse(&q, self.shape.len)
    }

    /// Rows of `channel`.
    fn rows(&self, channel: usize) -> impl Iterator<Item = usize> + use<> {
        (channel..self.shape.rows).step_by(self.shape.channels)
    }

    /// z r_ca rev(b), r_ca and rev(b) of one row.
    fn top(&self, row: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let d = self.shape.state;
        let r_ca = correlation(self.own(&self.c, row), self.a(row % self.shape.channels), d);
        let rev_b = reversed(self.own(&self.b, row));
        let top = product(&r_ca, &rev_b, (2 * d).saturating_sub(1));
        (shifted(&top), r_ca, rev_b)
    }
}

fn forward<T: Real>(saved: &CompanionSaved<Flex>) -> FlexTensor {
    let inputs = Inputs::new::<T>(saved);
    let CompanionShape { len, state, .. } = saved.shape;
    let rows: Vec<Vec<(usize, Vec<f64>)>> = (0..saved.shape.channels)
        .into_par_iter()
        .map(|channel| {
            let resolvent = inputs.resolvent(channel);
            let rows = inputs.rows(channel);
            rows.map(|row| {
                let (c, b) = (inputs.own(&inputs.c, row), inputs.own(&inputs.b, row));
                let mut f = product(&inputs.top(row).0, &resolvent, len);
                for (f, r) in f.iter_mut().zip(correlation(c, b, state)) {
                    *f += r;
                }
                (row, f)
            })
            .collect()
        })
        .collect();
    let mut kernel = vec![T::zero(); saved.shape.rows * len];
    for (row, values) in rows.into_iter().flatten() {
        for (to, from) in kernel[row * len..].iter_mut().zip(values) {
            *to = T::from_f64(from);
        }
    }
    tensor(kernel, &[saved.shape.rows, len])
}

/// Gradients of one channel: a, and (row, b, c) of its rows.
struct Channel {
    a: Vec<f64>,
    rows: Vec<(usize, Vec<f64>, Vec<f64>)>,
}

fn add(sums: &mut [f64], values: &[f64]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

/// With S = top / Q: dtop = g correlated with 1 / Q, dQ = -(dtop correlated with S).
fn backward_channel(inputs: &Inputs, grad: &[f64], channel: usize) -> Channel {
    let CompanionShape { len, state: d, .. } = inputs.shape;
    let resolvent = inputs.resolvent(channel);
    let a = inputs.a(channel);
    let mut out = Channel {
        a: vec![0.0; d],
        rows: Vec::new(),
    };
    for row in inputs.rows(channel) {
        let g = &grad[row * len..][..len];
        let (c, b) = (inputs.own(&inputs.c, row), inputs.own(&inputs.b, row));
        let (top, r_ca, rev_b) = inputs.top(row);
        let dtop = correlation(g, &resolvent, len);
        let dq = correlation(&dtop, &product(&top, &resolvent, len), d + 1);
        // Q_i = -a_{d-i}
        for (a, dq) in out.a.iter_mut().rev().zip(&dq[1..]) {
            *a += dq;
        }
        let dtop = dtop.get(1..).unwrap_or(&[]); // the series without its factor z
        let dr_ca = correlation(dtop, &rev_b, d);
        let mut db = reversed(&correlation(dtop, &r_ca, d));
        let dr_cb = &g[..d.min(len)];
        // r_cv correlates c with v.
        let mut dc = product(&dr_ca, a, d);
        add(&mut dc, &product(dr_cb, b, d));
        add(&mut out.a, &correlation(c, &dr_ca, d));
        add(&mut db, &correlation(c, dr_cb, d));
        out.rows.push((row, db, dc));
    }
    out
}

fn backward<T: Real>(saved: &CompanionSaved<Flex>, grad: &FlexTensor) -> CompanionGradients<Flex> {
    let inputs = Inputs::new::<T>(saved);
    let CompanionShape {
        rows,
        channels,
        state,
        ..
    } = saved.shape;
    let grad = widen::<T>(grad);
    let parts: Vec<Channel> = (0..channels)
        .into_par_iter()
        .map(|channel| backward_channel(&inputs, &grad, channel))
        .collect();
    let (mut b, mut c) = (vec![T::zero(); rows * state], vec![T::zero(); rows * state]);
    let store = |to: &mut [T], row: usize, values: &[f64]| {
        for (to, &from) in to[row * state..].iter_mut().zip(values) {
            *to = T::from_f64(from);
        }
    };
    for (row, db, dc) in parts.iter().flat_map(|part| &part.rows) {
        store(&mut b, *row, db);
        store(&mut c, *row, dc);
    }
    let a = parts.iter().flat_map(|part| &part.a);
    let a = a.map(|&a| T::from_f64(a)).collect();
    CompanionGradients {
        a: tensor(a, &[channels, state]),
        b: tensor(b, &[rows, state]),
        c: tensor(c, &[rows, state]),
    }
}

impl CompanionOps for Flex {
    fn companion(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        shape: CompanionShape,
    ) -> FloatTensor<Self> {
        let saved = CompanionSaved::<Self> { a, b, c, shape };
        match saved.a.dtype() {
            DType::F64 => forward::<f64>(&saved),
            _ => forward::<f32>(&saved),
        }
    }
}

impl CompanionBackward for Flex {
    fn companion_backward(
        saved: CompanionSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> CompanionGradients<Self> {
        match saved.a.dtype() {
            DType::F64 => backward::<f64>(&saved, &grad),
            _ => backward::<f32>(&saved, &grad),
        }
    }
}
