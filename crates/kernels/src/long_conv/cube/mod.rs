//! CubeCL body: sequences are sorted into those summed directly and those transformed, by the size of
//! their transform; a cube transforms one sequence of some channels in shared memory.
//!
//! A transform has as many complex elements as the sequence has positions, rounded up to a power of two
//! (`rows` says why that suffices). Forward reads x and writes y, backward reads x and the gradient and
//! writes dx: at batch 32, 256 channels, len 1024, f32, 67 and 101 MB, 22 and 34 us at 3 TB/s, and one
//! transform there and one back per row and channel, backward two there.
//! Transforms that shared memory cannot hold (beyond 16,384 elements in f32 on an H100) take a step in
//! device memory for every factor of four, which reads and writes two numbers per element, and a row of
//! that many; sequences go by in portions, so that these take about [`PORTION`] bytes.
//! Gradients of taps are summed as spectra, in a fixed order, and transformed back once.

#![allow(clippy::too_many_arguments)] // a kernel has one argument per tensor

mod direct;
mod form;
mod fourier;
mod launch;
mod outer;
mod plan;
mod rows;
mod table;
mod taps;
mod transform;

use super::LongConvShape;
use super::ops::{LongConvBackward, LongConvGradients, LongConvOps, LongConvSaved};
use crate::cube::{contiguous, element, elements, empty, grid, part_sums, zeros};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::ops::into_data_sync;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;
use plan::Plan;
use taps::TapSizesLaunch;

/// Bytes of the elements of transforms in device memory, about.
const PORTION: usize = 256 << 20;

/// One call, ready to launch.
struct Call {
    x: CubeTensor,
    kernel: CubeTensor,
    reverse: CubeTensor,
    skip: CubeTensor,
    shape: LongConvShape,
    plan: Plan,
    packed: bool,
    /// Stands in for tensors without elements.
    spare: CubeTensor,
}

impl Call {
    fn new(saved: LongConvSaved<CubeBackend>) -> Self {
        let packed = elements(&saved.seq_idx) > 0;
        let indices: Vec<i64> = match packed {
            true => into_data_sync(saved.seq_idx).iter::<i64>().collect(),
            false => Vec::new(),
        };
        let x = contiguous(saved.x);
        Self {
            spare: empty(&x, &[16], x.dtype),
            kernel: contiguous(saved.kernel),
            reverse: contiguous(saved.reverse),
            skip: contiguous(saved.skip),
            plan: Plan::new(&saved.shape, &indices),
            shape: saved.shape,
            packed,
            x,
        }
    }

    fn client(&self) -> &Client {
        &self.x.client
    }

    fn dtype(&self) -> DType {
        self.x.dtype
    }

    fn element(&self) -> ElemType {
        element(self.dtype())
    }

    fn grid(&self, total: usize) -> (CubeCount, CubeDim) {
        grid(self.client(), total)
    }

    /// Whether there is nothing to sum.
    fn is_empty(&self) -> bool {
        self.plan.classes.is_empty() || self.shape.channels == 0
    }

    fn grid_shape(&self) -> [usize; 3] {
        [self.shape.batch, self.shape.len, self.shape.channels]
    }

    fn tap_sizes(&self, total: usize) -> TapSizesLaunch {
        TapSizesLaunch::new(
            self.shape.channels,
            self.shape.taps,
            self.shape.reverse_taps,
            self.plan.lags,
            self.plan.before,
            total,
        )
    }

    /// All taps by lag, [lag, channel].
    fn taps(&self) -> CubeTensor {
        let channels = self.shape.channels;
        let taps = empty(&self.x, &[self.plan.lags, channels], self.dtype());
        let total = self.plan.lags * channels;
        let (count, dim) = self.grid(total);
        taps::gather::launch(
            self.client(),
            count,
            dim,
            self.buffer(&self.kernel),
            self.buffer(&self.reverse),
            self.buffer(&self.skip),
            self.buffer(&taps),
            self.tap_sizes(total),
            self.element(),
        );
        taps
    }

    fn forward(&self, initial: CubeTensor) -> CubeTensor {
        let y = empty(&self.x, &self.grid_shape(), self.dtype());
        if self.is_empty() {
            return y;
        }
        let initial = contiguous(initial);
        let taps = self.taps();
        for class in &self.plan.classes {
            match class.size {
                None => self.convolve_directly(class, &self.x, &taps, Some(&initial), &y),
                Some(size) => self.convolve_by_fourier(class, size, &taps, &initial, &y),
            }
        }
        y
    }

    fn backward(&self, grad: CubeTensor) -> LongConvGradients<CubeBackend> {
        let LongConvShape {
            channels,
            taps,
            reverse_taps,
            ..
        } = self.shape;
        let new = |shape: &[usize]| match self.is_empty() {
            true => zeros(&self.x, shape, self.dtype()),
            false => empty(&self.x, shape, self.dtype()),
        };
        let gradients = LongConvGradients {
            x: new(&self.grid_shape()),
            kernel: new(&[channels, taps]),
            reverse: new(&[channels, reverse_taps]),
            skip: new(&[channels]),
        };
        if self.is_empty() {
            return gradients;
        }
        let grad = contiguous(grad);
        let all = self.taps();
        let summed: Vec<CubeTensor> = (self.plan.classes.iter())
            .map(|class| match class.size {
                None => {
                    self.convolve_directly(class, &grad, &all, None, &gradients.x);
                    self.correlate_directly(class, &grad)
                }
                Some(size) => self.adjoint_by_fourier(class, size, &all, &grad, &gradients.x),
            })
            .collect();
        let dall = self.add_up(summed);
        let total = channels * (taps + reverse_taps + 1);
        let (count, dim) = self.grid(total);
        taps::scatter::launch(
            self.client(),
            count,
            dim,
            self.buffer(&dall),
            self.buffer(&gradients.kernel),
            self.buffer(&gradients.reverse),
            self.buffer(&gradients.skip),
            self.tap_sizes(total),
            self.element(),
        );
        gradients
    }

    /// The sum of the classes' contributions, [lag, channel].
    fn add_up(&self, mut parts: Vec<CubeTensor>) -> CubeTensor {
        let shape = [self.plan.lags, self.shape.channels];
        let mut sum = parts.remove(0);
        for part in parts {
            sum = burn_cubecl::ops::numeric::add(sum, part);
        }
        part_sums(sum, 1, &shape, self.dtype())
    }
}

impl LongConvOps for CubeBackend {
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
        Call::new(saved).forward(initial)
    }
}

impl LongConvBackward for CubeBackend {
    fn long_conv_backward(
        saved: LongConvSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> LongConvGradients<Self> {
        Call::new(saved).backward(grad)
    }
}
