//! CPU body: channels are the vector axis, rayon over rows, blocks of channels and chunks.

mod backward;
mod scan;

use super::DiagonalScanShape;
use super::ops::{DiagonalScanBackward, DiagonalScanGradients, DiagonalScanOps, DiagonalScanSaved};
use crate::float::Real;
use crate::host::{Host, tensor};
use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_flex::FlexTensor;
use scan::Scan;

fn forward<T: Real>(
    floats: [&FlexTensor; 5],
    seq_idx: &FlexTensor,
    shape: DiagonalScanShape,
) -> FlexTensor {
    let hosts = floats.map(Host::new);
    let [x, a_re, a_im, initial_re, initial_im] = hosts.each_ref().map(Host::slice::<T>);
    let seq_idx = Host::new(seq_idx).integers();
    let scan = Scan {
        shape,
        x,
        a: (a_re, a_im),
        seq_idx: &seq_idx,
        adjoint: false,
    };
    let h = scan.states((initial_re, initial_im));
    tensor(h, &[shape.batch, shape.len, 2 * shape.channels])
}

fn backward<T: Real>(
    saved: &DiagonalScanSaved<Flex>,
    grad: &FlexTensor,
) -> DiagonalScanGradients<Flex> {
    let shape = saved.shape;
    let hosts = [
        grad,
        &saved.a_re,
        &saved.a_im,
        &saved.initial_re,
        &saved.initial_im,
        &saved.h,
    ]
    .map(Host::new);
    let [grad, a_re, a_im, initial_re, initial_im, h] = hosts.each_ref().map(Host::slice::<T>);
    let seq_idx = Host::new(&saved.seq_idx).integers();
    let scan = Scan {
        shape,
        x: grad,
        a: (a_re, a_im),
        seq_idx: &seq_idx,
        adjoint: true,
    };
    let g = backward::gradients(&scan, h, (initial_re, initial_im));
    let factors = match shape.varying {
        true => vec![shape.batch, shape.len, shape.channels],
        false => vec![shape.channels],
    };
    let states = [shape.batch, shape.channels];
    DiagonalScanGradients {
        x: tensor(g.x, &[shape.batch, shape.len, 2 * shape.channels]),
        a_re: tensor(g.a.0, &factors),
        a_im: tensor(g.a.1, &factors),
        initial_re: tensor(g.initial.0, &states),
        initial_im: tensor(g.initial.1, &states),
    }
}

impl DiagonalScanOps for Flex {
    fn diagonal_scan(
        x: FloatTensor<Self>,
        a_re: FloatTensor<Self>,
        a_im: FloatTensor<Self>,
        initial_re: FloatTensor<Self>,
        initial_im: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: DiagonalScanShape,
    ) -> FloatTensor<Self> {
        let floats = [&x, &a_re, &a_im, &initial_re, &initial_im];
        match x.dtype() {
            DType::F64 => forward::<f64>(floats, &seq_idx, shape),
            _ => forward::<f32>(floats, &seq_idx, shape),
        }
    }
}

impl DiagonalScanBackward for Flex {
    fn diagonal_scan_backward(
        saved: DiagonalScanSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> DiagonalScanGradients<Self> {
        match saved.h.dtype() {
            DType::F64 => backward::<f64>(&saved, &grad),
            _ => backward::<f32>(&saved, &grad),
        }
    }
}
