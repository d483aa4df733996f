//! CubeCL body: nodes and poles in f64, and a transform of two passes.
//!
//! Compute-bound in f64. Per row, pole and node (half as many as positions) forward makes about 20 +
//! 4 (rank + 1)^2 multiply-adds, backward that and 40 + 16 (rank + 1)^2; a transform of len = a b makes
//! 2 (a + b) per row and position. At 256 rows of 32 pole pairs, rank 1, that is 0.3 G and 1.1 G at
//! 2,048 positions and 2.4 G and 9 G at 16,384, besides 0.1 G and 2.1 G per transform: 0.02 to 0.7 ms at 17 T/s.

#![allow(clippy::too_many_arguments)] // a kernel has one argument per tensor

mod nodes;
mod poles;
mod system;
mod transform;

use super::CauchyShape;
use super::ops::{CauchyBackward, CauchyGradients, CauchyOps, CauchySaved};
use crate::cube::{
    buffer, contiguous, cube_units, element, empty, part_sums, row_sums, unrolls, zeros,
};
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use system::{SizesLaunch, planes};
use transform::{Transform, grid};

/// Units of a cube.
const UNITS: usize = 128;
/// Poles whose weights stand in shared memory.
const TILE: usize = 32;

/// One call with rows, positions and poles, ready to launch.
struct Call {
    lambda: [CubeTensor; 2],
    p: [CubeTensor; 2],
    b: [CubeTensor; 2],
    c: [CubeTensor; 2],
    dt: CubeTensor,
    shape: CauchyShape,
    transform: Transform,
}

impl Call {
    fn new(saved: CauchySaved<CubeBackend>) -> Self {
        Self {
            transform: Transform::new(&saved.dt, saved.shape.rows, saved.shape.len),
            lambda: saved.lambda.map(contiguous),
            p: saved.p.map(contiguous),
            b: saved.b.map(contiguous),
            c: saved.c.map(contiguous),
            dt: contiguous(saved.dt),
            shape: saved.shape,
        }
    }

    fn client(&self) -> &Client {
        &self.dt.client
    }

    fn total(&self) -> usize {
        self.shape.rows * self.shape.state
    }

    fn sizes(&self, chunks: usize, tiles: usize) -> SizesLaunch {
        let CauchyShape {
            rows,
            channels,
            state,
            len,
            ..
        } = self.shape;
        SizesLaunch::new(
            rows,
            channels,
            state,
            len,
            self.transform.bins(),
            chunks,
            tiles,
        )
    }

    /// lambda, P, b, c and dt as arguments of a kernel.
    fn parameters(&self) -> [BufferArg; 9] {
        let [lambda_re, lambda_im] = &self.lambda;
        let [p_re, p_im] = &self.p;
        let [b_re, b_im] = &self.b;
        let [c_re, c_im] = &self.c;
        let dt = &self.dt;
        [lambda_re, lambda_im, p_re, p_im, b_re, b_im, c_re, c_im, dt]
            .map(|tensor| buffer(tensor, dt))
    }

    /// [plane, row, state] in f64.
    fn weights(&self) -> CubeTensor {
        let weights = empty(
            &self.dt,
            &[planes(self.shape.rank), self.total()],
            DType::F64,
        );
        let (count, dim) = grid(&self.dt, self.total());
        let [lambda_re, lambda_im, p_re, p_im, b_re, b_im, c_re, c_im, dt] = self.parameters();
        system::prepare::launch(
            self.client(),
            count,
            dim,
            lambda_re,
            lambda_im,
            p_re,
            p_im,
            b_re,
            b_im,
            c_re,
            c_im,
            dt,
            buffer(&weights, &weights),
            self.sizes(1, 1),
            self.shape.rank,
            element(self.dt.dtype),
        );
        weights
    }

    /// The spectrum of the kernels, or cotangents from that of their gradients.
    fn nodes(&self, weights: &CubeTensor, gradient: Option<&CubeTensor>) -> CubeTensor {
        let CauchyShape {
            rows, rank, state, ..
        } = self.shape;
        let plan = nodes::Plan {
            rank,
            units: cube_units(self.client(), UNITS),
            tile: state.min(TILE),
            adjoint: gradient.is_some(),
        };
        let parts = if plan.adjoint { 2 + 4 * rank } else { 2 };
        let bins = self.transform.bins();
        let out = empty(&self.dt, &[parts, rows, bins], DType::F64);
        let chunks = bins.div_ceil(plan.units);
        nodes::nodes::launch(
            self.client(),
            CubeCount::Static((rows * chunks) as u32, 1, 1),
            CubeDim::new_1d(plan.units as u32),
            buffer(weights, weights),
            buffer(&self.transform.turns, weights),
            buffer(gradient.unwrap_or(weights), weights),
            buffer(&out, &out),
            self.sizes(chunks, state.div_ceil(plan.tile)),
            plan,
        );
        out
    }

    /// Gradients of the weights, [plane, row, state], from cotangents at the nodes.
    fn poles(&self, weights: &CubeTensor, nodes: &CubeTensor) -> CubeTensor {
        let CauchyShape {
            rows, rank, state, ..
        } = self.shape;
        let units = cube_units(self.client(), UNITS);
        // On a CPU, a place for tests, a pole must have several units and a row several chunks.
        let (wide, chunk) = match unrolls(self.client()) {
            true => (state.next_power_of_two().min(TILE), 256),
            false => (1, 8),
        };
        let plan = poles::Plan {
            rank,
            units,
            poles: wide.min(units),
            chunk,
        };
        let width = planes(rank);
        let chunks = self.transform.bins().div_ceil(chunk);
        let tiles = state.div_ceil(plan.poles);
        let by = empty(&self.dt, &[chunks, width, self.total()], DType::F64);
        poles::poles::launch(
            self.client(),
            CubeCount::Static((rows * tiles * chunks) as u32, 1, 1),
            CubeDim::new_1d(units as u32),
            buffer(weights, weights),
            buffer(&self.transform.turns, weights),
            buffer(nodes, weights),
            buffer(&by, &by),
            self.sizes(chunks, tiles),
            plan,
        );
        part_sums(by, chunks, &[width, self.total()], DType::F64)
    }

    fn forward(&self) -> CubeTensor {
        let spectrum = self.nodes(&self.weights(), None);
        self.transform.inverse(&spectrum, self.dt.dtype)
    }

    fn backward(&self, grad: CubeTensor) -> CauchyGradients<CubeBackend> {
        let weights = self.weights();
        let spectrum = self.transform.forward(&contiguous(grad));
        let nodes = self.nodes(&weights, Some(&spectrum));
        self.collect(&self.poles(&weights, &nodes))
    }

    /// Gradients of the parameters from those of the weights.
    fn collect(&self, by: &CubeTensor) -> CauchyGradients<CubeBackend> {
        let CauchyShape {
            rows,
            channels,
            state,
            rank,
            ..
        } = self.shape;
        let dtype = self.dt.dtype;
        let pair = |dims: &[usize], dtype| [0, 1].map(|_| empty(&self.dt, dims, dtype));
        let sets = rows / channels;
        let dlambda = pair(&[rows, state], DType::F64);
        let dp = pair(&[sets, rank, channels, state], DType::F64);
        let (b, c) = (pair(&[rows, state], dtype), pair(&[rows, state], dtype));
        let ddt = empty(&self.dt, &[rows, state], DType::F64);
        let (count, dim) = grid(&self.dt, self.total());
        let [lambda_re, lambda_im, p_re, p_im, b_re, b_im, c_re, c_im, dt] = self.parameters();
        system::gradients::launch(
            self.client(),
            count,
            dim,
            lambda_re,
            lambda_im,
            p_re,
            p_im,
            b_re,
            b_im,
            c_re,
            c_im,
            dt,
            buffer(by, by),
            buffer(&dlambda[0], by),
            buffer(&dlambda[1], by),
            buffer(&dp[0], by),
            buffer(&dp[1], by),
            buffer(&b[0], by),
            buffer(&b[1], by),
            buffer(&c[0], by),
            buffer(&c[1], by),
            buffer(&ddt, by),
            self.sizes(1, 1),
            rank,
            element(dtype),
        );
        let poles = [channels, state];
        let ddt = part_sums(ddt, sets, &poles, DType::F64);
        CauchyGradients {
            lambda: dlambda.map(|parts| part_sums(parts, sets, &poles, dtype)),
            p: dp.map(|parts| part_sums(parts, sets, &[rank, channels, state], dtype)),
            b,
            c,
            dt: row_sums(ddt, dtype),
        }
    }
}

/// Gradients where nothing depends on anything.
fn no_gradients(like: &CubeTensor, shape: CauchyShape) -> CauchyGradients<CubeBackend> {
    let CauchyShape {
        rows,
        channels,
        state,
        rank,
        ..
    } = shape;
    let pair = |dims: &[usize]| [0, 1].map(|_| zeros(like, dims, like.dtype));
    CauchyGradients {
        lambda: pair(&[channels, state]),
        p: pair(&[rank, channels, state]),
        b: pair(&[rows, state]),
        c: pair(&[rows, state]),
        dt: zeros(like, &[channels], like.dtype),
    }
}

/// Whether there is nothing to compute.
fn is_empty(shape: CauchyShape) -> bool {
    shape.rows * shape.len * shape.state == 0
}

impl CauchyOps for CubeBackend {
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
        if is_empty(shape) {
            return zeros(&dt, &[shape.rows, shape.len], dt.dtype);
        }
        let saved = CauchySaved::<Self> {
            lambda: [lambda_re, lambda_im],
            p: [p_re, p_im],
            b: [b_re, b_im],
            c: [c_re, c_im],
            dt,
            shape,
        };
        Call::new(saved).forward()
    }
}

impl CauchyBackward for CubeBackend {
    fn cauchy_backward(saved: CauchySaved<Self>, grad: FloatTensor<Self>) -> CauchyGradients<Self> {
        if is_empty(saved.shape) {
            return no_gradients(&saved.dt, saved.shape);
        }
        Call::new(saved).backward(grad)
    }
}
