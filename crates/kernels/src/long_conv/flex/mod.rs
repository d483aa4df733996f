//! CPU body: tasks of sixteen channels of a row (forward) or of some rows (backward).
//!
//! What a task computes and the order of all sums depend on the shape alone, so results do not
//! depend on the number of threads.

mod backward;
mod direct;
mod forward;
mod plan;
mod spectrum;

use super::LongConvShape;
use super::ops::{LongConvBackward, LongConvGradients, LongConvOps, LongConvSaved};
use crate::float::Real;
use crate::fourier::Fourier;
use crate::host::{Host, tensor};
use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_flex::FlexTensor;
use direct::{LANES, Lane, Padded};
use plan::Plan;
use spectrum::Spectra;
use std::ops::Range;

/// Inputs as contiguous slices, with what all tasks share.
struct Inputs<'a, T: Fourier> {
    plan: &'a Plan,
    x: &'a [T],
    skip: &'a [T],
    /// Kernels of the sequences summed directly, [block of channels, tap].
    kernel: Vec<Lane<T>>,
    /// The same of the reversed kernel.
    reverse: Vec<Lane<T>>,
    spectra: Vec<Spectra<T>>,
}

impl<'a, T: Fourier> Inputs<'a, T> {
    fn new(plan: &'a Plan, hosts: &'a [Host; 4]) -> Self {
        let [x, kernel, reverse, skip] = hosts.each_ref().map(Host::slice::<T>);
        let shape = plan.shape;
        let spectra = plan.transforms.iter();
        Self {
            plan,
            x,
            skip,
            kernel: in_lanes(kernel, shape.channels, shape.taps, plan.direct_taps),
            reverse: in_lanes(
                reverse,
                shape.channels,
                shape.reverse_taps,
                plan.direct_reverse_taps,
            ),
            spectra: spectra
                .map(|t| Spectra::new(*t, &shape, kernel, reverse))
                .collect(),
        }
    }

    /// Taps of the channels from `first` on that a sequence of `len` reaches.
    fn taps(&self, first: usize, len: usize) -> (&[Lane<T>], &[Lane<T>]) {
        let block = first / LANES;
        let part = |all: &'_ [Lane<T>], taps: usize, reach: usize| -> Range<usize> {
            debug_assert!(all.len() >= (block + 1) * taps);
            block * taps..block * taps + taps.min(reach)
        };
        let (taps, reverse_taps) = (self.plan.direct_taps, self.plan.direct_reverse_taps);
        (
            &self.kernel[part(&self.kernel, taps, len)],
            &self.reverse[part(&self.reverse, reverse_taps, len.saturating_sub(1))],
        )
    }
}

/// [channel, tap] to [block of channels, tap] with the channels of a block side by side.
fn in_lanes<T: Real>(values: &[T], channels: usize, taps: usize, keep: usize) -> Vec<Lane<T>> {
    let mut lanes = vec![[T::zero(); LANES]; channels.div_ceil(LANES) * keep];
    for (block, lanes) in lanes.chunks_mut(keep.max(1)).enumerate() {
        for lane in 0..LANES.min(channels - block * LANES) {
            let values = &values[(block * LANES + lane) * taps..][..keep];
            for (to, &from) in lanes.iter_mut().zip(values) {
                to[lane] = from;
            }
        }
    }
    lanes
}

/// Positions `range` of `row`, the channels from `first` on; missing channels are zero.
fn gather<T: Real>(
    values: &[T],
    shape: &LongConvShape,
    row: usize,
    range: Range<usize>,
    first: usize,
) -> Padded<T> {
    let mut part = Padded::zeros(range.len());
    let cols = LANES.min(shape.channels - first);
    for (lane, t) in part.rows_mut().iter_mut().zip(range) {
        let at = (row * shape.len + t) * shape.channels + first;
        lane[..cols].copy_from_slice(&values[at..at + cols]);
    }
    part
}

fn run_forward<T: Fourier>(saved: &LongConvSaved<Flex>, initial: &FlexTensor) -> FlexTensor {
    let shape = saved.shape;
    let plan = Plan::new(shape, &Host::new(&saved.seq_idx).integers());
    let hosts = [&saved.x, &saved.kernel, &saved.reverse, &saved.skip].map(Host::new);
    let initial = Host::new(initial);
    let y = forward::forward(&Inputs::<T>::new(&plan, &hosts), initial.slice());
    tensor(y, &[shape.batch, shape.len, shape.channels])
}

fn run_backward<T: Fourier>(
    saved: &LongConvSaved<Flex>,
    grad: &FlexTensor,
) -> LongConvGradients<Flex> {
    let shape = saved.shape;
    let plan = Plan::new(shape, &Host::new(&saved.seq_idx).integers());
    let hosts = [&saved.x, &saved.kernel, &saved.reverse, &saved.skip].map(Host::new);
    let grad = Host::new(grad);
    let out = backward::backward(&Inputs::<T>::new(&plan, &hosts), grad.slice());
    LongConvGradients {
        x: tensor(out.x, &[shape.batch, shape.len, shape.channels]),
        kernel: tensor(out.kernel, &[shape.channels, shape.taps]),
        reverse: tensor(out.reverse, &[shape.channels, shape.reverse_taps]),
        skip: tensor(out.skip, &[shape.channels]),
    }
}

impl LongConvOps for Flex {
    fn long_conv(
        x: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        reverse: FloatTensor<Self>,
        skip: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: LongConvShape,
    ) -> FloatTensor<Self> {
        let saved = LongConvSaved::<Self> {
            x,
            kernel,
            reverse,
            skip,
            seq_idx,
            shape,
        };
        match saved.x.dtype() {
            DType::F64 => run_forward::<f64>(&saved, &initial),
            _ => run_forward::<f32>(&saved, &initial),
        }
    }
}

impl LongConvBackward for Flex {
    fn long_conv_backward(
        saved: LongConvSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> LongConvGradients<Self> {
        match saved.x.dtype() {
            DType::F64 => run_backward::<f64>(&saved, &grad),
            _ => run_backward::<f32>(&saved, &grad),
        }
    }
}
