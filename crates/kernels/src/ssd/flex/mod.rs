//! CPU body of SSD: matrix products inside chunks, rayon over batch, chunk and head block; of a single
//! position one pass over the state.
//!
//! The length is walked in *spans* of sixteen chunks. Within a span, states at chunk boundaries are
//! found first (parallel over batch and head block), then every chunk is finished on its own
//! (parallel over batch and chunk). Memory stays at one span of states however long the sequence, and for
//! the backward pass one state per span; since no task's work depends on how tasks are spread, results
//! do not depend on the number of threads.

mod backward;
mod chunk_gradient;
mod decay;
mod forward;
mod head_gradient;
mod plan;
mod states;
mod step;

pub(super) use plan::kept_states;

use super::SsdShape;
use super::ops::{SsdBackward, SsdGradients, SsdOps, SsdSaved};
use crate::float::Real;
use crate::host::{Host, tensor};
use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_flex::FlexTensor;

/// Inputs as contiguous slices.
#[derive(Clone, Copy)]
struct Slices<'a, T> {
    x: &'a [T],
    dt: &'a [T],
    a: &'a [T],
    b: &'a [T],
    c: &'a [T],
    d: &'a [T],
    initial: &'a [T],
    seq_idx: &'a [i64],
}

/// Holds the contiguous tensors that [`Slices`] borrows from.
struct Hosts {
    floats: [Host; 7],
    seq_idx: Vec<i64>,
}

impl Hosts {
    fn new(saved: &SsdSaved<Flex>) -> Self {
        let SsdSaved {
            x,
            dt,
            a,
            b,
            c,
            d,
            initial,
            ..
        } = saved;
        Self {
            floats: [x, dt, a, b, c, d, initial].map(Host::new),
            seq_idx: Host::new(&saved.seq_idx).integers(),
        }
    }

    fn slices<T: Real>(&self) -> Slices<'_, T> {
        let [x, dt, a, b, c, d, initial] = self.floats.each_ref().map(Host::slice::<T>);
        Slices {
            x,
            dt,
            a,
            b,
            c,
            d,
            initial,
            seq_idx: &self.seq_idx,
        }
    }
}

fn run_forward<T: Real>(saved: &SsdSaved<Flex>) -> FlexTensor {
    let hosts = Hosts::new(saved);
    let packed = match saved.shape.len {
        1 => step::step(hosts.slices::<T>(), saved.shape),
        _ => forward::forward(hosts.slices::<T>(), saved.shape),
    };
    tensor(packed, &[saved.shape.packed_elements()])
}

fn run_backward<T: Real>(saved: &SsdSaved<Flex>, grad: &FlexTensor) -> SsdGradients<Flex> {
    let shape = saved.shape;
    let hosts = Hosts::new(saved);
    let grad = Host::new(grad);
    let kept = Host::new(&saved.kept);
    let kept = match shape.kept_states {
        0 => &[],
        _ => kept.slice::<T>(),
    };
    let g = backward::backward(hosts.slices::<T>(), kept, grad.slice::<T>(), shape);
    let projection = [shape.batch, shape.len, shape.groups, shape.state];
    SsdGradients {
        x: tensor(g.x, &[shape.batch, shape.len, shape.heads, shape.head_dim]),
        dt: tensor(g.dt, &[shape.batch, shape.len, shape.heads]),
        a: tensor(g.a, &[shape.heads]),
        b: tensor(g.b, &projection),
        c: tensor(g.c, &projection),
        d: tensor(g.d, &[shape.heads]),
        initial: tensor(
            g.initial,
            &[shape.batch, shape.heads, shape.head_dim, shape.state],
        ),
    }
}

impl SsdOps for Flex {
    fn ssd(
        x: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: SsdShape,
    ) -> FloatTensor<Self> {
        let saved = SsdSaved::<Self> {
            kept: initial.clone(),
            x,
            dt,
            a,
            b,
            c,
            d,
            initial,
            seq_idx,
            shape,
        };
        match saved.x.dtype() {
            DType::F64 => run_forward::<f64>(&saved),
            _ => run_forward::<f32>(&saved),
        }
    }
}

impl SsdBackward for Flex {
    fn ssd_backward(saved: SsdSaved<Self>, grad: FloatTensor<Self>) -> SsdGradients<Self> {
        match saved.x.dtype() {
            DType::F64 => run_backward::<f64>(&saved, &grad),
            _ => run_backward::<f32>(&saved, &grad),
        }
    }
}
