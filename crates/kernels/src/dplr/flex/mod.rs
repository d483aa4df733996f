//! CPU body of DPLR: one task per (batch row, head), which walks the length chunk by chunk.
//!
//! `tile` holds one chunk of one head, padded to whole vectors; `recurrent` and `rows` walk it step by step,
//! `chunk` and `chunk_gradient` turn it into matrix products; `walk` carries the state from tile to
//! tile. No task's work depends on how tasks are spread, so results do not depend on the number of
//! threads.

mod chunk;
mod chunk_gradient;
mod recurrent;
mod rows;
mod tile;
mod vector;
mod walk;

use super::DplrShape;
use super::ops::{DplrBackward, DplrGradients, DplrOps, DplrSaved};
use crate::float::Real;
use crate::host::{Host, tensor};
use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_flex::FlexTensor;
use vector::Vector;

/// Inputs as contiguous slices.
#[derive(Clone, Copy)]
struct Slices<'a, T> {
    r: &'a [T],
    g: &'a [T],
    k: &'a [T],
    v: &'a [T],
    a: &'a [T],
    b: &'a [T],
    initial: &'a [T],
    seq_idx: &'a [i64],
}

/// Holds the contiguous tensors that [`Slices`] borrows from.
struct Hosts {
    floats: [Host; 7],
    seq_idx: Vec<i64>,
}

impl Hosts {
    fn new(saved: &DplrSaved<Flex>) -> Self {
        let DplrSaved {
            r,
            g,
            k,
            v,
            a,
            b,
            initial,
            ..
        } = saved;
        Self {
            floats: [r, g, k, v, a, b, initial].map(Host::new),
            seq_idx: Host::new(&saved.seq_idx).integers(),
        }
    }

    fn slices<T: Real>(&self) -> Slices<'_, T> {
        let [r, g, k, v, a, b, initial] = self.floats.each_ref().map(Host::slice::<T>);
        Slices {
            r,
            g,
            k,
            v,
            a,
            b,
            initial,
            seq_idx: &self.seq_idx,
        }
    }
}

fn run_forward<T: Vector>(saved: &DplrSaved<Flex>) -> FlexTensor {
    let hosts = Hosts::new(saved);
    let packed = walk::forward(hosts.slices::<T>(), saved.shape);
    tensor(packed, &[saved.shape.packed_elements()])
}

fn run_backward<T: Vector>(saved: &DplrSaved<Flex>, grad: &FlexTensor) -> DplrGradients<Flex> {
    let shape = saved.shape;
    let hosts = Hosts::new(saved);
    let grad = Host::new(grad);
    let g = walk::backward(hosts.slices::<T>(), grad.slice::<T>(), shape);
    let keyed = [shape.batch, shape.len, shape.heads, shape.keys];
    let valued = [shape.batch, shape.len, shape.heads, shape.values];
    DplrGradients {
        r: tensor(g.r, &keyed),
        g: tensor(g.g, &keyed),
        k: tensor(g.k, &keyed),
        v: tensor(g.v, &valued),
        a: tensor(g.a, &keyed),
        b: tensor(g.b, &keyed),
        initial: tensor(
            g.initial,
            &[shape.batch, shape.heads, shape.values, shape.keys],
        ),
    }
}

impl DplrOps for Flex {
    fn dplr(
        r: FloatTensor<Self>,
        g: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: DplrShape,
    ) -> FloatTensor<Self> {
        let saved = DplrSaved::<Self> {
            r,
            g,
            k,
            v,
            a,
            b,
            initial,
            seq_idx,
            shape,
        };
        match saved.v.dtype() {
            DType::F64 => run_forward::<f64>(&saved),
            _ => run_forward::<f32>(&saved),
        }
    }
}

impl DplrBackward for Flex {
    fn dplr_backward(saved: DplrSaved<Self>, grad: FloatTensor<Self>) -> DplrGradients<Self> {
        match saved.v.dtype() {
            DType::F64 => run_backward::<f64>(&saved, &grad),
            _ => run_backward::<f32>(&saved, &grad),
        }
    }
}
