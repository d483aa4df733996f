//! Launching the kernels of one call.

use super::system::planes;
use super::{Call, TILE, UNITS, nodes, poles, system};
use crate::cauchy::CauchyShape;
use crate::cauchy::ops::CauchyGradients;
use crate::complex::ComplexPrimitive;
use crate::cube::{buffer, cube_units, element, empty, grid, part_sums, row_sums, unrolls};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

impl Call {
    /// [plane, row, state] in f64.
    pub(super) fn weights(&self) -> CubeTensor {
        let weights = empty(
            &self.dt,
            &[planes(self.shape.rank), self.total()],
            DType::F64,
        );
        let (count, dim) = grid(self.client(), self.total());
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
    pub(super) fn nodes(&self, weights: &CubeTensor, gradient: Option<&CubeTensor>) -> CubeTensor {
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
    pub(super) fn poles(&self, weights: &CubeTensor, nodes: &CubeTensor) -> CubeTensor {
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

    /// Gradients of the parameters from those of the weights.
    pub(super) fn collect(&self, by: &CubeTensor) -> CauchyGradients<CubeBackend> {
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
        let (count, dim) = grid(self.client(), self.total());
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
        let (poles, columns) = ([channels, state], [rank, channels, state]);
        let ddt = part_sums(ddt, sets, &poles, DType::F64);
        CauchyGradients {
            lambda: ComplexPrimitive::new(dlambda.map(|it| part_sums(it, sets, &poles, dtype))),
            p: ComplexPrimitive::new(dp.map(|it| part_sums(it, sets, &columns, dtype))),
            b: ComplexPrimitive::new(b),
            c: ComplexPrimitive::new(c),
            dt: row_sums(ddt, dtype),
        }
    }
}
