//! CubeCL body: nodes and poles in f64, and a transform of two passes.
//!
//! Compute-bound in f64. Per row, pole and node (half as many as positions) forward makes about 20 +
//! 4 (rank + 1)^2 multiply-adds, backward that and 40 + 16 (rank + 1)^2; a transform of len = a b makes
//! 2 (a + b) per row and position. At 256 rows of 32 pole pairs, rank 1, that is 0.3 G and 1.1 G at
//! 2,048 positions and 2.4 G and 9 G at 16,384, besides 0.1 G and 2.1 G per transform: 0.02 to 0.7 ms at 17 T/s.

#![allow(clippy::too_many_arguments)] // a kernel has one argument per tensor

mod launch;
mod nodes;
mod passes;
mod poles;
mod system;
mod transform;

use super::CauchyShape;
use super::ops::{CauchyBackward, CauchyGradients, CauchyOps, CauchySaved};
use crate::complex::ComplexPrimitive;
use crate::cube::{buffer, contiguous, zeros};
use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use system::SizesLaunch;
use transform::Transform;

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
            lambda: saved.lambda.parts().map(contiguous),
            p: saved.p.parts().map(contiguous),
            b: saved.b.parts().map(contiguous),
            c: saved.c.parts().map(contiguous),
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
    let pair =
        |dims: &[usize]| ComplexPrimitive::new([0, 1].map(|_| zeros(like, dims, like.dtype)));
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
            lambda: ComplexPrimitive::new([lambda_re, lambda_im]),
            p: ComplexPrimitive::new([p_re, p_im]),
            b: ComplexPrimitive::new([b_re, b_im]),
            c: ComplexPrimitive::new([c_re, c_im]),
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
