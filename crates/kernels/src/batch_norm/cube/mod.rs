//! CubeCL body: blocks of rows side by side, joined in a fixed order.
//!
//! Memory-bound: forward reads x twice and writes y, backward reads x and dy twice and writes dx. At
//! [65536, 128] in f32 that is 0.10 and 0.17 GB: 0.03 and 0.06 ms at 3 TB/s.

mod kernels;

use super::ops::{
    BatchNormBackward, BatchNormGradients, BatchNormOps, BatchNormSaved, ChannelMoments,
};
use super::{BLOCK, BatchNormShape};
use crate::cube::{
    accumulator, buffer, column_sums, contiguous, cube_units, element, elements, empty, grid,
    vector_width, zeros,
};
use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;
use kernels::SizesLaunch;

/// Units that join the blocks of one channel.
const UNITS: usize = 128;

/// Sizes of a call on `x`, in vectors.
struct Layout {
    shape: BatchNormShape,
    vector: usize,
    columns: usize,
    blocks: usize,
    types: [ElemType; 2],
}

impl Layout {
    fn new(x: &CubeTensor, shape: BatchNormShape) -> Self {
        let vector = vector_width(shape.channels, x.dtype);
        Self {
            shape,
            vector,
            columns: shape.channels / vector,
            blocks: shape.rows.div_ceil(BLOCK),
            types: [x.dtype, accumulator(x.dtype)].map(element),
        }
    }

    fn is_empty(&self) -> bool {
        self.shape.rows == 0 || self.shape.channels == 0
    }

    fn share(&self) -> InputScalar {
        let share = match self.shape.counted {
            0 => 0.0,
            counted => 1.0 / counted as f64,
        };
        InputScalar::new(share, self.types[1])
    }

    fn sizes(&self, total: usize) -> SizesLaunch {
        SizesLaunch::new(
            self.shape.rows,
            self.columns,
            total,
            InputScalar::new(self.shape.eps, self.types[1]),
            self.share(),
        )
    }

    /// Two tensors [block, channel] for sums over blocks of rows.
    fn parts(&self, like: &CubeTensor) -> [CubeTensor; 2] {
        let shape = [self.blocks, self.shape.channels];
        [0, 1].map(|_| empty(like, &shape, accumulator(like.dtype)))
    }
}

fn moments(x: CubeTensor, marks: CubeTensor, shape: BatchNormShape) -> CubeTensor {
    let layout = Layout::new(&x, shape);
    let work = accumulator(x.dtype);
    if layout.is_empty() {
        return zeros(&x, &[2, shape.channels], work);
    }
    let [means, squares] = layout.parts(&x);
    let counts = empty(&x, &[layout.blocks], work);
    let total = layout.blocks * layout.columns;
    let (count, dim) = grid(&x.client, total);
    kernels::block_moments::launch(
        &x.client,
        count,
        dim,
        layout.vector,
        buffer(&x, &x),
        buffer(&marks, &counts),
        buffer(&means, &means),
        buffer(&squares, &squares),
        buffer(&counts, &counts),
        layout.sizes(total),
        BLOCK,
        elements(&marks) > 0,
        layout.types,
    );
    let moments = empty(&x, &[2, shape.channels], work);
    let units = cube_units(&x.client, UNITS.min(layout.blocks));
    kernels::join_moments::launch(
        &x.client,
        CubeCount::Static(shape.channels as u32, 1, 1),
        CubeDim::new_1d(units as u32),
        buffer(&means, &means),
        buffer(&squares, &squares),
        buffer(&counts, &counts),
        buffer(&moments, &moments),
        layout.share(),
        layout.blocks,
        shape.channels,
        units,
        layout.types[1],
    );
    moments
}

fn forward(saved: BatchNormSaved<CubeBackend>, bias: CubeTensor) -> CubeTensor {
    let layout = Layout::new(&saved.x, saved.shape);
    let x = contiguous(saved.x);
    let y = empty(&x, &[saved.shape.rows, saved.shape.channels], x.dtype);
    if layout.is_empty() {
        return y;
    }
    let [weight, bias, moments] = [saved.weight, bias, saved.moments].map(contiguous);
    let total = saved.shape.rows * layout.columns;
    let (count, dim) = grid(&x.client, total);
    kernels::forward::launch(
        &x.client,
        count,
        dim,
        layout.vector,
        buffer(&x, &x),
        buffer(&weight, &x),
        buffer(&bias, &x),
        buffer(&moments, &x),
        buffer(&y, &y),
        layout.sizes(total),
        layout.types,
    );
    y
}

fn backward(
    saved: BatchNormSaved<CubeBackend>,
    grad: CubeTensor,
) -> BatchNormGradients<CubeBackend> {
    let shape = saved.shape;
    let layout = Layout::new(&saved.x, shape);
    let [x, weight, moments, marks, grad] =
        [saved.x, saved.weight, saved.moments, saved.marks, grad].map(contiguous);
    let work = accumulator(x.dtype);
    let dx = empty(&x, &[shape.rows, shape.channels], x.dtype);
    if layout.is_empty() {
        return BatchNormGradients {
            x: dx,
            weight: zeros(&x, &[shape.channels], work),
            bias: zeros(&x, &[shape.channels], work),
        };
    }
    let [plain, shared] = layout.parts(&x);
    let total = layout.blocks * layout.columns;
    let (count, dim) = grid(&x.client, total);
    kernels::block_sums::launch(
        &x.client,
        count,
        dim,
        layout.vector,
        buffer(&x, &x),
        buffer(&grad, &grad),
        buffer(&moments, &moments),
        buffer(&plain, &plain),
        buffer(&shared, &shared),
        layout.sizes(total),
        BLOCK,
        layout.types,
    );
    let sums = [plain, shared].map(|parts| column_sums(parts, layout.blocks, shape.channels));
    let [plain, shared] = sums;
    let total = shape.rows * layout.columns;
    let (count, dim) = grid(&x.client, total);
    kernels::slopes::launch(
        &x.client,
        count,
        dim,
        layout.vector,
        buffer(&x, &x),
        buffer(&grad, &grad),
        buffer(&weight, &weight),
        buffer(&moments, &moments),
        buffer(&marks, &plain),
        buffer(&plain, &plain),
        buffer(&shared, &shared),
        buffer(&dx, &dx),
        layout.sizes(total),
        elements(&marks) > 0,
        layout.types,
    );
    BatchNormGradients {
        x: dx,
        weight: shared,
        bias: plain,
    }
}

impl ChannelMoments for CubeBackend {
    fn channel_moments(
        x: FloatTensor<Self>,
        marks: FloatTensor<Self>,
        shape: BatchNormShape,
    ) -> FloatTensor<Self> {
        moments(contiguous(x), contiguous(marks), shape)
    }
}

impl BatchNormOps for CubeBackend {
    fn channel_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        marks: FloatTensor<Self>,
        shape: BatchNormShape,
    ) -> FloatTensor<Self> {
        let saved = BatchNormSaved::<Self> {
            x,
            weight,
            moments,
            marks,
            shape,
        };
        forward(saved, bias)
    }
}

impl BatchNormBackward for CubeBackend {
    fn channel_norm_backward(
        saved: BatchNormSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> BatchNormGradients<Self> {
        backward(saved, grad)
    }
}
